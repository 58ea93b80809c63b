"""The eager driver against plain gradient descent in NumPy float64."""

import numpy as np
import pytest

from by_hand import descend, descend_softmax, recipe, softmax
from fairtrial.data.dataset import Dataset
from fairtrial.data.load import load_dataset
from fairtrial.data.split import order_rows, split_rows
from fairtrial.kinds.optimizers.schedules import SCHEDULES
from fairtrial.parameters import Parameters, draw_init
from fairtrial.study.recipe import Penalty
from fairtrial.study.task import LineTask
from fairtrial.training import eager, model

FACTORS = [kind.name for kind in SCHEDULES if not (kind().on_stalls or kind().is_one)]
DATA = load_dataset(LineTask(kind="line", rows=64, test_rows=2, noise="laplace"), 5)
FAST = {"kind": "sgd", "learning_rate": 0.1}
START = Parameters(np.float32([0.5]), np.float32(-0.5))


def make_plane(n_rows, n_features, seed=0):
    """Rows of a plane with noise."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(n_rows, n_features)).astype(np.float32)
    truth = np.arange(1.0, n_features + 2)
    y = X @ truth[:-1] + truth[-1] + random.normal(size=n_rows)
    return Dataset(X, y.astype(np.float32), X[:2], y[:2].astype(np.float32), truth)


def make_classes(n_rows, n_features=6, n_classes=3, seed=0):
    """Rows of pixels, 0 to 16, brighter in their class's place."""
    random = np.random.default_rng(seed)
    X = random.integers(0, 12, size=(n_rows, n_features)).astype(np.uint8)
    y = random.integers(0, n_classes, n_rows).astype(np.int32)
    X[np.arange(n_rows), y] += 4
    half = n_rows // 2
    return Dataset(X, y, X[:half], y[:half], n_classes=n_classes, divisor=16)


@pytest.mark.parametrize("kind", ["mse", "mae", {"kind": "huber", "delta": 0.7}, "hybrid"], ids=str)
@pytest.mark.parametrize("optimizer", [FAST, {"kind": "adam", "learning_rate": 0.1}], ids=str)
def test_full_batch(kind, optimizer):
    one = recipe(kind, optimizer, steps=20)
    found = eager.train(one, DATA, 5, START)
    expected = descend(one, DATA.X, DATA.y, *START)
    at, losses = found.curves["loss"]
    assert at.tolist() == list(range(20))
    np.testing.assert_allclose(losses, expected.losses, rtol=1e-5)
    np.testing.assert_allclose(found.W, expected.W, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found.b, expected.b, rtol=1e-5, atol=1e-5)
    assert (found.outcome, found.ended_at) == ("completed", 19)


def test_several_features():
    data = make_plane(50, 3)
    one = recipe("huber", FAST, steps=30)
    found = eager.train(one, data, 5)
    expected = descend(one, data.X, data.y, np.zeros(3), 0.0)
    np.testing.assert_allclose(found.W, expected.W, rtol=1e-5)
    gap = np.append(expected.W, expected.b) - data.true_parameters
    assert found.curves["parameter_error"][1][-1] > np.linalg.norm(gap)  # that is after the update
    assert "slope" not in found.curves


def test_long_enough_it_finds_least_squares():
    found = eager.train(recipe("mse", {"kind": "sgd", "learning_rate": 0.3}, steps=60), DATA, 5)
    slope, intercept = np.polyfit(DATA.X[:, 0].astype(float), DATA.y.astype(float), 1)
    assert (found.W[0], found.b) == (
        pytest.approx(slope, rel=1e-5),
        pytest.approx(intercept, rel=1e-5),
    )


def test_curves_are_from_before_the_update():
    curves = eager.train(recipe(steps=3), DATA, 5, START).curves
    assert curves["slope"][1][0] == 0.5
    assert curves["intercept"][1][0] == -0.5
    error = np.hypot(0.5 - 3, -0.5 - 2)
    assert curves["parameter_error"][1][0] == pytest.approx(error, rel=1e-6)


