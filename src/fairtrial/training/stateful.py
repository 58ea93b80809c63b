"""TensorFlow's stateful generator, drawn from in the order of the report that is replayed.

After `tf.random.set_seed`: x, the noise, then (for a random start) W and b, one operation each;
noise injected while training comes from the same generator when it strikes.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from fairtrial.data.dataset import Dataset
from fairtrial.study.recipe import Init
from fairtrial.study.task import LineTask
from fairtrial.training.parameters import Parameters

NOISES = {
    "normal": lambda n, scale: tf.random.normal([n], stddev=scale),
    "uniform": lambda n, scale: tf.random.uniform([n], -scale, scale),
    "compressed_normal": lambda n, scale: scale * _compress(tf.random.normal([n])),
}


def draw_line(task: LineTask, init: Init, seed: int) -> tuple[Dataset, Parameters]:
    """Seed the generator and draw a line's rows and the start, in the report's order.

    Parameters
    ----------
    task : LineTask
        Noise `normal`, `uniform` or `compressed_normal`: the kinds that the report drew.
    init : Init
        Normal (drawn) or constant (nothing drawn).
    seed : int
        For `tf.random.set_seed`.

    Returns
    -------
    dataset, start
        `X` (N, 1) and `y` (N,) without test rows; `W` (1,) and `b` ().
    """
    tf.random.set_seed(seed)
    x = tf.random.normal([task.rows])
    noise = NOISES[task.noise.kind](task.rows, task.noise.scale)
    y = x * task.slope + task.intercept + noise
    if init.kind == "normal":
        bias_scale = init.scale if init.bias_scale is None else init.bias_scale
        W = tf.random.normal([], stddev=init.scale)
        b = tf.random.normal([], stddev=bias_scale)
    else:
        W = b = tf.constant(init.value)
    X, y = x.numpy()[:, None], y.numpy()
    return Dataset(X, y, X[:0], y[:0]), Parameters(W.numpy()[None], b.numpy())


class StatefulDraws:
    """`Draws` from the stateful generator: each draw moves it on, whatever its purpose."""

    def normal_rows(self, purpose: str, step: Any, n_rows: int) -> Any:
        """Draw standard normals; (N,)."""
        return tf.random.normal([n_rows])

    def normal_like(self, purpose: str, step: Any, shape: tuple[int, ...]) -> Any:
        """Draw standard normals; `shape`."""
        return tf.random.normal(shape)

    def uniform(self, purpose: str, step: Any, low: Any, high: Any) -> Any:
        """Draw one number from U(low, high)."""
        return tf.random.uniform([], low, high)


def _compress(normal: Any) -> Any:
    return tf.sign(normal) * tf.math.log(1 + tf.abs(normal))
