"""Errors in the functions of kinds from outside: where they arise, and what they say."""

import re
import traceback
from collections.abc import Callable, Iterable
from typing import Any

from fairtrial.kinds.mechanism.signature import locate_function

# What the errors say that functions of tensors meet most often.
BRANCH = "OperatorNotAllowedInGraphError"
SEVERAL = "truth value of an array"
ARRAY = re.compile("symbolic.* to a numpy array")
LONGEST = 200


class ResultError(TypeError):
    """What a function returns is no result of its family; the message goes on from "a"."""


def find_line(error: BaseException, functions: Iterable[Callable[..., Any]]) -> str:
    """Find where an error arose in the files of functions: "FILE, line N", or ""."""
    files = {one.__code__.co_filename for one in functions}
    lines = [
        *re.findall(r'File "(.*)", line (\d+)', str(error)),
        *((one.filename, one.lineno) for one in traceback.extract_tb(error.__traceback__)),
    ]
    own = [f"{file}, line {line}" for file, line in lines if file in files]
    return own[-1] if own else ""


def locate_failure(error: BaseException, function: Callable[..., Any]) -> str:
    """Name the line of a function's file where an error arose, or else the function's own line."""
    return find_line(error, [function]) or locate_function(function)


def describe_failure(error: BaseException) -> str:
    """Say an error in one line without a point at its end: its type, its reason, what to do."""
    text = str(error).strip()
    if SEVERAL in text:
        return (
            "a Python if, while, and, or, not on an array of several numbers: use tf.where, or "
            "np.where for NumPy's"
        )
    if BRANCH in f"{type(error).__name__}: {text}":
        return (
            "a Python if, for, while, and, or, not on a tensor, which cannot be compiled: "
            "use tf.where, tf.cond or tf.while_loop"
        )
    errors = re.findall(r"^\s*(\w*(?:Error|Exception):.*)", text, re.M)
    kind = type(error).__name__
    reason = errors[-1] if errors else f"{kind}: {' '.join(text.split())}"
    reason = reason.removeprefix("ResultError: ")
    if len(reason) > LONGEST:
        reason = reason.partition(". ")[0][: 2 * LONGEST]
    return reason.strip().rstrip(".: ") + ("; compute with tf" if ARRAY.search(text) else "")


def check_tensor(value: Any, shape: Any, like: Any) -> Any:
    """Return a tensor that has this shape and the type of `like`, or raise `ResultError`.

    An axis of the shape that is None may have any length.
    """
    if not hasattr(value, "graph") and not hasattr(value, "numpy"):
        found = "a NumPy array" if type(value).__module__ == "numpy" else type(value).__name__
        raise ResultError(
            f"a wrong result: it returns {found}, and must return a tensor; compute with tf"
        )
    if value.dtype != like.dtype:
        raise ResultError(
            f"a wrong result: it returns {value.dtype.name} numbers for "
            f"{like.dtype.name} numbers, and must keep their type"
        )
    found, asked = (tuple(one) for one in (value.shape, shape))
    if len(found) != len(asked) or any(
        None not in pair and pair[0] != pair[1] for pair in zip(found, asked, strict=True)
    ):
        raise ResultError(
            f"a wrong result: it returns the shape {found} where {asked} is asked for"
        )
    return value
