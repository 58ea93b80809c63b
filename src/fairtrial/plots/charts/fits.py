"""Specifications of the charts of data: rows, noise, targets, fits and residuals."""

from __future__ import annotations

from typing import cast

import polars as pl

from fairtrial.plots.charts.appearance import BLUE, INK, MUTED, Looks, colour_scale, dash_scale
from fairtrial.plots.charts.layout import (
    PANEL_HEIGHT,
    Chart,
    keep,
    lay_out,
    line_legend,
    list_rows,
    make_panels,
    make_toggle,
    make_zoom,
    mark,
    nominal,
    pack,
    quantity,
)
from fairtrial.plots.summaries import list_unique


def draw_fits(rows: pl.DataFrame, lines: pl.DataFrame, looks: Looks, description: str) -> Chart:
    """Draw data rows, the line that each series fitted, and the true line.

    Parameters
    ----------
    rows : table
        `setting`, `x`, `y`: a sample of the data.
    lines : table
        `setting`, `series`, `slope`, `intercept`, `task.slope`, `task.intercept`.
    looks : mapping
        The look of each series.
    description : str
        The text alternative.
    """
    series, order = list_unique(lines, "series"), list_unique(lines, "setting")
    ends = cast("tuple[float, float]", (rows["x"].min(), rows["x"].max()))
    truth = lines.unique("setting", keep="first", maintain_order=True).select(
        "setting", pl.lit("truth").alias("role"), pl.lit("true line").alias("series"),
        slope="task.slope", intercept="task.intercept",
    )  # fmt: skip
    fits = lines.select("setting", pl.lit("fit").alias("role"), "series", "slope", "intercept")
    drawn = pl.concat([truth, fits]).join(pl.DataFrame({"x": ends}), how="cross")
    drawn = drawn.with_columns(y=pl.col("intercept") + pl.col("slope") * pl.col("x"))
    dots = rows.select(
        "setting", pl.lit("row").alias("role"), pl.lit("data").alias("series"), "x", "y"
    )
    table = pl.concat([dots, drawn.select(dots.columns)])
    points = {
        "transform": keep("row"),
        "mark": mark("circle", size=8, color=MUTED, opacity=0.45),
    }
    true_line = {
        "transform": keep("truth"),
        "mark": mark("line", color=INK, strokeWidth=5, opacity=0.3),
    }
    fit = {
        "transform": keep("fit"),
        "mark": mark("line", strokeWidth=1.75),
        "encoding": {
            "color": nominal("series", scale=colour_scale(looks, series), legend=line_legend()),
            "strokeDash": nominal("series", scale=dash_scale(looks, series), legend=line_legend()),
        },
    }
    layered = {
        "data": pack(table, ["setting", "role", "series"]),
        "transform": [{"flatten": ["x", "y"]}],
        "encoding": {
            "x": quantity("x", axis={"tickCount": 5}, scale={"nice": False}),
            "y": quantity("y", axis={"tickCount": 5, "labelFlush": 7}),
        },
        "layer": [points, true_line, fit],
        "height": PANEL_HEIGHT,
        "width": 200,
    }
    chart = make_panels(layered, "setting", order, 4, 46)
    return lay_out(
        chart, description, panels=min(4, len(order)), narrowest=190, axes=46, renderer="canvas"
    )


def draw_noise(bars: pl.DataFrame, density: pl.DataFrame, description: str) -> Chart:
    """Draw histograms of noise, each with its density.

    Parameters
    ----------
    bars : table
        `setting`, `low`, `high` (the ends of a bin, in target units), `share` (of rows, per unit).
    density : table
        `setting`, `at`, `density` (per target unit).
    description : str
        The text alternative.
    """
    order = list_unique(bars, "setting")
    table = pl.concat(
        [
            bars.with_columns(role=pl.lit("bar")),
            density.select("setting", low="at", share="density").with_columns(role=pl.lit("line")),
        ],
        how="diagonal_relaxed",
    )
    bar = {
        "transform": keep("bar"),
        "mark": mark("rect", color=MUTED, opacity=0.45),
        "encoding": {"x2": {"field": "high"}, "y2": {"datum": 0}},
    }
    line = {"transform": keep("line"), "mark": mark("line", color=BLUE, strokeWidth=2)}
    layered = {
        "data": pack(table, ["setting", "role"]),
        "transform": [{"flatten": ["low", "high", "share"]}],
        "encoding": {
            "x": quantity(
                "low", title="noise, in target units", axis={"tickCount": 5}, scale={"nice": False}
            ),
            "y": quantity("share", title="density", axis={"tickCount": 4}),
        },
        "layer": [bar, line],
        "height": 120,
        "width": 200,
    }
    chart = make_panels(layered, "setting", order, 3, 52)
    chart["resolve"]["scale"] = {"x": "independent", "y": "independent"}
    return lay_out(chart, description, panels=min(3, len(order)), axes=52)


