"""The user's own table: read and checked once, and prepared for each seed."""

import hashlib
import io
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl

from fairtrial.data.scale import standardise
from fairtrial.data.tables.cells import interpret
from fairtrial.data.tables.columns import find_problems, keep_rows, list_features, tidy
from fairtrial.data.tables.csv_text import make_refusal, read_csv
from fairtrial.data.tables.notes import find_notes
from fairtrial.errors import InputError
from fairtrial.forks import refuse_fork
from fairtrial.kinds.data.datasets import Content, TaskSettings
from fairtrial.paths import read_file

Reader = Callable[[TaskSettings, Path, bytes], pl.DataFrame]


def read_parquet(task: TaskSettings, path: Path, content: bytes) -> pl.DataFrame:
    """Read a Parquet file, which says of itself how it is written."""
    for setting in ("separator", "decimal", "encoding"):
        if (value := getattr(task, setting)) != type(task).model_fields[setting].default:
            raise InputError(
                f"{path} is a Parquet file, and {setting} = {value!r} is for CSV files: leave it "
                "out."
            )
    frame = pl.read_parquet(io.BytesIO(content))
    return frame.rename(lambda name: unicodedata.normalize("NFC", name))


READERS: dict[str, Reader] = {
    ".csv": read_csv,
    ".tsv": read_csv,
    ".txt": read_csv,
    ".parquet": read_parquet,
}


@dataclass(frozen=True, eq=False)
class Table(Content):
    """A table without errors, as numbers.

    `X` (N, F) float64 has the columns of numbers in the file's order, NaN where a value is missing;
    then the columns of categories, each numbered from 0 in sorted order, a missing one last.
    """

    n_numbers: int = 0  # How many of the columns hold numbers.
    # The categories of each of the other columns, in the order of their numbers.
    categories: tuple[tuple[str, ...], ...] = ()
    columns: tuple[str, ...] = ()  # The names of all these columns.
    # The classes as the file has them: texts, numbers, or true and false.
    class_values: tuple[str | float | bool, ...] = ()
    notes: tuple[str, ...] = ()  # What one should know of it, as sentences.


def read_table(task: TaskSettings) -> Table:
    """Read and check a table, or raise `InputError` with everything that is wrong with the file."""
    path = Path(task.path).absolute()
    if (read := READERS.get(path.suffix.lower())) is None:
        ends = f"ends in {path.suffix!r}" if path.suffix else "has no ending"
        raise InputError(
            f"{path} {ends}: a table's name ends in "
            f"{', '.join([*READERS][:-1])} or {[*READERS][-1]}."
        )
    refuse_fork()
    try:
        content = read_file(path)
        frame = interpret(task, tidy(read(task, path, content)))
    except OSError as error:
        raise _refuse(path, error.strerror) from None
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise _refuse(path, str(error).partition("\n")[0]) from None
    if problems := list(find_problems(task, frame)):
        raise make_refusal(path, problems)
    table = _make_table(task, keep_rows(task, frame), hashlib.sha256(content).hexdigest())
    return replace(table, notes=tuple(find_notes(task, frame)))


def _refuse(path: Path, reason: str | None) -> InputError:
    return InputError(f"{path} cannot be read: {reason or 'it will not open'}. Check the file.")


def _make_table(task: TaskSettings, frame: pl.DataFrame, fingerprint: str) -> Table:
    features = list_features(task, frame.columns)
    numbers = [name for name in features if name not in task.categorical]
    of_words = [name for name in features if name in task.categorical]
    coded = [number_categories(frame[name]) for name in of_words]
    target = frame[task.target]
    class_names: tuple[str, ...] = ()
    class_values: tuple[str | float | bool, ...] = ()
    if task.problem == "classification":
        classes, class_names = number_categories(target)
        class_values = tuple(target.drop_nulls().unique().sort())
        y = classes.astype(np.int32)
    else:
        y = target.cast(pl.Float64).to_numpy().astype(np.float32)
    X = np.column_stack([
        *(frame[name].cast(pl.Float64).to_numpy() for name in numbers),
        *(codes for codes, _ in coded),
    ])  # fmt: skip
    categories = tuple(names for _, names in coded)
    return Table(
        X, y, class_names=class_names, class_values=class_values, fingerprint=fingerprint,
        n_features=len(numbers) + sum(map(len, categories)), n_numbers=len(numbers),
        categories=categories, columns=(*numbers, *of_words),
        prepare=partial(_prepare_features, X, [*map(len, categories)]),
    )  # fmt: skip


def number_categories(column: pl.Series) -> tuple[np.ndarray, tuple[str, ...]]:
    """Give categories of a column numbers, (N,), from 0 in their order.

    Where some are missing, `"missing"` is the last category.
    """
    names = column.drop_nulls().unique().sort().cast(pl.String)
    codes = column.cast(pl.String).cast(pl.Enum(names)).to_physical().cast(pl.Int64)
    listed = (*names, "missing") if column.null_count() else tuple(names)
    return codes.fill_null(len(names)).to_numpy(), listed


def _prepare_features(X: np.ndarray, n_categories: list[int], rows: np.ndarray) -> np.ndarray:
    """Make features (N, D) of a table's columns: numbers standardised, categories one-hot.

    Missing numbers become the column's median. Medians, means and deviations are those of the rows
    that training sees; the categories are those of the whole file.
    """
    numbers, codes = np.split(X, [X.shape[1] - len(n_categories)], axis=1)
    filled = np.where(np.isnan(numbers), find_medians(numbers[rows]), numbers)
    one_hot = [
        column[:, None] == np.arange(n) for column, n in zip(codes.T, n_categories, strict=True)
    ]
    return np.hstack([standardise(filled, rows), *one_hot]).astype(np.float32)


def find_medians(numbers: np.ndarray) -> np.ndarray:
    """Find the median of each column of numbers, (N, F); 0 where all values are missing."""
    known = [column[~np.isnan(column)] for column in numbers.T]
    return np.array([float(np.median(column)) if column.size else 0.0 for column in known])
