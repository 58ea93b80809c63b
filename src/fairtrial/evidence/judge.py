"""Judge the claims of a study from its tables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from scipy.stats import skewtest

from fairtrial.errors import InputError
from fairtrial.evidence.anytime import WidenedBets, count_seeds_needed_anytime, place_bets
from fairtrial.evidence.cause import NOT_SPLIT, Cause, find_cause, measure_part
from fairtrial.evidence.crossing import cross_test_rows
from fairtrial.evidence.effect import describe_effect
from fairtrial.evidence.optima import Optima
from fairtrial.evidence.pairs import Pairs, has_steps, pair_runs
from fairtrial.evidence.sign_flip import list_subset_means
from fairtrial.evidence.tuning import Tuned, tune
from fairtrial.evidence.verdict import (
    Evidence,
    Tests,
    count_seeds_needed,
    decide,
    estimate_seeds,
    weigh,
)
from fairtrial.study.claims import Claim
from fairtrial.study.document import parse_toml, read_text
from fairtrial.study.study import Study
from fairtrial.trial.files import write_file, write_json
from fairtrial.trial.store import VERDICTS
from fairtrial.trial.trial import Trial

PAIRS = "pairs.parquet"
FEWEST_FOR_SKEWNESS = 8  # Below, the test of skewness does not hold its level.
SKEWED = (
    "The differences are skewed, and the test takes them to be symmetric: where they lean is not "
    "quite their mean (docs/evidence.md)."
)
SIGN_FLIP, ANYTIME = "sign-flip test", "anytime-valid bets"


@dataclass(frozen=True)
class Case:
    """A claim with all that there is to say of it.

    Attributes
    ----------
    claim : Claim
        What is claimed.
    pairs : Pairs
        Its matched runs.
    shared_variance : float
        What the test rows that all seeds share add to the variance of the mean difference.
    evidence : Evidence
        What its differences say, alone.
    cause : Cause or str
        Choice and budget; a sentence where it cannot be split.
    tuned : Tuned or None
        Its differences where each side has its best learning rate.
    tuned_evidence : Evidence or None
        What those say.
    """

    claim: Claim
    pairs: Pairs
    shared_variance: float
    evidence: Evidence
    cause: Cause | str
    tuned: Tuned | None
    tuned_evidence: Evidence | None


def weigh_claims(trial: Trial, study: Study, method: str = SIGN_FLIP) -> list[Case]:
    """Weigh every claim of a study on what its runs have left.

    Parameters
    ----------
    trial : Trial
        A results folder. Exact minimisers that it does not have yet are found, and kept there.
    study : Study
        The trial's, maybe with other claims.
    method : str
        `SIGN_FLIP`, or `ANYTIME` where the number of seeds depends on what earlier ones showed.

    Returns
    -------
    list of Case
        One a claim.

    Raises
    ------
    MachineError
        If the folder cannot be written.
    """
    optima = Optima(trial.folder)
    cases = [_weigh_claim(claim, trial, study, optima, method) for claim in study.claims]
    optima.write()
    return cases


def judge(
    folder: str | Path, claims_file: Path | None = None, method: str | None = None
) -> list[dict[str, Any]]:
    """Judge the claims of a results folder, and write its `verdicts.json` and `pairs.parquet`.

    Parameters
    ----------
    folder : str or Path
        Of a study that has been run.
    claims_file : Path, optional
        A TOML file whose `[[claims]]` are judged instead of the study's; nothing is written then
        but minimisers that were not known.
    method : str, optional
        `SIGN_FLIP` or `ANYTIME`; as the folder was judged before if absent.

    Returns
    -------
    list of dict
        What `verdicts.json` holds; see `docs/evidence.md`.

    Raises
    ------
    InputError
        If the folder is not one of results, or there are no claims, or they break a rule.
    MachineError
        If the folder cannot be written.
    """
    trial = Trial(folder)
    study = trial.study
    if claims_file is not None:
        document = parse_toml(read_text(claims_file), str(claims_file))
        study = study.replace(claims=document.values.get("claims", []))
    if not study.claims:
        raise InputError(
            f"{claims_file or folder} states no claims: add [[claims]], as `fairtrial new` shows."
        )
    method = method or recall_method(trial)
    cases = weigh_claims(trial, study, method)
    rows = list_verdicts(cases, method)
    recall_counterfactuals(rows, trial.verdicts)
    if claims_file is None:
        write_file(trial.folder / PAIRS, join_pairs(cases).write_parquet)
        write_json(trial.folder / VERDICTS, rows)
    return rows


def recall_method(trial: Trial) -> str:
    """Recall how a folder was judged before: seeds that were added by looking stay so."""
    verdicts = trial.verdicts
    return verdicts[0]["method"] if verdicts else SIGN_FLIP


def recall_counterfactuals(
    rows: Sequence[dict[str, Any]], before: Sequence[dict[str, Any]]
) -> None:
    """Keep what longer runs have said of claims whose difference is still the same."""
    said = ("better", "than", "where", "on", "margin", "difference")
    for row in rows:
        for old in before:
            if all(row[name] == old[name] for name in said):
                row["counterfactual"] = old["counterfactual"]


def _weigh_claim(claim: Claim, trial: Trial, study: Study, optima: Optima, method: str) -> Case:
    arms = study.list_arms()
    pairs = pair_runs(claim, arms, trial.runs, study.list_seeds())
    if pairs.problem:
        nothing = weigh(np.array([]), claim.margin)
        return Case(claim, pairs, 0.0, nothing, pairs.problem, None, None)
    shared = cross_test_rows(claim, pairs, trial.test_rows)

    def test(differences: np.ndarray) -> Evidence:
        return weigh(differences, claim.margin, prepare_tests(differences, shared, method))

    tuned = tune(claim, pairs, arms, trial.runs)
    return Case(
        claim,
        pairs,
        shared,
        test(pairs.differences),
        find_cause(claim, pairs, optima),
        tuned,
        test(tuned.differences) if tuned else None,
    )


def prepare_tests(differences: np.ndarray, shared_variance: float, method: str) -> Tests:
    """Make ready the tests of a claim's differences."""
    if method == SIGN_FLIP:
        return list_subset_means(differences, shared_variance)
    bets = place_bets(differences)
    return WidenedBets(bets, shared_variance**0.5) if shared_variance else bets


