"""Losses: what a run minimises.

Regression losses are weighted sums of a few terms of the residual. So the kind of loss is a set of
numbers, and lanes with different losses share one formula.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from fairtrial.training.model import Numbers


def squared(residual: tf.Tensor, weight: Any, numbers: Numbers) -> tf.Tensor:
    """Weighted squared residual, in squared target units; (..., N).

    The weight goes in first: where it is 0 no residual is too large to square.
    """
    return weight * residual * residual


def absolute(residual: tf.Tensor, weight: Any, numbers: Numbers) -> tf.Tensor:
    """Weighted absolute residual, in target units; (..., N)."""
    return weight * tf.abs(residual)


def huber(residual: tf.Tensor, weight: Any, numbers: Numbers) -> tf.Tensor:
    """Weighted Huber function: `e²/2` within delta, `delta (|e| - delta/2)` beyond.

    Parameters
    ----------
    residual : (..., N)
        Target minus prediction, in target units.
    weight : (..., 1)
        What the term counts.
    numbers : Numbers
        `loss.delta` (...), where the loss turns linear, in target units; positive.

    Returns
    -------
    (..., N)
        In squared target units. Written with a minimum: equal to the textbook's two branches, and
        without a branch whose gradient could be NaN.

    References
    ----------
    Huber (1964), doi:10.1214/aoms/1177703732.
    """
    size = tf.abs(residual)
    within = tf.minimum(size, tf.expand_dims(numbers["loss.delta"], -1))
    return weight * within * (size - within * 0.5)


TERMS: dict[str, Callable[[tf.Tensor, Any, Numbers], tf.Tensor]] = {
    "squared": squared,
    "absolute": absolute,
    "huber": huber,
}

# What each loss weighs the terms with, from its settings.
LOSSES: dict[str, Callable[[Any], dict[str, float]]] = {
    "mse": lambda loss: {"squared": 1.0},
    "mae": lambda loss: {"absolute": 1.0},
    "huber": lambda loss: {"huber": 1.0},
    "hybrid": lambda loss: {"squared": loss.alpha, "absolute": 1.0 - loss.alpha},
}


def regression_loss(residual: tf.Tensor, numbers: Numbers) -> tf.Tensor:
    """Mean loss over the rows, for one run or for each lane.

    Parameters
    ----------
    residual : (N,) or (S, L, N)
        Target minus prediction, in target units.
    numbers : Numbers
        `term.NAME` (...), the weight of each term in use, and the settings of the terms.

    Returns
    -------
    () or (S, L)
        For one run the sum of the terms' means, in the order of the textbook formula, so that a
        replay agrees to the last digit; for lanes the mean of the terms' sum, which is one pass.
    """
    terms = [
        term(residual, tf.expand_dims(numbers[f"term.{name}"], -1), numbers)
        for name, term in TERMS.items()
        if f"term.{name}" in numbers
    ]
    if residual.shape.rank == 1:
        return tf.add_n([tf.reduce_mean(term, -1) for term in terms])
    return tf.reduce_mean(tf.add_n(terms), -1)


def softmax_cross_entropy(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Cross-entropy of each row under the softmax of its logits.

    Parameters
    ----------
    logits : (B, K, ...)
        Any lane axes last.
    labels : (B,)
        Classes, from 0.

    Returns
    -------
    (B, ...)
        In nats. The largest logit is taken off first, so no exponential overflows.
    """
    shifted = logits - tf.stop_gradient(tf.reduce_max(logits, 1, keepdims=True))
    n_lane_axes = logits.shape.rank - 2
    one_hot = tf.one_hot(labels, logits.shape[1], dtype=logits.dtype)
    one_hot = tf.reshape(one_hot, (-1, logits.shape[1], *[1] * n_lane_axes))
    return tf.math.log(tf.reduce_sum(tf.exp(shifted), 1)) - tf.reduce_sum(shifted * one_hot, 1)


def sum_squares(W: Any, n_lane_axes: int) -> Any:
    """Sum of squared weights, for L2; (...)."""
    return tf.reduce_sum(tf.square(W), list(range(W.shape.rank - n_lane_axes)))


def sum_sizes(W: Any, n_lane_axes: int) -> Any:
    """Sum of absolute weights, for L1; (...). The gradient at a weight of exactly 0 is 0."""
    return tf.reduce_sum(tf.abs(W), list(range(W.shape.rank - n_lane_axes)))


PENALTIES: dict[str, Callable[[Any, int], Any]] = {"l2": sum_squares, "l1": sum_sizes}
