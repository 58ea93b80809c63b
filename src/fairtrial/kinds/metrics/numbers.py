"""Metrics: what runs are measured by, a function of the truth and of what is predicted."""

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Concatenate, Literal, overload

import numpy as np
from pydantic_core import PydanticUndefined

from fairtrial.errors import InputError
from fairtrial.kinds.mechanism.failures import ResultError, describe_failure, locate_failure
from fairtrial.kinds.mechanism.kind import Kind, KindSettings, P
from fairtrial.kinds.mechanism.registry import Family, decorate
from fairtrial.kinds.mechanism.signature import refuse
from fairtrial.kinds.metrics.runs import RUN_METRICS, RunMetric
from fairtrial.settings.base import Share
from fairtrial.settings.complaints import write_bare

Form = Literal["numbers", "classes", "confidence", "probabilities", "log_probabilities"]

HELD_OUT, TRAIN = "validation_", "train_"
"""What the names of metrics on the validation rows, and on the training rows, begin with."""
# Columns of tables of runs have these names, or begin so.
TAKEN = (
    "run", "arm", "entry", "varied", "seed", "data_sha256", "outcome", "ended_at", "steps",
    "epochs", "batch_size", "validation", "average", "n_test_rows", "right", "loss", "standardise",
    "class_weights",
)  # fmt: skip
PREFIXES = (HELD_OUT, TRAIN)


class MetricSettings(KindSettings):
    """Settings of a metric."""

    @property
    def column(self) -> str:
        """Its name in tables and claims: the kind, and the settings that are not its defaults."""
        named = {
            name: getattr(self, name)
            for name, one in type(self).model_fields.items()
            if name != "kind"
            and (one.default is PydanticUndefined or getattr(self, name) != one.default)
        }
        return " ".join([self.kind, *(f"{name}={write_bare(one)}" for name, one in named.items())])

    def find_misfit(self, n_classes: int) -> str:
        """Say in a sentence why it says nothing of so many classes; an empty text if it does."""
        return self.ask(self.definition.misfit, n_classes) or ""

    def measure(self, truth: np.ndarray, prediction: np.ndarray) -> float:
        """Measure predictions, (N,) or (N, K) as the kind's `of` says.

        The truth (N,) are numbers in target units, float64, or classes from 0, of int. Raises
        `InputError` if the function fails, or returns no number.
        """
        function, given = self.definition.function, (truth.view(), prediction.view())
        for one in given:
            one.flags.writeable = False  # The next metric is of the same arrays.
        try:
            with np.errstate(all="ignore"):  # A run that diverged has infinite errors.
                found = function(*given, **self.own)
                if np.ndim(found) or not np.isrealobj(found) or isinstance(found, str | None):
                    kind = type(found).__name__
                    raise ResultError(
                        f"a wrong result: it returns {kind}, and must return a number"
                    )
                return float(found)
        except Exception as error:
            raise InputError(
                f"{locate_failure(error, function)}: the metric {self.kind} fails with "
                f"{describe_failure(error)}. `fairtrial check FILE` checks a file of kinds."
            ) from None


METRICS: Family[MetricSettings] = Family("metric", MetricSettings)

if TYPE_CHECKING:  # The kinds of the family in other modules.
    from fairtrial.kinds.metrics.classes import accuracy as accuracy
    from fairtrial.kinds.metrics.classes import auc as auc
    from fairtrial.kinds.metrics.classes import balanced_accuracy as balanced_accuracy
    from fairtrial.kinds.metrics.classes import brier as brier
    from fairtrial.kinds.metrics.classes import cross_entropy as cross_entropy
    from fairtrial.kinds.metrics.classes import (
        expected_calibration_error as expected_calibration_error,
    )
    from fairtrial.kinds.metrics.classes import log_loss as log_loss
    from fairtrial.kinds.metrics.classes import macro_f1 as macro_f1
    from fairtrial.kinds.metrics.classes import mcc as mcc
    from fairtrial.kinds.metrics.classes import recall as recall
    from fairtrial.kinds.metrics.classes import top_k as top_k
