"""From a table to a chart: curves, fitted lines, final figures.

Every function is pure and returns one Altair specification with its data inside, compact: a row a
line, its points in arrays. `usermeta.layout` tells the page how to fit panels into its width.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, cast

import altair as alt
import polars as pl

from fairtrial.report.appearance import (
    INK,
    MUTED,
    colour_scale,
    dash_scale,
    shape_scale,
)
from fairtrial.report.summaries import list_unique

Chart: TypeAlias = alt.Chart | alt.LayerChart | alt.FacetChart

PANEL_HEIGHT = 150
SIGNIFICANT = 4
"""Digits that a number keeps inside a chart."""


def pack(table: pl.DataFrame, keys: Sequence[str]) -> alt.InlineData:
    """Put a table into a specification: a row for each set of `keys`, the rest as arrays."""
    numbers = [name for name, kind in table.schema.items() if kind.is_float()]
    rounded = table.with_columns(pl.col(numbers).round_sig_figs(SIGNIFICANT))
    packed = rounded.group_by(list(keys), maintain_order=True).agg(pl.all())
    return alt.InlineData(values=packed.to_dicts())


def lay_out(
    chart: Chart,
    description: str,
    *,
    panels: int = 0,
    narrowest: int = 200,
    renderer: str = "svg",
    **layout: Any,
) -> Chart:
    """Tell the page what a chart shows in words, and how its panels may be fitted.

    Parameters
    ----------
    chart : chart
        The specification.
    description : str
        The text alternative.
    panels : int
        How many panels may stand side by side; 0 for a chart of a single view.
    narrowest : int
        Width under which a panel never goes, in pixels, axes included.
    renderer : str
        "svg", or "canvas" where there are thousands of marks.
    layout : dict
        `axes`: pixels beside each panel for its axis; `cells`: pixels of an image across, whose
        panels are square and whole multiples of it.
    """
    meta = {"renderer": renderer, "layout": {"panels": panels, "narrowest": narrowest} | layout}
    return chart.properties(description=description, usermeta=meta)


def draw_curves(
    bands: pl.DataFrame,
    description: str,
    *,
    facet: str,
    y_title: str,
    reference: pl.DataFrame | None = None,
    x_title: str = "step",
    share_y: bool = True,
    log: bool = True,
    panels: int = 3,
) -> Chart:
    """Draw mean curves with bands from the smallest to the largest value over the seeds.

    Parameters
    ----------
    bands : table
        As `summarise_curves` returns it; colour, dash and legend tell the series.
    description : str
        The text alternative.
    facet : str
        "setting" or "series": what each panel shows.
    y_title, x_title : str
        What the axes measure.
    reference : table, optional
        Means of the same kind that are drawn behind, thin and grey, in the panel of their series.
    share_y : bool
        One scale for all panels; never for losses, which are different objectives.
    log : bool
        Logarithmic y axis; values that are not positive are left out.
    panels : int
        How many panels may stand side by side.
    """
    keys = ["setting", "series", "role"]
    shown = bands.with_columns(role=pl.lit("arm")).drop("n_seeds")
    if reference is not None:
        shown = pl.concat([shown, reference.with_columns(role=pl.lit("reference")).drop("n_seeds")])
    if log:
        values = pl.col("mean", "low", "high")
        shown = shown.with_columns(pl.when(values > 0).then(values))
    series, order = list_unique(bands, "series"), list_unique(bands, facet)
    scale = alt.Scale(type="log", nice=False) if log else alt.Scale(zero=False)
    y_axis = alt.Axis(tickCount=4, labelFlush=7, format="~g" if log else "")
    x = alt.X("at:Q").title(x_title).axis(tickCount=4).scale(nice=False)
    y = alt.Y("mean:Q").title(y_title).axis(y_axis).scale(scale)
    legend = None if facet == "series" else _line_legend()
    colour = alt.Color("series:N").scale(colour_scale(series)).legend(legend)
    dash = alt.StrokeDash("series:N").scale(dash_scale(series)).legend(legend)
    base = alt.Chart().encode(x=x)
    is_arm, is_reference = "datum.role == 'arm'", "datum.role == 'reference'"
    layers = []
    if bands["n_seeds"].max() != 1:
        band = base.transform_filter(is_arm).mark_area(opacity=0.22 if facet == "series" else 0.14)
        layers.append(band.encode(y=alt.Y("low:Q").scale(scale), y2="high:Q", color=colour))
    if reference is not None:
        line = base.transform_filter(is_reference).mark_line(strokeWidth=1.5, color=MUTED)
        layers.append(line.encode(y=y))
    line = base.transform_filter(is_arm).mark_line(strokeWidth=2)
    layers.append(line.encode(y=y, color=colour, strokeDash=dash))
    layered = alt.layer(*layers, data=pack(shown, keys), height=PANEL_HEIGHT, width=200)
    layered = layered.transform_flatten(["at", "mean", "low", "high"])
    chart = _facet(layered, facet, order, panels, 58)
    if not share_y:
        chart = chart.resolve_scale(y="independent")
    return lay_out(chart, description, panels=min(panels, len(order)), axes=58)


def _facet(
    chart: Chart, field: str, order: Sequence[str], panels: int, axes: int
) -> alt.FacetChart:
    """Make a panel of each value of a field, `axes` pixels of room at each one's left."""
    header = alt.Header(title=None, labelAnchor="start", labelFontWeight="bold", labelPadding=6)
    facet = alt.Facet(field=field, type="nominal", sort=list(order), header=header)
    faceted = cast("alt.Chart", chart).facet(facet=facet, columns=min(panels, len(order)))
    faceted = faceted.properties(bounds="flush", spacing={"row": 64, "column": axes})
    return faceted.resolve_axis(x="independent", y="independent")


