"""The metrics that every run is measured by, whatever its own objective."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from fairtrial.data.dataset import USER_UNIT, Dataset, TargetUnit
from fairtrial.data.split import Part, split_parts
from fairtrial.data.targets import resolve_recipe, standardise_targets
from fairtrial.kinds.metrics.numbers import HELD_OUT, TRAIN, MetricSettings
from fairtrial.kinds.optimizers.common import sgd
from fairtrial.optimum import Optimum, find_optimum, measure_objective
from fairtrial.results.predictions import describe_classes, describe_logits, describe_numbers, score
from fairtrial.study.metrics import list_defaults
from fairtrial.study.recipe import Penalty, Recipe

if TYPE_CHECKING:
    from fairtrial.training.trace import End, Trace

# What counts as arrived, as a share: of the true parameters' length, of the gap at the start.
TOLERANCE = 0.05
# What counts as arrived at the best accuracy.
ACCURACY_TOLERANCE = 0.01
# The first and the last stretch of a run: a share of its changes, but not fewer than these.
STRETCH, FEWEST_CHANGES = 0.1, 5

Metrics = dict[str, float | None]


class Scorer:
    """Measures the runs of one seed on one data set, whose test rows have no injected noise.

    `validation` is the share of validation rows that their recipes hold out.
    """

    def __init__(self, dataset: Dataset, seed: int, validation: float | None):
        self.dataset, self._seed, self._validation = dataset, seed, validation
        self._optima: dict[Recipe, Optimum] = {}

    @cached_property
    def _split(self) -> dict[str, Part]:
        return split_parts(self.dataset, self._validation, self._seed)

    @cached_property
    def _parts(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Training, validation and test rows, as training sees them; float64."""
        return {
            prefix: (part.read().astype(np.float64) / self.dataset.divisor, part.y)
            for prefix, part in self._split.items()
        }

    def find_optimum(self, recipe: Recipe) -> Optimum:
        """Find the minimiser of what a recipe minimises on the training rows, once."""
        objective = keep_objective(recipe)
        if objective not in self._optima:
            (X, y), (stated, unit) = self._parts[TRAIN], self._state(objective)
            y = y if unit == USER_UNIT else unit.apply(y)
            found = find_optimum(stated, X, y, self.dataset.n_classes)
            W, b = unit.restore(found.W, found.b)
            others = tuple(unit.restore(*other) for other in found.others)
            self._optima[objective] = replace(found, W=W, b=b, others=others)
        return self._optima[objective]

    def _state(self, recipe: Recipe) -> tuple[Recipe, TargetUnit]:
        """Return a recipe with numbers for all that is relative to the data, and its unit."""
        dataset = standardise_targets(recipe, self.dataset, self._seed)
        return resolve_recipe(recipe, dataset, self._seed), dataset.unit

    def measure_run(self, trace: "Trace", recipe: Recipe) -> Metrics:
        """Measure what a run left, with all points of its curves.

        Returns the metrics that `study.metrics.list_metrics` names; None where a run never came
        within the tolerance.
        """
        metrics: Metrics = {**self.measure_end(trace), **score_sparsity(recipe, trace.W)}
        if not self.dataset.n_classes:
            if self.dataset.true_parameters is not None:
                unit = "steps" if recipe.steps else "epochs"
                metrics[f"{unit}_to_tolerance"] = self._count_to_truth(trace, recipe)
            elif recipe.steps and not recipe.noise.data:
                metrics["steps_to_tolerance"] = self._count_to_minimum(trace, recipe)
            return metrics | _score_rate_and_fluctuation(trace, "parameter_error")
        return metrics | {
            **_score_way(trace.curves["accuracy"], len(self.dataset.test_y)),
            **_score_rate_and_fluctuation(trace, "accuracy"),
        }

    def measure_end(self, end: "End | Trace") -> dict[str, float]:
        """Measure what a run ended with, or may have ended with: the metrics of the end alone."""
        if not self.dataset.n_classes:
            return self._measure_numbers(end.W, end.b)
        scores = self._recount(end.scores)
        metrics = dict(scores)
        for prefix, predicted in end.predictions.items():
            truth = self._split[prefix].y
            forms = describe_classes(predicted.classes, predicted.confidence)
            metrics |= score(list_defaults(True), truth, forms, prefix)
        gap = scores["train_accuracy"] - scores["accuracy"]
        return metrics | {"generalization_gap": gap}

    def _measure_numbers(
        self, W: np.ndarray, b: np.ndarray, metrics: Sequence[MetricSettings] = ()
    ) -> dict[str, float]:
        found = score_regression(W, b, self.dataset, metrics)
        if self._validation is not None:
            X, y = self._parts[HELD_OUT]
            forms = describe_numbers(X @ np.asarray(W, np.float64) + b)
            found |= score(metrics or list_defaults(False), y, forms, HELD_OUT)
        return found

    def _recount(self, scores: Mapping[str, float]) -> dict[str, float]:
        """Make accuracies counts over N again: float32 has rounded them, and ties must be ties."""
        return {
            name: float(recount(np.asarray(score), len(self._split[prefix].y)))
            if (prefix := name.removesuffix("accuracy")) != name
            else score
            for name, score in scores.items()
        }

    def mark_test_rows(self, end: "End | Trace") -> np.ndarray | None:
        """Say which test rows are predicted correctly, (N,) of bool; None for regression.

        A run that diverged has none, as in claims, where its accuracy counts as 0.
        """
        if not self.dataset.n_classes:
            return None
        right = end.predictions[""].classes == self.dataset.test_y
        return right & (getattr(end, "outcome", "") != "diverged")

    def measure_parameters(
        self, W: np.ndarray, b: np.ndarray, more: Sequence[MetricSettings] = ()
    ) -> dict[str, float]:
        """Measure parameters that no run has left: the metrics that they alone decide.

        Those are the ones that every run has, and `more` metrics of predictions.
        """
        metrics = [*list_defaults(self.dataset.n_classes > 0), *more]
        if not self.dataset.n_classes:
            return self._measure_numbers(W, b, metrics)
        found = {}
        for prefix, (X, labels) in self._parts.items():
            forms = describe_logits(X @ np.asarray(W, np.float64) + b)
            names = {"accuracy", "cross_entropy"} if prefix == TRAIN else None
            chosen = [one for one in metrics if names is None or one.column in names]
            found |= score(chosen, labels, forms, prefix)
        gap = found["train_accuracy"] - found["accuracy"]
        return found | {"generalization_gap": gap}

    def mark_parameters(self, W: np.ndarray, b: np.ndarray) -> np.ndarray | None:
        """Say which test rows parameters predict correctly, (N,) of bool; None for regression."""
        if not self.dataset.n_classes:
            return None
        X, labels = self._parts[""]
        return (X @ np.asarray(W, np.float64) + b).argmax(1) == labels

    def _count_to_truth(self, trace: "Trace", recipe: Recipe) -> float | None:
        truth, (at, gaps) = self.dataset.true_parameters, trace.curves["parameter_error"]
        assert truth is not None
        tolerance = TOLERANCE * float(np.linalg.norm(truth))
        if recipe.steps is None:  # Gaps after each epoch.
            arrived = count_to_tolerance(gaps, tolerance)
            return None if arrived is None else float(at[int(arrived)])
        last = np.linalg.norm(np.append(trace.W, trace.b).astype(np.float64) - truth)
        return count_to_tolerance(np.append(gaps, last), tolerance)

    def _count_to_minimum(self, trace: "Trace", recipe: Recipe) -> float | None:
        # That of the loss, whatever the optimizer minimises.
        optimum = self.find_optimum(recipe.model_copy(update={"optimizer": sgd()}))
        X, y = self._parts[TRAIN]
        stated, unit = self._state(recipe)
        if isinstance(stated.loss.minimiser, str):
            return None
        y = y if unit == USER_UNIT else unit.apply(y)
        last = measure_objective(stated, X, y, *unit.convert(trace.W, trace.b))
        gaps = np.append(trace.curves["loss"][1], last) - optimum.objective
        return count_to_tolerance(gaps, TOLERANCE * gaps[0])


