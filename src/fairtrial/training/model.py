"""The linear models: what they predict, and penalties on their weights, with or without lane axes.

Lane axes come last in parameters and hyperparameters, so a number per lane broadcasts as it is: one
run has weights (D,) or (D, K); a stack has (D, S, L) or (D, K, L), for L lanes on each of S data
sets.
"""

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from fairtrial.parameters import Parameters
from fairtrial.training.layout import is_turned

# Hyperparameters that are numbers, by dotted name, each (...) per lane.
Numbers = Mapping[str, Any]

# From so many features on, and for fewer columns, gradients of plain weights are formed transposed,
# as those of turned weights are; measured.
WIDE, FEW = 1024, 64


def predict_numbers(parameters: Parameters, X: Any) -> Any:
    """Predict with linear regression: (N,) or (S, L, N), in target units.

    One run has `W` (D,), `b` () and X (N, D); a stack has (D, S, L), (S, L) and (S, 1, N, D).
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
    features are never copied for each lane. The noise (B, D) is standard normal; `scale` (...) is 0
    in lanes without noise; the rest is as in `predict_logits`.
    """
    without_b = Parameters(parameters.W, tf.zeros_like(parameters.b))
    return predict_logits(parameters, X) + scale * predict_logits(without_b, noise)


def predict_logits(parameters: Parameters, X: Any) -> Any:
    """Compute the logits (B, K) of softmax regression, or (B, K, L) of all lanes in one product.

    `W` is (D, K) and `b` (K,) of one run, or (D, K, L), maybe turned, and (K, L) of a stack, whose
    lanes share X (B, D). The classes stand before the lanes, so that sums over classes run along
    lanes.
    """
    W, b = parameters
    if is_turned(parameters):
        product = tf.matmul(X, tf.reshape(W, (-1, X.shape[1])), transpose_b=True)
    else:
        product = multiply(X, tf.reshape(W, (X.shape[1], -1)))
    return tf.reshape(product, (-1, *b.shape)) + b


def multiply(X: Any, W: Any) -> Any:
    """Multiply X (B, D) and W (D, C), of which only W has a gradient.

    For many features and few columns, XLA takes up to five times as long for the gradient `X' g` as
    for its transpose `g' X`; from about 64 columns on, the first is the faster one.
    """
    n_features, n_columns = W.shape
    if n_features < WIDE or n_columns >= FEW:
        return tf.matmul(X, W)

    @tf.custom_gradient
    def multiply_wide(W: Any) -> Any:
        def differentiate(upstream: Any) -> Any:
            gradient = tf.matmul(upstream, X, transpose_a=True)
            # Without an operation between the two, XLA would turn them into `X' g` again.
            return tf.transpose(tf.maximum(gradient, -float("inf")))

        return tf.matmul(X, W), differentiate

    return multiply_wide(W)


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