else:
    __getattr__ = METRICS.get_attribute


@dataclass(frozen=True, eq=False, kw_only=True)
class Metric(Kind[P]):
    """A metric of predictions.

    Attributes
    ----------
    of : str
        What it is a function of. `"numbers"`: predicted numbers, (N,), in target units.
        `"classes"`: predicted classes, (N,), from 0. `"probabilities"`: those of all classes,
        (N, K). `"log_probabilities"`: their logarithms, of models that have logits.
        `"confidence"`: the predicted class and its probability, (N, 2).
    higher_is_better : bool
        Which way is better.
    worst : float or None
        The worst value that there is, for runs that diverged; None where there is none.
    unit : str
        Its unit; "" where it has none.
    by_default : bool
        Whether runs are measured by it where no study names it; for fairtrial's own metrics alone.
    undefined : str
        Why a finished run has no value, and what to do, as sentences.
    misfit : callable or None
        Of the number of classes and of settings: the sentence that it says nothing of so many
        classes, or "".
    """

    family = METRICS
    data = ("truth", "prediction")
    given = frozenset({"n_classes"})
    # What evidence asks of every metric; see `RunMetric`.
    of_the_end, of_objective, never = True, False, ""
    of_predictions = True

    reference: str = "scikit-learn"
    of: Form = "numbers"
    higher_is_better: bool = False
    worst: float | None = None
    unit: str = ""
    by_default: bool = False
    undefined: str = "It is not defined on these rows: claim on another metric."
    misfit: Callable[..., str] | None = None

    @property
    def on_classes(self) -> bool:
        """Whether it is about classes; else about numbers."""
        return self.of != "numbers"

    @property
    def about(self) -> str:
        """What targets it is about: `"numbers"` or `"classes"`."""
        return "classes" if self.on_classes else "numbers"

    def check_facts(self, known: set[str]) -> None:
        """Refuse facts that nothing can be measured by, and names of other columns."""
        super().check_facts(known)
        if self.by_default and not self.function.__module__.startswith("fairtrial."):
            reason = (
                "its by_default is for fairtrial's own metrics: name it in metrics of the study"
            )
            raise refuse(self.function, reason)
        if self.name in {*TAKEN, *RUN_METRICS} or self.name.startswith(PREFIXES):
            reason = "tables of runs have a column of this name: give the function another name"
            raise refuse(self.function, reason)


Measure = Callable[Concatenate[Any, Any, P], Any]


@overload
def metric(function: Measure[P], /) -> Metric[P]: ...
@overload
def metric(**facts: Any) -> Callable[[Measure[P]], Metric[P]]: ...
def metric(function: Any = None, /, **facts: Any) -> Any:
    """Make a metric of a function of the truth and the prediction; the facts are `Metric`'s.

    Parameters
    ----------
    function : callable
        Of NumPy arrays: the truth, (N,), and the prediction, as `of` says. It returns a number, or
        NaN where it is not defined.
    """
    return decorate(Metric, function, facts)


def list_kinds() -> list[Metric[...]]:
    """List all metrics of predictions."""
    kinds: Any = METRICS
    return [*kinds]


def find_metric(name: str) -> Metric[...] | RunMetric | None:
    """Find what is known of a metric by its name in tables and claims; None if there is none."""
    if name in RUN_METRICS:
        return RUN_METRICS[name]
    found: Any = METRICS.get(name.removeprefix(HELD_OUT).partition(" ")[0])
    return found


def read_metric(name: str) -> MetricSettings | None:
    """Read the settings of a metric of predictions from its name; None where it is no such name."""
    kind, *settings = name.removeprefix(HELD_OUT).split(" ")
    if (found := METRICS.get(kind)) is None:
        return None
    try:
        values = {
            key: _read_value(text) for key, _, text in (one.partition("=") for one in settings)
        }
        made = found(**values)
    except InputError:
        return None
    return made if made.column == name.removeprefix(HELD_OUT) else None


