"""The data of a task of any kind for one seed."""

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.random import Generator

from fairtrial.data.dataset import Dataset
from fairtrial.data.features.store import map_features
from fairtrial.data.sources import load_rows, measure_rows, read
from fairtrial.data.targets import find_wrong_weights
from fairtrial.errors import InputError
from fairtrial.kinds.data.datasets import Shape
from fairtrial.kinds.mechanism.plugins import explained
from fairtrial.kinds.mechanism.signature import refuse
from fairtrial.kinds.metrics.monitors import list_watched
from fairtrial.kinds.metrics.numbers import MetricSettings
from fairtrial.kinds.noise.bounds import BoundsError, check_bounds
from fairtrial.kinds.noise.corruptions import InputNoiseSettings, LabelNoiseSettings
from fairtrial.randomness import make_stream
from fairtrial.study.arm import Arm
from fairtrial.study.features import UNMAPPED, AnyFeatures
from fairtrial.study.task import AnyTask

NOISY_ROWS = 4096  # Rows of images that get their noise at a time.


def load_dataset(
    task: AnyTask, seed: int, validation: float | None = None, features: AnyFeatures = UNMAPPED
) -> Dataset:
    """Load or draw the data of a task, with its noise on the training rows.

    Features are fitted without the validation rows, whose share is that of the recipe. Raises
    `InputError` if the data cannot be used; `MachineError` if it is not available, or its features
    cannot be written to disk.
    """
    dataset = load_rows(task, seed, validation)
    if task.has_noisy_rows:
        dataset = add_noise(task, dataset, seed)
    if features == UNMAPPED:
        return dataset
    return map_features(features, dataset, seed, validation, task.has_images)


def measure_data(task: AnyTask, features: AnyFeatures = UNMAPPED) -> Shape:
    """Return the shape of a task's data, the same for every seed; errors as of `load_dataset`."""
    shape = task.known_shape or measure_rows(task)
    return shape._replace(n_features=features.count_features(shape.n_features))


def check_data(arms: Iterable[Arm], metrics: Iterable[MetricSettings] = ()) -> None:
    """Read and check the data of all arms, and a study's metrics, or raise one `InputError`."""
    problems, arms = [], list(arms)
    for task, features in dict.fromkeys((arm.task, arm.features) for arm in arms):
        try:
            if task.known_shape is None:
                measure_data(task)
            if task.has_images and task.image_shape is None:
                shape = read(task).image_shape
                problems += [
                    text
                    for _, text in features.find_misfits(getattr(task, "path", task.title), shape)
                ]
        except InputError as error:
            problems.append(str(error))
    problems = problems or [
        *(text for arm in arms if arm.is_trained for text in _find_misfits_of_recipe(arm)),
        *_find_misfits_of_metrics(metrics, [arm.task for arm in arms]),
    ]
    if problems:
        raise InputError("\n".join(dict.fromkeys(problems)))


def list_notes(arms: Iterable[Arm]) -> list[str]:
    """List what one should know of the tables of arms, as sentences; nothing of unusable ones."""
    notes: list[str] = []
    for task in dict.fromkeys(arm.task for arm in arms):
        if task.kind == "table":
            with contextlib.suppress(InputError):  # It is said by `check_data`.
                notes += getattr(read(task), "notes", ())
    return list(dict.fromkeys(notes))


def _find_misfits_of_metrics(
    metrics: Iterable[MetricSettings], tasks: Iterable[AnyTask]
) -> Iterator[str]:
    """Yield a sentence for each metric that says nothing of the classes of any task."""
    numbers = sorted({measure_data(task).n_classes for task in tasks} - {0})
    for one in metrics:
        misfits = [one.find_misfit(n_classes) for n_classes in numbers]
        if misfits and all(misfits):
            yield misfits[-1]


