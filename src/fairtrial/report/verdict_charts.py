"""The charts of a claim: its differences seed by seed, and their split."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt
import polars as pl

from fairtrial.report.appearance import BLUE, INK, MUTED, VERMILLION
from fairtrial.report.charts import SIGNIFICANT, Chart, lay_out

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
    metric = row["on"].replace("_", " ")
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


def draw_parts(row: Mapping[str, Any]) -> Chart:
    """Draw choice and budget as two bars from 0, with their intervals."""
    names = ("choice", "budget")
    parts = [
        {"part": name, "value": row[name], "low": row[f"{name}_low"], "high": row[f"{name}_high"]}
        for name in names
    ]
    base = alt.Chart(alt.InlineData(values=parts))
    y = alt.Y("part:N").sort(list(names)).title(None)
    colour = alt.Color("part:N").scale(domain=list(names), range=[BLUE, VERMILLION]).legend(None)
    title = f"part of the difference in {row['on'].replace('_', ' ')}"
    bars = base.mark_bar(opacity=0.85, height=14).encode(
        x=alt.X("value:Q").title(title).axis(format="~g", tickCount=6), y=y, color=colour,
        tooltip=["part:N", alt.Tooltip("value:Q", format=f".{SIGNIFICANT}g")],
    )  # fmt: skip
    layers: list[Any] = [bars]
    if all(part["low"] is not None and part["high"] is not None for part in parts):
        layers.append(base.mark_rule(strokeWidth=2, color=INK).encode(x="low:Q", x2="high:Q", y=y))
    said = f"Choice {row['choice']:.3g}, budget {row['budget']:.3g}."
    return lay_out(alt.layer(*layers, height=56), said)
