"""A results folder: a study and what its runs have left, and whether they belong together."""

import hashlib
import json
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from polars.exceptions import PolarsError

from fairtrial.data.load import fingerprint_data
from fairtrial.errors import InputError, show_object
from fairtrial.forks import refuse_fork
from fairtrial.kinds.mechanism.plugins import find_kinds, reuse_plugins
from fairtrial.paths import locate
from fairtrial.results.frames import take_folder
from fairtrial.results.store import (
    AVERAGES,
    CURVES,
    DATA,
    ENTRY,
    ENVIRONMENT,
    PAIRS,
    PARAMETERS,
    PREDICTIONS,
    RUNS,
    STUDY,
    TEST_ROWS,
    VARIED,
    make_arm_table,
    read_of_runs,
)
from fairtrial.results.verdicts import read_verdicts
from fairtrial.settings.complaints import show
from fairtrial.settings.names import end, suggest
from fairtrial.study import Arm, Study
from fairtrial.study.claims import Claim

# The columns that their readers need.
NEEDED = {
    RUNS: {"run", "arm", "seed", "outcome", "ended_at", "seconds"},
    CURVES: {"run", "at", "quantity", "value"},
    PARAMETERS: {"run", "parameter", "shape", "values"},
    TEST_ROWS: {"run", "n_test_rows", "right"},
    PREDICTIONS: {"run", "rows", "type", "predicted"},
    AVERAGES: {"run"},
    PAIRS: {"claim", "seed", "better", "than", "better_value", "than_value", "difference"},
}
# The fingerprint of a folder without tables.
NO_TABLES = hashlib.sha256().hexdigest()[:32]
# Where the user's file lies, and where an arm comes from, are not what was trained: what the file
# holds is known by its fingerprint.
NOT_COMPARED = {"task.path", ENTRY, VARIED}


