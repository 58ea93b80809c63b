"""The stacked driver: outcomes side by side, lanes that do no harm, curves that are thinned."""

import numpy as np
import pytest

from by_hand import descend, recipe
from fairtrial.data.dataset import Dataset
from fairtrial.data.load import load_dataset
from fairtrial.kinds.optimizers.common import sgd
from fairtrial.study.task import LineTask
from fairtrial.training import eager, epoch, stacked
from fairtrial.training.layout import turn
from fairtrial.training.trace import thin_curves

HEAVY = {"kind": "sgd", "learning_rate": 0.2, "momentum": 0.98}
WILD = {"kind": "sgd", "learning_rate": 5.0}
DATA = load_dataset(LineTask(kind="line", rows=64, test_rows=2), 5)
# One lane for each way to end.
LANES = [
    recipe("mse", HEAVY, steps=60, stopping={"patience": 4}),
    recipe(
        "mse", HEAVY, steps=60, schedule={"kind": "halve_on_plateau", "patience": 3, "floor": 0.02}
    ),
    recipe("mse", WILD, steps=60),
    recipe("mse", HEAVY, steps=60),
]


def train(recipes, data=DATA, seed=5):
    return stacked.train(stacked.Stack(recipes, [data], [seed]))[0]


def assert_same(found, expected):
    assert (found.outcome, found.ended_at) == (expected.outcome, expected.ended_at)
    np.testing.assert_array_equal(found.W, expected.W)
    np.testing.assert_array_equal(found.b, expected.b)
    assert found.curves.keys() == expected.curves.keys()
    for name in expected.curves:
        for one, other in zip(found.curves[name], expected.curves[name], strict=True):
            np.testing.assert_array_equal(one, other)


def test_outcomes_side_by_side():
    traces = train(LANES)
    expected = [descend(lane, DATA.X, DATA.y, [0.0], 0.0) for lane in LANES]
    assert [trace.outcome for trace in traces] == [
        "stopped_early", "rate_floor", "diverged", "completed",
    ]  # fmt: skip
    for trace, run in zip(traces, expected, strict=True):
        assert (trace.outcome, trace.ended_at) == (run.outcome, run.ended_at)
        np.testing.assert_allclose(trace.W, run.W, rtol=1e-4)
        np.testing.assert_allclose(trace.b, run.b, rtol=1e-4)
        at, rates = trace.curves["learning_rate"]
        assert at.tolist() == list(range(run.ended_at + 1))
        np.testing.assert_allclose(rates, run.rates, rtol=1e-6)
        assert all(np.all(np.isfinite(value)) for value in (trace.W, trace.b))


@pytest.mark.parametrize("neighbour", [WILD, HEAVY | {"learning_rate": 1e-3}], ids=str)
def test_what_happens_beside_a_lane_is_nothing_to_it(neighbour):
    """Whatever one lane does, to the last bit, the others do the same."""
    quiet = train([*LANES[:2], recipe("mse", HEAVY, steps=60), LANES[3]])
    found = train([*LANES[:2], recipe("mse", neighbour, steps=60), LANES[3]])
    assert not np.array_equal(found[2].W, quiet[2].W)
    for lane in (0, 1, 3):
        assert_same(found[lane], quiet[lane])


def test_the_last_step_of_many_chunks():
    """One step more than two chunks hold; NumPy says where that leads."""
    one = recipe("mse", {"kind": "sgd", "learning_rate": 0.01}, steps=2 * stacked.CHUNK + 1)
    (trace,) = train([one])
    expected = descend(one, DATA.X, DATA.y, [0.0], 0.0)
    assert (trace.outcome, trace.ended_at) == ("completed", 2 * stacked.CHUNK)
    np.testing.assert_allclose(trace.W, expected.W, rtol=1e-5)
    at, losses = thin_curves(trace.curves)["loss"]
    assert len(at) <= 500
    assert {0, stacked.CHUNK, 2 * stacked.CHUNK} <= set(at.tolist())
    np.testing.assert_allclose(losses, np.array(expected.losses)[at], rtol=1e-5)


