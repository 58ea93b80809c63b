"""The laws of data sets: rows that can be trained on, the same wherever they are made again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from fairtrial.data.dataset import Dataset
from fairtrial.data.sources import call, load_rows, measure_rows
from fairtrial.errors import InputError, MachineError
from fairtrial.kinds.data.datasets import Content, DataSet, TaskSettings
from fairtrial.laws.examples import make_example

FEW_ROWS = {"rows": 200, "test_rows": 100}


def find_breaches(kind: DataSet[...]) -> Iterator[str]:
    """Yield what breaks the laws of a data set."""
    fields = kind.settings.model_fields
    if "path" in fields and fields["path"].is_required():
        return  # The rows are known where a study names a file, and checked there.
    task = make_example(kind)
    if kind.rows == "drawn":
        task = task.model_copy(update=FEW_ROWS)
    try:
        one = load_rows(task, 3, None)
        found = task.known_shape, measure_rows(task)
    except InputError as error:  # It names the function and the line.
        yield str(error).partition(f"{kind.name}: ")[2].rstrip(".") or str(error).rstrip(".")
        return
    except MachineError:  # What is not on this machine cannot be checked on it.
        return
    if found[0] not in (None, found[1]):
        yield f"its shape says {tuple(found[0])}, and its rows are {tuple(found[1])}"
    yield from _compare(task, one)
    if task.has_classes and len(np.unique(one.y)) < 2:
        yield "its training rows are all of one class"


def _compare(task: TaskSettings, one: Dataset) -> Iterator[str]:
    """Yield a sentence where rows differ that must not, or do not differ and must."""
    if task.row_origin != "drawn":
        first, second = (_list_arrays(call(task)) for _ in range(2))
        if not _are_equal(first, second):
            yield (
                "it returns other rows when it is called again: draw with a seed, or declare "
                "rows='drawn'"
            )
        return
    same, other = (load_rows(task, seed, None) for seed in (3, 4))
    if not _are_equal([one.X, one.y, one.test_X], [same.X, same.y, same.test_X]):
        yield "it draws other rows when it is called again: draw from the stream alone"
    if np.array_equal(one.X, other.X) and np.array_equal(one.y, other.y):
        yield "it draws the same rows for two seeds: draw from the stream, or declare rows='fixed'"
    if np.array_equal(one.X[:100], one.test_X) and np.array_equal(one.y[:100], one.test_y):
        yield "its test rows are its training rows"


def _list_arrays(found: Any) -> list[Any]:
    return [found.X, found.y] if isinstance(found, Content) else list(found)


def _are_equal(one: list[Any], other: list[Any]) -> bool:
    return all(np.array_equal(*pair) for pair in zip(one, other, strict=True))
