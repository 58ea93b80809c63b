"""What models predict, and the metrics of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import scipy.special

from fairtrial.kinds.metrics import MetricSettings

Told = Mapping[str, np.ndarray]
"""What is predicted of some rows, in each form of `fairtrial.kinds.metrics.Metric.of` that is
known."""


def tell_numbers(numbers: np.ndarray) -> Told:
    """Tell predicted numbers, (N,), in target units."""
    return {"numbers": np.asarray(numbers, np.float64)}


def tell_classes(classes: np.ndarray, confidence: np.ndarray | None = None) -> Told:
    """Tell predicted classes, (N,), and where they are known their probabilities, (N,)."""
    told: dict[str, np.ndarray] = {"classes": classes}
    if confidence is not None:
        told["confidence"] = np.column_stack([classes.astype(confidence.dtype), confidence])
    return told


def tell_probabilities(probabilities: np.ndarray, classes: np.ndarray) -> Told:
    """Tell probabilities, (N, K), with the predicted classes, (N,)."""
    shares = probabilities.astype(np.float64)
    return {**tell_classes(classes, shares.max(1)), "probabilities": shares}


def tell_baseline(told: np.ndarray, shares: np.ndarray | None, on_classes: bool) -> Told:
    """Tell what a baseline predicts, (N,), and the probabilities, (N, K), where there are any."""
    if not on_classes:
        return tell_numbers(told)
    classes = told.astype(np.int64)
    return tell_classes(classes) if shares is None else tell_probabilities(shares, classes)


def tell_logits(logits: np.ndarray, classes: np.ndarray | None = None) -> Told:
    """Tell what follows from logits, (N, K); the classes are the largest if they are not given."""
    logs = scipy.special.log_softmax(logits, axis=1)
    told = logits.argmax(1) if classes is None else classes
    return {**tell_probabilities(np.exp(logs), told), "log_probabilities": logs}


def score(
    metrics: Iterable[MetricSettings], truth: np.ndarray, told: Told, prefix: str = ""
) -> dict[str, float]:
    """Measure what is predicted of some rows.

    Parameters
    ----------
    metrics : iterable of MetricSettings
        Those whose form of prediction is not told are left out.
    truth : (N,)
        Numbers, or classes.
    told : Told
        What is predicted.
    prefix : str
        What the names of the metrics begin with.

    Returns
    -------
    dict of str to float
        NaN where a metric is not defined.
    """
    truth = truth.astype(np.float64 if "numbers" in told else np.int64)
    return {
        prefix + one.column: one.measure(truth, told[one.definition.of])
        for one in metrics
        if one.definition.of in told
    }
