"""From tested claims to verdicts, notes and sentences."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from scipy.stats import skewtest

from fairtrial.digits import show_number
from fairtrial.evidence.case import Case
from fairtrial.evidence.cause import Lack
from fairtrial.evidence.pairs import Bounds, can_train_on
from fairtrial.evidence.statistics.effect import Effect, describe_effect
from fairtrial.evidence.statistics.sampling import ANYTIME, ROWS, SEEDS
from fairtrial.evidence.statistics.seeds_needed import count_fewest, estimate_seeds
from fairtrial.evidence.verdict import NARROW, WIDE, Decided, Evidence, decide
from fairtrial.evidence.wording import find_largest, tell_cause
from fairtrial.results.verdicts import OF_PARTS, dump_verdicts, make_table

FEWEST_FOR_SKEWNESS = 8  # Below, the test of skewness does not hold its level.
SKEWED = (
    "The differences are skewed, but the test assumes symmetry, so the interval may miss their "
    "mean. With ten seeds this note is rarely there when it is needed (docs/evidence.md)."
)
INCONSISTENT = (
    "The signs of most differences say one thing and their mean another, so the claim is not "
    "decided: a few differences are much larger than the others."
)
ALONE = (
    "It is adjusted for all claims of its study by Holm's procedure; judged together with them it "
    "may be decided."
)
# Two sides that are equivalent are far from their minima from so many times the margin on.
FAR = 10.0
UNDECIDED = Decided("undecided", None, None)


def list_verdicts(cases: Sequence[Case], n_stated: int = 0) -> list[dict[str, Any]]:
    """Decide all claims of a study together: one dict a claim, ready for JSON.

    What there is not is None. A claim that cannot be judged is `undecided`, and its note says why;
    it does not count among those that Holm's procedure adjusts for. `n_stated` is how many claims
    verdicts are adjusted for, where the cases are fewer than the study stated.
    """
    judged = {place: case for place, case in enumerate(cases) if not case.pairs.problem}
    n_more = max(0, n_stated - len(cases))
    decided = decide_together({place: case.evidence for place, case in judged.items()}, n_more)
    weighed = {place: case.tuned_evidence or case.evidence for place, case in judged.items()}
    has_tuned = any(case.tuned for case in judged.values())
    tuned_decided = decide_together(weighed, n_more) if has_tuned else {}
    rows = []
    for place, case in enumerate(cases):
        one = decided.get(place, UNDECIDED)
        row = _make_row(case, one, len(judged) + n_more, is_alone=n_more > 0)
        if case.tuned:
            other = tuned_decided[place]
            row["tuned"] = {
                "verdict": other.verdict,
                "survives": other.verdict == one.verdict,
                **summarise_evidence(weighed[place], other.verdict),
                "better_settings": case.tuned.better_settings,
                "than_settings": case.tuned.than_settings,
                "chosen_on": case.tuned.chosen_on,
                "warning": case.tuned.warning,
            }
        rows.append(row)
    return rows


def decide_together(evidence: Mapping[int, Evidence], n_more: int = 0) -> dict[int, Decided]:
    """Decide claims by the evidence on each, adjusted for their number; by their places.

    `n_more` claims that are not judged count too.
    """
    return dict(zip(evidence, decide([*evidence.values()], n_more), strict=True))


def _make_row(case: Case, decided: Decided, n_claims: int, *, is_alone: bool) -> dict[str, Any]:
    claim, evidence = case.claim, case.evidence
    is_judged, may_matter = not case.pairs.problem, decided.verdict != "equivalent"
    can_finish = case.cause.is_unfinished and can_train_on(case.pairs)
    return {
        "say": claim.say,
        "on": claim.on,
        "better": claim.better,
        "than": claim.than,
        "where": claim.where,
        "change": claim.effect and claim.effect.model_dump(),
        "better_share": case.pairs.bounds.better_share,
        "than_share": case.pairs.bounds.than_share,
        "method": case.method,
        "rows": case.sampling.rows,
        "seeds": evidence.n_seeds,
        **summarise_evidence(evidence, decided.verdict),
        "p": evidence.p if is_judged else None,
        "p_adjusted": decided.p,
        "p_equivalent": decided.p_equivalent,
        "adjustment": decided.adjustment,
        "n_claims": n_claims if is_judged else None,
        "margin": claim.margin,
        "verdict": decided.verdict,
        **_describe_effect(case),
        "dominant": _name_dominant(case),
        **_describe_cause(case, decided.verdict),
        "tuned": None,
        "offers_counterfactual": may_matter and can_finish,
        "counterfactual": None,
        "pairs": _list_pairs(case),
        "note": _write_note(case, decided, n_claims, is_alone=is_alone),
    }


def summarise_evidence(evidence: Evidence, verdict: str) -> dict[str, Any]:
    """Return a difference and the interval that goes with its verdict, ready for JSON.

    With `equivalent` that is the 90 % interval, whose ends are what the two one-sided tests at 5 %
    leave; else the 95 % one.
    """
    is_equivalent = verdict == "equivalent"
    low, high = evidence.narrow if is_equivalent else evidence.wide
    return {
        "difference": _finite(evidence.difference),
        "low": _finite(low),
        "high": _finite(high),
        "level": NARROW if is_equivalent else WIDE,
        "over": evidence.basis.over,
        "bound": _name_bound(evidence.bounds),
    }


def _name_bound(bounds: Bounds) -> str | None:
    """Name what absent runs leave known of a difference; None where there are none."""
    if bounds.at_least and bounds.at_most:
        return "unknown"
    return "at least" if bounds.at_least else "at most" if bounds.at_most else None


def _describe_effect(case: Case) -> dict[str, Any]:
    if case.pairs.problem:
        return Effect()._asdict()
    by_seed = case.pairs.by_seed
    better, than = (by_seed[f"{side}_value"].to_numpy() for side in ("better", "than"))
    return describe_effect(better, than, case.pairs.differences)._asdict()


def _name_dominant(case: Case) -> str | None:
    """Name the main source of uncertainty, if there are two sources."""
    evidence = case.evidence
    # Seeds that split the same rows are not a separate source.
    if evidence.basis.over == SEEDS or evidence.n_seeds < 2 or case.sampling.rows == "split":
        return None
    of_seeds = evidence.spread**2 / evidence.n_seeds
    return "test rows" if evidence.basis.shared_variance > of_seeds else "seeds"


def _describe_cause(case: Case, verdict: str) -> dict[str, Any]:
    cause = case.cause
    described: dict[str, Any] = dict.fromkeys(OF_PARTS)
    for name, values in cause.parts.items():
        basis = case.weigh_part(values, cause.rows.get(name))
        low, high = basis.tests.find_interval()
        described |= {
            name: float(values.mean()),
            f"{name}_low": _finite(low),
            f"{name}_high": _finite(high),
            f"{name}_over": basis.over,
        }
    is_decided = verdict != "undecided"
    largest = find_largest(cause.details, case.test) if is_decided else None
    sentence = tell_cause(case.claim, case.pairs, cause, largest, is_decided=is_decided)
    return described | {
        "largest_part": largest,
        "cause": case.pairs.problem or sentence,
        "cause_seeds": len(next(iter(cause.parts.values()))) if cause.parts else None,
        "cause_lacks": [str(lack) for lack in cause.lacks],
    }


def _list_pairs(case: Case) -> list[dict[str, Any]]:
    """List each pair of arms with its own mean difference over the seeds."""
    mean = pl.col("difference").mean()
    means = case.pairs.table.group_by("better", "than", maintain_order=True).agg(
        seeds=pl.len(), difference=pl.when(mean.is_finite()).then(mean)
    )
    return means.to_dicts()


# -------------------------------------------------------------------------------------- sentences


def _write_note(case: Case, decided: Decided, n_claims: int, *, is_alone: bool) -> str:
    if case.pairs.problem:
        return case.pairs.problem
    notes = [case.pairs.remarks] if case.pairs.remarks else []
    if decided.is_inconsistent:
        notes.append(INCONSISTENT)
    elif decided.verdict == "undecided":
        notes.append(advise(case, n_claims))
        if is_alone:
            notes.append(ALONE)
    if decided.verdict == "equivalent":
        notes.append(_say_untrained(case))
    if _name_dominant(case) == "test rows" and case.evidence.basis.over != ROWS:
        notes.append("Most of the uncertainty comes from the test rows, not from the seeds.")
    if case.sampling.rows == "split" and case.is_own:
        notes.append("Every seed splits the same rows: see docs/evidence.md on tables.")
    if is_skewed(case.pairs.differences):
        notes.append(SKEWED)
    pairs = [row["difference"] for row in _list_pairs(case)]
    against = sum(one * case.evidence.difference < 0.0 for one in pairs)
    if against:
        notes.append(f"{against} of {len(pairs)} pairs of arms differ in the opposite direction.")
    return " ".join(filter(None, notes))


def _say_untrained(case: Case) -> str:
    """Say that two sides are alike because neither has been trained; "" if one has."""
    gaps = case.cause.gaps
    size = max(case.claim.margin, abs(case.evidence.difference))
    if gaps is None or min(gaps) <= FAR * size:
        return ""
    better, than = (show_number(gap, 3) for gap in gaps)
    reach = f" {case.cause.reach.sentence}" if case.cause.reach else ""
    return (
        f"Neither side is near the minimum of its objective: to its end, training would change "
        f"{case.claim.on} by {better} on one side and {than} on the other.{reach}"
    )


def is_skewed(differences: np.ndarray) -> bool:
    """Say whether a test at level 0.01 finds differences skewed.

    References
    ----------
    D'Agostino, Belanger and D'Agostino (1990), doi:10.1080/00031305.1990.10475751.
    """
    if len(differences) < FEWEST_FOR_SKEWNESS or np.ptp(differences) == 0.0:
        return False
    return bool(skewtest(differences).pvalue < 0.01)


def advise(case: Case, n_claims: int) -> str:
    """Estimate how many more seeds would decide a claim."""
    if case.method == ANYTIME:
        more = ": --until-decided adds them, up to --max-seeds" * case.is_own
        return f"More seeds may decide it{more}."
    evidence = case.evidence
    if evidence.basis.over == ROWS:
        return (
            "The difference is the same with every seed, so more seeds do not decide it; it needs "
            "more test rows."
        )
    needed = estimate_seeds(evidence, n_claims)
    if needed is None and estimate_seeds(evidence, n_claims, 0.0) is not None:
        return "More seeds alone will probably not decide it; it needs more test rows."
    if needed is None:
        more = ": --until-decided adds seeds until it is decided, up to --max-seeds"
        more *= case.is_own
        least = count_fewest(evidence, n_claims)
        known = f"; it takes at least {least}" if evidence.n_seeds < least else ""
        return f"These results do not show how many seeds would decide it{known}{more}."
    low, high = (max(1, one - evidence.n_seeds) for one in needed)
    range_of = f"{low:,}" if low == high else f"{low:,} to {high:,}"
    seeds = "seed" if high == 1 else "seeds"
    more = ": --until-decided adds them" * case.is_own
    return f"About {range_of} more {seeds} would probably decide it, if they are like these{more}."


FIRST = ("say", "verdict", "difference", "low", "high", "on", "why")
"""The columns of a frame of verdicts that people read first."""


def make_frame(verdicts: Sequence[dict[str, Any]]) -> pl.DataFrame:
    """Make a frame of verdicts: the columns of `verdicts.parquet`, and why."""
    why = pl.Series("why", [explain(row) for row in verdicts], pl.String)
    return make_table(dump_verdicts(verdicts)).with_columns(why).select(*FIRST, pl.exclude(FIRST))


def summarise_verdicts(verdicts: Sequence[dict[str, Any]]) -> list[dict[str, object]]:
    """Make the rows of a table of verdicts, or of the lab's conclusions, for the terminal."""
    return [
        {
            "claim": row["say"],
            "verdict": row["verdict"],
            "difference": show_difference(row)
            or ("not judged" if row.get("p", 1.0) is None else ""),
            "on": row.get("on", ""),
            "why": explain(row),
        }
        for row in verdicts
    ]


