"""How accurate each arm is, with an interval over the seeds and the test rows."""

from __future__ import annotations

import numpy as np
import polars as pl
from scipy.stats import norm, t

from fairtrial.baselines import is_random
from fairtrial.errors import InputError
from fairtrial.study import Arm
from fairtrial.study.baseline import AnyBaseline
from fairtrial.study.task import AnyTask, ImagesTask, TableTask, has_one_test_set
from fairtrial.trial.trial import Trial


def measure_accuracies(trial: Trial) -> pl.DataFrame:
    """Measure the test accuracy of each arm.

    Parameters
    ----------
    trial : Trial
        Of classes.

    Returns
    -------
    table
        `arm`, `accuracy` (mean over the seeds), `low`, `high` (its 95 % interval), `seeds`,
        `seconds` (of a run, mean over the seeds); the most accurate first.

        Where all seeds have the same test rows, the interval is a normal one; its variance is that
        of the seeds' mean plus that of the mean over test rows, each row by the share of seeds that
        told it right: seeds and rows are crossed, so that the noise of single runs counts in both,
        and the interval errs on the wide side. Seeds that split the same rows anew, of a table or
        of the user's own images, hang together: their interval is Student's, with the correction of
        Nadeau and Bengio; that of one seed is over its test rows.

    Raises
    ------
    InputError
        If the runs are not of classes.

    References
    ----------
    Nadeau and Bengio (2003), "Inference for the generalization error", doi:10.1023/A:1024068626366.
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
        half = _measure_half_width(right, trial.arms[arm].task)
        # What all seeds share was fitted once, and each of them has its part of that time.
        seconds = group["seconds"].sum() if arm in shared else group["seconds"].mean()
        rows.append((arm, accuracy, accuracy - half, accuracy + half, len(right), seconds))
    names = ["arm", "accuracy", "low", "high", "seeds", "seconds"]
    return pl.DataFrame(rows, schema=names, orient="row").sort("accuracy", descending=True)


def _measure_half_width(right: np.ndarray, task: AnyTask) -> float:
    """Measure half of the 95 % interval of a mean accuracy, from (S, N) rows told right."""
    n_seeds, n_rows = right.shape
    of_seeds = right.mean(1).var(ddof=1) if n_seeds > 1 else 0.0
    if isinstance(task, TableTask | ImagesTask) and n_seeds > 1:
        variance = of_seeds * (1.0 / n_seeds + task.test / (1.0 - task.test))
        return t.ppf(0.975, n_seeds - 1) * np.sqrt(variance)
    of_rows = right.mean(0).var(ddof=1) / n_rows
    return norm.ppf(0.975) * np.sqrt(of_rows + of_seeds / n_seeds)


def _is_fitted_once(arm: Arm) -> bool:
    is_alike = isinstance(arm.recipe, AnyBaseline) and not is_random(arm.recipe)
    return is_alike and has_one_test_set(arm.task)


def _unpack(right: bytes, n_test_rows: int) -> np.ndarray:
    return np.unpackbits(np.frombuffer(right, np.uint8), count=n_test_rows)
