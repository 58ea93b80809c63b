"""Metrics of predicted classes and of their probabilities."""

from typing import Annotated, Any

import numpy as np
from pydantic import Field

from fairtrial.kinds.metrics.numbers import metric
from fairtrial.settings.base import Count

N_BINS = 15
NO_SUCH_CLASS = (
    "It is not defined where the rows of a seed lack a class: claim on another metric, or hold out "
    "more rows."
)


def _count(truth: Any, prediction: Any) -> tuple[Any, Any, Any]:
    """Count for each class the rows that are correct, that are of it, and that are predicted."""
    n_classes = int(max(truth.max(), prediction.max())) + 1
    right = truth[truth == prediction]
    counted = (np.bincount(one, minlength=n_classes) for one in (right, truth, prediction))
    hits, own, predicted = (one.astype(np.float64) for one in counted)
    return hits, own, predicted


@metric(
    of="classes",
    higher_is_better=True,
    worst=0.0,
    by_default=True,
    also="acc testaccuracy accuracyscore",
)
def accuracy(truth: Any, prediction: Any) -> Any:
    """Share of rows predicted correctly.

    References
    ----------
    `accuracy_score` of scikit-learn.
    """
    return np.mean(prediction == truth)


@metric(
    of="log_probabilities",
    unit="nats",
    by_default=True,
    label="cross-entropy",
    also="crossentropy nll",
)
def cross_entropy(truth: Any, prediction: Any) -> Any:
    """Mean cross-entropy, from logits: it is finite however certain a wrong prediction is.

    References
    ----------
    `log_softmax` of SciPy.
    """
    return -np.mean(np.take_along_axis(prediction, truth[:, None], axis=1))


@metric(
    of="confidence",
    worst=1.0,
    by_default=True,
    reference="NumPy",
    also="ece calibration calibrationerror",
)
def expected_calibration_error(truth: Any, prediction: Any) -> Any:
    """Mean gap between confidence and accuracy, over 15 equal bins of confidence.

    References
    ----------
    Guo, Pleiss, Sun and Weinberger (2017), "On calibration of modern neural networks".
    """
    predicted, confidence = prediction.T
    bins = np.minimum((confidence * N_BINS).astype(int), N_BINS - 1)
    surplus = np.bincount(bins, confidence - (truth == predicted), minlength=N_BINS)
    return np.abs(surplus).sum() / len(truth)


@metric(
    of="classes",
    higher_is_better=True,
    worst=0.0,
    by_default=True,
    label="macro F1",
    also="f1 f1score fscore f1macro",
)
def macro_f1(truth: Any, prediction: Any) -> Any:
    """F1 score, mean over the classes; a class that no row is of or is predicted as is left out.

    References
    ----------
    `f1_score` of scikit-learn, with `average="macro"`.
    """
    hits, own, predicted = _count(truth, prediction)
    there = own + predicted > 0
    return np.mean(2.0 * hits[there] / (own + predicted)[there])


@metric(of="classes", higher_is_better=True, worst=0.0, also="balancedaccuracyscore macrorecall")
def balanced_accuracy(truth: Any, prediction: Any) -> Any:
    """Mean of the recalls of the classes that some row is of.

    References
    ----------
    `balanced_accuracy_score` of scikit-learn.
    """
    hits, own, _ = _count(truth, prediction)
    return np.mean(hits[own > 0] / own[own > 0])


def _miss_class(n_classes: int, of: int) -> str:
    if of < n_classes:
        return ""
    return (
        f"the metric recall has of = {of}, but the {n_classes} classes are numbered from 0 to "
        f"{n_classes - 1}: name one of them."
    )


@metric(
    of="classes",
    higher_is_better=True,
    worst=0.0,
    undefined=NO_SUCH_CLASS,
    misfit=_miss_class,
    also="sensitivity classrecall truepositiverate tpr",
)
def recall(truth: Any, prediction: Any, *, of: Annotated[int, Field(ge=0)]) -> Any:
    """Share of the rows of one class that are predicted correctly.

    `of` is the number of the class, from 0, in the order of the data's classes.

    References
    ----------
    `recall_score` of scikit-learn, with `average=None`.
    """
    own = truth == of
    return np.mean(prediction[own] == of) if own.any() else np.nan


