"""What the columns of `runs.parquet` are: settings, metrics, and which settings vary."""

from __future__ import annotations

import json

import polars as pl

# What a run's curves and its metrics are called outside; both may have a `validation_accuracy`.
CURVE, METRIC = "curves/", "scoreboard/"


def list_settings(runs: pl.DataFrame) -> list[str]:
    """List the columns that are settings of task and recipe."""
    return runs.columns[runs.columns.index("seed") + 1 : runs.columns.index("outcome")]


def list_metrics(runs: pl.DataFrame) -> list[str]:
    """List the columns that are metrics of the scoreboard."""
    return runs.columns[runs.columns.index("seconds") + 1 :]


def list_varied(runs: pl.DataFrame) -> list[str]:
    """List the settings that are not the same in all rows; to have none is a value too.

    Parameters
    ----------
    runs : DataFrame
        `runs.parquet` without nested columns.

    Examples
    --------
    >>> list_varied(pl.DataFrame({
    ...     "seed": [0, 0], "steps": [9, 9], "loss.delta": [None, 1.0], "outcome": ["completed"] * 2
    ... }))
    ['loss.delta']
    """
    return [name for name in list_settings(runs) if runs[name].n_unique() > 1]


def flatten_lists(frame: pl.DataFrame) -> pl.DataFrame:
    """Write lists as JSON, which is unambiguous text.

    Examples
    --------
    >>> flatten_lists(pl.DataFrame({"task.exclude": [["id", "Größe"], []]})).rows()
    [('["id", "Größe"]',), ('[]',)]
    """
    return frame.with_columns(
        pl.Series(name, [_to_json(value) for value in frame[name].to_list()], pl.String)
        for name, kind in frame.schema.items()
        if kind.is_nested()
    )


def _to_json(value: object) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False)
