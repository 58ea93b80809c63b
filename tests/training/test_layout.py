"""Weights with their features last, and that every lane trains as its run does alone."""

import numpy as np
import pytest
import tensorflow as tf

import fairtrial as ft
from by_hand import recipe
from fairtrial.parameters import Parameters
from fairtrial.training import eager, epoch
from fairtrial.training.layout import change_unturned, is_turned, spread, turn, turn_back
from fairtrial.training.stacked import Stack, train
from ways_to_end import make_pixels

DATA = make_pixels()
EPOCHS = {"epochs": 4, "batch_size": 8}
# Updates, limits, penalties, noise and means, where numbers of a lane meet its weights.
LANES = [
    {"optimizer": {"kind": "sgd", "learning_rate": 0.1, "momentum": 0.5}, "clip": {"value": 0.01}},
    {"optimizer": {"kind": "adamw", "learning_rate": 0.02}, "average": "ema"},
    {"optimizer": "rmsprop", "penalty": {"l2": 0.1}, "average": "last_epoch"},
    {"optimizer": "sgd", "penalty": {"l1": 0.05, "proximal": True}, "average": "tail"},
    {"optimizer": "nadam", "noise": {"weights": {"every": 3}, "learning_rate": {"every": 2}}},
    {"optimizer": {"kind": "sgd", "learning_rate": 1e30}, "class_weights": [1.0, 2.0, 0.5]},
    {"optimizer": "adam", "clip": {"norm": 0.2}},
]


@ft.optimizer
def by_its_norm(gradient, parameter, slots, rate, count):
    """Steps of the same length, whatever the gradient's norm over a lane."""
    axes = list(range(gradient.shape.rank - rate.shape.rank))
    norm = tf.sqrt(tf.reduce_sum(tf.square(gradient), axes)) + 1e-6
    return -rate * gradient / norm, {}


by_its_norm.family.forget(__name__)


def test_features_stand_last():
    W = np.random.default_rng(1).normal(size=(7, 3, 2)).astype(np.float32)
    given = Parameters(tf.constant(W), tf.zeros((3, 2)))
    turned = turn(given)
    np.testing.assert_array_equal(turned.W, W.transpose(1, 2, 0)[None])
    assert is_turned(turned) and not is_turned(given)
    np.testing.assert_array_equal(turn_back(turned).W, W)


@pytest.mark.parametrize(("W", "b"), [((5,), ()), ((5, 2, 3), (2, 3)), ((5, 4), (4,))])
def test_turning_back_leaves_other_weights_as_they_are(W, b):
    given = Parameters(tf.random.normal(W), tf.zeros(b))
    np.testing.assert_array_equal(turn_back(given).W, given.W)


@pytest.mark.parametrize("n_features", [1, 2, 3, 5])
def test_numbers_meet_their_lanes_in_each_layout(n_features):
    """As many features as lanes, or classes, are told apart."""
    numbers, b = tf.constant([1.0, 2.0, 3.0]), tf.ones((2, 3))
    given = Parameters(tf.ones((n_features, 2, 3)), b)
    expected = np.ones((n_features, 2, 3)) * [1.0, 2.0, 3.0]
    for one in (given, turn(given)):
        scaled = one._replace(W=one.W * spread(numbers, one.W), b=b * spread(numbers, b))
        np.testing.assert_array_equal(turn_back(scaled).W, expected)
        np.testing.assert_array_equal(scaled.b, expected[0])


def test_numbers_that_meet_the_values_stay():
    for numbers, values in (((), (4, 6)), ((), ()), ((6,), (4, 6)), ((2, 3), (5, 2, 3))):
        assert spread(tf.ones(numbers), tf.zeros(values)).shape == numbers


def test_change_in_the_plain_layout():
    W = np.arange(24, dtype=np.float32).reshape(4, 3, 2)
    given = Parameters(tf.constant(W), tf.zeros((3, 2)))

    def change(plain):
        return plain._replace(W=plain.W * np.arange(4, dtype=np.float32)[:, None, None])

    for one in (given, turn(given)):
        changed = change_unturned(change, one)
        assert changed.W.shape == one.W.shape
        np.testing.assert_array_equal(turn_back(changed).W, change(given).W)


@pytest.mark.parametrize("many", [1, 1000], ids=["turned", "plain"])
@pytest.mark.parametrize("n_lanes", [1, 3, len(LANES)])
def test_lane_trains_as_its_run_does_alone(n_lanes, many, monkeypatch):
    turned = []
    monkeypatch.setattr(epoch, "MANY", many)
    monkeypatch.setattr(epoch, "turn", lambda one: turned.append(one) or turn(one))
    epoch.compile_batches.cache_clear()
    lanes = [recipe("cross_entropy", **EPOCHS, **one) for one in LANES[-n_lanes:]]
    (found,) = train(Stack(lanes, [DATA], [3]))
    epoch.compile_batches.cache_clear()
    assert bool(turned) == (many == 1)
    for one, lane in zip(lanes, found, strict=True):
        assert_alike(lane, eager.train(one, DATA, 3))


def test_optimizer_of_norms_trains_as_its_run_does_alone(monkeypatch):
    """It is given the weights as it expects them, however many features there are."""
    monkeypatch.setattr(epoch, "MANY", 1)
    lanes = [
        recipe("cross_entropy", by_its_norm(learning_rate=rate), **EPOCHS) for rate in (0.1, 0.3)
    ]
    (found,) = train(Stack(lanes, [DATA], [3]))
    for one, lane in zip(lanes, found, strict=True):
        assert_alike(lane, eager.train(one, DATA, 3))


def assert_alike(lane, alone):
    assert (lane.outcome, lane.ended_at) == (alone.outcome, alone.ended_at)
    np.testing.assert_allclose(lane.W, alone.W, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(lane.b, alone.b, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(lane.curves["loss"][1], alone.curves["loss"][1], rtol=1e-4)
