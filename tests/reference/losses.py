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


LOSSES = {
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


# The loss of each row: of logits, labels and settings.
CLASS_LOSSES = {"cross_entropy": cross_entropy}
