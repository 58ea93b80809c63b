"""Parts: finished stacks, a file each, from which every table is assembled.

A part's file is named by the fingerprint of its runs and by the checksum of its contents. It is
there whole or not at all, and a damaged one is noticed.
"""

import hashlib
import io
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from fairtrial.errors import MachineError
from fairtrial.files import write_bytes

if TYPE_CHECKING:
    from fairtrial.training.trace import Trace

PARTS = "parts"
# Rows by the prefix of the names of metrics on them.
ROWS = {"": "test", "validation_": "validation"}
NAME = re.compile(r"[0-9a-f]{20}-[0-9a-f]{20}\.parquet")

# A row a run. Lists side by side are of one length: metrics with their values, quantities with
# their curves.
SCHEMA = pl.Schema(
    {
        "fingerprint": pl.String,
        "outcome": pl.String,
        "ended_at": pl.Int64,
        "seconds": pl.Float64,
        "metric": pl.List(pl.String),
        "metric_value": pl.List(pl.Float64),
        "parameter": pl.List(pl.String),
        "shape": pl.List(pl.List(pl.Int64)),
        "parameter_values": pl.List(pl.List(pl.Float32)),
        "quantity": pl.List(pl.String),
        "at": pl.List(pl.List(pl.Int64)),
        "value": pl.List(pl.List(pl.Float64)),
        "n_test_rows": pl.Int64,
        "right": pl.Binary,
        "average_metric": pl.List(pl.String),
        "average_value": pl.List(pl.Float64),
        "average_right": pl.Binary,
        "metric_source": pl.String,
        "rows": pl.List(pl.String),
        "predicted_type": pl.List(pl.String),
        "predicted": pl.List(pl.Binary),
        "probabilities": pl.Binary,
        "average_parameters": pl.List(pl.List(pl.Float32)),
    }
)


@dataclass(frozen=True)
class Result:
    """A finished run."""

    fingerprint: str
    trace: "Trace | None"  # What it left; None for a baseline, which leaves its metrics alone
    seconds: float  # Its share of its stack's time
    metrics: dict[str, float | None]
    # For classes, (N,) of bool: which test rows it predicts correctly
    right: np.ndarray | None = None
    # The metrics of the end at the mean of its last iterates; None where there is no mean
    average: dict[str, float] | None = None
    average_right: np.ndarray | None = None  # Which test rows that mean predicts correctly
    # By the prefix of the names of metrics, (N,) each: predicted classes, and of a baseline numbers
    # too. The numbers that parameters predict follow from them.
    predicted: Mapping[str, np.ndarray] = field(default_factory=dict)
    # (N, K): what a baseline predicts of the test rows, where it gives probabilities
    probabilities: np.ndarray | None = None
    metric_source: str = ""  # The fingerprint of the metrics of predictions among `metrics`


@dataclass(frozen=True)
class Part:
    """A finished stack, ready to be written: Parquet with a row for each run.

    The notes are what the user should know of how it came about.
    """

    fingerprints: tuple[str, ...]
    contents: bytes
    notes: tuple[str, ...] = ()


def make_part(results: Sequence[Result], notes: tuple[str, ...] = ()) -> Part:
    """Make a part of finished runs."""
    table = pl.DataFrame([_make_row(result) for result in results], schema=SCHEMA, orient="row")
    return Part(tuple(one.fingerprint for one in results), _to_parquet(table), notes)


def write_part(folder: Path, part: Part) -> Path:
    """Write a part of a results folder; see `write_bytes`."""
    runs = _checksum("".join(part.fingerprints).encode())
    path = folder / PARTS / f"{runs}-{_checksum(part.contents)}.parquet"
    write_bytes(path, part.contents)
    return path


