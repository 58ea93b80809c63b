"""The columns of `runs.parquet` in exports: the settings that differ, and lists as text."""

from __future__ import annotations

import json

import polars as pl

from fairtrial.results.store import list_settings

# Prefixes of curves and metrics in exports; both may have a `validation_accuracy`.
CURVE, METRIC = "curves/", "scoreboard/"


def list_varied(runs: pl.DataFrame) -> list[str]:
    """List the settings of `runs.parquet` that differ between rows; null counts as a value.

    Examples
    --------
    >>> list_varied(pl.DataFrame({
    ...     "seed": [0, 0], "steps": [9, 9], "loss.delta": [None, 1.0], "outcome": ["completed"] * 2
    ... }))
    ['loss.delta']
    """
    return [name for name in list_settings(runs) if runs[name].n_unique() > 1]


def flatten_lists(frame: pl.DataFrame) -> pl.DataFrame:
    """Replace lists by JSON text.

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
