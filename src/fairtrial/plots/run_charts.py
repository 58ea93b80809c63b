"""From a table to a chart: where runs ended, and how good they are there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from fairtrial.plots.appearance import (
    BLUE,
    GREEN,
    INK,
    MUTED,
    VERMILLION,
    Looks,
    colour_scale,
    dash_scale,
    shape_scale,
)
from fairtrial.plots.layout import (
    Chart,
    Specification,
    embed,
    keep,
    lay_out,
    list_rows,
    make_panels,
    make_toggle,
    make_zoom,
    mark,
    nominal,
    quantity,
)
from fairtrial.plots.summaries import list_unique


def draw_final_values(
    runs: pl.DataFrame, metric: str, title: str, looks: Looks, description: str, *, log: bool = True
) -> Chart:
    """Draw a metric of every run as a tick, and the mean of each arm as a larger mark.

    Parameters
    ----------
    runs : table
        `setting`, `series`, `seed` and the metric.
    metric : str
        Name of the column.
    title : str
        What the axis measures.
    looks : mapping
        The look of each series.
    description : str
        The text alternative.
    log : bool
        Logarithmic axis; values that are not positive are left out.
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
    legend = {"title": None, "symbolOpacity": 1}
    ticks = {"data": list_rows(each), "mark": mark("tick", thickness=1, opacity=0.65, bandSize=8)}
    marks = {
        "data": list_rows(mean),
        "mark": mark("point", filled=True, size=55, opacity=1),
        "encoding": {
            "shape": nominal("series", scale=shape_scale(looks, series), legend=legend),
            "tooltip": [
                nominal("setting"), nominal("series"),
                quantity("value", title=metric.replace("_", " ")),
            ],
        },
    }  # fmt: skip
    chart = {
        "encoding": {
            "x": quantity("value", title=title, axis={"tickCount": 6, "format": "~g"}, scale=scale),
            "y": nominal(
                "setting", title=None, sort=order, axis={"grid": True, "tickBand": "extent"},
                scale={"paddingInner": 0.2, "paddingOuter": 0.1},
            ),
            "yOffset": nominal("series", sort=series),
            "color": nominal("series", scale=colour_scale(looks, series), legend=legend),
        },
        "layer": [*([ticks] if usable.height > mean.height else []), marks],
        "height": 12 * len(order) * len(series),
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
    """Draw what was reported among what the seeds give, a row a series.

    Parameters
    ----------
    runs : table
        `series`, `seed` and the metric.
    reported : dict
        The reported value of each series, in the metric's unit.
    metric, title : str
        Name of the column, and what the axis measures.
    looks : mapping
        The look of each series.
    description : str
        The text alternative.
    """
    one, mean, told = "one seed", "mean", "reported"
    value = pl.col(metric).cast(pl.Float64)
    each = runs.filter(value.is_finite()).select("series", pl.lit(one).alias("what"), value=value)
    means = each.group_by("series", maintain_order=True).agg(pl.col("value").mean())
    many = each.height > means.height
    shapes = {one: "M0,-1V1" if many else "circle"}
    tables = [each]
    if many:
        shapes[mean] = "circle"
        tables.append(means.select("series", pl.lit(mean).alias("what"), "value"))
    shapes[told] = "diamond"
    claims = [(name, told, float(value)) for name, value in reported.items()]
    tables.append(pl.DataFrame(claims, schema=each.schema, orient="row"))
    table, order = pl.concat(tables), list_unique(runs, "series")
    legend = {"title": None, "symbolStrokeColor": INK, "symbolOpacity": 1}
    colour = {"color": nominal("series", scale=colour_scale(looks, order), legend=None)}

    def draw(what: str, size: int, encoding: Specification, **more: Any) -> Specification:
        return {
            "transform": keep(what, "what"),
            "mark": mark("point", size=size, **more),
            "encoding": encoding,
        }

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
                legend=legend,
            ),
            "tooltip": [
                nominal("series"), nominal("what"), quantity("value", title=title, format=".2%")
            ],
        },
        "layer": [
            draw(one, 130 if many else 90, colour, opacity=0.75, strokeWidth=1.5),
            *([draw(mean, 90, colour, opacity=1, strokeWidth=2.5)] if many else []),
            draw(told, 150, {}, opacity=1, strokeWidth=2.5, color=INK),
        ],
        "height": 44 * len(order),
    }  # fmt: skip
    return lay_out(chart, description)


OUTCOME_LOOKS = {
    "completed": (MUTED, "circle"),
    "stopped early": (BLUE, "square"),
    "reached the rate floor": (GREEN, "triangle-down"),
    "diverged": (VERMILLION, "cross"),
}
"""Colour and shape of each way in which a run can end."""


