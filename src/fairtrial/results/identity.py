"""What belongs together: runs, their study, their data, and the verdicts on them."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from pathlib import Path

import polars as pl

from fairtrial.data.load import fingerprint_data
from fairtrial.kinds.mechanism.plugins import find_kinds
from fairtrial.results.store import AVERAGES, DATA, ENTRY, RUNS, TEST_ROWS, VARIED, make_arm_table
from fairtrial.study import Arm, Study
from fairtrial.study.claims import Claim

# The fingerprint of a folder without tables.
NO_TABLES = hashlib.sha256().hexdigest()[:32]
# Where the user's file lies, and where an arm comes from, are not what was trained: what the file
# holds is known by its fingerprint.
NOT_COMPARED = {"task.path", ENTRY, VARIED}


def fingerprint_tables(folder: Path) -> str:
    """Fingerprint the tables that verdicts are based on; a table that is absent counts as empty."""
    digest = hashlib.sha256()
    for path in (folder / RUNS, folder / TEST_ROWS, folder / AVERAGES):
        if path.exists():
            status = path.stat()
            version = path.absolute(), status.st_mtime_ns, status.st_size
            digest.update(_digest_version(*version).encode())
    return digest.hexdigest()[:32]


@lru_cache(maxsize=64)
def _digest_version(path: Path, modified: int, size: int) -> str:
    """Digest one version of a file, as its time and size tell it from others."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fingerprint_verdict(tables: str, claim: Claim) -> str:
    """Fingerprint what a verdict is on: a claim as it stands, and the tables of the runs."""
    stated = json.dumps(claim.model_dump(), sort_keys=True, default=str)
    return hashlib.sha256(f"{tables} {stated}".encode()).hexdigest()[:32]


def find_other_setting(study: Study, runs: pl.DataFrame) -> str:
    """Find a setting of a study that its runs were not trained with, as a clause; "" if none.

    `runs` is `runs.parquet`. Columns that either lacks, as another version does, are not compared.
    """
    trained = runs.unique("arm", keep="first", maintain_order=True)
    had = {row["arm"]: row for row in trained.to_dicts()}
    for row in make_arm_table(study.list_arms(), {}).to_dicts():
        before = had.get(row["arm"], {})
        for name in (row.keys() & before.keys()) - NOT_COMPARED:
            if row[name] != before[name]:
                arm, now, then = row["arm"], row[name], before[name]
                return f"it has {name} = {now!r} for the arm {arm!r}, and the runs had {then!r}"
    return ""


def find_changed_data(arm: Arm, runs: pl.DataFrame) -> str:
    """Say that the data that an arm was trained on is not as it was; "" if it is."""
    path = getattr(arm.task, "path", None)
    if path is None and (arm.task.row_origin == "drawn" or not find_kinds(arm.task)):
        return ""  # Its rows are what they always were.
    path = path or f"Data set {arm.task.kind!r}"
    if DATA not in runs.columns:
        return (
            f"An older version trained these runs, and did not note what {path} held. Run the "
            "study again."
        )
    known = runs.filter(pl.col("arm") == arm.name)[DATA].unique().to_list()
    if (now := fingerprint_data(arm.task)) in known:
        return ""
    then = ", ".join(f"{one[:16]}..." for one in known if one)
    return (
        f"{path} has changed since these runs were trained on it (its fingerprint was {then} and "
        f"is {now[:16]}...). Put it back as it was, or run the study again."
    )
