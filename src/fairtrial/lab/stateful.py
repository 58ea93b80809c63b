"""TensorFlow's stateful generator, drawn from in the order of the report that is replayed.

After `tf.random.set_seed`: x, the noise, then (for a random start) W and b, one operation each;
noise injected while training comes from the same generator when it strikes.
"""

from typing import Any

import tensorflow as tf

from fairtrial.data.dataset import Dataset
from fairtrial.kinds.inits.common import InitSettings
from fairtrial.parameters import Parameters
from fairtrial.study.task import AnyTask


def draw_line(task: AnyTask, init: InitSettings, seed: int) -> tuple[Dataset, Parameters]:
    """Seed TensorFlow's generator and draw a line's rows and the start, in the report's order.

    Noise and init are of a kind that the report drew. `X` is (N, 1) and `y` (N,), without test
    rows; `W` is (1,) and `b` ().
    """
    tf.random.set_seed(seed)
    x = tf.random.normal([task.rows])
    y = x * task.slope + task.intercept + task.noise.replay(task.rows)
    W, b = init.replay()
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
