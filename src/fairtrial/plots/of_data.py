"""From a trial to a chart of its data, and of how well its models fit them."""

from __future__ import annotations

import numpy as np
import polars as pl

from fairtrial.data.noise import NOISES
from fairtrial.plots import fit_charts
from fairtrial.plots.layout import Chart
from fairtrial.plots.of_runs import name_series
from fairtrial.plots.rows import is_trained, load_rows, read_model, scale_rows
from fairtrial.plots.summaries import (
    bin_numbers,
    drop_diverged,
    find_ends,
    list_unique,
    list_weights,
)
from fairtrial.study.task import AnyTask, LinearTask, LineTask
from fairtrial.trial.trial import Trial

N_DOTS = 250
"""Rows of data that a panel shows."""
N_BINS = 50


def list_tasks(trial: Trial) -> dict[AnyTask, tuple[str, str]]:
    """List the different tasks of a trial, each with a name for it and the first of its arms."""
    tasks: dict[AnyTask, tuple[str, str]] = {}
    for arm in trial.arms.values():
        tasks.setdefault(arm.task, (_name_task(arm.task), arm.name))
    return tasks


def _name_task(task: AnyTask) -> str:
    if not isinstance(task, LineTask | LinearTask):
        return task.kind
    given = task.noise.model_dump(exclude={"kind"}).items()
    settings = [f"{name.replace('_', ' ')} {value:g}" for name, value in given]
    return ", ".join([f"{task.noise.kind.replace('_', ' ')} noise", *settings])


def noise(trial: Trial, seed: int | None = None) -> Chart | None:
    """Draw the noise of synthetic data, as drawn, against the density that it is drawn from.

    Parameters
    ----------
    trial : Trial
        A results folder.
    seed : int, optional
        Whose draw; the first if absent.

    Returns
    -------
    chart or None
        A panel for each noise of the study; None where none is synthetic.
    """
    seed = trial.study.list_seeds()[0] if seed is None else seed
    bars, lines, seen = [], [], set()
    for task, (name, arm) in list_tasks(trial).items():
        if not isinstance(task, LineTask | LinearTask) or name in seen or not task.noise.scale:
            continue
        seen.add(name)
        data = load_rows(trial, arm, seed)
        assert data.true_parameters is not None
        drawn = data.y - data.X.astype(float) @ data.true_parameters[:-1] - data.true_parameters[-1]
        low, high = find_ends(drawn)
        at = np.linspace(low, high, 120)
        density = NOISES[task.noise.kind].density(at, task.noise)
        bars.append(
            bin_numbers(drawn, N_BINS, (low, high)).select(
                pl.lit(name).alias("setting"), "low", "high", "share"
            )
        )
        lines.append(pl.DataFrame({"setting": name, "at": at, "density": density}))
    if not bars:
        return None
    said = "Histograms of the noise as drawn, each with the density that it is drawn from."
    return fit_charts.draw_noise(pl.concat(bars), pl.concat(lines), said)


def targets(trial: Trial, seed: int | None = None) -> Chart:
    """Draw how many training rows have each target: classes by name, numbers in bins."""
    seed = trial.study.list_seeds()[0] if seed is None else seed
    data = load_rows(trial, next(iter(trial.arms)), seed)
    said = "How many training rows have each target."
    if data.n_classes:
        counts = np.bincount(data.y, minlength=data.n_classes)
        names = data.class_names or tuple(map(str, range(data.n_classes)))
        table = pl.DataFrame({"name": names, "rows": counts})
        return fit_charts.draw_targets(table, "class", said)
    bars = bin_numbers(data.y, N_BINS, find_ends(data.y)).select("low", "high", "rows")
    return fit_charts.draw_targets(bars, "target", said)


def fits(trial: Trial, seed: int | None = None) -> Chart | None:
    """Draw rows of a line with what each arm fitted to them, and the true line.

    Parameters
    ----------
    trial : Trial
        A results folder.
    seed : int, optional
        Whose runs; the first if absent.

    Returns
    -------
    chart or None
        A panel a setting; None where the task is no line, or the seed has no runs.
    """
    named, looks = name_series(trial)
    runs = drop_diverged(named)
    seed = trial.study.list_seeds()[0] if seed is None else seed
    lines = runs.filter((pl.col("seed") == seed) & (pl.col("task.kind") == "line"))
    if lines.is_empty():
        return None
    lines = list_weights(lines, trial.parameters).filter(pl.col("slope").is_not_null())
    samples = []
    for setting, arm in _list_settings(lines):
        data = load_rows(trial, arm, seed)
        x, y = data.X[:N_DOTS, 0].astype(float), data.y[:N_DOTS].astype(float)
        samples.append(pl.DataFrame({"setting": setting, "x": x, "y": y}))
    if not samples:
        return None
    return fit_charts.draw_fits(
        pl.concat(samples), lines, looks,
        "Data rows and the line that each arm fitted to them, a panel a setting, with the true "
        "line behind.",
    )  # fmt: skip


def _list_settings(runs: pl.DataFrame) -> list[tuple[str, str]]:
    """List the settings of runs, each with the first of its arms."""
    firsts = runs.unique("setting", keep="first", maintain_order=True)
    return list(firsts.select("setting", "arm").iter_rows())


def residuals(trial: Trial, seed: int | None = None) -> Chart | None:
    """Draw the outline of what each arm leaves unexplained of its training rows.

    Parameters
    ----------
    trial : Trial
        A results folder.
    seed : int, optional
        Whose runs; the first if absent.

    Returns
    -------
    chart or None
        A panel a setting, a line a series; None for classes.
    """
    named, looks = name_series(trial)
    runs = drop_diverged(named)
    seed = trial.study.list_seeds()[0] if seed is None else seed
    parts = []
    for (setting,), of_setting in runs.filter(pl.col("seed") == seed).group_by(
        "setting", maintain_order=True
    ):
        found = {}
        for run, arm, series in of_setting.select("run", "arm", "series").iter_rows():
            data = load_rows(trial, arm, seed)
            if data.n_classes or not is_trained(trial, arm):
                continue
            found[series] = data.y - read_model(trial, run).tell(scale_rows(data.X, data))
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
    said = "The distribution of target minus prediction on the training rows, a line a series."
    return fit_charts.draw_residuals(pl.concat(parts), looks, said)


def told(trial: Trial, seed: int | None = None) -> Chart | None:
    """Draw what each arm tells of test rows against their true targets.

    Parameters
    ----------
    trial : Trial
        A results folder.
    seed : int, optional
        Whose runs; the first if absent.

    Returns
    -------
    chart or None
        A panel a series, of the first setting; None for classes.
    """
    named, looks = name_series(trial)
    runs = drop_diverged(named)
    seed = trial.study.list_seeds()[0] if seed is None else seed
    if runs.is_empty():
        return None
    first = list_unique(runs, "setting")[0]
    parts = []
    shown = runs.filter((pl.col("seed") == seed) & (pl.col("setting") == first))
    for run, arm, series in shown.select("run", "arm", "series").iter_rows():
        data = load_rows(trial, arm, seed)
        if data.n_classes or not is_trained(trial, arm):
            continue
        X, y = data.test_X[:N_DOTS], data.test_y[:N_DOTS]
        values = read_model(trial, run).tell(scale_rows(X, data))
        parts.append(pl.DataFrame({"series": series, "truth": y.astype(float), "told": values}))
    if not parts:
        return None
    said = "Predictions of test rows against their true targets, a panel a series."
    return fit_charts.draw_told(pl.concat(parts), looks, said)
