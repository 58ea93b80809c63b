"""The scoreboard's metrics by name: what claims may speak of, and which way is better."""

from __future__ import annotations

from dataclasses import dataclass

from fairtrial.study.recipe import Recipe
from fairtrial.study.task import AnyTask, has_classes

# The tasks whose true parameters are known.
SYNTHETIC_TASKS = ("line", "linear")


@dataclass(frozen=True)
class Metric:
    """One metric of the scoreboard.

    Attributes
    ----------
    meaning : str
        What it measures, with its unit.
    higher_is_better : bool
        Which way is better.
    worst : float or None
        The worst value that there is, for runs that diverged; None where there is none.
    """

    meaning: str
    higher_is_better: bool = False
    worst: float | None = None


REGRESSION = {
    "mse": Metric("mean squared error on the test rows, in squared target units"),
    "mae": Metric("mean absolute error on the test rows, in target units"),
    "rmse": Metric("root mean squared error on the test rows, in target units"),
    "r2": Metric("share of the test targets' variance that is explained", higher_is_better=True),
}
TRUTH = {"parameter_error": Metric("Euclidean distance from the true weights and intercept")}


def _share_told_right(rows: str) -> Metric:
    return Metric(f"share of {rows} rows told right", higher_is_better=True, worst=0.0)


CLASSES = {
    "accuracy": _share_told_right("test"),
    "cross_entropy": Metric("mean cross-entropy on the test rows, in nats"),
    "train_accuracy": _share_told_right("training"),
    "train_cross_entropy": Metric("mean cross-entropy on the training rows, in nats"),
}
VALIDATION = {
    "validation_accuracy": _share_told_right("validation"),
    "validation_cross_entropy": Metric("mean cross-entropy on the validation rows, in nats"),
}
METRICS = REGRESSION | TRUTH | CLASSES | VALIDATION


def list_metrics(task: AnyTask, recipe: Recipe) -> list[str]:
    """Return the names of the metrics that runs of a task and a recipe are measured by.

    Examples
    --------
    >>> from fairtrial.study.task import LineTask
    >>> recipe = Recipe(loss="mae", optimizer="sgd", steps=9)
    >>> list_metrics(LineTask(kind="line"), recipe)
    ['mse', 'mae', 'rmse', 'r2', 'parameter_error']
    """
    if has_classes(task):
        return [*CLASSES, *(VALIDATION if recipe.validation is not None else {})]
    return [*REGRESSION, *(TRUTH if task.kind in SYNTHETIC_TASKS else {})]
