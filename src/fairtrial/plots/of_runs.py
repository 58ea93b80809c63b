"""Charts of finished runs: their final metrics, their outcomes, their time."""

from collections.abc import Sequence

import numpy as np
import polars as pl
from scipy.optimize import isotonic_regression

from fairtrial.evidence.accuracy import measure_accuracies
from fairtrial.plots import vega
from fairtrial.plots.appearance import (
    BLUE,
    FAINT,
    GREEN,
    MUTED,
    VERMILLION,
    Look,
    Looks,
    assign_looks,
    capitalise,
    show_metric,
)
from fairtrial.plots.headings import shorten_apart
from fairtrial.plots.names import TITLE, join_parts, list_parts, title_arms
from fairtrial.plots.summaries import OUTCOMES, RATE, drop_diverged, list_unique, summarise_rates
from fairtrial.plots.trials import choose_metric, find_unit, name_series
from fairtrial.plots.vega import MARK_LEGEND, Chart, Specification
from fairtrial.results.results import Results

MOST_IN_LEGEND = 7
"""The most names in a legend."""
RACE_HEIGHT = 320
LABEL_GAP = 16
"""Pixels from one label to the next."""
MOST_LABELS = 20
LONGEST_LABEL = 34
"""Most letters of a label beside a chart."""
OUTCOME_LOOKS = {
    "completed": Look(MUTED, (), "circle"),
    "stopped early": Look(BLUE, (), "square"),
    "reached the rate floor": Look(GREEN, (), "triangle-down"),
    "diverged": Look(VERMILLION, (), "cross"),
}
"""Colour and shape of each outcome."""


def outcomes(trial: Results, arms: Sequence[str] | None = None) -> Chart:
    """Draw how each run ended, and at which step or epoch."""
    named, _ = name_series(trial, arms)
    length = pl.coalesce([name for name in ("steps", "epochs") if name in named.columns])
    runs = named.filter(length.is_not_null()).select(
        "seed", "ended_at", pl.col("outcome").replace(OUTCOMES), arm=TITLE
    )
    counts = runs["outcome"].value_counts(sort=True).iter_rows()
    said = ", ".join(f"{count} {outcome}" for outcome, count in counts)
    known = [name for name in OUTCOME_LOOKS if name in set(runs["outcome"])]
    order, toggle = list_unique(runs, "arm"), vega.make_toggle(known, "outcome")
    unit = find_unit(named)
    title = f"{unit} at which the run ended"
    names = [vega.nominal(field) for field in ("arm", "seed", "outcome")]
    chart = {
        "data": vega.list_rows(runs),
        "mark": vega.mark("point", filled=True, size=42),
        "encoding": {
            "x": vega.quantity("ended_at", title=title, axis={"tickCount": 6}),
            "y": vega.nominal("arm", title=None, sort=order, axis={"grid": True}),
            **vega.encode_looks(
                OUTCOME_LOOKS, known, "color", "shape", legend=MARK_LEGEND, field="outcome"
            ),
            "opacity": toggle.fade(0.75),
            "tooltip": [*names, vega.quantity("ended_at", title=unit)],
        },
        "params": toggle.parameters,
        "height": 15 * len(order),
    }
    return vega.lay_out(chart, f"How each run ended, one row per arm: {said}.")


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
    log = _is_on_log_scale(runs, metric)
    if runs["setting"].n_unique() > 1:
        other = pl.when(pl.col("setting") == "").then(pl.lit("others")).otherwise("setting")
        runs = runs.with_columns(setting=other)
    value = pl.col(metric).cast(pl.Float64)
    usable = runs.filter(value.is_finite() & ((value > 0) if log else True))
    each = usable.select("setting", "series", value=value)
    mean = each.group_by("setting", "series", maintain_order=True).agg(pl.col("value").mean())
    series, order = list_unique(runs, "series"), list_unique(runs, "setting")
    # Many arms of one setting get one row each, because a legend of all of them is hard to read.
    by_row = len(order) == 1 and len(series) > MOST_IN_LEGEND
    legend, title = None if by_row else MARK_LEGEND, show_metric(metric)
    ticks = vega.layer(vega.mark("tick", thickness=1, opacity=0.65, bandSize=8))
    exact = vega.quantity("value", title=metric.replace("_", " "))
    marks = vega.layer(
        vega.mark("point", filled=True, size=55, opacity=1),
        **vega.encode_looks(looks, series, "shape", legend=legend),
        tooltip=[vega.nominal("setting"), vega.nominal("series"), exact],
    )
    scale = _make_scale(log) | ({"padding": 8} if log else {})
    shown, axis = f"{title}, log scale" if log else title, {"tickCount": 6, **vega.PLAIN}
    chart = {
        "encoding": {
            "x": vega.quantity("value", title=shown, scale=scale, axis=axis),
            **_place_rows(order, series, by_row),
            **vega.encode_looks(looks, series, "color", legend=legend),
        },
        "layer": [
            *([ticks | {"data": vega.list_rows(each)}] if each.height > mean.height else []),
            marks | {"data": vega.list_rows(mean)},
        ],
        "height": (20 if len(order) == 1 else 12) * len(order) * len(series),
    }  # fmt: skip
    said = f"{capitalise(title)} at the end of every run, one row per setting, one mark per series."
    return vega.lay_out(chart, said)


