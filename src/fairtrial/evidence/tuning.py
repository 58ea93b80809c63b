"""The fair-tuning view: a claim where each side has the best of the settings that were tried."""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from fairtrial.evidence.pairs import Pairs, find_common_seeds, take_values
from fairtrial.evidence.wording import name_sides
from fairtrial.kinds.metrics.numbers import HELD_OUT, take_metric
from fairtrial.settings.base import NONE
from fairtrial.settings.complaints import write_setting
from fairtrial.study.arm import Arm
from fairtrial.study.claims import Claim, list_conditions

RATE = "optimizer.learning_rate"
Settings = dict[str, Any]


@dataclass(frozen=True)
class Tuned:
    """A claim's differences where each side has its best settings."""

    differences: np.ndarray  # (n,): one for each seed, positive where `better` is better
    # The runs behind them, one row for each seed and contest: `seed`, `better`, `than` (names of
    # arms), `better_value`, `than_value`
    pairs: pl.DataFrame
    # The settings that were chosen for each side, by dotted name: one entry for each choice
    better_settings: list[Settings]
    than_settings: list[Settings]
    chosen_on: str  # The metric that chose them
    # Which choices lie at the edge of their grid, and whether one side had more candidates, as
    # sentences; "" if there is nothing to say
    warning: str


@dataclass(frozen=True)
class _Side:
    """Arms that differ in tuned settings alone, and which of them is chosen for each of n seeds."""

    name: str
    arms: list[str]
    settings: list[Settings]
    seeds: Sequence[int]
    values: np.ndarray  # (candidates, n)
    chosen: np.ndarray  # (n,): places of candidates


def tune(
    claim: Claim,
    pairs: Pairs,
    arms: Sequence[Arm],
    runs: pl.DataFrame,
    by_earlier_seeds: bool = False,
) -> Tuned | None:
    """Give each side of a claim its best settings of those that the study tries.

    Tuned are the learning rate and all other numbers and words of a recipe that a grid of the study
    varies, but not the kinds (of loss, optimizer, ...) nor what the two sides differ in. Candidates
    are the arms that are like an arm of the claim but for tuned settings. Settings are chosen on
    validation rows where the recipes hold some out; the test rows of synthetic data and of tables
    differ from seed to seed, so there they are chosen by the claim's metric itself.

    With `by_earlier_seeds` the choice for a seed is made by the seeds before it, as bets require;
    the first seed then has no difference. Else there is one choice, by the mean over all seeds.

    None unless a side has two candidates or more, and every run of them has the metric; also for a
    claim on effects, which compares four arms, and where the sides have the same candidates.
    """
    if claim.effect is not None:
        return None
    judged_by = _choose_judge(claim.on, runs)
    tuned = _list_tuned(claim, pairs, arms)
    contests = _find_contests(pairs, arms, tuned) if judged_by else []
    candidates = {arm.name for contest in contests for side in contest for arm in side}
    # Some seeds may have been added to a few arms.
    shared = set(find_common_seeds(runs, candidates))
    seeds = [seed for seed in pairs.by_seed["seed"] if seed in shared]
    if not contests or len(seeds) < 2:
        return None
    sides = [
        [
            _read_side(name, side, tuned, runs, seeds, claim.on, judged_by, by_earlier_seeds)
            for name, side in zip(name_sides(claim), contest, strict=True)
        ]
        for contest in contests
    ]
    table = _list_pairs(sides)
    values = table.select("better_value", "than_value").to_numpy()
    if not np.isfinite(values).all():
        return None
    sign = 1.0 if take_metric(claim.on).higher_is_better else -1.0
    differences = sign * (values[:, 0] - values[:, 1]).reshape(-1, len(sides)).mean(1)
    better, than = (_list_choices(side) for side in zip(*sides, strict=True))
    warnings = filter(None, [_warn_of_edges(sides), _warn_of_numbers(sides)])
    return Tuned(differences, table, better, than, judged_by, " ".join(warnings))


