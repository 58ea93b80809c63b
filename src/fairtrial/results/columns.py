"""The columns of `runs.parquet`: those of every run, settings, and metrics."""

from __future__ import annotations

import polars as pl

from fairtrial.kinds.metrics.numbers import find_metric

# Beside an arm's name: the hand-picked entry that it belongs to, and what a grid varies.
ENTRY, VARIED = "entry", "varied"
# The fingerprint of a run's data.
DATA = "data_sha256"
IDENTITY, ENDS = ("run", "arm", ENTRY, VARIED, "seed"), ("outcome", "ended_at", "seconds")


def list_settings(runs: pl.DataFrame) -> list[str]:
    """List the columns with settings of task and recipe, and that of the data's fingerprint."""
    others = {*IDENTITY, *ENDS, *list_metrics(runs)}
    return [name for name in runs.columns if name not in others]


def list_metrics(runs: pl.DataFrame) -> list[str]:
    """List the columns with metrics."""
    return [name for name in runs.columns if name not in ENDS and find_metric(name)]
