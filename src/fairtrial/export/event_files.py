"""Export to TensorBoard: event files with curves, metrics and hyperparameters."""

import contextlib
import re
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from fairtrial.export.tables import CURVE, METRIC, flatten_lists, list_varied, walk_runs
from fairtrial.loading import load_tensorflow
from fairtrial.progress import Progress
from fairtrial.results.results import Results
from fairtrial.results.store import list_metrics

if TYPE_CHECKING:
    from google.protobuf.message import Message

SEED = "seed"
# In bytes: systems allow 255, and a number may follow.
LONGEST_NAME = 120


def write_event_files(trial: Results, place: Path, progress: Progress) -> None:
    """Write a TensorBoard run for each run, `ARM/seed N`, and the experiment at the top.

    Scalars are `curves/QUANTITY` at its steps or epochs, and `scoreboard/METRIC` at the end of the
    run, in float32. Hyperparameters are the settings that differ between arms, and the seed.
    """
    load_tensorflow()
    # `tensorboard.plugins.hparams.api` has the same names but imports Keras.
    from tensorboard.plugins.hparams import api_pb2
    from tensorboard.plugins.hparams import summary_v2 as hparams
    from tensorboard.plugins.hparams.summary import session_end_pb

    runs = flatten_lists(trial.runs)
    varied, metrics = list_varied(runs), list_metrics(runs)
    folders = name_folders(runs["arm"].unique(maintain_order=True))
    with _open(place):
        _write(_describe_experiment(runs, varied, metrics), 0)
    for row, curves in walk_runs(trial, runs, "tensorboard", progress):
        known = {name: value for name, value in row.items() if value is not None}
        settings = {name: known[name] for name in (*varied, SEED) if name in known}
        values = {METRIC + name: known[name] for name in metrics if name in known}
        status = "STATUS_FAILURE" if row["outcome"] == "diverged" else "STATUS_SUCCESS"
        with _open(place / folders[row["arm"]] / f"seed {row['seed']}"):
            _write(hparams.hparams_pb(settings, trial_id=row["run"]), 0)
            _write_curves(curves)
            _write_scalars(values, row["ended_at"])
            _write(session_end_pb(getattr(api_pb2, status)), 0)


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


def _write(summary: "Message", step: int) -> None:
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


def _describe_experiment(runs: pl.DataFrame, varied: list[str], metrics: list[str]) -> "Message":
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


def name_folders(names: Iterable[str]) -> dict[str, str]:
    """Make a unique folder name for each name, as similar to it as possible.

    Letters of any script, digits, spaces and a few signs are kept; other characters become `_`.
    Equal results, and results that differ only in upper and lower case, are numbered.

    Examples
    --------
    >>> name_folders(["huber delta=1.0", "a/b", "A?b", ".."])
    {'huber delta=1.0': 'huber delta=1.0', 'a/b': 'a_b', 'A?b': 'A_b (2)', '..': '_'}
    """
    folders: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        clean = folder = _clean(name)
        number = 1
        while folder.casefold() in taken:
            number += 1
            folder = f"{clean} ({number})"
        taken.add(folder.casefold())
        folders[name] = folder
    return folders


def _clean(name: str) -> str:
    plain = re.sub(r"[^\w .,=+·-]+", "_", unicodedata.normalize("NFC", name))
    cut = plain.encode()[:LONGEST_NAME].decode(errors="ignore").strip(" ")
    # Names of dots alone are other folders, and a leading dot hides a folder.
    return re.sub(r"^\.+|\.+$", "_", cut) or "_"
