"""A results folder: a study and what its runs have left."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from polars.exceptions import PolarsError

from fairtrial.errors import InputError
from fairtrial.loading import refuse_fork
from fairtrial.paths import locate
from fairtrial.results.identity import (
    find_changed_data,
    find_other_setting,
    fingerprint_tables,
    fingerprint_verdict,
)
from fairtrial.results.store import (
    AVERAGES,
    CURVES,
    ENVIRONMENT,
    PAIRS,
    PARAMETERS,
    PREDICTIONS,
    RUNS,
    STUDY,
    TEST_ROWS,
    read_of_runs,
)
from fairtrial.results.verdicts import read_verdicts
from fairtrial.study import Arm, Study

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


class Results:
    """A results folder, read when asked; parameters and errors are those of `Trial`."""

    def __init__(self, folder: str | Path, allow_code: bool = False):
        self.folder, self._allow_code = locate(folder), allow_code
        absent = [name for name in (STUDY, RUNS, CURVES) if not (self.folder / name).is_file()]
        if absent:
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

    @cached_property
    def study(self) -> Study:
        """The study as it was run; an `InputError` if it is not the study of these runs."""
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

    def refuse_changed_data(self, arm: Arm) -> None:
        """Refuse an arm whose file has changed since, or where the runs do not say what it was."""
        if changed := find_changed_data(arm, self.runs):
            raise InputError(changed)

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
    if folder.is_file():
        return "it is a file: name the folder of the results."
    several = [path.parent for path in sorted(folder.glob(f"*/{STUDY}"))]
    if several and not (folder / STUDY).is_file():
        names = ", ".join(map(str, several))
        return f"it is not a results folder itself, but holds some: name one of {names}."
    return (
        "it is not the folder of a study that has been run to its end. Run it with: fairtrial run "
        f"STUDY.toml --out {folder}"
    )