def test_stops_and_halves_as_by_hand():
    """Heavy momentum overshoots: losses that rise and fall by far more than rounding."""
    heavy = {"kind": "sgd", "learning_rate": 0.2, "momentum": 0.98}
    for others in (
        {"stopping": {"patience": 4}},
        {"schedule": {"kind": "halve_on_plateau", "patience": 3, "floor": 0.02}},
    ):
        one = recipe("mse", heavy, steps=60, **others)
        found, expected = eager.train(one, DATA, 5), descend(one, DATA.X, DATA.y, [0.0], 0.0)
        assert (found.outcome, found.ended_at) == (expected.outcome, expected.ended_at)
        assert found.outcome in ("stopped_early", "rate_floor")
        np.testing.assert_allclose(found.curves["learning_rate"][1], expected.rates, rtol=1e-6)


@pytest.mark.parametrize("kind", FACTORS)
def test_the_rate_falls_over_the_run(kind):
    one = recipe("mse", {"kind": "adam", "learning_rate": 0.1}, steps=20, schedule=kind)
    found, expected = eager.train(one, DATA, 5), descend(one, DATA.X, DATA.y, [0.0], 0.0)
    np.testing.assert_allclose(found.curves["learning_rate"][1], expected.rates, rtol=1e-5)
    np.testing.assert_allclose(found.W, expected.W, rtol=1e-5)
    np.testing.assert_allclose(found.b, expected.b, rtol=1e-5)


def test_diverges_with_the_last_finite_state():
    one = recipe("mse", {"kind": "sgd", "learning_rate": 5.0}, steps=99)
    found, expected = eager.train(one, DATA, 5), descend(one, DATA.X, DATA.y, [0.0], 0.0)
    assert expected.outcome == "diverged"
    assert (found.outcome, found.ended_at) == ("diverged", expected.ended_at)
    np.testing.assert_allclose(found.W, expected.W, rtol=1e-4)
    np.testing.assert_allclose(found.b, expected.b, rtol=1e-4)
    assert len(found.curves["loss"][1]) == expected.ended_at + 1


# One row for each penalty, and both.
PENALTIES = [{"l2": 0.3}, {"l1": 0.4}, {"l2": 0.1, "l1": 0.2}]


@pytest.mark.parametrize("penalty", PENALTIES, ids=str)
def test_penalties(penalty):
    data = make_plane(50, 3)
    one = recipe("mse", FAST, steps=40, penalty=penalty, init={"kind": "constant", "value": 0.5})
    found = eager.train(one, data, 5)
    expected = descend(one, data.X, data.y, np.full(3, 0.5), 0.5)
    np.testing.assert_allclose(found.curves["loss"][1], expected.losses, rtol=1e-5)
    np.testing.assert_allclose(found.W, expected.W, rtol=1e-5)
    np.testing.assert_allclose(found.b, expected.b, rtol=1e-5)


def test_l2_finds_ridge():
    """The closed form on centred rows; the intercept is not pulled."""
    data = make_plane(50, 3)
    one = recipe("mse", {"kind": "sgd", "learning_rate": 0.2}, steps=150, penalty={"l2": 0.3})
    found = eager.train(one, data, 5)
    X, y = data.X.astype(float), data.y.astype(float)
    centred, shifted = X - X.mean(0), y - y.mean()
    W = np.linalg.solve(centred.T @ centred + 50 * 0.3 * np.eye(3), centred.T @ shifted)
    np.testing.assert_allclose(found.W, W, rtol=1e-5)
    assert found.b == pytest.approx(y.mean() - X.mean(0) @ W, rel=1e-5)


def test_every_penalty_has_its_place():
    given = [*PENALTIES, {"elastic_net": 0.2, "l1_share": 0.3}, {"l1": 0.4, "proximal": True}]
    assert {name for one in given for name in one} == set(Penalty.model_fields)
    weights = [Penalty(**one).weights for one in given]
    assert {name for one in weights for name in one if one[name]} == set(model.PENALTIES)


def test_restores_the_best():
    """Heavy momentum leaves the valley again; the parameters of its lowest loss come back."""
    heavy = {"kind": "sgd", "learning_rate": 0.2, "momentum": 0.98}
    stopping = {"patience": 4, "restore_best": True}
    one = recipe("mse", heavy, steps=60, stopping=stopping)
    found = eager.train(one, DATA, 5)
    expected = descend(one, DATA.X, DATA.y, [0.0], 0.0)
    assert (found.outcome, found.ended_at) == (expected.outcome, expected.ended_at)
    best = int(np.argmin(expected.losses))
    assert best == expected.ended_at - 4
    shorter = descend(recipe("mse", heavy, steps=best), DATA.X, DATA.y, [0.0], 0.0)
    np.testing.assert_allclose(found.W, shorter.W, rtol=1e-5)
    np.testing.assert_allclose(found.b, shorter.b, rtol=1e-5)


