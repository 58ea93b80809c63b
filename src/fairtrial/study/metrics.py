"""The metrics by name: what claims may be about, and which way is better."""

from __future__ import annotations

from dataclasses import dataclass

from fairtrial.study.baseline import AnyBaseline
from fairtrial.study.features import AS_THEY_COME
from fairtrial.study.recipe import Recipe
from fairtrial.study.task import AnyTask, has_classes

# The tasks whose true parameters are known.
SYNTHETIC_TASKS = ("line", "linear")


@dataclass(frozen=True)
class Metric:
    """One metric.

    Attributes
    ----------
    meaning : str
        What it measures, with its unit.
    higher_is_better : bool
        Which way is better.
    worst : float or None
        The worst value that there is, for runs that diverged; None where there is none.
    of_the_end : bool
        Whether the final parameters say it; else it is about the way there.
    of_objective : bool
        Whether it is in the unit of the run's own objective, so that only runs which share loss and
        penalty can be compared.
    never : str
        What a run without a value has never done, such as "arrives". Such a run counts as late: as
        its whole length. Empty where a lack of the value says nothing.
    undefined : str
        Why a finished run has no value, and what to do, as sentences.
    """

    meaning: str
    higher_is_better: bool = False
    worst: float | None = None
    of_the_end: bool = True
    of_objective: bool = False
    never: str = ""
    undefined: str = "Such short runs have no value: train them for longer."


def _list_number_metrics(rows: str, prefix: str = "") -> dict[str, Metric]:
    return {
        f"{prefix}mse": Metric(f"mean squared error on the {rows} rows, in squared target units"),
        f"{prefix}mae": Metric(f"mean absolute error on the {rows} rows, in target units"),
        f"{prefix}rmse": Metric(f"root mean squared error on the {rows} rows, in target units"),
        f"{prefix}r2": Metric(
            f"share of the {rows} targets' variance that is explained", higher_is_better=True,
            undefined=f"It is not defined where all {rows} targets of a seed are equal: claim on "
            f"another metric, or hold out more {rows} rows.",
        ),
    }  # fmt: skip


REGRESSION = _list_number_metrics("test")
NUMBER_VALIDATION = _list_number_metrics("validation", "validation_")
TRUTH = {
    "parameter_error": Metric("Euclidean distance from the true weights and intercept"),
    "excess_risk": Metric(
        "mean squared distance of predictions from the true line on the test rows, in squared "
        "target units"
    ),
}
TO_TOLERANCE = {
    "steps_to_tolerance": Metric(
        "steps until the parameter error stays below 5 % of the length of the true parameters; for "
        "tables, until the objective's gap to its minimum stays below 5 % of the gap at the start",
        of_the_end=False, never="arrives",
    )
}  # fmt: skip
RATE = {
    "n_rate_halvings": Metric(
        "how often the schedule halved the learning rate; 0 where no schedule does",
        of_the_end=False,
    ),
    # A diverged run counts as if it had been halved at once, not as one that was never halved.
    "first_rate_halving": Metric(
        "the step (epoch) after which the schedule first halved the learning rate",
        higher_is_better=True, worst=0.0, of_the_end=False, never="halves its rate",
    ),
}  # fmt: skip


def _list_fluctuations(name: str, of_what: str, *, of_objective: bool = False) -> dict[str, Metric]:
    return {
        f"{when}_{name}": Metric(
            f"standard deviation of the changes of {of_what} from one step (epoch) to the next, "
            f"over the {which} tenth of the run, or its {which} five changes if they are more",
            of_the_end=False, of_objective=of_objective,
        )
        for when, which in (("early", "first"), ("late", "last"))
    }  # fmt: skip


LOSS_FLUCTUATION = _list_fluctuations(
    "loss_fluctuation", "the training loss, in its unit,", of_objective=True
)
FLUCTUATION = _list_fluctuations(
    "fluctuation", "the parameter error, or with classes of the test accuracy,"
)


def _share_told_right(rows: str) -> Metric:
    return Metric(f"share of {rows} rows predicted correctly", higher_is_better=True, worst=0.0)


