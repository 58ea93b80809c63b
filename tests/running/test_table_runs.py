"""Tables from end to end: what NumPy, least squares and scikit-learn make of the same rows."""

import numpy as np
import polars as pl
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from by_hand import descend
from fairtrial.data.split import split_rows
from fairtrial.results.store import CURVES, PARAMETERS, RUNS
from fairtrial.running.execute import Setup
from fairtrial.running.plan import plan_stacks
from fairtrial.running.verify import verify_runs
from fairtrial.study import Study

REGRESSION = """
name = "Plane"
seeds = [3, 8]
[task]
kind = "table"
path = "plane.csv"
target = "y"
problem = "regression"
test = 0.25
[recipe]
loss = "mse"
optimizer = { kind = "sgd", learning_rate = 0.1 }
steps = 100
"""
ARMS = """
[[arms]]
name = "losses"
vary = { loss = ["mse", "huber"] }
[[arms]]
name = "noise"
set = { "noise.data" = { every = 30 } }
"""
CLASSES = """
name = "Iris"
seeds = 2
[task]
kind = "table"
path = "iris.parquet"
target = "species"
problem = "classification"
[recipe]
loss = "cross_entropy"
optimizer = { kind = "sgd", learning_rate = 0.2 }
epochs = 200
batch_size = 30
validation = 0.2
penalty = { l2 = 0.01 }
"""


@pytest.fixture(scope="module")
def plane(tmp_path_factory):
    """A plane with noise, its features far from standardised."""
    folder, random = tmp_path_factory.mktemp("plane"), np.random.default_rng(2)
    X = random.normal([5.0, -40.0, 0.0], [2.0, 30.0, 0.01], (80, 3))
    y = X @ [1.5, -0.2, 90.0] + 7 + random.standard_t(3, 80)
    frame = pl.DataFrame(X, schema=["a", "b", "c"]).with_columns(pl.Series("y", y))
    frame.write_csv(folder / "plane.csv")
    (folder / "study.toml").write_text(REGRESSION + ARMS)
    study = Study.load(folder / "study.toml")
    Setup().run_missing(study, folder / "out")
    return study, folder / "out", X, y


def cut(X, y, seed, test, validation=None):
    """Training rows, and all others, standardised by the rows that training sees."""
    train, held_out = split_rows(len(y), test, seed, "table.test")
    seen, validated = (train[rows] for rows in split_rows(len(train), validation, seed))
    X = (X - X[seen].mean(0)) / X[seen].std(0)
    return [(X[rows], y[rows]) for rows in (seen, validated, held_out)]


def test_regression_is_what_numpy_makes_of_it(plane):
    study, folder, X, y = plane
    rows = {row["run"]: row for row in pl.read_parquet(folder / RUNS).to_dicts()}
    assert len(rows) == 6
    for run in study.list_runs():
        if run.arm.name == "noise":
            continue
        row, ((X_train, y_train), _, (X_test, y_test)) = rows[run.name], cut(X, y, run.seed, 0.25)
        expected = descend(run.arm.recipe, X_train, y_train, np.zeros(3), 0.0)
        residual = y_test - (X_test @ expected.W + expected.b)
        assert row["mse"] == pytest.approx(np.mean(residual**2), rel=1e-3)
        assert row["mae"] == pytest.approx(np.mean(np.abs(residual)), rel=1e-3)
        assert row["r2"] == pytest.approx(1 - np.mean(residual**2) / np.var(y_test), rel=1e-3)
        assert row["task.path"] == run.arm.task.path
    assert "parameter_error" not in next(iter(rows.values()))


def test_mse_ends_at_least_squares(plane):
    _, folder, X, y = plane
    rows = pl.read_parquet(folder / RUNS).filter(pl.col("arm") == "losses · mse")
    for row in rows.to_dicts():
        train, test = split_rows(80, 0.25, row["seed"], "table.test")
        ones = np.column_stack([X, np.ones(80)])
        best = np.linalg.lstsq(ones[train], y[train])[0]
        assert row["mse"] == pytest.approx(np.mean((y[test] - ones[test] @ best) ** 2), rel=1e-3)


def test_curves_show_loss_and_rate(plane):
    _, folder, _, _ = plane
    assert set(pl.read_parquet(folder / CURVES)["quantity"]) == {"loss", "learning_rate"}
    assert pl.read_parquet(folder / PARAMETERS)["shape"].to_list() == [[3], []] * 6


def test_seeds_and_arms_of_a_table_share_a_stack(plane):
    study, _, _, _ = plane
    plans = plan_stacks(study.list_runs())
    assert sorted((len(plan.runs), len(plan.runs[0])) for plan in plans) == [(2, 1), (2, 2)]


@pytest.mark.parametrize("n_lanes", [3, pytest.param(6, marks=pytest.mark.long)])
def test_stacked_is_eager_on_a_regression_table(plane, n_lanes):
    study, _, _, _ = plane
    found = verify_runs(study.list_runs(), n_lanes)
    assert len(found["lanes"]) == n_lanes
    assert found["largest_deviation"] < 1e-5


@pytest.fixture(scope="module")
def iris(tmp_path_factory):
    folder, loaded = tmp_path_factory.mktemp("iris"), load_iris()
    names = pl.Series("species", [str(loaded.target_names[number]) for number in loaded.target])
    frame = pl.DataFrame(loaded.data, schema=["a", "b", "c", "d"]).with_columns(names)
    frame.write_parquet(folder / "iris.parquet")
    (folder / "study.toml").write_text(CLASSES)
    study = Study.load(folder / "study.toml")
    Setup().run_missing(study, folder / "out")
    return study, folder / "out", loaded.data, loaded.target


def test_classification_comes_near_to_scikit_learn(iris):
    """The same penalised objective, minimised by L-BFGS: a row of a part more or less at most."""
    _, folder, X, y = iris
    for row in pl.read_parquet(folder / RUNS).to_dicts():
        parts = cut(X, y, row["seed"], 0.2, 0.2)
        (X_train, y_train), *_ = parts
        C = 1 / (2 * len(y_train) * 0.01)
        model = LogisticRegression(C=C, tol=1e-8, max_iter=1000).fit(X_train, y_train)
        for prefix, (X_part, y_part) in zip(("train_", "validation_", ""), parts, strict=True):
            expected = log_loss(y_part, model.predict_proba(X_part), labels=[0, 1, 2])
            assert row[f"{prefix}cross_entropy"] == pytest.approx(expected, abs=0.01)
            expected = model.score(X_part, y_part)
            assert row[f"{prefix}accuracy"] == pytest.approx(expected, abs=1.5 / len(y_part))


def test_stacked_is_eager_on_a_classification_table(iris):
    study, _, _, _ = iris
    assert verify_runs(study.list_runs(), 2)["largest_deviation"] < 1e-4