def _find_misfits_of_recipe(arm: Arm) -> Iterator[str]:
    """Yield what does not fit the data: weights of classes, a given start, or a watched metric."""
    if arm.recipe.class_weights is not None:
        n_classes = measure_data(arm.task).n_classes
        if problem := find_wrong_weights(arm.recipe, n_classes):
            yield problem
            return
    given, watched = arm.recipe.init.shape, list_watched(arm.recipe.monitors.values())
    if given is None and not watched:
        return
    shape = measure_data(arm.task, arm.features)
    if given not in (None, shape.of_weights):
        form = f"{shape.n_features} weight{'s' if shape.n_features > 1 else ''}"
        if shape.n_classes:
            form = f"a list of {form} for each of the {shape.n_classes} classes"
        yield (
            f"arm {arm.name!r}: recipe.init has weights for {_describe(*given)}, but the data has "
            f"{_describe(*shape.of_weights)}: give {form}."
        )
    if shape.n_classes:
        misfits = (one.find_misfit(shape.n_classes) for one in watched)
        yield from (f"arm {arm.name!r}: {misfit}" for misfit in misfits if misfit)


def _describe(n_features: int, n_classes: int = 0) -> str:
    """Describe the data that weights of a shape are for."""
    features = f"{n_features} feature{'s' if n_features > 1 else ''}"
    return f"{features} and {n_classes or 'no'} classes"


def fingerprint_data(task: AnyTask) -> str:
    """Fingerprint data by its content: a hexadecimal SHA-256; empty for rows that are drawn."""
    return "" if task.row_origin == "drawn" else read(task).fingerprint


# ------------------------------------------------------------------------------------------ noise


def add_noise(task: AnyTask, dataset: Dataset, seed: int) -> Dataset:
    """Put the noise of a task on the training rows, by the seed; test rows stay clean."""
    X, y = dataset.X, dataset.y
    if task.input_noise is not None:
        stream = make_stream(seed, "task.input_noise")
        # Pixels stay in their range, and whole numbers stay whole.
        if task.has_images and not task.is_prepared:
            X = _blur(task.input_noise, stream, X, dataset.divisor)
        else:
            X = _disturb(task.input_noise, stream, X.astype(np.float64)).astype(X.dtype)
    if task.label_noise is not None:
        stream = make_stream(seed, "task.label_noise")
        y = _draw(task.label_noise, stream, y, dataset.n_classes).astype(y.dtype)
    return replace(dataset, X=X, y=y)


def _disturb(noise: InputNoiseSettings, stream: Generator, X: np.ndarray) -> np.ndarray:
    noisy = _draw(noise, stream, X)
    try:
        check_bounds(noise, noisy, lambda other: other.call_function(stream, X))
    except BoundsError as error:
        raise InputError(error.describe("task.input_noise")) from None
    return noisy


def _blur(noise: InputNoiseSettings, stream: Generator, X: np.ndarray, divisor: int) -> np.ndarray:
    blurred = np.empty_like(X)
    for first in range(0, len(X), NOISY_ROWS):
        rows = slice(first, first + NOISY_ROWS)
        noisy = np.clip(_draw(noise, stream, X[rows] / divisor), 0.0, 1.0) * divisor
        blurred[rows] = np.rint(noisy) if X.dtype.kind == "u" else noisy
    return blurred


def _draw(
    noise: InputNoiseSettings | LabelNoiseSettings,
    stream: Generator,
    rows: np.ndarray,
    *n_classes: int,
) -> np.ndarray:
    """Draw noisy features, or, of so many classes, labels."""
    with explained(noise, f"the noise {noise.kind!r}"):
        noisy = np.asarray(noise.call_function(stream, rows, *n_classes))
    return take_noisy(noise, noisy, rows, *n_classes)


def take_noisy(
    noise: InputNoiseSettings | LabelNoiseSettings, noisy: Any, rows: np.ndarray, *n_classes: int
) -> np.ndarray:
    """Take what noise made of rows; refuse what cannot stand for them."""
    noisy = np.asarray(noisy)
    what, wrong = f"features {rows.shape}", "features that are no finite numbers"
    if n_classes:
        what = f"{len(rows):,} labels"
        wrong = f"labels that are no whole numbers from 0 to {n_classes[0] - 1}"
    if noisy.shape != rows.shape:
        wrong = f"{noisy.shape} for {what}, and must keep the shape"
    elif noisy.dtype.kind in "biuf":
        is_valid = np.isin(noisy, range(*n_classes)) if n_classes else np.isfinite(noisy)
        if is_valid.all():
            return noisy
    raise refuse(noise.definition.function, f"it returns {wrong}")
