"""What each claim of a study can detect with its seeds, before they are trained."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fairtrial.evidence.case import count_seeds_for, weigh_pairs
from fairtrial.evidence.pairs import find_common_seeds, pair_runs
from fairtrial.evidence.statistics.anytime import count_seeds_needed_anytime
from fairtrial.evidence.statistics.sampling import SIGN_FLIP, find_sampling, list_tasks
from fairtrial.evidence.statistics.seeds_needed import find_smallest
from fairtrial.results.results import Results
from fairtrial.study.claims import Claim, match_claim
from fairtrial.study.study import Study


@dataclass(frozen=True)
class Spread:
    """How much the differences of a claim vary, as `n_seeds` earlier seeds show it.

    `over_seeds` is their standard deviation, in the metric's unit. More seeds do not lessen the
    `shared_variance`.
    """

    over_seeds: float
    shared_variance: float
    n_seeds: int


def list_powers(
    study: Study, method: str = SIGN_FLIP, trial: Results | None = None
) -> list[dict[str, Any]]:
    """List for each claim of a study what its seeds can detect.

    Earlier runs of the same arms show how much differences vary.

    Returns
    -------
    list of dict
        For each claim: `say`, `on`, `margin`, `seeds`; `seeds_needed`, with which the first verdict
        is possible; `smallest_in_spreads`, the smallest difference beyond the margin that is
        decided with a chance of 80 %, in standard deviations of the differences over the seeds;
        `smallest`, the same with the margin in the metric's unit; and `spread_from_seeds`, how many
        earlier seeds show that spread. None where it is not known.
    """
    if not study.claims:
        return []
    arms, n_seeds = study.list_arms(), len(study.list_seeds())
    is_plain = method == SIGN_FLIP
    needed = count_seeds_for(study) if is_plain else count_seeds_needed_anytime(study.n_claims)
    rows = []
    for claim in study.claims:
        spread = None if trial is None else _measure_spread(claim, study, trial, method)
        size = (
            _find_smallest(claim, arms, n_seeds, study.n_claims, spread)
            if is_plain and n_seeds >= needed
            else None
        )
        in_unit = (
            None if size is None or spread is None else claim.margin + size * spread.over_seeds
        )
        rows.append({
            "say": claim.say,
            "on": claim.on,
            "margin": claim.margin,
            "seeds": n_seeds,
            "seeds_needed": needed,
            "smallest_in_spreads": size,
            "smallest": in_unit,
            "spread_from_seeds": spread and spread.n_seeds,
        })  # fmt: skip
    return rows


def _find_smallest(
    claim: Claim, arms: Any, n_seeds: int, n_claims: int, spread: Spread | None
) -> float | None:
    """Find the smallest difference beyond the margin, in standard deviations over the seeds."""
    if spread is not None:
        shared = spread.shared_variance / spread.over_seeds**2
        return find_smallest(n_seeds, n_claims, shared)
    share = max(task.test_share for task in list_tasks([m.arms for m in match_claim(arms, claim)]))
    is_sample = share > 0.0 and claim.over != "seeds"
    return find_smallest(n_seeds, n_claims, share / (1.0 - share) if is_sample else 0.0)


def _measure_spread(claim: Claim, study: Study, trial: Results, method: str) -> Spread | None:
    """Measure on earlier runs how much the differences of a claim vary; None if unknown."""
    arms = study.list_arms()
    matched = {arm.name for match in match_claim(arms, claim) for arm in match.arms}
    shared = find_common_seeds(trial.runs, matched)
    if len(shared) < 2 or any(
        trial.arms.get(arm.name) != arm for arm in arms if arm.name in matched
    ):
        return None
    pairs = pair_runs(claim, arms, trial.runs, shared)
    if pairs.problem:
        return None
    sampling = find_sampling(claim, pairs.arms, method, trial)
    evidence = weigh_pairs(pairs.differences, claim.margin, sampling, pairs.table)
    if not evidence.spread > 0.0:
        return None
    return Spread(evidence.spread, evidence.basis.shared_variance, len(shared))


def say_power(row: Mapping[str, Any]) -> str:
    """Say in words what a claim can detect."""
    if row["seeds"] < row["seeds_needed"]:
        return f"nothing; a first verdict needs {row['seeds_needed']} seeds"
    if row["smallest"] is not None:
        seeds = row["spread_from_seeds"]
        return f"a difference of {row['smallest']:.3g} (spread as with the {seeds} seeds there)"
    if row["smallest_in_spreads"] is not None:
        beyond = f"{row['margin']:g} + " if row["margin"] else ""
        return f"a difference of {beyond}{row['smallest_in_spreads']:.2f} standard deviations"
    return f"depends on the differences; a first verdict needs {row['seeds_needed']} seeds"