def keep_objective(recipe: Recipe) -> Recipe:
    """Keep of a recipe what decides its minimum: loss, penalty, rows, features, unit of targets.

    Where the loss is relative to the data, the start decides it too. So does an optimizer that
    minimises something else.
    """
    objective = Recipe(
        loss=recipe.loss,
        standardise=recipe.standardise,
        class_weights=recipe.class_weights,
        penalty=Penalty(l2=recipe.penalty.on_squares, l1=recipe.penalty.on_sizes),
        validation=recipe.validation,
        features=recipe.features,
        optimizer=recipe.optimizer if recipe.optimizer.other_objective else sgd(),
        steps=1,
    )
    start = {"init": recipe.init} if recipe.loss.is_relative else {}
    return objective.model_copy(update=start)


def score_sparsity(recipe: Recipe, W: np.ndarray) -> dict[str, float]:
    """Count the weights that are exactly 0, for recipes with a penalty on absolute weights."""
    return {"n_zeros": float(np.count_nonzero(W == 0))} if recipe.penalty.on_sizes else {}


def score_regression(
    W: np.ndarray, b: np.ndarray, dataset: Dataset, metrics: Sequence[MetricSettings] = ()
) -> dict[str, float]:
    """Measure linear regression in float64, by the metrics that every run has if none are given.

    W is (D,) and b (). With true parameters there are also `parameter_error`, and `excess_risk` in
    squared target units.
    """
    parameters = np.append(W, b).astype(np.float64)
    test_X = dataset.test_X.astype(np.float64)
    forms = describe_numbers(test_X @ parameters[:-1] + parameters[-1])
    found = score(metrics or list_defaults(False), dataset.test_y, forms)
    if dataset.true_parameters is not None:
        gap = parameters - dataset.true_parameters
        found["parameter_error"] = float(np.linalg.norm(gap))
        found["excess_risk"] = float(np.mean((test_X @ gap[:-1] + gap[-1]) ** 2))
    return found


