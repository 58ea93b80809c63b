"""The linear models: what they predict, and penalties on their weights, with or without lane axes.

Lane axes come last in parameters and hyperparameters, so a number per lane broadcasts as it is: one
run has weights (D,) or (D, K); a stack has (D, S, L) or (D, K, L), for L lanes on each of S data
sets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from fairtrial.parameters import Parameters

# Hyperparameters that are numbers, by dotted name, each (...) per lane.
Numbers = Mapping[str, Any]


def predict_numbers(parameters: Parameters, X: Any) -> Any:
    """Predict with linear regression.

    Parameters
    ----------
    parameters : Parameters
        `W` (D,) and `b` () of one run, or (D, S, L) and (S, L) of a stack.
    X : (N, D) or (S, 1, N, D)
        Features of the one run, or of the stack's S data sets.

    Returns
    -------
    (N,) or (S, L, N)
        Predictions, in target units.
    """
    W, b = parameters
    if X.shape[-1] == 1:  # An elementwise product: faster than a matrix product, and exact.
        return tf.expand_dims(tf.squeeze(W, 0), -1) * tf.squeeze(X, -1) + tf.expand_dims(b, -1)
    if W.shape.rank == 1:
        return tf.linalg.matvec(X, W) + b
    return tf.einsum("snd,dsl->sln", X[:, 0], W) + tf.expand_dims(b, -1)


def predict_noisy_logits(parameters: Parameters, X: Any, noise: Any, scale: Any) -> Any:
    """Compute the logits of `X + scale noise` where each lane has its own scale.

    By `(X + s Z) W = X W + s (Z W)`: lanes share both products, forwards and backwards, and
    features are never copied for each lane.

    Parameters
    ----------
    parameters : Parameters
        As in `predict_logits`.
    X, noise : (B, D)
        Features, and standard normals that the lanes share.
    scale : (...)
        0 in lanes without noise.

    Returns
    -------
    (B, K) or (B, K, L)
        Logits.
    """
    without_b = Parameters(parameters.W, tf.zeros_like(parameters.b))
    return predict_logits(parameters, X) + scale * predict_logits(without_b, noise)


def predict_logits(parameters: Parameters, X: Any) -> Any:
    """Compute the logits of softmax regression, all lanes in one matrix product.

    Parameters
    ----------
    parameters : Parameters
        `W` (D, K) and `b` (K,) of one run, or (D, K, L) and (K, L) of a stack.
    X : (B, D)
        Features; the lanes of a stack share them.

    Returns
    -------
    (B, K) or (B, K, L)
        Logits; the classes stand before the lanes, so that sums over classes run along lanes.
    """
    W, b = parameters
    product = tf.matmul(X, tf.reshape(W, (W.shape[0], -1)))
    return tf.reshape(product, (-1, *W.shape[1:])) + b


# ---------------------------------------------------------------------------------------- penalties


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
