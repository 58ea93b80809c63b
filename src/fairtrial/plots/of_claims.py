"""Charts of one claim of a trial: its differences, what they are made of, its curves."""

import json
from collections.abc import Mapping
from typing import Any

import polars as pl

from fairtrial.digits import show_number
from fairtrial.errors import InputError
from fairtrial.kinds.metrics.runs import LOSS_FLUCTUATION, RATE
from fairtrial.plots import vega
from fairtrial.plots.appearance import (
    BLUE,
    INK,
    MUTED,
    SKY,
    VERMILLION,
    Look,
    Looks,
    capitalise,
    show_metric,
)
from fairtrial.plots.judged import label_pair, read_claim, read_difference, split_arms
from fairtrial.plots.of_training import draw_curves
from fairtrial.plots.summaries import list_single_curves, summarise_curves
from fairtrial.plots.trials import find_unit, list_quantities, name_series, read_curves
from fairtrial.plots.vega import MARK_LEGEND, SIGNIFICANT, Chart, Specification
from fairtrial.results.results import Results
from fairtrial.results.verdicts import PARTS

MOST_PAIRS_OF_CURVES = 4
"""The most pairs of arms whose curves are shown, one panel per pair."""
N_POINTS = 60
"""Points that each curve of a claim keeps."""
CURVES_OF = {
    "excess_risk": "parameter_error",
    "steps_to_tolerance": "parameter_error",
    **dict.fromkeys(RATE, "learning_rate"),
    **dict.fromkeys(LOSS_FLUCTUATION, "loss"),
}
"""For metrics that summarise a curve: the quantity of that curve."""
ROW_HEIGHT = 13
DIAMOND = vega.mark("point", filled=True, size=90, shape="diamond", opacity=1, color=INK)
"""The mark of a mean."""
TICKS = {**vega.PLAIN, "tickCount": 6}
PART_COLOURS = {
    "objective": BLUE,
    "unfinished": VERMILLION,
    "noise_floor": SKY,
    "objective_and_unfinished": BLUE,
    "unfinished_and_noise_floor": VERMILLION,
}


def differences(trial: Results, claim: int = 1) -> Chart:
    """Draw the difference of a claim for each seed, the mean with 95 % interval, and the margin.

    Parameters
    ----------
    trial : Results
        A judged trial.
    claim : int
        The number of the claim in the study, from 1.

    Raises
    ------
    InputError
        If there is no such claim, or it has no difference.
    """
    judged = read_difference(trial, claim)
    return draw_differences(judged.by_seed, judged.row)


def draw_differences(by_seed: pl.DataFrame, row: Mapping[str, Any]) -> Chart:
    """Draw a table of `seed` and `difference`; the row is the claim's in `verdicts.json`."""
    x = vega.quantity("difference", title=f"difference in {show_metric(row['on'])}", axis=TICKS)
    shown = by_seed.sort("difference").select(
        pl.col("seed").cast(pl.String), pl.col("difference").round_sig_figs(6)
    )
    order = [*shown["seed"], "mean"]
    y = vega.nominal("seed", title="seed", sort=order, axis={"labelOverlap": True})
    exact = vega.quantity("difference", format=f".{SIGNIFICANT}g")
    points = vega.layer(
        vega.mark("point", filled=True, size=45, opacity=1), x=x, y=y, color={"value": BLUE},
        tooltip=[vega.nominal("seed"), exact],
    )  # fmt: skip
    ends = {"low": row["low"], "high": row["high"]}
    mean = {"data": {"values": [{"seed": "mean", "difference": row["difference"], **ends}]}}
    bar = vega.mark("rule", strokeWidth=5, opacity=0.5, color=INK)
    interval = vega.layer(bar, x=vega.quantity("low"), x2={"field": "high"}, y=y)
    layers = [
        *([_draw_margin(row["margin"])] if row["margin"] else []),
        _draw_zero(strokeDash=[3, 3]),
        *([mean | interval] if None not in ends.values() else []),
        points | {"data": vega.embed(shown)},
        mean | vega.layer(DIAMOND, x=x, y=y),
    ]
    n_against = (shown["difference"] < 0).sum()
    mean, n_for = show_number(row["difference"], 3), shown.height - n_against
    said = f"Mean {mean}; {n_for} of {shown.height} seeds are at or above 0."
    return vega.lay_out({"layer": layers, "height": ROW_HEIGHT * len(order)}, said)