def find_parts(
    folder: Path, wanted: Collection[str], note: Callable[[str], None]
) -> tuple[dict[Path, list[str]], int]:
    """Find what earlier calls have left of the runs with the wanted fingerprints.

    Returns for each part with wanted runs their fingerprints, no run twice, and how many runs of
    other settings, data or training code are there too. Each part that is damaged is noted and
    removed, so that its runs train again.
    """
    wanted = set(wanted)
    missing, parts, n_others = set(wanted), {}, 0
    for path in sorted((folder / PARTS).glob("*.parquet")):
        if not NAME.fullmatch(path.name):
            continue  # Not ours: nothing to read, and nothing to remove.
        there = _read_fingerprints(path, note)
        here = [one for one in there if one in missing]
        n_others += sum(one not in wanted for one in there)
        if here:
            parts[path] = here
            missing.difference_update(here)
    return parts, n_others


def copy_parts(
    source: Path, folder: Path, wanted: Collection[str], note: Callable[[str], None]
) -> None:
    """Copy what another results folder, if there is one, has of wanted runs that this one lacks."""
    own, _ = find_parts(folder, wanted, note)
    missing = set(wanted).difference(*own.values())
    found, _ = find_parts(source, missing, note)
    for path, fingerprints in found.items():
        table = pl.read_parquet(path, glob=False)
        table = table.filter(pl.col("fingerprint").is_in(fingerprints))
        write_part(folder, Part(tuple(table["fingerprint"]), _to_parquet(table)))


def _read_fingerprints(path: Path, note: Callable[[str], None]) -> list[str]:
    try:
        contents = path.read_bytes()
        if path.stem.rpartition("-")[2] == _checksum(contents):
            return pl.read_parquet(contents, columns=["fingerprint"])["fingerprint"].to_list()
        note(f"{path} is damaged: its contents do not match its checksum. Its runs train again.")
        path.unlink()
    except OSError as error:
        reason = error.strerror or error
        raise MachineError(
            f"{path} cannot be read: {reason}. Mend that, or choose another folder."
        ) from None
    return []


def _to_parquet(table: pl.DataFrame) -> bytes:
    contents = io.BytesIO()
    table.write_parquet(contents)
    return contents.getvalue()


def _checksum(contents: bytes) -> str:
    return hashlib.sha256(contents).hexdigest()[:20]


def _make_row(result: Result) -> tuple:
    trace = result.trace
    mean = trace.average if trace else None
    predicted = [_shrink(one) for one in result.predicted.values()]
    curves = list(trace.curves.values()) if trace else []
    parameters = {"W": trace.W, "b": trace.b} if trace else {}
    return (
        result.fingerprint,
        trace.outcome if trace else "completed",
        trace.ended_at if trace else 0,
        result.seconds,
        list(result.metrics),
        list(result.metrics.values()),
        list(parameters),
        [list(np.shape(value)) for value in parameters.values()],
        [np.ravel(value).tolist() for value in parameters.values()],
        list(trace.curves) if trace else [],
        [at.tolist() for at, _ in curves],
        [values.tolist() for _, values in curves],
        None if result.right is None else len(result.right),
        _pack(result.right),
        None if result.average is None else list(result.average),
        None if result.average is None else list(result.average.values()),
        _pack(result.average_right),
        result.metric_source,
        [ROWS[prefix] for prefix in result.predicted],
        [str(one.dtype) for one in predicted],
        [one.tobytes() for one in predicted],
        None if result.probabilities is None else result.probabilities.astype("<f4").tobytes(),
        None if mean is None else [np.ravel(value).tolist() for value in (mean.W, mean.b)],
    )


def _shrink(values: np.ndarray) -> np.ndarray:
    """Turn classes into the shortest whole numbers that hold them, and all else into float64."""
    if not np.issubdtype(values.dtype, np.integer):
        return values.astype("<f8")
    return values.astype(np.min_scalar_type(values.max(initial=0)).newbyteorder("<"))


def _pack(marks: np.ndarray | None) -> bytes | None:
    """Pack marks of rows, a bit for each row."""
    return None if marks is None else np.packbits(marks).tobytes()