def _read_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def take_metric(name: str) -> Metric[...] | RunMetric:
    """Take what is known of a metric that there is."""
    found = find_metric(name)
    assert found is not None, name
    return found


# ---------------------------------------------------------------------------------------- numbers


@metric(unit="squared target units", by_default=True, label="MSE", also="meansquarederror")
def mse(truth: Any, prediction: Any) -> Any:
    """Mean squared error.

    References
    ----------
    `mean_squared_error` of scikit-learn.
    """
    return np.mean((truth - prediction) ** 2)


@metric(unit="target units", by_default=True, label="MAE", also="meanabsoluteerror")
def mae(truth: Any, prediction: Any) -> Any:
    """Mean absolute error.

    References
    ----------
    `mean_absolute_error` of scikit-learn.
    """
    return np.mean(np.abs(truth - prediction))


@metric(unit="target units", by_default=True, label="RMSE", also="rootmeansquarederror")
def rmse(truth: Any, prediction: Any) -> Any:
    """Root of the mean squared error.

    References
    ----------
    `root_mean_squared_error` of scikit-learn.
    """
    return mse.function(truth, prediction) ** 0.5


EQUAL_TARGETS = (
    "It is not defined where all test targets of a seed are equal: claim on another metric, or "
    "hold out more test rows."
)


@metric(
    higher_is_better=True,
    by_default=True,
    undefined=EQUAL_TARGETS,
    label="R²",
    also="rsquared r2score",
)
def r2(truth: Any, prediction: Any) -> Any:
    """Share of the targets' variance that is explained, with any mean error counted against it.

    References
    ----------
    `r2_score` of scikit-learn, which returns 0 or 1 where all targets are equal.
    """
    variance = np.var(truth)
    return 1.0 - mse.function(truth, prediction) / variance if variance else np.nan


@metric(higher_is_better=True, undefined=EQUAL_TARGETS, also="evs explainedvariancescore")
def explained_variance(truth: Any, prediction: Any) -> Any:
    """Share of the targets' variance that is explained, whatever the mean error is.

    References
    ----------
    `explained_variance_score` of scikit-learn, which returns 0 or 1 where all targets are equal.
    """
    variance = np.var(truth)
    return 1.0 - np.var(truth - prediction) / variance if variance else np.nan


@metric(unit="target units", also="medae medianerror")
def median_absolute_error(truth: Any, prediction: Any) -> Any:
    """Median of the absolute errors.

    References
    ----------
    `median_absolute_error` of scikit-learn.
    """
    return np.median(np.abs(truth - prediction))


@metric(unit="target units", also="maxerror largesterror")
def max_error(truth: Any, prediction: Any) -> Any:
    """Maximum of the absolute errors.

    References
    ----------
    `max_error` of scikit-learn.
    """
    return np.max(np.abs(truth - prediction))


@metric(label="MAPE", also="meanabsolutepercentageerror percentageerror")
def mape(truth: Any, prediction: Any) -> Any:
    """Mean of the absolute errors as shares of the targets: 0.1 stands for 10 %.

    A target of 0 counts as 2.2e-16, so the value is huge where there is one.

    References
    ----------
    `mean_absolute_percentage_error` of scikit-learn.
    """
    size = np.maximum(np.abs(truth), np.finfo(np.float64).eps)
    return np.mean(np.abs(truth - prediction) / size)


@metric(unit="target units", also="quantileloss pinballloss meanpinballloss")
def pinball(truth: Any, prediction: Any, *, tau: Share = 0.5) -> Any:
    """Mean pinball loss, which is least where the prediction is the quantile `tau` of the targets.

    References
    ----------
    `mean_pinball_loss` of scikit-learn, which calls `tau` alpha.
    """
    error = truth - prediction
    return np.mean(np.maximum(tau * error, (tau - 1.0) * error))
