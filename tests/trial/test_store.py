"""The results folder: whole files or none, and tables as the design has them."""

import json
import os

import numpy as np
import polars as pl
import pytest

from by_hand import recipe
from fairtrial.errors import MachineError
from fairtrial.settings import LineTask
from fairtrial.study import Arm, Run
from fairtrial.training.trace import Trace
from fairtrial.trial.store import (
    RUNS,
    RunResult,
    make_curve_table,
    make_parameter_table,
    make_run_row,
    summarise_arms,
    write_file,
    write_json,
    write_tables,
    write_text,
)

TASK = LineTask(kind="line", rows=9, noise="laplace")
RUN = Run(Arm("slow", TASK, recipe({"kind": "huber", "delta": 2.0})), 4)
TRACE = Trace(
    np.float32([1.5]),
    np.float32(0.5),
    "stopped_early",
    7,
    {
        "loss": (np.array([0, 7]), np.array([2.0, 1.0])),
        "slope": (np.array([0]), np.array([0.25])),
    },
    {},
)
RESULT = RunResult(RUN, TRACE, 0.5, {"mse": 1.25})


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


# ---------------------------------------------------------------------------------------- files


def test_write_file_makes_folders_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "new" / "deep" / "file.txt"
    write_text(path, "é\n")
    assert path.read_bytes() == "é\n".encode()
    assert names_in(path.parent) == ["file.txt"]
    write_text(path, "other")
    assert path.read_text() == "other"


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_writer_that_fails_leaves_what_was_there(tmp_path, error):
    path = tmp_path / "file.txt"
    write_text(path, "before")

    def write(aside):
        aside.write_text("half")
        raise error

    with pytest.raises((MachineError, KeyboardInterrupt)):
        write_file(path, write)
    assert path.read_text() == "before"
    assert names_in(tmp_path) == ["file.txt"]


def test_a_full_disk_is_told(tmp_path):
    def write(aside):
        raise OSError(28, "No space left on device")

    with pytest.raises(MachineError, match=r"file\.txt cannot be written: No space left on device"):
        write_file(tmp_path / "file.txt", write)
    assert names_in(tmp_path) == []


def test_a_file_in_place_of_the_folder(tmp_path):
    (tmp_path / "results").write_text("mine")
    with pytest.raises(MachineError, match="cannot be written"):
        write_text(tmp_path / "results" / "study.toml", "x")
    assert (tmp_path / "results").read_text() == "mine"


def test_a_folder_in_place_of_the_file(tmp_path):
    (tmp_path / "study.toml").mkdir()
    with pytest.raises(MachineError, match="cannot be written"):
        write_text(tmp_path / "study.toml", "x")
    assert names_in(tmp_path) == ["study.toml"]


@pytest.mark.skipif(os.geteuid() == 0, reason="permissions do not bind root")
def test_a_read_only_folder(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(MachineError, match="Permission denied"):
        write_text(tmp_path / "study.toml", "x")


def test_json_is_for_people_too(tmp_path):
    write_json(tmp_path / "a.json", {"say": "größer", "low": [1.5]})
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert "größer" in text and text.endswith("}\n")
    assert json.loads(text) == {"say": "größer", "low": [1.5]}


# --------------------------------------------------------------------------------------- tables


def test_run_row():
    row = make_run_row(RESULT)
    assert row == {
        "run": "slow #4",
        "arm": "slow",
        "seed": 4,
        "task.kind": "line",
        "task.slope": 3.0,
        "task.intercept": 2.0,
        "task.rows": 9,
        "task.test_rows": 10_000,
        "task.noise.kind": "laplace",
        "task.noise.scale": 1.0,
        "loss.kind": "huber",
        "loss.delta": 2.0,
        "optimizer.kind": "sgd",
        "optimizer.learning_rate": 0.01,
        "optimizer.momentum": 0.0,
        "schedule.kind": "constant",
        "init.kind": "constant",
        "init.value": 0.0,
        "steps": 20,
        "penalty.l2": 0.0,
        "penalty.l1": 0.0,
        "outcome": "stopped_early",
        "ended_at": 7,
        "seconds": 0.5,
        "mse": 1.25,
    }


def test_curve_table():
    table = make_curve_table(RESULT)
    assert table.schema == {
        "run": pl.String, "at": pl.Int64, "quantity": pl.String, "value": pl.Float64,
    }  # fmt: skip
    assert table.rows() == [
        ("slow #4", 0, "loss", 2.0),
        ("slow #4", 7, "loss", 1.0),
        ("slow #4", 0, "slope", 0.25),
    ]


@pytest.mark.parametrize("shape", [(1,), (3,), (4, 3)])
def test_parameter_table_gives_parameters_back(shape):
    W = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    b = np.float32(0.1) if len(shape) == 1 else np.arange(shape[1], dtype=np.float32)
    trace = Trace(W, np.asarray(b), "completed", 1, {}, {})
    table = make_parameter_table(RunResult(RUN, trace, 0.1, {}))
    assert table["run"].to_list() == ["slow #4"] * 2
    for row, expected in zip(table.iter_rows(named=True), (W, b), strict=True):
        values = np.reshape(np.float32(row["values"]), row["shape"])
        np.testing.assert_array_equal(values, expected)


def test_tables_of_unlike_runs(tmp_path):
    """What one run does not have is absent in its row; columns are those of all."""
    other = Run(Arm("fast", RUN.arm.task, recipe(stopping={"patience": 3})), 2**62)
    results = [RESULT, RunResult(other, TRACE, 0.1, {"mse": 1.0, "r2": 0.5})]
    write_tables(tmp_path, results)
    assert names_in(tmp_path) == [
        "curves.parquet", "parameters.parquet", "runs.parquet",
    ]  # fmt: skip
    table = pl.read_parquet(tmp_path / "runs.parquet")
    assert table.columns[-5:] == ["outcome", "ended_at", "seconds", "mse", "r2"]
    assert table["r2"].to_list() == [None, 0.5]
    assert table["loss.delta"].to_list() == [2.0, None]
    assert table["stopping.patience"].to_list() == [None, 3]
    assert table["seed"].to_list() == [4, 2**62]
    assert pl.read_parquet(tmp_path / "curves.parquet").height == 6
    assert pl.read_parquet(tmp_path / "parameters.parquet").height == 4


def test_summary_of_arms(tmp_path):
    """Means over an arm's runs; a metric that an arm does not have is no traceback."""
    other = Run(Arm("fast", TASK, recipe()), 4)
    results = [
        RunResult(RUN, TRACE, 0.1, {"mse": 1.0}),
        RunResult(Run(RUN.arm, 5), TRACE, 0.1, {"mse": 2.0}),
        RunResult(other, TRACE, 0.1, {"mse": 4.0, "r2": 0.5}),
    ]
    write_tables(tmp_path, results)
    assert (tmp_path / RUNS).exists()
    slow, fast = summarise_arms(tmp_path)
    assert (slow["arm"], slow["runs"], slow["mse"]) == ("slow", 2, "1.5")
    assert slow["outcomes"] == "2 stopped_early"
    assert (fast["mse"], fast["r2"]) == ("4", "0.5")
    assert slow["r2"] == ""
