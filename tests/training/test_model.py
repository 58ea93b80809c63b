"""Starts and predictions, against NumPy."""

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from fairtrial.kinds.inits import common as inits
from fairtrial.parameters import Parameters, draw_init
from fairtrial.training.layout import turn, turn_back
from fairtrial.training.model import FEW, WIDE, predict_logits, predict_numbers
from fairtrial.training.programs import compile_program

RANDOM = np.random.default_rng(2)


def normal(*shape):
    return RANDOM.normal(size=shape).astype(np.float32)


def test_constant_init():
    W, b = draw_init(inits.constant(value=0.5), 3, 0, 1)
    assert W.tolist() == [0.5] * 3
    assert (b.shape, float(b)) == ((), 0.5)
    assert W.dtype == b.dtype == np.float32


def test_shapes_for_classes():
    W, b = draw_init(inits.normal(), 5, 4, 1)
    assert (W.shape, b.shape) == ((5, 4), (4,))


def test_normal_init_is_normal_and_scales():
    W, b = draw_init(inits.normal(scale=0.01), 784, 10, 1)
    assert scipy.stats.kstest(W.ravel() / 0.01, "norm").pvalue > 0.01
    wide = draw_init(inits.normal(scale=0.02, bias_scale=0.0), 784, 10, 1)
    np.testing.assert_allclose(wide.W, 2 * W, rtol=1e-6)
    assert np.any(b) and not np.any(wide.b)


def test_seeds_and_parameters_differ():
    one, other = (draw_init(inits.normal(), 1, 0, seed) for seed in (1, 2))
    assert len({float(one.W[0]), float(one.b), float(other.W[0]), float(other.b)}) == 4


@pytest.mark.parametrize("n_features", [1, 3])
def test_predict_numbers(n_features):
    X, W, b = normal(2, 20, n_features), normal(n_features, 2, 4), normal(2, 4)
    expected = np.einsum("snd,dsl->sln", X.astype(float), W) + b[..., None]
    found = predict_numbers(Parameters(tf.constant(W), tf.constant(b)), tf.constant(X[:, None]))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    one = Parameters(tf.constant(W[:, 1, 2]), tf.constant(b[1, 2]))
    found = predict_numbers(one, tf.constant(X[1]))
    np.testing.assert_allclose(found, expected[1, 2], rtol=1e-5, atol=1e-6)


def test_predict_logits():
    X, W, b = normal(20, 3), normal(3, 4, 5), normal(4, 5)
    expected = np.einsum("nd,dkl->nkl", X.astype(float), W) + b
    found = predict_logits(Parameters(tf.constant(W), tf.constant(b)), tf.constant(X))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    one = Parameters(tf.constant(W[..., 2]), tf.constant(b[..., 2]))
    np.testing.assert_allclose(
        predict_logits(one, tf.constant(X)), expected[..., 2], rtol=1e-5, atol=1e-6
    )  # fmt: skip


def differentiate_logits(X, W, b, upstream):
    with tf.GradientTape() as tape:
        tape.watch([W, b])
        total = tf.reduce_sum(upstream * predict_logits(Parameters(W, b), X))
    return tape.gradient(total, [W, b])


@pytest.mark.parametrize("layout", [turn_back, turn], ids=["plain", "turned"])
@pytest.mark.parametrize(("n_features", "n_lanes"), [(5, 2), (WIDE, 2), (WIDE, FEW)])
@pytest.mark.parametrize("make", [lambda function: function, tf.function, compile_program])
def test_gradients_of_logits(n_features, n_lanes, layout, make):
    X, W = normal(7, n_features), normal(n_features, 3, n_lanes)
    b, upstream = normal(3, n_lanes), normal(7, 3, n_lanes)
    given = layout(Parameters(*map(tf.constant, (W, b))))
    logits = predict_logits(given, tf.constant(X))
    expected = np.einsum("nd,dkl->nkl", X.astype(float), W) + b
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-4)
    found = make(differentiate_logits)(tf.constant(X), *given, tf.constant(upstream))
    expected = np.einsum("nd,nkl->dkl", X.astype(float), upstream)
    np.testing.assert_allclose(turn_back(Parameters(*found)).W, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found[1], upstream.sum(0), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("layout", [turn_back, turn], ids=["plain", "turned"])
def test_gradients_of_many_features_show_what_is_not_finite(layout):
    X, upstream = np.ones((2, WIDE), np.float32), np.ones((2, 2, 1), np.float32)
    X[0, 3], X[0, 4] = np.nan, -np.inf
    given = layout(Parameters(tf.zeros((WIDE, 2, 1)), tf.zeros((2, 1))))
    found = compile_program(differentiate_logits)(tf.constant(X), *given, tf.constant(upstream))
    W = turn_back(Parameters(*found)).W
    assert np.isnan(W[3]).all() and np.isneginf(W[4]).all()
    assert np.all(W[5] == 2.0)
