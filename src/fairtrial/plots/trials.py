"""What charts read of a trial: its runs by setting and series, its curves, rows and models."""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar
from weakref import WeakKeyDictionary

import numpy as np
import polars as pl
import scipy.special

from fairtrial.data.dataset import Dataset
from fairtrial.data.load import fingerprint_data, load_dataset
from fairtrial.errors import InputError
from fairtrial.plots.appearance import Looks, assign_looks
from fairtrial.plots.names import name_runs
from fairtrial.plots.summaries import Curves, list_unique, split_curves
from fairtrial.results.results import Results
from fairtrial.results.store import list_metrics
from fairtrial.study.features import UNMAPPED

METRICS_TO_SHOW = ("parameter_error", "accuracy", "mse")
"""Default metrics; the first that the runs have is shown."""

Result = TypeVar("Result")


def remember(function: Callable[..., Result]) -> Callable[..., Result]:
    """Keep the results of a function of a trial as long as the trial exists.

    A trial reads its tables once, so the results stay valid. Callers share a result and must not
    change it.
    """
    kept: WeakKeyDictionary[Results, dict[tuple[Any, ...], Result]] = WeakKeyDictionary()

    @functools.wraps(function)
    def recall(trial: Results, *rest: Any) -> Result:
        of_trial = kept.setdefault(trial, {})
        if rest not in of_trial:
            of_trial[rest] = function(trial, *rest)
        return of_trial[rest]

    return recall


def name_series(trial: Results, arms: Sequence[str] | None = None) -> tuple[pl.DataFrame, Looks]:
    """Return the runs of some arms (all if None) with setting and series, and all looks.

    The look of a series does not depend on the arms that are shown. It is an error if there are no
    such arms.
    """
    runs, looks = _name_all(trial)
    if arms is None:
        return runs, looks
    shown = runs.filter(pl.col("arm").is_in(arms))
    if shown.is_empty():
        raise InputError(f"{trial.folder} has none of the arms {list(arms)}.")
    return shown, looks


@remember
def _name_all(trial: Results) -> tuple[pl.DataFrame, Looks]:
    runs = name_runs(trial.runs)
    return runs, assign_looks(list_unique(runs, "series"))


@remember
def read_curves(trial: Results, quantity: str) -> Curves:
    """Read the curves of a quantity, run by run."""
    return split_curves(trial.curves, quantity)


@remember
def list_quantities(trial: Results) -> list[str]:
    """List the quantities that a trial has curves of, in alphabetical order."""
    return trial.curves["quantity"].unique().sort().to_list()


def choose_metric(trial: Results, metric: str | None = None) -> str:
    """Return the named metric, or the runs' default metric; an error if the runs do not have it."""
    known = list_metrics(trial.runs)
    wanted = [metric] if metric else METRICS_TO_SHOW
    found = [name for name in wanted if name in known]
    if not found:
        raise InputError(f"{trial.folder} has no metric {wanted[0]}: it has {', '.join(known)}.")
    return found[0]


def find_unit(runs: pl.DataFrame) -> str:
    """Return the unit of the length of the runs, "step" or "epoch", or both."""
    units = [
        name.removesuffix("s")
        for name in ("steps", "epochs")
        if name in runs.columns and runs[name].is_not_null().any()
    ]
    return " or ".join(units) or "epoch"


class Model(NamedTuple):
    """The final parameters of a run: W (D, K) or (D,), and b (K,) or ()."""

    W: np.ndarray
    b: np.ndarray

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predict scores or numbers: (N, D) to (N, K) or (N,), in float32 as in training."""
        return X @ self.W + self.b

    def predict_classes(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Predict the class of each row, and its probability: (N, D) to (N,) and (N,)."""
        chances = scipy.special.softmax(self.predict(X), axis=1)
        return chances.argmax(1), chances.max(1)


def load_rows(trial: Results, arm: str, seed: int, *, mapped: bool = True) -> Dataset:
    """Load or draw the rows that a run was trained and tested on.

    They are as its models see them if `mapped`; if not, without the features that they are mapped
    to, which take minutes to compute. It is an error if there is no such arm, or its file cannot be
    used or has changed since.
    """
    found = trial.find_arm(arm)
    trial.refuse_changed_data(found)
    fitted: tuple[Any, ...] = (None, UNMAPPED)
    if found.is_trained:
        fitted = found.recipe.validation, found.recipe.features if mapped else UNMAPPED
    # A file that has changed is the same task with other rows.
    version = fingerprint_data(found.task)
    return _load(found.task, version, seed, *fitted)  # pyright: ignore[reportArgumentType]


# A page asks for the same rows arm after arm.
@functools.lru_cache(maxsize=4)
def _load(task: Any, version: str, seed: int, validation: float | None, features: Any) -> Dataset:
    return load_dataset(task, seed, validation, features)


def scale_rows(X: np.ndarray, dataset: Dataset) -> np.ndarray:
    """Return features as training sees them: (N, D), float32."""
    return X.astype(np.float32) / np.float32(dataset.divisor)


def read_model(trial: Results, run: str) -> Model:
    """Read the final parameters of a run; an error if it has none, as a baseline."""
    found = trial.read_parameters(run)
    if found.keys() != {"W", "b"}:
        raise InputError(f"{trial.folder} has no parameters of run {run!r}.")
    return Model(found["W"], found["b"])
