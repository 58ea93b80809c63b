"""A test of paired differences that stays valid however often one looks, and its interval.

Add seeds until a claim is decided, looking after each: the sign-flip test would then call nothing
something far too often, this one does not. It bets on signs. If the differences are symmetric
about θ, then, whatever came before, x = d - θ is as likely to have the other sign at its size |x|;
so a bet that wins tanh(λx) of what there is, or loses as much, is fair if λ ≥ 0 depends only on |x|
and on what came before. The wealth of a fair player, of 1 at first, ever reaches 1/α with a chance
of at most α (Ville's inequality). So 1 / the largest wealth so far is a p-value at any time.

Here λ = c / scale, and scale² = (V + x²) / (s - 1) at the s-th difference, where V is the sum of
squared deviations of those before from their mean. V does not move with the shift, and x / scale
grows with x, so the wealth falls as the shift rises, path by path. That makes a bet against "the
centre is the shift" one against "the centre is at most the shift", and one shift in each direction
the end of an interval. (With a scale of squares about the shift it would not: one large difference
can let a shift be rejected and not one far below it.) Normal differences whose mean is c standard
deviations are best bet on by that c; not knowing it, the wealth is spread over several.
"""

from dataclasses import dataclass

import numpy as np

from fairtrial.evidence.statistics.student import find_factor

# Each is best for a mean of so many standard deviations; the last bets nearly all on the sign.
STAKES = np.array([0.25, 0.5, 1.0, 2.0, 4.0, 8.0])
N_HALVINGS = 60


@dataclass(frozen=True)
class Bets:
    """Bets on the signs of paired differences (n,), one after the other, in the order of the seeds.

    `spreads` (n,) are the root of V, of those before each, in the same unit. A difference nearer to
    a shift than `tolerance` is equal to it: no bet on its sign wins or loses.

    References
    ----------
    Symmetric differences: Ramdas, Ruf, Larsson and Koolen (2020), arXiv:2009.03167. Means by
    betting: Waudby-Smith and Ramdas (2024), arXiv:2010.09686.
    """

    differences: np.ndarray
    spreads: np.ndarray
    tolerance: float = 0.0

    def test_above(self, shift: float) -> float:
        """Return the p-value, so far, against "the centre is at most `shift`"."""
        return float(np.exp(-np.max(self.follow_wealth(shift), initial=0.0)))

    def test_below(self, shift: float) -> float:
        """Return the p-value, so far, against "the centre is at least `shift`"."""
        return self.mirror().test_above(-shift)

    def find_interval(self, level: float = 0.95) -> tuple[float, float]:
        """Return the ends of the shifts that neither one-sided test has rejected so far.

        Infinite where even far shifts are not rejected. The low end lies above the high one where
        every shift has been rejected by one of the two: not to be expected of symmetric
        differences about one centre.
        """
        half = (1.0 - level) / 2.0
        return self._find_low(half), -self.mirror()._find_low(half)

    def follow_wealth(self, shift: float) -> np.ndarray:
        """Return the logarithm of the wealth after each bet that the centre is above `shift`; (n,).

        It is of the mean over the stakes, each having begun with 1. The shift may be infinite.
        """
        x = self.differences - shift
        x[np.abs(x) <= self.tolerance] = 0.0
        n_before = np.maximum(np.arange(len(x)), 1)
        size = np.abs(x)
        relative = np.divide(self.spreads, size, out=np.zeros_like(size), where=size > 0.0)
        ratio = np.sign(x) * np.sqrt(n_before / (1.0 + relative**2))  # x / scale; 0 at 0.
        # log(1 + tanh(y)) without underflow.
        won = np.log(2.0) - np.logaddexp(0.0, -2.0 * STAKES[:, None] * ratio)
        return np.logaddexp.reduce(np.cumsum(won, axis=1), axis=0) - np.log(len(STAKES))

    def mirror(self) -> "Bets":
        """Return the bets on the differences with their signs turned."""
        return Bets(-self.differences, self.spreads, self.tolerance)

    def _find_low(self, half: float) -> float:
        """Find the lowest shift at which "the centre is at most this" is not rejected."""
        if self.test_above(-np.inf) > half:
            return -np.inf
        # At the largest difference nothing was ever won. Go down from it until there is enough.
        accepted = float(np.max(self.differences))
        step = float(np.ptp(self.differences)) or abs(accepted) or 1.0
        while self.test_above(accepted - step) > half:
            step *= 2.0
        rejected = accepted - step
        for _ in range(N_HALVINGS):
            middle = (rejected + accepted) / 2.0
            if self.test_above(middle) > half:
                accepted = middle
            else:
                rejected = middle
        return accepted