def list_verdicts(cases: Sequence[Case], method: str) -> list[dict[str, Any]]:
    """Decide all claims of a study together.

    Parameters
    ----------
    cases : sequence of Case
        All of the study's.
    method : str
        By which they were weighed.

    Returns
    -------
    list of dict
        One a claim, ready for JSON; what there is not is None. A claim that cannot be judged is
        `undecided`, and its note says why; it does not count among those that Holm's procedure
        adjusts for.
    """
    judged = [case for case in cases if not case.pairs.problem]
    decided = _decide(judged, [case.evidence for case in judged])
    tuned = [case for case in judged if case.tuned_evidence]
    tuned_decided = _decide(tuned, [case.tuned_evidence for case in tuned])
    return [
        _make_row(
            case,
            method,
            decided.get(id(case), ("undecided", 1.0)),
            tuned_decided.get(id(case)),
            len(judged),
        )
        for case in cases
    ]


def _decide(cases: Sequence[Case], evidence: Sequence[Any]) -> dict[int, tuple[str, float]]:
    decided = decide(evidence, [case.claim.margin for case in cases])
    return {id(case): one for case, one in zip(cases, decided, strict=True)}


def _make_row(
    case: Case,
    method: str,
    decided: tuple[str, float],
    tuned: tuple[str, float] | None,
    n_claims: int,
) -> dict[str, Any]:
    claim, evidence, (verdict, p_adjusted) = case.claim, case.evidence, decided
    return {
        "say": claim.say,
        "on": claim.on,
        "better": claim.better,
        "than": claim.than,
        "where": claim.where,
        "over": "seeds and test rows" if case.shared_variance else "seeds",
        "method": method,
        "seeds": evidence.n_seeds,
        **summarise_evidence(evidence),
        "p": evidence.p,
        "p_adjusted": p_adjusted,
        "margin": claim.margin,
        "verdict": verdict,
        **_describe_effect(case),
        "dominant": _name_dominant(case),
        **_describe_cause(case.cause),
        "tuned": _describe_tuned(case, verdict, tuned),
        "offers_counterfactual": _offers_counterfactual(case, verdict),
        "counterfactual": None,
        "pairs": _list_pairs(case),
        "note": _write_note(case, verdict, n_claims),
    }


