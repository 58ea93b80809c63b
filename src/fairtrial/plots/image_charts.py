"""From a table to a chart, where a row is an image: weights of classes, pictures with labels."""

from __future__ import annotations

from typing import cast

import altair as alt
import polars as pl

from fairtrial.plots.appearance import BLUE, NEUTRAL, VERMILLION
from fairtrial.plots.layout import Chart, embed, lay_out, list_rows
from fairtrial.plots.summaries import list_unique

WEIGHT_DIGITS = 3
GREYS = alt.Scale(domain=[0, 255], range=["#ffffff", "#111111"])


def draw_weights(table: pl.DataFrame, limit: float, description: str) -> Chart:
    """Draw the weights of each class as an image, all on one diverging scale.

    Parameters
    ----------
    table : table
        `name`: the class; `values`: its weights, a list of side × side, row by row.
    limit : float
        The scale runs from -`limit` to `limit`; weights beyond take its last colour.
    description : str
        The text alternative.
    """
    side = _find_side(table)
    values = pl.col("values").list.eval(pl.element().cast(pl.Float64).round_sig_figs(WEIGHT_DIGITS))
    rows = table.select("name", values=values)
    scale = alt.Scale(
        type="symlog",
        constant=limit / 30,
        domain=[-limit, 0, limit],
        range=[BLUE, NEUTRAL, VERMILLION],
        interpolate="lab",
        clamp=True,
    )
    ticks = [sign * limit * share for share in (0.1, 1.0) for sign in (-1, 1)]
    legend = alt.Legend(
        title="weight", padding=10, gradientLength=220, values=sorted([0.0, *ticks]), format="~g"
    )
    pixels = _draw_pixels().encode(color=alt.Color("weight:Q").scale(scale).legend(legend))
    chart = _unfold(pixels, side, "weight", "name").properties(
        data=embed(rows), width=168, height=168
    )
    header = alt.Header(title=None, labelFontWeight="bold", labelPadding=4)
    facet = alt.Facet(field="name", type="nominal", sort=list_unique(table, "name"), header=header)
    faceted = chart.facet(facet=facet, columns=5).properties(
        bounds="flush", spacing={"row": 26, "column": 14}
    )
    return lay_out(
        faceted, description, panels=5, narrowest=130, axes=14, cells=side, renderer="canvas"
    )


def draw_samples(table: pl.DataFrame, description: str) -> Chart:
    """Draw labelled images.

    Parameters
    ----------
    table : table
        `values`: grey levels of an image from 0 to 1, a list of side × side, row by row; `name`:
        its label.
    description : str
        The text alternative.
    """
    side = _find_side(table)
    rows = table.select("name", values=_round_levels())
    pixels = _draw_pixels().encode(color=alt.Color("level:Q").scale(GREYS).legend(None))
    chart = _unfold(pixels, side, "level", "name").properties(data=embed(rows), width=84, height=84)
    header = alt.Header(title=None, labelFontWeight="bold", labelPadding=4, labelLimit=100)
    facet = alt.Facet(field="name", type="nominal", sort=list_unique(table, "name"), header=header)
    faceted = chart.facet(facet=facet, columns=10).properties(
        bounds="flush", spacing={"row": 26, "column": 20}
    )
    return lay_out(
        faceted, description, panels=10, narrowest=100, axes=20, cells=side, renderer="canvas"
    )


def _round_levels() -> pl.Expr:
    return pl.col("values").list.eval((pl.element() * 255).round().cast(pl.Int16))


