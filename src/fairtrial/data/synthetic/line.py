"""Synthetic tasks: a line or many features, with several kinds of noise."""

from __future__ import annotations

import numpy as np

from fairtrial.data.dataset import Dataset
from fairtrial.randomness import make_stream
from fairtrial.study.task import LinearTask, LineTask


def line_data(task: LineTask, seed: int) -> Dataset:
    """Draw the training and the test rows of a line task.

    The draws of a seed come from named streams, so they are the same for every slope, intercept and
    scale of noise.

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
            # One shared draw gives every pair of features the same correlation.
            shared = make_stream(seed, f"{purpose}.shared").standard_normal((n_rows, 1))
            X = np.sqrt(1.0 - correlation) * X + np.sqrt(correlation) * shared
        stream = make_stream(seed, f"{purpose}.noise")
        noise = task.noise.draw(stream, n_rows, X)
        y = X @ weights + task.intercept + noise
        return X.astype(np.float32), y.astype(np.float32)

    truth = np.append(weights, task.intercept)
    return Dataset(*draw("data", task.rows), *draw("test", task.test_rows), true_parameters=truth)
