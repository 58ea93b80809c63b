"""Penalties on the weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf


def sum_squares(W: Any, n_lane_axes: int) -> Any:
    """Sum of squared weights, for L2; (...)."""
    return tf.reduce_sum(tf.square(W), list(range(W.shape.rank - n_lane_axes)))


def sum_sizes(W: Any, n_lane_axes: int) -> Any:
    """Sum of absolute weights, for L1; (...). The gradient at a weight of exactly 0 is 0."""
    return tf.reduce_sum(tf.abs(W), list(range(W.shape.rank - n_lane_axes)))


def sum_sizes_apart(W: Any, n_lane_axes: int) -> Any:
    """Sum of absolute weights, which has no gradient: `shrink` moves the weights instead."""
    return tf.stop_gradient(sum_sizes(W, n_lane_axes))


def shrink(W: Any, most: Any) -> Any:
    """Move weights towards 0 by `most` (...), and no further: the proximal step of an L1 penalty.

    References
    ----------
    Daubechies, Defrise and De Mol (2004), doi:10.1002/cpa.20042.
    """
    return tf.sign(W) * tf.maximum(tf.abs(W) - most, 0.0)


PENALTIES: dict[str, Callable[[Any, int], Any]] = {
    "l2": sum_squares,
    "l1": sum_sizes,
    "proximal": sum_sizes_apart,
}
