"""Specifications of the charts of a claim: its differences, their parts, its verdicts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import polars as pl

from fairtrial.plots.charts.appearance import (
    BLUE,
    FAINT,
    GREEN,
    INK,
    MUTED,
    SKY,
    VERMILLION,
    Looks,
    show_metric,
)
from fairtrial.plots.charts.layout import (
    MARK_LEGEND,
    SIGNIFICANT,
    Chart,
    Specification,
    embed,
    encode_looks,
    lay_out,
    layer,
    list_rows,
    mark,
    nominal,
    quantity,
)
from fairtrial.plots.summaries import list_unique

ROW_HEIGHT = 13
DIAMOND = mark("point", filled=True, size=90, shape="diamond", opacity=1, color=INK)
"""The mark of a mean."""


def draw_differences(by_seed: pl.DataFrame, row: Mapping[str, Any]) -> Chart:
    """Draw the difference of each seed, the mean with its interval, and the margin.

    The table has `seed` and `difference`; the row is the claim's in `verdicts.json`.
    """
    title = f"difference in {show_metric(row['on'])}"
    x = quantity("difference", title=title, axis={"format": "~g", "tickCount": 6})
    shown = by_seed.sort("difference").select(
        pl.col("seed").cast(pl.String), pl.col("difference").round_sig_figs(6)
    )
    order = [*shown["seed"], "mean"]
    y = nominal("seed", title="seed", sort=order, axis={"labelOverlap": True})
    tooltip = [nominal("seed"), quantity("difference", format=f".{SIGNIFICANT}g")]
    dots = mark("point", filled=True, size=45, opacity=1)
    points = layer(dots, x=x, y=y, color={"value": BLUE}, tooltip=tooltip)
    ends = {"low": row["low"], "high": row["high"]}
    mean = {"data": {"values": [{"seed": "mean", "difference": row["difference"], **ends}]}}
    bar = mark("rule", strokeWidth=5, opacity=0.5, color=INK)
    interval = layer(bar, x=quantity("low"), x2={"field": "high"}, y=y)
    layers = [
        *([_draw_margin(row["margin"])] if row["margin"] else []),
        _draw_zero(strokeDash=[3, 3]),
        *([mean | interval] if None not in ends.values() else []),
        points | {"data": embed(shown)},
        mean | layer(DIAMOND, x=x, y=y),
    ]
    n_against = (shown["difference"] < 0).sum()
    said = (
        f"Mean {row['difference']:.3g}; {shown.height - n_against} of {shown.height} seeds are "
        "at or above 0."
    )
    return lay_out({"layer": layers, "height": ROW_HEIGHT * len(order)}, said)


def _draw_margin(margin: float) -> Specification:
    band = mark("rect", color=MUTED, opacity=0.15)
    drawn = layer(band, x=quantity("from"), x2={"field": "to"})
    return drawn | {"data": {"values": [{"from": -margin, "to": margin}]}}


def _draw_zero(**more: Any) -> Specification:
    drawn = layer(mark("rule", color=MUTED, **more), x=quantity("at"))
    return drawn | {"data": {"values": [{"at": 0}]}}


def draw_sides(by_seed: pl.DataFrame, row: Mapping[str, Any], looks: Looks) -> Chart:
    """Draw the metric of both sides, with a line that joins the values of each seed.

    The table has `seed`, `better_value`, `than_value`, `difference`: means over the pairs of a
    seed. The row is the claim's in `verdicts.json`; the looks are those of the names of the sides,
    better and than.
    """
    names, metric = list(looks), show_metric(row["on"])
    shown = by_seed.sort("difference").select(
        pl.col("seed").cast(pl.String), better="better_value", than="than_value"
    )
    order = shown["seed"].to_list()
    y = nominal("seed", title="seed", sort=order, axis={"labelOverlap": True})
    axis, scale = {"format": "~g", "tickCount": 5}, {"zero": False}
    joined = layer(
        mark("rule", color=MUTED, strokeWidth=2, opacity=0.5),
        x=quantity("better", title=metric, axis=axis, scale=scale),
        x2={"field": "than"},
        y=y,
    )
    said_name = f"datum.side == 'better' ? {json.dumps(names[0])} : {json.dumps(names[1])}"
    legend = MARK_LEGEND | {"labelLimit": 260, "columns": 1}
    fold = [
        {"fold": ["better", "than"], "as": ["side", "value"]},
        {"calculate": said_name, "as": "name"},
    ]
    ends = {"transform": fold} | layer(
        mark("point", filled=True, size=48, opacity=1),
        x=quantity("value", title=metric, scale=scale),
        y=y,
        **encode_looks(looks, names, "color", "shape", legend=legend, field="name"),
        tooltip=[
            nominal("seed"), nominal("name"), quantity("value", format=f".{SIGNIFICANT + 1}g")
        ],
    )  # fmt: skip
    layered = {
        "data": list_rows(shown), "layer": [joined, ends], "height": ROW_HEIGHT * len(order)
    }  # fmt: skip
    return lay_out(layered, f"{metric} of {names[0]} and {names[1]}, seed by seed.")


PART_COLOURS = {
    "objective": BLUE,
    "unfinished": VERMILLION,
    "noise_floor": SKY,
    "objective_and_unfinished": BLUE,
    "unfinished_and_noise_floor": VERMILLION,
}


def draw_cause(row: Mapping[str, Any]) -> Chart:
    """Draw the parts of a difference, a bar each, and the whole; all with their intervals."""
    names = [name for name in PART_COLOURS if row[name] is not None]
    labels = [name.replace("_", " ") for name in names]
    shown = pl.DataFrame(
        {
            "part": [*labels, "difference"],
            "value": [row[name] for name in (*names, "difference")],
            "low": [row[f"{name}_low"] for name in names] + [row["low"]],
            "high": [row[f"{name}_high"] for name in names] + [row["high"]],
        },
        schema_overrides=dict.fromkeys(("value", "low", "high"), pl.Float64),
    )
    of_parts = pl.col("part") != "difference"
    x = quantity(
        "value", title=f"difference in {show_metric(row['on'])}",
        axis={"format": "~g", "tickCount": 6},
    )  # fmt: skip
    y = nominal("part", title=None, sort=shown["part"].to_list(), axis={"labelLimit": 260})
    colours = {"domain": labels, "range": [PART_COLOURS[name] for name in names]}
    bars = layer(
        mark("bar", opacity=0.85, height=12),
        x=x,
        y=y,
        color=nominal("part", scale=colours, legend=None),
        tooltip=[nominal("part"), quantity("value"), quantity("low"), quantity("high")],
    )
    known = shown.drop_nulls()
    rule = mark("rule", strokeWidth=2, color=INK)
    intervals = layer(rule, x=quantity("low"), x2={"field": "high"}, y=y)
    layers = [
        bars | {"data": list_rows(shown.filter(of_parts))},
        _draw_zero(),
        *([intervals | {"data": list_rows(known)}] if known.height else []),
        layer(DIAMOND, x=x, y=y) | {"data": list_rows(shown.filter(~of_parts))},
    ]
    said = "; ".join(f"{part} {value:.3g}" for part, value in shown.select("part", "value").rows())
    return lay_out({"layer": layers, "height": 20 * shown.height}, f"{said}.")


VERDICT_LOOKS = {
    "holds": (GREEN, "✓"),
    "equivalent": (SKY, "="),
    "undecided": (FAINT, "?"),
    "reversed": (VERMILLION, "✗"),
}
"""Colour and sign of each verdict."""


def draw_grid(cells: pl.DataFrame, titles: tuple[str, str], description: str) -> Chart:
    """Draw a grid of verdicts: one cell per row and column, with a colour and a sign.

    The cells have `column`, `row` (as text, in the order to draw them), `verdict`, `difference`,
    `low`, `high`; columns and rows have the titles.
    """
    columns, rows = list_unique(cells, "column"), list_unique(cells, "row")
    signs = {name: sign for name, (_, sign) in VERDICT_LOOKS.items()}
    cells = cells.with_columns(sign=pl.col("verdict").replace_strict(signs))
    domain = [f"{sign} {name}" for name, (_, sign) in VERDICT_LOOKS.items()]
    colours = [colour for colour, _ in VERDICT_LOOKS.values()]
    legend = MARK_LEGEND | {"symbolType": "square", "symbolStrokeWidth": 0}
    squares = layer(
        mark("rect", opacity=0.55, cornerRadius=2),
        color=nominal("named", scale={"domain": domain, "range": colours}, legend=legend),
        tooltip=[
            *(nominal(field) for field in ("row", "column", "verdict")),
            *(quantity(field) for field in ("difference", "low", "high")),
        ],
    )
    named = [{"calculate": "datum.sign + ' ' + datum.verdict", "as": "named"}]
    layered = {
        "data": list_rows(cells),
        "height": 26 * len(rows),
        "encoding": {
            "x": nominal(
                "column", title=titles[0], sort=columns, axis={"orient": "top", "labelAngle": 0}
            ),
            "y": nominal("row", title=titles[1], sort=rows),
        },
        "layer": [
            {"transform": named} | squares, layer(mark("text", fontSize=13), text=nominal("sign"))
        ],
    }  # fmt: skip
    return lay_out(layered, description)
