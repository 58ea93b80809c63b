"""Newton's direction for linear regression: the gradient, divided by the curvature.

With residuals r, features X and a last column of ones, the gradient of the mean loss has the
derivative `X' diag(l''(r)) X / N`: the loss is a function of the residual alone.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from fairtrial.kinds.losses import average_losses
from fairtrial.parameters import Parameters
from fairtrial.training.hyperparameters import Kinds
from fairtrial.training.model import Numbers


def find_directions(
    kinds: Kinds, residual: Any, X: Any, gradients: Parameters, numbers: Numbers
) -> Parameters:
    """Divide the gradients by the curvature of loss and penalty.

    Parameters
    ----------
    kinds : Kinds
        What the program contains; one of its optimizers needs the curvature.
    residual : (N,) or (S, L, N)
        Target minus prediction.
    X : (N, D) or (S, 1, N, D)
        Features.
    gradients : Parameters
        `W` (D,) or (D, S, L), `b` () or (S, L).
    numbers : Numbers
        Those of the losses, `penalty.l2`, and the optimizers' `damping`.

    Returns
    -------
    directions : Parameters
        Like the gradients; not finite where the curvature is 0 in some direction.
    """
    H = _sum_products(X, _differentiate_twice(kinds, residual, numbers))
    damping = tf.zeros_like(gradients.b)
    for position, one in enumerate(kinds.optimizers):
        if one.kind.needs_curvature and f"{one.key}.damping" in numbers:
            mine = numbers["optimizer"] == position
            damping = tf.where(mine, numbers[f"{one.key}.damping"], damping)
    penalty = 2.0 * numbers["penalty.l2"] if "l2" in kinds.penalties else 0.0
    n_features, lanes = H.shape[0] - 1, tuple(gradients.b.shape)
    added = [tf.broadcast_to(damping + penalty, (n_features, *lanes)), damping[None]]
    diagonal = tf.reshape(tf.eye(n_features + 1), (n_features + 1, -1, *[1] * len(lanes)))
    H += diagonal * tf.concat(added, 0)
    solved = solve(H, tf.concat([gradients.W, gradients.b[None]], 0))
    return Parameters(solved[:-1], solved[-1])


def _differentiate_twice(kinds: Kinds, residual: Any, numbers: Numbers) -> Any:
    """Return the second derivative of the mean loss by each residual, like these."""
    with tf.GradientTape() as outer:
        outer.watch(residual)
        with tf.GradientTape() as inner:
            inner.watch(residual)
            total = tf.reduce_sum(average_losses(kinds.losses, residual, numbers))
        slopes = inner.gradient(total, residual)
    return outer.gradient(slopes, residual, unconnected_gradients=tf.UnconnectedGradients.ZERO)


def _sum_products(X: Any, weights: Any) -> Any:
    """Sum the weighted products of features, the last of which is 1; (D + 1, D + 1, ...)."""
    X = tf.concat([X, tf.ones_like(X[..., :1])], -1)
    if weights.shape.rank == 1:
        return tf.einsum("nd,n,ne->de", X, weights, X)
    return tf.einsum("snd,sln,sne->desl", X[:, 0], weights, X[:, 0])


def solve(H: Any, g: Any) -> Any:
    """Solve H d = g for each lane by Gauss-Jordan elimination; H is positive definite.

    TensorFlow's own functions raise where a lane's H is singular, and want lanes first.

    Parameters
    ----------
    H : (n, n, ...)
    g : (n, ...)

    Returns
    -------
    (n, ...)
        Not finite where H is singular.
    """
    n, system = H.shape[0], tf.concat([H, g[:, None]], 1)
    rows = tf.reshape(tf.range(n), (n, *[1] * (system.shape.rank - 1)))

    def eliminate(k: Any, system: Any) -> tuple[Any, Any]:
        pivot = tf.gather(system, k)
        pivot = (pivot / tf.gather(pivot, k))[None]
        column = tf.gather(system, k, axis=1)[:, None]
        return k + 1, tf.where(rows == k, pivot, system - column * pivot)

    _, system = tf.while_loop(lambda k, _: k < n, eliminate, (0, system))
    return system[:, -1]
