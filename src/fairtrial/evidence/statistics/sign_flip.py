"""The sign-flip test of paired differences, and the interval that is its inversion.

If the differences are symmetric about θ, each d - θ could as well have had the other sign. Flipping
the signs of a subset S gives a sum at least as large exactly where the mean of d over S is at most
θ. So the sorted means of subsets are all there is to know: tests of any θ count them, and interval
ends are order statistics of them.

Where all seeds share something random of variance v, such as the test rows, the means are blurred
by it: a mean m counts as at most θ with probability Φ((θ - m) / √v). The counts are a confidence
distribution, and this is its convolution with that of what is shared.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from scipy.optimize import root_scalar
from scipy.special import ndtr

from fairtrial.randomness import make_stream

# All 2^n subsets up to this n; so many random ones beyond.
MOST_EXACT, N_RANDOM, BLOCK = 16, 100_000, 10_000
# The claims of a study mostly have the same few seeds: their subsets are kept.
MOST_KEPT = 64
# How exact differences are, in units in the last place of the largest value subtracted.
N_ULPS = 16
# Means that lie so near to each other, in standard deviations of the blur, count as their mean.
CELL = 1.0 / 64.0
# Beyond so many standard deviations a normal distribution is 0 or 1 in float64.
FARTHEST = 9.0


@dataclass(frozen=True)
class SubsetMeans:
    """The means of subsets of paired differences, sorted.

    References
    ----------
    Hartigan (1969), doi:10.1080/01621459.1969.10501057.
    """

    means: np.ndarray  # (M,): of the nonempty subsets, in the differences' unit
    # How many ways to flip there are, the one that flips nothing included: at least M + 1
    n_flips: int
    blur: float = 0.0  # Standard deviation of what all differences share, in their unit
    tolerance: float = 0.0  # Means so near to a shift count as equal to it, in the same unit

    def test_above(self, shift: float) -> float:
        """Return the p-value against "the centre is at most `shift`"."""
        if self.blur:
            n_at_most = self._count_at_most(shift)
        else:
            n_at_most = int(np.searchsorted(self.means, shift + self.tolerance, side="right"))
        return (self._n_empty + n_at_most) / self.n_flips

    def test_below(self, shift: float) -> float:
        """Return the p-value against "the centre is at least `shift`"."""
        if self.blur:
            n_at_least = len(self.means) - self._count_at_most(shift)
        else:
            n_below = np.searchsorted(self.means, shift - self.tolerance, side="left")
            n_at_least = len(self.means) - int(n_below)
        return (self._n_empty + n_at_least) / self.n_flips

    def find_interval(self, level: float = 0.95) -> tuple[float, float]:
        """Return the shifts that two-sided tests do not reject; infinite where none can be."""
        half = (1.0 - level) / 2.0
        # A shift is rejected while the flips that count against it are at most so many.
        most = int(np.floor(half * self.n_flips + 1e-9)) - self._n_empty
        if most < 0 or not len(self.means):
            return -np.inf, np.inf
        if not self.blur:
            return float(self.means[most]), float(self.means[-1 - most])
        reach = 40.0 * self.blur
        ends = float(self.means[0] - reach), float(self.means[-1] + reach)
        low = root_scalar(lambda shift: self.test_above(shift) - half, bracket=ends)
        high = root_scalar(lambda shift: self.test_below(shift) - half, bracket=ends)
        return float(low.root), float(high.root)

    def _count_at_most(self, shift: float) -> float:
        """Count the blurred means at most a shift; a mean counts by its chance."""
        centres, counts, n_before = self._cells
        first = int(np.searchsorted(centres, shift - FARTHEST * self.blur))
        last = int(np.searchsorted(centres, shift + FARTHEST * self.blur))
        near = counts[first:last] @ ndtr((shift - centres[first:last]) / self.blur)
        return float(n_before[first] + near)

    @cached_property
    def _cells(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Means that are alike beside the blur: their mean, their number, how many lie before."""
        cell = np.floor((self.means - self.means[0]) / (CELL * self.blur))
        starts = np.flatnonzero(np.diff(cell, prepend=-1.0))
        counts = np.diff(starts, append=len(self.means)).astype(np.float64)
        centres = np.add.reduceat(self.means, starts) / counts
        return centres, counts, np.concatenate([[0.0], np.cumsum(counts)])

    @property
    def _n_empty(self) -> int:
        return self.n_flips - len(self.means)


def find_tolerance(differences: np.ndarray, scale: float = 0.0) -> float:
    """Find how exact differences (n,) are; `scale` is the largest value that was subtracted.

    Examples
    --------
    >>> bool(0.802 - 0.8 > 0.002), bool(0.802 - 0.8 > 0.002 + find_tolerance(np.zeros(1), 0.802))
    (True, False)
    """
    largest = max(scale, float(np.max(np.abs(differences), initial=0.0)))
    return N_ULPS * float(np.finfo(np.float64).eps) * largest


def list_subset_means(
    differences: np.ndarray, shared_variance: float = 0.0, tolerance: float = 0.0
) -> SubsetMeans:
    """Take the means of all subsets of up to 16 finite differences, of 100,000 random ones of more.

    The same differences (n,) always give the same random subsets. `shared_variance` is that of what
    is random and the same in all differences, in their squared unit; `tolerance` is how exact they
    are.

    Examples
    --------
    >>> means = list_subset_means(np.array([1.0, 2.0, 3.0]))
    >>> means.test_above(0.0), means.means.tolist()
    (0.125, [1.0, 1.5, 2.0, 2.0, 2.0, 2.5, 3.0])
    """
    n = len(differences)
    blocks = [
        (block @ differences)[(sizes := block.sum(1)) > 0] / sizes[sizes > 0]
        for block in _iterate_subsets(n)
    ]
    means = np.sort(np.concatenate(blocks))
    return SubsetMeans(means, _count_flips(n), shared_variance**0.5, tolerance)


def sum_subsets(differences: np.ndarray) -> np.ndarray:
    """Sum the same subsets of any differences (n,); (M,), the empty one, of no flip, first."""
    n = len(differences)
    blocks = [block @ differences for block in _iterate_subsets(n)]
    return np.concatenate(blocks if n <= MOST_EXACT else [np.zeros(1), *blocks])


def _count_flips(n: int) -> int:
    return 2**n if n <= MOST_EXACT else N_RANDOM + 1


def _iterate_subsets(n: int) -> Iterator[np.ndarray]:
    """Yield subsets of n, a row each, block by block, so that many seeds fit into memory."""
    if n <= MOST_EXACT:
        yield _list_subsets(n)
        return
    for block in _draw_subsets(n) if n <= MOST_KEPT else _iterate_draws(n):
        yield block.astype(np.float64)


@lru_cache(maxsize=2)
def _draw_subsets(n: int) -> tuple[np.ndarray, ...]:
    return tuple(_iterate_draws(n))


def _iterate_draws(n: int) -> Iterator[np.ndarray]:
    stream = make_stream(n, "evidence.sign_flip")
    for _ in range(N_RANDOM // BLOCK):
        yield stream.integers(0, 2, (BLOCK, n), dtype=np.uint8)


@lru_cache(maxsize=2)
def _list_subsets(n: int) -> np.ndarray:
    """List all subsets of n, the empty one first; (2^n, n) of 0 and 1."""
    return (np.arange(2**n)[:, None] >> np.arange(n) & 1).astype(np.float64)
