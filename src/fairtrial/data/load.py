"""The data of a task of any kind for one seed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from fairtrial.data.dataset import Dataset
from fairtrial.data.features import map_features
from fairtrial.data.images.own_images import own_images_data, read_own_images
from fairtrial.data.images.sets import Images, load_images
from fairtrial.data.noise import add_noise
from fairtrial.data.synthetic.line import line_data, linear_data
from fairtrial.data.tables.table import read_table, table_data
from fairtrial.data.targets import refuse_other_number
from fairtrial.errors import InputError
from fairtrial.study.arms import Arm
from fairtrial.study.features import AS_THEY_COME, AnyFeatures, count_features, find_misfits
from fairtrial.study.recipe import Recipe
from fairtrial.study.task import (
    AnyTask,
    ImagesTask,
    LinearTask,
    LineTask,
    TableTask,
    has_images,
)

# Images are large and do not depend on the seed, so they are read once.
load_images_once = lru_cache(maxsize=2)(load_images)


class Shape(NamedTuple):
    """The size of a task's data: N, the number of test rows, D, and K (0 for regression)."""

    n_rows: int
    n_test_rows: int
    n_features: int
    n_classes: int


# Known without loading images.
IMAGE_SETS = {
    "fashion_mnist": Shape(60_000, 10_000, 784, 10),
    "digits": Shape(1_437, 360, 64, 10),
}


def load_dataset(
    task: AnyTask,
    seed: int,
    validation: float | None = None,
    features: AnyFeatures = AS_THEY_COME,
) -> Dataset:
    """Load or draw the data of a task.

    Parameters
    ----------
    task : AnyTask
        The task.
    seed : int
        The seed of the run; Fashion-MNIST and digits are the same for every seed.
    validation : float or None
        The share of validation rows in the recipe. Features of tables and feature maps are fitted
        without these rows.
    features : PixelFeatures, FourierFeatures, HogFeatures or PatchFeatures
        The map of the recipe; by default the features of the task.

    Returns
    -------
    Dataset
        Training and test rows; training rows with the noise of the task.

    Raises
    ------
    InputError
        If a table, or images of the user, cannot be used.
    MachineError
        If the images are not available, or their features cannot be written to disk.
    """
    dataset = _load_as_it_comes(task, seed, validation)
    if task.has_noisy_rows:
        dataset = add_noise(task, dataset, seed, has_images(task))
    if features == AS_THEY_COME:
        return dataset
    return map_features(features, dataset, seed, validation, has_images(task))


def _load_as_it_comes(task: AnyTask, seed: int, validation: float | None) -> Dataset:
    if isinstance(task, TableTask):
        return table_data(task, seed, validation)
    if isinstance(task, ImagesTask):
        return own_images_data(task, seed)
    if task.kind == "line":
        return line_data(task, seed)
    if task.kind == "linear":
        return linear_data(task, seed)
    return _make_dataset(load_images_once(task.kind))


def _make_dataset(images: Images) -> Dataset:
    return Dataset(
        X=images.train_images,
        y=images.train_labels.astype(np.int32),
        test_X=images.test_images,
        test_y=images.test_labels.astype(np.int32),
        n_classes=len(images.class_names),
        divisor=images.pixel_range,
        class_names=images.class_names,
    )


def measure_data(task: AnyTask, features: AnyFeatures = AS_THEY_COME) -> Shape:
    """Return the shape of a task's data, which is the same for every seed, without preparing it.

    Parameters
    ----------
    task : AnyTask
    features : AnyFeatures
        The map of the recipe.

    Raises
    ------
    InputError
        If a table, or images of the user, cannot be used.
    """
    shape = _measure_as_it_comes(task)
    return shape._replace(n_features=count_features(features, shape.n_features))


def _measure_as_it_comes(task: AnyTask) -> Shape:
    if isinstance(task, TableTask):
        table = read_table(task)
        n_test_rows = round(len(table.y) * task.test)
        n_rows = len(table.y) - n_test_rows
        return Shape(n_rows, n_test_rows, table.n_features, len(table.class_names))
    if isinstance(task, ImagesTask):
        own = read_own_images(task)
        n_test_rows = round(len(own.y) * task.test)
        n_rows = len(own.y) - n_test_rows
        return Shape(n_rows, n_test_rows, own.X.shape[1], len(own.class_names))
    if isinstance(task, LineTask | LinearTask):
        n_features = task.features if isinstance(task, LinearTask) else 1
        return Shape(task.rows, task.test_rows, n_features, 0)
    return IMAGE_SETS[task.kind]


def check_data(arms: Iterable[Arm]) -> None:
    """Read and check the data files of some arms before training.

    Raises
    ------
    InputError
        If there are errors in the files, or recipes do not fit them; it lists all.
    """
    problems, arms = [], list(arms)
    for task, features in dict.fromkeys((arm.task, arm.features) for arm in arms):
        try:
            if isinstance(task, TableTask):
                read_table(task)
            if isinstance(task, ImagesTask):
                shape = read_own_images(task).shape
                problems += [text for _, text in find_misfits(features, task.path, shape)]
        except InputError as error:
            problems.append(str(error))
    for arm in [] if problems else arms:
        if isinstance(arm.recipe, Recipe) and arm.recipe.class_weights is not None:
            try:
                refuse_other_number(arm.recipe, measure_data(arm.task).n_classes)
            except InputError as error:
                problems.append(str(error))
    problems = problems or [text for arm in arms for text in _find_misfit_of_start(arm)]
    if problems:
        raise InputError("\n".join(dict.fromkeys(problems)))


def _find_misfit_of_start(arm: Arm) -> Iterator[str]:
    """Yield a sentence where a given start does not fit the data."""
    given = arm.recipe.init.n_features if isinstance(arm.recipe, Recipe) else None
    if given is None:
        return
    shape = measure_data(arm.task, arm.features)
    if shape.n_classes:
        yield (
            f"arm {arm.name!r}: recipe.init has weights for a target of numbers, but the data has "
            "classes: use another start, such as 'normal'."
        )
    elif given != shape.n_features:
        yield (
            f"arm {arm.name!r}: recipe.init has {given} weights, but there are {shape.n_features} "
            "features: give one weight for each."
        )


def fingerprint_data(task: AnyTask) -> str:
    """Fingerprint data by its content, not by its place.

    Parameters
    ----------
    task : AnyTask
        The task; its data is loaded if necessary.

    Returns
    -------
    str
        A hexadecimal SHA-256: for a table of its file, for images of shapes and values.
        Empty for synthetic tasks, which depend only on settings and code.

    Raises
    ------
    InputError
        If a table, or images of the user, cannot be used.
    MachineError
        If the images are not available.
    """
    if isinstance(task, TableTask):
        return read_table(task).fingerprint
    if isinstance(task, ImagesTask):
        return read_own_images(task).fingerprint
    if isinstance(task, LineTask | LinearTask):
        return ""
    return load_images_once(task.kind).fingerprint
