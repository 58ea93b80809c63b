"""From a results folder to its verdicts."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from fairtrial.data.load import list_notes
from fairtrial.errors import InputError, MachineError
from fairtrial.evidence.account import list_verdicts
from fairtrial.evidence.case import ANYTIME, METHODS, SIGN_FLIP, Case, count_seeds_for, weigh_claims
from fairtrial.evidence.cause import Lack
from fairtrial.evidence.design import choose_method, note_judging, say_changes
from fairtrial.evidence.pairs import SIDES, WITHOUT
from fairtrial.evidence.statistics.anytime import count_seeds_needed_anytime
from fairtrial.files import write_file
from fairtrial.results.design import Design, find_statements, read_design
from fairtrial.results.results import Results, fingerprint_verdict
from fairtrial.results.store import PAIRS, VERDICTS
from fairtrial.results.verdicts import OF_PARTS, PARTS, read_verdicts, write_verdicts
from fairtrial.settings.document import parse_toml, read_text
from fairtrial.settings.plain import make_plain
from fairtrial.study.arms import list_equal_arms
from fairtrial.study.claims import Claim
from fairtrial.study.study import Study

# What a claim and its difference are known by again.
SAME = (
    "better", "than", "where", "change", "on", "margin", "method", "seeds", "difference",
    "fingerprint",
)  # fmt: skip


def judge(
    folder: str | Path,
    claims: str | Path | Sequence[Claim | Mapping[str, Any]] | None = None,
    method: str | None = None,
    note: Callable[[str], None] = lambda sentence: None,
) -> list[dict[str, Any]]:
    """Judge the claims of a results folder, and write its `verdicts.json` and `pairs.parquet`.

    Parameters and errors are those of `fairtrial.judge` on a folder. Where claims are given,
    nothing is written but minimisers that were not known. Returns what `verdicts.json` holds; see
    `docs/evidence.md`.
    """
    trial = Results(folder)
    study, source = _choose_claims(trial, claims)
    fitting, why = choose_method(trial)
    _check_method(method, fitting, why)
    try:
        design = note_judging(trial, study, source)
    except MachineError:
        note(f"That the claims are judged is not noted: {trial.folder} cannot be written.")
        design = read_design(trial.folder)
    cases = weigh_claims(trial, study, method or fitting, note)
    rows = list_verdicts(cases, study.n_claims)
    _add_design(rows, trial, study, design, why)
    recall_causes(rows, _read_earlier(trial.folder, note))
    if claims is None:
        try:
            write_file(trial.folder / PAIRS, join_pairs(cases).write_parquet)
            write_verdicts(trial.folder, rows)
        except MachineError:
            note(f"The verdicts are not kept: {trial.folder} cannot be written.")
    return rows


def _read_earlier(folder: Path, note: Callable[[str], None]) -> list[dict[str, Any]]:
    """Read earlier verdicts, which are about to be replaced."""
    try:
        return read_verdicts(folder)
    except InputError:
        note(
            f"{folder / VERDICTS} is damaged, or of another version: it is written again, and what "
            "longer runs had shown is lost."
        )
        return []


def _choose_claims(
    trial: Results, claims: str | Path | Sequence[Claim | Mapping[str, Any]] | None
) -> tuple[Study, str]:
    """Return a study of the claims, and where they come from; "" for those of the trial."""
    study, place, source = trial.study, str(trial.folder), ""
    given, document = None, None
    if isinstance(claims, str | Path):
        place, source = str(claims), Path(claims).name
        document = parse_toml(read_text(Path(claims)), place)
        given = document.values.get("claims", [])
    elif claims is not None:
        place, source, given = "The list of claims", "Python", make_plain(list(claims))
    if given is not None:
        study = study.take_claims(given, document)
    if not study.claims:
        others = "" if source else ", or judge those of a file with --claims FILE (Python: claims)"
        raise InputError(f"{place} states no claims: add some, as `fairtrial new` shows{others}.")
    return study, source


def _check_method(method: str | None, fitting: str, why: str) -> None:
    """Refuse a test that is not known, or that does not fit how the seeds were chosen."""
    if method is not None and method not in METHODS:
        raise InputError(f"method = {method!r} is not known (known: {', '.join(METHODS)}).")
    if method == SIGN_FLIP != fitting:
        reason = why or "Seeds of this folder were added until the claims were decided."
        raise InputError(
            f"method = {method!r} does not fit. {reason} Leave method out, or take {ANYTIME!r}."
        )


def _add_design(
    rows: Sequence[dict[str, Any]], trial: Results, study: Study, design: Design | None, why: str
) -> None:
    """Add to verdicts which runs they are on, when their claims were stated, and why by bets."""
    stated = find_statements(design, study) if design else [None] * len(study.claims)
    changes = say_changes(design, study)
    for row, claim, statement, change in zip(rows, study.claims, stated, changes, strict=True):
        row |= {
            "stated_at": statement.time if statement else None,
            "runs_when_stated": statement.runs if statement else None,
            "fingerprint": fingerprint_verdict(trial.fingerprint, claim),
        }
        row["note"] = " ".join(filter(None, [why, change, row["note"]]))


def recall_causes(rows: Sequence[dict[str, Any]], before: Sequence[dict[str, Any]]) -> None:
    """Keep what was known of differences that are still the same.

    That is what longer runs have said of them, and, where the data is no longer at hand, their
    split into parts.
    """
    of_cause = (
        *OF_PARTS, "largest_part", "cause", "cause_seeds", "cause_lacks", "offers_counterfactual",
    )  # fmt: skip
    for row in rows:
        for old in before:
            if any(row[name] != old.get(name) for name in SAME):
                continue
            row["counterfactual"] = old.get("counterfactual")
            if Lack.DATA in row["cause_lacks"] and old.get("objective") is not None:
                row |= {name: old[name] for name in of_cause}


def join_pairs(cases: Sequence[Case]) -> pl.DataFrame:
    """Make `pairs.parquet`: a row for each claim, seed and pair of arms.

    Columns: claim (from 0), seed, better, than (arms), better_against, than_against (of a claim on
    effects, the arms without the change), better_value, than_value, difference; and of the whole
    seed each part of the difference, null where it is not split so.
    """
    tables = []
    for number, case in enumerate(cases):
        known = case.pairs.table
        table = known.select(
            pl.lit(number, pl.Int64).alias("claim"), "seed", *SIDES,
            *(name if name in known else pl.lit(None, pl.String).alias(name) for name in WITHOUT),
            "better_value", "than_value", "difference",
        )  # fmt: skip
        cause, seeds = case.cause, case.pairs.by_seed["seed"].to_numpy()
        parts = pl.DataFrame(
            {"seed": seeds[cause.seeds]} | {name: cause.parts.get(name) for name in PARTS},
            schema_overrides=dict.fromkeys(PARTS, pl.Float64),
        )
        tables.append(table.join(parts, on="seed", how="left", maintain_order="left"))
    return pl.concat(tables)


def list_warnings(study: Study, most_seeds: int | None = None) -> list[str]:
    """List what one should know of a study before it runs, as sentences.

    `most_seeds` is how many seeds an arm may have, if seeds are added until claims are decided.
    """
    looks = (SIGN_FLIP, None) if most_seeds is None else (ANYTIME, most_seeds)
    of_claims = (find_undecidable(study, *looks), find_marginless(study))
    arms = study.list_arms()
    return [*filter(None, of_claims), *list_equal_arms(arms), *list_notes(arms)]


def find_undecidable(study: Study, method: str = SIGN_FLIP, n_seeds: int | None = None) -> str:
    """Say, before a study runs, which claims its seeds are too few to decide; "" if they suffice.

    The first look is at all its seeds. `n_seeds` is how many there may be in the end; the study's
    if absent.
    """
    n_claims = study.n_claims
    n_seeds = n_seeds or len(study.list_seeds())
    if not n_claims:
        return ""
    is_plain = method == SIGN_FLIP
    needed = count_seeds_for(study) if is_plain else count_seeds_needed_anytime(n_claims)
    if n_seeds >= needed:
        return ""
    seeds = "1 seed" if n_seeds == 1 else f"{n_seeds} seeds"
    which = "the claim" if n_claims == 1 else f"any of the {n_claims} claims"
    return (
        f"{seeds} cannot tell better from worse in {which}, whatever they show; that takes "
        f"{needed} seeds."
    )


def find_marginless(study: Study) -> str:
    """Say, before a study runs, how many of its claims give no margin; "" where all do."""
    n_claims = len(study.claims)
    n_without = sum("margin" not in claim.model_fields_set for claim in study.claims)
    if not n_without:
        return ""
    if n_claims == 1:
        which = "The claim states"
    else:
        which = f"{n_without} of {n_claims} claims {'states' if n_without == 1 else 'state'}"
    return f"{which} no margin: any difference will count, however small."
