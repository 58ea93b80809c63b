"""Which metrics runs are measured by, and which a study may name."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated

from pydantic import AfterValidator

from fairtrial.kinds.metrics.numbers import (
    HELD_OUT,
    METRICS,
    Metric,
    MetricSettings,
    list_kinds,
    read_metric,
)
from fairtrial.kinds.metrics.runs import (
    LOSS_FLUCTUATION,
    OF_CLASSES,
    RATE,
    SPARSITY,
    TIME,
    TO_TOLERANCE,
    TRUTH,
    WAY,
)
from fairtrial.settings.complaints import Complaint, show
from fairtrial.settings.names import refuse_twins
from fairtrial.study.baseline import BaselineSettings
from fairtrial.study.features import UNMAPPED
from fairtrial.study.recipe import Recipe
from fairtrial.study.task import AnyTask


def _refuse_twins(metrics: list[MetricSettings]) -> list[MetricSettings]:
    return refuse_twins(metrics, [one.column for one in metrics], "metric")


NamedMetrics = Annotated[list[Annotated[MetricSettings, METRICS]], AfterValidator(_refuse_twins)]


def list_defaults(on_classes: bool) -> list[MetricSettings]:
    """List the metrics of predictions that runs are measured by where no study names them."""
    return [kind() for kind in list_kinds() if kind.by_default and kind.on_classes == on_classes]


def list_metrics(task: AnyTask, recipe: Recipe | BaselineSettings) -> list[str]:
    """Return the names of the metrics that runs are measured by, whatever a study names."""
    on_classes = task.has_classes
    defaults = list_defaults(on_classes)
    if not isinstance(recipe, Recipe):
        return [one.column for one in defaults if _has_form(one, recipe)]
    of_predictions = [*_list_columns(defaults, recipe)]
    sparsity = SPARSITY if recipe.penalty.on_sizes else {}
    return [*of_predictions, *_list_run_metrics(task, recipe), *sparsity]


def _list_run_metrics(task: AnyTask, recipe: Recipe) -> list[str]:
    if task.has_classes:
        return [*OF_CLASSES, *WAY]
    if task.has_truth and recipe.features == UNMAPPED:
        to_tolerance = TO_TOLERANCE if recipe.steps else ["epochs_to_tolerance"]
        return [*TRUTH, *to_tolerance, *WAY]
    # Where noise is put on a table's targets, the training loss is not the objective; nor is the
    # mean loss of an epoch's batches, each at other parameters.
    is_known = recipe.steps and not recipe.noise.data and recipe.loss.has_minimiser
    to_tolerance = TO_TOLERANCE if is_known else {}
    return [*to_tolerance, *RATE, *LOSS_FLUCTUATION]


def list_claimable(
    task: AnyTask, recipe: Recipe | BaselineSettings, named: Iterable[MetricSettings] = ()
) -> list[str]:
    """Return the names of all metrics that a claim on runs may name.

    Those are the metrics of `list_metrics`, all others of predictions that the runs can be measured
    by, with their defaults and as `named`, and the time.
    """
    bare = [kind() for kind in list_kinds() if not _needs_settings(kind)]
    fitting = [
        one
        for one in (*bare, *named)
        if one.definition.on_classes == task.has_classes and _has_form(one, recipe)
    ]
    known = [*list_metrics(task, recipe), *_list_columns(fitting, recipe), *TIME]
    return [*dict.fromkeys(known)]


def _list_columns(
    metrics: Sequence[MetricSettings], recipe: Recipe | BaselineSettings
) -> Iterator[str]:
    """List the names of metrics on the test rows, then on validation rows if there are any."""
    yield from (one.column for one in metrics)
    if isinstance(recipe, Recipe) and recipe.validation is not None:
        yield from (HELD_OUT + one.column for one in metrics)


def _needs_settings(kind: Metric[...]) -> bool:
    return any(one.is_required() for one in kind.settings.model_fields.values())


def _has_form(metric: MetricSettings, recipe: Recipe | BaselineSettings) -> bool:
    """Say whether runs of a recipe or a baseline predict what a metric is a function of."""
    form = metric.definition.of
    if isinstance(recipe, Recipe) or form in ("numbers", "classes"):
        return True
    return form != "log_probabilities" and recipe.has_probabilities


def list_wanted(named: Iterable[MetricSettings], claimed: Iterable[str]) -> list[MetricSettings]:
    """List the metrics of predictions that a study adds: those named, those its claims are on."""
    wanted = {one.column: one for one in named}
    for name in claimed:
        if found := read_metric(name):
            wanted.setdefault(found.column, found)
    return [one for one in wanted.values() if not one.definition.by_default]


def find_idle_metrics(
    named: Sequence[MetricSettings], tasks: Iterable[AnyTask]
) -> Iterator[Complaint]:
    """Yield a complaint for each named metric that no run of a study has."""
    kinds = {task.has_classes for task in tasks}
    for position, one in enumerate(named):
        on_classes = one.definition.on_classes
        if kinds and on_classes not in kinds:
            what = ("numbers", "classes") if on_classes else ("classes", "numbers")
            text = (
                f"metrics[{position}] = {show(one.column)} is a metric of {what[1]}, but the "
                f"targets of every arm are {what[0]}: leave it out."
            )
            yield Complaint(text, (("metrics", position),))