def _draw_margin(margin: float) -> Specification:
    band = vega.mark("rect", color=MUTED, opacity=0.15)
    drawn = vega.layer(band, x=vega.quantity("from"), x2={"field": "to"})
    return drawn | {"data": {"values": [{"from": -margin, "to": margin}]}}


def _draw_zero(**more: Any) -> Specification:
    drawn = vega.layer(vega.mark("rule", color=MUTED, **more), x=vega.quantity("at"))
    return drawn | {"data": {"values": [{"at": 0}]}}


def sides(trial: Results, claim: int = 1) -> Chart:
    """Draw the metric of both sides of a claim, with a line that joins the values of each seed.

    Parameters
    ----------
    trial : Results
        A judged trial.
    claim : int
        The number of the claim in the study, from 1.

    Raises
    ------
    InputError
        If there is no such claim, or it has no difference.
    """
    judged = read_difference(trial, claim)
    named, all_looks = name_series(trial)
    series = dict(named.select("arm", "series").iter_rows())
    looks = _tell_sides_apart([
        (name, side, all_looks[series[judged.pairs[side][0]]])
        for name, side in zip(judged.names, ("better", "than"), strict=True)
    ])  # fmt: skip
    names, metric = list(looks), show_metric(judged.row["on"])
    shown = judged.by_seed.sort("difference").select(
        pl.col("seed").cast(pl.String), better="better_value", than="than_value"
    )
    order = shown["seed"].to_list()
    y = vega.nominal("seed", title="seed", sort=order, axis={"labelOverlap": True})
    titled = {"title": metric, "scale": {"zero": False}}
    axis = {**vega.PLAIN, "tickCount": 5}
    joined = vega.layer(
        vega.mark("rule", color=MUTED, strokeWidth=2, opacity=0.5),
        x=vega.quantity("better", axis=axis, **titled), x2={"field": "than"}, y=y,
    )  # fmt: skip
    said_name = f"datum.side == 'better' ? {json.dumps(names[0])} : {json.dumps(names[1])}"
    fold = [
        {"fold": ["better", "than"], "as": ["side", "value"]},
        {"calculate": said_name, "as": "name"},
    ]
    legend = MARK_LEGEND | {"labelLimit": 260, "columns": 1}
    exact = vega.quantity("value", format=f".{SIGNIFICANT + 1}g")
    ends = {"transform": fold} | vega.layer(
        vega.mark("point", filled=True, size=48, opacity=1),
        x=vega.quantity("value", **titled), y=y,
        **vega.encode_looks(looks, names, "color", "shape", legend=legend, field="name"),
        tooltip=[vega.nominal("seed"), vega.nominal("name"), exact],
    )  # fmt: skip
    layered = {"data": vega.list_rows(shown), "layer": [joined, ends]}
    said = f"{metric} of {names[0]} and {names[1]}, seed by seed."
    return vega.lay_out(layered | {"height": ROW_HEIGHT * len(order)}, said)


