"""The scoreboard's metrics against scikit-learn."""

import numpy as np
import pytest
import sklearn.metrics

from by_hand import recipe
from fairtrial.data.dataset import Dataset
from fairtrial.data.load import load_dataset
from fairtrial.study import task as tasks
from fairtrial.study.metrics import METRICS, list_metrics
from fairtrial.training import eager
from fairtrial.training.trace import Trace
from fairtrial.trial.scoreboard import score, score_regression

RANDOM = np.random.default_rng(8)


@pytest.mark.parametrize("n_features", [1, 4])
def test_regression(n_features):
    X = RANDOM.normal(size=(60, n_features)).astype(np.float32)
    y = RANDOM.normal(size=60).astype(np.float32)
    W, b = RANDOM.normal(size=n_features).astype(np.float32), np.float32(0.3)
    truth = np.arange(n_features + 1.0)
    found = score_regression(W, b, Dataset(X[:1], y[:1], X, y, truth))
    predicted = (X.astype(float) * W.astype(float)).sum(1) + float(b)
    assert found == pytest.approx(
        {
            "mse": sklearn.metrics.mean_squared_error(y, predicted),
            "mae": sklearn.metrics.mean_absolute_error(y, predicted),
            "rmse": sklearn.metrics.root_mean_squared_error(y, predicted),
            "r2": sklearn.metrics.r2_score(y, predicted),
            "parameter_error": np.sqrt(np.sum((np.append(W, b) - truth) ** 2)),
        },
        rel=1e-6,
    )


def test_without_truth_no_parameter_error():
    X, y = np.ones((3, 1), np.float32), np.float32([1, 2, 3])
    found = score_regression(np.float32([1.0]), np.float32(1.0), Dataset(X, y, X, y))
    assert set(found) == {"mse", "mae", "rmse", "r2"}
    assert found["r2"] == pytest.approx(0.0)


def test_the_largest_parameters_have_a_score():
    """A diverged run's last finite state is near float32's end; its square is not in float32."""
    X, y = np.float32([[1.0], [2.0]]), np.float32([0.0, 1.0])
    found = score_regression(np.float32([3e38]), np.float32(0.0), Dataset(X, y, X, y))
    assert found["mse"] == pytest.approx(2.5 * 9e76, rel=1e-6)


def test_classes_have_what_the_driver_measured_at_the_end():
    """Not the last epoch's: with `restore_best` the end is another."""
    curves = {"accuracy": (np.array([1, 2]), np.array([0.7, 0.6]))}
    empty, scores = np.zeros((0, 1)), {"accuracy": 0.7, "train_cross_entropy": 0.4}
    trace = Trace(empty, empty, "completed", 2, curves, scores)
    data = Dataset(empty, empty, empty, empty, n_classes=3)
    assert score(trace, data) == scores


@pytest.mark.parametrize(
    ("task", "choices"),
    [
        (tasks.LineTask(kind="line", rows=20, test_rows=20), {"steps": 2}),
        (tasks.LinearTask(kind="linear", rows=20, test_rows=20), {"steps": 2}),
        (tasks.DigitsTask(kind="digits"), {"epochs": 1}),
        (tasks.DigitsTask(kind="digits"), {"epochs": 1, "validation": 0.2}),
    ],
)
def test_the_registry_of_metrics_is_what_runs_are_measured_by(task, choices):
    if "epochs" in choices:
        choices = {"loss": "cross_entropy", "steps": None, "batch_size": 500} | choices
    one = recipe(**choices)
    data = load_dataset(task, 0)
    found = score(eager.train(one, data, 0), data)
    assert sorted(found) == sorted(list_metrics(task, one))


def test_which_way_is_better():
    better_higher = {name for name, metric in METRICS.items() if metric.higher_is_better}
    assert better_higher == {"r2", "accuracy", "train_accuracy", "validation_accuracy"}
