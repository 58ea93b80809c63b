"""The report's draws: the same operations in the same order, written out."""

import numpy as np
import pytest
import tensorflow as tf

from fairtrial.kinds.inits.common import constant, normal
from fairtrial.kinds.noise.noises import NOISES as REGISTERED
from fairtrial.lab.stateful import StatefulDraws, draw_line
from fairtrial.study.task import LineTask

# One row for each noise that the report drew: the noise as the report wrote it.
NOISES = {
    "normal": lambda: tf.random.normal([9], stddev=2.0),
    "uniform": lambda: tf.random.uniform([9], -2, 2),
    "compressed_normal": lambda: (
        lambda n: 2.0 * np.sign(n) * np.log(1 + np.abs(n))
    )(tf.random.normal([9]).numpy()),
}  # fmt: skip


@pytest.mark.parametrize("kind", NOISES)
def test_draws_in_the_order_of_the_report(kind):
    task = LineTask(kind="line", rows=9, noise={"kind": kind, "scale": 2.0})
    data, start = draw_line(task, normal(), 380)
    afterwards = float(StatefulDraws().uniform("noise.rate", 0, 0.9, 1.1))
    tf.random.set_seed(380)
    x = tf.random.normal([9]).numpy()
    y = x * 3 + 2 + np.asarray(NOISES[kind]())
    W, b = (float(tf.random.normal([])) for _ in "Wb")
    np.testing.assert_array_equal(data.X[:, 0], x)
    np.testing.assert_allclose(data.y, y, rtol=1e-6)
    assert (float(start.W[0]), float(start.b)) == (W, b)
    assert afterwards == float(tf.random.uniform([], 0.9, 1.1))


def test_a_constant_start_draws_nothing():
    task = LineTask(kind="line", rows=9)
    _, start = draw_line(task, constant(value=0.5), 380)
    following = StatefulDraws().normal_like("noise.weights.W", 0, (1,))
    tf.random.set_seed(380)
    tf.random.normal([9]), tf.random.normal([9])
    np.testing.assert_array_equal(following, tf.random.normal([1]))
    assert (start.W.tolist(), float(start.b)) == ([0.5], 0.5)


def test_rows():
    tf.random.set_seed(1)
    found = StatefulDraws().normal_rows("noise.data", 0, 4)
    tf.random.set_seed(1)
    np.testing.assert_array_equal(found, tf.random.normal([4]))


def test_replay_files_know_what_the_report_drew():
    assert {kind.name for kind in REGISTERED if kind().is_replayed} == set(NOISES)