def draw_predictions(table: pl.DataFrame, description: str) -> Chart:
    """Draw images in a grid of three columns, with true and predicted label.

    Parameters
    ----------
    table : table
        `values`: grey levels of an image from 0 to 1, a list of side × side, row by row; `truth`
        and `predicted`: names of classes.
        A right prediction gets a tick, a wrong one a cross, each with its colour.
    description : str
        The text alternative.
    """
    side = _find_side(table)
    is_right = pl.col("truth") == pl.col("predicted")
    verdict = pl.when(is_right).then(pl.lit("✓ ")).otherwise(pl.lit("✗ ")) + pl.col("predicted")
    rows = table.with_row_index("place").select(
        "place", "truth", verdict.alias("verdict"), is_right.alias("right"), values=_round_levels()
    )
    pixels = _draw_pixels().encode(color=alt.Color("level:Q").scale(GREYS).legend(None))
    under = alt.Chart().transform_filter("datum.rank == 1")
    place = {"align": "left", "baseline": "top", "x": 0, "y": "height", "limit": 108}
    truth = under.mark_text(**place, dy=5).encode(text="truth:N")
    verdicts = under.mark_text(**place, dy=19, fontWeight="bold").encode(
        text="verdict:N",
        color=alt.condition("datum.right", alt.value(BLUE), alt.value(VERMILLION)),
    )
    layered = alt.layer(pixels, truth, verdicts, data=embed(rows), width=84, height=84)
    layered = _unfold(layered, side, "level", "place")
    header = alt.Header(title=None, labelExpr="''", labelFontSize=0, labelPadding=0)
    facet = alt.Facet(field="place", type="ordinal", header=header)
    chart = layered.facet(facet=facet, columns=3).properties(
        bounds="flush", spacing={"row": 46, "column": 20}
    )
    return lay_out(
        chart, description, panels=3, narrowest=1, axes=20, cells=side, renderer="canvas"
    )


def draw_confusion(table: pl.DataFrame, description: str) -> Chart:
    """Draw how often rows of each class are taken for each other class.

    Parameters
    ----------
    table : table
        `truth`, `predicted` (names of classes, in order) and `share` of the class's rows.
    description : str
        The text alternative.
    """
    names = list_unique(table, "truth")
    is_right = pl.col("truth") == pl.col("predicted")
    shown = table.with_columns(
        text=pl.when(pl.col("share") >= 0.005)
        .then((100 * pl.col("share")).round(0).cast(pl.Int64).cast(pl.String))
        .otherwise(pl.lit("")),
        wrong=pl.when(~is_right).then("share"),
    )
    base = alt.Chart(list_rows(shown), height=30 * len(names)).encode(
        x=alt.X("predicted:N")
        .title("predicted")
        .sort(names)
        .axis(labelAngle=0 if max(map(len, names)) < 3 else -45),
        y=alt.Y("truth:N").title("true class").sort(names),
        tooltip=["truth:N", "predicted:N", alt.Tooltip("share:Q", format=".1%")],
    )
    largest = max(float(shown["wrong"].fill_null(0.0).to_numpy().max()), 0.01)
    scale = alt.Scale(domain=[0, largest], range=[NEUTRAL, VERMILLION])
    colour = alt.Color("wrong:Q").scale(scale).legend(None)
    wrong = base.transform_filter("datum.wrong !== null").mark_rect().encode(color=colour)
    right = base.transform_filter("datum.wrong === null").mark_rect(color=BLUE, opacity=0.25)
    text = base.mark_text(fontSize=11).encode(text="text:N")
    return lay_out(alt.layer(wrong, right, text), description)


def _unfold(chart: Chart, side: int, field: str, image: str) -> alt.Chart:
    """Give each of an image's `values` a row of its own, with its place in the image."""
    return (
        cast("alt.Chart", chart)
        .transform_flatten(["values"], as_=[field])
        .transform_window(rank="row_number()", groupby=[image])
        .transform_calculate(
            column=f"(datum.rank - 1) % {side}", row=f"floor((datum.rank - 1) / {side})"
        )
    )


def _draw_pixels() -> alt.Chart:
    """Draw a square for each pixel, from the upper left corner, row by row."""
    return (
        alt.Chart()
        .mark_rect(strokeWidth=0)
        .encode(
            x=alt.X("column:O").axis(None).scale(padding=0),
            y=alt.Y("row:O").axis(None).scale(padding=0),
        )
    )


def _find_side(table: pl.DataFrame) -> int:
    return round(len(table["values"][0]) ** 0.5)
