"""Export to CSV, three tables without nested columns, and what all exports make of tables."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from fairtrial.progress import Progress, Status
from fairtrial.results.results import Results
from fairtrial.results.store import list_settings

# Prefixes of curves and metrics in exports; both may have a `validation_accuracy`.
CURVE, METRIC = "curves/", "scoreboard/"


def write_csv(trial: Results, place: Path, progress: Progress) -> None:
    """Write `runs.csv`, `curves.csv` and `parameters.csv`.

    Numbers have all their digits, so reading them gives the same values; null is an empty cell.
    """
    tables = {
        "runs": flatten_lists(trial.runs),
        "curves": trial.curves,
        "parameters": flatten_parameters(trial.parameters),
    }
    for number, (name, table) in enumerate(tables.items()):
        progress(Status(f"csv: {name}", number / len(tables)))
        table.write_csv(place / f"{name}.csv")


def walk_runs(
    trial: Results, runs: pl.DataFrame, name: str, progress: Progress
) -> Iterator[tuple[dict[str, Any], pl.DataFrame]]:
    """Yield each row of `runs` with the curves of its run, and tell the progress of an export."""
    curves = trial.curves.partition_by("run", as_dict=True)
    for number, row in enumerate(runs.iter_rows(named=True)):
        progress(Status(f"{name}: {row['run']}", number / runs.height, 1, number, runs.height))
        yield row, curves.get((row["run"],), trial.curves.clear())


def flatten_parameters(parameters: pl.DataFrame) -> pl.DataFrame:
    """Return one row per parameter.

    Its columns are run, parameter, feature (0 to D - 1, null for b), class (0 to K - 1, null for
    regression) and value. The values given are row-major: W is (D,) or (D, K), b is () or (K,).

    Examples
    --------
    >>> flatten_parameters(pl.DataFrame({
    ...     "run": "a #0", "parameter": ["W", "b"], "shape": [[1, 2], [2]],
    ...     "values": [[0.5, 1.5], [2.5, 3.5]],
    ... })).rows()
    [('a #0', 'W', 0, 0, 0.5), ('a #0', 'W', 0, 1, 1.5), ('a #0', 'b', None, 0, 2.5),
     ('a #0', 'b', None, 1, 3.5)]
    """
    is_weight, n_axes = pl.col("parameter") == "W", pl.col("shape").list.len()
    n_classes = pl.when(n_axes == pl.when(is_weight).then(2).otherwise(1)).then(
        pl.col("shape").list.last()
    )
    # For regression, which has no classes, positions are features.
    per_feature = n_classes.fill_null(1)
    position = pl.col("position")
    return (
        parameters.with_columns(position=pl.int_ranges(pl.col("values").list.len()))
        .explode("position", "values")
        .select(
            "run",
            "parameter",
            pl.when(is_weight).then(position // per_feature).alias("feature"),
            (position % n_classes).alias("class"),
            value="values",
        )
    )


def list_varied(runs: pl.DataFrame) -> list[str]:
    """List the settings of `runs.parquet` that differ between rows; null counts as a value.

    Examples
    --------
    >>> list_varied(pl.DataFrame({
    ...     "seed": [0, 0], "steps": [9, 9], "loss.delta": [None, 1.0], "outcome": ["completed"] * 2
    ... }))
    ['loss.delta']
    """
    return [name for name in list_settings(runs) if runs[name].n_unique() > 1]


def flatten_lists(frame: pl.DataFrame) -> pl.DataFrame:
    """Replace lists by JSON text.

    Examples
    --------
    >>> flatten_lists(pl.DataFrame({"task.exclude": [["id", "Größe"], []]})).rows()
    [('["id", "Größe"]',), ('[]',)]
    """

    def to_json(value: object) -> str | None:
        return None if value is None else json.dumps(value, ensure_ascii=False)

    return frame.with_columns(
        pl.Series(name, [to_json(value) for value in frame[name].to_list()], pl.String)
        for name, kind in frame.schema.items()
        if kind.is_nested()
    )
