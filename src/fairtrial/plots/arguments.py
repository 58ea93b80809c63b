"""What users give to charts, checked in one place."""

import functools
import inspect
from collections.abc import Callable, Collection
from numbers import Integral
from typing import Any

from fairtrial.errors import InputError, show_object
from fairtrial.results.results import Results


def check_arguments(draw: Callable[..., Any]) -> Callable[..., Any]:
    """Have a chart refuse arguments of another type than theirs, with an `InputError`."""
    signature = inspect.signature(draw)

    @functools.wraps(draw)
    def checked(*values: Any, **named: Any) -> Any:
        for name, value in signature.bind(*values, **named).arguments.items():
            is_default = value is None and signature.parameters[name].default is None
            is_right, rule = RULES[name]
            if not (is_default or is_right(value)):
                raise InputError(f"{name} = {show_object(value)}: give {rule}.")
        return draw(*values, **named)

    return checked


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_whole(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= 0


def _is_list(value: object) -> bool:
    return isinstance(value, Collection) and not _is_text(value) and all(map(_is_text, value))


RULES: dict[str, tuple[Callable[[object], bool], str]] = {
    "trial": (lambda value: isinstance(value, Results), "a trial, as Trial(folder) opens it"),
    "arm": (_is_text, "the name of an arm"),
    "arms": (_is_list, "a list of names of arms"),
    "claim": (_is_whole, "the number of a claim, from 1"),
    "metric": (_is_text, "the name of a metric"),
    "quantity": (_is_text, "the name of a quantity that curves show, such as 'loss'"),
    "seed": (_is_whole, "one of the seeds, a whole number from 0"),
    "singles": (lambda value: isinstance(value, bool), "True or False"),
}
"""For each argument of the charts: what is right, and what to give."""
