"""Specifications of the charts of data: rows, noise, targets, fits and residuals.

`looks` has the look of each series, and `description` is the text alternative.
"""

from __future__ import annotations

from typing import cast

import polars as pl

from fairtrial.plots.charts.appearance import BLUE, INK, MUTED, Looks
from fairtrial.plots.charts.layout import (
    LINE_LEGEND,
    PANEL_HEIGHT,
    Chart,
    encode_looks,
    lay_out,
    lay_out_panels,
    layer,
    list_rows,
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

    The rows, a sample of the data, have `setting`, `x`, `y`; the lines have `setting`, `series`,
    `slope`, `intercept`, `task.slope`, `task.intercept`.
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
    layers = [
        layer(mark("circle", size=8, color=MUTED, opacity=0.45), of="row"),
        layer(mark("line", color=INK, strokeWidth=5, opacity=0.3), of="truth"),
        layer(
            mark("line", strokeWidth=1.75),
            of="fit",
            **encode_looks(looks, series, "color", "strokeDash", legend=LINE_LEGEND),
        ),
    ]
    layered = {
        **pack(table, ["setting", "role", "series"]),
        "encoding": {
            "x": quantity("x", axis={"tickCount": 5}, scale={"nice": False}),
            "y": quantity("y", axis={"tickCount": 5, "labelFlush": 7}),
        },
        "layer": layers,
        "height": PANEL_HEIGHT,
        "width": 200,
    }
    return lay_out_panels(
        layered, "setting", order, description, panels=4, narrowest=190, axes=46, renderer="canvas"
    )


def draw_noise(bars: pl.DataFrame, density: pl.DataFrame, description: str) -> Chart:
    """Draw histograms of noise, each with its density.

    The bars have `setting`, `low`, `high` (the ends of a bin, in target units) and `share` (of
    rows, per unit); the density has `setting`, `at` and `density` (per target unit).
    """
    order = list_unique(bars, "setting")
    table = pl.concat(
        [
            bars.with_columns(role=pl.lit("bar")),
            density.select("setting", low="at", share="density").with_columns(role=pl.lit("line")),
        ],
        how="diagonal_relaxed",
    )
    grey = mark("rect", color=MUTED, opacity=0.45)
    bar = layer(grey, of="bar", x2={"field": "high"}, y2={"datum": 0})
    line = layer(mark("line", color=BLUE, strokeWidth=2), of="line")
    layered = {
        **pack(table, ["setting", "role"]),
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
    return lay_out_panels(layered, "setting", order, description, axes=52, own_scales="xy")


def draw_residuals(outlines: pl.DataFrame, looks: Looks, description: str) -> Chart:
    """Draw the outline of the residuals of each series, one panel per setting.

    The outlines have `setting`, `series`, `at` (the left end of a bin, in target units) and `share`
    (of rows, per unit).
    """
    series, order = list_unique(outlines, "series"), list_unique(outlines, "setting")
    toggle = make_toggle(series)
    lines = {
        **pack(outlines, ["setting", "series"]),
        "mark": mark("line", interpolate="step-after", strokeWidth=1.5),
        "encoding": {
            "x": quantity(
                "at", title="residual, in target units", axis={"tickCount": 5},
                scale={"nice": False},
            ),
            "y": quantity("share", title="density", axis={"tickCount": 4}),
            **encode_looks(looks, series, "color", "strokeDash", legend=LINE_LEGEND),
            "opacity": toggle.fade(),
            "tooltip": [nominal("series")],
        },
        "height": 120,
        "width": 200,
    }  # fmt: skip
    return lay_out_panels(
        lines, "setting", order, description, panels=4, narrowest=190, axes=46,
        parameters=toggle.parameters, own_scales="xy",
    )  # fmt: skip


def draw_targets(bars: pl.DataFrame, title: str, description: str) -> Chart:
    """Draw the number of rows with each target: a bar per class, or bins of numbers.

    The bars have `rows` and `name` (a class), or `rows`, `low` and `high` (the ends of a bin). The
    title is that of the axis of targets.
    """
    count, grey = quantity("rows", title="rows", axis={"tickCount": 4}), {"color": MUTED}
    if "name" in bars.columns:
        drawn = layer(
            mark("bar", **grey),
            x=count | {"axis": {"tickCount": 5}},
            y=nominal("name", title=title, sort=list_unique(bars, "name")),
            tooltip=[nominal("name"), quantity("rows")],
        )
        height = 20 * bars.height
    else:
        drawn = layer(
            mark("rect", **grey),
            x=quantity("low", title=title, scale={"nice": False, "zero": False}),
            x2={"field": "high"},
            y=count,
            y2={"datum": 0},
        )
        height = PANEL_HEIGHT
    return lay_out({"data": list_rows(bars), **drawn, "height": height}, description)


def draw_predicted(points: pl.DataFrame, looks: Looks, description: str) -> Chart:
    """Draw predictions for test rows against the true targets, one panel per series.

    The points have `series`, `truth` and `predicted`, in target units.
    """
    order = list_unique(points, "series")
    ends = pl.DataFrame({"truth": [points["truth"].min(), points["truth"].max()]})
    same = pl.DataFrame({"series": order}).join(ends, how="cross")
    same = same.with_columns(predicted="truth", role=pl.lit("same"))
    roles = [points.with_columns(role=pl.lit("row")), same]
    table = pl.concat(roles, how="vertical_relaxed")
    diagonal = layer(mark("line", color=INK, strokeWidth=1.5, opacity=0.5), of="same")
    colour = encode_looks(looks, order, "color", legend=None)
    dots = layer(mark("circle", size=10, opacity=0.5), of="row", **colour)
    layered = {
        **pack(table, ["series", "role"]),
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
        "layer": [diagonal, dots],
        "height": PANEL_HEIGHT,
        "width": 200,
    }  # fmt: skip
    return lay_out_panels(
        layered, "series", order, description, panels=4, narrowest=190, axes=46,
        parameters=[make_zoom()], renderer="canvas",
    )  # fmt: skip
