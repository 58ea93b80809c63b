"""The table of all arms: every metric over the seeds with its interval, and the outcomes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl
from scipy.stats import t

from fairtrial.plots.names import name_runs
from fairtrial.plots.of_runs import find_unit
from fairtrial.plots.summaries import describe_outcomes, format_interval, summarise_metrics
from fairtrial.report.blocks import Cell, Part, Rows, Table
from fairtrial.trial.trial import Trial

METRICS = {
    "parameter_error": "parameter error",
    "accuracy": "test accuracy",
    "validation_accuracy": "validation accuracy",
    "train_accuracy": "training accuracy",
    "generalization_gap": "generalization gap",
    "final_minus_best": "final minus best",
    "cross_entropy": "test cross-entropy",
    "expected_calibration_error": "calibration error",
    "mse": "test MSE",
    "mae": "test MAE",
    "r2": "test R²",
    "steps_to_tolerance": "steps to tolerance",
    "n_rate_halvings": "rate halvings",
    "first_rate_halving": "first halving",
    "early_fluctuation": "early fluctuation",
    "late_fluctuation": "late fluctuation",
    "early_loss_fluctuation": "early loss fluctuation",
    "late_loss_fluctuation": "late loss fluctuation",
    "seconds": "seconds",
}
"""Columns of the table; those that the runs do not have, or that are all 0, are left out."""


def build_arms(trial: Trial) -> Part:
    """Build the part."""
    return Part("Every arm", [build_arm_table(trial.runs)])


def build_arm_table(runs: pl.DataFrame) -> Table:
    """Build the table.

    Parameters
    ----------
    runs : table
        `runs.parquet`.
    """
    runs = name_runs(runs)
    known = {
        name: title
        for name, title in METRICS.items()
        if name in runs.columns and (runs[name] != 0).any()
    }
    rows_of: dict[str, dict[str, Any]] = {}
    for row in summarise_metrics(runs, list(known)).to_dicts():
        rows_of.setdefault(row["arm"], {})[row["metric"]] = row
    outcomes = describe_outcomes(runs)
    arms = runs.select("arm", "setting", "series").unique(maintain_order=True)
    rows = [
        [
            Cell(" · ".join(filter(None, (setting, series)))),
            *(_show_metric(rows_of[arm][name]) for name in known),
            Cell(outcomes[arm], "text"),
        ]
        for arm, setting, series in arms.iter_rows()
    ]
    n_seeds = runs["seed"].n_unique()
    over = (
        "One seed"
        if n_seeds == 1
        else f"Mean over {n_seeds} seeds with the 95 % interval of the mean (Student's t)"
    )
    caption = f"{over}; outcome: how the runs ended, and at which {find_unit(runs)}"
    columns = ["arm", *known.values(), "outcome"]
    return Table("arms", caption, columns, [Rows(rows)], sorts=True)


def _show_metric(row: Mapping[str, Any]) -> Cell:
    mean, low, high = row["mean"], *find_interval(row["mean"], row["sd"], row["n"])
    text = format_interval(mean, low, high)
    if row["n"] != row["n_seeds"]:
        text += f" ({row['n']} of {row['n_seeds']} runs)"
    return Cell(text, value=mean)


def find_interval(
    mean: float | None, sd: float | None, n: int
) -> tuple[float | None, float | None]:
    """Find the 95 % interval of a mean by Student's t; none with fewer than two values.

    Examples
    --------
    >>> [round(end, 4) for end in find_interval(1.0, 0.5, 4)]
    [0.2044, 1.7956]
    """
    if mean is None or sd is None or n < 2:
        return None, None
    half = float(t.ppf(0.975, n - 1)) * sd / n**0.5
    return mean - half, mean + half
