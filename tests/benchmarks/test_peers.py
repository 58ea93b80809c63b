"""Every system of the benchmarks trains the same models: fairtrial's ends, from the same start."""

import numpy as np
import pytest
from benchmarks.peers import jax_lanes, own, pytorch, tensorflow_eager
from benchmarks.peers.problems import SoftmaxProblem, make_line_problem, make_softmax_problem


@pytest.fixture(scope="module")
def line():
    return make_line_problem(n_seeds=2, n_rows=60, n_steps=30)


@pytest.fixture(scope="module")
def softmax() -> SoftmaxProblem:
    return make_softmax_problem(n_lanes=3, n_rows=200, batch_size=32)


@pytest.fixture(scope="module")
def line_ends(line):
    return own.prepare_line(line)()


@pytest.fixture(scope="module")
def softmax_ends(softmax):
    return own.prepare_softmax(softmax)()


def test_a_problem_holds_whole_batches_only(softmax):
    assert len(softmax.y) == len(softmax.X) == len(softmax.order) == 192


@pytest.mark.parametrize("prepare", [own.prepare_line_eager, tensorflow_eager.prepare_line])
def test_line_one_at_a_time(prepare, line, line_ends):
    W, b = prepare(line, 30)()
    np.testing.assert_allclose(W, line_ends[0][0], rtol=1e-5)
    np.testing.assert_allclose(b, line_ends[1][0], rtol=1e-5)


def test_line_jax(line, line_ends):
    pytest.importorskip("jax")
    W, b = jax_lanes.prepare_line(line)()
    np.testing.assert_allclose(W, line_ends[0], rtol=1e-5)
    np.testing.assert_allclose(b, line_ends[1], rtol=1e-5)


def check_softmax(ends, expected, first_epsilon=1e-5):
    for found, wanted in zip(ends, expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=first_epsilon)


def test_softmax_eager(softmax, softmax_ends):
    W, b = softmax_ends
    check_softmax(tensorflow_eager.prepare_softmax(softmax, 6)(), (W[..., 0], b[..., 0]))


def test_softmax_pytorch_loop(softmax, softmax_ends):
    pytest.importorskip("torch")
    W, b = softmax_ends
    # PyTorch adds epsilon after the bias correction, TensorFlow before it.
    check_softmax(pytorch.prepare_loop(softmax)(), (W[..., 0], b[..., 0]), 1e-4)


def test_softmax_pytorch_stacked(softmax, softmax_ends):
    pytest.importorskip("torch")
    check_softmax(pytorch.prepare_stacked(softmax)(), softmax_ends)


def test_softmax_jax_shared_batch(softmax, softmax_ends):
    pytest.importorskip("jax")
    check_softmax(jax_lanes.prepare_softmax_shared(softmax)(), softmax_ends)


def test_softmax_jax_with_the_same_batches_in_every_lane(softmax, softmax_ends):
    pytest.importorskip("jax")
    orders = np.stack([softmax.order] * 3)
    check_softmax(jax_lanes.prepare_softmax(softmax, orders)(), softmax_ends)


def test_training_has_moved_the_weights(softmax, softmax_ends, line, line_ends):
    assert np.abs(softmax_ends[0] - softmax.W[..., None]).max() > 1e-3
    assert np.abs(line_ends[0] - line.W[:, None]).min() > 1e-3
