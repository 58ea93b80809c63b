"""The scoreboard's metrics against scikit-learn, closed forms and counting by hand."""

import numpy as np
import polars as pl
import pytest
import sklearn.linear_model
import sklearn.metrics

from by_hand import descend, recipe, softmax
from fairtrial.data.dataset import Dataset
from fairtrial.data.load import load_dataset
from fairtrial.data.split import split_rows
from fairtrial.results.scoring import (
    Scorer,
    count_to_tolerance,
    measure_fluctuation,
    recount,
    score_regression,
)
from fairtrial.study import task as tasks
from fairtrial.study.metrics import list_metrics
from fairtrial.training import eager, stacked
from reference.metrics import calibrate

RANDOM = np.random.default_rng(8)
LINE = tasks.LineTask(kind="line", rows=20, test_rows=20)
CLASSES = {"loss": "cross_entropy", "steps": None, "batch_size": 500}


def measure(one, data, seed=0):
    trace = eager.train_in_graphs(one, data, seed)  # What the eager driver gives, sooner.
    return trace, Scorer(data, seed, one.validation).measure_run(trace, one)


@pytest.mark.parametrize("n_features", [1, 4])
def test_regression(n_features):
    X = RANDOM.normal(size=(60, n_features)).astype(np.float32)
    y = RANDOM.normal(size=60).astype(np.float32)
    W, b = RANDOM.normal(size=n_features).astype(np.float32), np.float32(0.3)
    truth = np.arange(n_features + 1.0)
    found = score_regression(W, b, Dataset(X[:1], y[:1], X, y, truth))
    predicted = (X.astype(float) * W.astype(float)).sum(1) + float(b)
    true_line = (X.astype(float) * truth[:-1]).sum(1) + truth[-1]
    assert found == pytest.approx(
        {
            "mse": sklearn.metrics.mean_squared_error(y, predicted),
            "mae": sklearn.metrics.mean_absolute_error(y, predicted),
            "rmse": sklearn.metrics.root_mean_squared_error(y, predicted),
            "r2": sklearn.metrics.r2_score(y, predicted),
            "parameter_error": np.sqrt(np.sum((np.append(W, b) - truth) ** 2)),
            "excess_risk": sklearn.metrics.mean_squared_error(true_line, predicted),
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


@pytest.mark.parametrize("validation", [None, 0.3])
def test_classes(validation):
    """What the model tells of every row, from its parameters, through scikit-learn."""
    data = load_dataset(tasks.DigitsTask(kind="digits"), 0)
    one = recipe(**CLASSES | {"epochs": 2, "validation": validation})
    trace, found = measure(one, data)
    kept, held_out = split_rows(len(data.y), validation, 0)
    parts = {"train_": (data.X[kept], data.y[kept]), "": (data.test_X, data.test_y)}
    if validation:
        parts["validation_"] = (data.X[held_out], data.y[held_out])
    for prefix, (X, y) in parts.items():
        shares = softmax(X / 16.0 @ trace.W.astype(float) + trace.b)
        told, labels = shares.argmax(1), list(range(10))
        expected = {
            "accuracy": sklearn.metrics.accuracy_score(y, told),
            "cross_entropy": sklearn.metrics.log_loss(y, shares, labels=labels),
        }
        if prefix != "train_":
            expected["macro_f1"] = sklearn.metrics.f1_score(y, told, average="macro")
            pairs = np.column_stack([told, shares.max(1)])
            expected["expected_calibration_error"] = calibrate(y, pairs, None)
        for name, value in expected.items():
            assert found[prefix + name] == pytest.approx(value, rel=1e-4), prefix + name
    assert found["generalization_gap"] == found["train_accuracy"] - found["accuracy"]
    parameters = Scorer(data, 0, validation).measure_parameters(trace.W, trace.b)
    assert parameters == pytest.approx({name: found[name] for name in parameters}, rel=1e-4)
    right = Scorer(data, 0, validation).mark_test_rows(trace)
    assert right.mean() == pytest.approx(found["accuracy"])


def test_the_way_of_classes():
    """Both from the curve, by their definitions."""
    data = load_dataset(tasks.DigitsTask(kind="digits"), 0)
    one = recipe(**CLASSES | {"epochs": 30})
    trace, found = measure(one, data)
    values = trace.curves["accuracy"][1]
    counts = np.rint(values * 360)
    assert found["final_minus_best"] == pytest.approx((counts[-1] - counts.max()) / 360, abs=1e-15)
    near = values >= values.max() - 0.01
    first = next(at for at in range(len(values)) if near[at:].all())
    assert found["epochs_to_tolerance"] == first + 1


@pytest.mark.parametrize(
    ("gaps", "expected"),
    [
        ([3.0, 2.0, 0.5, 0.4], 2.0),
        ([0.5, 0.5], 0.0),
        ([3.0, 0.5, 3.0, 0.5], 3.0),
        ([0.5, 3.0], None),
        ([np.nan, 0.5], 1.0),
        ([0.5, np.nan], None),
    ],
)
def test_within_tolerance_to_stay(gaps, expected):
    assert count_to_tolerance(np.array(gaps), 1.0) == expected


@pytest.mark.parametrize(("rate", "arrives"), [(0.05, True), (0.0001, False)])
def test_steps_of_a_line(rate, arrives):
    """NumPy's descent, step by step: the first after which it stays within 5 % of |(3, 2)|."""
    data = load_dataset(LINE.model_copy(update={"rows": 500}), 0)
    one = recipe("mse", {"kind": "sgd", "learning_rate": rate}, steps=120)
    _, found = measure(one, data)
    path = descend(one, data.X, data.y, [0.0], 0.0).path
    gaps = [np.hypot(W[0] - 3.0, b - 2.0) for W, b in path]
    near = np.array([13.0**0.5, *gaps]) <= 0.05 * 13.0**0.5
    expected = next((at for at in range(121) if near[at:].all()), None)
    assert found["steps_to_tolerance"] == expected
    assert (expected is not None) == arrives


def test_steps_of_a_table(tmp_path):
    """By the gap to the least squares, from scikit-learn."""
    X = RANDOM.normal(size=(80, 2))
    y = X @ [1.0, -2.0] + 0.5 + RANDOM.normal(size=80)
    path = tmp_path / "table.csv"
    pl.DataFrame({"a": X[:, 0], "b": X[:, 1], "y": y}).write_csv(path)
    task = tasks.TableTask(kind="table", path=str(path), target="y", problem="regression")
    data = load_dataset(task, 0)
    one = recipe("mse", {"kind": "sgd", "learning_rate": 0.02}, steps=150)
    trace, found = measure(one, data)
    least = sklearn.linear_model.LinearRegression().fit(data.X.astype(float), data.y)
    best = np.mean((data.y - least.predict(data.X.astype(float))) ** 2)
    gaps = trace.curves["loss"][1] - best
    expected = next(at for at in range(150) if np.all(gaps[at:] <= 0.05 * gaps[0]))
    assert found["steps_to_tolerance"] == expected > 10


# ------------------------------------------------------------------------------- the way there


def fluctuate(values, first, size):
    """The definition, change by change."""
    changes = [values[at + 1] - values[at] for at in range(first, first + size)]
    mean = sum(changes) / size
    return (sum((change - mean) ** 2 for change in changes) / (size - 1)) ** 0.5


@pytest.mark.parametrize(("n", "size"), [(3, 2), (6, 5), (30, 5), (51, 5), (61, 6), (1001, 100)])
def test_fluctuation_is_that_of_a_tenth_of_the_changes(n, size):
    values = RANDOM.normal(size=n)
    early, late = measure_fluctuation(values)
    assert early == pytest.approx(fluctuate(values, 0, size))
    assert late == pytest.approx(fluctuate(values, n - 1 - size, size))


@pytest.mark.parametrize("slope", [0.0, 3.0, -100.0])
def test_a_trend_does_not_fluctuate(slope):
    noise = RANDOM.normal(size=2_000)
    trend = slope * np.arange(2_000.0)
    assert measure_fluctuation(trend) == pytest.approx((0.0, 0.0), abs=1e-9)
    assert measure_fluctuation(trend + noise) == pytest.approx(measure_fluctuation(noise))


def test_fluctuation_of_independent_noise():
    early, late = measure_fluctuation(0.5 * RANDOM.normal(size=200_000))
    assert early == pytest.approx(0.5 * 2**0.5, rel=0.02)
    assert late == pytest.approx(0.5 * 2**0.5, rel=0.02)


def test_early_is_not_late():
    values = np.concatenate([np.zeros(500), np.tile([0.0, 1.0], 250)])
    early, late = measure_fluctuation(values)
    assert early == 0.0 and late == pytest.approx(1.0, rel=0.01)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1.0], (None, None)),
        ([1.0, 2.0], (None, None)),
        ([0.0] * 20 + [np.inf], (0.0, None)),
        ([0.0] * 20 + [np.nan], (0.0, None)),
    ],
)
def test_fluctuation_that_cannot_be_measured(values, expected):
    assert measure_fluctuation(np.array(values)) == expected


