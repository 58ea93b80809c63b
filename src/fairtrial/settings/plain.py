"""Python's values as those of a TOML file: one thing has one spelling, wherever it comes from."""

import io
import itertools
import math
import os
from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal
from enum import Enum
from numbers import Integral, Real
from typing import Any

from pydantic import BaseModel

from fairtrial.errors import FairtrialError, InputError, describe_object

MOST_NESTED = 50  # More than any setting; a list that holds itself is nested without an end.
MOST_LISTED = 1_000_000  # As many seeds as a study may have; some iterators never end.


def make_plain(value: Any, depth: int = 0) -> Any:
    """Make plain values of what Python programs have at hand: numbers, lists, texts and tables.

    All else stays as it is, and is checked as the values of a file are. Raises `InputError` if
    values are nested too deeply, an iterator does not end, or the methods of an object fail.
    """
    if value is None or type(value) in (str, int, float, bool) or isinstance(value, type):
        return value
    if isinstance(value, BaseModel):
        return dump_given(value)
    if depth > MOST_NESTED:
        raise InputError(f"The values are nested more than {MOST_NESTED} deep: write them flat.")
    if isinstance(value, Mapping):
        return {_make_key(key): make_plain(each, depth + 1) for key, each in value.items()}
    if isinstance(value, Enum):
        return make_plain(value.value, depth)
    if callable(to_plain := _read_attribute(value, "to_plain")):  # A kind, for its name.
        return to_plain()
    try:
        listed = _list_values(value)
    except FairtrialError:
        raise
    except Exception as error:  # Its own methods are called.
        raise InputError(
            f"{describe_object(value)} cannot be read ({type(error).__name__}: {error}): give "
            "numbers, texts, lists or tables."
        ) from error
    if not isinstance(listed, list):
        return listed
    return [make_plain(each, depth + 1) for each in listed]


def _make_key(key: Any) -> Any:
    """Make a plain name; one that is no text stays as it is, and is refused with its place."""
    plain = make_plain(key)
    return str(key) if isinstance(plain, list | dict) else plain


def _list_values(value: Any) -> Any:
    """Make a list, a number or a text of one thing; it stays as it is where it is none of them."""
    if str(_read_attribute(value, "dtype")).lower() == "float32":
        return _list_float32(value)
    for method in ("tolist", "to_list"):  # NumPy's and pandas', then Polars'.
        if callable(make := _read_attribute(value, method)):
            return make()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, str):  # A subclass prints as something else.
        return str(value)
    if isinstance(value, Real | Decimal):
        return int(value) if isinstance(value, Integral) else _make_float(value)
    if isinstance(value, set | frozenset):
        return sorted(value, key=repr)
    if isinstance(value, Iterator) and not isinstance(value, io.IOBase):
        return _list_iterated(value)
    is_text = isinstance(value, bytes | bytearray)
    return list(value) if isinstance(value, Collection) and not is_text else value


def _read_attribute(value: Any, name: str) -> Any:
    """Read an attribute of an object; None where it has none, or its own `__getattr__` fails."""
    try:
        return getattr(value, name, None)
    except Exception:
        return None


def _list_float32(value: Any) -> Any:
    """Make the shortest decimals: 0.1 in float32 is 0.1, not 0.10000000149011612."""
    import numpy as np

    return np.asarray(value, np.float32).astype(str).astype(float).tolist()


def _make_float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
    except ValueError:  # A NaN of `Decimal` that signals.
        return math.nan


def _list_iterated(values: Iterator[Any]) -> list[Any]:
    listed = list(itertools.islice(values, MOST_LISTED + 1))
    if len(listed) > MOST_LISTED:
        raise InputError(f"An iterator gives more than {MOST_LISTED:,} values: give a list.")
    return listed


def dump_given(settings: BaseModel) -> dict[str, Any]:
    """Dump what was given, and every kind: another kind must not inherit its defaults."""
    given: dict[str, Any] = {}
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, BaseModel):
            given[name] = dump_given(value)
        elif name == "kind" or (name in settings.model_fields_set and value is not None):
            is_models = isinstance(value, list) and value and isinstance(value[0], BaseModel)
            given[name] = [dump_given(each) for each in value] if is_models else value
    return given
