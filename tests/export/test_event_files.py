"""Event files, read by TensorBoard and compared with the tables."""

import numpy as np
import polars as pl
import pytest

pytest.importorskip("tensorboard")

import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import api_pb2, metadata

from fairtrial.export.formats import export
from fairtrial.results.store import list_metrics

NAMES = ["loss.kind", "loss.delta", "optimizer.learning_rate", "optimizer.momentum", "seed"]
START, END = metadata.SESSION_START_INFO_TAG, metadata.SESSION_END_INFO_TAG


@pytest.fixture(scope="module")
def place(trial, tmp_path_factory):
    return export(trial.folder, "tensorboard", tmp_path_factory.mktemp("tb") / "out")


@pytest.fixture(scope="module")
def sessions(place):
    """The events of each run, by the name of the run in its session."""
    found = [read_events(path.parent) for path in place.glob("*/*/events*")]
    named = {read_start(events).group_name: events for events in found}
    assert len(named) == len(found)
    return named


def read_events(folder):
    return EventAccumulator(str(folder), size_guidance={"tensors": 0}).Reload()


def read_content(events, tag):
    return events.SummaryMetadata(tag).plugin_data.content


def read_start(events):
    return metadata.parse_session_start_info_plugin_data(read_content(events, START))


def read_points(events, tag):
    assert events.SummaryMetadata(tag).plugin_data.plugin_name == "scalars"
    return [(one.step, float(tf.make_ndarray(one.tensor_proto))) for one in events.Tensors(tag)]


def as_float32(value):
    with np.errstate(over="ignore"):
        return float(np.float32(value))


def test_event_files_have_one_folder_per_arm_and_seed(trial, sessions):
    folders = {}
    for row in trial.runs.iter_rows(named=True):
        *_, arm, seed = sessions[row["run"]].path.split("/")
        assert seed == f"seed {row['seed']}"
        folders.setdefault(row["arm"], set()).add(arm)
    assert all(len(names) == 1 for names in folders.values())
    assert folders["a/b"] == {"a_b"} and folders["A?b"] == {"A_b (2)"}


def test_event_files_have_the_curves_and_metrics(trial, sessions):
    assert len(sessions) == trial.runs.height
    for row in trial.runs.iter_rows(named=True):
        events = sessions[row["run"]]
        curves = trial.curves.filter(pl.col("run") == row["run"])
        expected = {
            f"curves/{quantity}": list(curve.select("at", "value").iter_rows())
            for (quantity,), curve in curves.group_by("quantity")
        }
        for name in list_metrics(trial.runs):
            if row[name] is not None:
                expected[f"scoreboard/{name}"] = [(row["ended_at"], row[name])]
        assert set(events.Tags()["tensors"]) == {*expected, START, END}
        for tag, points in expected.items():
            points = [(at, as_float32(value)) for at, value in points]
            np.testing.assert_array_equal(read_points(events, tag), points)


def test_hyperparameters_are_the_settings_that_differ(trial, sessions):
    for row in trial.runs.iter_rows(named=True):
        events = sessions[row["run"]]
        values = {
            name: getattr(value, value.WhichOneof("kind"))
            for name, value in read_start(events).hparams.items()
        }
        assert values == {name: row[name] for name in NAMES if row[name] is not None}
        end = metadata.parse_session_end_info_plugin_data(read_content(events, END))
        good = row["outcome"] == "completed"
        assert end.status == (api_pb2.STATUS_SUCCESS if good else api_pb2.STATUS_FAILURE)


def test_experiment_lists_hyperparameters_and_metrics(trial, place):
    content = read_content(read_events(place), metadata.EXPERIMENT_TAG)
    experiment = metadata.parse_experiment_plugin_data(content)
    infos = {info.name: info for info in experiment.hparam_infos}
    assert set(infos) == set(NAMES)
    kinds = {value.string_value for value in infos["loss.kind"].domain_discrete.values}
    assert kinds == {"mse", "mae", "huber"}
    interval = infos["seed"].domain_interval
    assert (interval.min_value, interval.max_value) == (0, 7)
    assert [info.name.tag for info in experiment.metric_infos] == [
        f"scoreboard/{name}" for name in list_metrics(trial.runs)
    ]
