"""Tests of a centre by its estimate and the variance of that, with Student's factors."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import root_scalar
from scipy.special import ndtr, ndtri, stdtr, stdtrit

# Where two variances are added, no smaller p-value is looked for.
SMALLEST_P, LOG_HALF = 1e-15, float(np.log(0.5))


def find_factor(half: float, degrees: float = np.inf) -> float:
    """Find Student's factor that is exceeded with a chance of `half`; the normal one by default.

    Examples
    --------
    >>> round(find_factor(0.025), 3), round(find_factor(0.025, 4.0), 3)
    (1.96, 2.776)
    """
    return -float(ndtri(half) if np.isinf(degrees) else stdtrit(degrees, half))


@dataclass(frozen=True)
class StudentTests:
    """Tests of a centre and the interval that they leave.

    References
    ----------
    The sum of squares of the half-widths of two sources covers at least as often as each does:
    Banerjee (1960), "Approximate confidence interval for linear functions of means of k populations
    when the population variances are not equal", Sankhya 22, 357-358.
    """

    centre: float  # The estimate
    variance: float  # Of the estimate over the seeds, itself estimated
    degrees: float  # Degrees of freedom of that
    # What test rows add to the variance of the estimate; of so many rows that it counts as known
    row_variance: float = 0.0
    # No one-sided p-value is smaller, and no interval is finite that would need one
    least_p: float = 0.0
    tolerance: float = 0.0  # Shifts so near to the estimate count as equal to it

    def test_above(self, shift: float) -> float:
        """Return the p-value against "the centre is at most `shift`"."""
        return max(self.least_p, self._find_p(self.centre - shift))

    def test_below(self, shift: float) -> float:
        """Return the p-value against "the centre is at least `shift`"."""
        return max(self.least_p, self._find_p(shift - self.centre))

    def find_interval(self, level: float = 0.95) -> tuple[float, float]:
        """Return the shifts that two-sided tests do not reject; infinite where none can be."""
        half = (1.0 - level) / 2.0
        if half < self.least_p - 1e-12:
            return -np.inf, np.inf
        reach = self._find_reach(half)
        return self.centre - reach, self.centre + reach

    def _find_reach(self, half: float) -> float:
        """Find how far from the estimate a one-sided p-value is `half`, at most 0.5."""
        of_seeds = find_factor(half, self.degrees) ** 2 * self.variance if self.variance else 0.0
        return (of_seeds + find_factor(half) ** 2 * self.row_variance) ** 0.5

    def _find_p(self, gap: float) -> float:
        if not (self.variance or self.row_variance):
            return 0.0 if gap > self.tolerance else 1.0
        if abs(gap) <= self.tolerance:
            return 0.5
        if gap < 0.0:
            return 1.0 - self._find_p(-gap)
        if not self.row_variance:
            return float(stdtr(self.degrees, -gap / self.variance**0.5))
        if not self.variance:
            return float(ndtr(-gap / self.row_variance**0.5))
        if self._find_reach(SMALLEST_P) <= gap:
            return SMALLEST_P
        ends = (np.log(SMALLEST_P), LOG_HALF)
        found = root_scalar(lambda log: self._find_reach(np.exp(log)) - gap, bracket=ends)
        return float(np.exp(found.root))