def test_curves_keep_both_sides_of_each_halving():
    schedule = {"kind": "halve_on_plateau", "patience": 17, "floor": 1e-9}
    (trace,) = train([recipe("mae", HEAVY, steps=1100, schedule=schedule)])
    at, rates = thin_curves(trace.curves)["learning_rate"]
    assert len(at) <= 500
    falls = np.flatnonzero(np.diff(rates))
    assert len(falls) > 5
    np.testing.assert_allclose(rates[falls + 1], rates[falls] / 2, rtol=1e-6)
    assert np.all(np.diff(at)[falls] == 1)


def test_progress_is_told():
    told = []
    stack = stacked.Stack(LANES, [DATA], [5])
    stacked.train(stack, lambda lanes, at: told.append((lanes, at)))
    assert told[0] == (4, 0)  # how often it is told afterwards is a matter of time
    lanes, at = zip(*told, strict=True)
    assert list(lanes) == sorted(lanes, reverse=True)
    assert list(at) == sorted(set(at))


def test_several_features_and_data_sets():
    random, n_sets = np.random.default_rng(4), 2
    X = random.normal(size=(n_sets, 40, 3)).astype(np.float32)
    y = random.normal(size=(n_sets, 40)).astype(np.float32)
    sets = [Dataset(X[s], y[s], X[s], y[s]) for s in range(n_sets)]
    init = {"kind": "normal", "scale": 0.5}
    recipes = [recipe(loss, HEAVY, steps=15, init=init) for loss in ("mse", "huber", "hybrid")]
    traces = stacked.train(stacked.Stack(recipes, sets, [1, 2]))
    for s, seed in enumerate((1, 2)):
        for one, found in zip(recipes, traces[s], strict=True):
            expected = eager.train(one, sets[s], seed)
            np.testing.assert_allclose(found.W, expected.W, rtol=1e-5, atol=1e-5)
            assert set(found.curves) == {"loss", "learning_rate"}


# ------------------------------------------------------------------------------------- epochs


def make_pixels(n_rows):
    random = np.random.default_rng(1)
    X = random.integers(0, 17, size=(n_rows, 6)).astype(np.uint8)
    y = random.integers(0, 3, n_rows).astype(np.int32)
    return Dataset(X, y, X[:10], y[:10], n_classes=3, divisor=16)


def softmax_recipe(rate, **others):
    optimizer = {"kind": "sgd", "learning_rate": rate}
    return recipe("cross_entropy", optimizer, **{"epochs": 3, "batch_size": 16} | others)


def test_outcomes_of_epochs_side_by_side():
    """Lanes of other lengths, one that diverges, and one that stops: none harms another."""
    data = make_pixels(50)
    beyond = sgd.settings.model_construct(kind="sgd", learning_rate=3e38, momentum=0.0)
    wild = softmax_recipe(0.1).model_copy(update={"optimizer": beyond})
    lanes = [softmax_recipe(0.1), wild, softmax_recipe(0.1, epochs=5), softmax_recipe(0.1)]
    traces = train(lanes, data)
    assert [(trace.outcome, trace.ended_at) for trace in traces] == [
        ("completed", 3), ("diverged", 1), ("completed", 5), ("completed", 3),
    ]  # fmt: skip
    assert np.all(np.isfinite(traces[1].W)) and np.all(np.isfinite(traces[1].b))
    assert_same(traces[0], traces[3])
    expected = eager.train(lanes[2], data, 5)
    np.testing.assert_allclose(traces[2].W, expected.W, rtol=1e-4, atol=1e-6)
    for name, (at, values) in expected.curves.items():
        assert traces[2].curves[name][0].tolist() == at.tolist()
        np.testing.assert_allclose(traces[2].curves[name][1], values, rtol=1e-5)
    calm = train([lanes[0], softmax_recipe(0.2), *lanes[2:]], data)
    for lane in (0, 2, 3):
        assert_same(traces[lane], calm[lane])


