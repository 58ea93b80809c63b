"""Noise injected while training, and where its random numbers come from.

Noise of a kind strikes at every step that is a multiple of its `every`, step 0 included.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from fairtrial.kinds.mechanism.kind import Variant
from fairtrial.parameters import Parameters
from fairtrial.randomness import make_key, make_stream
from fairtrial.training.hyperparameters import Kinds
from fairtrial.training.layout import change_unturned
from fairtrial.training.model import Numbers

PURPOSES = (
    "noise.data", "noise.data.scale", "noise.weights.W", "noise.weights.b", "noise.learning_rate",
)  # fmt: skip


class Draws(Protocol):
    """A source of random numbers for a step, each draw shaped to meet the lanes it is for."""

    def normal_rows(self, purpose: str, step: Any, n_rows: int) -> Any:
        """Draw standard normals, one a row: (..., N)."""

    def normal_like(self, purpose: str, step: Any, shape: tuple[int, ...]) -> Any:
        """Draw standard normals shaped like one run's parameter, lane axes last."""

    def uniform(self, purpose: str, step: Any, low: Any, high: Any) -> Any:
        """Draw from U(low, high), with `low` and `high` (...) per lane."""


class NamedDraws:
    """Draws from the seeds' named streams, alike in eager mode and in a compiled program.

    For each of `PURPOSES` the keys of the streams are () for one run, (1,) or (S, 1) for the data
    sets of a stack. Lanes of one seed get the same draws.
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


def open_feature_noise(seed: int, epoch: int) -> np.random.Generator:
    """Open the stream of the noise on the features of an epoch, for `draw_feature_noise`."""
    return make_stream(seed, f"noise.features.{epoch}")


def draw_feature_noise(stream: np.random.Generator, into: np.ndarray) -> np.ndarray:
    """Draw standard normals for the next rows of an epoch, (N, D) float32, alike for all lanes.

    They are drawn outside of the compiled program, where a normal takes a quarter of the time, into
    memory that is there: an array of their own would take new memory for each piece.
    """
    return stream.standard_normal(out=into, dtype=np.float32)


@dataclass(frozen=True)
class PlaceDraws:
    """The draws of one place at one step: what kinds of injected noise are given."""

    draws: Draws
    purpose: str  # What the names of the streams begin with.
    step: Any
    # Of one run's parameter, without lane axes; or the number of rows.
    shape: tuple[int, ...] | int = ()
    scale: str = ""  # What is added to the purpose for numbers per lane.

    def normal(self) -> Any:
        """Draw standard normals like what the noise is added to."""
        if isinstance(self.shape, int):
            return self.draws.normal_rows(self.purpose, self.step, self.shape)
        return self.draws.normal_like(self.purpose, self.step, self.shape)

    def uniform(self, low: Any, high: Any) -> Any:
        """Draw one number per lane from U(low, high)."""
        if not isinstance(self.shape, int):
            return self.draws.uniform(self.purpose + self.scale, self.step, low, high)
        low, high = tf.squeeze(low, -1), tf.squeeze(high, -1)  # Lanes of rows.
        return self.draws.uniform(self.purpose + self.scale, self.step, low, high)[..., None]


def inject(kinds: Kinds, state: Any, draws: Draws, numbers: Numbers, step: Any) -> Any:
    """Inject all noise that is due at a step into a `State`; arguments as in `step.update`."""
    for one in kinds.injections:
        if one.kind.place in CHANGES:
            state = _inject_one(one, state, draws, numbers, step)
    return state


def _inject_one(one: Variant, state: Any, draws: Draws, numbers: Numbers, step: Any) -> Any:
    field, change = CHANGES[one.kind.place]
    value = getattr(state, field)
    due = (numbers[one.use] > 0) & strikes(numbers[f"{one.key}.every"], step)
    changed = tf.cond(
        tf.reduce_any(due),
        lambda: change(one, due, value, draws, numbers, step),
        lambda: value,
    )
    return state._replace(**{field: changed})


def _renew_offset(
    one: Variant, due: Any, offset: Any, draws: Draws, numbers: Numbers, step: Any
) -> Any:
    rows = PlaceDraws(draws, "noise.data", step, offset.shape[-1], ".scale")
    drawn = one.apply(rows, step, numbers=numbers, spread=lambda number: number[..., None])
    return tf.where(due[..., None], drawn, offset)


def _shake_parameters(
    one: Variant, due: Any, parameters: Parameters, draws: Draws, numbers: Numbers, step: Any
) -> Parameters:
    def shake(name: str, value: Any) -> Any:
        shape = tuple(value.shape[: value.shape.rank - due.shape.rank])
        place = PlaceDraws(draws, f"noise.weights.{name}", step, shape)
        return value + tf.where(due, one.apply(place, step, numbers=numbers), 0.0)

    return change_unturned(lambda plain: Parameters(*map(shake, "Wb", plain)), parameters)


def _jitter_rate(
    one: Variant, due: Any, rate: Any, draws: Draws, numbers: Numbers, step: Any
) -> Any:
    factor = one.apply(PlaceDraws(draws, "noise.learning_rate", step), step, numbers=numbers)
    return tf.where(due, rate * factor, rate)


# What noise in each place changes of the state, and how.
CHANGES: dict[str, tuple[str, Callable[..., Any]]] = {
    "targets": ("offset", _renew_offset),
    "weights": ("parameters", _shake_parameters),
    "learning_rate": ("learning_rate", _jitter_rate),
}


def scale_features(kinds: Kinds, numbers: Numbers) -> Any:
    """Return the scale of the noise on the features of each lane, (...); 0 in lanes without."""
    scale = 0.0
    for one in kinds.list_injections("features"):
        scale = tf.where(numbers[one.use] > 0, one.apply(numbers=numbers), scale)
    return scale