class Results:
    """A results folder, read when asked; parameters and errors are those of `Trial`."""

    def __init__(self, folder: str | Path, allow_code: bool = False):
        self.folder, self._allow_code = locate(folder), allow_code
        absent = [name for name in (STUDY, RUNS, CURVES) if not (self.folder / name).is_file()]
        if absent:
            take_folder(self.folder)
            raise InputError(
                f"{self.folder} has no {' and no '.join(absent)}: {_say_what_it_is(self.folder)}"
            )
        self._opened = self.fingerprint

    @property
    def fingerprint(self) -> str:
        """What tells these runs from others: a digest of the tables that verdicts are based on."""
        try:
            return fingerprint_tables(self.folder)
        except OSError as error:
            raise self._refuse(Path(error.filename or RUNS).name) from None

    def _refuse_other_runs(self) -> None:
        if self.fingerprint != self._opened:
            raise InputError(
                f"{self.folder} holds other runs than when it was opened: open it again with "
                f"Trial({str(self.folder)!r})."
            )

    def __repr__(self) -> str:
        return f"Trial({str(self.folder)!r}): {self.study.name}, {self.runs.height} runs"

    @property
    def study(self) -> Study:
        """The study as it was run; an `InputError` if it is not the study of these runs.

        The kinds of its files are known afterwards, whatever other studies were read meanwhile.
        """
        reuse_plugins(self._study.plugins)
        return self._study

    @cached_property
    def _study(self) -> Study:
        study = Study.load(self.folder / STUDY, self._allow_code)
        if other := find_other_setting(study, self.runs):
            raise InputError(
                f"{self.folder / STUDY} is not the study of the runs beside it: {other}. Put it "
                "back as it was, or run the changed study into a new folder."
            )
        return study

    @cached_property
    def arms(self) -> dict[str, Arm]:
        """The study's arms by their names."""
        return {arm.name: arm for arm in self.study.list_arms()}

    def find_arm(self, name: object) -> Arm:
        """Find an arm by its name; an `InputError` if there is none."""
        if not isinstance(name, str):
            raise InputError(
                f"{show_object(name)} is not the name of an arm: give one as text, such as "
                f"{next(iter(self.arms))!r}."
            )
        if name not in self.arms:
            raise InputError(
                end(f"{self.folder} has no arm {show(name)}{suggest(name, self.arms)}")
            )
        return self.arms[name]

    def refuse_changed_data(self, arm: Arm) -> None:
        """Refuse an arm whose file has changed since, or where the runs do not say what it was."""
        path = getattr(arm.task, "path", None)
        if path is None and (arm.task.row_origin == "drawn" or not find_kinds(arm.task)):
            return  # Its rows are what they always were.
        path = path or f"Data set {arm.task.kind!r}"
        if DATA not in self.runs.columns:
            raise InputError(
                f"An older version trained these runs, and did not note what {path} held. Run the "
                "study again."
            )
        known = self.runs.filter(pl.col("arm") == arm.name)[DATA].unique().to_list()
        if (now := fingerprint_data(arm.task)) not in known:
            then = ", ".join(f"{one[:16]}..." for one in known if one)
            raise InputError(
                f"{path} has changed since these runs were trained on it (its fingerprint was "
                f"{then} and is {now[:16]}...). Put it back as it was, or run the study again."
            )

    def _read(self, name: str) -> pl.DataFrame:
        refuse_fork()
        self._refuse_other_runs()
        try:
            table = pl.read_parquet(self.folder / name, glob=False)
            of_runs = {self._of_runs, read_of_runs(self.folder / name)} - {None}
        except (OSError, PolarsError):
            raise self._refuse(name) from None
        if len(of_runs) > 1:
            raise self._refuse(name, "is not of the runs beside it")
        if not NEEDED[name] <= set(table.columns) or (name == RUNS and table.is_empty()):
            raise self._refuse(name)
        return table

    @cached_property
    def _of_runs(self) -> str | None:
        return read_of_runs(self.folder / RUNS)

    def _refuse(
        self, name: str, why: str = "cannot be read: it is damaged or missing"
    ) -> InputError:
        return InputError(
            f"{self.folder / name} {why}. Run the study again, which trains nothing twice: "
            f"fairtrial run {self.folder / STUDY} --out {self.folder}"
        )

    @cached_property
    def runs(self) -> pl.DataFrame:
        """A row a run: run, arm, seed, every setting, outcome, ended_at, seconds, metrics."""
        return self._read(RUNS)

    @cached_property
    def curves(self) -> pl.DataFrame:
        """A row a point: run, at (step or epoch), quantity, value."""
        return self._read(CURVES)

    @cached_property
    def parameters(self) -> pl.DataFrame:
        """Two rows a run, W and b: run, parameter, shape, values (row-major)."""
        return self._read(PARAMETERS)

    def read_parameters(self, run: str) -> dict[str, np.ndarray]:
        """Read `W` (D,) or (D, K) and `b` () or (K,) of a run, float32; nothing if it has none."""
        rows = self.parameters.filter(run=run).select("parameter", "shape", "values").iter_rows()
        return {name: np.asarray(values, np.float32).reshape(shape) for name, shape, values in rows}

    @cached_property
    def test_rows(self) -> pl.DataFrame:
        """For classes, a row a run: run, n_test_rows, right (a bit a test row, packed)."""
        return self._read(TEST_ROWS)

    @cached_property
    def predictions(self) -> pl.DataFrame:
        """For classes and baselines: run, rows (test or validation), type, predicted (packed)."""
        return self._read(PREDICTIONS)

    @cached_property
    def averages(self) -> pl.DataFrame:
        """A row for each run whose mean of the last iterates was kept; see `docs/results.md`.

        Columns: run, n_test_rows, right, and the metrics of the end. Empty in the folder of a
        version that kept none.
        """
        if not (self.folder / AVERAGES).is_file():
            return pl.DataFrame(schema={"run": pl.String})
        return self._read(AVERAGES)

    @property
    def pairs(self) -> pl.DataFrame:
        """Of judged claims, a row for each claim, seed and pair of arms; see `list_verdicts`."""
        return self._read(PAIRS)

    def list_verdicts(self) -> list[dict[str, Any]]:
        """List the verdicts on the study's claims, as judged on these runs; else none.

        Verdicts on other claims, or on other runs, do not count. It is an `InputError` if the file
        is damaged, or another version has written it.
        """
        self._refuse_other_runs()
        verdicts, claims = read_verdicts(self.folder), self.study.claims
        fits = len(verdicts) == len(claims) and all(
            row["fingerprint"] == fingerprint_verdict(self._opened, claim)
            for row, claim in zip(verdicts, claims, strict=True)
        )
        return verdicts if fits else []

    @property
    def environment(self) -> dict[str, Any]:
        """Versions, machine, and the verification of lanes; empty while the study runs."""
        path = self.folder / ENVIRONMENT
        try:
            environment = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        except (OSError, ValueError):
            raise self._refuse(ENVIRONMENT) from None
        if not isinstance(environment, dict):
            raise self._refuse(ENVIRONMENT)
        return environment


def _say_what_it_is(folder: Path) -> str:
    """Say what a folder without the tables of a study is, and what to do."""
    several = [path.parent for path in sorted(folder.glob(f"*/{STUDY}"))]
    if several and not (folder / STUDY).is_file():
        names = ", ".join(map(str, several))
        return f"it is not a results folder itself, but holds some: name one of {names}."
    return (
        "it is not the folder of a study that has been run to its end. Run it with: fairtrial run "
        f"STUDY.toml --out {folder}"
    )


# ------------------------------------------------------------------------ what belongs together


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