def explain(row: dict[str, Any]) -> str:
    """Explain a verdict in a line: its cause, its note, and what more training shows."""
    # That a claim can have no parts is no news; nor is a problem, which the note has.
    is_plain = {Lack.METRIC, Lack.RECIPE, Lack.EFFECT}.intersection(row.get("cause_lacks", ()))
    parts = ["" if is_plain or row.get("difference") is None else row.get("cause", ""), row["note"]]
    tuned, longer = row.get("tuned"), row.get("counterfactual")
    if tuned:
        still = "still " if tuned["survives"] else ""
        parts.append(
            f"With each side's best settings: {still}{tuned['verdict']}, "
            f"{show_difference(tuned)}. {tuned['warning']}".rstrip()
        )
    if row.get("offers_counterfactual") and not longer:
        parts.append("To train both sides further and judge again, use --counterfactual.")
    if longer:
        outcome = [longer["verdict"], show_difference(longer)]
        parts.append(f"After more training: {', '.join(filter(None, outcome))}. {longer['note']}")
    return " ".join(filter(None, parts))


def show_difference(row: dict[str, Any]) -> str:
    """Show a difference with its interval; empty where there is none, as of a check.

    An interval that is infinite on both sides is left out. A difference of which a bound is known
    is shown by the end of its interval that counts.

    Examples
    --------
    >>> show_difference({"difference": 361.0, "low": 70.9, "high": None, "bound": "at least"})
    'at least 70.9'
    >>> show_difference({"difference": 0.1234567, "low": 0.1, "high": None})
    '0.1235 [0.1, ∞]'
    >>> show_difference({"difference": -0.0, "low": -0.0, "high": 0.0})
    '0 [0, 0]'
    """
    if row.get("difference") is None or row.get("bound") == "unknown":
        return ""
    if bound := row.get("bound"):
        end = row["low"] if bound == "at least" else row["high"]
        return f"{bound} {show_number(row['difference'] if end is None else end)}"
    if row["low"] is None and row["high"] is None:
        return show_number(row["difference"])
    low = "-∞" if row["low"] is None else show_number(row["low"])
    high = "∞" if row["high"] is None else show_number(row["high"])
    return f"{show_number(row['difference'])} [{low}, {high}]"


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
