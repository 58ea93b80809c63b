"""Charts of the data of a trial, and of the fit of its models."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl

from fairtrial.data.dataset import Dataset
from fairtrial.plots import vega
from fairtrial.plots.appearance import BLUE, INK, MUTED, Looks
from fairtrial.plots.summaries import (
    bin_numbers,
    drop_diverged,
    find_ends,
    list_unique,
    list_weights,
)
from fairtrial.plots.trials import Model, load_rows, name_series, read_model, scale_rows
from fairtrial.plots.vega import ALONE_HEIGHT, LINE_LEGEND, Chart
from fairtrial.results.results import Results
from fairtrial.settings.complaints import write_bare
from fairtrial.study.features import UNMAPPED
from fairtrial.study.task import AnyTask

N_DOTS = 250
"""Rows of data in a panel."""
FEWEST_BINS, MOST_BINS, ROWS_OF_A_BIN = 11, 101, 8
"""Bins of a histogram, and the rows that each should have on average."""
NARROW: dict[str, Any] = {"panels": 4, "narrowest": 190, "axes": 46}
"""The layout of panels that are narrower than others."""


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
    parts, seen = [], set()
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
        counted = bin_numbers(drawn, count_bins(len(drawn)), (low, high)).drop("rows")
        line = pl.DataFrame({"low": at, "share": density, "role": "line"})
        both = pl.concat([counted.with_columns(role=pl.lit("bar")), line], how="diagonal_relaxed")
        parts.append(both.with_columns(setting=pl.lit(name)))
    if not parts:
        return None
    table = pl.concat(parts)
    x_axis = {"axis": {"tickCount": 5}, "scale": {"nice": False}}
    grey, blue = vega.mark("rect", color=MUTED, opacity=0.45), vega.mark("line", color=BLUE)
    layered = {
        **vega.pack(table, ["setting", "role"]),
        "encoding": {
            "x": vega.quantity("low", title="noise, in target units", **x_axis),
            "y": vega.quantity("share", title="density", axis={"tickCount": 4}),
        },
        "layer": [
            vega.layer(grey, of="bar", x2={"field": "high"}, y2={"datum": 0}),
            vega.layer(blue | {"strokeWidth": 2}, of="line"),
        ],
    }
    return vega.lay_out_panels(
        layered, "setting", list_unique(table, "setting"),
        "Histograms of the noise, each with its density.", axes=52, own_scales="xy",
    )  # fmt: skip


def count_bins(n_rows: int) -> int:
    """Choose how many bins a histogram of so many rows has: an odd number, so that one is central.

    Examples
    --------
    >>> [count_bins(n_rows) for n_rows in (20, 192, 10_000)]
    [11, 25, 101]
    """
    return min(max(n_rows // ROWS_OF_A_BIN, FEWEST_BINS), MOST_BINS) | 1


def targets(trial: Results, seed: int | None = None) -> Chart:
    """Draw the number of training rows of each class, or a histogram of numeric targets."""
    seed = trial.study.list_seeds()[0] if seed is None else seed
    data = load_rows(trial, next(iter(trial.arms)), seed, mapped=False)
    count, grey = {"title": "rows"}, {"color": MUTED}
    if data.n_classes:
        counts = np.bincount(data.y, minlength=data.n_classes)
        names = data.class_names or tuple(map(str, range(data.n_classes)))
        bars = pl.DataFrame({"name": names, "rows": counts})
        drawn = vega.layer(
            vega.mark("bar", **grey),
            x=vega.quantity("rows", axis={"tickCount": 5}, **count),
            y=vega.nominal("name", title="class", sort=list(names)),
            tooltip=[vega.nominal("name"), vega.quantity("rows")],
        )
        height = 20 * bars.height
    else:
        bars = bin_numbers(data.y, count_bins(len(data.y)), find_ends(data.y)).drop("share")
        drawn = vega.layer(
            vega.mark("rect", **grey),
            x=vega.quantity("low", title="target", scale={"nice": False, "zero": False}),
            x2={"field": "high"},
            y=vega.quantity("rows", axis={"tickCount": 4}, **count),
            y2={"datum": 0},
        )
        height = ALONE_HEIGHT
    said = "The number of training rows with each target."
    return vega.lay_out({"data": vega.list_rows(bars), **drawn, "height": height}, said)


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
        named = {"setting": setting, "role": "row", "series": "data"}
        samples.append(pl.DataFrame(named | {"x": x, "y": y}))
    if not samples:
        return None
    rows = pl.concat(samples)
    table = pl.concat([rows, _list_ends(lines, rows)], how="diagonal_relaxed")
    layered = {
        **vega.pack(table, ["setting", "role", "series"]),
        "encoding": {
            "x": vega.quantity("x", axis={"tickCount": 5}, scale={"nice": False}),
            "y": vega.quantity("y", axis={"tickCount": 5, "labelFlush": 7}),
        },
        "layer": [
            vega.layer(vega.mark("circle", size=8, color=MUTED, opacity=0.45), of="row"),
            vega.layer(vega.mark("line", color=INK, strokeWidth=5, opacity=0.3), of="truth"),
            vega.layer(
                vega.mark("line", strokeWidth=1.75), of="fit",
                **vega.encode_looks(
                    looks, list_unique(lines, "series"), "color", "strokeDash", legend=LINE_LEGEND
                ),
            ),
        ],
    }  # fmt: skip
    return vega.lay_out_panels(
        layered, "setting", list_unique(lines, "setting"),
        "Training rows, the line that each arm fitted, and the true line; one panel per setting.",
        renderer="canvas", **NARROW,
    )  # fmt: skip


def _list_ends(lines: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """List the ends of the true and of the fitted lines, above the smallest and largest row."""
    truth = lines.unique("setting", keep="first", maintain_order=True).select(
        "setting", role=pl.lit("truth"), series=pl.lit("true line"), slope="task.slope",
        intercept="task.intercept",
    )  # fmt: skip
    fits = lines.select("setting", pl.lit("fit").alias("role"), "series", "slope", "intercept")
    ends = pl.DataFrame({"x": [rows["x"].min(), rows["x"].max()]})
    drawn = pl.concat([truth, fits]).join(ends, how="cross")
    y = pl.col("intercept") + pl.col("slope") * pl.col("x")
    return drawn.select("setting", "role", "series", "x", y=y)


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
        if not data.n_classes and trial.find_arm(arm).is_trained:
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
                bin_numbers(values, count_bins(len(values)), ends).select(
                    pl.lit(setting).alias("setting"), pl.lit(series).alias("series"),
                    at="low", share="share",
                )
                for series, values in found.items()
            ]  # fmt: skip
    if not parts:
        return None
    outlines = pl.concat(parts)
    series, order = list_unique(outlines, "series"), list_unique(outlines, "setting")
    toggle, x_axis = vega.make_toggle(series), {"axis": {"tickCount": 5}, "scale": {"nice": False}}
    drawn = {
        **vega.pack(outlines, ["setting", "series"]),
        "mark": vega.mark("line", interpolate="step-after", strokeWidth=1.5),
        "encoding": {
            "x": vega.quantity("at", title="residual, in target units", **x_axis),
            "y": vega.quantity("share", title="density", axis={"tickCount": 4}),
            **vega.encode_looks(looks, series, "color", "strokeDash", legend=LINE_LEGEND),
            "opacity": toggle.fade(),
            "tooltip": [vega.nominal("series")],
        },
    }
    return vega.lay_out_panels(
        drawn, "setting", order,
        "The distribution of target minus prediction on the training rows, one line per series.",
        parameters=toggle.parameters, own_scales="xy", **NARROW,
    )  # fmt: skip


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
    points = pl.concat(parts)
    order = list_unique(points, "series")
    ends = pl.DataFrame({"truth": [points["truth"].min(), points["truth"].max()]})
    same = pl.DataFrame({"series": order}).join(ends, how="cross")
    same = same.with_columns(predicted="truth", role=pl.lit("same"))
    table = pl.concat([points.with_columns(role=pl.lit("row")), same], how="vertical_relaxed")
    axis, scale = {"tickCount": 5}, {"zero": False}
    layered = {
        **vega.pack(table, ["series", "role"]),
        "encoding": {
            "x": vega.quantity(
                "truth", title="true target", axis=axis, scale=scale | {"nice": False}
            ),
            "y": vega.quantity(
                "predicted", title="predicted", axis=axis | {"labelFlush": 7}, scale=scale
            ),
        },
        "layer": [
            vega.layer(vega.mark("line", color=INK, strokeWidth=1.5, opacity=0.5), of="same"),
            vega.layer(
                vega.mark("circle", size=10, opacity=0.5), of="row",
                **vega.encode_looks(looks, order, "color", legend=None),
            ),
        ],
    }  # fmt: skip
    return vega.lay_out_panels(
        layered, "series", order,
        "Predictions for test rows against their true targets, one panel per series.",
        parameters=[vega.make_zoom()], renderer="canvas", **NARROW,
    )  # fmt: skip