def summarise_evidence(evidence: Evidence) -> dict[str, float | None]:
    """Return a difference and its interval, ready for JSON."""
    return {
        "difference": _finite(evidence.difference),
        "low": _finite(evidence.low),
        "high": _finite(evidence.high),
    }


def _describe_effect(case: Case) -> dict[str, Any]:
    if case.pairs.problem:
        return dict.fromkeys(("beats", "effect", "correlation", "unpaired_seeds"))
    by_seed = case.pairs.by_seed
    better, than = (by_seed[f"{side}_value"].to_numpy() for side in ("better", "than"))
    return asdict(describe_effect(better, than, case.pairs.differences))


def _name_dominant(case: Case) -> str | None:
    """Name what the uncertainty is mostly owed to, where there are two sources."""
    if not case.shared_variance:
        return None
    of_seeds = case.evidence.spread**2 / case.evidence.n_seeds
    return "test rows" if case.shared_variance > of_seeds else "seeds"


def _describe_cause(cause: Cause | str) -> dict[str, Any]:
    if isinstance(cause, str):
        return {
            name: None
            for part in ("choice", "budget")
            for name in (part, f"{part}_low", f"{part}_high")
        } | {"cause": cause}
    parts = {"choice": measure_part(cause.choice), "budget": measure_part(cause.budget)}
    described = {}
    for name, part in parts.items():
        ends = {f"{name}_low": _finite(part.low), f"{name}_high": _finite(part.high)}
        described |= {name: part.mean} | ends
    return described | {"cause": cause.sentence}


def _describe_tuned(
    case: Case, verdict: str, decided: tuple[str, float] | None
) -> dict[str, Any] | None:
    tuned, evidence = case.tuned, case.tuned_evidence
    if tuned is None or evidence is None or decided is None:
        return None
    return {
        "verdict": decided[0],
        "survives": decided[0] == verdict,
        **summarise_evidence(evidence),
        "better_rates": list(tuned.better_rates),
        "than_rates": list(tuned.than_rates),
        "chosen_on": tuned.chosen_on,
        "warning": tuned.warning,
    }


def _offers_counterfactual(case: Case, verdict: str) -> bool:
    """Say whether a difference that matters is mostly budget, and longer runs can tell the rest."""
    split = case.cause
    is_budget = isinstance(split, Cause) and split.is_budget
    return verdict != "equivalent" and is_budget and has_steps(case.pairs)


def _list_pairs(case: Case) -> list[dict[str, Any]]:
    """List each pair of arms with its own mean difference over the seeds."""
    means = case.pairs.table.group_by("better", "than", maintain_order=True).agg(
        pl.len().alias("seeds"), pl.col("difference").mean()
    )
    return [
        row | {"difference": None if row["difference"] is None else _finite(row["difference"])}
        for row in means.to_dicts()
    ]


def _write_note(case: Case, verdict: str, n_claims: int) -> str:
    """Write what a reader should know beside the figures."""
    if case.pairs.problem:
        return case.pairs.problem
    notes = [case.pairs.remarks] if case.pairs.remarks else []
    if verdict == "undecided":
        notes.append(advise(case, n_claims))
    if _name_dominant(case) == "test rows":
        notes.append("What is uncertain is mostly owed to the test rows, not to the seeds.")
    if is_skewed(case.pairs.differences):
        notes.append(SKEWED)
    pairs = [row["difference"] for row in _list_pairs(case)]
    against = sum(one * case.evidence.difference < 0.0 for one in pairs)
    if against:
        notes.append(f"{against} of {len(pairs)} pairs of arms point the other way.")
    return " ".join(notes)


def is_skewed(differences: np.ndarray) -> bool:
    """Say whether differences are more skewed than symmetric ones would be in one of 100 cases.

    References
    ----------
    D'Agostino, Belanger and D'Agostino (1990), doi:10.1080/00031305.1990.10475751.
    """
    if len(differences) < FEWEST_FOR_SKEWNESS or np.ptp(differences) == 0.0:
        return False
    return bool(skewtest(differences).pvalue < 0.01)


