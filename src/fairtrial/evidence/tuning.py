"""The fair-tuning view: a claim where each side has its best learning rate of the grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from fairtrial.evidence.pairs import Pairs
from fairtrial.study.arms import Arm
from fairtrial.study.claims import Claim
from fairtrial.study.metrics import METRICS, VALIDATION
from fairtrial.study.recipe import Recipe

RATE = "optimizer.learning_rate"


@dataclass(frozen=True)
class Tuned:
    """A claim's differences where each side has its best rate.

    Attributes
    ----------
    differences : (n,)
        One a seed, positive where `better` is better.
    better_rates, than_rates : tuple of float
        The rates that were chosen, for any pair and seed.
    chosen_on : str
        By what.
    warning : str
        Where a choice lies at the edge of its grid, as sentences; "" if none does.
    pairs : table
        `better`, `than` (names of the chosen arms), `seed`, `better_value`, `than_value`.
    """

    differences: np.ndarray
    better_rates: tuple[float, ...]
    than_rates: tuple[float, ...]
    chosen_on: str
    warning: str
    pairs: pl.DataFrame


@dataclass(frozen=True)
class _Side:
    """Arms that differ in their learning rate alone, the lowest first, and their values."""

    name: str
    arms: tuple[str, ...]
    rates: tuple[float, ...]
    values: np.ndarray  # (rates, n)
    chosen_by: np.ndarray  # (rates, n): lower is better


def tune(claim: Claim, pairs: Pairs, arms: Sequence[Arm], runs: pl.DataFrame) -> Tuned | None:
    """Give each side of a claim its best learning rate from the study's grid.

    It is chosen on validation rows where the recipes hold some out, by the mean over the seeds. For
    regression each seed's rate is chosen by the other seeds, whose test rows are others.

    Parameters
    ----------
    claim : Claim
        What is claimed.
    pairs : Pairs
        Its matched runs.
    arms : sequence of Arm
        The study's: those that are like an arm of the claim but for the rate are its grid.
    runs : DataFrame
        `runs.parquet`.

    Returns
    -------
    Tuned or None
        None unless the sides differ in loss or optimizer, each has a grid of two rates or more, and
        every run of it has the metric.
    """
    judged_by = _choose_judge(claim.on, runs)
    contests = _find_contests(pairs, arms) if judged_by else []
    grid = {arm.name for contest in contests for side in contest for arm in side}
    seeds = _find_shared_seeds(runs, grid, pairs.by_seed["seed"].to_list())
    if len(seeds) < 2:
        return None
    sides: list[list[_Side]] = []
    for grids in contests:
        read = [_read_side(grid, runs, seeds, claim.on, judged_by) for grid in grids]
        sides.append([side for side in read if side is not None])
    if not sides or any(len(contest) < 2 for contest in sides):
        return None
    across = judged_by == claim.on
    chosen = [[_choose_rates(side, across=across) for side in contest] for contest in sides]
    values = np.array([
        [_pick(side.values, best) for side, best in zip(contest, places, strict=True)]
        for contest, places in zip(sides, chosen, strict=True)
    ])  # fmt: skip
    sign = 1.0 if METRICS[claim.on].higher_is_better else -1.0
    better_rates, than_rates = (
        tuple(sorted({
            contest[place].rates[best]
            for contest, places in zip(sides, chosen, strict=True)
            for best in places[place]
        }))
        for place in (0, 1)
    )  # fmt: skip
    edges = {
        edge
        for contest, places in zip(sides, chosen, strict=True)
        for side, best in zip(contest, places, strict=True)
        for edge in _find_edges(side, best)
    }
    return Tuned(
        sign * (values[:, 0] - values[:, 1]).mean(0),
        better_rates,
        than_rates,
        "the other seeds" if across else judged_by,
        _warn(edges),
        _list_pairs(sides, chosen, seeds),
    )


def _list_pairs(
    sides: Sequence[Sequence[_Side]], chosen: Sequence[Sequence[np.ndarray]], seeds: Sequence[int]
) -> pl.DataFrame:
    """List the runs that were chosen, pair by pair and seed by seed."""
    rows = [
        (seed, better.arms[one], than.arms[other], better.values[one, n], than.values[other, n])
        for n, seed in enumerate(seeds)
        for (better, than), (ones, others) in zip(sides, chosen, strict=True)
        for one, other in [(ones[n], others[n])]
    ]
    names = ["seed", "better", "than", "better_value", "than_value"]
    return pl.DataFrame(rows, schema=names, orient="row")


def _find_shared_seeds(
    runs: pl.DataFrame, grid: set[str], seeds: Sequence[int]
) -> list[int]:  # fmt: skip
    """Find the seeds that every arm of the grid has: some may have been added to a few arms."""
    of_grid = runs.filter(pl.col("arm").is_in(grid) & pl.col("seed").is_in(seeds))
    counts = of_grid.group_by("seed").agg(pl.col("arm").n_unique())
    shared = set(counts.filter(pl.col("arm") == len(grid))["seed"])
    return [seed for seed in seeds if seed in shared]


def _find_contests(pairs: Pairs, arms: Sequence[Arm]) -> list[tuple[list[Arm], list[Arm]]]:
    """Find the grids of rates that stand against each other; none where a side has one rate."""
    grids: dict[tuple, list[Arm]] = {}
    for arm in arms:
        grids.setdefault(_key(arm), []).append(arm)
    contests = {
        (_key(better), _key(than)): (grids[_key(better)], grids[_key(than)])
        for better, than in pairs.arms
        if _is_another_kind(better.recipe, than.recipe)
    }
    if any(len(grid) < 2 for contest in contests.values() for grid in contest):
        return []
    return list(contests.values())


def _is_another_kind(one: Any, other: Any) -> bool:
    if not (isinstance(one, Recipe) and isinstance(other, Recipe)):
        return False
    return one.loss.kind != other.loss.kind or one.optimizer.kind != other.optimizer.kind


def _pick(values: np.ndarray, places: np.ndarray) -> np.ndarray:
    return values[places, np.arange(values.shape[1])]


def _find_edges(side: _Side, best: np.ndarray) -> set[str]:
    """Describe the chosen rates that are the lowest or the highest of their grid."""
    last = len(side.rates) - 1
    return {
        f"{side.rates[one]:g} of {_list(side.rates)} for {side.name}"
        for one in best
        if one in (0, last)
    }


def _choose_judge(metric: str, runs: pl.DataFrame) -> str:
    """Choose by which metric rates are chosen; "" where nothing fair is there."""
    if f"validation_{metric}" in VALIDATION:
        held_out = f"validation_{metric}"
        there = held_out in runs.columns and runs[held_out].is_not_null().any()
        return held_out if there else ""
    # Test rows of images are the same for every seed: to choose by them would be to peek.
    return metric if "mse" in runs.columns and runs["mse"].is_not_null().any() else ""


def _key(arm: Arm) -> tuple:
    settings = {name: value for name, value in arm.settings.items() if name != RATE}
    return tuple(sorted((name, str(value)) for name, value in settings.items()))


def _read_side(
    grid: Sequence[Arm], runs: pl.DataFrame, seeds: Sequence[int], metric: str, judged_by: str
) -> _Side | None:
    """Read a grid's values; None where a run lacks the metric or diverged without a worst."""
    by_rate = {arm.trained.optimizer.learning_rate: arm.name for arm in grid}
    rates = tuple(sorted(by_rate))
    values, judging = (
        np.array([_read_metric(runs, by_rate[rate], seeds, name) for rate in rates], float)
        for name in (metric, judged_by)
    )
    # A rate that lost a run is not chosen.
    sign = -1.0 if METRICS[judged_by].higher_is_better else 1.0
    chosen_by = np.where(np.isfinite(judging), sign * judging, np.inf)
    recipe = grid[0].trained
    name = f"{recipe.optimizer.kind} on {recipe.loss.kind}"
    side = _Side(name, tuple(by_rate[rate] for rate in rates), rates, values, chosen_by)
    usable = np.isfinite(side.chosen_by).all(1)
    if not usable.any() or not np.isfinite(side.values[usable]).all():
        return None
    return side