def count_halvings(losses, patience):
    """When a patience is over, from the losses alone."""
    best, stall, found = np.inf, 0, []
    for at, loss in enumerate(losses):
        best, stall = (loss, 0) if loss < best else (best, stall + 1)
        if stall == patience:
            stall = 0
            found.append(at)
    return found


HALVING = {"kind": "halve_on_plateau", "patience": 3, "floor": 1e-6}


@pytest.mark.parametrize("noise", [{}, {"learning_rate": {"every": 2, "low": 0.4, "high": 0.6}}])
def test_halvings_are_those_of_the_schedule(noise):
    """A rate far too high for the line; noise that halves it too is not counted."""
    data = load_dataset(LINE, 0)
    sgd = {"kind": "sgd", "learning_rate": 0.95}
    trace, found = measure(recipe("mae", sgd, steps=60, schedule=HALVING, noise=noise), data)
    halvings = count_halvings(trace.curves["loss"][1], 3)
    if not noise:
        assert len(halvings) > 1
    assert found["n_rate_halvings"] == len(halvings)
    assert found["first_rate_halving"] == (halvings[0] if halvings else None)


def test_a_halving_below_the_floor_counts():
    data = load_dataset(LINE, 0)
    sgd = {"kind": "sgd", "learning_rate": 0.95}
    one = recipe("mae", sgd, steps=60, schedule=HALVING | {"floor": 0.9})
    trace, found = measure(one, data)
    assert trace.outcome == "rate_floor"
    assert found["n_rate_halvings"] == 1.0
    assert found["first_rate_halving"] == trace.ended_at


