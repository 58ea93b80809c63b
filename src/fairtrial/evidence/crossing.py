"""How much of a difference is owed to rows that all seeds share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from fairtrial.evidence.pairs import SIDES, WITHOUT, Pairs
from fairtrial.study.claims import Claim, Effect
from fairtrial.study.task import ImagesTask, TableTask, has_one_test_set
from fairtrial.trial.trial import Trial


def share_rows(claim: Claim, pairs: Pairs, trial: Trial) -> float | None:
    """Measure what rows that all seeds share add to the variance of a claim's mean difference.

    Parameters
    ----------
    claim : Claim
        What is claimed.
    pairs : Pairs
        Its matched runs, without a problem.
    trial : Trial
        Whose runs they are.

    Returns
    -------
    float or None
        A variance, in squared units of the metric. None where a verdict is over seeds alone:
        because the claim says so, because each seed draws rows of its own, as for lines, or because
        only test accuracy on such images is known row by row.

        All seeds of Fashion-MNIST and digits have the same test rows; their variance is taken from
        a crossed analysis of variance. All seeds of a table, and of images of the user's own, split
        the same rows anew, so that their differences hang together: with a share t of test rows,
        t / (1 - t) times their variance is a correction for it.

    References
    ----------
    Nadeau and Bengio (2003), "Inference for the generalization error", doi:10.1023/A:1024068626366.
    """
    task = pairs.arms[0][0].task
    alike = all(arm.task == task for pair in pairs.arms for arm in pair)
    if claim.over == "seeds" or not alike:
        return None
    if isinstance(task, TableTask | ImagesTask) and len(pairs.differences) > 1:
        return float(np.var(pairs.differences, ddof=1)) * task.test / (1.0 - task.test)
    if has_one_test_set(task) and claim.on == "accuracy":
        return estimate_row_variance(_subtract_rows(pairs, trial.test_rows, claim.effect))
    return None


def estimate_row_variance(differences: np.ndarray) -> float:
    """Estimate the variance of the grand mean that is owed to the rows, in a crossed design.

    Parameters
    ----------
    differences : (S, N)
        One for each seed and test row.

    Returns
    -------
    float
        The rows' variance component over N; 0 where it would be negative, or S or N is 1.

    References
    ----------
    Searle, Casella and McCulloch (1992), "Variance Components", chapter 4: the analysis of variance
    of two crossed random factors without replication.
    """
    n_seeds, n_rows = differences.shape
    if min(n_seeds, n_rows) < 2:
        return 0.0
    of_row = differences.mean(0)
    rest = differences - of_row - differences.mean(1, keepdims=True) + differences.mean()
    residual = float(np.sum(rest**2)) / ((n_seeds - 1) * (n_rows - 1))
    return max(0.0, float(np.var(of_row, ddof=1)) - residual / n_seeds) / n_rows


def _subtract_rows(pairs: Pairs, test_rows: pl.DataFrame, effect: Effect | None) -> np.ndarray:
    """Subtract who told which row right, `better` minus `than`; means over the pairs; (S, N)."""
    marks = dict(zip(test_rows["run"], test_rows["right"], strict=True))
    n_rows = dict(zip(test_rows["run"], test_rows["n_test_rows"], strict=True))

    def read(arm: str, seed: int) -> np.ndarray:
        run = f"{arm} #{seed}"
        packed = np.frombuffer(marks[run], np.uint8)
        return np.unpackbits(packed, count=n_rows[run]).astype(np.float64)

    def subtract(row: Mapping[str, Any]) -> np.ndarray:
        better, than = (
            read(row[side], row["seed"])
            - (read(row[against], row["seed"]) if against in row else 0.0)
            for side, against in zip(SIDES, WITHOUT, strict=True)
        )
        if effect is None or effect.size is None:
            return better - than
        # The size of an effect changes with its rows as the effect does, or against it.
        sizes = np.sign(better.mean()) * better - np.sign(than.mean()) * than
        return sizes if effect.size == "larger" else -sizes

    return np.stack([
        np.mean([subtract(row) for row in rows.to_dicts()], 0)
        for _, rows in pairs.table.group_by("seed", maintain_order=True)
    ])  # fmt: skip
