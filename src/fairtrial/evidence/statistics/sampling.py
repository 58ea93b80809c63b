"""How the runs of a claim were drawn, and the tests of differences that follow from it.

Every interval of the program is made here. The task says where its rows come from:

- Each seed draws its own: the differences of the seeds are independent, and nothing is added.
- All seeds have the same: what a run gets right of each test row is known, and the variance of the
  mean over the rows is added to that over the seeds.
- Each seed splits the same rows: the differences hang together, and Nadeau and Bengio's correction
  says how much.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl

from fairtrial.evidence.statistics.anytime import WidenedBets, place_bets
from fairtrial.evidence.statistics.crossing import (
    Marks,
    estimate_row_variance,
    find_least_variance,
    index_marks,
    subtract_rows,
)
from fairtrial.evidence.statistics.sign_flip import find_tolerance, list_subset_means
from fairtrial.evidence.statistics.student import StudentTests
from fairtrial.evidence.verdict import Basis
from fairtrial.results.results import Results
from fairtrial.study.arm import Arm
from fairtrial.study.claims import Claim
from fairtrial.study.task import AnyTask, RowOrigin

SIGN_FLIP, ANYTIME = "sign-flip test", "anytime-valid bets"
# What float32 may have changed of an accuracy.
ROUNDED = 1e-6
SEEDS, ROWS, BOTH = "seeds", "test rows", "seeds and test rows"


@dataclass(frozen=True)
class Sampling:
    """How the runs that are compared were drawn.

    References
    ----------
    Nadeau and Bengio (2003), "Inference for the generalization error", doi:10.1023/A:1024068626366.
    """

    # `SIGN_FLIP`, or `ANYTIME` where the number of seeds depends on what earlier ones showed
    method: str = SIGN_FLIP
    # Where their rows come from: drawn by each seed, fixed, or split by each seed
    rows: RowOrigin = "drawn"
    test_share: float = 0.0  # Share of test rows where each seed splits the same rows
    # Which test rows each run has right, where the metric is the share of them; else empty
    marks: Marks = field(default_factory=dict, repr=False)
    over_seeds: bool = False  # Whether the test rows do not count as a sample
    size: str | None = None  # Of a claim on the sizes of two effects: `smaller` or `larger`

    def subtract_rows(self, pairs: pl.DataFrame) -> np.ndarray | None:
        """Subtract the rows that pairs of runs have right; None where they are not known."""
        is_sample = self.marks and not self.over_seeds
        return subtract_rows(pairs, self.marks, self.size) if is_sample else None

    def find_basis(
        self,
        differences: np.ndarray,
        rows: np.ndarray | None = None,
        scale: float = 0.0,
        *,
        is_same: bool = False,
    ) -> Basis:
        """Find the tests of paired differences (n,), finite, one for each seed in their order.

        `rows` (n, N) are the same by test row, where it is known. `scale` is the largest value that
        was subtracted, which decides how exact the differences are. `is_same` says whether both
        sides are known to be the same computation.
        """
        tolerance = 0.0 if is_same else find_tolerance(differences, scale)
        if rows is not None and not np.allclose(rows.mean(1), differences, rtol=0.0, atol=ROUNDED):
            rows = None  # They are not those of these differences, so nothing is known of them.
        is_sample = not (is_same or self.over_seeds) and len(differences) > 0
        if is_sample and self.rows == "split":
            basis = self._test_splits(differences, rows, tolerance)
        elif is_sample and rows is not None:
            basis = self._test_crossed(differences, rows, tolerance)
        elif self.method == SIGN_FLIP:
            basis = Basis(list_subset_means(differences, 0.0, tolerance), SEEDS, is_joint=True)
        else:
            basis = Basis(place_bets(differences, tolerance), SEEDS)
        return replace(basis, tolerance=tolerance)

    def _test_crossed(self, differences: np.ndarray, rows: np.ndarray, tolerance: float) -> Basis:
        n, n_rows = rows.shape
        least = find_least_variance(n_rows)
        if self.method == SIGN_FLIP and n > 1 and np.all(rows == rows[0]):
            # No seed changes the difference of any row: what is left is the test rows.
            variance = max(float(np.var(rows[0], ddof=1)) / n_rows, least)
            centre = float(np.mean(differences))
            return Basis(
                StudentTests(centre, 0.0, np.inf, variance, 0.5**n, tolerance), ROWS, variance
            )
        variance = max(estimate_row_variance(rows), least)
        if self.method == SIGN_FLIP:
            tests = list_subset_means(differences, variance, tolerance)
            return Basis(tests, BOTH, variance, is_joint=True, row_means=rows.mean(0))
        bets = place_bets(differences, tolerance)
        return Basis(WidenedBets(bets, variance**0.5), BOTH, variance)

    def _test_splits(
        self, differences: np.ndarray, rows: np.ndarray | None, tolerance: float
    ) -> Basis:
        n = len(differences)
        variance = _measure_variance(differences, rows, tolerance)
        shared = variance * self._shared_factor
        if self.method == ANYTIME:
            bets = place_bets(differences, tolerance)
            # The variance is estimated, so its square root takes Student's factors.
            tests = WidenedBets(bets, shared**0.5, n - 1.0) if shared else bets
            return Basis(tests, BOTH, shared)
        if n < 2:
            return Basis(list_subset_means(differences, 0.0, tolerance), BOTH)
        centre = float(np.mean(differences))
        return Basis(
            StudentTests(centre, variance / n + shared, n - 1.0, 0.0, 0.5**n, tolerance),
            BOTH,
            shared,
        )

    def measure_mean(self, mean: float, variance: float, n_seeds: int) -> Basis:
        """Find the tests of the mean of one arm's metric over two seeds or more.

        Mean and variance are over the seeds, in the metric's unit and its square.

        Examples
        --------
        >>> ends = Sampling().measure_mean(1.0, 0.25, 4).tests.find_interval()
        >>> [round(end, 4) for end in ends]
        [0.2044, 1.7956]
        """
        shared = variance * self._shared_factor
        tests = StudentTests(mean, variance / n_seeds + shared, n_seeds - 1.0)
        return Basis(tests, BOTH if self.rows == "split" else SEEDS, shared)

    @property
    def _shared_factor(self) -> float:
        """What splits of the same rows share, in variances of one: t / (1 - t)."""
        return self.test_share / (1.0 - self.test_share)

    def measure_arm(self, right: np.ndarray) -> Basis:
        """Find the tests of one arm's accuracy, also of very few seeds.

        `right` (S, N) says which test rows each seed has right, as 0 and 1. Seeds get Student's
        factors. Seeds and rows are crossed, so that the noise of single runs counts in both
        variances, and the interval errs on the wide side.
        """
        n_seeds, n_rows = right.shape
        accuracies = right.mean(1)
        centre, degrees = float(right.mean()), n_seeds - 1.0
        least = find_least_variance(n_rows)
        if n_seeds < 2 or (self.rows == "fixed" and np.all(right == right[0])):
            of_rows = max(float(np.var(right[0], ddof=1)) / n_rows, least)
            return Basis(StudentTests(centre, 0.0, np.inf, of_rows), ROWS, of_rows)
        if self.rows == "split":
            variance = _measure_variance(accuracies, right, find_tolerance(accuracies))
            return self.measure_mean(centre, variance, n_seeds)
        of_seeds = float(np.var(accuracies, ddof=1)) / n_seeds
        if self.rows == "drawn":
            return Basis(StudentTests(centre, of_seeds, degrees), SEEDS)
        of_rows = max(float(np.var(right.mean(0), ddof=1)) / n_rows, least)
        return Basis(StudentTests(centre, of_seeds, degrees, of_rows), BOTH, of_rows)


def find_sampling(
    claim: Claim, arms: Sequence[tuple[Arm, ...]], method: str, trial: Results
) -> Sampling:
    """Find how the runs of a claim on some arms were drawn, by `SIGN_FLIP` or `ANYTIME`."""
    tasks = list_tasks(arms)
    origins = {task.row_origin for task in tasks}
    rows: RowOrigin = "split" if "split" in origins else tasks[0].row_origin
    marks = index_marks(trial.test_rows) if _has_marks(claim, tasks) else {}
    share = max(task.test_share for task in tasks)
    size = claim.effect.size if claim.effect else None
    return Sampling(method, rows, share, marks, over_seeds=claim.over == "seeds", size=size)


def sample_arm(task: AnyTask) -> Sampling:
    """Find how the runs of one arm were drawn, for the mean of its own metrics."""
    return Sampling(rows=task.row_origin, test_share=task.test_share)


def is_joint(claim: Claim, arms: Sequence[tuple[Arm, ...]]) -> bool:
    """Say, before anything is trained, whether a claim can be judged jointly with others.

    Its differences must be independent from seed to seed, but for fixed rows, and some seed must
    change a run.
    """
    tasks = list_tasks(arms)
    is_split = any(task.row_origin == "split" for task in tasks)
    is_constant = all(arm.is_fitted_once for pair in arms for arm in pair)
    return claim.over == "seeds" or not (is_split or (is_constant and _has_marks(claim, tasks)))


def list_tasks(arms: Sequence[tuple[Arm, ...]]) -> list[AnyTask]:
    """List the tasks of the arms that a claim compares."""
    return [arm.task for pair in arms for arm in pair]


def _has_marks(claim: Claim, tasks: Sequence[AnyTask]) -> bool:
    """Say whether the metric is known row by row; rows of two data sets cannot be subtracted."""
    return claim.on == "accuracy" and all(task == tasks[0] for task in tasks)


def _measure_variance(
    differences: np.ndarray, rows: np.ndarray | None, tolerance: float
) -> float:  # fmt: skip
    """Measure the variance over splits; where all are equal by chance, that of the rows."""
    if len(differences) < 2:
        return 0.0
    if np.ptp(differences) > tolerance:
        return float(np.var(differences, ddof=1))
    if rows is None:
        return 0.0
    n_rows = rows.shape[1]
    return max(float(np.mean(np.var(rows, axis=1, ddof=1))) / n_rows, find_least_variance(n_rows))
