"""Batches, validation rows and steps, for numbers and for classes, by every driver."""

import dataclasses

import numpy as np
import pytest

from by_hand import descend_batches, descend_softmax, recipe, softmax
from fairtrial.data.dataset import Dataset
from fairtrial.data.load import load_dataset
from fairtrial.data.split import order_rows, split_rows
from fairtrial.kinds.losses.numbers import LOSSES
from fairtrial.parameters import draw_init
from fairtrial.study.task import LinearTask, LineTask
from fairtrial.training import eager, stacked
from fairtrial.training.trace import count_averaged
from ways_to_end import HALVED, HEAVY, make_pixels

LINE = LineTask(kind="line", rows=50, test_rows=9)
PLANE = LinearTask(kind="linear", features=3, rows=50, test_rows=9)
SEEDS = (3, 8)
ADAM = {"kind": "adam", "learning_rate": 0.1}
FAST = {"kind": "sgd", "learning_rate": 0.1}
EPOCHS, STEPS = {"epochs": 80, "batch_size": 4}, {"steps": 80}
NUMBER_LOSSES = [kind.name for kind in LOSSES if not kind.on_classes]


def stack(recipes, task, seeds=SEEDS, averages=True):
    sets = [load_dataset(task, seed) for seed in seeds]
    return stacked.train(stacked.Stack(recipes, sets, seeds, averages))


def assert_alike(found, expected, tolerance=1e-4):
    assert (found.outcome, found.ended_at) == (expected.outcome, expected.ended_at)
    assert found.curves.keys() == expected.curves.keys()
    for name, (at, values) in expected.curves.items():
        assert found.curves[name][0].tolist() == at.tolist()
        np.testing.assert_allclose(
            found.curves[name][1], values, rtol=tolerance, atol=tolerance, err_msg=name
        )
    assert (found.average is None) == (expected.average is None)
    pairs = [(found, expected)] + [(found.average, expected.average)] * (found.average is not None)
    for one, other in pairs:
        np.testing.assert_allclose(one.W, other.W, rtol=tolerance, atol=tolerance)
        np.testing.assert_allclose(one.b, other.b, rtol=tolerance, atol=tolerance)
        assert one.scores == pytest.approx(other.scores, rel=1e-3)


@pytest.mark.parametrize(
    "task", [LINE, pytest.param(PLANE, marks=pytest.mark.long)], ids=["line", "plane"]
)
def test_batches_of_numbers_are_those_by_hand(task):
    """40 of 50 rows train, in batches of 16: the last has 8."""
    lanes = [
        recipe(
            loss, ADAM, epochs=3, batch_size=16, validation=0.2, schedule="linear", init="normal"
        )
        for loss in ("mse", "mae", "huber", "hybrid")
    ]
    for seed, row in zip(SEEDS, stack(lanes, task), strict=True):
        for one, found in zip(lanes, row, strict=True):
            compare_by_hand(one, load_dataset(task, seed), seed, found)


