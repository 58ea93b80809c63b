"""Export to TensorBoard: event files with curves, metrics and hyperparameters."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from fairtrial.export.place import name_folders
from fairtrial.export.tables import CURVE, METRIC, flatten_lists, list_varied
from fairtrial.loading import load_tensorflow
from fairtrial.progress import Progress, Status
from fairtrial.results.results import Results
from fairtrial.results.store import list_metrics

if TYPE_CHECKING:
    from google.protobuf.message import Message

SEED = "seed"


def write_event_files(trial: Results, place: Path, progress: Progress) -> None:
    """Write a TensorBoard run for each run, `ARM/seed N`, and the experiment at the top.

    Scalars are `curves/QUANTITY` at its steps or epochs, and `scoreboard/METRIC` at the end of the
    run, in float32. Hyperparameters are the settings that differ between arms, and the seed.
    """
    load_tensorflow()
    runs = flatten_lists(trial.runs)
    varied, metrics = list_varied(runs), list_metrics(runs)
    folders = name_folders(runs["arm"].unique(maintain_order=True))
    curves = trial.curves.partition_by("run", as_dict=True)
    with _open(place):
        _write(_describe_experiment(runs, varied, metrics), 0)
    for number, row in enumerate(runs.iter_rows(named=True)):
        progress(Status(f"tensorboard: {row['run']}", number / runs.height, 1, number, runs.height))
        with _open(place / folders[row["arm"]] / f"seed {row['seed']}"):
            _write(_start_session(row, varied), 0)
            _write_curves(curves.get((row["run"],), trial.curves.clear()))
            values = {name: row[name] for name in metrics if row[name] is not None}
            _write_scalars(
                {METRIC + name: value for name, value in values.items()}, row["ended_at"]
            )
            _write(_end_session(row["outcome"]), 0)


@contextlib.contextmanager
def _open(folder: Path) -> Iterator[None]:
    """Write all summaries in this context to an event file in a folder."""
    import tensorflow as tf

    try:
        writer = tf.summary.create_file_writer(str(folder))
        with contextlib.closing(writer), writer.as_default():
            yield
    except tf.errors.OpError as error:
        raise OSError(error.message) from None


def _write(summary: Message, step: int) -> None:
    import tensorflow as tf

    tf.summary.experimental.write_raw_pb(summary.SerializeToString(), step=step)


def _write_curves(curves: pl.DataFrame) -> None:
    """Write all quantities of a run, step by step."""
    for (at,), points in curves.group_by("at", maintain_order=True):
        values = zip(points["quantity"], points["value"], strict=True)
        _write_scalars({CURVE + quantity: value for quantity, value in values}, at)


def _write_scalars(values: dict[str, float], step: Any) -> None:
    """Write scalars as one record, which is faster than one record each."""
    from tensorboard.plugins.scalar.summary_v2 import scalar_pb

    with np.errstate(over="ignore"):  # Values beyond float32 become infinite.
        made = [scalar_pb(tag, value) for tag, value in values.items()]
    for other in made[1:]:
        made[0].MergeFrom(other)
    for summary in made[:1]:
        _write(summary, step)


# `tensorboard.plugins.hparams.api` has the same names but imports Keras.


def _describe_experiment(runs: pl.DataFrame, varied: list[str], metrics: list[str]) -> Message:
    """List the hyperparameters with their values, and the metrics."""
    from tensorboard.plugins.hparams import summary_v2 as hparams

    seeds = runs[SEED].to_list()
    return hparams.hparams_config_pb(
        hparams=[
            *(
                hparams.HParam(name, hparams.Discrete(runs[name].unique().drop_nulls().to_list()))
                for name in varied
            ),
            hparams.HParam(SEED, hparams.IntInterval(min(seeds), max(seeds))),
        ],
        metrics=[hparams.Metric(METRIC + name, display_name=name) for name in metrics],
    )


def _start_session(row: dict[str, Any], varied: list[str]) -> Message:
    """List the hyperparameters of a run, without settings that its arm does not have."""
    from tensorboard.plugins.hparams import summary_v2 as hparams

    values = {name: row[name] for name in (*varied, SEED) if row[name] is not None}
    return hparams.hparams_pb(values, trial_id=row["run"])


def _end_session(outcome: str) -> Message:
    """Return the status of a run: failure if it diverged, else success."""
    from tensorboard.plugins.hparams import api_pb2
    from tensorboard.plugins.hparams.summary import session_end_pb

    name = "STATUS_FAILURE" if outcome == "diverged" else "STATUS_SUCCESS"
    return session_end_pb(getattr(api_pb2, name))
