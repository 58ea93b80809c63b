"""From a claim to its charts: seed by seed, choice and budget, where it holds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import altair as alt
import polars as pl

from fairtrial.plots.appearance import (
    BLUE,
    FAINT,
    GREEN,
    INK,
    MUTED,
    SKY,
    VERMILLION,
    Looks,
    colour_scale,
    shape_scale,
    show_metric,
)
from fairtrial.plots.layout import SIGNIFICANT, Chart, lay_out, list_rows
from fairtrial.plots.summaries import list_unique

ROW_HEIGHT = 13


def draw_differences(by_seed: pl.DataFrame, row: Mapping[str, Any]) -> Chart:
    """Draw the difference of each seed, their mean with its interval, and the margin.

    Parameters
    ----------
    by_seed : table
        `seed`, `difference`.
    row : mapping
        The claim, as in `verdicts.json`.
    """
    metric = show_metric(row["on"])
    x = alt.X("difference:Q").title(f"difference in {metric}").axis(format="~g", tickCount=6)
    ordered = by_seed.sort("difference").with_columns(pl.col("difference").round_sig_figs(6))
    order = [*(str(seed) for seed in ordered["seed"]), "mean"]
    y = alt.Y("seed:N").sort(order).title("seed").axis(labelOverlap=True)
    seeds = [
        {"seed": str(seed), "difference": difference}
        for seed, difference in ordered.select("seed", "difference").iter_rows()
    ]
    points = alt.Chart(alt.InlineData(values=seeds)).mark_point(filled=True, size=45, opacity=1)
    points = points.encode(
        x=x, y=y, color=alt.value(BLUE),
        tooltip=["seed:N", alt.Tooltip("difference:Q", format=f".{SIGNIFICANT}g")],
    )  # fmt: skip
    ends = [row["low"], row["high"]]
    interval = {"seed": "mean", "difference": row["difference"], "low": ends[0], "high": ends[1]}
    whole = alt.Chart(alt.InlineData(values=[interval]))
    mean = whole.mark_point(filled=True, size=90, shape="diamond", opacity=1, color=INK)
    layers: list[Any] = [_draw_margin(row["margin"])] if row["margin"] else []
    layers.append(
        alt.Chart(alt.InlineData(values=[{"at": 0}]))
        .mark_rule(color=MUTED, strokeDash=[3, 3])
        .encode(x="at:Q")
    )
    if None not in ends:
        layers.append(whole.mark_rule(strokeWidth=5, opacity=0.5, color=INK).encode(
            x=alt.X("low:Q"), x2="high:Q", y=y
        ))  # fmt: skip
    layers += [points, mean.encode(x=x, y=y)]
    n_against = sum(seed["difference"] < 0 for seed in seeds)
    said = (
        f"Mean {row['difference']:.3g}; {len(seeds) - n_against} of {len(seeds)} seeds are not "
        "below 0."
    )
    return lay_out(alt.layer(*layers, height=ROW_HEIGHT * len(order)), said)


def _draw_margin(margin: float) -> alt.Chart:
    band = alt.Chart(alt.InlineData(values=[{"from": -margin, "to": margin}]))
    return band.mark_rect(color=MUTED, opacity=0.15).encode(x="from:Q", x2="to:Q")


def draw_sides(by_seed: pl.DataFrame, row: Mapping[str, Any], looks: Looks) -> Chart:
    """Draw the metric of both sides, joined seed by seed.

    Parameters
    ----------
    by_seed : table
        `seed`, `better_value`, `than_value`, `difference`: means over the pairs of a seed.
    row : mapping
        The claim, as in `verdicts.json`.
    looks : mapping
        What the sides are called, better and than, and the look of each.
    """
    names = list(looks)
    ordered = by_seed.sort("difference")
    order = [str(seed) for seed in ordered["seed"]]
    shown = ordered.select(pl.col("seed").cast(pl.String), better="better_value", than="than_value")
    metric = show_metric(row["on"])
    base = alt.Chart().encode(y=alt.Y("seed:N").sort(order).title("seed").axis(labelOverlap=True))
    x = alt.X("better:Q").title(metric).axis(format="~g", tickCount=5).scale(zero=False)
    joined = base.mark_rule(color=MUTED, strokeWidth=2, opacity=0.5).encode(x=x, x2="than:Q")
    ends = base.transform_fold(["better", "than"], as_=["side", "value"]).transform_calculate(
        name=f"datum.side == 'better' ? {json.dumps(names[0])} : {json.dumps(names[1])}"
    )
    legend = alt.Legend(title=None, symbolOpacity=1, labelLimit=260, columns=1)
    marks = ends.mark_point(filled=True, size=48, opacity=1).encode(
        x=alt.X("value:Q").title(metric).scale(zero=False),
        color=alt.Color("name:N").scale(colour_scale(looks, names)).legend(legend),
        shape=alt.Shape("name:N").scale(shape_scale(looks, names)).legend(legend),
        tooltip=["seed:N", "name:N", alt.Tooltip("value:Q", format=f".{SIGNIFICANT + 1}g")],
    )
    layered = alt.layer(joined, marks, data=list_rows(shown), height=ROW_HEIGHT * len(order))
    said = f"{metric} of {names[0]} and {names[1]}, joined seed by seed."
    return lay_out(layered, said)


def draw_split(row: Mapping[str, Any]) -> Chart:
    """Draw choice and budget as one bar, and their sum, the difference, with its interval."""
    names = ("choice", "budget")
    parts = pl.DataFrame(
        {
            "part": names,
            "value": [row[name] for name in names],
            "low": [row[f"{name}_low"] for name in names],
            "high": [row[f"{name}_high"] for name in names],
        },
        schema_overrides=dict.fromkeys(("value", "low", "high"), pl.Float64),
    )
    title = f"difference in {show_metric(row['on'])}"
    legend = alt.Legend(title=None, symbolType="square", symbolOpacity=1)
    colour = alt.Color("part:N").scale(domain=list(names), range=[BLUE, VERMILLION])
    bar = (
        alt.Chart(list_rows(parts))
        .mark_bar(opacity=0.85, height=16)
        .encode(
            x=alt.X("value:Q").title(title).axis(format="~g", tickCount=6).stack("zero"),
            color=colour.legend(legend),
            tooltip=["part:N", "value:Q", "low:Q", "high:Q"],
        )
    )
    whole = pl.DataFrame({name: [row[name]] for name in ("difference", "low", "high")})
    total = alt.Chart(list_rows(whole.cast(pl.Float64)))
    zero = alt.Chart(alt.InlineData(values=[{"at": 0}])).mark_rule(color=MUTED)
    layers: list[Any] = [bar, zero.encode(x="at:Q")]
    if None not in (row["low"], row["high"]):
        layers.append(total.mark_rule(strokeWidth=2, color=INK).encode(x="low:Q", x2="high:Q"))
    mean = total.mark_point(filled=True, size=90, shape="diamond", opacity=1, color=INK)
    layers.append(mean.encode(x="difference:Q"))
    said = (
        f"Choice {row['choice']:.3g}, budget {row['budget']:.3g}; together {row['difference']:.3g}."
    )
    return lay_out(alt.layer(*layers, height=44), said)


VERDICT_LOOKS = {
    "holds": (GREEN, "✓"),
    "equivalent": (SKY, "="),
    "undecided": (FAINT, "?"),
    "reversed": (VERMILLION, "✗"),
}
"""Colour and sign of each verdict."""


def draw_grid(cells: pl.DataFrame, titles: tuple[str, str], description: str) -> Chart:
    """Draw where a claim holds: a cell for each column and row, its verdict by colour and sign.

    Parameters
    ----------
    cells : table
        `column`, `row` (as text, in the order to draw them), `verdict`, `difference`, `low`,
        `high`.
    titles : (str, str)
        What columns and rows are.
    description : str
        The text alternative.
    """
    columns, rows = list_unique(cells, "column"), list_unique(cells, "row")
    signs = {name: sign for name, (_, sign) in VERDICT_LOOKS.items()}
    cells = cells.with_columns(sign=pl.col("verdict").replace_strict(signs))
    domain = [f"{sign} {name}" for name, (_, sign) in VERDICT_LOOKS.items()]
    colours = [colour for colour, _ in VERDICT_LOOKS.values()]
    base = alt.Chart(list_rows(cells), height=26 * len(rows)).encode(
        x=alt.X("column:N").title(titles[0]).sort(columns).axis(orient="top", labelAngle=0),
        y=alt.Y("row:N").title(titles[1]).sort(rows),
    )
    legend = alt.Legend(title=None, symbolType="square", symbolOpacity=1, symbolStrokeWidth=0)
    squares = base.transform_calculate(named="datum.sign + ' ' + datum.verdict").mark_rect(
        opacity=0.55, cornerRadius=2
    )
    squares = squares.encode(
        color=alt.Color("named:N").scale(domain=domain, range=colours).legend(legend),
        tooltip=["row:N", "column:N", "verdict:N", "difference:Q", "low:Q", "high:Q"],
    )
    return lay_out(
        alt.layer(squares, base.mark_text(fontSize=13).encode(text="sign:N")), description
    )
