"""From a table to a chart: rows of data, their noise, and how well they are fitted."""

from __future__ import annotations

from typing import cast

import altair as alt
import polars as pl

from fairtrial.plots.appearance import BLUE, INK, MUTED, Looks, colour_scale, dash_scale
from fairtrial.plots.layout import (
    PANEL_HEIGHT,
    Chart,
    lay_out,
    line_legend,
    list_rows,
    make_panels,
    make_toggle,
    make_zoom,
    pack,
)
from fairtrial.plots.summaries import list_unique


def draw_fits(rows: pl.DataFrame, lines: pl.DataFrame, looks: Looks, description: str) -> Chart:
    """Draw data rows with the line that each series fitted to them, and the true line.

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
    base = alt.Chart().encode(
        x=alt.X("x:Q").axis(tickCount=5).scale(nice=False),
        y=alt.Y("y:Q").axis(tickCount=5, labelFlush=7),
    )
    legend = line_legend()
    points = base.transform_filter("datum.role == 'row'").mark_circle(
        size=8, color=MUTED, opacity=0.45
    )
    true_line = base.transform_filter("datum.role == 'truth'").mark_line(
        color=INK, strokeWidth=5, opacity=0.3
    )
    fit = base.transform_filter("datum.role == 'fit'").mark_line(strokeWidth=1.75)
    fit = fit.encode(
        color=alt.Color("series:N").scale(colour_scale(looks, series)).legend(legend),
        strokeDash=alt.StrokeDash("series:N").scale(dash_scale(looks, series)).legend(legend),
    )
    layered = alt.layer(
        points, true_line, fit,
        data=pack(table, ["setting", "role", "series"]), height=PANEL_HEIGHT, width=200,
    ).transform_flatten(["x", "y"])  # fmt: skip
    chart = make_panels(layered, "setting", order, 4, 46)
    return lay_out(
        chart, description, panels=min(4, len(order)), narrowest=190, axes=46, renderer="canvas"
    )


def draw_noise(bars: pl.DataFrame, density: pl.DataFrame, description: str) -> Chart:
    """Draw histograms of drawn noise, each against the density that it is drawn from.

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
    base = alt.Chart()
    bar = base.transform_filter("datum.role == 'bar'").mark_rect(color=MUTED, opacity=0.45)
    bar = bar.encode(
        x=alt.X("low:Q").title("noise, in target units").axis(tickCount=5).scale(nice=False),
        x2="high:Q",
        y=alt.Y("share:Q").title("density").axis(tickCount=4),
        y2=alt.datum(0),
    )
    line = base.transform_filter("datum.role == 'line'").mark_line(color=BLUE, strokeWidth=2)
    line = line.encode(x="low:Q", y="share:Q")
    layered = alt.layer(bar, line, data=pack(table, ["setting", "role"]), height=120, width=200)
    layered = layered.transform_flatten(["low", "high", "share"])
    chart = make_panels(layered, "setting", order, 3, 52)
    chart = chart.resolve_scale(x="independent", y="independent")
    return lay_out(chart, description, panels=min(3, len(order)), axes=52)


def draw_residuals(outlines: pl.DataFrame, looks: Looks, description: str) -> Chart:
    """Draw the outline of each series' residuals, a panel a setting.

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
    lines = (
        alt.Chart(pack(outlines, ["setting", "series"]), height=120, width=200)
        .transform_flatten(["at", "share"])
        .mark_line(interpolate="step-after", strokeWidth=1.5)
        .encode(
            x=alt.X("at:Q").title("residual, in target units").axis(tickCount=5).scale(nice=False),
            y=alt.Y("share:Q").title("density").axis(tickCount=4),
            color=alt.Color("series:N").scale(colour_scale(looks, series)).legend(line_legend()),
            strokeDash=alt.StrokeDash("series:N")
            .scale(dash_scale(looks, series))
            .legend(line_legend()),
            opacity=toggle.fade(),
            tooltip=["series:N"],
        )
        .add_params(*toggle)
    )
    chart = make_panels(lines, "setting", order, 4, 46)
    chart = chart.resolve_scale(x="independent", y="independent")
    return lay_out(chart, description, panels=min(4, len(order)), narrowest=190, axes=46)


def draw_targets(bars: pl.DataFrame, title: str, description: str) -> Chart:
    """Draw how many rows have each target: classes by name, numbers in bins.

    Parameters
    ----------
    bars : table
        `rows` and `name`, a class; or `rows`, `low`, `high`, the ends of a bin.
    title : str
        What the targets are.
    description : str
        The text alternative.
    """
    base = alt.Chart(list_rows(bars))
    count = alt.Y("rows:Q").title("rows").axis(tickCount=4)
    if "name" in bars.columns:
        names = alt.Y("name:N").title(title).sort(list_unique(bars, "name"))
        rows = alt.X("rows:Q").title("rows").axis(tickCount=5)
        chart = base.mark_bar(color=MUTED).encode(x=rows, y=names, tooltip=["name:N", "rows:Q"])
        return lay_out(chart.properties(height=20 * bars.height), description)
    x = alt.X("low:Q").title(title).scale(nice=False, zero=False)
    chart = base.mark_rect(color=MUTED).encode(x=x, x2="high:Q", y=count, y2=alt.datum(0))
    return lay_out(chart.properties(height=PANEL_HEIGHT), description)


def draw_told(points: pl.DataFrame, looks: Looks, description: str) -> Chart:
    """Draw what models tell of test rows against the truth, a panel a series.

    Parameters
    ----------
    points : table
        `series`, `truth`, `told`, in target units.
    looks : mapping
        The look of each series.
    description : str
        The text alternative.
    """
    order = list_unique(points, "series")
    low, high = points["truth"].min(), points["truth"].max()
    same = pl.DataFrame({"series": order, "truth": low, "told": low})
    same = pl.concat([same, pl.DataFrame({"series": order, "truth": high, "told": high})])
    roles = [points.with_columns(role=pl.lit("row")), same.with_columns(role=pl.lit("same"))]
    table = pl.concat(roles, how="vertical_relaxed")
    base = alt.Chart().encode(
        x=alt.X("truth:Q").title("true target").axis(tickCount=5).scale(zero=False, nice=False),
        y=alt.Y("told:Q").title("predicted").axis(tickCount=5, labelFlush=7).scale(zero=False),
    )
    line = base.transform_filter("datum.role == 'same'").mark_line(
        color=INK, strokeWidth=1.5, opacity=0.5
    )
    colour = alt.Color("series:N").scale(colour_scale(looks, order)).legend(None)
    dots = base.transform_filter("datum.role == 'row'").mark_circle(size=10, opacity=0.5)
    layered = alt.layer(
        line, dots.encode(color=colour).add_params(make_zoom()),
        data=pack(table, ["series", "role"]), height=PANEL_HEIGHT, width=200,
    ).transform_flatten(["truth", "told"])  # fmt: skip
    chart = make_panels(layered, "series", order, 4, 46)
    return lay_out(
        chart, description, panels=min(4, len(order)), narrowest=190, axes=46, renderer="canvas"
    )
