"""One step over lanes: each lane gets its own gradient, and only lanes in training move."""

import numpy as np
import tensorflow as tf

from by_hand import recipe
from fairtrial.parameters import Parameters
from fairtrial.training.hyperparameters import list_kinds, make_numbers
from fairtrial.training.noise import NamedDraws, make_keys
from fairtrial.training.step import init_state, judge, measure_classes, measure_regression, update
from fairtrial.training.trace import COMPLETED, DIVERGED, TRAINING

X = np.float32([1.0, 2.0, -1.0])
Y = np.float32([3.0, 1.0, 0.0])


def take(rates, starts):
    """One step of MSE lanes from `W = b = start`; state and losses, the lanes alone."""
    recipes = [recipe("mse", {"kind": "sgd", "learning_rate": rate}) for rate in rates]
    kinds, numbers = list_kinds(recipes), make_numbers(recipes, (1, len(rates)))
    W = tf.constant(np.float32(starts)[None, None])
    state = init_state(kinds, Parameters(W, W[0]), numbers, 3)
    batch = tf.constant(X[None, None, :, None]), tf.constant(Y[None, None])
    draws = NamedDraws(make_keys([0], (1, 1)))
    state, loss, _ = update(measure_regression, kinds, state, batch, numbers, draws, 7, 7)
    return state, loss[0].numpy(), numbers


def test_each_lane_has_its_own_gradient():
    """By hand at W = b = s: residual e, gradients -2 mean(e x) and -2 mean(e)."""
    starts, rates = [0.0, 1.0, -2.0], [0.1, 0.5, 0.25]
    state, losses, _ = take(rates, starts)
    for lane, (start, rate) in enumerate(zip(starts, rates, strict=True)):
        residual = Y.astype(float) - start * X - start
        assert np.isclose(losses[lane], np.mean(residual**2), rtol=1e-6)
        W = start + rate * 2 * np.mean(residual * X)
        b = start + rate * 2 * np.mean(residual)
        assert np.isclose(state.parameters.W[0, 0, lane], W, rtol=1e-6)
        assert np.isclose(state.parameters.b[0, lane], b, rtol=1e-6)


def test_a_lane_whose_parameters_would_overflow_stays():
    """Its loss is finite still; the update would not be."""
    state, losses, numbers = take([1e30, 0.1], [1e12, 1e3])
    assert np.all(np.isfinite(losses))
    assert state.outcome.numpy().tolist() == [[DIVERGED, TRAINING]]
    assert state.ended_at.numpy().tolist() == [[7, -1]]
    assert float(state.parameters.W[0, 0, 0]) == float(state.parameters.b[0, 0]) == np.float32(1e12)
    kinds, last = list_kinds([recipe()]), numbers["steps"] - 1
    judged = judge(kinds, state, tf.constant([losses]), numbers, 7, last, state.parameters)
    assert judged.outcome.numpy().tolist() == [[DIVERGED, TRAINING]]


def test_a_lane_whose_loss_overflows_stays():
    state, losses, _ = take([1e-30, 0.1], [1e25, 1.0])
    assert np.isinf(losses[0])
    assert state.outcome.numpy().tolist() == [[DIVERGED, TRAINING]]
    assert float(state.parameters.b[0, 0]) == np.float32(1e25)


def test_a_lane_that_has_ended_stays():
    recipes = [recipe("mse", {"kind": "adam", "learning_rate": 0.1})] * 2
    kinds, numbers = list_kinds(recipes), make_numbers(recipes, (1, 2))
    W = tf.ones((1, 1, 2))
    state = init_state(kinds, Parameters(W, W[0]), numbers, 3)
    state = state._replace(outcome=tf.constant([[COMPLETED, TRAINING]]))
    batch = tf.constant(X[None, None, :, None]), tf.constant(Y[None, None])
    draws = NamedDraws(make_keys([0], (1, 1)))
    state, *_ = update(measure_regression, kinds, state, batch, numbers, draws, 0, 0)
    moved = state.parameters.W[0, 0].numpy() != 1
    assert moved.tolist() == [False, True]


def test_rows_of_weight_0_do_not_count():
    recipes = [recipe("cross_entropy", epochs=1, batch_size=2)]
    kinds, numbers = list_kinds(recipes), make_numbers(recipes, ())
    W = tf.constant(np.random.default_rng(0).normal(size=(2, 3)), tf.float32)
    state = init_state(kinds, Parameters(W, tf.zeros(3)), numbers, 0)
    rows = np.float32([[1, 2], [3, -1], [9, 9]])
    whole = tf.constant(rows), tf.constant([0, 2, 1]), tf.constant([1.0, 1.0, 0.0])
    part = tf.constant(rows[:2]), tf.constant([0, 2]), tf.ones(2)
    found = measure_classes(kinds, state, whole, numbers)
    logits = rows[:2].astype(float) @ W.numpy()
    by_hand = np.log(np.exp(logits).sum(1)) - logits[[0, 1], [0, 2]]
    np.testing.assert_allclose(found, by_hand.mean(), rtol=1e-6)
    np.testing.assert_allclose(
        measure_classes(kinds, state, part, numbers), by_hand.mean(), rtol=1e-6
    )