@dataclass(frozen=True)
class WidenedBets:
    """Bets on differences that share something random, of normal distribution.

    Half of the chance of an error is for the bets, and half for what is shared: the sum of the two
    chances bounds that of either, whatever the order in which one looks. Where the standard
    deviation is estimated from the differences, Student's factors take the place of the normal
    ones; that is exact at each look, and the bets reject nothing before there are six seeds or so,
    after which the estimate changes little (`benchmarks/level.py`).

    `shared` is the standard deviation of what all differences share, in their unit; positive.
    `degrees` are its degrees of freedom; infinite where it is known.
    """

    bets: Bets
    shared: float
    degrees: float = np.inf

    def test_above(self, shift: float) -> float:
        """Return the p-value, so far, against "the centre is at most `shift`"."""
        rejected, accepted = 1.0, 0.0  # Halves of p-values: 1 always suffices, 0 never.
        for _ in range(N_HALVINGS):
            half = (rejected + accepted) / 2.0
            reach = self.shared * find_factor(half, self.degrees)
            if self.bets.test_above(shift + reach) <= half:
                rejected = half
            else:
                accepted = half
        return min(1.0, 2.0 * rejected)

    def test_below(self, shift: float) -> float:
        """Return the p-value, so far, against "the centre is at least `shift`"."""
        return WidenedBets(self.bets.mirror(), self.shared, self.degrees).test_above(-shift)

    def find_interval(self, level: float = 0.95) -> tuple[float, float]:
        """Return the ends of the shifts that neither one-sided test has rejected so far."""
        low, high = self.bets.find_interval((1.0 + level) / 2.0)
        reach = self.shared * find_factor((1.0 - level) / 4.0, self.degrees)
        return low - reach, high + reach


def place_bets(differences: np.ndarray, tolerance: float = 0.0) -> Bets:
    """Make ready to test paired differences (n,) that came one after the other, by seed.

    Their number may depend on what the ones before showed: the p-values of the bets never rise, and
    their interval never widens, when differences are added. `tolerance` is how exact they are, in
    their unit.

    Examples
    --------
    >>> bets = place_bets(np.array([1.3, 1.1, 1.6, 1.2, 1.4, 1.5, 1.2]))
    >>> round(bets.test_above(0.0), 4), [round(end, 3) for end in bets.find_interval()]
    (0.0118, [1.1, 1.602])
    """
    count = np.arange(1, len(differences) + 1)
    mean_before = np.concatenate([[0.0], np.cumsum(differences) / count])[:-1]
    # Welford's recurrence: what each adds to the sum of squares about the mean.
    added = (differences - mean_before) ** 2 * (count - 1) / count
    squares = np.concatenate([[0.0], np.cumsum(added)])[:-1]
    return Bets(differences, np.sqrt(squares), tolerance)


def count_seeds_needed_anytime(n_claims: int, level: float = 0.05) -> int:
    """Return with how many seeds the first of so many claims can be decided at all.

    The p-value of n seeds is smallest where all differences are equal, and Holm's procedure
    multiplies twice that by the number of claims.

    Examples
    --------
    >>> count_seeds_needed_anytime(1), count_seeds_needed_anytime(10)
    (6, 10)
    """
    n_seeds = 1
    while 2.0 * n_claims * place_bets(np.ones(n_seeds)).test_above(0.0) > level:
        n_seeds += 1
    return n_seeds
