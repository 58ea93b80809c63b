"""Metrics that are measured after training, from what runs have predicted; kept in the folder.

Trained runs leave their parameters, from which the data tells what they predict, and on classes the
predicted classes. Baselines leave what they predict. So a new metric, or a changed one, trains
nothing again.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from polars.exceptions import PolarsError

from fairtrial.data.dataset import Dataset
from fairtrial.data.load import load_dataset
from fairtrial.data.split import Part, split_parts
from fairtrial.files import write_file
from fairtrial.kinds.metrics.numbers import MetricSettings
from fairtrial.results.fingerprint import fingerprint_defaults, fingerprint_metric
from fairtrial.results.predictions import (
    Predicted,
    describe_baseline,
    describe_logits,
    describe_numbers,
    score,
)
from fairtrial.results.saved_stacks import ROWS
from fairtrial.study import Run
from fairtrial.study.metrics import list_defaults

SCORES = "scores.parquet"
SCHEMA = pl.Schema(
    {
        "fingerprint": pl.String,
        "metric": pl.String,
        "source": pl.String,
        "value": pl.Float64,
        "average_value": pl.Float64,
    }
)
NO_SCORES = pl.DataFrame(schema=SCHEMA)
# Rows whose features are in memory at once, as float64.
BLOCK = 2048
LEFT = (
    "fingerprint", "parameter_values", "average_parameters", "rows", "predicted_type", "predicted",
    "probabilities",
)  # fmt: skip
"""What parts hold of what a run has left."""


# Of `SCHEMA`.
_Score = tuple[str, str, str, float | None, float | None]


def score_runs(
    folder: Path,
    runs: Mapping[str, Run],
    parts: Mapping[Path, Sequence[str]],
    named: Sequence[MetricSettings],
) -> pl.DataFrame:
    """Measure what parts do not hold: metrics that a study names, and metrics that have changed.

    Runs go by their fingerprints; each part lists which of its runs count. Returns a table like
    `SCHEMA`, with a row for each run and metric; the folder keeps it. It is an `InputError` if a
    metric of the user ends with an error or the data cannot be used, and a `MachineError` if the
    data cannot be had or the folder cannot be written.
    """
    known = _read(folder / SCORES)
    wanted = _list_wanted(runs, parts, named)
    there = {*known.select("fingerprint", "metric", "source").iter_rows()}
    missing: dict[str, list[MetricSettings]] = defaultdict(list)
    for fingerprint, metrics in wanted.items():
        for one in metrics:
            if (fingerprint, one.column, fingerprint_metric(one.definition)) not in there:
                missing[fingerprint].append(one)
    if missing:
        found = pl.DataFrame([*_measure(runs, missing, parts)], schema=SCHEMA, orient="row")
        known = pl.concat([known, found]).unique(
            ["fingerprint", "metric"], keep="last", maintain_order=True
        )
        write_file(folder / SCORES, known.write_parquet)
    columns = [
        (fingerprint, prefix + one.column)
        for fingerprint, metrics in wanted.items()
        for one in metrics
        for prefix in ROWS
    ]
    counted = pl.DataFrame(
        columns, dict.fromkeys(("fingerprint", "metric"), pl.String), orient="row"
    )
    return counted.join(known, on=["fingerprint", "metric"], maintain_order="left")


def _read(path: Path) -> pl.DataFrame:
    """Read what was measured before; nothing where it is absent, damaged or of another version."""
    try:
        kept = pl.read_parquet(path, glob=False)
    except (OSError, PolarsError):
        return NO_SCORES
    return kept if kept.schema == SCHEMA else NO_SCORES


def _list_wanted(
    runs: Mapping[str, Run], parts: Mapping[Path, Sequence[str]], named: Sequence[MetricSettings]
) -> dict[str, list[MetricSettings]]:
    """List for each run the metrics that its part does not hold as they are now."""
    sources = {on_classes: fingerprint_defaults(on_classes) for on_classes in (False, True)}
    wanted: dict[str, list[MetricSettings]] = {}
    for path, fingerprints in parts.items():
        table = pl.read_parquet(path, columns=["fingerprint", "metric_source"], glob=False)
        measured = dict(table.iter_rows())
        for fingerprint in fingerprints:
            on_classes = runs[fingerprint].arm.task.has_classes
            is_old = measured[fingerprint] != sources[on_classes]
            own = [one for one in named if one.definition.on_classes == on_classes]
            metrics = [*(list_defaults(on_classes) if is_old else []), *own]
            if metrics:
                wanted[fingerprint] = metrics
    return wanted


def _measure(
    runs: Mapping[str, Run],
    missing: Mapping[str, Sequence[MetricSettings]],
    parts: Mapping[Path, Sequence[str]],
) -> Iterator[_Score]:
    """Measure runs by the metrics that they lack, those on the same rows together."""
    groups: dict[Any, dict[Path, list[str]]] = defaultdict(lambda: defaultdict(list))
    places = {one: path for path, here in parts.items() for one in here}
    for fingerprint in missing:
        run = runs[fingerprint]
        validation = run.arm.recipe.validation if run.arm.is_trained else None
        rows = run.arm.task, run.seed, validation, run.arm.features
        groups[rows][places[fingerprint]].append(fingerprint)
    for (task, seed, validation, features), by_place in groups.items():
        dataset = load_dataset(task, seed, validation, features)
        split = split_parts(dataset, validation, seed)
        for path, here in by_place.items():
            left = pl.scan_parquet(path, glob=False).select(LEFT)
            rows = left.filter(pl.col("fingerprint").is_in(here)).collect().to_dicts()
            for prefix in [one for one in split if one in ROWS]:
                yield from _measure_rows(missing, rows, prefix, split[prefix], dataset)


def _measure_rows(
    missing: Mapping[str, Sequence[MetricSettings]],
    rows: Sequence[Mapping[str, Any]],
    prefix: str,
    part: Part,
    dataset: Dataset,
) -> Iterator[_Score]:
    """Measure what runs of one part's file predict of a part of the data."""
    for row, forms, mean in _describe(rows, prefix, part, dataset):
        metrics = missing[row["fingerprint"]]
        values = score(metrics, part.y, forms, prefix)
        averages = {} if mean is None else score(metrics, part.y, mean, prefix)
        for metric in metrics:
            name, source = prefix + metric.column, fingerprint_metric(metric.definition)
            yield row["fingerprint"], name, source, values.get(name), averages.get(name)