def recount(shares: np.ndarray, n_rows: int) -> np.ndarray:
    """Turn shares of rows, rounded to float32, into counts over their number in float64.

    Examples
    --------
    >>> float(np.float32(0.8)), float(recount(np.float32(0.8), 10_000))
    (0.800000011920929, 0.8)
    """
    return np.rint(np.asarray(shares, np.float64) * n_rows) / n_rows


def _score_way(accuracy: tuple[np.ndarray, np.ndarray], n_rows: int) -> Metrics:
    """Measure a run's way by its accuracy on the test rows, of that number, after each epoch."""
    epochs, values = accuracy[0], recount(accuracy[1], n_rows)
    best = values.max()
    arrived = count_to_tolerance(best - values, ACCURACY_TOLERANCE)
    return {
        "final_minus_best": float(values[-1] - best),
        "epochs_to_tolerance": None if arrived is None else float(epochs[int(arrived)]),
    }


def _score_rate_and_fluctuation(trace: "Trace", shared: str) -> Metrics:
    """Measure halvings of the rate, and how the loss and the `shared` metric fluctuate."""
    first = trace.first_halving
    metrics: Metrics = {
        "n_rate_halvings": float(trace.n_halvings),
        "first_rate_halving": None if first is None else float(first),
    }
    for quantity, name in (("loss", "loss_fluctuation"), (shared, "fluctuation")):
        if quantity in trace.curves:
            early, late = measure_fluctuation(trace.curves[quantity][1])
            metrics |= {f"early_{name}": early, f"late_{name}": late}
    return metrics


def measure_fluctuation(values: np.ndarray) -> tuple[float | None, float | None]:
    """Measure how a curve, (T,), fluctuates over its first and over its last tenth, in its unit.

    The fluctuation is the standard deviation of the changes from one point to the next. A trend
    does not count: a curve that falls in a straight line has equal changes, whose deviation is 0,
    however steep it is, whereas the standard deviation of its values would be that of the fall. A
    bend counts, by what it changes in the steps. Of independent noise about a straight line it is
    √2 times the noise's standard deviation. A tenth has at least five changes, or all if there are
    fewer; it is None where there are not two finite changes to compare.

    Examples
    --------
    >>> measure_fluctuation(np.array([9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0]))
    (0.0, 0.0)
    >>> early, late = measure_fluctuation(np.array([9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 5.0, 4.0, 5.0]))
    >>> round(early, 3), round(late, 3)
    (0.0, 1.095)
    """
    n_changes = len(values) - 1
    size = min(max(round(STRETCH * n_changes), FEWEST_CHANGES), n_changes)
    if size < 2:
        return None, None
    stretches = values[: size + 1], values[-size - 1 :]
    with np.errstate(invalid="ignore", over="ignore"):  # A diverged run ends with infinity.
        early, late = (float(np.std(np.diff(part.astype(float)), ddof=1)) for part in stretches)
    return (early if np.isfinite(early) else None), (late if np.isfinite(late) else None)


def count_to_tolerance(gaps: np.ndarray, tolerance: float) -> float | None:
    """Count the points before the first from which on all gaps are within a tolerance.

    Examples
    --------
    >>> count_to_tolerance(np.array([9.0, 0.5, 2.0, 0.9, 0.8]), 1.0)
    3.0
    >>> count_to_tolerance(np.array([0.5, 2.0]), 1.0) is None
    True
    """
    beyond = np.flatnonzero(~(gaps <= tolerance))
    arrived = 0 if not len(beyond) else int(beyond[-1]) + 1
    return float(arrived) if arrived < len(gaps) else None
