"""The results folder: tables in Parquet, the study as run, the environment."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from fairtrial.errors import MachineError
from fairtrial.study import Run, flatten
from fairtrial.training.trace import Trace

STUDY, RUNS, CURVES, PARAMETERS = (
    "study.toml", "runs.parquet", "curves.parquet", "parameters.parquet",
)  # fmt: skip

CURVE_SCHEMA = {"run": pl.String, "at": pl.Int64, "quantity": pl.String, "value": pl.Float64}


@dataclass(frozen=True)
class RunResult:
    """A finished run.

    Attributes
    ----------
    run : Run
        Which.
    trace : Trace
        What it left.
    seconds : float
        Its share of its stack's time.
    metrics : dict of str to float
        The scoreboard.
    """

    run: Run
    trace: Trace
    seconds: float
    metrics: dict[str, float]


def make_run_row(result: RunResult) -> dict[str, Any]:
    """Make the run's row of `runs.parquet`: its settings by dotted name, outcome, metrics."""
    run, trace = result.run, result.trace
    return {
        "run": run.name,
        "arm": run.arm.name,
        "seed": run.seed,
        **flatten(run.arm.task.model_dump(), "task."),
        **flatten(run.arm.recipe.model_dump()),
        "outcome": trace.outcome,
        "ended_at": trace.ended_at,
        "seconds": result.seconds,
        **result.metrics,
    }


def make_curve_table(result: RunResult) -> pl.DataFrame:
    """Make the run's rows of `curves.parquet`: run, at, quantity, value."""
    frames = [
        pl.DataFrame({"run": result.run.name, "at": at, "quantity": quantity, "value": values})
        for quantity, (at, values) in result.trace.curves.items()
    ]
    return pl.concat(frames).cast(CURVE_SCHEMA)  # pyright: ignore[reportArgumentType]


def make_parameter_table(result: RunResult) -> pl.DataFrame:
    """Make the run's rows of `parameters.parquet`: run, parameter, shape, values (row-major)."""
    W, b = result.trace.W, result.trace.b
    return pl.DataFrame(
        {
            "run": [result.run.name] * 2,
            "parameter": ["W", "b"],
            "shape": [list(W.shape), list(b.shape)],
            "values": [W.ravel().tolist(), b.ravel().tolist()],
        },
        schema_overrides={"shape": pl.List(pl.Int64), "values": pl.List(pl.Float32)},
    )


def write_tables(folder: Path, results: list[RunResult]) -> None:
    """Write the three tables of a results folder, runs in the order given.

    Raises
    ------
    MachineError
        If the folder cannot be written.
    """
    runs = pl.DataFrame(map(make_run_row, results), infer_schema_length=None)
    # A column that only some tasks or kinds have stands where its first run has it; put the
    # outcome and the metrics last all the same.
    metrics = [name for result in results for name in result.metrics]
    last = list(dict.fromkeys(["outcome", "ended_at", "seconds", *metrics]))
    runs = runs.select(pl.exclude(last), *last)
    curves, parameters = map(make_curve_table, results), map(make_parameter_table, results)
    write_file(folder / RUNS, runs.write_parquet)
    write_file(folder / CURVES, pl.concat(curves).write_parquet)
    write_file(folder / PARAMETERS, pl.concat(parameters).write_parquet)


def write_json(path: Path, value: object) -> None:
    """Write JSON for people to read as well; see `write_file`."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8; see `write_file`."""
    write_file(path, lambda aside: aside.write_text(text, encoding="utf-8"))


def write_file(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file aside and rename it, so that it is there whole or not at all.

    Parameters
    ----------
    path : Path
        Where it goes; missing folders are made.
    write : callable
        Writes the contents to the path that it is given.

    Raises
    ------
    MachineError
        If the disk is full or the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".writing-") as aside:
            written = Path(aside) / path.name
            write(written)
            with written.open("rb") as file:
                os.fsync(file.fileno())
            written.replace(path)
    except OSError as error:
        reason = error.strerror or error
        raise MachineError(
            f"{path} cannot be written: {reason}. Make room or choose another folder with --out."
        ) from None


def summarise_arms(folder: Path) -> list[dict[str, Any]]:
    """Summarise a results folder for the terminal: each arm's outcomes and mean metrics.

    Returns
    -------
    list of dict
        `arm`, `runs`, `outcomes`, then each scoreboard metric's mean over the runs that did not
        diverge, as text.
    """
    runs = pl.read_parquet(folder / RUNS)
    metrics = runs.columns[runs.columns.index("seconds") + 1 :]
    return [
        {
            "arm": name,
            "runs": arm.height,
            "outcomes": ", ".join(
                f"{row['count']} {row['outcome']}"
                for row in arm["outcome"].value_counts(sort=True).to_dicts()
            ),
            **{
                metric: _show_mean(arm.filter(pl.col("outcome") != "diverged")[metric])
                for metric in metrics
            },
        }
        for (name,), arm in runs.group_by("arm", maintain_order=True)
    ]


def _show_mean(values: pl.Series) -> str:
    """Show the mean; nothing where no run of the arm has the metric."""
    mean = values.mean()
    return "" if mean is None else f"{mean:.4g}"
