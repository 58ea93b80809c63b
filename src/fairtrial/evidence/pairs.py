"""From finished runs to what a claim is about: paired differences, seed by seed."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from fairtrial.kinds.metrics.numbers import Metric, take_metric
from fairtrial.kinds.metrics.runs import TIME, RunMetric
from fairtrial.study.arm import Arm
from fairtrial.study.claims import Claim, match_claim

# What is known of a metric.
Measure = Metric[...] | RunMetric
SIDES, WITHOUT = ("better", "than"), ("better_against", "than_against")


@dataclass(frozen=True)
class Bounds:
    """What runs that never come to something leave known of a difference.

    Such a run counts as its whole length, and what is claimed of it comes later, or never.
    """

    # Whether some of the differences are at least (at most) what they count as
    at_least: bool = False
    at_most: bool = False
    # The share of the runs of each side that came to it; None where the metric is no such one
    better_share: float | None = None
    than_share: float | None = None


NO_BOUNDS = Bounds()


@dataclass(frozen=True)
class Pairs:
    """A claim's matched runs."""

    # What is compared: (better, than), or of a claim on effects all four arms, those without the
    # change last
    arms: list[tuple[Arm, ...]]
    # One row for each seed and pair: better, than (names of arms), seed, better_value, than_value,
    # difference (positive when `better` is better), better_diverged, than_diverged, better_absent,
    # than_absent (never arrived, or never lowered the rate). Of a claim on effects the values are
    # effects, positive where the change improves the metric, or their sizes; and better_against and
    # than_against are the names of the arms without the change.
    table: pl.DataFrame
    problem: str  # Why the claim cannot be judged, as a sentence; "" if it can
    # Which runs count as something else than what was measured, as sentences; "" if none
    remarks: str
    bounds: Bounds = NO_BOUNDS  # What is known of a difference where runs are absent

    @cached_property
    def by_seed(self) -> pl.DataFrame:
        """The means of the pairs of each seed; see `average_pairs`."""
        return average_pairs(self.table)

    @property
    def n_diverged(self) -> int:
        """How many pairs have a run that diverged."""
        return self.table.filter(pl.col("better_diverged") | pl.col("than_diverged")).height

    @property
    def differences(self) -> np.ndarray:
        """One difference a seed, positive when `better` is better."""
        return self.by_seed["difference"].to_numpy()


def average_pairs(table: pl.DataFrame) -> pl.DataFrame:
    """Average the pairs of each seed: seed, better_value, than_value, difference."""
    values = pl.col("better_value", "than_value", "difference").mean()
    return table.group_by("seed", maintain_order=True).agg(values)


def pair_runs(
    claim: Claim,
    arms: Sequence[Arm],
    runs: pl.DataFrame,
    seeds: Sequence[int],
    metric: Measure | None = None,
) -> Pairs:
    """Pair the runs of `runs.parquet` that a claim compares: every pair of every seed.

    Those that cannot be compared are there too. Every arm must have the seeds; further ones count,
    after them and in ascending order, where all arms of the claim have them. What is known of the
    metric is by default what the registry knows of its name.
    """
    matched, metric = match_claim(arms, claim), metric or take_metric(claim.on)
    values = runs.select(
        "arm",
        pl.col("seed").cast(pl.Int64),
        value=take_values(claim.on, metric, runs),
        diverged=pl.col("outcome") == "diverged",
        length=pl.coalesce([name for name in ("steps", "epochs") if name in runs.columns]),
    )
    names = {arm.name for match in matched for arm in match.arms}
    sides = SIDES if claim.effect is None else SIDES + WITHOUT
    pairs = pl.DataFrame(
        [tuple(arm.name for arm in match.arms) for match in matched],
        schema=dict.fromkeys(sides, pl.String),
        orient="row",
    )
    more = [seed for seed in find_common_seeds(values, names) if seed not in seeds]
    table = pl.DataFrame({"seed": [*seeds, *more]}, schema={"seed": pl.Int64})
    table = table.join(pairs, how="cross", maintain_order="left")
    for side in sides:
        columns = {name: f"{side}_{name}" for name in ("value", "diverged", "length")}
        side_values = values.rename({"arm": side} | columns)
        table = table.join(side_values, on=[side, "seed"], how="left", maintain_order="left")
    if metric.never and claim.effect is None:
        table = _count_absent(table)
    sign = 1.0 if metric.higher_is_better else -1.0
    if claim.effect is not None:
        table = _take_effects(table, sign, is_size=claim.effect.size is not None)
        sign = -1.0 if claim.effect.size == "smaller" else 1.0
    table = table.with_columns(difference=sign * (pl.col("better_value") - pl.col("than_value")))
    every = [match.arms for match in matched]
    bounds = _find_bounds(claim, metric, table)
    problem = _find_problem(claim, metric, table, is_measured=claim.on in runs.columns)
    return Pairs(every, table, problem, _remark(claim, metric, table, bounds), bounds)


