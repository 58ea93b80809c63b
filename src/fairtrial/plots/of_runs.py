"""Charts of the runs of a trial: their training and their final metrics."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from fairtrial.errors import InputError
from fairtrial.evidence.accuracy import measure_accuracies
from fairtrial.plots.charts import curves as curve_charts
from fairtrial.plots.charts import runs as run_charts
from fairtrial.plots.charts.appearance import N_LOOKS, Looks, assign_looks, capitalise, show_metric
from fairtrial.plots.charts.layout import Chart
from fairtrial.plots.names import TITLE, join_parts, list_parts, name_runs, title_arms
from fairtrial.plots.remember import remember
from fairtrial.plots.summaries import (
    OUTCOMES,
    RATE,
    Curves,
    drop_diverged,
    find_changes,
    list_single_curves,
    list_unique,
    split_curves,
    summarise_curves,
    summarise_rates,
)
from fairtrial.results.results import Results
from fairtrial.results.store import list_metrics

METRICS_TO_SHOW = ("parameter_error", "accuracy", "mse")
"""Default metrics; the first that the runs have is shown."""
MOST_SINGLE = 4_000
"""The most curves of single seeds in a chart."""


def name_series(trial: Results, arms: Sequence[str] | None = None) -> tuple[pl.DataFrame, Looks]:
    """Return the runs of some arms (all if None) with setting and series, and all looks.

    The look of a series does not depend on the arms that are shown. It is an error if there are no
    such arms.
    """
    runs, looks = _name_all(trial)
    if arms is None:
        return runs, looks
    shown = runs.filter(pl.col("arm").is_in(arms))
    if shown.is_empty():
        raise InputError(f"{trial.folder} has none of the arms {list(arms)}.")
    return shown, looks


@remember
def _name_all(trial: Results) -> tuple[pl.DataFrame, Looks]:
    runs = name_runs(trial.runs)
    return runs, assign_looks(list_unique(runs, "series"))


@remember
def read_curves(trial: Results, quantity: str) -> Curves:
    """Read the curves of a quantity, run by run."""
    return split_curves(trial.curves, quantity)


@remember
def list_quantities(trial: Results) -> list[str]:
    """List the quantities that a trial has curves of, in alphabetical order."""
    return trial.curves["quantity"].unique().sort().to_list()


def choose_metric(trial: Results, metric: str | None = None) -> str:
    """Return the named metric, or the runs' default metric; an error if the runs do not have it."""
    known = list_metrics(trial.runs)
    wanted = [metric] if metric else METRICS_TO_SHOW
    found = [name for name in wanted if name in known]
    if not found:
        raise InputError(f"{trial.folder} has no metric {wanted[0]}: it has {', '.join(known)}.")
    return found[0]


def find_unit(runs: pl.DataFrame) -> str:
    """Return the unit of the length of the runs, "step" or "epoch", or both."""
    units = [
        name.removesuffix("s")
        for name in ("steps", "epochs")
        if name in runs.columns and runs[name].is_not_null().any()
    ]
    return " or ".join(units) or "epoch"


def curves(
    trial: Results, quantity: str = "loss", arms: Sequence[str] | None = None, singles: bool = True
) -> Chart:
    """Draw a quantity during training: mean over the seeds, band from smallest to largest value.

    Parameters
    ----------
    trial : Results
        A results folder.
    quantity : str
        A quantity of `curves.parquet`, such as "loss", "parameter_error" or "accuracy".
    arms : sequence of str, optional
        The arms to draw; by default all.
    singles : bool
        Whether the reader can show the curve of each seed.

    Returns
    -------
    chart
        One panel per setting. Losses of different kinds have one panel per arm, each with its own
        axis, because they are different objectives. Diverged runs are left out.

    Raises
    ------
    InputError
        If no run has such a curve, or all of them diverged.
    """
    named, looks = name_series(trial, arms)
    runs = drop_diverged(named)
    found = read_curves(trial, quantity)
    bands = summarise_curves(found, runs)
    if bands.is_empty():
        known = ", ".join(list_quantities(trial))
        raise InputError(
            f"{trial.folder} has no curves of {quantity} to show: it has curves of {known}. "
            "Diverged runs are left out."
        )
    unlike = quantity == "loss" and runs["loss.kind"].n_unique() > 1
    single = None
    if singles and runs["seed"].n_unique() > 1 and runs.height <= MOST_SINGLE:
        single = list_single_curves(found, runs)
    if unlike and runs["setting"].n_unique() > 1:
        bands = bands.with_columns(setting=TITLE)
        single = None if single is None else single.with_columns(setting=TITLE)
    title = show_metric(quantity)
    of_one = bands["setting"].n_unique() == 1
    facet = "series" if of_one and (unlike or bands["series"].n_unique() > N_LOOKS) else "setting"
    return curve_charts.draw_curves(
        bands,
        looks,
        f"{capitalise(title)} at each {find_unit(runs)}, mean over the seeds.",
        facet=facet,
        y_title=title,
        x_title=find_unit(runs),
        singles=single,
        share_y=not unlike,
        log="accuracy" not in quantity,
        panels=4 if facet == "series" else 3,
    )


