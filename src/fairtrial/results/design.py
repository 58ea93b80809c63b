"""The design of a results folder: how its seeds were chosen, and when its claims were stated.

`design.json` is written before the first run. Judging adds to it which claims it was about and how
many seeds it saw, and never changes how the seeds were chosen.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import polars as pl
from polars.exceptions import PolarsError
from pydantic import TypeAdapter, ValidationError

from fairtrial.errors import InputError
from fairtrial.files import write_json
from fairtrial.study import Study
from fairtrial.study.arm import Arm
from fairtrial.study.claims import Claim, match_claim
from fairtrial.study.seeds import Seeds, list_seeds

DESIGN = "design.json"
FIXED, UNTIL_DECIDED, UNKNOWN = "fixed", "until decided", "unknown"


@dataclass(frozen=True)
class Look:
    """A judging of claims, which lets the user see what the runs show.

    The time is in UTC, "" where it is not known; `claims` is a digest of the `n_claims` that were
    judged; `file` names the file that states them, "" for the study's own.
    """

    time: str
    seeds: int
    runs: int
    n_claims: int
    claims: str
    file: str = ""


@dataclass(frozen=True)
class Statement:
    """A claim as it was first stated in the folder, at a time in UTC, when it had so many runs."""

    say: str
    margin: float
    seeds: Seeds  # Those of the study, as it gives them
    digest: str  # Of the whole claim, these seeds, and the settings of the arms that it compares
    # A digest of what it compares alone: two claims that differ in text or margin share it
    compares: str
    time: str
    runs: int


@dataclass(frozen=True)
class Design:
    """How the seeds of a folder were chosen, what was judged, and when each claim was stated."""

    # `fixed`, `until decided`, or `unknown`, where a folder with runs had lost its design
    chosen: Literal["fixed", "until decided", "unknown"]
    # The seeds that were declared before the first run, as the study gave them; None where that is
    # not known
    declared: Seeds | None
    looks: tuple[Look, ...] = ()  # In the order of time
    claims: tuple[Statement, ...] = ()  # Every claim that was ever stated, in the order of time
    version: Literal[1] = 1

    @property
    def seeds(self) -> list[int]:
        """The declared seeds; none where they are not known."""
        return [] if self.declared is None else list_seeds(self.declared)


FORM = TypeAdapter(Design)


def read_design(folder: Path) -> Design | None:
    """Read `design.json`; None where there is none, an `InputError` where it is damaged."""
    path = folder / DESIGN
    try:
        return FORM.validate_json(path.read_bytes(), strict=True)
    except FileNotFoundError:
        return None
    except (OSError, ValidationError):
        raise InputError(
            f"{path} cannot be read: it is damaged, or of another version. It says how the seeds "
            "were chosen, so the claims cannot be judged without it. Put it back from a copy. If "
            "there is none, move the file away: seeds beyond the study's then count as added "
            "after a look."
        ) from None


def write_design(folder: Path, design: Design) -> None:
    """Write `design.json`; see `write_file`."""
    write_json(folder / DESIGN, FORM.dump_python(design, mode="json"))


def declare(folder: Path, study: Study, until_decided: bool, n_runs: int) -> None:
    """Write down, before anything trains, how the seeds are chosen and what is claimed.

    Once claims have been judged, the declared seeds stay what they were. `n_runs` is how many runs
    the folder has, which this process holds.
    """
    before = read_design(folder)
    design = before or _recover(folder, n_runs)
    chosen = UNTIL_DECIDED if until_decided else FIXED
    if design is None or not (design.looks or design.chosen == UNKNOWN):
        claims = design.claims if design else ()
        design = Design(chosen, study.seeds, claims=claims)
    elif design.chosen != UNKNOWN:
        design = replace(design, chosen=chosen)
    design = state_claims(design, study, n_runs)
    if design != before:
        write_design(folder, design)


def _recover(folder: Path, n_runs: int) -> Design | None:
    """Make the design of a folder that has lost it, or that an older version has made."""
    if not n_runs and not (folder / "runs.parquet").exists():
        return None
    try:
        study = Study.load(folder / "study.toml")
        runs = pl.read_parquet(folder / "runs.parquet", columns=["seed"], glob=False)
    except (InputError, OSError, PolarsError):
        return Design(UNKNOWN, None)
    seeds = runs["seed"].unique().to_list()
    if set(seeds) - set(study.list_seeds()):
        return Design(UNKNOWN, None)
    looks = (Look("", len(seeds), runs.height, len(study.claims), ""),) if study.claims else ()
    return Design(FIXED, study.seeds, looks)


def state_claims(design: Design, study: Study, n_runs: int) -> Design:
    """Note the claims of a study that the design does not have yet, as stated now.

    Where there are no runs and nothing was judged, claims that the study has no more are forgotten:
    nobody can have chosen between them by what they showed.
    """
    arms, found = study.list_arms(), find_statements(design, study)
    claims = [claim for claim, one in zip(study.claims, found, strict=True) if one is None]
    new = [_state(claim, study, arms, n_runs) for claim in claims]
    known = {statement.digest for statement in found if statement}
    forgets = not n_runs and not design.looks
    kept = [one for one in design.claims if one.digest in known or not forgets]
    return replace(design, claims=(*kept, *{one.digest: one for one in new}.values()))


def _state(claim: Claim, study: Study, arms: Sequence[Arm], n_runs: int) -> Statement:
    return Statement(
        say=claim.say,
        margin=claim.margin,
        seeds=study.seeds,
        digest=digest_claim(claim, arms, study.seeds),
        compares=digest_compared(claim, arms),
        time=tell_time(),
        runs=n_runs,
    )


def note_look(design: Design, look: Look) -> Design:
    """Note a look; one that shows nothing new is not noted again."""
    seen = {replace(one, time="") for one in design.looks}
    if replace(look, time="") in seen:
        return design
    return replace(design, looks=(*design.looks, look))


def find_statements(design: Design, study: Study) -> list[Statement | None]:
    """Find when each claim of a study was first stated, exactly as it stands; None if never."""
    arms = study.list_arms()
    every = {json.dumps(_dump(one.seeds)): one.seeds for one in design.claims}
    found = []
    for claim in study.claims:
        digests = {digest_claim(claim, arms, seeds) for seeds in every.values()}
        found.append(next((one for one in design.claims if one.digest in digests), None))
    return found


def list_others(design: Design, study: Study) -> Iterator[tuple[Statement, int | None]]:
    """List the claims that were stated and that the study does not have as they were.

    With each goes the place among the study's claims, from 0, of the one that compares the same,
    with another text or margin; None where the claim was dropped.
    """
    arms = study.list_arms()
    known = {statement.digest for statement in find_statements(design, study) if statement}
    now = {digest_compared(claim, arms): place for place, claim in enumerate(study.claims)}
    for statement in design.claims:
        if statement.digest not in known:
            yield statement, now.get(statement.compares)


def digest_claims(study: Study) -> str:
    """Digest all claims of a study."""
    arms = study.list_arms()
    return _digest([digest_claim(claim, arms, study.seeds) for claim in study.claims])


def digest_claim(claim: Claim, arms: Sequence[Arm], seeds: Any) -> str:
    """Digest a claim with its seeds and the settings of the arms that it compares."""
    return _digest([claim.say, claim.margin, claim.over, _dump(seeds), _list_compared(claim, arms)])


def digest_compared(claim: Claim, arms: Sequence[Arm]) -> str:
    """Digest what a claim compares, whatever its text and margin are."""
    return _digest(_list_compared(claim, arms))


def tell_time() -> str:
    """Tell the time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _list_compared(claim: Claim, arms: Sequence[Arm]) -> list[Any]:
    sides = [[_describe_arm(arm) for arm in match.arms] for match in match_claim(arms, claim)]
    effect = claim.effect.model_dump() if claim.effect else None
    return [claim.on, claim.better, claim.than, claim.where, effect, sides]


def _describe_arm(arm: Arm) -> dict[str, Any]:
    """Describe an arm by its settings; where its data lies is none of them."""
    return {name: value for name, value in arm.settings.items() if name != "task.path"}


def _dump(seeds: Any) -> Any:
    return seeds if isinstance(seeds, int | list | str) else seeds.model_dump()


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, default=str, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
