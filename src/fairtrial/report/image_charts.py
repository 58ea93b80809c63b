"""From a table to a chart, where a row is an image: weights of classes, pictures with labels."""

from __future__ import annotations

import altair as alt
import polars as pl

from fairtrial.report.appearance import BLUE, NEUTRAL, VERMILLION
from fairtrial.report.charts import Chart, lay_out
from fairtrial.report.summaries import list_unique

WEIGHT_DIGITS = 3


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
        clamp=True,
    )
    ticks = [sign * _round(limit * share) for share in (0.1, 1.0) for sign in (-1, 1)]
    legend = alt.Legend(
        title="weight", orient="top", gradientLength=220, values=sorted([0.0, *ticks]), format="~g"
    )
    pixels = _draw_pixels(alt.Chart(), side, "weight").encode(
        color=alt.Color("weight:Q").scale(scale).legend(legend)
    )
    chart = pixels.properties(data=alt.InlineData(values=rows.to_dicts()), width=168, height=168)
    header = alt.Header(title=None, labelFontWeight="bold", labelPadding=4)
    facet = alt.Facet(field="name", type="nominal", sort=list_unique(table, "name"), header=header)
    faceted = chart.facet(facet=facet, columns=5, spacing=14)
    return lay_out(
        faceted, description, panels=5, narrowest=130, axes=14, cells=side, renderer="canvas"
    )


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
    levels = pl.col("values").list.eval((pl.element() * 255).round().cast(pl.Int16))
    is_right = pl.col("truth") == pl.col("predicted")
    verdict = pl.when(is_right).then(pl.lit("✓ ")).otherwise(pl.lit("✗ ")) + pl.col("predicted")
    rows = table.with_row_index("place").select(
        "place", "truth", verdict.alias("verdict"), is_right.alias("right"), values=levels
    )
    grey = alt.Scale(domain=[0, 255], range=["#ffffff", "#111111"])
    pixels = _draw_pixels(alt.Chart(), side, "level").encode(
        color=alt.Color("level:Q").scale(grey).legend(None)
    )
    colour = alt.Color("right:N").scale(domain=[True, False], range=[BLUE, VERMILLION]).legend(None)
    under = {"align": "left", "baseline": "top", "x": 0, "limit": 108}
    truth = alt.Chart().mark_text(**under, y=alt.expr("height + 5")).encode(text="truth:N")
    verdicts = alt.Chart().mark_text(**under, y=alt.expr("height + 19"), fontWeight="bold")
    layered = alt.layer(
        pixels,
        truth,
        verdicts.encode(text="verdict:N", color=colour),
        data=alt.InlineData(values=rows.to_dicts()),
        width=84,
        height=84,
    ).resolve_scale(color="independent")
    header = alt.Header(title=None, labels=False)
    facet = alt.Facet(field="place", type="ordinal", header=header)
    chart = layered.facet(facet=facet, columns=3, spacing={"row": 40, "column": 20})
    return lay_out(
        chart, description, panels=3, narrowest=1, axes=20, cells=side, renderer="canvas"
    )


def _draw_pixels(chart: alt.Chart, side: int, field: str) -> alt.Chart:
    """Unfold `values` into squares, from the upper left corner, row by row."""
    return (
        chart.transform_flatten(["values"], as_=[field])
        .transform_window(rank="row_number()", groupby=["name" if field == "weight" else "place"])
        .transform_calculate(
            column=f"(datum.rank - 1) % {side}", row=f"floor((datum.rank - 1) / {side})"
        )
        .mark_rect(strokeWidth=0)
        .encode(
            x=alt.X("column:O").axis(None).scale(padding=0),
            y=alt.Y("row:O").axis(None).scale(padding=0),
        )
    )


def _find_side(table: pl.DataFrame) -> int:
    return round(len(table["values"][0]) ** 0.5)


def _round(value: float) -> float:
    return float(f"{value:.1g}")
