"""Baselines through scikit-learn, or scikit-learn-intelex where that is installed: as they come."""

from __future__ import annotations

import warnings
from importlib import import_module
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from fairtrial.data.dataset import Dataset
from fairtrial.study.baseline import AnyBaseline

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
# scikit-learn-intelex fits the same models, faster.
PACKAGES = ("sklearnex", "sklearn")
# It warns that it takes all processors; not only where a fit is watched for warnings, since what
# watches them is not for threads.
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
    """
    model = make_model(baseline, dataset.n_classes, seed)
    X, test_X = (
        X.astype(np.float32) / np.float32(dataset.divisor) for X in (dataset.X, dataset.test_X)
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", ConvergenceWarning)
        told = np.asarray(model.fit(X, dataset.y).predict(test_X))
    return told, [str(one.message).splitlines()[0] for one in caught]
