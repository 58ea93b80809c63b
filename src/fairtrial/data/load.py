"""A task's data for one seed, whatever kind the task is."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from fairtrial.data.dataset import Dataset
from fairtrial.data.images import Images, load_images
from fairtrial.data.line import line_data, linear_data
from fairtrial.settings import IMAGE_TASKS, AnyTask

# Images do not depend on the seed and are large: read once.
load_images_once = lru_cache(maxsize=2)(load_images)


def load_dataset(task: AnyTask, seed: int) -> Dataset:
    """Load or draw the data of a task.

    Parameters
    ----------
    task : LineTask, LinearTask, FashionMnistTask or DigitsTask
        What to train on.
    seed : int
        The run's seed; image tasks are the same for every seed.

    Returns
    -------
    Dataset
        Training and test rows.

    Raises
    ------
    MachineError
        If the images cannot be had.
    """
    if task.kind == "line":
        return line_data(task, seed)
    if task.kind == "linear":
        return linear_data(task, seed)
    return _make_dataset(load_images_once(task.kind))


def fingerprint_data(task: AnyTask) -> str:
    """Fingerprint the data of a task that come from outside; "" where they are made here.

    Raises
    ------
    MachineError
        If the images cannot be had.
    """
    if task.kind in IMAGE_TASKS:
        return load_images_once(task.kind).fingerprint
    return ""


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
