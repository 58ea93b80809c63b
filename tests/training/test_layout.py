"""Weights in long rows: what the rows hold, and that every lane trains as its run does alone."""

import numpy as np
import pytest
import tensorflow as tf

import fairtrial as ft
from by_hand import recipe
from fairtrial.parameters import Parameters
from fairtrial.training import eager, layout
from fairtrial.training.layout import fold, spread, unfold
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


@pytest.mark.parametrize(
    ("shape", "rows"),
    [
        ((784, 10, 3), (49, 480)),  # 16 features a row, and 17 would be too many.
        ((784, 10, 60), (784, 600)),
        ((7, 3, 2), (1, 42)),
        ((1021, 10, 1), (1021, 10)),  # A prime number of features.
    ],
)
def test_rows_hold_whole_features_in_their_order(shape, rows):
    W = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    given = Parameters(tf.constant(W), tf.zeros(shape[1:]))
    folded = fold(given)
    assert folded.W.shape == rows
    np.testing.assert_array_equal(folded.W, W.reshape(rows))
    np.testing.assert_array_equal(unfold(folded).W, W)


@pytest.mark.parametrize(("W", "b"), [((5,), ()), ((5, 2, 3), (2, 3)), ((5, 4), (4,))])
def test_unfolding_leaves_other_weights_as_they_are(W, b):
    given = Parameters(tf.random.normal(W), tf.zeros(b))
    np.testing.assert_array_equal(unfold(given).W, given.W)


@pytest.mark.parametrize("numbers", [[1.0, 2.0, 3.0], [True, False, True]])
def test_numbers_are_repeated_along_the_rows(numbers):
    found = spread(tf.constant(numbers), tf.zeros((2, 12)))
    np.testing.assert_array_equal(found, np.tile(numbers, 4))


def test_compiled_numbers_stay_as_they_are():
    numbers = np.array([1.0, np.nan, -np.inf, np.inf], np.float32)
    compiled = tf.function(lambda one: spread(one, tf.zeros((2, 12))), jit_compile=True)
    np.testing.assert_array_equal(compiled(tf.constant(numbers)), np.tile(numbers, 3))


def test_numbers_that_meet_the_values_stay():
    for numbers, values in (((), (4, 6)), ((6,), (4, 6)), ((1,), (4, 6)), ((2, 3), (5, 2, 3))):
        assert spread(tf.ones(numbers), tf.zeros(values)).shape == numbers


@pytest.mark.parametrize("n_lanes", [1, 3, len(LANES)])
def test_lane_trains_as_its_run_does_alone(n_lanes, monkeypatch):
    """12 features of 3 classes, in rows of 4 features with one lane, and of one with many."""
    monkeypatch.setattr(layout, "LONG", 4 * 3)
    lanes = [recipe("cross_entropy", **EPOCHS, **one) for one in LANES[-n_lanes:]]
    (found,) = train(Stack(lanes, [DATA], [3]))
    for one, lane in zip(lanes, found, strict=True):
        assert_alike(lane, eager.train(one, DATA, 3))


def test_optimizer_of_norms_trains_as_its_run_does_alone():
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
