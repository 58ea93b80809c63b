"""A results folder as the report reads it: files to tables, and nothing else."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import polars as pl

from fairtrial.errors import InputError
from fairtrial.report.summaries import name_runs


@dataclass(frozen=True)
class Results:
    """What one study left on disk; `runs` has the columns of `name_runs` too."""

    folder: Path
    name: str
    study_text: str
    runs: pl.DataFrame
    curves: pl.DataFrame
    parameters: pl.DataFrame

    @property
    def seeds(self) -> list[int]:
        """The seeds of the study, in order."""
        return sorted(self.runs["seed"].unique().to_list())


def read_results(folder: Path) -> Results:
    """Read the results folder of a study.

    Raises
    ------
    InputError
        If a file is missing or cannot be read.
    """
    text = _read_text(folder / "study.toml")
    try:
        name = str(tomllib.loads(text).get("name", folder.name))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{folder / 'study.toml'} is not valid TOML: {error}.") from None
    runs = read_table(folder / "runs.parquet")
    if runs.is_empty():
        raise InputError(f"{folder / 'runs.parquet'} has no runs. Run the study again.")
    return Results(
        folder=folder,
        name=name,
        study_text=text,
        runs=name_runs(runs),
        curves=read_table(folder / "curves.parquet"),
        parameters=read_table(folder / "parameters.parquet"),
    )


def read_json(path: Path) -> Any:
    """Read a JSON file of a results folder.

    Raises
    ------
    InputError
        If it is missing or not JSON.
    """
    try:
        return json.loads(_read_text(path))
    except json.JSONDecodeError as error:
        raise InputError(f"{path} is not valid JSON: {error}.") from None


def read_reported() -> dict[str, list[dict[str, str]]]:
    """Read what the lab report printed: `value` entries, and the setting of each `table`."""
    text = resources.files("fairtrial.labs").joinpath("reported.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path} cannot be read: {_say(error)}. Is this a results folder?"
        ) from None


def read_table(path: Path) -> pl.DataFrame:
    """Read a table of a results folder.

    Raises
    ------
    InputError
        If it is missing or damaged.
    """
    try:
        return pl.read_parquet(path, glob=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise InputError(
            f"{path} cannot be read: {_say(error)}. Is this a results folder?"
        ) from None


def _say(error: Exception) -> str:
    reason = error.strerror if isinstance(error, OSError) else None
    return reason or str(error).splitlines()[0].rstrip(".")