@pytest.mark.parametrize("schedule", ["constant", "linear", "cosine"])
def test_no_other_schedule_halves(schedule):
    one = recipe(steps=30, schedule=schedule, noise={"learning_rate": {"every": 1, "low": 0.5}})
    _, found = measure(one, load_dataset(LINE, 0))
    assert (found["n_rate_halvings"], found["first_rate_halving"]) == (0.0, None)


def test_halvings_of_epochs():
    data = load_dataset(tasks.DigitsTask(kind="digits"), 0)
    sgd = {"kind": "sgd", "learning_rate": 5.0}
    one = recipe("cross_entropy", sgd, epochs=12, batch_size=100, schedule=HALVING)
    one = one.model_copy(update={"schedule": one.schedule.model_copy(update={"patience": 1})})
    trace, found = measure(one, data)
    halvings = count_halvings(trace.curves["loss"][1], 1)
    assert found["n_rate_halvings"] == len(halvings) > 0
    assert found["first_rate_halving"] == halvings[0] + 1
    accuracy, loss = (trace.curves[name][1] for name in ("accuracy", "loss"))
    assert found["late_fluctuation"] == pytest.approx(fluctuate(accuracy, 6, 5))
    assert found["early_loss_fluctuation"] == pytest.approx(fluctuate(loss, 0, 5))


def test_stacked_runs_are_halved_as_eager_ones():
    """Of two lengths, so that one lane leaves two runs; at a rate at which the loss grows at once.

    Where a loss is at its minimum, rounding decides which step stalls, and the drivers may differ.
    """
    data = [load_dataset(LINE, seed) for seed in (0, 1)]
    sgd = {"kind": "sgd", "learning_rate": 1.2}
    recipes = [
        recipe(loss, sgd, steps=steps, schedule=HALVING)
        for loss in ("mse", "hybrid")
        for steps in (4, 7)
    ]
    for seed, row in enumerate(stacked.train(stacked.Stack(recipes, data, (0, 1)))):
        for one, found in zip(recipes, row, strict=True):
            alone = eager.train(one, data[seed], seed)
            assert found.n_halvings > 0 or one.loss.kind != "mse"
            assert (found.n_halvings, found.first_halving) == (
                alone.n_halvings, alone.first_halving,
            )  # fmt: skip


def test_the_window_is_of_all_points():
    """Fluctuation is measured before curves are thinned to 500 points."""
    data = load_dataset(LINE, 0)
    trace, found = measure(recipe("mae", {"kind": "sgd", "learning_rate": 0.5}, steps=800), data)
    error = trace.curves["parameter_error"][1]
    assert found["early_fluctuation"] == pytest.approx(fluctuate(error, 0, 80))
    assert found["late_fluctuation"] == pytest.approx(fluctuate(error, 799 - 80, 80))


@pytest.mark.parametrize(
    ("task", "choices"),
    [
        (LINE, {"steps": 2}),
        (LINE, {"steps": 2, "noise": {"data": {"every": 1}}}),
        (tasks.LinearTask(kind="linear", rows=20, test_rows=20), {"steps": 2}),
        (tasks.DigitsTask(kind="digits"), {"epochs": 1}),
        (tasks.DigitsTask(kind="digits"), {"epochs": 1, "validation": 0.2}),
    ],
)
def test_the_registry_of_metrics_is_what_runs_are_measured_by(task, choices):
    one = recipe(**CLASSES | choices if "epochs" in choices else choices)
    _, found = measure(one, load_dataset(task, 0))
    assert sorted(found) == sorted(list_metrics(task, one))


def test_accuracies_are_counts_over_their_rows_in_float64():
    """float32 has rounded them, and a claim's ties would not be ties."""
    shares = np.arange(361) / 360
    np.testing.assert_array_equal(recount(shares.astype(np.float32), 360), shares)
    many = np.array([1, 47_999, 48_000]) / 48_000
    np.testing.assert_array_equal(recount(many.astype(np.float32), 48_000), many)


def test_accuracies_of_runs_are_counts():
    data = load_dataset(tasks.DigitsTask(kind="digits"), 0)
    trace, found = measure(recipe(**CLASSES | {"epochs": 1}), data)
    assert found["accuracy"] == np.sum(trace.predictions[""].classes == data.test_y) / 360