def compare_by_hand(one, data, seed, found):
    train, validation = split_rows(50, 0.2, seed)
    orders = [order_rows(40, seed, epoch) for epoch in (1, 2, 3)]
    start = draw_init(one.init, data.X.shape[1], 0, seed)
    by_hand = descend_batches(one, data.X[train], data.y[train], *start, orders)
    for trace in (found, eager.train(one, data, seed), eager.train_in_graphs(one, data, seed)):
        assert (trace.outcome, trace.ended_at) == ("completed", 3)
        np.testing.assert_allclose(trace.curves["loss"][1], by_hand.losses, rtol=1e-4)
        np.testing.assert_allclose(trace.curves["learning_rate"][1], by_hand.rates, rtol=1e-6)
        np.testing.assert_allclose(trace.W, by_hand.W, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(trace.b, by_hand.b, rtol=1e-4, atol=1e-5)
        W, b = by_hand.average(3)
        np.testing.assert_allclose(trace.average.W, W, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(trace.average.b, b, rtol=1e-4, atol=1e-5)
        residual = data.y[validation] - (data.X[validation] @ by_hand.W + by_hand.b)
        values = {name: curve[1][-1] for name, curve in trace.curves.items()}
        assert values["validation_mse"] == pytest.approx(np.mean(residual**2), rel=1e-4)
        assert values["validation_mae"] == pytest.approx(np.mean(np.abs(residual)), rel=1e-4)
        gap = np.append(by_hand.W, by_hand.b) - data.true_parameters
        assert values["parameter_error"] == pytest.approx(np.linalg.norm(gap), rel=1e-3)
        assert trace.curves["loss"][0].tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("task", "n_sets"),
    [(PLANE, 1), *(pytest.param(task, 2, marks=pytest.mark.long) for task in (LINE, PLANE))],
    ids=["plane in turn", "line", "plane"],
)
def test_stack_of_every_loss_equals_eager_runs(task, n_sets):
    """At length for each data set; in short for one of them in turn."""
    noise = {"data": {"every": 3}, "weights": {"every": 4, "scale": 0.1}, "learning_rate": {}}
    recipes = [
        recipe(loss, FAST, epochs=2, batch_size=16, noise=noise if place % 2 else {})
        for place, loss in enumerate(NUMBER_LOSSES)
    ]
    rows = stack(recipes, task)
    for place, one in enumerate(recipes):
        for number in range(place // 2, place // 2 + n_sets):
            seed, found = SEEDS[number % 2], rows[number % 2][place]
            assert_alike(found, eager.train(one, load_dataset(task, seed), seed))


def test_noise_on_targets_stays_with_its_row():
    """Drawn once, before the second step, it is another data set from then on."""
    noise = {"data": {"every": 10**6, "low": 1.0, "high": 1.0}}
    one = recipe("mse", FAST, epochs=2, batch_size=50, noise=noise)
    data = load_dataset(LINE, 3)
    found = eager.train(one, data, 3)
    draws = eager.begin(one, data, 3, None, None)[-1]
    drawn = draws.normal_rows("noise.data", 0, 50).numpy()
    orders = [order_rows(50, 3, 1)], [order_rows(50, 3, 2)]
    first = descend_batches(one, data.X, data.y, [0.0], 0.0, orders[0])
    second = descend_batches(one, data.X, data.y + drawn, first.W, first.b, orders[1])
    np.testing.assert_allclose(found.W, second.W, rtol=1e-5)
    np.testing.assert_allclose(found.b, second.b, rtol=1e-5)


def make_noisy_plane():
    """12 of 40 rows of 8 features train: what is learnt of their noise is worse on other rows."""
    stream = np.random.default_rng(2)
    X = stream.normal(size=(40, 8)).astype(np.float32)
    y = (X[:, 0] + stream.normal(size=40)).astype(np.float32)
    return Dataset(X, y, X[:5], y[:5])


@pytest.mark.parametrize(
    ("length", "monitors"),
    [
        (EPOCHS, ["validation_mse"]),
        (STEPS, ["validation_mae", "validation_rmse"]),
        pytest.param(STEPS, ["validation_mse"], marks=pytest.mark.long),
        pytest.param(EPOCHS, ["validation_mae", "validation_rmse"], marks=pytest.mark.long),
    ],
    ids=str,
)
def test_stops_by_validation_rows_and_restores_the_best(monitors, length):
    """Each beside the others, and beside a run that goes on to the end."""
    data, settings = make_noisy_plane(), {"validation": 0.7} | length
    recipes = [recipe("mse", FAST, **settings)]
    for monitor in monitors:
        stopping = {"patience": 5, "monitor": monitor, "restore_best": True}
        recipes.append(recipe("mse", FAST, stopping=stopping, **settings))
    ((whole, *stopped),) = stacked.train(stacked.Stack(recipes, [data], [7]))
    assert whole.outcome == "completed"
    for monitor, one, found in zip(monitors, recipes[1:], stopped, strict=True):
        curve = monitor.replace("rmse", "mse")  # The best is the same.
        values = whole.curves[curve][1]
        best = next(
            at for at in range(80) if at + 5 < 80 and values[at] < values[at + 1 : at + 6].min()
        )
        assert found.outcome == "stopped_early"
        assert found.ended_at == best + 5 + (0 if "steps" in length else 1)
        _, held_out = split_rows(40, 0.7, 7)
        residual = data.y[held_out] - (data.X[held_out] @ found.W + found.b)
        measure = {"validation_mse": np.square, "validation_mae": np.abs}[curve]
        assert np.mean(measure(residual)) == pytest.approx(values[best], rel=1e-5)
        for trace in (eager.train(one, data, 7), eager.train_in_graphs(one, data, 7)):
            assert_alike(found, trace)


@pytest.mark.usefixtures("plain")
def test_a_batch_of_all_rows_takes_full_batch_steps():
    """However many rows the batch has beyond all; the order of the rows is only rounding."""
    full = recipe("huber", ADAM, steps=30)
    (steps,) = stack([full], LINE, (3,))[0]
    for size in (50, 10**6):
        one = recipe("huber", ADAM, epochs=30, batch_size=size)
        ((found,),) = stack([one], LINE, (3,))
        np.testing.assert_allclose(found.W, steps.W, rtol=1e-5)
        np.testing.assert_allclose(found.curves["loss"][1], steps.curves["loss"][1], rtol=1e-4)
        # After an epoch and before the next step is the same place.
        np.testing.assert_allclose(
            found.curves["slope"][1][:-1], steps.curves["slope"][1][1:], rtol=1e-4
        )


@pytest.mark.usefixtures("plain")
def test_validation_rows_do_not_train_in_steps():
    """Held-out rows that are spoilt change nothing but their own metrics."""
    one = recipe("mse", FAST, steps=15, validation=0.4)
    data = load_dataset(LINE, 3)
    _, held_out = split_rows(50, 0.4, 3)
    y = data.y.copy()
    y[held_out] += 100.0
    spoilt = dataclasses.replace(data, y=y)
    found, other = eager.train(one, data, 3), eager.train(one, spoilt, 3)
    np.testing.assert_array_equal(found.W, other.W)
    gap = other.curves["validation_mse"][1] - found.curves["validation_mse"][1]
    assert np.all(gap > 5000.0)
    assert found.curves["loss"][0].tolist() == [*range(15)]
    assert found.curves["slope"][1][0] == 0.0  # Before the first step.
    (((stacked_run, *_),)) = stack([one], LINE, (3,))
    assert_alike(stacked_run, found)


# ------------------------------------------------------------------------------ classes in steps


@pytest.mark.usefixtures("plain")
@pytest.mark.parametrize("n_steps", [5, pytest.param(230, marks=pytest.mark.long)])
def test_steps_of_classes_are_epochs_of_one_batch(n_steps):
    data = make_pixels()
    # From weights of 0 some gradients are exactly 0, but for rounding, which differs between
    # processors; a small epsilon would turn it into steps.
    adam = ADAM | {"epsilon": 1e-4}
    one = recipe("cross_entropy", adam, steps=n_steps, validation=0.2)
    train, _ = split_rows(60, 0.2, 7)
    whole = recipe("cross_entropy", adam, epochs=n_steps, batch_size=60)
    X, y = data.X[train] / 16.0, data.y[train]
    orders = [np.arange(48)] * n_steps
    by_hand = descend_softmax(whole, X, y, np.zeros((12, 3)), np.zeros(3), orders)
    (((found,)),) = stacked.train(stacked.Stack([one], [data], [7], averages=True))
    for trace in (found, eager.train(one, data, 7), eager.train_in_graphs(one, data, 7)):
        assert (trace.outcome, trace.ended_at) == ("completed", n_steps - 1)
        assert trace.curves["loss"][0].tolist() == [*range(n_steps)]
        np.testing.assert_allclose(trace.curves["loss"][1], by_hand.losses, rtol=1e-4)
        np.testing.assert_allclose(trace.W, by_hand.W, rtol=1e-3, atol=1e-4)
        W, b = by_hand.average(count_averaged(n_steps))
        np.testing.assert_allclose(trace.average.W, W, rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(trace.average.b, b, rtol=1e-3, atol=1e-4)
        before = softmax(X @ by_hand.path[-2][0] + by_hand.path[-2][1]).argmax(1)
        after = softmax(X @ by_hand.W + by_hand.b).argmax(1)
        assert trace.curves["train_accuracy"][1][0] == pytest.approx(np.mean(y == 0))
        assert trace.curves["train_accuracy"][1][-1] == pytest.approx(np.mean(before == y))
        assert trace.scores["train_accuracy"] == pytest.approx(np.mean(after == y))


def test_steps_of_classes_end_in_every_way_as_eager_runs():
    stopping = {"patience": 3, "monitor": "validation_accuracy", "restore_best": True}
    settings = [
        {
            "optimizer": HEAVY | {"learning_rate": 3.0},
            "schedule": HALVED | {"patience": 1, "floor": 2.0},
        },
        {"optimizer": ADAM, "stopping": stopping},
        {"optimizer": HEAVY, "stopping": {"patience": 2, "restore_best": True}},
        {"optimizer": "rmsprop", "noise": {"data": {"scale": 0.2}}},
        {"optimizer": "sgd"},
    ]
    recipes = [
        recipe("cross_entropy", steps=length, validation=0.5, **one)
        for one in settings
        for length in (7, 25)
    ]
    data = make_pixels()
    (row,) = stacked.train(stacked.Stack(recipes, [data], [7], averages=True))
    assert {trace.outcome for trace in row} == {"completed", "stopped_early", "rate_floor"}
    for one, found in zip(recipes, row, strict=True):
        assert_alike(found, eager.train(one, data, 7), 2e-3)
