"""The scoreboard: the metrics that every run is measured by, whatever its own objective."""

from __future__ import annotations

import numpy as np

from fairtrial.data.dataset import Dataset
from fairtrial.training.trace import Trace


def score(trace: Trace, dataset: Dataset) -> dict[str, float]:
    """Measure a run by the shared metrics.

    Parameters
    ----------
    trace : Trace
        What the run left.
    dataset : Dataset
        What it was trained on; its test rows are fresh, without any injected noise.

    Returns
    -------
    dict of str to float
        Regression: `mse`, `mae`, `rmse`, `r2` on the test rows, and `parameter_error` where there
        are true parameters. Classes: `accuracy` and `cross_entropy` on the test rows, and the same
        on the validation and training rows.
    """
    if dataset.n_classes:
        return dict(trace.scores)
    return score_regression(trace.W, trace.b, dataset)


def score_regression(W: np.ndarray, b: np.ndarray, dataset: Dataset) -> dict[str, float]:
    """Measure linear regression in float64.

    Parameters
    ----------
    W, b : (D,) and ()
        The parameters.
    dataset : Dataset
        Its test rows, and its true parameters if there are any.

    Returns
    -------
    dict of str to float
        `mse` (squared target units), `mae`, `rmse` (target units), `r2` (NaN where all targets are
        alike), `parameter_error`.
    """
    parameters = np.append(W, b).astype(np.float64)
    predicted = dataset.test_X.astype(np.float64) @ parameters[:-1] + parameters[-1]
    residual = dataset.test_y.astype(np.float64) - predicted
    mse = float(np.mean(residual**2))
    variance = float(np.var(dataset.test_y.astype(np.float64)))
    metrics = {
        "mse": mse,
        "mae": float(np.mean(np.abs(residual))),
        "rmse": mse**0.5,
        "r2": 1.0 - mse / variance if variance else float("nan"),
    }
    if dataset.true_parameters is not None:
        gap = parameters - dataset.true_parameters
        metrics["parameter_error"] = float(np.linalg.norm(gap))
    return metrics