def _describe(
    rows: Sequence[Mapping[str, Any]], prefix: str, part: Part, dataset: Dataset
) -> Iterator[tuple[Mapping[str, Any], Predicted, Predicted | None]]:
    """Describe what each run, and the mean of its iterates, predicts of a part of the data."""
    fields = ("parameter_values", "average_parameters")
    parameters = [row[field] for row in rows for field in fields if row[field]]
    outputs = iter(_predict(parameters, part, dataset))
    for row in rows:
        kept = zip(row["rows"], row["predicted_type"], row["predicted"], strict=True)
        predicted = {name: np.frombuffer(one, form) for name, form, one in kept}.get(ROWS[prefix])
        if not row["parameter_values"]:
            assert predicted is not None, "a baseline leaves what it predicts"
            shares = row["probabilities"]
            if shares is not None:
                shares = np.frombuffer(shares, "<f4").reshape(-1, dataset.n_classes)
            yield row, describe_baseline(predicted, shares, dataset.n_classes > 0), None
            continue
        forms = _describe_outputs(next(outputs), dataset, predicted)
        mean = _describe_outputs(next(outputs), dataset) if row["average_parameters"] else None
        yield row, forms, mean


def _predict(
    parameters: Sequence[Sequence[Sequence[float]]], part: Part, dataset: Dataset
) -> list[np.ndarray]:
    """Predict the rows of a part by several parameters, in float64; features are read once."""
    made = [tuple(np.array(one, np.float64) for one in both) for both in parameters]
    shape = (-1, dataset.n_classes) if dataset.n_classes else (-1,)
    blocks: list[list[np.ndarray]] = [[] for _ in made]
    for first in range(0, len(part) if made else 0, BLOCK):
        X = part.read(slice(first, first + BLOCK)).astype(np.float64) / dataset.divisor
        for block, (W, b) in zip(blocks, made, strict=True):
            block.append(X @ W.reshape(shape) + b)
    return [np.concatenate(block) for block in blocks]


def _describe_outputs(
    outputs: np.ndarray, dataset: Dataset, classes: np.ndarray | None = None
) -> Predicted:
    """Describe what outputs predict; the classes are those that training predicted."""
    if not dataset.n_classes:
        return describe_numbers(outputs)
    return describe_logits(outputs, None if classes is None else classes.astype(np.int64))
