"""The data rows of a run, loaded as in training, and the predictions of its model."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np
import scipy.special

from fairtrial.data.dataset import Dataset
from fairtrial.data.load import fingerprint_data, load_dataset
from fairtrial.errors import InputError
from fairtrial.results.results import Results
from fairtrial.study import Arm
from fairtrial.study.features import UNMAPPED


class Model(NamedTuple):
    """The final parameters of a run: its name, W (D, K) or (D,), and b (K,) or ()."""

    run: str
    W: np.ndarray
    b: np.ndarray

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predict scores or numbers: (N, D) to (N, K) or (N,), in float32 as in training."""
        return X @ self.W + self.b

    def predict_classes(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Predict the class of each row, and its probability: (N, D) to (N,) and (N,)."""
        chances = scipy.special.softmax(self.predict(X), axis=1)
        return chances.argmax(1), chances.max(1)


def find_arm(trial: Results, name: str) -> Arm:
    """Find an arm of a trial by its name; an error if there is none."""
    if name not in trial.arms:
        raise InputError(f"{trial.folder} has no arm {name!r}: it has {', '.join(trial.arms)}.")
    return trial.arms[name]


def load_rows(trial: Results, arm: str, seed: int, *, mapped: bool = True) -> Dataset:
    """Load or draw the rows that a run was trained and tested on.

    They are as its models see them if `mapped`; if not, without the features that they are mapped
    to, which take minutes to compute. It is an error if there is no such arm, or its file cannot be
    used or has changed since.
    """
    found = find_arm(trial, arm)
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
    return Model(run, found["W"], found["b"])