@pytest.fixture(scope="module")
def shaken():
    """Lanes of one stack, with the traces of the eager driver: noise at steps of an epoch."""
    data, stall = make_pixels(50), {"stopping": {"patience": 2}}
    lanes = {
        "adam": recipe(
            "cross_entropy", {"kind": "adam", "learning_rate": 0.05}, epochs=3, batch_size=16,
            noise={"weights": {"every": 5, "scale": 0.2}},
        ),
        "stall": softmax_recipe(
            0.001, epochs=9, noise={"weights": {"every": 1, "scale": 300.0}}, **stall
        ),
        "rate": softmax_recipe(
            0.1, noise={"learning_rate": {"every": 1, "low": 0.5, "high": 0.5}}
        ),
    }  # fmt: skip
    found = train([*lanes.values()], data)
    alone = [eager.train(one, data, 5) for one in lanes.values()]
    return dict(zip(lanes, zip(found, alone, strict=True), strict=True))


def test_steps_are_counted_over_epochs(shaken):
    """Adam's bias and the times of noise depend on the step, not on its place in the epoch."""
    found, expected = shaken["adam"]
    np.testing.assert_allclose(found.W, expected.W, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found.curves["loss"][1], expected.curves["loss"][1], rtol=1e-5)


def test_a_stall_is_of_epochs(shaken):
    """Weights that are shaken hard every step: from the first epoch on, the loss only rises."""
    found, expected = shaken["stall"]
    losses = expected.curves["loss"][1]
    best = np.minimum.accumulate(losses)
    stalls = [at - int(np.argmin(losses[: at + 1])) for at in range(len(losses))]
    assert expected.outcome == found.outcome == "stopped_early"
    assert found.ended_at == expected.ended_at == 1 + stalls.index(2)
    assert best[-1] == best[-3]


def test_curve_of_the_rate_shows_the_rate_of_each_epochs_first_batch(shaken):
    for trace in shaken["rate"]:
        rates = trace.curves["learning_rate"][1]  # four batches an epoch, each halves the rate
        np.testing.assert_allclose(rates, [0.1 / 2, 0.1 / 2**5, 0.1 / 2**9], rtol=1e-6)


MONITORS = ("loss", "validation_cross_entropy", "validation_accuracy")


@pytest.fixture(scope="module")
def monitored():
    """A run to the end, beside one for each of the monitors, which may stop it."""
    stream = np.random.default_rng(11)
    X = stream.integers(0, 17, (60, 12)).astype(np.uint8)
    y = stream.integers(0, 3, 60).astype(np.int32)
    data = Dataset(X, y, X[:8], y[:8], n_classes=3, divisor=16)
    settings = {"epochs": 25, "batch_size": 8, "validation": 0.6}
    rate = {"kind": "adam", "learning_rate": 0.1}
    stops = [
        {"stopping": {"patience": 3, "monitor": monitor, "restore_best": True}}
        for monitor in MONITORS
    ]
    lanes = [recipe("cross_entropy", rate, **settings, **one) for one in ({}, *stops)]
    return lanes, train(lanes, data, 7), data


@pytest.mark.parametrize("monitor", MONITORS)
def test_stops_and_restores_as_the_eager_driver_does(monitored, monitor):
    """A lane that is stopped by what it monitors stands beside one that trains to the end."""
    lanes, (whole, *others), data = monitored
    place = MONITORS.index(monitor)
    stopped, expected = others[place], eager.train(lanes[1 + place], data, 7)
    assert (stopped.outcome, stopped.ended_at) == (expected.outcome, expected.ended_at)
    np.testing.assert_allclose(stopped.W, expected.W, rtol=1e-3, atol=1e-4)
    assert stopped.scores == pytest.approx(expected.scores, abs=1e-4)
    assert whole.ended_at == 25
    if monitor != "loss":
        assert stopped.outcome == "stopped_early" and stopped.ended_at < 25
        assert stopped.scores[monitor] != stopped.curves[monitor][1][-1]


# ------------------------------------------------------------------- lanes that leave a program


CALM = {"kind": "adam", "learning_rate": 0.02}
# What a lane may have of its own, and must take along.
OWN = {
    "noise on the weights": {"noise": {"weights": {"every": 3, "scale": 0.1}}},
    "noise on the rate": {"noise": {"learning_rate": {"every": 2, "low": 0.5, "high": 2.0}}},
    "early stopping": {
        "stopping": {"patience": 3, "monitor": "validation_mae", "restore_best": True}
    },
    "a plateau": {"schedule": {"kind": "halve_on_plateau", "patience": 1}},
    "a mean of the way": {"average": {"kind": "ema", "decay": 0.9}},
    "an L1 penalty": {"penalty": {"l1": 0.01}},
}
ON_CLASSES = {
    "early stopping": {
        "stopping": {"patience": 3, "monitor": "validation_accuracy", "restore_best": True}
    },
    "a monitor of its own": {"stopping": {"patience": 3, "monitor": "validation_macro_f1"}},
    "weights of classes": {"class_weights": [1.0, 2.0, 0.5]},
}
ON_NUMBERS = {"noise on the targets": {"noise": {"data": {"every": 3, "low": 0.2, "high": 0.5}}}}


