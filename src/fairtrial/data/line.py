"""The synthetic line, `y = slope x + intercept + noise`, with noise of several kinds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fairtrial.data.dataset import Dataset
from fairtrial.randomness import make_stream
from fairtrial.settings import LineTask

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
    X, y = _draw_rows(task, seed, "data", task.rows)
    test_X, test_y = _draw_rows(task, seed, "test", task.test_rows)
    truth = np.array([task.slope, task.intercept])
    return Dataset(X, y, test_X, test_y, true_parameters=truth)


def _draw_rows(task: LineTask, seed: int, purpose: str, n_rows: int) -> tuple[Any, Any]:
    x = make_stream(seed, f"{purpose}.x").standard_normal(n_rows)
    noise = NOISES[task.noise.kind](make_stream(seed, f"{purpose}.noise"), n_rows, task.noise)
    y = task.slope * x + task.intercept + noise
    return x[:, None].astype(np.float32), y.astype(np.float32)
