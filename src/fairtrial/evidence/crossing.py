"""How much of a difference in accuracy is owed to the test rows that happen to be there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from fairtrial.evidence.pairs import Pairs
from fairtrial.study.claims import Claim
from fairtrial.study.task import DigitsTask, FashionMnistTask


def cross_test_rows(claim: Claim, pairs: Pairs, test_rows: pl.DataFrame) -> float:
    """Measure what the choice of test rows adds to the variance of a claim's mean difference.

    Parameters
    ----------
    claim : Claim
        What is claimed.
    pairs : Pairs
        Its matched runs.
    test_rows : DataFrame
        `test_rows.parquet`: which test rows each run has told right.

    Returns
    -------
    float
        A variance, in squared units of the metric. 0 unless the claim is on test accuracy, over
        more than seeds, and all seeds share their test rows: where each seed draws its own, the
        spread over the seeds contains it.
    """
    shared = all(
        isinstance(arm.task, FashionMnistTask | DigitsTask) for pair in pairs.arms for arm in pair
    )
    if claim.on != "accuracy" or claim.over == "seeds" or not shared or pairs.problem:
        return 0.0
    return estimate_row_variance(_subtract_rows(pairs, test_rows))


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


def _subtract_rows(pairs: Pairs, test_rows: pl.DataFrame) -> np.ndarray:
    """Subtract who told which row right, `better` minus `than`; means over the pairs; (S, N)."""
    marks = dict(zip(test_rows["run"], test_rows["right"], strict=True))
    n_rows = int(test_rows["n_test_rows"].max())  # type: ignore[arg-type]

    def read(arm: str, seed: int) -> np.ndarray:
        packed = np.frombuffer(marks[f"{arm} #{seed}"], np.uint8)
        return np.unpackbits(packed, count=n_rows).astype(np.float64)

    def subtract(rows: Sequence[tuple[str, str, int]]) -> np.ndarray:
        return np.mean([read(better, seed) - read(than, seed) for better, than, seed in rows], 0)

    columns = pairs.table.select("better", "than", "seed")
    return np.stack([
        subtract(rows.rows()) for _, rows in columns.group_by("seed", maintain_order=True)
    ])  # fmt: skip