def learning_rates(trial: Results, arms: Sequence[str] | None = None) -> Chart | None:
    """Draw the learning rate of every run, for the settings in which it changes.

    Returns
    -------
    chart or None
        One panel per setting, with a dot at each change; None if no rate changes.
    """
    runs, looks = name_series(trial, arms)
    changes = find_changes(trial.curves, runs, "learning_rate")
    if changes.is_empty():
        return None
    unit = find_unit(runs)
    said = f"Learning rate of every run at each {unit}: one panel per setting, one line per run."
    return curve_charts.draw_learning_rates(changes, looks, said, unit)


def train_and_validation(
    trial: Results, metric: str = "accuracy", arms: Sequence[str] | None = None
) -> Chart:
    """Draw a metric on the training and on the validation rows at each epoch or step.

    Parameters
    ----------
    trial : Results
        A results folder of runs by epochs, or with validation rows, or with classes.
    metric : str
        "accuracy" or "cross_entropy"; for numbers "mse" or "mae".
    arms : sequence of str, optional
        The arms to draw; by default all.

    Raises
    ------
    InputError
        If the runs have no such curves.
    """
    runs, looks = name_series(trial, arms)
    noted = list(read_curves(trial, f"train_{metric}"))
    runs = runs.filter(pl.col("run").is_in(noted))
    if runs["setting"].n_unique() > 1:
        runs = runs.with_columns(series=TITLE, of=pl.col("series"), setting=pl.lit(""))
        looks = {name: looks[of] for name, of in runs.select("series", "of").iter_rows()}
    parts = [
        summarise_curves(read_curves(trial, f"{rows}_{metric}"), runs).with_columns(
            rows=pl.lit(rows)
        )
        for rows in ("train", "validation")
    ]
    found = [part for part in parts if not part.is_empty()]
    if not found:
        raise InputError(f"{trial.folder} has no curves of {metric} on training rows.")
    title, unit = show_metric(metric), find_unit(runs)
    return curve_charts.draw_shares(
        pl.concat(found),
        looks,
        f"Training and validation {title} at each {unit}, one panel per arm.",
        y_title=title,
        x_title=unit,
    )


def accuracy_against_time(trial: Results) -> Chart:
    """Draw the test accuracy of each arm, with its 95 % interval, against the time of one run.

    Raises
    ------
    InputError
        If the task has no classes.
    """
    points = measure_accuracies(trial)
    named, _ = name_series(trial)
    points = points.with_columns(name=pl.col("arm").replace_strict(title_arms(named)))
    best = points.row(0, named=True)
    return run_charts.draw_race(
        points,
        f"Test accuracy against seconds per run: {best['name']} is the most accurate, "
        f"{best['accuracy']:.1%}.",
    )


def outcomes(trial: Results, arms: Sequence[str] | None = None) -> Chart:
    """Draw how each run ended, and at which step or epoch."""
    runs, _ = name_series(trial, arms)
    length = pl.coalesce([name for name in ("steps", "epochs") if name in runs.columns])
    runs = runs.filter(length.is_not_null()).with_columns(
        pl.col("outcome").replace(OUTCOMES), arm=TITLE
    )
    counts = runs["outcome"].value_counts(sort=True).iter_rows()
    said = ", ".join(f"{count} {outcome}" for outcome, count in counts)
    return run_charts.draw_outcomes(
        runs, find_unit(runs), f"How each run ended, one row per arm: {said}."
    )


def final_values(
    trial: Results, metric: str | None = None, arms: Sequence[str] | None = None
) -> Chart:
    """Draw a metric at the end of every run, and the mean of each arm.

    Diverged runs are left out.

    Parameters
    ----------
    trial : Results
        A results folder.
    metric : str, optional
        A metric of `runs.parquet`; by default the first of parameter error, accuracy and MSE.
    arms : sequence of str, optional
        The arms to draw; by default all.

    Raises
    ------
    InputError
        If the runs have no such metric.
    """
    named, looks = name_series(trial, arms)
    runs, metric = drop_diverged(named), choose_metric(trial, metric)
    title = show_metric(metric)
    log = _is_on_log_scale(runs, metric)
    return run_charts.draw_final_values(
        runs,
        metric,
        f"{title}, log scale" if log else title,
        looks,
        f"{capitalise(title)} at the end of every run, one row per setting, one mark per series.",
        log=log,
    )


def _is_on_log_scale(runs: pl.DataFrame, metric: str) -> bool:
    """Say whether a metric has a log scale: errors that are nowhere 0."""
    is_error = metric in ("parameter_error", "mse", "excess_risk")
    return is_error and not (runs[metric] <= 0).any()


def sensitivity(trial: Results, metric: str | None = None) -> Chart | None:
    """Draw a metric against the learning rate, for arms that differ only in their learning rate.

    Returns
    -------
    chart or None
        None if there are no such arms.

    Raises
    ------
    InputError
        If the runs have no such metric.
    """
    runs, looks = name_series(trial)
    metric = choose_metric(trial, metric)
    names = {
        arm: join_parts({name: part for name, part in parts.items() if name != RATE})
        for arm, parts in list_parts(trial.runs).items()
    }
    points = summarise_rates(runs, metric, names) if RATE in runs.columns else pl.DataFrame()
    if points.is_empty():
        return None
    title = show_metric(metric)
    return run_charts.draw_sensitivity(
        points,
        title,
        assign_looks(list_unique(points, "series"), looks),
        f"{capitalise(title)} against the learning rate, mean over the seeds; vertical lines "
        "from the smallest to the largest value.",
        log=_is_on_log_scale(runs, metric),
    )
