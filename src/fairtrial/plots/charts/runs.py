"""Specifications of the charts of runs: final metrics and outcomes.

`looks` has the look of each series, and `description` is the text alternative.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
from scipy.optimize import isotonic_regression

from fairtrial.plots.charts.appearance import (
    BLUE,
    FAINT,
    GREEN,
    INK,
    MUTED,
    VERMILLION,
    Look,
    Looks,
)
from fairtrial.plots.charts.headings import shorten_apart
from fairtrial.plots.charts.layout import (
    CHANNELS,
    MARK_LEGEND,
    Chart,
    Specification,
    embed,
    encode_looks,
    lay_out,
    lay_out_panels,
    layer,
    list_rows,
    make_toggle,
    make_zoom,
    mark,
    nominal,
    quantity,
)
from fairtrial.plots.summaries import list_unique

MOST_IN_LEGEND = 7
"""The most names in a legend."""
RACE_HEIGHT = 320
LABEL_GAP = 16
"""Pixels from one label to the next."""
MOST_LABELS = 20
LONGEST_LABEL = 34
"""Most letters of a label beside a chart."""


def draw_final_values(
    runs: pl.DataFrame, metric: str, title: str, looks: Looks, description: str, *, log: bool = True
) -> Chart:
    """Draw a metric of every run as a tick, and the mean of each arm as a large mark.

    The runs have `setting`, `series`, `seed` and the metric, whose axis has the title. On a
    logarithmic one, values that are not positive are left out.
    """
    value = pl.col(metric).cast(pl.Float64)
    usable = runs.filter(value.is_finite() & ((value > 0) if log else True))
    if runs["setting"].n_unique() > 1:
        other = pl.when(pl.col("setting") == "").then(pl.lit("others")).otherwise("setting")
        usable, runs = (table.with_columns(setting=other) for table in (usable, runs))
    each = usable.select("setting", "series", value=value)
    mean = each.group_by("setting", "series", maintain_order=True).agg(pl.col("value").mean())
    series, order = list_unique(runs, "series"), list_unique(runs, "setting")
    scale = {"type": "log", "nice": False, "padding": 8} if log else {"zero": False}
    # Many arms of one setting get one row each, because a legend of all of them is hard to read.
    by_row = len(order) == 1 and len(series) > MOST_IN_LEGEND
    legend = None if by_row else MARK_LEGEND
    ticks = layer(mark("tick", thickness=1, opacity=0.65, bandSize=8))
    marks = layer(
        mark("point", filled=True, size=55, opacity=1),
        **encode_looks(looks, series, "shape", legend=legend),
        tooltip=[
            nominal("setting"), nominal("series"),
            quantity("value", title=metric.replace("_", " ")),
        ],
    )  # fmt: skip
    chart = {
        "encoding": {
            "x": quantity("value", title=title, axis={"tickCount": 6, "format": "~g"}, scale=scale),
            "y": nominal(
                "series" if by_row else "setting", title=None, sort=series if by_row else order,
                axis={"grid": True, "tickBand": "extent"},
                scale={"paddingInner": 0.2, "paddingOuter": 0.1},
            ),
            **({} if by_row else {"yOffset": nominal("series", sort=series)}),
            **encode_looks(looks, series, "color", legend=legend),
        },
        "layer": [
            *([ticks | {"data": list_rows(each)}] if each.height > mean.height else []),
            marks | {"data": list_rows(mean)},
        ],
        "height": (18 if by_row else 12) * len(order) * len(series),
    }  # fmt: skip
    return lay_out(chart, description)


def draw_reported(
    runs: pl.DataFrame,
    reported: Mapping[str, float],
    metric: str,
    title: str,
    looks: Looks,
    description: str,
) -> Chart:
    """Draw reported values beside the values of the seeds, one row per series.

    The runs have `series`, `seed` and the metric, whose axis has the title; `reported` has the
    value of each series, in the metric's unit.
    """
    one, mean, printed = "one seed", "mean", "reported"
    value = pl.col(metric).cast(pl.Float64)
    each = runs.filter(value.is_finite()).select("series", pl.lit(one).alias("what"), value=value)
    means = each.group_by("series", maintain_order=True).agg(pl.col("value").mean())
    many = each.height > means.height
    given = pl.DataFrame({"series": list(reported), "value": list(reported.values())})
    table = pl.concat([
        each,
        means.select("series", pl.lit(mean).alias("what"), "value").filter(pl.lit(many)),
        given.select("series", pl.lit(printed).alias("what"), pl.col("value").cast(pl.Float64)),
    ])  # fmt: skip
    shapes = {one: "M0,-1V1" if many else "circle", mean: "circle", printed: "diamond"}
    shapes = {what: shape for what, shape in shapes.items() if many or what != mean}
    order = list_unique(runs, "series")
    colour = encode_looks(looks, order, "color", legend=None)

    def draw(what: str, size: int, encoding: Specification, **more: Any) -> Specification:
        return layer(mark("point", size=size, **more), where=f"datum.what == '{what}'", **encoding)

    chart = {
        "data": embed(table),
        "encoding": {
            "x": quantity(
                "value", title=title, scale={"zero": False, "padding": 12},
                axis={"tickCount": 6, "format": ".2~%"},
            ),
            "y": nominal("series", title=None, sort=order),
            "shape": nominal(
                "what", scale={"domain": list(shapes), "range": list(shapes.values())},
                legend=MARK_LEGEND | {"symbolStrokeColor": INK},
            ),
            "tooltip": [
                nominal("series"), nominal("what"), quantity("value", title=title, format=".2%")
            ],
        },
        "layer": [
            draw(one, 130 if many else 90, colour, opacity=0.75, strokeWidth=1.5),
            *([draw(mean, 90, colour, opacity=1, strokeWidth=2.5)] if many else []),
            draw(printed, 150, {}, opacity=1, strokeWidth=2.5, color=INK),
        ],
        "height": 44 * len(order),
    }  # fmt: skip
    return lay_out(chart, description)


OUTCOME_LOOKS = {
    "completed": Look(MUTED, (), "circle"),
    "stopped early": Look(BLUE, (), "square"),
    "reached the rate floor": Look(GREEN, (), "triangle-down"),
    "diverged": Look(VERMILLION, (), "cross"),
}
"""Colour and shape of each outcome."""


def draw_outcomes(runs: pl.DataFrame, unit: str, description: str) -> Chart:
    """Draw how each run ended, and when: one row per arm, one mark per run.

    The runs have `arm` (its title), `seed`, `outcome` (in words) and `ended_at`, in the unit "step"
    or "epoch".
    """
    shown = runs.select("arm", "seed", "outcome", "ended_at")
    known = [name for name in OUTCOME_LOOKS if name in set(shown["outcome"])]
    order, toggle = list_unique(shown, "arm"), make_toggle(known, "outcome")
    chart = {
        "data": list_rows(shown),
        "mark": mark("point", filled=True, size=42),
        "encoding": {
            "x": quantity(
                "ended_at", title=f"{unit} at which the run ended", axis={"tickCount": 6}
            ),
            "y": nominal("arm", title=None, sort=order, axis={"grid": True}),
            **encode_looks(
                OUTCOME_LOOKS, known, "color", "shape", legend=MARK_LEGEND, field="outcome"
            ),
            "opacity": toggle.fade(0.75),
            "tooltip": [
                nominal("arm"), nominal("seed"), nominal("outcome"),
                quantity("ended_at", title=unit),
            ],
        },
        "params": toggle.parameters,
        "height": 15 * len(order),
    }  # fmt: skip
    return lay_out(chart, description)


def draw_sensitivity(
    points: pl.DataFrame, title: str, looks: Looks, description: str, *, log: bool = False
) -> Chart:
    """Draw a metric against the learning rate, one line per series, one panel per setting.

    The points have `setting`, `series`, `learning_rate`, `mean`, `low`, `high` (smallest and
    largest over the seeds) and `diverged` (a sentence; "" if no run diverged). The title is that of
    the y axis.
    """
    series, order = list_unique(points, "series"), list_unique(points, "setting")
    toggle = make_toggle(series)
    scale = {"type": "log", "nice": False} if log else {"zero": False}
    y = quantity(
        "mean", title=title, scale=scale, axis={"tickCount": 5, "labelFlush": 7, "format": "~g"}
    )
    colour, dash, shape = (
        encode_looks(looks, series, channel, legend=MARK_LEGEND) for channel in CHANNELS
    )
    rules = layer(
        mark("rule", strokeWidth=1.5), y=quantity("low", scale=scale), y2={"field": "high"},
        opacity=toggle.fade(0.6),
    )  # fmt: skip
    lines = layer(mark("line", strokeWidth=1.5), y=y, opacity=toggle.fade(), **dash)
    marks = layer(mark("point", filled=True, size=45), y=y, opacity=toggle.fade(), **shape)
    rates = points["learning_rate"].unique().sort().to_list()
    layered = {
        "data": list_rows(points),
        "encoding": {
            "x": quantity(
                "learning_rate", title="learning rate", axis={"format": "~g", "values": rates},
                scale={"type": "log", "padding": 12, "nice": False},
            ),
            **colour,
            "tooltip": [
                nominal("series"), quantity("learning_rate"), quantity("mean", format=".4g"),
                quantity("low"), quantity("high"), nominal("diverged"),
            ],
        },
        "layer": [rules, lines, marks],
        "height": 190,
        "width": 240,
    }  # fmt: skip
    return lay_out_panels(
        layered, "setting", order, description, narrowest=220,
        parameters=[*toggle.parameters, make_zoom()],
    )  # fmt: skip


def draw_race(points: pl.DataFrame, description: str) -> Chart:
    """Draw accuracies with their intervals against seconds, with names at the right.

    The points have `name`, `accuracy`, `low`, `high`, `seconds`. With more than `MOST_LABELS` arms,
    only arms that no other arm beats in both have a name.
    """
    low, high = _find_domain(points)
    named = points if points.height <= MOST_LABELS else _find_unbeaten(points)
    height = max(RACE_HEIGHT, LABEL_GAP * named.height)
    unit = (high - low) / height  # accuracy per pixel
    label_at = spread(named["accuracy"].to_numpy(), LABEL_GAP * unit, (low, high))
    names = shorten_apart(named["name"].to_list(), LONGEST_LABEL)
    beside = named.select("name", label=pl.Series(names), label_at=pl.Series(label_at))
    shown = points.join(beside, on="name", how="left", maintain_order="left")
    scale = {"domain": [low, high], "nice": False, "zero": False}
    y = quantity(
        "accuracy", title="test accuracy", scale=scale, axis={"format": "~%", "tickCount": 6}
    )
    at_right, has_name = {"value": "width"}, "datum.label !== null"
    leaders = layer(
        mark("rule", color=FAINT, strokeWidth=1), where=has_name, y=y, x2=at_right,
        y2={"field": "label_at"},
    )  # fmt: skip
    rules = layer(
        mark("rule", color=MUTED, strokeWidth=2),
        y=quantity("low", scale=scale),
        y2={"field": "high"},
    )
    marks = layer(mark("point", filled=True, size=60, color=BLUE, opacity=1), y=y)
    labels = layer(
        mark("text", align="left", baseline="middle", dx=5, fontSize=12, clip=False),
        where=has_name,
        x=at_right,
        y=quantity("label_at", scale=scale),
        text=nominal("label"),
    )
    chart = {
        "data": list_rows(shown),
        "encoding": {
            "x": quantity(
                "seconds", title="seconds per run", axis={"format": "~g", "tickCount": 5},
                scale={"type": "log", "nice": False, "padding": 16},
            ),
            "tooltip": [
                nominal("name"), quantity("accuracy", format=".2%"), quantity("low"),
                quantity("high"), quantity("seconds"),
            ],
        },
        "layer": [leaders, rules, marks | {"params": [make_zoom()]}, labels],
        "height": height,
    }  # fmt: skip
    return lay_out(chart, description)


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
