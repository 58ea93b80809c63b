"""From finished runs to what a claim is about: paired differences, seed by seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from fairtrial.study.arms import Arm
from fairtrial.study.claims import Claim, match_arms
from fairtrial.study.metrics import METRICS


@dataclass(frozen=True)
class Pairs:
    """A claim's matched runs.

    Attributes
    ----------
    table : DataFrame
        A row for each pair of arms and each seed: better, than (names of arms), seed,
        better_value, than_value, difference (positive when `better` is better), and whether the
        two diverged. Values that stand for a divergence are the metric's worst.
    problem : str
        Why the claim cannot be judged, as a sentence; "" if it can.
    """

    table: pl.DataFrame
    problem: str

    @property
    def differences(self) -> pl.DataFrame:
        """A row a seed: seed, difference (the mean over its pairs)."""
        return self.table.group_by("seed", maintain_order=True).agg(pl.col("difference").mean())


def pair_runs(claim: Claim, arms: Sequence[Arm], runs: pl.DataFrame) -> Pairs:
    """Pair the runs that a claim compares.

    Parameters
    ----------
    claim : Claim
        What is claimed.
    arms : sequence of Arm
        The study's.
    runs : DataFrame
        `runs.parquet`.

    Returns
    -------
    Pairs
        Every pair of every seed, those that cannot be compared too.
    """
    values = runs.select(
        "arm", "seed", value=_take_values(claim.on, runs), diverged=pl.col("outcome") == "diverged"
    )
    matched = pl.DataFrame(
        [(better.name, than.name) for better, than in match_arms(arms, claim)],
        schema={"better": pl.String, "than": pl.String},
        orient="row",
    )
    table = matched
    for side in ("better", "than"):
        named = values.select(
            pl.col("arm").alias(side),
            "seed",
            pl.col("value").alias(f"{side}_value"),
            pl.col("diverged").alias(f"{side}_diverged"),
        )
        on = [side] if side == "better" else [side, "seed"]
        table = table.join(named, on=on, how="left", maintain_order="left")
    sign = 1.0 if METRICS[claim.on].higher_is_better else -1.0
    table = table.with_columns(
        difference=sign * (pl.col("better_value") - pl.col("than_value"))
    ).sort("seed", maintain_order=True)
    return Pairs(table, _find_problem(claim, table))


def _take_values(metric: str, runs: pl.DataFrame) -> pl.Expr:
    """Take a metric; the worst there is where a run diverged and the metric has a worst."""
    if metric not in runs.columns:
        return pl.lit(None, pl.Float64)
    worst = METRICS[metric].worst
    diverged = pl.col("outcome") == "diverged"
    return pl.when(diverged).then(pl.lit(worst, pl.Float64)).otherwise(pl.col(metric))


def _find_problem(claim: Claim, table: pl.DataFrame) -> str:
    diverged = pl.col("better_diverged") | pl.col("than_diverged")
    n_diverged = table.filter(diverged).height
    if n_diverged and METRICS[claim.on].worst is None:
        return (
            f"{n_diverged} of {table.height} pairs have a run that diverged, and {claim.on} has no "
            "worst value that could stand for it: leave those settings out, or claim on another "
            "metric."
        )
    finite = table["difference"].is_finite().fill_null(value=False)
    if not finite.all():
        return (
            f"{(~finite).sum()} of {table.height} pairs lack {claim.on}: run the study to its end."
        )
    return ""