def _take_effects(table: pl.DataFrame, sign: float, *, is_size: bool) -> pl.DataFrame:
    """Put the effect of the change on either side in the place of its value."""
    columns = []
    for side in SIDES:
        effect = sign * (pl.col(f"{side}_value") - pl.col(f"{side}_against_value"))
        columns += [
            (effect.abs() if is_size else effect).alias(f"{side}_value"),
            (pl.col(f"{side}_diverged") | pl.col(f"{side}_against_diverged")).alias(
                f"{side}_diverged"
            ),
        ]
    return table.with_columns(columns)


def can_train_on(pairs: Pairs) -> bool:
    """Say whether more steps would lead all arms of a claim to their minima.

    They are trained full batch, and no noise moves them for ever.
    """
    return all(
        arm.is_trained
        and arm.recipe.steps is not None
        and not (arm.recipe.noise.weights or arm.recipe.noise.data)
        for pair in pairs.arms
        for arm in pair
    )


def find_common_seeds(runs: pl.DataFrame, arms: set[str]) -> list[int]:
    """Find the seeds that all these arms have, in ascending order."""
    counts = runs.filter(pl.col("arm").is_in(arms)).group_by("seed").agg(pl.col("arm").n_unique())
    return counts.filter(pl.col("arm") == len(arms))["seed"].sort().to_list()


def take_values(name: str, metric: Measure, runs: pl.DataFrame) -> pl.Expr:
    """Take a metric; the worst there is where a run diverged and the metric has a worst."""
    if name not in runs.columns:
        return pl.lit(None, pl.Float64)
    diverged = pl.col("outcome") == "diverged"
    worst = pl.lit(metric.worst, pl.Float64)
    return pl.when(diverged).then(worst).otherwise(pl.col(name))


def _count_absent(table: pl.DataFrame) -> pl.DataFrame:
    """Count runs that never came to it as their whole length, where that is fair to the other."""
    absent = {
        f"{side}_absent": pl.col(f"{side}_value").is_null() & pl.col(f"{side}_length").is_not_null()
        for side in ("better", "than")
    }
    table = table.with_columns(**absent)
    filled = []
    for side, other in (("better", "than"), ("than", "better")):
        # Only a run that was given at least the time that the other took has lost.
        lost = (
            pl.col(f"{side}_absent")
            & ~pl.col(f"{other}_absent")
            & (pl.col(f"{side}_length") >= pl.col(f"{other}_value"))
        )
        length = pl.col(f"{side}_length").cast(pl.Float64)
        filled.append(pl.when(lost).then(length).otherwise(pl.col(f"{side}_value")))
    return table.with_columns(
        better_value=filled[0], than_value=filled[1]
    )  # fmt: skip


