"""Charts of the data of a trial, and of the fit of its models."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from fairtrial.data.dataset import Dataset
from fairtrial.plots.charts import fits as fit_charts
from fairtrial.plots.charts.appearance import Looks
from fairtrial.plots.charts.layout import Chart
from fairtrial.plots.of_runs import name_series
from fairtrial.plots.rows import Model, find_arm, load_rows, read_model, scale_rows
from fairtrial.plots.summaries import bin_numbers, drop_diverged, find_ends, list_weights
from fairtrial.results.results import Results
from fairtrial.settings.complaints import write_bare
from fairtrial.study.features import UNMAPPED
from fairtrial.study.task import AnyTask

N_DOTS = 250
"""Rows of data in a panel."""
N_BINS = 50


def list_tasks(trial: Results) -> dict[AnyTask, tuple[str, str]]:
    """List the different tasks of a trial, each with a name and its first arm."""
    tasks: dict[AnyTask, tuple[str, str]] = {}
    for arm in trial.arms.values():
        tasks.setdefault(arm.task, (_name_task(arm.task), arm.name))
    return tasks


def _name_task(task: AnyTask) -> str:
    if not task.has_noise:
        return task.kind
    given = task.noise.model_dump(exclude={"kind"}).items()
    settings = [f"{name.replace('_', ' ')} {_show(value)}" for name, value in given]
    return ", ".join([f"{task.noise.kind.replace('_', ' ')} noise", *settings])


def _show(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else write_bare(value)


def noise(trial: Results, seed: int | None = None) -> Chart | None:
    """Draw a histogram of the noise on synthetic targets, with its density.

    Parameters
    ----------
    trial : Results
        A results folder.
    seed : int, optional
        The seed of the data; by default the first.

    Returns
    -------
    chart or None
        One panel per noise of the study; None if no task is synthetic.
    """
    seed = trial.study.list_seeds()[0] if seed is None else seed
    bars, lines, seen = [], [], set()
    for task, (name, arm) in list_tasks(trial).items():
        if not task.has_noise or name in seen or not getattr(task.noise, "scale", 1.0):
            continue
        seen.add(name)
        data = load_rows(trial, arm, seed, mapped=False)
        assert data.true_parameters is not None
        drawn = data.y - data.X.astype(float) @ data.true_parameters[:-1] - data.true_parameters[-1]
        low, high = find_ends(drawn)
        at = np.linspace(low, high, 120)
        if (density := task.noise.measure_density(at)) is None:
            continue
        counted = bin_numbers(drawn, N_BINS, (low, high))
        bars.append(counted.select(pl.lit(name).alias("setting"), "low", "high", "share"))
        lines.append(pl.DataFrame({"setting": name, "at": at, "density": density}))
    if not bars:
        return None
    said = "Histograms of the noise, each with its density."
    return fit_charts.draw_noise(pl.concat(bars), pl.concat(lines), said)


def targets(trial: Results, seed: int | None = None) -> Chart:
    """Draw the number of training rows of each class, or a histogram of numeric targets."""
    seed = trial.study.list_seeds()[0] if seed is None else seed
    data = load_rows(trial, next(iter(trial.arms)), seed, mapped=False)
    said = "The number of training rows with each target."
    if data.n_classes:
        counts = np.bincount(data.y, minlength=data.n_classes)
        names = data.class_names or tuple(map(str, range(data.n_classes)))
        table = pl.DataFrame({"name": names, "rows": counts})
        return fit_charts.draw_targets(table, "class", said)
    bars = bin_numbers(data.y, N_BINS, find_ends(data.y)).select("low", "high", "rows")
    return fit_charts.draw_targets(bars, "target", said)


def fits(trial: Results, seed: int | None = None) -> Chart | None:
    """Draw training rows of a line, the line that each arm fitted, and the true line.

    Parameters
    ----------
    trial : Results
        A results folder.
    seed : int, optional
        The seed of the runs; by default the first.

    Returns
    -------
    chart or None
        One panel per setting; None if the task is not a line, the seed has no runs, or the rows are
        mapped to features.
    """
    runs, looks, seed = _take_seed(trial, seed)
    plain = [arm.name for arm in trial.arms.values() if arm.features == UNMAPPED]
    of_lines = runs.filter(pl.col("task.kind") == "line", pl.col("arm").is_in(plain))
    lines = list_weights(of_lines, trial.parameters)
    lines = lines.filter(pl.col("slope").is_not_null())
    firsts = lines.unique("setting", keep="first", maintain_order=True)
    samples = []
    for setting, arm in firsts.select("setting", "arm").iter_rows():
        data = load_rows(trial, arm, seed)
        x, y = data.X[:N_DOTS, 0].astype(float), data.y[:N_DOTS].astype(float)
        samples.append(pl.DataFrame({"setting": setting, "x": x, "y": y}))
    if not samples:
        return None
    return fit_charts.draw_fits(
        pl.concat(samples), lines, looks,
        "Training rows, the line that each arm fitted, and the true line; one panel per setting.",
    )  # fmt: skip


def _take_seed(trial: Results, seed: int | None) -> tuple[pl.DataFrame, Looks, int]:
    """Take the runs of a seed that did not diverge, all looks, and the seed: the first if None."""
    runs, looks = name_series(trial)
    seed = trial.study.list_seeds()[0] if seed is None else seed
    return drop_diverged(runs).filter(pl.col("seed") == seed), looks, seed


def _list_models(
    trial: Results, runs: pl.DataFrame, seed: int
) -> Iterator[tuple[str, Dataset, Model]]:
    """List the series, rows and models of the runs that are trained on numbers."""
    for run, arm, series in runs.select("run", "arm", "series").iter_rows():
        data = load_rows(trial, arm, seed)
        if not data.n_classes and find_arm(trial, arm).is_trained:
            yield series, data, read_model(trial, run)


def residuals(trial: Results, seed: int | None = None) -> Chart | None:
    """Draw the distribution of each arm's residuals on the training rows.

    Parameters
    ----------
    trial : Results
        A results folder.
    seed : int, optional
        The seed of the runs; by default the first.

    Returns
    -------
    chart or None
        One panel per setting, one line per series; None for classes.
    """
    runs, looks, seed = _take_seed(trial, seed)
    parts = []
    for (setting,), of_setting in runs.group_by("setting", maintain_order=True):
        found = {
            series: data.y - model.predict(scale_rows(data.X, data))
            for series, data, model in _list_models(trial, of_setting, seed)
        }
        if found:
            ends = find_ends(np.concatenate(list(found.values())))
            parts += [
                bin_numbers(values, N_BINS, ends).select(
                    pl.lit(setting).alias("setting"), pl.lit(series).alias("series"),
                    at="low", share="share",
                )
                for series, values in found.items()
            ]  # fmt: skip
    if not parts:
        return None
    said = "The distribution of target minus prediction on the training rows, one line per series."
    return fit_charts.draw_residuals(pl.concat(parts), looks, said)


def predicted_against_true(trial: Results, seed: int | None = None) -> Chart | None:
    """Draw the predictions for test rows against their true targets.

    Parameters
    ----------
    trial : Results
        A results folder.
    seed : int, optional
        The seed of the runs; by default the first.

    Returns
    -------
    chart or None
        One panel per series of the first setting; None for classes.
    """
    runs, looks, seed = _take_seed(trial, seed)
    parts = []
    of_first = runs.join(runs.head(1), on="setting", how="semi", maintain_order="left")
    for series, data, model in _list_models(trial, of_first, seed):
        predicted = model.predict(scale_rows(data.test_X[:N_DOTS], data))
        truth = data.test_y[:N_DOTS].astype(float)
        parts.append(pl.DataFrame({"series": series, "truth": truth, "predicted": predicted}))
    if not parts:
        return None
    said = "Predictions for test rows against their true targets, one panel per series."
    return fit_charts.draw_predicted(pl.concat(parts), looks, said)