def cause(trial: Results, claim: int = 1) -> Chart:
    """Draw the parts of a claim's difference, each with its interval, and the whole.

    Parameters
    ----------
    trial : Results
        A judged trial.
    claim : int
        The number of the claim in the study, from 1.

    Raises
    ------
    InputError
        If there is no such claim, or its difference is not split.
    """
    row = read_difference(trial, claim).row
    if all(row[name] is None for name in PARTS):
        raise InputError(f"The difference of claim {claim} is not split. {row['cause']}")
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
    x = vega.quantity("value", title=f"difference in {show_metric(row['on'])}", axis=TICKS)
    y = vega.nominal("part", title=None, sort=shown["part"].to_list(), axis={"labelLimit": 260})
    colours = {"domain": labels, "range": [PART_COLOURS[name] for name in names]}
    numbers = [vega.quantity(field) for field in ("value", "low", "high")]
    bars = vega.layer(
        vega.mark("bar", opacity=0.85, height=12), x=x, y=y,
        color=vega.nominal("part", scale=colours, legend=None),
        tooltip=[vega.nominal("part"), *numbers],
    )  # fmt: skip
    known = shown.drop_nulls()
    rule = vega.mark("rule", strokeWidth=2, color=INK)
    intervals = vega.layer(rule, x=vega.quantity("low"), x2={"field": "high"}, y=y)
    layers = [
        bars | {"data": vega.list_rows(shown.filter(of_parts))},
        _draw_zero(),
        *([intervals | {"data": vega.list_rows(known)}] if known.height else []),
        vega.layer(DIAMOND, x=x, y=y) | {"data": vega.list_rows(shown.filter(~of_parts))},
    ]
    means = shown.select("part", "value").rows()
    said = "; ".join(f"{part} {show_number(value, 3)}" for part, value in means)
    return vega.lay_out({"layer": layers, "height": 20 * shown.height}, f"{said}.")


def curves_of_claim(trial: Results, claim: int = 1) -> Chart | None:
    """Draw the curves of both sides of a claim, one panel per pair of arms.

    Lines are means over the seeds; bands reach from the smallest to the largest value.

    Parameters
    ----------
    trial : Results
        A judged trial.
    claim : int
        The number of the claim in the study, from 1.

    Returns
    -------
    chart or None
        Curves of the claim's metric, or of the quantity nearest to it; None if the runs have no
        such curves.

    Raises
    ------
    InputError
        If there is no such claim.
    """
    judged = read_claim(trial, claim)
    named, looks = name_series(trial)
    quantity = _choose_quantity(trial, judged.row["on"])
    if quantity is None:
        return None
    bands, singles, order = [], [], []
    found, is_one = read_curves(trial, quantity), len(judged.arms) == 1
    for pair in judged.arms[:MOST_PAIRS_OF_CURVES]:
        label = label_pair(trial, *pair)
        for side, arm in zip(("better", "than"), pair, strict=True):
            runs = split_arms(trial)[arm]
            series = arm if is_one else side
            own = runs.with_columns(setting=pl.lit(label), series=pl.lit(series))
            order.append((series, side, looks[runs["series"][0]]))
            bands.append(summarise_curves(found, own, N_POINTS))
            singles.append(list_single_curves(found, own))
    bands = [table for table in bands if not table.is_empty()]
    if not bands:
        return None
    title, unit = capitalise(show_metric(quantity)), find_unit(named)
    return draw_curves(
        pl.concat(bands), _tell_sides_apart(order),
        f"{title} of both sides at each {unit}, one panel per pair.", quantity, unit,
        singles=pl.concat(singles) if is_one and named["seed"].n_unique() > 1 else None,
    )  # fmt: skip


def _choose_quantity(trial: Results, metric: str) -> str | None:
    known = list_quantities(trial)
    nearest = [metric, CURVES_OF.get(metric, ""), "parameter_error", "accuracy", "loss"]
    return next((name for name in nearest if name in known), None)


def _tell_sides_apart(order: list[tuple[str, str, Look]]) -> Looks:
    """Keep the look of each side's series; if both have the same, `than` is dark and dashed."""
    looks: dict[str, Look] = {}
    for name, side, look in order:
        taken = any(look.colour == other.colour for other in looks.values())
        own = Look(INK, (5, 3), "square") if side == "than" and taken else look
        looks.setdefault(name, own)
    return looks
