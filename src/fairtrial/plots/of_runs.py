"""From a trial to a chart of its runs: how they were trained, and where they ended."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from fairtrial.errors import InputError
from fairtrial.evidence.accuracy import measure_accuracies
from fairtrial.plots import curve_charts, run_charts
from fairtrial.plots.appearance import N_LOOKS, Looks, assign_looks, capitalise, show_metric
from fairtrial.plots.layout import Chart
from fairtrial.plots.names import name_runs
from fairtrial.plots.remember import remember
from fairtrial.plots.summaries import (
    OUTCOMES,
    Curves,
    drop_diverged,
    find_changes,
    list_single_curves,
    list_unique,
    split_curves,
    summarise_curves,
    summarise_rates,
)
from fairtrial.trial.trial import Trial

METRICS_TO_SHOW = ("parameter_error", "accuracy", "mse")
"""By which runs are shown where the caller names no metric: the first that they have."""
MOST_SINGLE = 4_000
"""Curves of single seeds that a chart may hold."""


def name_series(trial: Trial, arms: Sequence[str] | None = None) -> tuple[pl.DataFrame, Looks]:
    """Return the runs of some arms (all if None) with setting and series, and all looks.

    A series looks the same whichever arms are shown.

    Raises
    ------
    InputError
        If there are no such arms.
    """
    runs, looks = _name_all(trial)
    if arms is None:
        return runs, looks
    shown = runs.filter(pl.col("arm").is_in(arms))
    if shown.is_empty():
        raise InputError(f"{trial.folder} has none of the arms {list(arms)}.")
    return shown, looks


@remember
def _name_all(trial: Trial) -> tuple[pl.DataFrame, Looks]:
    runs = name_runs(trial.runs)
    return runs, assign_looks(list_unique(runs, "series"))


@remember
def read_curves(trial: Trial, quantity: str) -> Curves:
    """Read the curves of a quantity, run by run."""
    return split_curves(trial.curves, quantity)


@remember
def list_quantities(trial: Trial) -> list[str]:
    """List the quantities that a trial has curves of, in the order of the alphabet."""
    return trial.curves["quantity"].unique().sort().to_list()


def choose_metric(trial: Trial, metric: str | None = None) -> str:
    """Return a metric that the runs have: the one named, or the one that says most.

    Raises
    ------
    InputError
        If they do not have it.
    """
    known = trial.runs.columns[trial.runs.columns.index("seconds") + 1 :]
    wanted = [metric] if metric else METRICS_TO_SHOW
    found = [name for name in wanted if name in known]
    if not found:
        raise InputError(f"{wanted[0]} is no metric of {trial.folder}: {', '.join(known)} are.")
    return found[0]


def find_unit(runs: pl.DataFrame) -> str:
    """Return what runs count their length in, "step" or "epoch"."""
    in_steps = "steps" in runs.columns and runs["steps"].is_not_null().any()
    return "step" if in_steps else "epoch"


def curves(
    trial: Trial,
    quantity: str = "loss",
    arms: Sequence[str] | None = None,
    singles: bool = True,
) -> Chart:
    """Draw a quantity at each step (epoch): mean over the seeds, and the band that they span.

    Parameters
    ----------
    trial : Trial
        A results folder.
    quantity : str
        Of `curves.parquet`, such as "loss", "parameter_error" or "accuracy".
    arms : sequence of str, optional
        Which; all if absent.
    singles : bool
        Whether the reader can have each seed's curve shown.

    Returns
    -------
    chart
        A panel a setting; where losses differ, a panel an arm with its own axis: they are
        different objectives. Without runs that diverged.

    Raises
    ------
    InputError
        If no run has such a curve, or all of them diverged.
    """
    named, looks = name_series(trial, arms)
    runs = drop_diverged(named)
    found = read_curves(trial, quantity)
    bands = summarise_curves(found, runs, quantity)
    if bands.is_empty():
        known = ", ".join(list_quantities(trial))
        raise InputError(
            f"{trial.folder} has no curves of {quantity} to show: it has those of {known}, and "
            "those of runs that diverged are left out."
        )
    unlike = quantity == "loss" and runs["loss.kind"].n_unique() > 1
    single = None
    if singles and runs["seed"].n_unique() > 1 and runs.height <= MOST_SINGLE:
        single = list_single_curves(found, runs, quantity)
    if unlike and runs["setting"].n_unique() > 1:
        own = {"setting": run_charts.join_words(pl.col("setting"), pl.col("series"))}
        bands = bands.with_columns(**own)
        single = None if single is None else single.with_columns(**own)
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


def learning_rates(trial: Trial, arms: Sequence[str] | None = None) -> Chart | None:
    """Draw the learning rate of every run, a dot where it changes.

    Returns
    -------
    chart or None
        A panel for each setting whose rates change; None if none does.
    """
    runs, looks = name_series(trial, arms)
    changes = find_changes(trial.curves, runs, "learning_rate")
    if changes.is_empty():
        return None
    unit = find_unit(runs)
    said = f"Learning rate of every run at each {unit}: one panel per setting, one line per run."
    return curve_charts.draw_learning_rates(changes, looks, said, unit)


def train_and_validation(
    trial: Trial, metric: str = "accuracy", arms: Sequence[str] | None = None
) -> Chart:
    """Draw a metric on training and on validation rows after each epoch; the gap is what differs.

    Parameters
    ----------
    trial : Trial
        Of classes.
    metric : str
        "accuracy" or "cross_entropy".
    arms : sequence of str, optional
        Which; all if absent.

    Raises
    ------
    InputError
        If the runs have no such curves.
    """
    runs, looks = name_series(trial, arms)
    noted = list(read_curves(trial, f"train_{metric}"))
    runs = runs.filter(pl.col("run").is_in(noted))
    if runs["setting"].n_unique() > 1:
        own = run_charts.join_words(pl.col("setting"), pl.col("series"))
        runs = runs.with_columns(series=own, of=pl.col("series"), setting=pl.lit(""))
        looks = {name: looks[of] for name, of in runs.select("series", "of").iter_rows()}
    parts = [
        summarise_curves(read_curves(trial, name), runs, name).with_columns(rows=pl.lit(rows))
        for rows, name in ((rows, f"{rows}_{metric}") for rows in ("train", "validation"))
    ]
    found = [part for part in parts if not part.is_empty()]
    if not found:
        raise InputError(f"{trial.folder} has no curves of {metric} on training rows.")
    title = show_metric(metric)
    return curve_charts.draw_shares(
        pl.concat(found),
        looks,
        f"Training and validation {title} after each epoch, a panel an arm.",
        y_title=title,
    )


def accuracy_against_time(trial: Trial) -> Chart:
    """Draw the test accuracy of each arm, with its interval, against the time of a run.

    Raises
    ------
    InputError
        If the runs are not of classes.
    """
    points = measure_accuracies(trial)
    named, _ = name_series(trial)
    names = {
        arm: " · ".join(filter(None, (setting, series)))
        for arm, setting, series in named.select("arm", "setting", "series").unique().iter_rows()
    }
    points = points.with_columns(name=pl.col("arm").replace_strict(names))
    best = points.row(0, named=True)
    return run_charts.draw_race(
        points,
        f"Test accuracy against seconds a run: {best['name']} is the most accurate, "
        f"{best['accuracy']:.1%}.",
    )


def outcomes(trial: Trial, arms: Sequence[str] | None = None) -> Chart:
    """Draw where each run ended, and how: completed, stopped early, rate floor or diverged."""
    runs, _ = name_series(trial, arms)
    length = pl.coalesce([name for name in ("steps", "epochs") if name in runs.columns])
    runs = runs.filter(length.is_not_null()).with_columns(pl.col("outcome").replace(OUTCOMES))
    counts = runs["outcome"].value_counts(sort=True).iter_rows()
    said = ", ".join(f"{count} {outcome}" for outcome, count in counts)
    return run_charts.draw_outcomes(
        runs, find_unit(runs), f"Where each run ended, a row an arm: {said}."
    )


def final_values(
    trial: Trial, metric: str | None = None, arms: Sequence[str] | None = None
) -> Chart:
    """Draw a metric of every run that did not diverge, and the mean of each arm.

    Parameters
    ----------
    trial : Trial
        A results folder.
    metric : str, optional
        Of the scoreboard; the one that says most if absent.
    arms : sequence of str, optional
        Which; all if absent.

    Raises
    ------
    InputError
        If the runs have no such metric.
    """
    named, looks = name_series(trial, arms)
    runs, metric = drop_diverged(named), choose_metric(trial, metric)
    title = show_metric(metric)
    log = is_on_log_scale(runs, metric)
    return run_charts.draw_final_values(
        runs,
        metric,
        f"{title}, log scale" if log else title,
        looks,
        f"{capitalise(title)} at the end of every run, a row a setting, a mark a series.",
        log=log,
    )


def is_on_log_scale(runs: pl.DataFrame, metric: str) -> bool:
    """Say whether a metric shows best on a log scale: an error, and nowhere 0."""
    is_error = metric in ("parameter_error", "mse", "excess_risk")
    return is_error and not (runs[metric] <= 0).any()


def sensitivity(trial: Trial, metric: str | None = None) -> Chart | None:
    """Draw a metric against the learning rate, for arms that differ in it only.

    Returns
    -------
    chart or None
        None where no arms do.

    Raises
    ------
    InputError
        If the runs have no such metric.
    """
    runs, looks = name_series(trial)
    metric = choose_metric(trial, metric)
    points = summarise_rates(runs, metric)
    if points.is_empty():
        return None
    title = show_metric(metric)
    return run_charts.draw_sensitivity(
        points,
        title,
        assign_looks(list_unique(points, "series"), looks),
        f"{capitalise(title)} against the learning rate, mean over the seeds; rules from the "
        "smallest to the largest.",
        log=is_on_log_scale(runs, metric),
    )