def _read_metric(
    runs: pl.DataFrame, arm: str, seeds: Sequence[int], metric: str
) -> list[float | None]:
    """Read a metric seed by seed; the worst there is where a run diverged."""
    rows = runs.filter(pl.col("arm") == arm)
    values = dict(zip(rows["seed"], rows[metric], strict=True))
    lost = set(rows.filter(pl.col("outcome") == "diverged")["seed"])
    return [METRICS[metric].worst if seed in lost else values.get(seed) for seed in seeds]


def _choose_rates(side: _Side, *, across: bool) -> np.ndarray:
    """Choose a rate for each seed: (n,) of positions; `across`, by all seeds but its own."""
    usable = np.isfinite(side.chosen_by).all(1, keepdims=True)
    scores = np.where(usable, side.chosen_by, 0.0)
    totals = np.where(usable, scores.sum(1, keepdims=True) - (scores if across else 0.0), np.inf)
    return np.broadcast_to(totals.argmin(0), side.values.shape[1:])


def _list(rates: Sequence[float]) -> str:
    return ", ".join(f"{rate:g}" for rate in rates)


def _warn(edges: set[str]) -> str:
    if not edges:
        return ""
    return (
        f"The best rate is at the edge of its grid ({'; '.join(sorted(edges))}): a wider grid may "
        "say something else."
    )
