"""By which test a folder may be judged, and what its design says of each claim."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from fairtrial.evidence.case import ANYTIME, SIGN_FLIP
from fairtrial.results.design import (
    DESIGN,
    UNKNOWN,
    UNTIL_DECIDED,
    Design,
    Look,
    Statement,
    digest_claims,
    list_others,
    note_look,
    read_design,
    state_claims,
    tell_time,
    write_design,
)
from fairtrial.results.results import Results
from fairtrial.results.store import VERDICTS
from fairtrial.study import Study
from fairtrial.study.claims import Claim

LOST = (
    f"{DESIGN} is missing, so how the seeds were chosen is not known, and some are beyond the "
    "study's: the claim is judged by bets, which are valid however often one looks."
)
NOT_KNOWN = (
    f"The folder had lost its {DESIGN}, so how the seeds were chosen is not known: the claim is "
    "judged by bets, which are valid however often one looks."
)


def choose_method(trial: Results) -> tuple[str, str]:
    """Choose the test that fits how the seeds of a folder were chosen.

    The sign-flip test is for the seeds that were declared before the first run, all of them and no
    others. Bets are for everything else. Second comes why it is not the one that a user would
    expect, as a sentence; "" where nothing is unusual.
    """
    design, declared = read_design(trial.folder), set(trial.study.list_seeds())
    seeds = declared | set(trial.runs["seed"])
    if design is None:
        if seeds != declared:
            return ANYTIME, LOST
        return (ANYTIME if _was_judged_by_bets(trial.folder) else SIGN_FLIP), ""
    if design.chosen == UNKNOWN:
        return ANYTIME, NOT_KNOWN
    if design.chosen == UNTIL_DECIDED:
        return ANYTIME, ""
    if seeds == set(design.seeds):
        return SIGN_FLIP, ""
    return ANYTIME, _say_extended(design)


def _was_judged_by_bets(folder: Path) -> bool:
    """Say whether verdicts of any version say so."""
    try:
        rows = json.loads((folder / VERDICTS).read_text(encoding="utf-8"))
        return any(row["method"] == ANYTIME for row in rows)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _say_extended(design: Design) -> str:
    looks = sorted({look.seeds for look in design.looks})
    *most, last = map(str, looks or [0])
    seen = f"{', '.join(most)} and {last}" if most else last
    seeds = "seed" if looks == [1] else "seeds"
    how = f"changed after a look at {seen} {seeds}" if looks else "added to those of the study"
    return (
        f"The seeds were {how}: the claim is judged by bets, which are valid however often one "
        "looks."
    )


def note_judging(trial: Results, study: Study, file: str = "") -> Design | None:
    """Note in a folder's design that claims are judged, and which of them are new.

    `file` names where the claims come from, if not from the trial's study; those of a file are not
    kept. None where the folder has no design, which judging does not make.
    """
    before = read_design(trial.folder)
    if before is None:
        return None
    seeds, runs = trial.runs["seed"].n_unique(), trial.runs.height
    look = Look(tell_time(), seeds, runs, len(study.claims), digest_claims(study), file)
    stated = state_claims(before, study, runs)
    design = note_look(before if file else stated, look)
    if design != before:
        write_design(trial.folder, design)
    return replace(design, claims=stated.claims)


def say_changes(design: Design | None, study: Study) -> list[str]:
    """Say of each claim of a study what it was before, as a sentence; "" where it is as it was."""
    before: dict[int, Statement] = {}
    for statement, place in list_others(design, study) if design else ():
        if place is not None:
            before.setdefault(place, statement)
    return [
        _say_change(before[place], claim) if place in before else ""
        for place, claim in enumerate(study.claims)
    ]


def _say_change(statement: Statement, claim: Claim) -> str:
    if statement.margin != claim.margin:
        return (
            f"The claim was also stated with a margin of {statement.margin:g}, "
            f"{say_when(statement.runs)}."
        )
    if statement.say != claim.say:
        return f"The claim was also stated as “{statement.say}”, {say_when(statement.runs)}."
    return ""


def say_when(n_runs: int) -> str:
    """Say when a claim was stated, by the runs that were there.

    Examples
    --------
    >>> say_when(0), say_when(12)
    ('before the runs', 'after 12 runs were there')
    """
    if not n_runs:
        return "before the runs"
    return "after 1 run was there" if n_runs == 1 else f"after {n_runs:,} runs were there"


def say_stated(verdict: Mapping[str, Any]) -> str:
    """Say when the claim of a verdict was stated, as a sentence."""
    n_runs, time = verdict["runs_when_stated"], verdict["stated_at"]
    if n_runs is None:
        return "When the claim was stated is not recorded."
    return f"Stated {say_when(n_runs)} ({time.replace('T', ' ').removesuffix('+00:00')} UTC)."


def list_notices(trial: Results) -> list[str]:
    """List what a reader should know of the claims that the verdicts do not show, as sentences.

    That is claims that were dropped, and looks at the runs by claims that are not the study's.
    """
    design = read_design(trial.folder)
    if design is None:
        return []
    dropped = [one for one, place in list_others(design, trial.study) if place is None]
    notices = [
        f"A claim was stated {say_when(one.runs)} and is not judged here: “{one.say}”."
        for one in dropped
    ]
    for look in (look for look in design.looks if look.file):
        claims, were = (
            ("1 claim", "was") if look.n_claims == 1 else (f"{look.n_claims} claims", "were")
        )
        notices.append(f"{claims} from {look.file} {were} judged on these runs.")
    return notices
