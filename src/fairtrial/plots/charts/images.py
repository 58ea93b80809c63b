"""Specifications of the charts of images: weights of classes, images with labels."""

from __future__ import annotations

from typing import Any

import polars as pl

from fairtrial.plots.charts.appearance import BLUE, NEUTRAL, VERMILLION
from fairtrial.plots.charts.layout import (
    Chart,
    Specification,
    embed,
    lay_out,
    list_rows,
    mark,
    nominal,
    quantity,
)
from fairtrial.plots.summaries import list_unique

WEIGHT_DIGITS = 3
GREYS = {"domain": [0, 255], "range": ["#ffffff", "#111111"]}
GREY_LEVEL = quantity("level", scale=GREYS, legend=None)
HEADER = {"title": None, "labelFontWeight": "bold", "labelPadding": 4}


def draw_weights(table: pl.DataFrame, limit: float, description: str) -> Chart:
    """Draw the weights of each class as an image, all on one diverging scale.

    Parameters
    ----------
    table : table
        `name`: the class; `values`: its weights, a list of side × side, row by row.
    limit : float
        The scale runs from -`limit` to `limit`; weights beyond have the colour of its end.
    description : str
        The text alternative.
    """
    side = _find_side(table)
    values = pl.col("values").list.eval(pl.element().cast(pl.Float64).round_sig_figs(WEIGHT_DIGITS))
    rows = table.select("name", values=values)
    scale = {
        "type": "symlog", "constant": limit / 30, "domain": [-limit, 0, limit],
        "range": [BLUE, NEUTRAL, VERMILLION], "interpolate": "lab", "clamp": True,
    }  # fmt: skip
    ticks = [sign * limit * share for share in (0.1, 1.0) for sign in (-1, 1)]
    legend = {
        "title": "weight", "padding": 10, "gradientLength": 220, "values": sorted([0.0, *ticks]),
        "format": "~g",
    }  # fmt: skip
    pixels = _draw_pixels(quantity("weight", scale=scale, legend=legend))
    chart = _repeat(
        pixels | {"width": 168, "height": 168}, embed(rows), "weight",
        facet=nominal("name", sort=list_unique(table, "name"), header=HEADER),
        columns=5, spacing={"row": 26, "column": 14}, side=side,
    )  # fmt: skip
    return lay_out(
        chart, description, panels=5, narrowest=130, axes=14, cells=side, renderer="canvas"
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
    chart = _repeat(
        _draw_pixels(GREY_LEVEL) | {"width": 84, "height": 84}, embed(rows), "level",
        facet=nominal(
            "name", sort=list_unique(table, "name"), header=HEADER | {"labelLimit": 100}
        ),
        columns=10, spacing={"row": 26, "column": 20}, side=side,
    )  # fmt: skip
    return lay_out(
        chart, description, panels=10, narrowest=100, axes=20, cells=side, renderer="canvas"
    )


def _round_levels() -> pl.Expr:
    return pl.col("values").list.eval((pl.element() * 255).round().cast(pl.Int16))


def draw_predictions(table: pl.DataFrame, description: str) -> Chart:
    """Draw images in a grid of three columns, with true and predicted label.

    Parameters
    ----------
    table : table
        `values`: grey levels of an image from 0 to 1, a list of side × side, row by row; `truth`
        and `predicted`: names of classes. A correct prediction has a tick, a wrong one a cross.
    description : str
        The text alternative.
    """
    side = _find_side(table)
    is_right = pl.col("truth") == pl.col("predicted")
    verdict = pl.when(is_right).then(pl.lit("✓ ")).otherwise(pl.lit("✗ ")) + pl.col("predicted")
    rows = table.with_row_index("place").select(
        "place", "truth", verdict.alias("verdict"), is_right.alias("right"), values=_round_levels()
    )
    place = {"align": "left", "baseline": "top", "x": 0, "y": "height", "limit": 108}
    under = {"transform": [{"filter": "datum.rank == 1"}]}
    truth = under | {
        "mark": mark("text", **place, dy=5),
        "encoding": {"text": nominal("truth")},
    }
    colour = {"condition": {"test": "datum.right", "value": BLUE}, "value": VERMILLION}
    verdicts = under | {
        "mark": mark("text", **place, dy=19, fontWeight="bold"),
        "encoding": {"text": nominal("verdict"), "color": colour},
    }
    layers = [_draw_pixels(GREY_LEVEL), truth, verdicts]
    header = {"title": None, "labelExpr": "''", "labelFontSize": 0, "labelPadding": 0}
    chart = _repeat(
        {"layer": layers, "width": 84, "height": 84}, embed(rows), "level",
        facet={"field": "place", "type": "ordinal", "header": header},
        columns=3, spacing={"row": 46, "column": 20}, side=side,
    )  # fmt: skip
    return lay_out(
        chart, description, panels=3, narrowest=1, axes=20, cells=side, renderer="canvas"
    )


def draw_confusion(table: pl.DataFrame, description: str) -> Chart:
    """Draw a confusion matrix.

    Parameters
    ----------
    table : table
        `truth`, `predicted` (names of classes, in order) and `share` of the rows of the true class.
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
    largest = max(float(shown["wrong"].fill_null(0.0).to_numpy().max()), 0.01)
    scale = {"domain": [0, largest], "range": [NEUTRAL, VERMILLION]}
    wrong = {
        "transform": [{"filter": "datum.wrong !== null"}],
        "mark": mark("rect"),
        "encoding": {"color": quantity("wrong", scale=scale, legend=None)},
    }
    right = {
        "transform": [{"filter": "datum.wrong === null"}],
        "mark": mark("rect", color=BLUE, opacity=0.25),
    }
    angle = 0 if max(map(len, names)) < 3 else -45
    shares = [nominal("truth"), nominal("predicted"), quantity("share", format=".1%")]
    chart = {
        "data": list_rows(shown),
        "encoding": {
            "x": nominal("predicted", title="predicted", sort=names, axis={"labelAngle": angle}),
            "y": nominal("truth", title="true class", sort=names),
            "tooltip": shares,
        },
        "layer": [
            wrong, right, {"mark": mark("text", fontSize=11), "encoding": {"text": nominal("text")}}
        ],
        "height": 30 * len(names),
    }  # fmt: skip
    return lay_out(chart, description)


def _repeat(
    image: Specification, data: Specification, level: str, *, facet: Specification, side: int,
    **layout: Any,
) -> Specification:  # fmt: skip
    """Draw an image for each row: each of its `values` becomes a pixel with row and column."""
    transform = [
        {"flatten": ["values"], "as": [level]},
        {"window": [{"op": "row_number", "as": "rank", "field": ""}], "groupby": [facet["field"]]},
        {"calculate": f"(datum.rank - 1) % {side}", "as": "column"},
        {"calculate": f"floor((datum.rank - 1) / {side})", "as": "row"},
    ]
    spec = image | {"transform": transform}
    return {"data": data, "facet": facet, "spec": spec, "bounds": "flush", **layout}


def _draw_pixels(colour: Specification) -> Specification:
    """Draw a square for each pixel, row by row from the upper left corner."""
    places = {
        channel: {"field": field, "type": "ordinal", "axis": None, "scale": {"padding": 0}}
        for channel, field in (("x", "column"), ("y", "row"))
    }
    return {"mark": mark("rect", strokeWidth=0), "encoding": places | {"color": colour}}


def _find_side(table: pl.DataFrame) -> int:
    return round(len(table["values"][0]) ** 0.5)
