"""What one should know of a table that can be used."""

import json
from collections.abc import Iterator

import polars as pl

from fairtrial.data.tables.columns import list_features
from fairtrial.kinds.data.datasets import TaskSettings


def find_notes(task: TaskSettings, frame: pl.DataFrame) -> Iterator[str]:
    """Yield a sentence for each column that may be no feature, but only tells rows apart."""
    for name in list_features(task, frame.columns):
        column, advice = frame[name], f"leave it out with exclude = [{json.dumps(name)}]"
        if name in task.categorical:
            if column.n_unique() == frame.height:
                yield (
                    f"Column {name!r} has another category in every row, so that none is both "
                    f"trained and tested: {advice}."
                )
        elif _counts_rows(column):
            yield f"Column {name!r} counts the rows: {advice} if it is only a number of the row."


def _counts_rows(column: pl.Series) -> bool:
    """Say whether a column of numbers goes up by 1 from row to row."""
    is_full = column.dtype.is_numeric() and not column.null_count()
    return is_full and bool((column.cast(pl.Float64).diff().drop_nulls() == 1.0).all())
