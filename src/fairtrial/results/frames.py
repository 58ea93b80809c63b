"""Frames that other programs made: pandas', lazy ones, lists of dicts."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
from polars.exceptions import PolarsError

from fairtrial.errors import InputError, show_object
from fairtrial.forks import refuse_fork
from fairtrial.paths import expand_path

# By which an object shows its columns to other packages.
PROTOCOLS = ("__arrow_c_stream__", "__dataframe__")
# How tables of other programs are read, by the ending of their names.
READERS = {
    ".csv": "read_csv", ".tsv": "read_csv", ".txt": "read_csv", ".parquet": "read_parquet",
    ".json": "read_json", ".jsonl": "read_ndjson", ".xlsx": "read_excel", ".arrow": "read_ipc",
    ".feather": "read_ipc",
}  # fmt: skip


def read_frame(value: Any) -> pl.DataFrame | None:
    """Make a Polars frame of one, of pandas, Arrow or columns; None if it is none of them.

    It is an `InputError` if Polars cannot read it, and in a forked child as of `refuse_fork`.
    """
    is_own = isinstance(value, pl.DataFrame | pl.LazyFrame | Mapping)
    is_list = isinstance(value, list) and all(isinstance(row, Mapping) for row in value)
    if not is_own and not is_list and not _is_foreign_frame(value):
        return None
    refuse_fork()
    try:
        return _convert(value)
    except (PolarsError, OSError, TypeError, ValueError, ImportError) as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        raise InputError(
            f"The {type(value).__name__} cannot be read as a frame ({reason}): give a Polars "
            "DataFrame whose columns each have one type."
        ) from None


def _is_foreign_frame(value: Any) -> bool:
    """Say whether an object is a table of another package; a single column is none."""
    has_columns = hasattr(value, "columns") or hasattr(value, "column_names")
    return has_columns and any(hasattr(value, name) for name in PROTOCOLS)


def _convert(value: Any) -> pl.DataFrame:
    if isinstance(value, pl.DataFrame):
        return value
    if isinstance(value, pl.LazyFrame):
        return value.collect()
    try:
        return pl.DataFrame(value, infer_schema_length=None)
    except ImportError:  # For text of pandas, Polars needs PyArrow.
        return pl.DataFrame(value.astype(object).where(value.notna(), None).to_dict("list"))


def take_folder(given: object) -> Path:
    """Take the path of a results folder; an `InputError` says what to write for a file or table."""
    if not isinstance(given, str | os.PathLike):
        raise InputError(
            f"{show_object(given)} is neither a frame of runs nor the path of a results folder: "
            "give a Polars DataFrame with one row per run, or the path."
        )
    if not (path := expand_path(Path(given))).is_file():
        return path
    if reader := READERS.get(path.suffix.lower()):
        raise InputError(
            f"{given} is a table and no results folder: judge its runs in Python, with "
            f"fairtrial.judge(polars.{reader}({str(given)!r}), claims=[...])."
        )
    raise InputError(f"{given} is a file and no results folder: name the folder.")
