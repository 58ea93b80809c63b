"""Baselines through scikit-learn, or scikit-learn-intelex where that is installed: as they come."""

import threading
import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from fairtrial.cores import shared_cores
from fairtrial.data.dataset import Dataset
from fairtrial.errors import InputError
from fairtrial.kinds.baselines.estimators import set_random_state
from fairtrial.kinds.baselines.models import BaselineSettings

_watching = threading.Lock()
# It warns that it takes all processors.
warnings.filterwarnings("ignore", message="'Threading' parallel backend is not supported")


def make_model(baseline: BaselineSettings, n_classes: int, seed: int) -> Any:
    """Make the estimator of a baseline, not fitted, with the seed where it depends on chance."""
    model = baseline.make_estimator(n_classes > 0)
    if baseline.is_random:
        set_random_state(model, seed)
    return model


def predict_test_rows(
    baseline: BaselineSettings, dataset: Dataset, seed: int
) -> tuple[np.ndarray, np.ndarray | None, list[str]]:
    """Fit a baseline on all training rows, validation rows and all, and predict the test rows.

    Returns classes or numbers in target units, (N,); probabilities, (N, K) float32, if it gives
    them; and the warnings of the fit. Raises `InputError` if the training rows are too few
    for it, or of one class alone.
    """
    _refuse_too_few(baseline, dataset, seed)
    model = make_model(baseline, dataset.n_classes, seed)
    X, test_X = (
        X.astype(np.float32) / np.float32(dataset.divisor) for X in (dataset.X, dataset.test_X)
    )
    if not baseline.is_iterative:
        with shared_cores:
            model.fit(X, dataset.y)
        return *_predict(model, test_X, dataset.n_classes), []
    # What watches warnings is of the whole process: one fit at a time, and none hears another's.
    with _watching, shared_cores, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", ConvergenceWarning)
        model.fit(X, dataset.y)
        predicted, shares = _predict(model, test_X, dataset.n_classes)
    return predicted, shares, [str(one.message).splitlines()[0] for one in caught]


def _predict(model: Any, X: np.ndarray, n_classes: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Predict rows, and where the model can the probabilities of all classes, (N, K)."""
    predicted = np.asarray(model.predict(X))
    if not n_classes or not hasattr(model, "predict_proba"):
        return predicted, None
    shares = np.zeros((len(X), n_classes), np.float32)
    seen = getattr(model, "classes_", np.arange(n_classes))
    shares[:, np.asarray(seen, int)] = model.predict_proba(X)
    return predicted, shares


def _refuse_too_few(baseline: BaselineSettings, dataset: Dataset, seed: int) -> None:
    n_rows = len(dataset.y)
    if baseline.least_rows > n_rows:
        raise InputError(
            f"The baseline {baseline.kind!r} needs at least {baseline.least_rows:,} training rows, "
            f"and there are {n_rows:,}: choose settings that need fewer, or take more rows."
        )
    seen = np.unique(dataset.y)
    if dataset.n_classes and baseline.needs_two_classes and len(seen) < 2:
        raise InputError(
            f"The baseline {baseline.kind!r} needs training rows of two classes, and those of seed "
            f"{seed} are all {dataset.class_names[seen[0]]!r}: take a smaller 'test', or more rows."
        )
