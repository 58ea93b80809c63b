"""Losses in NumPy float64, from their textbooks: value and slope of each residual or row."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.special


@dataclass(frozen=True)
class Loss:
    """The loss of each residual, and its slope there."""

    value: Callable[[np.ndarray, Any], np.ndarray]
    slope: Callable[[np.ndarray, Any], np.ndarray]


def _huber(e, loss):
    return np.where(
        np.abs(e) <= loss.delta, e**2 / 2, loss.delta * (np.abs(e) - loss.delta / 2)
    )  # fmt: skip


def _tukey(e, loss):
    inside = loss.c**2 / 6 * (1 - (1 - (e / loss.c) ** 2) ** 3)
    return np.where(np.abs(e) <= loss.c, inside, loss.c**2 / 6)


def _slope_of_tukey(e, loss):
    return np.where(np.abs(e) <= loss.c, e * (1 - (e / loss.c) ** 2) ** 2, 0.0)


def _barron(e, loss):
    """Equation 8 of Barron (2019), times the squared scale; at 2, 0 and -inf its limits (13)."""
    a, x = loss.shape, (e / loss.scale) ** 2
    if a == 2:
        return loss.scale**2 * x / 2
    if a == 0:  # log(x/2 + 1)
        return loss.scale**2 * np.log(x / 2 + 1)
    if a < -1e20:
        return loss.scale**2 * (1 - np.exp(-x / 2))
    b = np.abs(a - 2)
    return loss.scale**2 * b / a * ((x / b + 1) ** (a / 2) - 1)


def _slope_of_barron(e, loss):
    a, x = loss.shape, (e / loss.scale) ** 2
    if a == 2:
        return e
    if a < -1e20:
        return e * np.exp(-x / 2)
    return e * (x / np.abs(a - 2) + 1) ** (a / 2 - 1)


LOSSES = {
    "barron": Loss(_barron, _slope_of_barron),
    "log_cosh": Loss(lambda e, _: np.log(np.cosh(e)), lambda e, _: np.tanh(e)),
    "quantile": Loss(
        lambda e, loss: np.where(e >= 0, loss.tau * e, (loss.tau - 1) * e),
        lambda e, loss: np.where(e >= 0, loss.tau, loss.tau - 1),
    ),
    "epsilon_insensitive": Loss(
        lambda e, loss: np.where(np.abs(e) > loss.epsilon, np.abs(e) - loss.epsilon, 0.0),
        lambda e, loss: np.where(np.abs(e) > loss.epsilon, np.sign(e), 0.0),
    ),
    "tukey": Loss(_tukey, _slope_of_tukey),
    "cauchy": Loss(
        lambda e, loss: loss.scale**2 / 2 * np.log(1 + (e / loss.scale) ** 2),
        lambda e, loss: e / (1 + (e / loss.scale) ** 2),
    ),
    "welsch": Loss(
        lambda e, loss: loss.scale**2 / 2 * (1 - np.exp(-((e / loss.scale) ** 2))),
        lambda e, loss: e * np.exp(-((e / loss.scale) ** 2)),
    ),
    "mse": Loss(lambda e, _: e**2, lambda e, _: 2 * e),
    "mae": Loss(lambda e, _: np.abs(e), lambda e, _: np.sign(e)),
    "huber": Loss(_huber, lambda e, loss: np.clip(e, -loss.delta, loss.delta)),
    "hybrid": Loss(
        lambda e, loss: loss.alpha * e**2 + (1 - loss.alpha) * np.abs(e),
        lambda e, loss: 2 * loss.alpha * e + (1 - loss.alpha) * np.sign(e),
    ),
}


def cross_entropy(logits, labels, loss):
    """Of each row (N, K) with its label, by the sum over the classes as Keras writes it."""
    smoothing, K = loss.label_smoothing if loss else 0.0, logits.shape[1]
    wanted = np.eye(K)[labels] * (1 - smoothing) + smoothing / K
    return -np.sum(wanted * scipy.special.log_softmax(logits, axis=1), 1)


def brier(logits, labels, _):
    """Of each row (N, K) with its label."""
    return np.sum((scipy.special.softmax(logits, axis=1) - np.eye(logits.shape[1])[labels]) ** 2, 1)


def hinge(logits, labels, _):
    """Of each row (N, K) with its label."""
    own = logits[np.arange(len(labels)), labels]
    others = np.where(np.eye(logits.shape[1], dtype=bool)[labels], -np.inf, logits).max(1)
    return np.maximum(0.0, 1.0 + others - own)


def focal(logits, labels, loss):
    """Of each row (N, K) with its label."""
    log_p = scipy.special.log_softmax(logits, axis=1)[np.arange(len(labels)), labels]
    return -((1 - np.exp(log_p)) ** loss.gamma) * log_p


def squared_hinge(logits, labels, _):
    """Of each row (N, K) with its label."""
    return hinge(logits, labels, _) ** 2


def generalized_cross_entropy(logits, labels, loss):
    """Of each row (N, K) with its label."""
    p = scipy.special.softmax(logits, axis=1)[np.arange(len(labels)), labels]
    return (1 - p**loss.q) / loss.q


# The loss of each row: of logits, labels and settings.
CLASS_LOSSES = {
    one.__name__: one
    for one in (cross_entropy, brier, hinge, squared_hinge, focal, generalized_cross_entropy)
}
