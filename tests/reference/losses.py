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


LOSSES = {
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


def cross_entropy(logits, labels, _):
    """Of each row (N, K) with its label."""
    return -scipy.special.log_softmax(logits, axis=1)[np.arange(len(labels)), labels]


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


# The loss of each row: of logits, labels and settings.
CLASS_LOSSES = {"cross_entropy": cross_entropy, "brier": brier, "hinge": hinge, "focal": focal}
