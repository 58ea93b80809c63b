"""What the signature and the docstring of a kind's function say: its settings."""

import inspect
import re
from collections.abc import Callable
from types import FrameType, NoneType, UnionType
from typing import Annotated, Any, Literal, Optional, Union, get_args, get_origin

from pydantic import Field
from pydantic.fields import FieldInfo

from fairtrial.errors import InputError
from fairtrial.settings.base import Number

PREFIX = "fairtrial_plugin_"
"""What the names of the modules begin with that files of kinds are imported as."""
# What a plain annotation of Python's means: training is in float32.
PLAIN: dict[Any, Any] = {float: Number, float | None: Optional[Number]}  # noqa: UP045
POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def locate_function(function: Any) -> str:
    """Name a function by its file and line, as errors do; another object by its decorator's."""
    code = getattr(function, "__code__", None)
    if code is None:
        frame = _find_caller()
        return f"{frame.f_code.co_filename}, line {frame.f_lineno}" if frame else repr(function)
    return f"{code.co_filename}, line {code.co_firstlineno}"


def refuse(function: Any, reason: str) -> InputError:
    """Make the error that says what is wrong with a kind's function, and where it is."""
    name = getattr(function, "__name__", "")
    return InputError(f"{locate_function(function)}: {name and f'{name}: '}{reason}.")


def check_function(function: Any) -> None:
    """Refuse what is no function with a name, and in a file of kinds a function of another one."""
    if not inspect.isfunction(function):
        what = "a class" if isinstance(function, type) else f"of type {type(function).__name__}"
        reason = f"a kind is a function, and what is decorated is {what}"
        raise refuse(function, f"{reason}: write a function with def that calls it")
    if not function.__name__.isidentifier():
        raise refuse(function, "a kind has the name of its function: write one with def")
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise refuse(function, "a kind is called without await: write def in place of async def")
    if inspect.isgeneratorfunction(function):
        raise refuse(function, "a kind returns its value: write return in place of yield")
    frame = _find_caller()
    module = frame.f_globals.get("__name__", "") if frame else ""
    if frame and module.startswith(PREFIX) and function.__module__ != module:
        raise InputError(
            f"{frame.f_code.co_filename}, line {frame.f_lineno}: {function.__name__}: it is a "
            f"function of the module {function.__module__}, whose source is not here: write a "
            "function in this file that calls it."
        )


def _find_caller() -> FrameType | None:
    """Find the code that a user wrote and that is running; None where there is none."""
    frame = inspect.currentframe()
    own = __name__.partition(".")[0]
    while frame and str(frame.f_globals.get("__name__")).partition(".")[0] == own:
        frame = frame.f_back
    return frame


def read_fields(function: Callable[..., Any], data: tuple[str, ...]) -> dict[str, Any]:
    """Read the settings of a kind from its function, for `pydantic.create_model`.

    Raises `InputError` if its arguments are not the data of the family and settings with a type or
    a default, or if its annotations cannot be read.
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
    if hidden := [one.name for one in settings if one.name.startswith("_")]:
        raise refuse(function, f"its setting {hidden[0]} begins with an underscore: rename it")
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
    """Say whether settings of this type are numbers: data of a program, and no part of it."""
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
    """Return what a numpydoc docstring says before its first section."""
    return re.split(r"\n+\w[\w ]*\n---+\n", inspect.cleandoc(text) + "\n")[0].strip()


def describe_parameters(text: str) -> dict[str, str]:
    """Return what the section Parameters of a numpydoc docstring says of each parameter."""
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
