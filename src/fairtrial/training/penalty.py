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


PENALTIES: dict[str, Callable[[Any, int], Any]] = {"l2": sum_squares, "l1": sum_sizes}
