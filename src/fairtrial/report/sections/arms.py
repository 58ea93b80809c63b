"""The table of all arms: every metric over the seeds with its interval, and the outcomes."""

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from fairtrial.evidence.accuracy import measure_accuracies
from fairtrial.evidence.statistics.sampling import Sampling, sample_arm
from fairtrial.kinds.metrics.numbers import HELD_OUT, find_metric
from fairtrial.plots.appearance import show_metric
from fairtrial.plots.names import name_runs, title_arms
from fairtrial.plots.summaries import (
    describe_outcomes,
    drop_diverged,
    format_interval,
    summarise_metrics,
)
from fairtrial.plots.trials import find_unit
from fairtrial.report.blocks import Cell, Part, Rows, Table
from fairtrial.results.results import Results
from fairtrial.results.store import list_metrics

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
"""Columns of the table; those that the runs do not have, or that are all 0, are left out.

Metrics that the study adds to those of every run come before the last.
"""


def build_arms(trial: Results) -> Part:
    """Build the part."""
    samplings = {name: sample_arm(arm.task) for name, arm in trial.arms.items()}
    accuracies: dict[str, tuple[float, float]] = {}
    sound = drop_diverged(trial.runs)
    if "accuracy" in sound.columns and not (sound.is_empty() or trial.test_rows.is_empty()):
        measured = measure_accuracies(trial).select("arm", "low", "high")
        accuracies = {arm: (low, high) for arm, low, high in measured.iter_rows()}
    runs = name_runs(trial.runs)
    *titles, last = METRICS.items()
    known = {
        name: title
        for name, title in (*titles, *_list_added(runs), last)
        if name in runs.columns and (runs[name] != 0).any()
    }
    rows_of: dict[str, dict[str, Any]] = {}
    for row in summarise_metrics(runs, list(known)).to_dicts():
        rows_of.setdefault(row["arm"], {})[row["metric"]] = row
    outcomes = describe_outcomes(runs)
    rows = []
    for arm, title in title_arms(runs).items():
        own, sampling, accuracy = rows_of[arm], samplings[arm], accuracies.get(arm)
        cells = [_show_metric(own[name], sampling, accuracy) for name in known]
        rows.append([Cell(title), *cells, Cell(outcomes[arm], "text")])
    caption = _say_over(runs["seed"].n_unique(), samplings, bool(accuracies))
    caption += f"; outcome: how the runs ended, and at which {find_unit(runs)}"
    columns = ["arm", *known.values(), "outcome"]
    table = Table("arms", caption, columns, [Rows(rows)], sorts=True)
    return Part("Every arm", [table])


def _say_over(n_seeds: int, samplings: Mapping[str, Sampling], has_accuracies: bool) -> str:
    """Say what the means and their intervals are over."""
    if n_seeds == 1:
        return "One seed"
    over = (
        f"Mean over {n_seeds} seeds with the 95 % interval of the mean over the seeds (Student's t)"
    )
    if any(one.rows == "split" for one in samplings.values()):
        return f"{over}, corrected for the rows that all splits share (Nadeau and Bengio)"
    if has_accuracies:
        return f"{over}; that of the test accuracy is over seeds and test rows"
    return over


def _list_added(runs: pl.DataFrame) -> Iterator[tuple[str, str]]:
    """List the metrics that the study adds, on the test rows: name and title."""
    for name in list_metrics(runs):
        found = find_metric(name)
        if found and not found.by_default and not name.startswith(HELD_OUT):
            yield name, show_metric(name)


def _show_metric(
    row: Mapping[str, Any], sampling: Sampling, accuracy: tuple[float, float] | None
) -> Cell:
    mean, low, high = row["mean"], None, None
    if row["metric"] == "accuracy" and accuracy and row["n_seeds"] > 1:
        low, high = accuracy
    elif mean is not None and row["sd"] is not None and row["n"] > 1:
        # How long a run takes does not depend on which rows it is tested with.
        one = Sampling() if row["metric"] == "seconds" else sampling
        low, high = one.measure_mean(mean, row["sd"] ** 2, row["n"]).tests.find_interval()
    text = format_interval(mean, low, high)
    if row["n"] < row["n_seeds"]:
        text += f" ({row['n']} of {row['n_seeds']} runs)"
    return Cell(text, value=mean)
