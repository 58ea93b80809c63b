"""The sign-flip test of paired differences, and the interval that is its inversion.

If the differences are symmetric about θ, each d - θ could as well have had the other sign. Flipping
the signs of a subset S gives a sum at least as large exactly where the mean of d over S is at most
θ. So the sorted means of subsets are all there is to know: tests of any θ count them, and interval
ends are order statistics of them.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from fairtrial.randomness import make_stream

# All 2^n subsets up to this n; so many random ones beyond.
MOST_EXACT, N_RANDOM = 16, 100_000


@dataclass(frozen=True)
class SubsetMeans:
    """The means of subsets of paired differences, sorted.

    Attributes
    ----------
    means : (M,)
        Of the nonempty subsets, in the differences' unit.
    n_flips : int
        How many ways to flip there are, the one that flips nothing included: at least M + 1.

    References
    ----------
    Hartigan (1969), doi:10.1080/01621459.1969.10501057.
    """

    means: np.ndarray
    n_flips: int

    def test_above(self, shift: float) -> float:
        """Return the p-value against "the centre is at most `shift`"."""
        n_at_most = int(np.searchsorted(self.means, shift, side="right"))
        return (self.n_flips - len(self.means) + n_at_most) / self.n_flips

    def test_below(self, shift: float) -> float:
        """Return the p-value against "the centre is at least `shift`"."""
        n_at_least = len(self.means) - int(np.searchsorted(self.means, shift, side="left"))
        return (self.n_flips - len(self.means) + n_at_least) / self.n_flips

    def find_interval(self, level: float = 0.95) -> tuple[float, float]:
        """Return the shifts that two-sided tests do not reject; infinite where none can be."""
        n_empty = self.n_flips - len(self.means)
        # A shift is rejected while the flips that count against it are at most so many.
        most = int(np.floor((1.0 - level) / 2.0 * self.n_flips + 1e-9)) - n_empty
        if most < 0 or not len(self.means):
            return -np.inf, np.inf
        return float(self.means[most]), float(self.means[-1 - most])


def list_subset_means(differences: np.ndarray) -> SubsetMeans:
    """Take the means of all subsets of up to 16 differences, of 100,000 random ones of more.

    Parameters
    ----------
    differences : (n,)
        Finite. The same ones always give the same random subsets.

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
    n = len(differences)
    if n <= MOST_EXACT:
        chosen = np.array(list(itertools.product((False, True), repeat=n)))
    else:
        chosen = make_stream(n, "evidence.sign_flip").random((N_RANDOM, n)) < 0.5
        chosen = np.vstack([np.zeros((1, n), bool), chosen])
    sizes = chosen.sum(1)
    nonempty = sizes > 0
    means = chosen[nonempty] @ differences / sizes[nonempty]
    return SubsetMeans(np.sort(means), len(chosen))