def _line_legend(**more: Any) -> alt.Legend:
    return alt.Legend(title=None, symbolType="stroke", symbolOpacity=1, symbolStrokeWidth=2, **more)


def draw_learning_rates(changes: pl.DataFrame, description: str) -> Chart:
    """Draw the learning rate of every run as steps, a panel a setting.

    Parameters
    ----------
    changes : table
        As `find_changes` returns it.
    description : str
        The text alternative.
    """
    series, order = list_unique(changes, "series"), list_unique(changes, "setting")
    many = changes["seed"].n_unique() > 1
    base = alt.Chart(pack(changes, ["setting", "series", "seed"]), height=120, width=200)
    legend = _line_legend()
    chart = (
        base.transform_flatten(["at", "value"])
        .mark_line(
            interpolate="step-after",
            strokeWidth=1 if many else 2,
            opacity=0.45 if many else 1,
        )
        .encode(
            x=alt.X("at:Q").title("step").axis(tickCount=4).scale(nice=False),
            y=alt.Y("value:Q")
            .title("learning rate")
            .axis(tickCount=4, format="~e", labelFlush=7)
            .scale(type="log", nice=False),
            color=alt.Color("series:N").scale(colour_scale(series)).legend(legend),
            strokeDash=alt.StrokeDash("series:N").scale(dash_scale(series)).legend(legend),
            detail="seed:N",
        )
    )
    chart = _facet(chart, "setting", order, 3, 62)
    return lay_out(chart, description, panels=min(3, len(order)), axes=62)


def draw_fits(rows: pl.DataFrame, lines: pl.DataFrame, description: str) -> Chart:
    """Draw data rows with the line that each series fitted to them, and the true line.

    Parameters
    ----------
    rows : table
        `setting`, `x`, `y`: a sample of the data.
    lines : table
        `setting`, `series`, `slope`, `intercept`, `task.slope`, `task.intercept`.
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
    legend = _line_legend()
    points = base.transform_filter("datum.role == 'row'").mark_circle(
        size=8, color=MUTED, opacity=0.45
    )
    true_line = base.transform_filter("datum.role == 'truth'").mark_line(
        color=INK, strokeWidth=5, opacity=0.3
    )
    fit = base.transform_filter("datum.role == 'fit'").mark_line(strokeWidth=1.75)
    fit = fit.encode(
        color=alt.Color("series:N").scale(colour_scale(series)).legend(legend),
        strokeDash=alt.StrokeDash("series:N").scale(dash_scale(series)).legend(legend),
    )
    layered = alt.layer(
        points, true_line, fit,
        data=pack(table, ["setting", "role", "series"]), height=PANEL_HEIGHT, width=200,
    ).transform_flatten(["x", "y"])  # fmt: skip
    chart = _facet(layered, "setting", order, 4, 46)
    return lay_out(
        chart, description, panels=min(4, len(order)), narrowest=190, axes=46, renderer="canvas"
    )


def draw_final_values(
    runs: pl.DataFrame, metric: str, title: str, description: str, *, log: bool = True
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
    description : str
        The text alternative.
    log : bool
        Logarithmic axis; values that are not positive are left out.
    """
    value = pl.col(metric).cast(pl.Float64)
    usable = runs.filter(value.is_finite() & ((value > 0) if log else True))
    each = usable.select("setting", "series", value=value)
    mean = each.group_by("setting", "series", maintain_order=True).agg(pl.col("value").mean())
    series, order = list_unique(runs, "series"), list_unique(runs, "setting")
    numbers = pl.col("value").round_sig_figs(SIGNIFICANT)
    scale = alt.Scale(type="log", nice=False, padding=8) if log else alt.Scale(zero=False)
    base = alt.Chart().encode(
        x=alt.X("value:Q").title(title).axis(tickCount=6, format="~g").scale(scale),
        y=alt.Y("setting:N")
        .title(None)
        .sort(order)
        .axis(grid=True, tickBand="extent")
        .scale(paddingInner=0.2, paddingOuter=0.1),
        yOffset=alt.YOffset("series:N").sort(series),
        color=alt.Color("series:N").scale(colour_scale(series)).legend(title=None, symbolOpacity=1),
    )
    layers = []
    if usable.height > mean.height:
        ticks = base.properties(data=alt.InlineData(values=each.with_columns(numbers).to_dicts()))
        layers.append(ticks.mark_tick(thickness=1, opacity=0.65, bandSize=8))
    marks = base.properties(data=alt.InlineData(values=mean.with_columns(numbers).to_dicts()))
    layers.append(
        marks.mark_point(filled=True, size=55, opacity=1).encode(
            shape=alt.Shape("series:N")
            .scale(shape_scale(series))
            .legend(title=None, symbolOpacity=1),
            tooltip=[
                alt.Tooltip("setting:N"),
                alt.Tooltip("series:N", title="loss"),
                alt.Tooltip("value:Q", title=metric.replace("_", " ")),
            ],
        )
    )
    chart = alt.layer(*layers, height=12 * len(order) * len(series))
    return lay_out(chart, description)


