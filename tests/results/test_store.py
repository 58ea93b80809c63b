"""Tables as the design has them, assembled from parts."""

import numpy as np
import polars as pl
import pytest

from by_hand import recipe
from fairtrial.results.saved_stacks import Result, make_part, write_part
from fairtrial.results.store import (
    CURVES,
    PARAMETERS,
    RUNS,
    make_arm_table,
    summarise_arms,
    write_tables,
)
from fairtrial.study import Arm, Run
from fairtrial.study.task import LineTask
from fairtrial.training.trace import Trace
from made_up import make_study

TASK = LineTask(kind="line", rows=9, noise="laplace")
RUN = Run(Arm("slow", TASK, recipe({"kind": "huber", "delta": 2.0})), 4)
CURVE = {
    "loss": (np.array([0, 7]), np.array([2.0, 1.0])),
    "slope": (np.array([0]), np.array([0.25])),
}


def trace(W=(1.5,), b=0.5):
    return Trace(np.float32(W), np.float32(b), "stopped_early", 7, CURVE, {})


def assemble(folder, runs, fingerprints, parts):
    """Write each list of (fingerprint, trace, metrics) as a part, and all as tables."""
    paths = {}
    for results in parts:
        part = make_part([Result(one, left, 0.5, metrics) for one, left, metrics in results])
        paths[write_part(folder, part)] = list(part.fingerprints)
    write_tables(folder, runs, fingerprints, paths)
    return [pl.read_parquet(folder / name) for name in (RUNS, CURVES, PARAMETERS)]


def test_the_tables_of_one_run(tmp_path):
    runs, curves, _ = assemble(tmp_path, [RUN], ["a"], [[("a", trace(), {"mse": 1.25})]])
    assert runs.to_dicts() == [
        {
            "run": "slow #4",
            "arm": "slow",
            "entry": None,
            "varied": [],
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
            "optimizer.nesterov": False,
            "schedule.kind": "constant",
            "init.kind": "constant",
            "init.value": 0.0,
            "average.kind": "none",
            "steps": 20,
            "penalty.l2": 0.0,
            "penalty.l1": 0.0,
            "penalty.elastic_net": 0.0,
            "penalty.l1_share": 0.5,
            "penalty.proximal": False,
            "features.kind": "pixels",
            "features.standardise": False,
            "standardise": False,
            "outcome": "stopped_early",
            "ended_at": 7,
            "seconds": 0.5,
            "mse": 1.25,
        }
    ]
    assert curves.schema == {
        "run": pl.String, "at": pl.Int64, "quantity": pl.String, "value": pl.Float64,
    }  # fmt: skip
    assert curves.rows() == [
        ("slow #4", 0, "loss", 2.0),
        ("slow #4", 7, "loss", 1.0),
        ("slow #4", 0, "slope", 0.25),
    ]


@pytest.mark.parametrize("shape", [(1,), (3,), (4, 3)])
def test_parameters_come_back(tmp_path, shape):
    W = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    b = np.float32(0.1) if len(shape) == 1 else np.arange(shape[1], dtype=np.float32)
    *_, table = assemble(tmp_path, [RUN], ["a"], [[("a", trace(W, b), {})]])
    assert table["run"].to_list() == ["slow #4"] * 2
    assert table["parameter"].to_list() == ["W", "b"]
    for row, expected in zip(table.iter_rows(named=True), (W, b), strict=True):
        values = np.reshape(np.float32(row["values"]), row["shape"])
        np.testing.assert_array_equal(values, expected)


def test_unlike_runs(tmp_path):
    """What one run does not have is absent in its row; columns are those of all."""
    other = Run(Arm("fast", TASK, recipe(stopping={"patience": 3})), 2**62)
    runs, curves, parameters = assemble(
        tmp_path,
        [RUN, other],
        ["a", "b"],
        [[("b", trace(), {"mse": 1.0, "r2": 0.5})], [("a", trace(), {"mse": 1.25})]],
    )
    assert runs.columns[-5:] == ["outcome", "ended_at", "seconds", "mse", "r2"]
    assert runs["mse"].to_list() == [1.25, 1.0]
    assert runs["r2"].to_list() == [None, 0.5]
    assert runs["loss.delta"].to_list() == [2.0, None]
    assert runs["stopping.patience"].to_list() == [None, 3]
    assert runs["seed"].to_list() == [4, 2**62]
    assert curves.height == 6
    assert parameters.height == 4


