"""What each claim of a study can detect with its seeds, before they are trained."""

from collections.abc import Mapping
from typing import Any

from fairtrial.digits import show_number
from fairtrial.evidence.case import count_seeds_for, weigh_pairs
from fairtrial.evidence.pairs import find_common_seeds, pair_runs
from fairtrial.evidence.statistics.anytime import count_seeds_needed_anytime
from fairtrial.evidence.statistics.sampling import SIGN_FLIP, find_sampling, list_tasks
from fairtrial.evidence.statistics.seeds_needed import find_smallest
from fairtrial.evidence.verdict import Evidence
from fairtrial.results.results import Results
from fairtrial.study.arm import Arm
from fairtrial.study.claims import Claim, match_claim
from fairtrial.study.study import Study


def list_powers(
    study: Study, method: str = SIGN_FLIP, trial: Results | None = None
) -> list[dict[str, Any]]:
    """List for each claim of a study what its seeds can detect.

    Earlier runs of the same arms show how much differences vary. Each dict has `say`, `on`,
    `margin`, `seeds`; `seeds_needed`, with which the first verdict is possible;
    `smallest_in_spreads`, the smallest difference beyond the margin that is decided with a chance
    of 80 %, in standard deviations of the differences over the seeds; `smallest`, the same with the
    margin in the metric's unit; and `spread_from_seeds`, how many earlier seeds show that spread.
    What is not known is None.
    """
    if not study.claims:
        return []
    arms, n_seeds = study.list_arms(), len(study.list_seeds())
    is_plain = method == SIGN_FLIP
    needed = count_seeds_for(study) if is_plain else count_seeds_needed_anytime(study.n_claims)
    rows = []
    for claim in study.claims:
        earlier = None if trial is None else _weigh_earlier(claim, study, trial, method)
        size = in_unit = None
        if is_plain and n_seeds >= needed:
            shared = (
                earlier.basis.shared_variance / earlier.spread**2
                if earlier
                else _share_rows(claim, arms)
            )
            size = find_smallest(n_seeds, study.n_claims, shared)
            in_unit = earlier and claim.margin + size * earlier.spread
        rows.append({
            "say": claim.say,
            "on": claim.on,
            "margin": claim.margin,
            "seeds": n_seeds,
            "seeds_needed": needed,
            "smallest_in_spreads": size,
            "smallest": in_unit,
            "spread_from_seeds": earlier and earlier.n_seeds,
        })  # fmt: skip
    return rows


def _share_rows(claim: Claim, arms: list[Arm]) -> float:
    """Return the variance that all seeds will share, in units of the variance of one seed.

    It comes from test rows that are the same for all seeds.
    """
    if claim.over == "seeds":
        return 0.0
    share = max(task.test_share for task in list_tasks([m.arms for m in match_claim(arms, claim)]))
    return share / (1.0 - share)


def _weigh_earlier(claim: Claim, study: Study, trial: Results, method: str) -> Evidence | None:
    """Weigh a claim on earlier runs, whose differences vary; None if there are none."""
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
    return evidence if evidence.spread > 0.0 else None


def say_power(row: Mapping[str, Any]) -> str:
    """Say in words what a claim can detect."""
    if row["seeds"] < row["seeds_needed"]:
        return f"nothing; a first verdict needs {row['seeds_needed']} seeds"
    if row["smallest"] is not None:
        smallest, seeds = show_number(row["smallest"], 3), row["spread_from_seeds"]
        return f"a difference of {smallest} (spread as with the {seeds} seeds there)"
    if row["smallest_in_spreads"] is not None:
        beyond = f"{row['margin']:g} + " if row["margin"] else ""
        return f"a difference of {beyond}{row['smallest_in_spreads']:.2f} standard deviations"
    return f"depends on the differences; a first verdict needs {row['seeds_needed']} seeds"
