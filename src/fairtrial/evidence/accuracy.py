"""How accurate each arm is, with an interval over the seeds and the test rows."""

from __future__ import annotations

import numpy as np
import polars as pl
from scipy.stats import norm

from fairtrial.baselines import is_random
from fairtrial.errors import InputError
from fairtrial.study import Arm
from fairtrial.study.baseline import AnyBaseline
from fairtrial.trial.trial import Trial


def measure_accuracies(trial: Trial) -> pl.DataFrame:
    """Measure the test accuracy of each arm.

    Parameters
    ----------
    trial : Trial
        Of classes, on one set of test rows.

    Returns
    -------
    table
        `arm`, `accuracy` (mean over the seeds), `low`, `high` (its 95 % interval), `seeds`,
        `seconds` (of a run, mean over the seeds); the most accurate first. The interval is a
        normal one; its variance is that of the seeds' mean plus that of the mean over test rows,
        each row by the share of seeds that told it right: seeds and rows are crossed, so that the
        noise of single runs counts in both, and the interval errs on the wide side.

    Raises
    ------
    InputError
        If the runs are not of classes.
    """
    if trial.test_rows.is_empty():
        raise InputError(f"{trial.folder} has no accuracies: its task has no classes.")
    runs = trial.runs.join(trial.test_rows, on="run", how="inner", maintain_order="left")
    shared = {name for name, arm in trial.arms.items() if _is_fitted_once(arm)}
    rows = []
    for (arm,), group in runs.group_by("arm", maintain_order=True):
        right = np.array(
            [_unpack(*run) for run in group.select("right", "n_test_rows").iter_rows()]
        )
        accuracy = right.mean()
        of_rows = right.mean(0).var(ddof=1) / right.shape[1]
        of_seeds = right.mean(1).var(ddof=1) / len(right) if len(right) > 1 else 0.0
        half = norm.ppf(0.975) * np.sqrt(of_rows + of_seeds)
        # What all seeds share was fitted once, and each of them has its part of that time.
        seconds = group["seconds"].sum() if arm in shared else group["seconds"].mean()
        rows.append((arm, accuracy, accuracy - half, accuracy + half, len(right), seconds))
    names = ["arm", "accuracy", "low", "high", "seeds", "seconds"]
    return pl.DataFrame(rows, schema=names, orient="row").sort("accuracy", descending=True)


def _is_fitted_once(arm: Arm) -> bool:
    return isinstance(arm.recipe, AnyBaseline) and not is_random(arm.recipe)


def _unpack(right: bytes, n_test_rows: int) -> np.ndarray:
    return np.unpackbits(np.frombuffer(right, np.uint8), count=n_test_rows)
