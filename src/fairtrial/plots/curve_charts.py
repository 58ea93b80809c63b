"""From a table to a chart: what happened while runs were trained.

Every function is pure and returns one Altair specification with its data inside, compact: a row a
line, its points in arrays. `usermeta.layout` tells a page how to fit panels into its width.
"""

from __future__ import annotations

import math
from typing import cast

import altair as alt
import polars as pl

from fairtrial.plots.appearance import INK, MUTED, Looks, colour_scale, dash_scale
from fairtrial.plots.layout import (
    PANEL_HEIGHT,
    Chart,
    lay_out,
    line_legend,
    make_panels,
    make_toggle,
    make_zoom,
    pack,
)
from fairtrial.plots.summaries import list_unique


def draw_curves(
    bands: pl.DataFrame,
    looks: Looks,
    description: str,
    *,
    facet: str,
    y_title: str,
    singles: pl.DataFrame | None = None,
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
    looks : mapping
        The look of each series.
    description : str
        The text alternative.
    facet : str
        "setting" or "series": what each panel shows.
    y_title, x_title : str
        What the axes measure.
    singles : table, optional
        As `list_single_curves` returns it: the curve of each seed, shown where the reader asks.
    reference : table, optional
        Means of the same kind that are drawn behind, thin and grey, in the panel of their series.
    share_y : bool
        One scale for all panels; never for losses, which are different objectives.
    log : bool
        Logarithmic y axis; values that are not positive are left out.
    panels : int
        How many panels may stand side by side.
    """
    shown = _stack_roles(bands, singles, reference)
    if log:
        values = pl.col("mean", "low", "high")
        shown = shown.with_columns(pl.when(values > 0).then(values))
    series, order = list_unique(bands, "series"), list_unique(bands, facet)
    scale = alt.Scale(type="log", nice=False) if log else alt.Scale(zero=False)
    y_axis = alt.Axis(tickCount=4, labelFlush=7, format="~g" if log else "")
    x = (
        alt.X("at:Q")
        .title(x_title)
        .axis(tickCount=4, tickMinStep=1, labelFlush=12)
        .scale(nice=False)
    )
    y = alt.Y("mean:Q").title(y_title).axis(y_axis).scale(scale)
    legend = None if facet == "series" else line_legend()
    colour = alt.Color("series:N").scale(colour_scale(looks, series)).legend(legend)
    dash = alt.StrokeDash("series:N").scale(dash_scale(looks, series)).legend(legend)
    base, toggle = alt.Chart().encode(x=x), make_toggle(series) if legend else None
    tooltip = ["setting:N", "series:N"] if shown["setting"].n_unique() > 1 else ["series:N"]
    layers = []
    if bands["n_seeds"].max() != 1:
        opacity = 0.22 if facet == "series" else 0.14
        band = base.transform_filter("datum.role == 'arm'").mark_area(opacity=opacity)
        band = band.encode(y=alt.Y("low:Q").scale(scale), y2="high:Q", color=colour)
        layers.append(band.encode(opacity=toggle.fade(opacity)) if toggle else band)
    if reference is not None:
        line = base.transform_filter("datum.role == 'reference'")
        layers.append(line.mark_line(strokeWidth=1.5, color=MUTED).encode(y=y))
    if singles is not None:
        # Hidden, they still show one seed that cannot be seen: scales need something to measure.
        first = singles["seed"].min()
        shown_seeds = f"(single_seeds || datum.seed === {first})"
        single = base.transform_filter(f"datum.role == 'seed' && {shown_seeds}")
        single = single.mark_line(strokeWidth=0.8).encode(
            y=y, color=colour, detail="seed:N", tooltip=[*tooltip, "seed:N"],
            opacity=alt.when("!single_seeds").then(alt.value(0)).otherwise(alt.value(0.6)),
        )  # fmt: skip
        layers.append(single)
    line = base.transform_filter("datum.role == 'arm'").mark_line(strokeWidth=2)
    line = line.encode(y=y, color=colour, strokeDash=dash, tooltip=tooltip)
    layers.append(line.encode(opacity=toggle.fade()) if toggle else line)
    parameters = [make_zoom(), *(toggle or [])]
    layers[-1] = layers[-1].add_params(*parameters)
    keys = ["setting", "series", "role", *(["seed"] if singles is not None else [])]
    layered = alt.layer(*layers, data=pack(shown, keys), height=PANEL_HEIGHT, width=200)
    layered = layered.transform_flatten(["at", "mean", "low", "high"])
    chart = make_panels(layered, facet, order, panels, 58)
    if singles is not None:
        box = alt.binding_checkbox(name="show single seeds")
        chart = chart.add_params(alt.param(name="single_seeds", value=False, bind=box))
    if not share_y:
        chart = chart.resolve_scale(y="independent")
    return lay_out(chart, description, panels=min(panels, len(order)), axes=58)


def _stack_roles(
    bands: pl.DataFrame, singles: pl.DataFrame | None, reference: pl.DataFrame | None
) -> pl.DataFrame:
    """Stack what a chart of curves draws, each with its role."""
    tables = [bands.with_columns(role=pl.lit("arm"))]
    if singles is not None:
        single = singles.rename({"value": "mean"}).with_columns(role=pl.lit("seed"))
        tables.append(single)
    if reference is not None:
        tables.append(reference.with_columns(role=pl.lit("reference")))
    return pl.concat(tables, how="diagonal_relaxed").drop("n_seeds")


def draw_learning_rates(
    changes: pl.DataFrame, looks: Looks, description: str, unit: str = "step"
) -> Chart:
    """Draw the learning rate of every run as steps, a dot where it changes, a panel a setting.

    Parameters
    ----------
    changes : table
        As `find_changes` returns it.
    looks : mapping
        The look of each series.
    description : str
        The text alternative.
    unit : str
        "step" or "epoch": what `at` counts.
    """
    series, order = list_unique(changes, "series"), list_unique(changes, "setting")
    many = changes["seed"].n_unique() > 1
    ends = pl.col("at").is_in([0]) | (
        pl.col("at") == pl.col("at").max().over("setting", "series", "seed")
    )
    changes = changes.with_columns(changed=pl.when(~ends).then("value"))
    toggle = make_toggle(series)
    colour = alt.Color("series:N").scale(colour_scale(looks, series)).legend(line_legend())
    dash = alt.StrokeDash("series:N").scale(dash_scale(looks, series)).legend(line_legend())
    scale = alt.Scale(type="log", nice=False)
    axis = alt.Axis(tickCount=4, format="~e", labelFlush=7)
    base = alt.Chart().encode(
        x=alt.X("at:Q").title(unit).axis(tickCount=4, labelFlush=12).scale(nice=False),
        color=colour, detail="seed:N", opacity=toggle.fade(0.45 if many else 1.0),
        tooltip=["series:N", "seed:N", "at:Q", "value:Q"],
    )  # fmt: skip
    line = base.mark_line(interpolate="step-after", strokeWidth=1 if many else 2)
    y = alt.Y("value:Q").title("learning rate").axis(axis).scale(scale)
    dots = base.mark_point(filled=True, size=7).encode(y=alt.Y("changed:Q").scale(scale))
    line = line.encode(y=y, strokeDash=dash).add_params(*toggle, make_zoom())
    layered = alt.layer(
        line, dots, data=pack(changes, ["setting", "series", "seed"]), height=120, width=200
    ).transform_flatten(["at", "value", "changed"])
    chart = make_panels(layered, "setting", order, 3, 62)
    return lay_out(chart, description, panels=min(3, len(order)), axes=62)


def draw_shares(curves: pl.DataFrame, looks: Looks, description: str, *, y_title: str) -> Chart:
    """Draw a quantity on the training and on the validation rows per epoch, a panel a series.

    Parameters
    ----------
    curves : table
        As `summarise_curves` returns it, with a column `rows`: "train" or "validation".
    looks : mapping
        The look of each series.
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
    colour = alt.Color("series:N").scale(colour_scale(looks, order)).legend(None)
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
    legend = line_legend(symbolStrokeColor=INK)
    dash = alt.StrokeDash("rows:N").scale(dashes).legend(legend)
    layers.append(base.mark_line(strokeWidth=2).encode(y=y, strokeDash=dash))
    layers.append(base.mark_point(filled=True, size=22, opacity=1).encode(y=y, detail="rows:N"))
    layered = alt.layer(*layers, data=pack(table, ["series", "rows"]), height=190, width=240)
    layered = layered.transform_flatten(["at", "mean", "low", "high"])
    chart = make_panels(layered, "series", order, 3, 58)
    return lay_out(chart, description, panels=min(3, len(order)), narrowest=220, axes=58)