def draw_residuals(outlines: pl.DataFrame, looks: Looks, description: str) -> Chart:
    """Draw the outline of the residuals of each series, one panel per setting.

    Parameters
    ----------
    outlines : table
        `setting`, `series`, `at` (the left end of a bin, in target units), `share` (of rows, per
        unit).
    looks : mapping
        The look of each series.
    description : str
        The text alternative.
    """
    series, order = list_unique(outlines, "series"), list_unique(outlines, "setting")
    toggle = make_toggle(series)
    lines = {
        "data": pack(outlines, ["setting", "series"]),
        "transform": [{"flatten": ["at", "share"]}],
        "mark": mark("line", interpolate="step-after", strokeWidth=1.5),
        "encoding": {
            "x": quantity(
                "at", title="residual, in target units", axis={"tickCount": 5},
                scale={"nice": False},
            ),
            "y": quantity("share", title="density", axis={"tickCount": 4}),
            "color": nominal("series", scale=colour_scale(looks, series), legend=line_legend()),
            "strokeDash": nominal("series", scale=dash_scale(looks, series), legend=line_legend()),
            "opacity": toggle.fade(),
            "tooltip": [nominal("series")],
        },
        "height": 120,
        "width": 200,
    }  # fmt: skip
    chart = make_panels(lines, "setting", order, 4, 46, toggle.parameters)
    chart["resolve"]["scale"] = {"x": "independent", "y": "independent"}
    return lay_out(chart, description, panels=min(4, len(order)), narrowest=190, axes=46)


def draw_targets(bars: pl.DataFrame, title: str, description: str) -> Chart:
    """Draw the number of rows with each target: a bar per class, or bins of numbers.

    Parameters
    ----------
    bars : table
        `rows` and `name` (a class), or `rows`, `low` and `high` (the ends of a bin).
    title : str
        Title of the axis of targets.
    description : str
        The text alternative.
    """
    data, count = list_rows(bars), quantity("rows", title="rows", axis={"tickCount": 4})
    if "name" in bars.columns:
        chart = {
            "data": data,
            "mark": mark("bar", color=MUTED),
            "encoding": {
                "x": count | {"axis": {"tickCount": 5}},
                "y": nominal("name", title=title, sort=list_unique(bars, "name")),
                "tooltip": [nominal("name"), quantity("rows")],
            },
            "height": 20 * bars.height,
        }
        return lay_out(chart, description)
    chart = {
        "data": data,
        "mark": mark("rect", color=MUTED),
        "encoding": {
            "x": quantity("low", title=title, scale={"nice": False, "zero": False}),
            "x2": {"field": "high"},
            "y": count,
            "y2": {"datum": 0},
        },
        "height": PANEL_HEIGHT,
    }
    return lay_out(chart, description)


def draw_predicted(points: pl.DataFrame, looks: Looks, description: str) -> Chart:
    """Draw predictions for test rows against the true targets, one panel per series.

    Parameters
    ----------
    points : table
        `series`, `truth`, `predicted`, in target units.
    looks : mapping
        The look of each series.
    description : str
        The text alternative.
    """
    order = list_unique(points, "series")
    low, high = points["truth"].min(), points["truth"].max()
    same = pl.DataFrame({"series": order, "truth": low, "predicted": low})
    same = pl.concat([same, pl.DataFrame({"series": order, "truth": high, "predicted": high})])
    roles = [points.with_columns(role=pl.lit("row")), same.with_columns(role=pl.lit("same"))]
    table = pl.concat(roles, how="vertical_relaxed")
    line = {
        "transform": keep("same"),
        "mark": mark("line", color=INK, strokeWidth=1.5, opacity=0.5),
    }
    dots = {
        "transform": keep("row"),
        "mark": mark("circle", size=10, opacity=0.5),
        "encoding": {
            "color": nominal("series", scale=colour_scale(looks, order), legend=None)
        },
    }  # fmt: skip
    layered = {
        "data": pack(table, ["series", "role"]),
        "transform": [{"flatten": ["truth", "predicted"]}],
        "encoding": {
            "x": quantity(
                "truth", title="true target", axis={"tickCount": 5},
                scale={"zero": False, "nice": False},
            ),
            "y": quantity(
                "predicted", title="predicted", axis={"tickCount": 5, "labelFlush": 7},
                scale={"zero": False},
            ),
        },
        "layer": [line, dots],
        "height": PANEL_HEIGHT,
        "width": 200,
    }  # fmt: skip
    chart = make_panels(layered, "series", order, 4, 46, [make_zoom()])
    return lay_out(
        chart, description, panels=min(4, len(order)), narrowest=190, axes=46, renderer="canvas"
    )