@metric(
    of="classes",
    higher_is_better=True,
    worst=-1.0,
    label="MCC",
    also="matthewscorrcoef matthewscorrelation phi",
)
def mcc(truth: Any, prediction: Any) -> Any:
    """Matthews' correlation of true and predicted classes; 0 where all of either are equal.

    References
    ----------
    Gorodkin (2004), doi:10.1016/j.compbiolchem.2004.09.006; `matthews_corrcoef` of scikit-learn.
    """
    hits, own, predicted = _count(truth, prediction)
    n_rows = float(len(truth))
    shared = hits.sum() * n_rows - own @ predicted
    size = np.sqrt((n_rows**2 - own @ own) * (n_rows**2 - predicted @ predicted))
    return shared / size if size else 0.0


@metric(of="probabilities", unit="nats", also="logloss")
def log_loss(truth: Any, prediction: Any) -> Any:
    """Mean cross-entropy from probabilities, for baselines too.

    Probabilities are cut off at 2.2e-16 and 1 minus that, so that a forest that is certain and
    wrong has a finite value. `cross_entropy` is the same from logits, without that limit.

    References
    ----------
    `log_loss` of scikit-learn.
    """
    least = np.finfo(np.float64).eps
    own = np.take_along_axis(prediction, truth[:, None], axis=1)
    return -np.mean(np.log(np.clip(own, least, 1.0 - least)))


@metric(of="probabilities", worst=2.0, label="Brier score", also="brierscore brierscoreloss")
def brier(truth: Any, prediction: Any) -> Any:
    """Mean over the rows of the squared errors of all probabilities, from 0 to 2.

    References
    ----------
    Brier (1950), doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2; `brier_score_loss` of
    scikit-learn, with `scale_by_half=False`.
    """
    own = np.take_along_axis(prediction, truth[:, None], axis=1)[:, 0]
    return np.mean(np.sum(prediction**2, axis=1) - 2.0 * own + 1.0)


def _rank(values: Any) -> Any:
    """Rank values from 1; equal ones share their mean rank."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2.0)[places]


@metric(
    of="probabilities",
    higher_is_better=True,
    worst=0.0,
    undefined=NO_SUCH_CLASS,
    label="AUC",
    also="rocauc rocaucscore areaundercurve auroc",
)
def auc(truth: Any, prediction: Any) -> Any:
    """Area under the ROC curve of each class against the rest, mean over the classes.

    It is the share of pairs of a row of the class and another row in which the first has the higher
    probability of the class; equal ones count half.

    References
    ----------
    `roc_auc_score` of scikit-learn, with `multi_class="ovr"` and `average="macro"`.
    """
    areas = []
    for k, column in enumerate(prediction.T):
        own = truth == k
        n_own, n_others = int(own.sum()), int((~own).sum())
        if not n_own or not n_others:
            return np.nan
        surplus = _rank(column)[own].sum() - n_own * (n_own + 1) / 2.0
        areas.append(surplus / (n_own * n_others))
    return np.mean(areas)


def _reach_all(n_classes: int, k: int) -> str:
    if k < n_classes:
        return ""
    return (
        f"the metric top_k has k = {k}, but there are {n_classes} classes, so every row would "
        "count as right: take a smaller k."
    )


@metric(
    of="probabilities",
    higher_is_better=True,
    worst=0.0,
    misfit=_reach_all,
    label="top-k accuracy",
    also="topkaccuracy topkaccuracyscore topkcategoricalaccuracy",
)
def top_k(truth: Any, prediction: Any, *, k: Count = 2) -> Any:
    """Share of rows whose class is among the `k` most probable ones.

    Of equal probabilities, the later class comes first.

    References
    ----------
    `top_k_accuracy_score` of scikit-learn.
    """
    best = np.argsort(prediction, axis=1, kind="stable")[:, ::-1][:, :k]
    return np.mean((best == truth[:, None]).any(1))