# ------------------------------------------------------------------------------------- epochs


# Every schedule with one optimizer, and every optimizer with two schedules; all pairs at length.
PAIRS = [
    pytest.param(
        optimizer, schedule,
        marks=[pytest.mark.long] * (optimizer != "sgd" and schedule not in ("constant", "cosine")),
    )
    for optimizer in ("sgd", "adam", "rmsprop")
    for schedule in ("constant", *FACTORS)
]  # fmt: skip


@pytest.mark.parametrize(("optimizer", "schedule"), PAIRS)
def test_mini_batches(optimizer, schedule):
    """50 rows, 40 of which train, in batches of 16: the last has 8."""
    data, rate = make_classes(50), {"kind": optimizer, "learning_rate": 0.05}
    one = recipe(
        "cross_entropy",
        rate,
        epochs=2,
        batch_size=16,
        validation=0.2,
        init={"kind": "normal"},
        schedule=schedule,
    )
    found = eager.train(one, data, 7)
    train, validation = split_rows(50, 0.2, 7)
    orders = [order_rows(40, 7, epoch) for epoch in (1, 2)]
    X = data.X.astype(float) / 16
    start = draw_init(one.init, 6, 3, 7)
    expected = descend_softmax(one, X[train], data.y[train], *start, orders)
    np.testing.assert_allclose(found.curves["loss"][1], expected.losses, rtol=1e-5)
    np.testing.assert_allclose(found.W, expected.W, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found.b, expected.b, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found.curves["learning_rate"][1], expected.rates, rtol=1e-6)
    assert found.curves["loss"][0].tolist() == [1, 2]
    assert (found.outcome, found.ended_at) == ("completed", 2)
    for prefix, rows in (("train_", train), ("validation_", validation), ("", slice(0, 25))):
        shares = softmax(X[rows] @ expected.W + expected.b)
        right = np.mean(shares.argmax(1) == data.y[rows])
        assert found.curves[f"{prefix}accuracy"][1][-1] == pytest.approx(right, rel=1e-6)
        entropy = -np.log(shares[np.arange(len(shares)), data.y[rows]]).mean()
        assert found.curves[f"{prefix}cross_entropy"][1][-1] == pytest.approx(entropy, rel=1e-4)


def test_no_validation_no_validation_curves():
    one = recipe("cross_entropy", epochs=1, batch_size=64)
    curves = eager.train(one, make_classes(20), 0).curves
    assert {"train_accuracy", "accuracy"} < set(curves)
    assert not [name for name in curves if name.startswith("validation")]


@pytest.mark.parametrize("monitor", ["validation_cross_entropy", "validation_accuracy"])
def test_stops_by_what_is_monitored_and_restores_it(monitor):
    """A rate that is too high memorises 24 rows: validation gets worse while the loss falls."""
    data = make_classes(60, n_features=12)
    one = recipe(
        "cross_entropy",
        {"kind": "adam", "learning_rate": 0.3},
        epochs=60,
        batch_size=8,
        validation=0.6,
        stopping={"patience": 5, "monitor": monitor, "restore_best": True},
    )
    found = eager.train(one, data, 7)
    values = found.curves[monitor][1] * (-1 if monitor.endswith("accuracy") else 1)
    best = int(np.argmin(values))
    assert found.outcome == "stopped_early"
    assert found.ended_at == best + 1 + 5
    assert np.argmin(found.curves["loss"][1]) > best
    assert found.scores[monitor] == pytest.approx(found.curves[monitor][1][best], rel=1e-6)
    train, _ = split_rows(60, 0.6, 7)
    orders = [order_rows(24, 7, epoch) for epoch in range(1, best + 2)]
    X, W, b = data.X / 16.0, np.zeros((12, 3)), np.zeros(3)
    expected = descend_softmax(one, X[train], data.y[train], W, b, orders)
    # Adam at this rate moves every weight by about 0.1 an epoch; rounding, by far less.
    np.testing.assert_allclose(found.W, expected.W, atol=3e-3)