def _find_bounds(claim: Claim, metric: Measure, table: pl.DataFrame) -> Bounds:
    if not metric.never or claim.effect is not None or table.is_empty():
        return NO_BOUNDS
    better, than = (bool(table[f"{side}_absent"].any()) for side in SIDES)
    # Where later is better, an absent run is better than its whole length.
    at_least, at_most = (better, than) if metric.higher_is_better else (than, better)
    shares = [1.0 - float(np.mean(table[f"{side}_absent"].to_numpy())) for side in SIDES]
    return Bounds(at_least, at_most, *shares)


def _find_problem(claim: Claim, metric: Measure, table: pl.DataFrame, *, is_measured: bool) -> str:
    n_pairs, never = table.height, metric.never if claim.effect is None else ""
    n_diverged = table.filter(pl.col("better_diverged") | pl.col("than_diverged")).height
    lacking = table.filter(~pl.col("difference").is_finite().fill_null(value=False))
    if never and lacking.height:
        n_both = lacking.filter(pl.col("better_absent") & pl.col("than_absent")).height
        how = f"neither run of which {never}" if n_both == lacking.height else "that do not tell"
        return (
            f"Cannot be judged: {lacking.height} of {n_pairs} pairs, {how} within the steps that "
            "it has. Give them more, or claim on another metric."
        )
    if n_diverged and metric.worst is None and not never:
        return (
            f"Cannot be judged: a run diverged in {n_diverged} of {n_pairs} pairs, and "
            f"{claim.on} has no worst value that could stand for it. Leave those settings out, or "
            "claim on another metric."
        )
    if lacking.height:
        trained = pl.col("better_diverged", "than_diverged").is_not_null()
        start = "Cannot be judged"
        are_there = lacking.select(pl.all_horizontal(trained).all()).item()
        remedy = metric.undefined if are_there else "Run the study to its end."
        if are_there and not is_measured and metric.of_predictions:
            start = "Not measured"
            remedy = (
                "These runs are not measured by it yet. Run the study to its end, with the metric "
                "in its metrics or its claims: nothing trains again for it."
            )
        return f"{start}: {claim.on} is missing in {lacking.height} of {n_pairs} pairs. {remedy}"
    return _find_shared_time(table) if metric is TIME.get(claim.on) else ""


def _find_shared_time(table: pl.DataFrame) -> str:
    """Say that times are not of one run each: runs of a stack, or of one fit, share its time."""
    shared = table.filter(pl.col("better_value") == pl.col("than_value")).height > 0
    for side in SIDES:
        times = table.select(side, "seed", time=f"{side}_value").unique()
        counts = times.group_by(side).agg(n=pl.len(), n_times=pl.col("time").n_unique())
        shared |= bool((counts["n"] > counts["n_times"]).any())
    if not shared:
        return ""
    return (
        "Cannot be judged: some of these runs trained together in one program, and only the time "
        "of the program is known. Compare the times of arms that train apart, such as arms with "
        "different batch sizes on data with classes."
    )


def _remark(claim: Claim, metric: Measure, table: pl.DataFrame, bounds: Bounds) -> str:
    n_pairs, remarks = table.height, []
    n_diverged = table.filter(pl.col("better_diverged") | pl.col("than_diverged")).height
    if n_diverged and metric.worst is not None:
        worst = f"{metric.worst:g}"
        remarks.append(f"A run diverged in {n_diverged} of {n_pairs} pairs, counted as {worst}.")
    if claim.on in TIME:
        remarks.append(
            "Times depend on what else the machine does: compare them on an idle machine."
        )
    if bounds.at_least or bounds.at_most:
        n_absent = table.filter(pl.col("better_absent") | pl.col("than_absent")).height
        if bounds.at_least and bounds.at_most:
            known = "which side it favours is not known"
        else:
            known = f"the difference is at {'least' if bounds.at_least else 'most'} this"
        remarks.append(
            f"In {n_absent} of {n_pairs} pairs a run never {metric.never}, which counts as its "
            f"whole length, so {known}. The share of runs that do: "
            f"{bounds.better_share:.0%} of `better`, {bounds.than_share:.0%} of `than`."
        )
    return " ".join(remarks)
