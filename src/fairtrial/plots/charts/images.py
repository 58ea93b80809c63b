"""Specifications of the charts of images: weights of classes, images with labels.

Their `description` is the text alternative.
"""

from __future__ import annotations

import polars as pl

from fairtrial.plots.charts.appearance import BLUE, NEUTRAL, VERMILLION
from fairtrial.plots.charts.layout import (
    Chart,
    Specification,
    embed,
    lay_out,
    layer,
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
    """Draw the weights of each class as an image, all on one scale from -`limit` to `limit`.

    The table has `name`, the class, and `values`, its weights, a list of side × side, row by row.
    Weights beyond the limit have the colour of its end.
    """
    values = pl.col("values").list.eval(pl.element().cast(pl.Float64).round_sig_figs(WEIGHT_DIGITS))
    scale = {
        "type": "symlog", "constant": limit / 30, "domain": [-limit, 0, limit],
        "range": [BLUE, NEUTRAL, VERMILLION], "interpolate": "lab", "clamp": True,
    }  # fmt: skip
    ticks = [sign * limit * share for share in (0.1, 1.0) for sign in (-1, 1)]
    legend = {
        "title": "weight", "padding": 10, "gradientLength": 220, "values": sorted([0.0, *ticks]),
        "format": "~g",
    }  # fmt: skip
    return _repeat(
        _draw_pixels(quantity("weight", scale=scale, legend=legend)), "weight",
        table.select("name", values=values), description,
        facet=nominal("name", sort=list_unique(table, "name"), header=HEADER),
        size=168, columns=5, gaps=(26, 14), narrowest=130,
    )  # fmt: skip


def draw_samples(table: pl.DataFrame, description: str) -> Chart:
    """Draw labelled images.

    The table has `values`, the grey levels of an image from 0 to 1, a list of side × side, row by
    row, and `name`, its label.
    """
    names = nominal("name", sort=list_unique(table, "name"), header=HEADER | {"labelLimit": 100})
    return _repeat(
        _draw_pixels(GREY_LEVEL), "level", table.select("name", values=_round_levels()),
        description, facet=names, size=84, columns=10, gaps=(26, 20), narrowest=100,
    )  # fmt: skip


def _round_levels() -> pl.Expr:
    return pl.col("values").list.eval((pl.element() * 255).round().cast(pl.Int16))


def draw_predictions(table: pl.DataFrame, description: str) -> Chart:
    """Draw images in a grid of three columns, with true and predicted label.

    The table has `values` as that of `draw_samples`, `truth` and `predicted`, names of classes. A
    correct prediction has a tick, a wrong one a cross.
    """
    is_right = pl.col("truth") == pl.col("predicted")
    verdict = pl.when(is_right).then(pl.lit("✓ ")).otherwise(pl.lit("✗ ")) + pl.col("predicted")
    rows = table.with_row_index("place").select(
        "place", "truth", verdict.alias("verdict"), is_right.alias("right"), values=_round_levels()
    )
    place = {"align": "left", "baseline": "top", "x": 0, "y": "height", "limit": 108}
    colour = {"condition": {"test": "datum.right", "value": BLUE}, "value": VERMILLION}
    under = "datum.rank == 1"
    layers = [
        _draw_pixels(GREY_LEVEL),
        layer(mark("text", **place, dy=5), where=under, text=nominal("truth")),
        layer(
            mark("text", **place, dy=19, fontWeight="bold"),
            where=under,
            text=nominal("verdict"),
            color=colour,
        ),
    ]
    header = {"title": None, "labelExpr": "''", "labelFontSize": 0, "labelPadding": 0}
    return _repeat(
        {"layer": layers}, "level", rows, description,
        facet={"field": "place", "type": "ordinal", "header": header},
        size=84, columns=3, gaps=(46, 20), narrowest=1,
    )  # fmt: skip


def draw_confusion(table: pl.DataFrame, description: str) -> Chart:
    """Draw a confusion matrix.

    The table has `truth`, `predicted` (names of classes, in order) and `share` of the rows of the
    true class.
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
    layers = [
        layer(
            mark("rect"),
            where="datum.wrong !== null",
            color=quantity("wrong", scale=scale, legend=None),
        ),
        layer(mark("rect", color=BLUE, opacity=0.25), where="datum.wrong === null"),
        layer(mark("text", fontSize=11), text=nominal("text")),
    ]
    angle = 0 if max(map(len, names)) < 3 else -45
    shares = [nominal("truth"), nominal("predicted"), quantity("share", format=".1%")]
    chart = {
        "data": list_rows(shown),
        "encoding": {
            "x": nominal("predicted", title="predicted", sort=names, axis={"labelAngle": angle}),
            "y": nominal("truth", title="true class", sort=names),
            "tooltip": shares,
        },
        "layer": layers,
        "height": 30 * len(names),
    }
    return lay_out(chart, description)


def _repeat(
    image: Specification, level: str, rows: pl.DataFrame, description: str, *,
    facet: Specification, size: int, columns: int, gaps: tuple[int, int], narrowest: int,
) -> Chart:  # fmt: skip
    """Draw an image for each row: each of its `values` becomes a pixel with row and column."""
    side = round(len(rows["values"][0]) ** 0.5)
    transform = [
        {"flatten": ["values"], "as": [level]},
        {"window": [{"op": "row_number", "as": "rank", "field": ""}], "groupby": [facet["field"]]},
        {"calculate": f"(datum.rank - 1) % {side}", "as": "column"},
        {"calculate": f"floor((datum.rank - 1) / {side})", "as": "row"},
    ]
    chart = {
        "data": embed(rows),
        "facet": facet,
        "spec": image | {"transform": transform, "width": size, "height": size},
        "columns": columns,
        "bounds": "flush",
        "spacing": dict(zip(("row", "column"), gaps, strict=True)),
    }
    return lay_out(
        chart, description, panels=columns, narrowest=narrowest, axes=gaps[1], cells=side,
        renderer="canvas",
    )  # fmt: skip


def _draw_pixels(colour: Specification) -> Specification:
    """Draw a square for each pixel, row by row from the upper left corner."""
    places: Specification = {
        channel: {"field": field, "type": "ordinal", "axis": None, "scale": {"padding": 0}}
        for channel, field in (("x", "column"), ("y", "row"))
    }
    return layer(mark("rect", strokeWidth=0), **places, color=colour)
