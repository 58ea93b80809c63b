"""Baselines through scikit-learn, or scikit-learn-intelex where that is installed: as they come."""

from __future__ import annotations

import threading
import warnings
from importlib import import_module
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from fairtrial.data.dataset import Dataset
from fairtrial.errors import InputError
from fairtrial.study.baseline import AnyBaseline, NearestNeighbours

# What each kind is called, for classes and for numbers, and its settings by scikit-learn's names.
MODELS: dict[str, tuple[str, str, str, Any]] = {
    "random_forest": (
        "ensemble", "RandomForestClassifier", "RandomForestRegressor",
        lambda baseline: {"n_estimators": baseline.trees},
    ),
    "svm": ("svm", "SVC", "SVR", lambda baseline: {"C": baseline.C, "cache_size": 1000}),
    "linear_svm": (
        "svm", "LinearSVC", "LinearSVR",
        # It shuffles, on the way to one and the same minimum.
        lambda baseline: {"C": baseline.C, "dual": "auto", "random_state": 0},
    ),
    "linear_model": ("linear_model", "LogisticRegression", "Ridge", lambda baseline: {}),
    "nearest_neighbours": (
        "neighbors", "KNeighborsClassifier", "KNeighborsRegressor",
        lambda baseline: {"n_neighbors": baseline.neighbours},
    ),
}  # fmt: skip
RANDOM = ("random_forest",)
# Those that take steps, of which there may be too few; and those that tell classes apart by planes
# or surfaces between them, and so must have seen two.
ITERATIVE = ("linear_svm", "linear_model")
BETWEEN_CLASSES = ("svm", "linear_svm", "linear_model")
# scikit-learn-intelex fits the same models, faster.
PACKAGES = ("sklearnex", "sklearn")
_watching = threading.Lock()
# It warns that it takes all processors.
warnings.filterwarnings("ignore", message="'Threading' parallel backend is not supported")


def is_random(baseline: AnyBaseline) -> bool:
    """Say whether a baseline depends on the seed even where the rows do not."""
    return baseline.kind in RANDOM


def make_model(baseline: AnyBaseline, n_classes: int, seed: int) -> Any:
    """Make scikit-learn's model of a baseline, with its defaults for what is not set.

    Parameters
    ----------
    baseline : RandomForest, Svm, LinearSvm, LinearModel or NearestNeighbours
        Which.
    n_classes : int
        0 for regression.
    seed : int
        The run's seed.

    Returns
    -------
    estimator
        Not fitted yet.
    """
    module, classifier, regressor, list_settings = MODELS[baseline.kind]
    settings = list_settings(baseline)
    if is_random(baseline):
        settings["random_state"] = seed
    if baseline.kind == "linear_model":
        own = {"C": baseline.C, "max_iter": 1000} if n_classes else {"alpha": 1.0 / baseline.C}
        settings |= own
    return find_class(module, classifier if n_classes else regressor)(**settings)


def find_class(module: str, name: str) -> Any:
    """Find a model in the first of the packages that has it."""
    for package in PACKAGES:
        try:
            return getattr(import_module(f"{package}.{module}"), name)
        except (ImportError, AttributeError):
            continue
    raise ImportError(f"scikit-learn has no {module}.{name}")


def predict_test_rows(
    baseline: AnyBaseline, dataset: Dataset, seed: int
) -> tuple[np.ndarray, list[str]]:
    """Fit a baseline on all training rows, and tell the test rows.

    Parameters
    ----------
    baseline : RandomForest, Svm, LinearSvm, LinearModel or NearestNeighbours
        Which.
    dataset : Dataset
        What to fit, validation rows and all.
    seed : int
        The run's seed.

    Returns
    -------
    told : (N,)
        Classes, or numbers in target units.
    warnings : list of str
        What scikit-learn says of the fit, such as that it has not converged.

    Raises
    ------
    InputError
        If the training rows are too few for it, or of one class alone.
    """
    _refuse_too_few(baseline, dataset, seed)
    model = make_model(baseline, dataset.n_classes, seed)
    X, test_X = (
        X.astype(np.float32) / np.float32(dataset.divisor) for X in (dataset.X, dataset.test_X)
    )
    if baseline.kind not in ITERATIVE:
        return np.asarray(model.fit(X, dataset.y).predict(test_X)), []
    # What watches warnings is of the whole process: one fit at a time, and none hears another's.
    with _watching, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", ConvergenceWarning)
        told = np.asarray(model.fit(X, dataset.y).predict(test_X))
    return told, [str(one.message).splitlines()[0] for one in caught]


def _refuse_too_few(baseline: AnyBaseline, dataset: Dataset, seed: int) -> None:
    n_rows = len(dataset.y)
    if isinstance(baseline, NearestNeighbours) and baseline.neighbours > n_rows:
        raise InputError(
            f"The baseline 'nearest_neighbours' asks {baseline.neighbours:,} neighbours, and there "
            f"are {n_rows:,} training rows: take fewer neighbours."
        )
    seen = np.unique(dataset.y)
    if dataset.n_classes and baseline.kind in BETWEEN_CLASSES and len(seen) < 2:
        raise InputError(
            f"The baseline {baseline.kind!r} needs training rows of two classes, and those of seed "
            f"{seed} are all {dataset.class_names[seen[0]]!r}: take a smaller 'test', or more rows."
        )
