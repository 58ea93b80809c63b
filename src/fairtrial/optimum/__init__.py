"""The exact minimiser of a training objective on given rows, in float64, with a certificate."""

from dataclasses import replace
from typing import Any

import numpy as np
from scipy import special

from fairtrial.cores import on_one_core
from fairtrial.kinds.losses.numbers import CrossEntropy, Hinge, Smooth, measure_rows
from fairtrial.optimum.margins import solve_margins
from fairtrial.optimum.newton import solve_smooth
from fairtrial.optimum.residuals import solve_residuals
from fairtrial.optimum.softmax import solve_softmax
from fairtrial.optimum.standard import ClassRows, Clock, Optimum
from fairtrial.study.recipe import Recipe

BUDGET = 30.0


def find_optimum(
    recipe: Recipe, X: np.ndarray, y: np.ndarray, n_classes: int, budget: float = BUDGET
) -> Optimum:
    """Find the exact minimiser of the loss and penalty of a recipe, in which nothing is relative.

    The features (N, D) are those of training, divided by the divisor of the dataset; the targets
    (N,) are numbers, or classes from 0 if there are `n_classes`. The budget is about in seconds.
    """
    clock = Clock.start(budget)
    X, minimiser = np.asarray(X, float), recipe.loss.minimiser
    D, K = X.shape[1], (n_classes,) if n_classes else ()
    nothing = np.zeros((D, *K)), np.zeros(K)
    other = recipe.optimizer.other_objective
    problem = f"{recipe.optimizer.kind} does not minimise the loss, since {other}" if other else ""
    if problem or isinstance(minimiser, str):
        return Optimum(*nothing, problem=problem or str(minimiser), is_general=True)
    if not (np.isfinite(X).all() and np.isfinite(y).all()):
        return Optimum(*nothing, problem="some features or targets are not finite")
    with on_one_core:
        if isinstance(minimiser, CrossEntropy | Hinge):
            labels = np.asarray(y, np.intp)
            rows = ClassRows(X, labels, n_classes, _weigh_rows(recipe, labels))
            solve: Any = solve_margins if isinstance(minimiser, Hinge) else solve_softmax
            found = solve(minimiser, recipe.penalty, rows, clock)
        elif isinstance(minimiser, Smooth):
            found = solve_smooth(minimiser, recipe.penalty, X, np.asarray(y, float), clock)
        else:
            found = solve_residuals(minimiser, recipe.penalty, X, np.asarray(y, float), clock)
    problem = found.problem
    if not problem and found.certificate > found.tolerance:
        problem = (
            f"not certified: the optimality condition is missed by {found.certificate:.1g}, "
            f"and at most {found.tolerance:.0e} is allowed"
        )
    objective = measure_objective(recipe, X, y, found.W, found.b)
    is_late = problem == clock.say()
    return replace(found, problem=problem, is_general=is_late, objective=objective)


def _weigh_rows(recipe: Recipe, labels: np.ndarray) -> np.ndarray:
    """Return what the loss of each row is multiplied by, (N,)."""
    weights = recipe.class_weights
    return np.ones(len(labels)) if weights is None else np.asarray(weights, float)[labels]


def measure_objective(
    recipe: Recipe, X: np.ndarray, y: np.ndarray, W: np.ndarray, b: np.ndarray
) -> float:
    """Compute the objective of a recipe in float64: mean loss, plus the penalties on weights.

    Features (N, D) and targets (N,) are as in training, parameters (D,) and (), or (D, K) and (K,).
    """
    W = np.asarray(W, float)
    prediction = np.asarray(X, float) @ W + np.asarray(b, float)
    if recipe.loss.on_classes:
        labels = np.asarray(y)
        losses = _weigh_rows(recipe, labels) * _measure_labels(recipe, prediction, labels)
    else:
        losses = measure_rows(recipe.loss, np.asarray(y, float) - prediction)
    penalty = recipe.penalty
    return float(
        losses.mean() + penalty.on_squares * (W**2).sum() + penalty.on_sizes * np.abs(W).sum()
    )


def _measure_labels(recipe: Recipe, logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the loss of each row, (N,), from logits (N, K)."""
    minimiser = recipe.loss.minimiser
    own = np.take_along_axis(logits, labels[:, None], 1)
    if isinstance(minimiser, Hinge):
        others = 1.0 + logits - own
        np.put_along_axis(others, labels[:, None], 0.0, 1)
        return others.max(1) ** (2 if minimiser.is_squared else 1)
    assert isinstance(minimiser, CrossEntropy)
    chosen = own[:, 0] + minimiser.label_smoothing * (logits.mean(1) - own[:, 0])
    return special.logsumexp(logits, axis=1) - chosen