def train_twice(monkeypatch, lanes, sets):
    """Train lanes that stay to the end; then with each leaving as soon as its runs are over."""
    found, kept = [], []
    keep_lanes = stacked.keep_lanes
    for least in (np.inf, 1):
        monkeypatch.setattr(stacked, "LEAST_SAVED", least)
        monkeypatch.setattr(
            stacked,
            "keep_lanes",
            lambda state, lanes: kept.append(lanes) or keep_lanes(state, lanes),
        )
        found.append(stacked.train(stacked.Stack(lanes, sets, [5, 6][: len(sets)], averages=True)))
        monkeypatch.setattr(stacked, "keep_lanes", keep_lanes)
    return *found, kept


def assert_alike(found, expected):
    assert (found.outcome, found.ended_at) == (expected.outcome, expected.ended_at)
    for one, other in ((found, expected), (found.average, expected.average)):
        if other is not None:
            np.testing.assert_allclose(one.W, other.W, rtol=1e-3, atol=1e-5)
            assert one.scores == pytest.approx(other.scores, rel=1e-4)
    assert found.curves.keys() == expected.curves.keys()
    for name, (at, values) in expected.curves.items():
        assert found.curves[name][0].tolist() == at.tolist()
        np.testing.assert_allclose(found.curves[name][1], values, rtol=1e-3, atol=1e-5)
    for prefix, predicted in expected.predictions.items():
        np.testing.assert_array_equal(found.predictions[prefix].classes, predicted.classes)


@pytest.mark.parametrize(
    ("on_classes", "many"),
    [(True, 1000), (True, 1), (False, 1)],
    ids=["classes", "classes, features last", "numbers"],
)
def test_lanes_leave_when_their_runs_are_over(monkeypatch, on_classes, many):
    turned = []
    monkeypatch.setattr(epoch, "MANY", many)
    monkeypatch.setattr(epoch, "turn", lambda one: turned.append(one) or turn(one))
    own = OWN | (ON_CLASSES if on_classes else ON_NUMBERS)
    loss, data = ("cross_entropy", make_pixels(60)) if on_classes else ("mse", DATA)
    shared = {"batch_size": 8, "validation": 0.4}
    lanes = [recipe(loss, CALM, **shared, epochs=2), recipe(loss, WILD, **shared, epochs=4)]
    lanes += [recipe(loss, CALM, **shared, epochs=7, **settings) for settings in own.values()]
    lanes += [recipe(loss, CALM, **shared, epochs=5), recipe(loss, CALM, **shared, epochs=9)]
    lanes += [recipe(loss, "sgd", **shared, epochs=10)]
    sets = (
        [data]
        if on_classes
        else [data, load_dataset(LineTask(kind="line", rows=64, test_rows=2), 6)]
    )
    epoch.compile_batches.cache_clear()  # Else earlier tests decide how weights are laid out.
    expected, found, kept = train_twice(monkeypatch, lanes, sets)
    epoch.compile_batches.cache_clear()
    assert bool(turned) == (on_classes and many == 1)
    # The first lane that is over takes none along: its course goes on to epoch 9.
    n_lanes = len(lanes) - 2
    assert [len(one) for one in kept] == [n_lanes - 1, 2, 1]
    for own_set, expected_set in zip(found, expected, strict=True):
        for one, other in zip(own_set, expected_set, strict=True):
            assert_alike(one, other)


def test_lanes_stay_where_compiling_takes_longer(monkeypatch):
    lanes = [softmax_recipe(0.1), softmax_recipe(0.2, epochs=30)]
    kept = []
    monkeypatch.setattr(stacked, "keep_lanes", lambda *_: kept.append(_))
    train(lanes, make_pixels(50))
    assert not kept
