"""The sign-flip test of paired differences, and the interval that is its inversion.

If the differences are symmetric about θ, each d - θ could as well have had the other sign. Flipping
the signs of a subset S gives a sum at least as large exactly where the mean of d over S is at most
θ. So the sorted means of subsets are all there is to know: tests of any θ count them, and interval
ends are order statistics of them.

Where all seeds share something random of variance v, such as the test rows, the means are blurred
by it: a mean m counts as at most θ with probability Φ((θ - m) / √v). The counts are a confidence
distribution, and this is its convolution with that of what is shared.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.optimize import root_scalar
from scipy.special import ndtr

from fairtrial.randomness import make_stream

# All 2^n subsets up to this n; so many random ones beyond.
MOST_EXACT, N_RANDOM, BLOCK = 16, 100_000, 10_000
# The claims of a study mostly have the same few seeds: their subsets are kept.
MOST_KEPT = 64


@dataclass(frozen=True)
class SubsetMeans:
    """The means of subsets of paired differences, sorted.

    Attributes
    ----------
    means : (M,)
        Of the nonempty subsets, in the differences' unit.
    n_flips : int
        How many ways to flip there are, the one that flips nothing included: at least M + 1.
    blur : float
        Standard deviation of what all differences share, in their unit.

    References
    ----------
    Hartigan (1969), doi:10.1080/01621459.1969.10501057.
    """

    means: np.ndarray
    n_flips: int
    blur: float = 0.0

    def test_above(self, shift: float) -> float:
        """Return the p-value against "the centre is at most `shift`"."""
        if self.blur:
            n_at_most = float(ndtr((shift - self.means) / self.blur).sum())
        else:
            n_at_most = int(np.searchsorted(self.means, shift, side="right"))
        return (self._n_empty + n_at_most) / self.n_flips

    def test_below(self, shift: float) -> float:
        """Return the p-value against "the centre is at least `shift`"."""
        return SubsetMeans(-self.means[::-1], self.n_flips, self.blur).test_above(-shift)

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

    @property
    def _n_empty(self) -> int:
        return self.n_flips - len(self.means)


def list_subset_means(differences: np.ndarray, shared_variance: float = 0.0) -> SubsetMeans:
    """Take the means of all subsets of up to 16 differences, of 100,000 random ones of more.

    Parameters
    ----------
    differences : (n,)
        Finite. The same ones always give the same random subsets.
    shared_variance : float
        Of what is random and the same in all differences, in their squared unit.

    Returns
    -------
    SubsetMeans
        For n above 16 of random flips and the one that flips nothing.

    Examples
    --------
    >>> means = list_subset_means(np.array([1.0, 2.0, 3.0]))
    >>> means.test_above(0.0), means.means.tolist()
    (0.125, [1.0, 1.5, 2.0, 2.0, 2.0, 2.5, 3.0])
    """
    blocks = [
        (block @ differences)[(sizes := block.sum(1)) > 0] / sizes[sizes > 0]
        for block in _iterate_subsets(len(differences))
    ]
    means = np.sort(np.concatenate(blocks))
    n_flips = 2 ** len(differences) if len(differences) <= MOST_EXACT else N_RANDOM + 1
    return SubsetMeans(means, n_flips, shared_variance**0.5)


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
