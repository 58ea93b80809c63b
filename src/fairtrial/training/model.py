"""The linear models: what they predict from their parameters, with or without lane axes.

Lane axes come last in parameters and hyperparameters, so a number per lane broadcasts as it is: one
run has weights (D,) or (D, K); a stack has (D, S, L) or (D, K, L), for L lanes on each of S data
sets.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from fairtrial.randomness import make_stream
from fairtrial.study.recipe import Init

# Hyperparameters that are numbers, by dotted name, each (...) per lane.
Numbers = Mapping[str, Any]


class Parameters(NamedTuple):
    """Weights `W` (D, ...) or (D, K, ...) and biases `b` (...) or (K, ...)."""

    W: Any
    b: Any


def draw_init(init: Init, n_features: int, n_classes: int, seed: int) -> Parameters:
    """Draw the start of one run from the seed's streams.

    Parameters
    ----------
    init : Init
        Normal with its scales, or constant.
    n_features, n_classes : int
        D and K; K is 0 for regression.
    seed : int
        The run's seed; the same draws serve every arm, times its scale.

    Returns
    -------
    W, b : arrays
        Float32: (D,) and () for regression, (D, K) and (K,) for classes.
    """
    classes = (n_classes,) if n_classes else ()
    shapes = Parameters((n_features, *classes), classes)
    if init.kind == "constant":
        return Parameters(*(np.full(shape, init.value, np.float32) for shape in shapes))
    scales = (init.scale, init.scale if init.bias_scale is None else init.bias_scale)
    return Parameters(*(
        np.asarray(scale * make_stream(seed, f"init.{name}").standard_normal(shape), np.float32)
        for name, shape, scale in zip("Wb", shapes, scales, strict=True)
    ))  # fmt: skip


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
