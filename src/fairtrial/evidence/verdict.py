"""Verdicts: what paired differences say of a claim, and how surely."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.stats import norm
from statsmodels.stats.power import TTestPower

from fairtrial.evidence.sign_flip import list_subset_means

LEVEL = 0.05
POWER = 0.8
# Beyond this the power of a t-test is no longer computed; the fewest seeds there are decide it.
LARGEST_EFFECT, MOST_SEEDS = 3.0, 1e6


class Tests(Protocol):
    """Tests of a centre and the interval that they leave, which never contradict each other."""

    def test_above(self, shift: float) -> float:
        """Return the p-value against "the centre is at most `shift`"."""
        ...

    def test_below(self, shift: float) -> float:
        """Return the p-value against "the centre is at least `shift`"."""
        ...

    def find_interval(self, level: float = 0.95) -> tuple[float, float]:
        """Return the shifts that two-sided tests do not reject; infinite where none can be."""
        ...


@dataclass(frozen=True)
class Evidence:
    """What the differences of one claim say, before it is seen beside other claims.

    Attributes
    ----------
    difference, low, high : float
        The mean over the seeds and its 95 % interval, in the metric's unit, positive when `better`
        is better. NaN and infinite where there is nothing to go by.
    p : float
        Two-sided: against "the difference is within the margin".
    favours_better : bool
        Which of the two sides it is of.
    p_equivalent : float
        Against "the difference is beyond the margin".
    spread : float
        Standard deviation of the differences over the seeds.
    n_seeds : int
        How many.
    """

    difference: float
    low: float
    high: float
    p: float
    favours_better: bool
    p_equivalent: float
    spread: float
    n_seeds: int


def weigh(differences: np.ndarray, margin: float, tests: Tests | None = None) -> Evidence:
    """Test a claim by its differences.

    Parameters
    ----------
    differences : (n,)
        One a seed, positive when `better` is better; finite.
    margin : float
        Smaller differences do not matter.
    tests : Tests, optional
        By which; the sign-flip test of the differences if absent.

    Returns
    -------
    Evidence
        The one-sided tests: better by more than the margin, worse by more, and within it (both
        one-sided tests at once). Two differences or more that are all exactly 0 are equivalent
        whatever the margin.
    """
    n = len(differences)
    if n == 0:
        return Evidence(np.nan, -np.inf, np.inf, 1.0, False, 1.0, np.nan, 0)
    tests = tests or list_subset_means(differences)
    low, high = tests.find_interval()
    if n > 1 and np.all(differences == 0.0):
        p_equivalent = 0.0
    elif margin > 0.0:
        p_equivalent = max(tests.test_below(margin), tests.test_above(-margin))
    else:
        p_equivalent = 1.0
    above, below = tests.test_above(margin), tests.test_below(-margin)
    spread = float(np.std(differences, ddof=1)) if n > 1 else float("nan")
    return Evidence(
        difference=float(np.mean(differences)),
        low=low,
        high=high,
        p=min(1.0, 2.0 * min(above, below)),
        favours_better=above <= below,
        p_equivalent=p_equivalent,
        spread=spread,
        n_seeds=n,
    )


@dataclass(frozen=True)
class Decided:
    """A verdict, and the p-values that Holm's procedure has adjusted for the number of claims.

    Attributes
    ----------
    verdict : str
        `holds`, `reversed`, `equivalent` or `undecided`.
    p, p_equivalent : float or None
        Against "within the margin", two-sided, and against "beyond it"; None where nothing could be
        judged.
    """

    verdict: str
    p: float | None
    p_equivalent: float | None


def decide(
    evidence: Sequence[Evidence], margins: Sequence[float], n_more: int = 0
) -> list[Decided]:
    """Give the claims of a study their verdicts, together.

    Parameters
    ----------
    evidence : sequence of Evidence
        One a claim.
    margins : sequence of float
        One a claim.
    n_more : int
        How many further claims the p-values are adjusted for, which are not judged here.

    Returns
    -------
    list of Decided
        One a claim.

    References
    ----------
    Holm (1979), Scandinavian Journal of Statistics 6, 65-70.
    """
    if not evidence:
        return []
    # What is not known of the others counts as the least favourable: the verdict is at most as
    # sure as among all of them.
    others = [1.0] * n_more
    adjusted = adjust([*(one.p for one in evidence), *others])[: len(evidence)]
    equivalent = adjust([*(one.p_equivalent for one in evidence), *others])[: len(evidence)]
    verdicts = []
    for one, p, p_equivalent in zip(evidence, adjusted, equivalent, strict=True):
        if p <= LEVEL:
            verdict = "holds" if one.favours_better else "reversed"
        else:
            verdict = "equivalent" if p_equivalent <= LEVEL else "undecided"
        verdicts.append(Decided(verdict, p, p_equivalent))
    return verdicts


def adjust(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values for their number, by Holm's procedure.

    Examples
    --------
    >>> [round(p, 3) for p in adjust([0.01, 0.04, 0.03, 0.005])]
    [0.03, 0.06, 0.06, 0.02]
    """
    p = np.asarray(p_values, float)
    order = np.argsort(p)
    adjusted = np.empty(len(p))
    adjusted[order] = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    return np.minimum(adjusted, 1.0).tolist()


def count_seeds_needed(n_claims: int) -> int:
    """Return with how many seeds the first of so many claims can be decided at all.

    The smallest two-sided p-value of n seeds is 2 / 2^n, and Holm's procedure multiplies it by
    the number of claims.

    Examples
    --------
    >>> count_seeds_needed(1), count_seeds_needed(10)
    (6, 9)
    """
    return int(np.ceil(np.log2(2.0 * n_claims / LEVEL)))


def estimate_seeds(
    evidence: Evidence, margin: float, n_claims: int, shared_variance: float = 0.0
) -> int | None:
    """Estimate how many seeds would probably decide an undecided claim.

    Parameters
    ----------
    evidence : Evidence
        What there is.
    margin : float
        The claim's.
    n_claims : int
        That Holm's procedure adjusts for; the estimate takes the strictest step.
    shared_variance : float
        Of what all seeds share, which more of them do not lessen.

    Returns
    -------
    int or None
        So many in all, for a chance of 80 % by a t-test's power if difference and spread are what
        they seem; None where no number below a million would, or the spread is unknown.
    """
    beyond = abs(abs(evidence.difference) - margin)
    if evidence.n_seeds < 2 or not evidence.spread > 0.0 or not beyond > 0.0:
        return None
    two_sided = abs(evidence.difference) > margin
    level = LEVEL / n_claims
    found = TTestPower().solve_power(
        effect_size=min(beyond / evidence.spread, LARGEST_EFFECT),
        alpha=level,
        power=POWER,
        alternative="two-sided" if two_sided else "larger",
    )
    # What all seeds share leaves so much variance for what they do not.
    reach = norm.isf(level / 2.0 if two_sided else level) + norm.ppf(POWER)
    left = (beyond / reach) ** 2 - shared_variance
    if left <= evidence.spread**2 / MOST_SEEDS:
        return None
    n_seeds = evidence.spread**2 / left if shared_variance else 0.0
    fewest = max(float(np.max(found)), n_seeds)
    return max(int(np.ceil(fewest - 1e-9)), count_seeds_needed(n_claims))