def _place_rows(order: list[str], series: list[str], by_row: bool) -> Specification:
    """Place a row per series, or per setting with its series side by side."""
    field, names = ("series", series) if by_row else ("setting", order)
    y = vega.nominal(
        field, title=None, sort=names, axis={"grid": True, "tickBand": "extent"},
        scale={"paddingInner": 0.2, "paddingOuter": 0.1},
    )  # fmt: skip
    return {"y": y} if by_row else {"y": y, "yOffset": vega.nominal("series", sort=series)}


def _is_on_log_scale(runs: pl.DataFrame, metric: str) -> bool:
    """Say whether a metric has a log scale: errors that are nowhere 0."""
    is_error = metric in ("parameter_error", "mse", "excess_risk")
    return is_error and not (runs[metric] <= 0).any()


def _make_scale(log: bool) -> Specification:
    return {"type": "log", "nice": False} if log else {"zero": False}


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
    scale = _make_scale(_is_on_log_scale(runs, metric))
    looks = assign_looks(list_unique(points, "series"), looks)
    return _draw_rates(points, looks, show_metric(metric), scale)


def _draw_rates(points: pl.DataFrame, looks: Looks, title: str, scale: Specification) -> Chart:
    """Draw the result of `summarise_rates`, of a metric with its title and scale."""
    series = list_unique(points, "series")
    axis = {"tickCount": 5, "labelFlush": 7, **vega.PLAIN}
    y = vega.quantity("mean", title=title, scale=scale, axis=axis)
    low, toggle = vega.quantity("low", scale=scale), vega.make_toggle(series)
    colour, dash, shape = (
        vega.encode_looks(looks, series, channel, legend=MARK_LEGEND) for channel in vega.CHANNELS
    )
    rule, opacity = vega.mark("rule", strokeWidth=1.5), toggle.fade()
    line, mark = vega.mark("line", strokeWidth=1.5), vega.mark("point", filled=True, size=45)
    x_axis = {**vega.PLAIN, "values": points["learning_rate"].unique().sort().to_list()}
    x_scale = {"type": "log", "padding": 12, "nice": False}
    layered = {
        "data": vega.list_rows(points),
        "encoding": {
            "x": vega.quantity("learning_rate", title="learning rate", axis=x_axis, scale=x_scale),
            **colour,
            "tooltip": [
                vega.nominal("series"), vega.quantity("learning_rate"),
                vega.quantity("mean", format=".4g"), vega.quantity("low"), vega.quantity("high"),
                vega.nominal("diverged"),
            ],
        },
        "layer": [
            vega.layer(rule, y=low, y2={"field": "high"}, opacity=toggle.fade(0.6)),
            vega.layer(line, y=y, opacity=opacity, **dash),
            vega.layer(mark, y=y, opacity=opacity, **shape),
        ],
        "height": 190,
        "width": 240,
    }  # fmt: skip
    said = (
        f"{capitalise(title)} against the learning rate, mean over the seeds; vertical lines from "
        "the smallest to the largest value."
    )
    parameters, order = [*toggle.parameters, vega.make_zoom()], list_unique(points, "setting")
    return vega.lay_out_panels(
        layered, "setting", order, said, narrowest=220, parameters=parameters
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
    return draw_race(
        points,
        f"Test accuracy against seconds per run: {best['name']} is the most accurate, "
        f"{best['accuracy']:.1%}.",
    )


def draw_race(points: pl.DataFrame, description: str) -> Chart:
    """Draw accuracies with their intervals against seconds, with names at the right.

    The points have `name`, `accuracy`, `low`, `high`, `seconds`. With more than `MOST_LABELS` arms,
    only arms that no other arm beats in both have a name.
    """
    ends = _find_domain(points)
    named = points if points.height <= MOST_LABELS else _find_unbeaten(points)
    height = max(RACE_HEIGHT, LABEL_GAP * named.height)
    shown = points.join(
        _place_labels(named, ends, height), on="name", how="left", maintain_order="left"
    )
    scale = {"domain": list(ends), "nice": False, "zero": False}
    y_axis = {"format": "~%", "tickCount": 6}
    y = vega.quantity("accuracy", title="test accuracy", scale=scale, axis=y_axis)
    at_right, has_name = {"value": "width"}, "datum.label !== null"
    leader = vega.mark("rule", color=FAINT, strokeWidth=1)
    rule = vega.mark("rule", color=MUTED, strokeWidth=2)
    mark = vega.mark("point", filled=True, size=60, color=BLUE, opacity=1)
    label = vega.mark("text", align="left", baseline="middle", dx=5, fontSize=12, clip=False)
    chart = {
        "data": vega.list_rows(shown),
        "encoding": {
            "x": vega.quantity(
                "seconds", title="seconds per run", axis={**vega.PLAIN, "tickCount": 5},
                scale=_make_scale(log=True) | {"padding": 16},
            ),
            "tooltip": [
                vega.nominal("name"), vega.quantity("accuracy", format=".2%"),
                *(vega.quantity(field) for field in ("low", "high", "seconds")),
            ],
        },
        "layer": [
            vega.layer(leader, where=has_name, y=y, x2=at_right, y2={"field": "label_at"}),
            vega.layer(rule, y=vega.quantity("low", scale=scale), y2={"field": "high"}),
            vega.layer(mark, y=y) | {"params": [vega.make_zoom()]},
            vega.layer(
                label, where=has_name, x=at_right, y=vega.quantity("label_at", scale=scale),
                text=vega.nominal("label"),
            ),
        ],
        "height": height,
    }  # fmt: skip
    return vega.lay_out(chart, description)


def _place_labels(named: pl.DataFrame, ends: tuple[float, float], height: int) -> pl.DataFrame:
    """Place the short names of points beside a chart of a height in pixels, below each other."""
    gap = LABEL_GAP * (ends[1] - ends[0]) / height
    label_at = spread(named["accuracy"].to_numpy(), gap, ends)
    names = shorten_apart(named["name"].to_list(), LONGEST_LABEL)
    return named.select("name", label=pl.Series(names), label_at=pl.Series(label_at))


def _find_unbeaten(points: pl.DataFrame) -> pl.DataFrame:
    """Keep the points that no other point beats in both accuracy and time."""
    fastest = points.sort("seconds", "accuracy", descending=[False, True])
    return fastest.filter(pl.col("accuracy") > pl.col("accuracy").cum_max().shift().fill_null(-1.0))


def _find_domain(points: pl.DataFrame) -> tuple[float, float]:
    """Find the ends of a scale of accuracies, with room around all marks."""
    numbers = points.select("accuracy", "low", "high").to_numpy()
    low, high = float(np.nanmin(numbers)), float(np.nanmax(numbers))
    room = 0.05 * (high - low) or 0.01
    return low - room, high + room


def spread(places: np.ndarray, gap: float, ends: tuple[float, float]) -> np.ndarray:
    """Move places (N,) as little as possible, by least squares, so that all are `gap` apart.

    They lie between the ends if there is room for all, and keep their order in the array.

    Examples
    --------
    >>> spread(np.array([5.0, 1.0, 5.0]), 2.0, (0.0, 10.0))
    array([4., 1., 6.])
    """
    order = np.argsort(places, kind="stable")
    steps = gap * np.arange(len(places))
    # After subtracting the gaps, the constraint is that the places are in order.
    ordered = isotonic_regression(places[order] - steps).x
    ordered = np.clip(ordered, ends[0], max(ends[1] - gap * (len(places) - 1), ends[0]))
    found = np.empty(len(places))
    found[order] = ordered + steps
    return found