def choose_candidates(scores: np.ndarray, by_earlier_seeds: bool = False) -> np.ndarray:
    """Choose for each of n seeds one candidate by scores (candidates, n), lower is better; (n,).

    It is that of the lowest mean over all seeds, or over the seeds before. A score is infinite
    where a candidate lost that seed's run.

    Examples
    --------
    >>> scores = np.array([[1.0, 1.0, 4.0], [2.0, 1.5, 1.0]])
    >>> choose_candidates(scores).tolist(), choose_candidates(scores, True).tolist()
    ([1, 1, 1], [0, 0, 0])
    """
    n_seeds = scores.shape[1]
    if not by_earlier_seeds:
        return np.full(n_seeds, scores.mean(1).argmin())
    sums = np.cumsum(scores, axis=1)[:, :-1]
    return np.concatenate([[0], sums.argmin(0)])


# -------------------------------------------------------------------------------------- candidates


def _find_contests(
    pairs: Pairs, arms: Sequence[Arm], tuned: set[str]
) -> list[tuple[list[Arm], list[Arm]]]:
    """Find the candidates that stand against each other; none where nothing can be chosen.

    Arms that differ in their names alone are one candidate. Such sides have nothing to choose.
    """
    candidates: dict[tuple, dict[tuple, Arm]] = {}
    # The claim's own first: its seeds may be more.
    for arm in (*itertools.chain(*pairs.arms), *arms):
        candidates.setdefault(_key(arm, tuned), {}).setdefault(_key(arm, set()), arm)
    keys = dict.fromkeys((_key(better, tuned), _key(than, tuned)) for better, than in pairs.arms)
    if all(better == than for better, than in keys):
        return []
    contests = [
        ([*candidates[better].values()], [*candidates[than].values()]) for better, than in keys
    ]
    has_choice = any(len(side) > 1 for contest in contests for side in contest)
    return contests if has_choice else []


def _list_tuned(claim: Claim, pairs: Pairs, arms: Iterable[Arm]) -> set[str]:
    """List the settings that are tuned: varied by a grid, and not what the claim compares."""
    arms = list(arms)
    better, than = (
        {
            name.removesuffix(".kind") if value == NONE else name
            for name, value, _ in list_conditions(side)
        }
        for side in (claim.better, claim.than)
    )
    varied = {RATE}.union(*(arm.varied for arm in arms))
    compared = {
        name
        for one, other in pairs.arms
        for name in one.settings.keys() & other.settings.keys()
        if one.settings[name] != other.settings[name]
    }
    names = {name for arm in arms if arm.is_trained for name in arm.settings}
    return {
        name
        for name in names - compared
        if not name.startswith("task.")
        and not name.endswith(".kind")
        and name != "validation"  # Arms with other validation rows are not judged alike.
        and _is_in(name, varied)
        and not _is_in(name, better ^ than)  # Named by one side, which the other may lack.
    }


def _is_in(name: str, tables: Iterable[str]) -> bool:
    """Say whether a setting is one of some, or stands in one of them."""
    return any(name == one or name.startswith(f"{one}.") for one in tables)


def _key(arm: Arm, tuned: set[str]) -> tuple:
    """Return what the candidates of a side share."""
    return tuple(
        sorted((name, str(value)) for name, value in arm.settings.items() if name not in tuned)
    )


# ------------------------------------------------------------------------------------------ values


def _choose_judge(metric: str, runs: pl.DataFrame) -> str:
    """Choose by which metric settings are chosen; "" where nothing fair is there."""
    held_out = f"{HELD_OUT}{metric}"
    if held_out in runs.columns and runs[held_out].is_not_null().any():
        return held_out
    if take_metric(metric).about == "classes":
        return ""
    # Test rows of images are the same for every seed: to choose by them would be to peek.
    return metric if "mse" in runs.columns and runs["mse"].is_not_null().any() else ""


