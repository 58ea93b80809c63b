"""Every system of the benchmarks trains the same models: fairtrial's ends, from the same start."""

import json
from dataclasses import asdict, replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from benchmarks.peers import own, tensorflow_eager
from benchmarks.peers.workloads import call
from commands import run
from fairtrial.data.split import order_rows

ROOT = Path(__file__).parents[2]
LINE = call("problems:make_line_problem", n_seeds=2, n_rows=60, n_steps=30)
SOFTMAX = call("problems:make_softmax_problem", n_lanes=3, n_rows=200, batch_size=32)
# Peers train where TensorFlow does not run: PyTorch may crash beside it.
TRAIN = """
import json, sys
import numpy as np
from benchmarks.peers.process import Call
package, problem, prepare, file = sys.argv[1:]
__import__(package)
problem = Call(**json.loads(problem)).perform()
np.savez(file, *Call(**json.loads(prepare)).perform(problem)())
"""


@pytest.fixture(scope="module")
def line():
    return LINE.perform()


@pytest.fixture(scope="module")
def softmax():
    return SOFTMAX.perform()


@pytest.fixture(scope="module")
def line_ends(line):
    return own.prepare_line(line)()


@pytest.fixture(scope="module")
def softmax_ends(softmax):
    return own.prepare_softmax(softmax)()


@pytest.fixture
def train(tmp_path):
    """Trains a peer in a process of its own, or skips the test if it is not installed."""

    def train(package, problem, prepare):
        if not find_spec(package):
            pytest.skip(f"{package} is not installed")
        calls = [json.dumps(asdict(each)) for each in (problem, prepare)]
        file = tmp_path / "ends.npz"
        done = run("-c", TRAIN, package, *calls, file, cwd=ROOT)
        assert done.returncode == 0, done.stderr
        return list(np.load(file).values())

    return train


def test_a_problem_holds_whole_batches_only(softmax):
    assert len(softmax.y) == len(softmax.X) == len(softmax.order) == 192


@pytest.mark.parametrize("prepare", [own.prepare_line_eager, tensorflow_eager.prepare_line])
def test_line_one_at_a_time(prepare, line, line_ends):
    W, b = prepare(line, 30)()
    np.testing.assert_allclose(W, line_ends[0][0], rtol=1e-5)
    np.testing.assert_allclose(b, line_ends[1][0], rtol=1e-5)


def test_line_jax(train, line_ends):
    W, b = train("jax", LINE, call("jax_lanes:prepare_line"))
    np.testing.assert_allclose(W, line_ends[0], rtol=1e-5)
    np.testing.assert_allclose(b, line_ends[1], rtol=1e-5)


def check_softmax(ends, expected, first_epsilon=1e-5):
    for found, wanted in zip(ends, expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=first_epsilon)


def test_softmax_eager(softmax, softmax_ends):
    W, b = softmax_ends
    check_softmax(tensorflow_eager.prepare_softmax(softmax, 6)(), (W[..., 0], b[..., 0]))


def test_softmax_pytorch_loop(train, softmax_ends):
    W, b = softmax_ends
    ends = train("torch", SOFTMAX, call("pytorch:prepare_loop"))
    # PyTorch adds epsilon after the bias correction, TensorFlow before it.
    check_softmax(ends, (W[..., 0], b[..., 0]), 1e-4)


def test_softmax_pytorch_stacked(train, softmax_ends):
    ends = train("torch", SOFTMAX, call("pytorch:prepare_stacked"))
    check_softmax(ends, softmax_ends)


def test_softmax_jax_shared_batch(train, softmax_ends):
    ends = train("jax", SOFTMAX, call("jax_lanes:prepare_softmax_shared"))
    check_softmax(ends, softmax_ends)


def test_softmax_jax_with_other_batches_in_every_lane(train, softmax):
    W, b = train("jax", SOFTMAX, call("jax_lanes:prepare_softmax", n_lanes=2))
    for lane in range(2):
        order = order_rows(len(softmax.y), lane, 1)
        expected = own.prepare_softmax(replace(softmax, order=order))()
        check_softmax((W[..., lane], b[..., lane]), [value[..., lane] for value in expected])


def test_training_has_moved_the_weights(softmax, softmax_ends, line, line_ends):
    assert np.abs(softmax_ends[0] - softmax.W[..., None]).max() > 1e-3
    assert np.abs(line_ends[0] - line.W[:, None]).min() > 1e-3
