"""Synthetic tasks, a line or many features, with noise of several kinds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fairtrial.data.dataset import Dataset
from fairtrial.randomness import make_stream
from fairtrial.study.task import LinearTask, LineTask

Noise = Callable[[np.random.Generator, int, Any], np.ndarray]


def draw_normal(stream: np.random.Generator, n_rows: int, noise: Any) -> np.ndarray:
    """Draw Gaussian noise with standard deviation `scale`; (N,), in target units."""
    return noise.scale * stream.standard_normal(n_rows)


def draw_uniform(stream: np.random.Generator, n_rows: int, noise: Any) -> np.ndarray:
    """Draw uniform noise on [-scale, scale]; (N,), in target units."""
    return noise.scale * stream.uniform(-1.0, 1.0, n_rows)


def draw_laplace(stream: np.random.Generator, n_rows: int, noise: Any) -> np.ndarray:
    """Draw Laplace noise with scale `scale` (variance 2 scale²); (N,), in target units."""
    return noise.scale * stream.laplace(size=n_rows)


def draw_student_t(stream: np.random.Generator, n_rows: int, noise: Any) -> np.ndarray:
    """Draw Student's t noise times `scale`; (N,), in target units."""
    return noise.scale * stream.standard_t(noise.degrees_of_freedom, n_rows)


def draw_contaminated(stream: np.random.Generator, n_rows: int, noise: Any) -> np.ndarray:
    """Draw Gaussian noise of which a `share` is `factor` times as wide; (N,), in target units.

    References
    ----------
    Tukey (1960), "A survey of sampling from contaminated distributions".
    """
    normal = stream.standard_normal(n_rows)
    wide = stream.random(n_rows) < noise.share
    return noise.scale * np.where(wide, noise.factor, 1.0) * normal


def draw_compressed_normal(stream: np.random.Generator, n_rows: int, noise: Any) -> np.ndarray:
    """Draw `sign(n) log(1 + |n|)` of a standard normal, times `scale`; (N,), in target units."""
    normal = stream.standard_normal(n_rows)
    return noise.scale * np.sign(normal) * np.log1p(np.abs(normal))


NOISES: dict[str, Noise] = {
    "normal": draw_normal,
    "uniform": draw_uniform,
    "laplace": draw_laplace,
    "student_t": draw_student_t,
    "contaminated": draw_contaminated,
    "compressed_normal": draw_compressed_normal,
}


def line_data(task: LineTask, seed: int) -> Dataset:
    """Draw the training and the test rows of a line task.

    Rows of one seed are the same for every slope, intercept and scale of noise: only named streams
    of the seed are drawn from.

    Parameters
    ----------
    task : LineTask
        Slope, intercept, numbers of rows, noise.
    seed : int
        The run's seed.

    Returns
    -------
    Dataset
        `X` (N, 1) and `y` (N,), float32; test rows likewise; `true_parameters` (slope, intercept).
    """
    return _draw_dataset(task, np.array([task.slope]), 0.0, seed)


def linear_data(task: LinearTask, seed: int) -> Dataset:
    """Draw the training and the test rows of a linear task.

    Parameters
    ----------
    task : LinearTask
        Number of features, weights, intercept, correlation, numbers of rows, noise.
    seed : int
        The run's seed.

    Returns
    -------
    Dataset
        `X` (N, D) and `y` (N,), float32; test rows likewise; `true_parameters` (D + 1,), the
        intercept last.
    """
    weights = task.weights
    if weights is None:
        weights = make_stream(seed, "truth.W").standard_normal(task.features)
    return _draw_dataset(task, np.asarray(weights), task.correlation, seed)


def _draw_dataset(
    task: LineTask | LinearTask, weights: np.ndarray, correlation: float, seed: int
) -> Dataset:
    def draw(purpose: str, n_rows: int) -> tuple[np.ndarray, np.ndarray]:
        X = make_stream(seed, f"{purpose}.x").standard_normal((n_rows, len(weights)))
        if correlation:
            # One draw that all features share makes every pair correlate alike.
            shared = make_stream(seed, f"{purpose}.shared").standard_normal((n_rows, 1))
            X = np.sqrt(1.0 - correlation) * X + np.sqrt(correlation) * shared
        noise = NOISES[task.noise.kind](make_stream(seed, f"{purpose}.noise"), n_rows, task.noise)
        y = X @ weights + task.intercept + noise
        return X.astype(np.float32), y.astype(np.float32)

    truth = np.append(weights, task.intercept)
    return Dataset(*draw("data", task.rows), *draw("test", task.test_rows), true_parameters=truth)