def draw_outcomes(runs: pl.DataFrame, unit: str, description: str) -> Chart:
    """Draw where each run ended, and how: a row an arm, a mark a run.

    Parameters
    ----------
    runs : table
        `setting`, `series`, `seed`, `outcome` (in words) and `ended_at`.
    unit : str
        "step" or "epoch": what `ended_at` counts.
    description : str
        The text alternative.
    """
    shown = runs.select(
        "seed", "outcome", "ended_at", arm=join_words(pl.col("setting"), pl.col("series"))
    )
    known = [name for name in OUTCOME_LOOKS if name in set(shown["outcome"])]
    order, toggle = list_unique(shown, "arm"), make_toggle(known, "outcome")
    colours, shapes = ([OUTCOME_LOOKS[outcome][part] for outcome in known] for part in (0, 1))
    legend = {"title": None, "symbolOpacity": 1}
    chart = {
        "data": list_rows(shown),
        "mark": mark("point", filled=True, size=42),
        "encoding": {
            "x": quantity(
                "ended_at", title=f"{unit} at which the run ended", axis={"tickCount": 6}
            ),
            "y": nominal("arm", title=None, sort=order, axis={"grid": True}),
            "color": nominal("outcome", scale={"domain": known, "range": colours}, legend=legend),
            "shape": nominal("outcome", scale={"domain": known, "range": shapes}, legend=legend),
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


def join_words(*words: pl.Expr) -> pl.Expr:
    """Join what is not empty, with a dot between."""
    parts = [pl.when(word != "").then(word) for word in words]
    return pl.concat_str(parts, separator=" · ", ignore_nulls=True)


def draw_sensitivity(
    points: pl.DataFrame, title: str, looks: Looks, description: str, *, log: bool = False
) -> Chart:
    """Draw a metric against the learning rate, a line a series, a panel a setting.

    Parameters
    ----------
    points : table
        `setting`, `series`, `learning_rate`, `mean`, `low`, `high` (the smallest and the largest
        over the seeds) and `diverged` (a sentence; "" if no run did).
    title : str
        What the y axis measures.
    looks : mapping
        The look of each series.
    description : str
        The text alternative.
    log : bool
        Logarithmic y axis.
    """
    series, order = list_unique(points, "series"), list_unique(points, "setting")
    toggle = make_toggle(series)
    legend = {"title": None, "symbolOpacity": 1}
    scale = {"type": "log", "nice": False} if log else {"zero": False}
    y = quantity(
        "mean", title=title, scale=scale, axis={"tickCount": 5, "labelFlush": 7, "format": "~g"}
    )
    rules = {
        "mark": mark("rule", strokeWidth=1.5),
        "encoding": {
            "y": quantity("low", scale=scale), "y2": {"field": "high"}, "opacity": toggle.fade(0.6)
        },
    }  # fmt: skip
    lines = {
        "mark": mark("line", strokeWidth=1.5),
        "encoding": {
            "y": y,
            "opacity": toggle.fade(),
            "strokeDash": nominal("series", scale=dash_scale(looks, series), legend=legend),
        },
    }
    marks = {
        "mark": mark("point", filled=True, size=45),
        "encoding": {
            "y": y,
            "opacity": toggle.fade(),
            "shape": nominal("series", scale=shape_scale(looks, series), legend=legend),
        },
    }
    rates = points["learning_rate"].unique().sort().to_list()
    layered = {
        "data": list_rows(points),
        "encoding": {
            "x": quantity(
                "learning_rate", title="learning rate", axis={"format": "~g", "values": rates},
                scale={"type": "log", "padding": 12, "nice": False},
            ),
            "color": nominal("series", scale=colour_scale(looks, series), legend=legend),
            "tooltip": [
                nominal("series"), quantity("learning_rate"), quantity("mean", format=".4g"),
                quantity("low"), quantity("high"), nominal("diverged"),
            ],
        },
        "layer": [rules, lines, marks],
        "height": 190,
        "width": 240,
    }  # fmt: skip
    chart = make_panels(layered, "setting", order, 3, 58, [*toggle.parameters, make_zoom()])
    return lay_out(chart, description, panels=min(3, len(order)), narrowest=220, axes=58)


def draw_race(points: pl.DataFrame, description: str) -> Chart:
    """Draw accuracies with their intervals against seconds, each with its name beside it.

    Parameters
    ----------
    points : table
        `name`, `accuracy`, `low`, `high`, `seconds`.
    description : str
        The text alternative.
    """
    rules = {
        "mark": mark("rule", color=MUTED, strokeWidth=2),
        "encoding": {"y": quantity("low", scale={"zero": False}), "y2": {"field": "high"}},
    }
    y = quantity("accuracy", title="test accuracy", axis={"format": ".0%", "tickCount": 6})
    marks = {
        "mark": mark("point", filled=True, size=60, color=BLUE, opacity=1),
        "encoding": {"y": y},
        "params": [make_zoom()],
    }
    names = {
        "mark": mark("text", align="left", dx=8, dy=-4, fontSize=12),
        "encoding": {"y": y, "text": nominal("name")},
    }
    chart = {
        "data": list_rows(points),
        "encoding": {
            "x": quantity(
                "seconds", title="seconds a run", scale={"type": "log", "padding": 60},
                axis={"format": "~g", "tickCount": 5},
            ),
            "tooltip": [
                nominal("name"), quantity("accuracy", format=".2%"), quantity("low"),
                quantity("high"), quantity("seconds"),
            ],
        },
        "layer": [rules, marks, names],
        "height": 320,
    }  # fmt: skip
    return lay_out(chart, description)