def _read_side(
    side: str,
    arms: Sequence[Arm],
    tuned: set[str],
    runs: pl.DataFrame,
    seeds: Sequence[int],
    metric: str,
    judged_by: str,
    by_earlier_seeds: bool,
) -> _Side:
    """Read the values of a side's candidates; NaN where no candidate has all that it takes."""
    varied = sorted(
        name for name in tuned if len({str(arm.settings.get(name)) for arm in arms}) > 1
    )
    arms = sorted(arms, key=lambda arm: _sort_key(arm, varied))
    values, judging = (
        np.array([_read_metric(runs, arm.name, seeds, name) for arm in arms], float)
        for name in (metric, judged_by)
    )
    # A candidate that lost a run is not chosen; one that stands alone need not be.
    sign = -1.0 if take_metric(judged_by).higher_is_better else 1.0
    scores = np.where(np.isfinite(judging), sign * judging, np.inf)
    if len(arms) == 1:
        scores = np.zeros_like(scores)
    chosen = choose_candidates(scores, by_earlier_seeds)
    if not by_earlier_seeds and not np.isfinite(scores[chosen[0]]).all():
        values = np.full_like(values, np.nan)
    names = [arm.name for arm in arms]
    settings = [{name: arm.settings.get(name) for name in varied} for arm in arms]
    first = 1 if by_earlier_seeds else 0  # Nothing chooses for the first of all seeds.
    return _Side(side, names, settings, seeds[first:], values[:, first:], chosen[first:])


def _sort_key(arm: Arm, varied: Sequence[str]) -> tuple:
    """Sort numbers by size, before all that is not a number."""
    values = [arm.settings.get(name) for name in varied]
    return tuple(
        (0, value, "") if isinstance(value, int | float) else (1, 0.0, str(value))
        for value in values
    )


def _read_metric(
    runs: pl.DataFrame, arm: str, seeds: Sequence[int], metric: str
) -> list[float | None]:
    """Read a metric seed by seed; the worst there is where a run diverged."""
    value = take_values(metric, take_metric(metric), runs)
    values = dict(runs.filter(pl.col("arm") == arm).select("seed", value).iter_rows())
    return [values.get(seed) for seed in seeds]


def _list_pairs(sides: Sequence[Sequence[_Side]]) -> pl.DataFrame:
    rows = [
        (
            seed,
            *(side.arms[side.chosen[place]] for side in contest),
            *(side.values[side.chosen[place], place] for side in contest),
        )
        for place, seed in enumerate(sides[0][0].seeds)
        for contest in sides
    ]
    schema = {
        "seed": pl.Int64, "better": pl.String, "than": pl.String, "better_value": pl.Float64,
        "than_value": pl.Float64,
    }  # fmt: skip
    return pl.DataFrame(rows, schema=schema, orient="row")


def _list_choices(sides: Iterable[_Side]) -> list[Settings]:
    choices = [side.settings[place] for side in sides for place in sorted(set(side.chosen))]
    return [one for place, one in enumerate(choices) if one not in choices[:place]]


# --------------------------------------------------------------------------------------- sentences


def _warn_of_edges(sides: Sequence[Sequence[_Side]]) -> str:
    edges = sorted({edge for contest in sides for side in contest for edge in _find_edges(side)})
    if not edges:
        return ""
    return (
        f"The best value is at the edge of its grid ({'; '.join(edges)}): a wider grid may give "
        "another verdict."
    )


def _find_edges(side: _Side) -> set[str]:
    """Describe the chosen numbers that are the lowest or the highest of their grid."""
    edges = set()
    for name in side.settings[0]:
        tried = [settings[name] for settings in side.settings]
        if not all(isinstance(value, int | float) for value in tried):
            continue
        grid = sorted(set(tried))
        for place in set(side.chosen):
            if tried[place] in (grid[0], grid[-1]):
                values = ", ".join(f"{value:g}" for value in grid)
                edges.add(f"{write_setting(name, tried[place])} of {values} for {side.name}")
    return edges


def _warn_of_numbers(sides: Sequence[Sequence[_Side]]) -> str:
    unequal = sorted({
        " and ".join(f"{side.name} {len(side.arms)}" for side in contest)
        for contest in sides
        if len({len(side.arms) for side in contest}) > 1
    })  # fmt: skip
    if not unequal:
        return ""
    return f"The sides had unequal numbers of candidates: {'; '.join(unequal)}."
