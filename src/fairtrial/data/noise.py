"""Noise on the training rows of a data set."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.random import Generator

from fairtrial.data.dataset import Dataset
from fairtrial.kinds.mechanism.plugins import explained
from fairtrial.kinds.mechanism.signature import refuse
from fairtrial.kinds.noise.corruptions import InputNoiseSettings, LabelNoiseSettings
from fairtrial.randomness import make_stream
from fairtrial.study.task import AnyTask

CHUNK = 4096  # Rows of images that get their noise at a time.


def add_noise(task: AnyTask, dataset: Dataset, seed: int) -> Dataset:
    """Put the noise of a task on the training rows, validation rows too; test rows stay clean.

    The draws depend on the seed of the run, not on the recipe.
    """
    X, y = dataset.X, dataset.y
    if task.input_noise is not None:
        stream = make_stream(seed, "task.input_noise")
        # Pixels stay in their range, and whole numbers stay whole.
        if task.has_images and not task.is_prepared:
            X = _blur(task.input_noise, stream, X, dataset.divisor)
        else:
            X = _draw(task.input_noise, stream, X.astype(np.float64)).astype(X.dtype)
    if task.label_noise is not None:
        stream = make_stream(seed, "task.label_noise")
        y = _draw(task.label_noise, stream, y, dataset.n_classes).astype(y.dtype)
    return replace(dataset, X=X, y=y)


def _blur(noise: InputNoiseSettings, stream: Generator, X: np.ndarray, divisor: int) -> np.ndarray:
    blurred = np.empty_like(X)
    for first in range(0, len(X), CHUNK):
        rows = slice(first, first + CHUNK)
        noisy = np.clip(_draw(noise, stream, X[rows] / divisor), 0.0, 1.0) * divisor
        blurred[rows] = np.rint(noisy) if X.dtype.kind == "u" else noisy
    return blurred


def _draw(
    noise: InputNoiseSettings | LabelNoiseSettings,
    stream: Generator,
    rows: np.ndarray,
    *n_classes: int,
) -> np.ndarray:
    """Draw noisy features, or, of so many classes, labels; refuse what cannot stand for them."""
    with explained(noise, f"the noise {noise.kind!r}"):
        noisy = np.asarray(noise.draw(stream, rows, *n_classes))
    what, rule = f"features {rows.shape}", "features that are no finite numbers"
    if n_classes:
        what = f"{len(rows):,} labels"
        rule = f"labels that are no whole numbers from 0 to {n_classes[0] - 1}"
    if noisy.shape != rows.shape:
        reason = f"it returns {noisy.shape} for {what}, and must keep the shape"
        raise refuse(noise.definition.function, reason)
    is_number = noisy.dtype.kind in "biuf"
    if not (
        is_number and (np.isin(noisy, range(*n_classes)) if n_classes else np.isfinite(noisy)).all()
    ):
        raise refuse(noise.definition.function, f"it returns {rule}")
    return noisy
