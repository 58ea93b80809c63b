"""From a results folder to its verdicts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from fairtrial.errors import InputError, MachineError
from fairtrial.evidence.account import list_verdicts
from fairtrial.evidence.anytime import count_seeds_needed_anytime
from fairtrial.evidence.case import METHODS, SIGN_FLIP, Case, weigh_claims
from fairtrial.evidence.cause import Lack
from fairtrial.evidence.verdict import count_seeds_needed
from fairtrial.study.document import parse_toml, read_text
from fairtrial.study.study import Study
from fairtrial.trial.files import write_file, write_json
from fairtrial.trial.store import PAIRS, VERDICTS
from fairtrial.trial.trial import OF_PARTS, PARTS, Trial

# What a claim and its difference are known by again.
SAME = ("better", "than", "where", "on", "margin", "method", "seeds", "difference")


def judge(
    folder: str | Path,
    claims_file: str | Path | None = None,
    method: str | None = None,
    note: Callable[[str], None] = lambda sentence: None,
) -> list[dict[str, Any]]:
    """Judge the claims of a results folder, and write its `verdicts.json` and `pairs.parquet`.

    Parameters
    ----------
    folder : str or Path
        Of a study that has been run.
    claims_file : str or Path, optional
        A TOML file whose `[[claims]]` are judged instead of the study's; nothing is written then
        but minimisers that were not known.
    method : str, optional
        "sign-flip test", or "anytime-valid bets" where the number of seeds depends on what earlier
        ones showed; as the folder was judged before if absent.
    note : callable
        Told, in a sentence, where the folder cannot be written: the verdicts are returned all the
        same.

    Returns
    -------
    list of dict
        What `verdicts.json` holds; see `docs/evidence.md`.

    Raises
    ------
    InputError
        If the folder is not one of results, or a file in it cannot be read, or there are no claims,
        or they break a rule.
    """
    trial = Trial(folder)
    study, method = _choose_claims(trial, claims_file), method or recall_method(trial)
    if method not in METHODS:
        raise InputError(f"method = {method!r} is not known (known: {', '.join(METHODS)}).")
    cases = weigh_claims(trial, study, method, note)
    rows = list_verdicts(cases)
    recall_causes(rows, trial.verdicts)
    if claims_file is None:
        try:
            write_file(trial.folder / PAIRS, join_pairs(cases).write_parquet)
            write_json(trial.folder / VERDICTS, rows)
        except MachineError:
            note(f"The verdicts are not kept: {trial.folder} cannot be written.")
    return rows


def _choose_claims(trial: Trial, claims_file: str | Path | None) -> Study:
    study = trial.study
    if claims_file is not None:
        document = parse_toml(read_text(Path(claims_file)), str(claims_file))
        study = study.replace(claims=document.values.get("claims", []))
    if not study.claims:
        place = claims_file or trial.folder
        raise InputError(f"{place} states no claims: add [[claims]], as `fairtrial new` shows.")
    return study


def recall_method(trial: Trial) -> str:
    """Recall how a folder was judged before: seeds that were added by looking stay so."""
    verdicts = trial.verdicts
    return verdicts[0]["method"] if verdicts else SIGN_FLIP


def recall_causes(rows: Sequence[dict[str, Any]], before: Sequence[dict[str, Any]]) -> None:
    """Keep what was known of differences that are still the same.

    That is what longer runs have said of them, and, where the data is no longer at hand, their
    split into parts.
    """
    of_cause = (*OF_PARTS, "largest_part", "cause", "cause_lacks", "offers_counterfactual")
    for row in rows:
        for old in before:
            if any(row[name] != old.get(name) for name in SAME):
                continue
            row["counterfactual"] = old.get("counterfactual")
            if Lack.DATA in row["cause_lacks"] and old.get("objective") is not None:
                row |= {name: old[name] for name in of_cause}


def join_pairs(cases: Sequence[Case]) -> pl.DataFrame:
    """Make `pairs.parquet`: a row for each claim, seed and pair of arms.

    Columns: claim (from 0), seed, better, than (arms), better_value, than_value, difference; and of
    the whole seed each part of the difference, null where it is not split so.
    """
    tables = []
    for number, case in enumerate(cases):
        table = case.pairs.table.select(
            pl.lit(number, pl.Int64).alias("claim"),
            "seed", "better", "than", "better_value", "than_value", "difference",
        )  # fmt: skip
        nothing = pl.lit(None, pl.Float64)
        found = {name: pl.Series(values) for name, values in case.cause.parts.items()}
        parts = case.pairs.by_seed.select(
            "seed", **{name: found.get(name, nothing) for name in PARTS}
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
    seeds = "1 seed" if n_seeds == 1 else f"{n_seeds} seeds"
    which = "the claim" if n_claims == 1 else f"any of the {n_claims} claims"
    return (
        f"{seeds} cannot tell better from worse in {which}, whatever they show; that takes "
        f"{needed} seeds."
    )
