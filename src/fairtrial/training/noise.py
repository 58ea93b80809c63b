"""Noise injected while training, and where its random numbers come from.

Noise of a kind strikes at every step that is a multiple of its `every`, step 0 included.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from fairtrial.randomness import make_key, make_stream
from fairtrial.training.model import Numbers
from fairtrial.training.parameters import Parameters

PURPOSES = (
    "noise.data",
    "noise.data.scale",
    "noise.weights.W",
    "noise.weights.b",
    "noise.learning_rate",
)


class Draws(Protocol):
    """A source of random numbers for a step, each draw shaped to meet the lanes it is for."""

    def normal_rows(self, purpose: str, step: Any, n_rows: int) -> Any:
        """Draw standard normals, one a row: (..., N)."""
        ...

    def normal_like(self, purpose: str, step: Any, shape: tuple[int, ...]) -> Any:
        """Draw standard normals shaped like one run's parameter, lane axes last."""
        ...

    def uniform(self, purpose: str, step: Any, low: Any, high: Any) -> Any:
        """Draw from U(low, high), with `low` and `high` (...) per lane."""
        ...


class NamedDraws:
    """Draws from the seeds' named streams, alike in eager mode and in a compiled program.

    Parameters
    ----------
    keys : dict of str to tensor
        For each of `PURPOSES` the streams' keys: () for one run, (1,) or (S, 1) for the data sets
        of a stack. Lanes of one seed get the same draws.
    """

    def __init__(self, keys: dict[str, Any]):
        self._keys = keys

    def normal_rows(self, purpose: str, step: Any, n_rows: int) -> Any:
        """Draw standard normals; (N,), or (S, 1, N) for a stack."""
        keys, uniforms = self._draw(purpose, step, (2, n_rows))
        draws = [_make_normal(u) for u in uniforms]
        return tf.reshape(tf.stack(draws), (*keys.shape, n_rows))

    def normal_like(self, purpose: str, step: Any, shape: tuple[int, ...]) -> Any:
        """Draw standard normals; `shape`, or `shape` and then (1,) or (S, 1) for a stack."""
        keys, uniforms = self._draw(purpose, step, (2, *shape))
        draws = [_make_normal(u) for u in uniforms]
        return tf.reshape(tf.stack(draws, -1), (*shape, *keys.shape))

    def uniform(self, purpose: str, step: Any, low: Any, high: Any) -> Any:
        """Draw from U(low, high); (), or (S, L) for a stack."""
        keys, uniforms = self._draw(purpose, step, ())
        return low + (high - low) * tf.reshape(tf.stack(uniforms), keys.shape)

    def _draw(self, purpose: str, step: Any, shape: tuple[int, ...]) -> tuple[Any, list[Any]]:
        """Draw from U[0, 1) for each key, as multiples of 2^-24."""
        keys = self._keys[purpose]
        step = tf.cast(step, tf.int64)
        seeds = [tf.stack([key, step]) for key in tf.unstack(tf.reshape(keys, (-1,)))]
        # TensorFlow's own floats differ between eager mode and XLA; Philox' bits do not.
        whole: Any = {"minval": None, "maxval": None, "dtype": tf.uint32}  # all 32 bits
        bits = [tf.random.stateless_uniform(shape, s, **whole, alg="philox") for s in seeds]
        return keys, [tf.cast(tf.bitwise.right_shift(b, 8), tf.float32) * 2.0**-24 for b in bits]


def _make_normal(uniforms: Any) -> Any:
    """Make standard normals of pairs of uniforms (2, ...) (Box and Muller 1958)."""
    radius = tf.sqrt(-2.0 * tf.math.log(uniforms[0] + 2.0**-24))  # log of a number in (0, 1]
    return radius * tf.cos(2.0 * np.pi * uniforms[1])


def make_keys(seeds: list[int], shape: tuple[int, ...]) -> dict[str, Any]:
    """Make the keys of `NamedDraws` for the seeds of a run () or of a stack's data sets."""
    return {
        purpose: tf.constant(
            np.reshape([make_key(seed, purpose) for seed in seeds], shape), tf.int64
        )
        for purpose in PURPOSES
    }


def strikes(every: Any, step: Any) -> Any:
    """Say which lanes noise strikes at this step; `every` (...), 0 for never; (...) bool."""
    return (every > 0) & (step % tf.maximum(every, 1) == 0)


def renew_offset(state: Any, draws: Draws, numbers: Numbers, step: Any) -> Any:
    """Renew the noise on the targets where it is due.

    Parameters
    ----------
    state : State
        `offset` (..., N) is what is added to the targets now, in target units.
    draws, numbers, step
        `noise.data.every`, `.low`, `.high` (...): the standard deviation is from U(low, high).

    Returns
    -------
    State
        With the offset for the steps to come.
    """
    due = strikes(numbers["noise.data.every"], step)

    def renew() -> Any:
        low, high = numbers["noise.data.low"], numbers["noise.data.high"]
        scale = draws.uniform("noise.data.scale", step, low, high)
        rows = draws.normal_rows("noise.data", step, state.offset.shape[-1])
        return tf.where(due[..., None], scale[..., None] * rows, state.offset)

    return state._replace(offset=tf.cond(tf.reduce_any(due), renew, lambda: state.offset))


def open_feature_noise(seed: int, epoch: int) -> np.random.Generator:
    """Open the stream of the noise on the features of an epoch, for `draw_feature_noise`."""
    return make_stream(seed, f"noise.features.{epoch}")


def draw_feature_noise(stream: np.random.Generator, n_rows: int, n_features: int) -> Any:
    """Draw standard normals for the next rows of an epoch, (N, D), alike for all lanes.

    They are drawn outside of the compiled program, where a normal takes a quarter of the time.
    """
    return tf.constant(stream.standard_normal((n_rows, n_features), np.float32))


def shake_parameters(state: Any, draws: Draws, numbers: Numbers, step: Any) -> Any:
    """Add N(0, `noise.weights.scale`) to every weight and bias where it is due; see above."""
    due = strikes(numbers["noise.weights.every"], step)
    n_lane_axes = due.shape.rank

    def shake() -> Parameters:
        scale = tf.where(due, numbers["noise.weights.scale"], 0.0)
        shapes = [value.shape[: value.shape.rank - n_lane_axes] for value in state.parameters]
        return Parameters(*(
            value + scale * draws.normal_like(f"noise.weights.{name}", step, tuple(shape))
            for name, value, shape in zip("Wb", state.parameters, shapes, strict=True)
        ))  # fmt: skip

    shaken = tf.cond(tf.reduce_any(due), shake, lambda: state.parameters)
    return state._replace(parameters=shaken)


def jitter_rate(state: Any, draws: Draws, numbers: Numbers, step: Any) -> Any:
    """Multiply the rate by a draw from U(`noise.learning_rate.low`, `.high`) where it is due."""
    due = strikes(numbers["noise.learning_rate.every"], step)

    def jitter() -> Any:
        low, high = numbers["noise.learning_rate.low"], numbers["noise.learning_rate.high"]
        factor = draws.uniform("noise.learning_rate", step, low, high)
        return tf.where(due, state.learning_rate * factor, state.learning_rate)

    jittered = tf.cond(tf.reduce_any(due), jitter, lambda: state.learning_rate)
    return state._replace(learning_rate=jittered)


# By the names of `InjectedNoise`, in the order in which they strike within a step.
INJECTIONS: dict[str, Callable[[Any, Draws, Numbers, Any], Any]] = {
    "data": renew_offset,
    "weights": shake_parameters,
    "learning_rate": jitter_rate,
}