def draw_reported(
    runs: pl.DataFrame, reported: Mapping[str, float], metric: str, title: str, description: str
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
    shape = alt.Scale(domain=list(shapes), range=list(shapes.values()))
    legend = alt.Legend(title=None, symbolStrokeColor=INK, symbolOpacity=1)
    base = alt.Chart(alt.InlineData(values=table.to_dicts())).encode(
        x=alt.X("value:Q")
        .title(title)
        .scale(zero=False, padding=12)
        .axis(tickCount=6, format=".2~%"),
        y=alt.Y("series:N").title(None).sort(order),
        shape=alt.Shape("what:N").scale(shape).legend(legend),
        tooltip=["series:N", "what:N", alt.Tooltip("value:Q", title=title, format=".2%")],
    )
    colour = alt.Color("series:N").scale(colour_scale(order)).legend(None)
    seeds = base.transform_filter(f"datum.what == '{one}'").mark_point(
        size=130 if many else 90, opacity=0.75, strokeWidth=1.5
    )
    claimed = base.transform_filter(f"datum.what == '{told}'").mark_point(
        size=150, opacity=1, strokeWidth=2.5, color=INK
    )
    layers = [seeds.encode(color=colour), claimed]
    if many:
        circles = base.transform_filter(f"datum.what == '{mean}'").mark_point(
            size=90, opacity=1, strokeWidth=2.5
        )
        layers.insert(1, circles.encode(color=colour))
    return lay_out(alt.layer(*layers, height=44 * len(order)), description)


def draw_shares(curves: pl.DataFrame, description: str, *, y_title: str) -> Chart:
    """Draw a quantity on the training and on the validation rows per epoch, a panel a series.

    Parameters
    ----------
    curves : table
        As `summarise_curves` returns it, with a column `rows`: "train" or "validation".
    description : str
        The text alternative.
    y_title : str
        What the y axis measures.
    """
    order, kinds = list_unique(curves, "series"), list_unique(curves, "rows")
    epochs = cast("int", curves["at"].max())
    ticks = list(range(0, epochs + 1, max(1, math.ceil(epochs / 5))))
    table = curves.drop("n_seeds", "setting")
    dashes = alt.Scale(domain=kinds, range=[[1, 0], [5, 3]])
    colour = alt.Color("series:N").scale(colour_scale(order)).legend(None)
    number = ".0%" if y_title == "accuracy" else "~g"
    y = (
        alt.Y("mean:Q")
        .title(y_title)
        .scale(zero=False)
        .axis(tickCount=5, format=number, labelFlush=7)
    )
    base = alt.Chart().encode(
        x=alt.X("at:Q").title("epoch").scale(nice=False).axis(values=ticks, format="d"),
        color=colour,
    )
    layers = []
    if curves["n_seeds"].max() != 1:
        band = base.mark_area(opacity=0.2).encode(
            y=alt.Y("low:Q").scale(zero=False), y2="high:Q", detail="rows:N"
        )
        layers.append(band)
    legend = _line_legend(symbolStrokeColor=INK)
    dash = alt.StrokeDash("rows:N").scale(dashes).legend(legend)
    layers.append(base.mark_line(strokeWidth=2).encode(y=y, strokeDash=dash))
    layers.append(base.mark_point(filled=True, size=22, opacity=1).encode(y=y, detail="rows:N"))
    layered = alt.layer(*layers, data=pack(table, ["series", "rows"]), height=190, width=240)
    layered = layered.transform_flatten(["at", "mean", "low", "high"])
    chart = _facet(layered, "series", order, 3, 58)
    return lay_out(chart, description, panels=min(3, len(order)), narrowest=220, axes=58)
