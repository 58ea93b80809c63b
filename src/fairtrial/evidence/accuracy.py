"""How accurate each arm is, with an interval over the seeds and the test rows."""

import numpy as np
import polars as pl

from fairtrial.errors import InputError
from fairtrial.evidence.statistics.crossing import unpack_marks
from fairtrial.evidence.statistics.sampling import sample_arm
from fairtrial.results.results import Results


def measure_accuracies(trial: Results) -> pl.DataFrame:
    """Measure the test accuracy of each arm of a trial of classes, the most accurate first.

    Runs that diverged are left out. The interval of one seed, and of arms that no seed changes, is
    over the test rows alone. That of more takes Student's factors for the seeds, so that it covers
    from two seeds on (`Sampling.measure_arm`). Columns: `arm`, `accuracy` (mean over the seeds),
    `low`, `high` (its 95 % interval), `over` (what that is over), `seeds`, `seconds` (of a run,
    mean over the seeds).
    """
    if trial.test_rows.is_empty():
        raise InputError(f"{trial.folder} has no accuracies: its task has no classes.")
    runs = trial.runs.filter(pl.col("outcome") != "diverged")
    if runs.is_empty():
        raise InputError(f"{trial.folder} has no accuracies: all of its runs diverged.")
    runs = runs.join(trial.test_rows, on="run", how="inner", maintain_order="left")
    shared = {name for name, arm in trial.arms.items() if arm.is_fitted_once}
    rows = []
    for (arm,), group in runs.group_by("arm", maintain_order=True):
        right = np.array([
            unpack_marks(*run) for run in group.select("right", "n_test_rows").iter_rows()
        ])  # fmt: skip
        basis = sample_arm(trial.arms[arm].task).measure_arm(right)
        low, high = np.clip(basis.tests.find_interval(), 0.0, 1.0)
        # What all seeds share was fitted once, and each of them has its part of that time.
        seconds = group["seconds"].sum() if arm in shared else group["seconds"].mean()
        rows.append((arm, right.mean(), low, high, basis.over, len(right), seconds))
    names = ["arm", "accuracy", "low", "high", "over", "seeds", "seconds"]
    return pl.DataFrame(rows, schema=names, orient="row").sort("accuracy", descending=True)
