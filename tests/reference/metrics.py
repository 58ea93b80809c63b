"""Metrics: each by scikit-learn, or by its definition; of truth, prediction and settings."""

import numpy as np
import sklearn.metrics as sk


def calibrate(truth, prediction, settings):
    """Bin by bin, as in the definition."""
    told, confidence = prediction.T
    error = 0.0
    for k in range(15):
        within = (confidence >= k / 15) & ((confidence < (k + 1) / 15) | (k == 14))
        if within.any():
            right = (told == truth)[within].mean()
            error += within.mean() * abs(right - confidence[within].mean())
    return error


def list_classes(prediction):
    return np.arange(prediction.shape[1])


METRICS = {
    "mse": lambda y, told, _: sk.mean_squared_error(y, told),
    "mae": lambda y, told, _: sk.mean_absolute_error(y, told),
    "rmse": lambda y, told, _: sk.root_mean_squared_error(y, told),
    "r2": lambda y, told, _: sk.r2_score(y, told),
    "explained_variance": lambda y, told, _: sk.explained_variance_score(y, told),
    "median_absolute_error": lambda y, told, _: sk.median_absolute_error(y, told),
    "max_error": lambda y, told, _: sk.max_error(y, told),
    "mape": lambda y, told, _: sk.mean_absolute_percentage_error(y, told),
    "pinball": lambda y, told, one: sk.mean_pinball_loss(y, told, alpha=one.tau),
    "accuracy": lambda y, told, _: sk.accuracy_score(y, told),
    "cross_entropy": lambda y, logs, _: sk.log_loss(y, np.exp(logs), labels=list_classes(logs)),
    "expected_calibration_error": calibrate,
    "macro_f1": lambda y, told, _: sk.f1_score(y, told, average="macro"),
    "balanced_accuracy": lambda y, told, _: sk.balanced_accuracy_score(y, told),
    "recall": lambda y, told, one: sk.recall_score(y, told, labels=[one.of], average=None)[0],
    "mcc": lambda y, told, _: sk.matthews_corrcoef(y, told),
    "log_loss": lambda y, shares, _: sk.log_loss(y, shares, labels=list_classes(shares)),
    "brier": lambda y, shares, _: sk.brier_score_loss(
        y, shares, labels=list_classes(shares), scale_by_half=False
    ),
    "auc": lambda y, shares, _: sk.roc_auc_score(y, shares, multi_class="ovr", average="macro"),
    "top_k": lambda y, shares, one: sk.top_k_accuracy_score(
        y, shares, k=one.k, labels=list_classes(shares)
    ),
}
