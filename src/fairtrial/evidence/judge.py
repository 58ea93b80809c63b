"""Judge the claims of a study from its tables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from fairtrial.errors import InputError
from fairtrial.evidence.pairs import Pairs, pair_runs
from fairtrial.evidence.verdict import (
    Evidence,
    count_seeds_needed,
    decide,
    estimate_seeds,
    weigh,
)
from fairtrial.study.claims import Claim
from fairtrial.study.document import parse_toml, read_text
from fairtrial.study.study import Study
from fairtrial.trial.files import write_json
from fairtrial.trial.trial import Trial

VERDICTS = "verdicts.json"


def judge(study: Study, runs: pl.DataFrame) -> list[dict[str, Any]]:
    """Give every claim of a study its verdict.

    Parameters
    ----------
    study : Study
        With its claims.
    runs : DataFrame
        `runs.parquet`.

    Returns
    -------
    list of dict
        What `verdicts.json` holds, ready for JSON: say, on, better, than, where, seeds (how many),
        difference, low, high (the 95 % interval), p, p_adjusted, margin, verdict, note. Numbers
        that there are not are None. A claim that cannot be judged is `undecided`, and its note
        says why; it does not count among those that Holm's procedure adjusts for.
    """
    arms = study.list_arms()
    pairs = [pair_runs(claim, arms, runs) for claim in study.claims]
    evidence = [
        weigh(one.differences["difference"].to_numpy(), claim.margin)
        if not one.problem
        else weigh(np.array([]), claim.margin)
        for claim, one in zip(study.claims, pairs, strict=True)
    ]
    judged = [position for position, one in enumerate(pairs) if not one.problem]
    decided = decide(
        [evidence[position] for position in judged],
        [study.claims[position].margin for position in judged],
    )
    verdicts = dict(zip(judged, decided, strict=True))
    return [
        _make_row(claim, one, found, verdicts.get(position, ("undecided", 1.0)), len(judged))
        for position, (claim, one, found) in enumerate(
            zip(study.claims, pairs, evidence, strict=True)
        )
    ]


def judge_folder(folder: Path, claims_file: Path | None = None) -> list[dict[str, Any]]:
    """Judge the claims of a results folder, and write its `verdicts.json`.

    Parameters
    ----------
    folder : Path
        Of a study that has been run.
    claims_file : Path, optional
        A TOML file whose `[[claims]]` are judged instead of the study's; nothing is written then.

    Returns
    -------
    list of dict
        As of `judge`.

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
    verdicts = judge(study, trial.runs)
    if claims_file is None:
        write_json(folder / VERDICTS, verdicts)
    return verdicts


def _make_row(
    claim: Claim, pairs: Pairs, evidence: Evidence, decided: tuple[str, float], n_claims: int
) -> dict[str, Any]:
    verdict, p_adjusted = decided
    note = pairs.problem
    if not note and verdict == "undecided":
        note = advise(evidence, claim.margin, n_claims)
    return {
        "say": claim.say,
        "on": claim.on,
        "better": claim.better,
        "than": claim.than,
        "where": claim.where,
        "seeds": evidence.n_seeds,
        "difference": _finite(evidence.difference),
        "low": _finite(evidence.low),
        "high": _finite(evidence.high),
        "p": evidence.p,
        "p_adjusted": p_adjusted,
        "margin": claim.margin,
        "verdict": verdict,
        "note": note,
    }


def advise(evidence: Evidence, margin: float, n_claims: int) -> str:
    """Say how many more seeds would probably decide a claim."""
    needed = estimate_seeds(evidence, margin, n_claims)
    if needed is None:
        return "How many seeds would decide it cannot be told from these."
    more = max(1, needed - evidence.n_seeds)
    return f"Probably decided by about {more:,} more seeds, if difference and spread stay as found."


def find_undecidable(study: Study) -> list[str]:
    """Say, before a study runs, whether its seeds are too few to decide anything."""
    n_seeds, needed = len(study.list_seeds()), count_seeds_needed(len(study.claims) or 1)
    if not study.claims or n_seeds >= needed:
        return []
    return [
        f"{n_seeds} seeds cannot decide the first of {len(study.claims)} claims, whatever they "
        f"show: that takes {needed}."
    ]


def summarise_verdicts(verdicts: Sequence[dict[str, Any]]) -> list[dict[str, object]]:
    """Make the rows of a table to read."""
    return [
        {
            "claim": row["say"],
            "verdict": row["verdict"],
            "difference": "" if row["difference"] is None else f"{row['difference']:.4g}",
            "95 % interval": f"{_show(row['low'], '-∞')} to {_show(row['high'], '∞')}",
            "margin": f"{row['margin']:g}",
            "on": row["on"],
            "seeds": str(row["seeds"]),
            "note": row["note"],
        }
        for row in verdicts
    ]


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _show(value: float | None, infinite: str) -> str:
    return infinite if value is None else f"{value:.4g}"