def advise(case: Case, n_claims: int) -> str:
    """Say how many more seeds would probably decide a claim."""
    evidence = case.evidence
    needed, alone = (
        estimate_seeds(evidence, case.claim.margin, n_claims, shared)
        for shared in (case.shared_variance, 0.0)
    )
    if needed is None and alone is not None:
        return "Seeds alone would not decide it: that takes more test rows."
    if needed is None:
        return "How many seeds would decide it cannot be told from these."
    more = max(1, needed - evidence.n_seeds)
    seeds = "seed" if more == 1 else "seeds"
    return f"About {more:,} more {seeds} would probably decide it, if they show what these show."


def join_pairs(cases: Sequence[Case]) -> pl.DataFrame:
    """Make `pairs.parquet`: a row for each claim, seed and pair of arms.

    Columns: claim (from 0), seed, better, than (arms), better_value, than_value, difference; and of
    the whole seed choice and budget, null where there is no split.
    """
    tables = []
    for number, case in enumerate(cases):
        table = case.pairs.table.select(
            pl.lit(number, pl.Int64).alias("claim"),
            "seed", "better", "than", "better_value", "than_value", "difference",
        )  # fmt: skip
        split = case.cause if isinstance(case.cause, Cause) else None
        parts = case.pairs.by_seed.select(
            "seed",
            choice=pl.Series(split.choice) if split else pl.lit(None, pl.Float64),
            budget=pl.Series(split.budget) if split else pl.lit(None, pl.Float64),
        )
        tables.append(table.join(parts, on="seed", how="left", maintain_order="left"))
    return pl.concat(tables)


def find_undecidable(study: Study, method: str = SIGN_FLIP, n_seeds: int | None = None) -> str:
    """Say, before a study runs, which claims its seeds are too few to decide.

    Parameters
    ----------
    study : Study
        Whose first look is at all its seeds.
    method : str
        By which it will be judged.
    n_seeds : int, optional
        How many there may be in the end; the study's if absent.

    Returns
    -------
    str
        A sentence; "" where the seeds suffice.
    """
    n_claims = len(study.claims)
    n_seeds = n_seeds or len(study.list_seeds())
    count = count_seeds_needed if method == SIGN_FLIP else count_seeds_needed_anytime
    if not n_claims or n_seeds >= (needed := count(n_claims)):
        return ""
    named = "; ".join(claim.say for claim in study.claims)
    return (
        f"{n_seeds} {'seed' if n_seeds == 1 else 'seeds'} cannot tell better from worse in any of "
        f"{n_claims} claims, whatever they show; that takes {needed}. Undecidable: {named}."
    )


def summarise_verdicts(verdicts: Sequence[dict[str, Any]]) -> list[dict[str, object]]:
    """Make the rows of a table to read, of verdicts or of the lab's conclusions."""
    return [
        {
            "claim": row["say"],
            "verdict": row["verdict"],
            "difference": show_difference(row),
            "on": row.get("on", ""),
            "why": explain(row),
        }
        for row in verdicts
    ]


def explain(row: dict[str, Any]) -> str:
    """Say in a line what is behind a verdict: its cause, what longer runs say, and the note."""
    cause = row.get("cause", "")
    told = row.get("choice") is not None or cause.startswith(NOT_SPLIT)
    parts = [cause if told else "", row["note"]]
    tuned, longer = row.get("tuned"), row.get("counterfactual")
    if tuned:
        still = "still " if tuned["survives"] else ""
        parts.append(
            f"With each side's best learning rate: {still}{tuned['verdict']}, "
            f"{show_difference(tuned)}. {tuned['warning']}".rstrip()
        )
    if row.get("offers_counterfactual") and not longer:
        parts.append("What is left of it when both are trained on: --counterfactual.")
    if longer:
        outcome = [longer["verdict"], show_difference(longer)]
        parts.append(f"Trained on: {', '.join(filter(None, outcome))}. {longer['note']}")
    return " ".join(filter(None, parts))


def show_difference(row: dict[str, Any]) -> str:
    """Show a difference with its 95 % interval; empty where there is none, as of a check.

    Examples
    --------
    >>> show_difference({"difference": 0.1234567, "low": 0.1, "high": None})
    '0.1235 [0.1, ∞]'
    """
    if row.get("difference") is None:
        return ""
    low = "-∞" if row["low"] is None else f"{row['low']:.4g}"
    high = "∞" if row["high"] is None else f"{row['high']:.4g}"
    return f"{row['difference']:.4g} [{low}, {high}]"


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
