"""Export to CSV: three tables without nested columns."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from fairtrial.export.columns import flatten_lists
from fairtrial.progress import Progress, Status
from fairtrial.results.results import Results


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
