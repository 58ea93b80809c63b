"""Targets as a run sees them: their unit, and what a recipe says relative to them, in numbers."""

from dataclasses import replace
from typing import Any

import numpy as np

from fairtrial.data.dataset import Dataset, TargetUnit
from fairtrial.data.split import split_rows
from fairtrial.errors import InputError
from fairtrial.parameters import draw_init
from fairtrial.study.recipe import Recipe

# The standard deviation of normal numbers over their median absolute deviation.
NORMAL_PER_MAD = 1.482602218505602


def standardise_targets(recipe: Recipe, dataset: Dataset, seed: int) -> Dataset:
    """Standardise targets, and true parameters, by the training rows, if the recipe says so."""
    if not recipe.standardise:
        return dataset
    y = dataset.y[split_rows(len(dataset.y), recipe.validation, seed)[0]].astype(np.float64)
    unit = TargetUnit(float(y.mean()), float(y.std()) or 1.0)
    truth = dataset.true_parameters
    if truth is not None:
        truth = np.append(*unit.convert(truth[:-1], truth[-1]))
    y, test_y = unit.apply(dataset.y), unit.apply(dataset.test_y)
    return replace(dataset, y=y, test_y=test_y, true_parameters=truth, unit=unit)


def resolve_recipe(recipe: Recipe, dataset: Dataset, seed: int) -> Recipe:
    """Put numbers in the place of all that is relative to the data; may raise `InputError`."""
    update: dict[str, Any] = {}
    if recipe.loss.is_relative:
        update["loss"] = recipe.loss.resolve(_measure_start(recipe, dataset, seed))
    if recipe.class_weights is not None:
        update["class_weights"] = _weigh_classes(recipe, dataset, seed)
    return recipe.model_copy(update=update) if update else recipe


def _weigh_classes(recipe: Recipe, dataset: Dataset, seed: int) -> list[float]:
    """List the weight of each class, (K,), from the rows that training sees; 0 without rows."""
    n_classes = dataset.n_classes
    if problem := find_wrong_weights(recipe, n_classes):
        raise InputError(problem)
    if isinstance(recipe.class_weights, list):
        return recipe.class_weights
    labels = dataset.y[split_rows(len(dataset.y), recipe.validation, seed)[0]]
    counts = np.bincount(labels, minlength=n_classes)
    shares = len(labels) / (np.count_nonzero(counts) * np.maximum(counts, 1))
    return np.where(counts, shares, 0.0).tolist()


def find_wrong_weights(recipe: Recipe, n_classes: int) -> str:
    """Say what is wrong with class weights that are not as many as classes; else nothing."""
    weights = recipe.class_weights
    if not isinstance(weights, list) or len(weights) == n_classes:
        return ""
    return (
        f"recipe.class_weights lists {len(weights)} numbers, and there are {n_classes} classes: "
        "list one for each class."
    )


def _measure_start(recipe: Recipe, dataset: Dataset, seed: int) -> float:
    """Measure the spread of the residuals at the start of a run, in the unit of its targets."""
    X, y = dataset.X, dataset.y.astype(np.float64)
    if recipe.validation is not None:  # Large tables are copied only where they must be.
        rows = split_rows(len(y), recipe.validation, seed)[0]
        X, y = X[rows], y[rows]
    W, b = draw_init(recipe.init, X.shape[1], 0, seed)
    residual = y - b - (X @ W if W.any() else 0.0)  # Large tables are not copied for it.
    spread = NORMAL_PER_MAD * float(np.median(np.abs(residual - np.median(residual))))
    if not spread > 0.0:
        raise InputError(
            f"recipe.loss says times_mad, but with seed {seed} at least half of the residuals at "
            "the start are equal, so their median absolute deviation is 0: give the loss a number "
            "in target units."
        )
    return spread