def test_order_and_choice(tmp_path):
    """Runs as the study lists them, long tables part by part; only what counts."""
    runs = [Run(RUN.arm, seed) for seed in range(4)]
    results = [(f"run {seed}", trace(b=seed), {"mse": float(seed)}) for seed in range(4)]
    parts = [
        [results[3], ("old", trace(b=9.0), {"mse": 9.0})],
        [results[2], results[0]],
        [results[1]],
    ]
    paths = {}
    for number, one in enumerate(parts):
        part = make_part([Result(name, left, 0.5, metrics) for name, left, metrics in one])
        counted = [name for name in part.fingerprints if name != "old"]
        paths[write_part(tmp_path, part)] = counted
        assert len(counted) == [1, 2, 1][number]
    write_tables(tmp_path, runs, [f"run {seed}" for seed in range(4)], paths)
    table = pl.read_parquet(tmp_path / RUNS)
    assert table["seed"].to_list() == table["mse"].to_list() == [0, 1, 2, 3]
    curves = pl.read_parquet(tmp_path / CURVES)
    assert curves["run"].unique(maintain_order=True).to_list() == [
        "slow #2", "slow #0", "slow #1", "slow #3",
    ]  # fmt: skip


def test_runs_that_are_alike(tmp_path):
    """Two names of one recipe: trained once, and a row each in every table."""
    twin = Run(Arm("twin", RUN.arm.task, RUN.arm.recipe), 4)
    runs, curves, parameters = assemble(
        tmp_path, [RUN, twin], ["a", "a"], [[("a", trace(), {"mse": 1.25})]]
    )
    assert runs["arm"].to_list() == ["slow", "twin"]
    assert runs["mse"].to_list() == [1.25, 1.25]
    assert curves["run"].to_list() == ["slow #4"] * 3 + ["twin #4"] * 3
    assert parameters["run"].to_list() == ["slow #4"] * 2 + ["twin #4"] * 2


def test_metrics_that_are_not_numbers_stay_apart_from_absent_ones(tmp_path):
    other = Run(RUN.arm, 5)
    runs, *_ = assemble(
        tmp_path,
        [RUN, other],
        ["a", "b"],
        [[("a", trace(), {"r2": float("nan")}), ("b", trace(), {"mse": float("inf")})]],
    )
    assert np.isnan(runs["r2"][0]) and runs["r2"][1] is None
    assert runs["mse"].to_list() == [None, float("inf")]


def test_summary_of_arms(tmp_path):
    """Means over an arm's runs; a metric that an arm does not have is no traceback."""
    runs = [RUN, Run(RUN.arm, 5), Run(Arm("fast", TASK, recipe()), 4)]
    metrics = [{"mse": 1.0, "auc": 0.5}, {"mse": 2.0, "auc": np.nan}, {"mse": 4.0, "r2": 0.5}]
    names = ["a", "b", "c"]
    results = [(name, trace(), one) for name, one in zip(names, metrics, strict=True)]
    assemble(tmp_path, runs, names, [results])
    slow, fast = summarise_arms(tmp_path)
    assert (slow["arm"], slow["runs"], slow["mse"]) == ("slow", 2, "1.5")
    assert slow["outcomes"] == "2 stopped_early"
    assert (fast["mse"], fast["r2"]) == ("4", "0.5")
    assert slow["r2"] == ""
    assert (slow["auc"], fast["auc"]) == ("0.5 (1 of 2)", "")


def test_a_setting_that_is_a_word_or_a_list():
    weights = ["balanced", [1.0] * 9 + [2.0]]
    recipe = {"loss": "cross_entropy", "optimizer": "sgd", "epochs": 1, "batch_size": 64}
    study = make_study(task="digits", recipe=recipe, vary={"class_weights": weights})
    shown = make_arm_table(study.list_arms(), {})["class_weights"].to_list()
    assert shown == ["balanced", str(weights[1])]
