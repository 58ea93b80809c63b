"""What models predict, and the metrics of it."""

from collections.abc import Iterable, Mapping

import numpy as np
import scipy.special

from fairtrial.kinds.metrics.numbers import MetricSettings

Predicted = Mapping[str, np.ndarray]
"""What is predicted of some rows, in each known form of `kinds.metrics.numbers.Metric.of`."""


def describe_numbers(numbers: np.ndarray) -> Predicted:
    """Describe predicted numbers, (N,), in target units."""
    return {"numbers": np.asarray(numbers, np.float64)}


def describe_classes(classes: np.ndarray, confidence: np.ndarray | None = None) -> Predicted:
    """Describe predicted classes, (N,), and where they are known their probabilities, (N,)."""
    forms: dict[str, np.ndarray] = {"classes": classes}
    if confidence is not None:
        forms["confidence"] = np.column_stack([classes.astype(confidence.dtype), confidence])
    return forms


def describe_probabilities(probabilities: np.ndarray, classes: np.ndarray) -> Predicted:
    """Describe probabilities, (N, K), with the predicted classes, (N,)."""
    shares = probabilities.astype(np.float64)
    return {**describe_classes(classes, shares.max(1)), "probabilities": shares}


def describe_baseline(
    predicted: np.ndarray, shares: np.ndarray | None, on_classes: bool
) -> Predicted:
    """Describe what a baseline predicts, (N,), and the probabilities, (N, K), if it has them."""
    if not on_classes:
        return describe_numbers(predicted)
    classes = predicted.astype(np.int64)
    return describe_classes(classes) if shares is None else describe_probabilities(shares, classes)


def describe_logits(logits: np.ndarray, classes: np.ndarray | None = None) -> Predicted:
    """Describe what logits, (N, K), predict; the classes are the largest if not given."""
    logs = scipy.special.log_softmax(logits, axis=1)
    found = logits.argmax(1) if classes is None else classes
    return {**describe_probabilities(np.exp(logs), found), "log_probabilities": logs}


def score(
    metrics: Iterable[MetricSettings], truth: np.ndarray, forms: Predicted, prefix: str = ""
) -> dict[str, float]:
    """Measure what is predicted of some rows; NaN where a metric is not defined.

    Metrics whose form of prediction is not known are left out. The truth (N,) has numbers or
    classes; `prefix` is what the names of the metrics begin with.
    """
    truth = truth.astype(np.float64 if "numbers" in forms else np.int64)
    return {
        prefix + one.column: one.measure(truth, forms[one.definition.of])
        for one in metrics
        if one.definition.of in forms
    }