def _list_class_metrics(rows: str, prefix: str) -> dict[str, Metric]:
    return {
        f"{prefix}accuracy": _share_told_right(rows),
        f"{prefix}cross_entropy": Metric(f"mean cross-entropy on the {rows} rows, in nats"),
        f"{prefix}expected_calibration_error": Metric(
            f"mean gap between confidence and accuracy on the {rows} rows, over 15 equal bins of "
            "confidence",
            worst=1.0,
        ),
        f"{prefix}macro_f1": Metric(
            f"F1 score on the {rows} rows, mean over the classes", higher_is_better=True, worst=0.0
        ),
    }


CLASSES = {
    **_list_class_metrics("test", ""),
    "train_accuracy": _share_told_right("training"),
    "train_cross_entropy": Metric("mean cross-entropy on the training rows, in nats"),
    "generalization_gap": Metric("accuracy on the training rows minus that on test", worst=1.0),
    "final_minus_best": Metric(
        "test accuracy after the last epoch minus that of the best", higher_is_better=True,
        worst=-1.0, of_the_end=False,
    ),
    "epochs_to_tolerance": Metric(
        "epochs until the test accuracy stays within 0.01 of the run's best; for numbers, until "
        "the parameter error stays below 5 % of the length of the true parameters",
        of_the_end=False, never="arrives",
    ),
}  # fmt: skip
CLASS_VALIDATION = _list_class_metrics("validation", "validation_")
VALIDATION = CLASS_VALIDATION | NUMBER_VALIDATION
WAY = RATE | LOSS_FLUCTUATION | FLUCTUATION
# Of recipes with a penalty on absolute weights.
SPARSITY = {
    "n_zeros": Metric(
        "number of weights that are exactly 0; never of biases", higher_is_better=True, worst=0.0
    )
}
METRICS = REGRESSION | TRUTH | TO_TOLERANCE | CLASSES | VALIDATION | WAY | SPARSITY


def list_metrics(task: AnyTask, recipe: Recipe | AnyBaseline) -> list[str]:
    """Return the names of the metrics that runs of a task and a recipe are measured by.

    Baselines are measured by what they tell of the test rows.

    Examples
    --------
    >>> from fairtrial.study.task import LineTask
    >>> recipe = Recipe(loss="mae", optimizer="sgd", steps=9)
    >>> list_metrics(LineTask(kind="line"), recipe)[:7]
    ['mse', 'mae', 'rmse', 'r2', 'parameter_error', 'excess_risk', 'steps_to_tolerance']
    >>> list_metrics(LineTask(kind="line"), recipe)[7:10]
    ['n_rate_halvings', 'first_rate_halving', 'early_loss_fluctuation']
    """
    if not isinstance(recipe, Recipe):
        return ["accuracy", "macro_f1"] if has_classes(task) else [*REGRESSION]
    sparsity = SPARSITY if recipe.penalty.on_sizes else {}
    return [*_list_metrics(task, recipe), *sparsity]


def _list_metrics(task: AnyTask, recipe: Recipe) -> list[str]:
    if has_classes(task):
        return [*CLASSES, *(CLASS_VALIDATION if recipe.validation is not None else {}), *WAY]
    of_end = [*REGRESSION, *(NUMBER_VALIDATION if recipe.validation is not None else {})]
    if task.kind in SYNTHETIC_TASKS and recipe.features == AS_THEY_COME:
        to_tolerance = TO_TOLERANCE if recipe.steps else ["epochs_to_tolerance"]
        return [*of_end, *TRUTH, *to_tolerance, *WAY]
    # Where noise is put on a table's targets, the training loss is not the objective; nor is the
    # mean loss of an epoch's batches, each at other parameters.
    is_known = recipe.steps and not recipe.noise.data and recipe.loss.has_minimiser
    to_tolerance = TO_TOLERANCE if is_known else {}
    return [*of_end, *to_tolerance, *RATE, *LOSS_FLUCTUATION]
