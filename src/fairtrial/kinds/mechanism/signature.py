"""What the signature and the docstring of a kind's function say: its settings."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Optional, Union, get_args, get_origin

from pydantic import Field
from pydantic.fields import FieldInfo

from fairtrial.errors import InputError
from fairtrial.settings.base import Number

# What a plain annotation of Python's means: training is in float32.
PLAIN: dict[Any, Any] = {float: Number, float | None: Optional[Number]}  # noqa: UP045
POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def locate_function(function: Callable[..., Any]) -> str:
    """Name a function by its file and line, as errors do."""
    code = getattr(function, "__code__", None)
    return f"{code.co_filename}, line {code.co_firstlineno}" if code else repr(function)


def refuse(function: Callable[..., Any], reason: str) -> InputError:
    """Make the error that says what is wrong with a kind's function, and where it is."""
    return InputError(f"{locate_function(function)}: {function.__name__}: {reason}.")


def read_fields(function: Callable[..., Any], data: tuple[str, ...]) -> dict[str, Any]:
    """Read the settings of a kind from its function, for `pydantic.create_model`.

    Positional arguments are the data, by the names of the family; keyword-only ones are settings.
    Raises `InputError` if the signature is not one of the family's.
    """
    try:
        parameters = inspect.signature(function, eval_str=True).parameters.values()
    except (NameError, TypeError, ValueError, SyntaxError) as error:
        raise refuse(function, f"its annotations cannot be read ({error})") from None
    found = tuple(one.name for one in parameters if one.kind in POSITIONAL)
    settings = [one for one in parameters if one.kind is inspect.Parameter.KEYWORD_ONLY]
    if found != data or len(data) + len(settings) != len(parameters):
        form = f"({', '.join((*data, '*', 'setting=default'))})"
        raise refuse(
            function,
            f"its arguments must be {' and '.join(data) or 'settings only'}, then its settings "
            f"after a star, as in {form}",
        )
    if any(one.name == "kind" for one in settings):
        raise refuse(function, "kind cannot be a setting, because it names the function: rename it")
    meanings = describe_parameters(function.__doc__ or "")
    return {one.name: _read_field(function, one, meanings.get(one.name)) for one in settings}


def _read_field(
    function: Callable[..., Any], parameter: inspect.Parameter, meaning: str | None
) -> tuple[Any, FieldInfo]:
    empty = inspect.Parameter.empty
    annotation, default = parameter.annotation, parameter.default
    if annotation is empty:
        if default is empty:
            raise refuse(
                function, f"its setting {parameter.name} needs a type or a default, as in 1.0"
            )
        annotation = type(default)
    default = ... if default is empty else default
    return PLAIN.get(annotation, annotation), Field(default, description=meaning)


def is_number(annotation: Any) -> bool:
    """Say whether settings of this type are numbers: data of a program, and no part of it.

    Examples
    --------
    >>> is_number(float), is_number(int | None), is_number(bool), is_number(Literal["a", "b"])
    (True, True, False, False)
    """
    if get_origin(annotation) is Annotated:
        return is_number(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return all(is_number(each) for each in get_args(annotation) if each is not NoneType)
    return annotation in (int, float)


def is_word(annotation: Any) -> bool:
    """Say whether a setting is a bool or one of a few words: a part of a compiled program."""
    if get_origin(annotation) is Annotated:
        return is_word(get_args(annotation)[0])
    return annotation is bool or get_origin(annotation) is Literal


def describe(text: str) -> str:
    r"""Return what a numpydoc docstring says before its first section.

    Examples
    --------
    >>> describe("Huber's loss.\n\n    Linear beyond `delta`.\n\n    Notes\n    -----\n    x")
    "Huber's loss.\n\nLinear beyond `delta`."
    """
    return re.split(r"\n+\w[\w ]*\n---+\n", inspect.cleandoc(text) + "\n")[0].strip()


def describe_parameters(text: str) -> dict[str, str]:
    """Return what the section Parameters of a numpydoc docstring says of each parameter.

    Examples
    --------
    >>> describe_parameters('''A loss.
    ...
    ... Parameters
    ... ----------
    ... delta : float
    ...     Where it turns linear,
    ...     in target units.
    ... ''')
    {'delta': 'Where it turns linear, in target units.'}
    """
    found = re.search(
        r"(?:^|\n)Parameters\n---+\n(.*?)(?=\n+\w[\w ]*\n---+\n|\Z)", inspect.cleandoc(text), re.S
    )
    entries = re.split(r"\n(?=\S)", found[1]) if found else []
    meanings: dict[str, str] = {}
    for entry in entries:
        head, _, body = entry.partition("\n")
        if body.strip():
            names = head.partition(":")[0].split(",")
            meanings |= {name.strip(): " ".join(body.split()) for name in names}
    return meanings
