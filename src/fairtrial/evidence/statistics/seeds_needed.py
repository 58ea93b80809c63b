"""How many seeds would probably decide a claim that is undecided."""

from bisect import bisect_left
from typing import NamedTuple

from scipy.stats import norm, t

from fairtrial.evidence.verdict import LEVEL, Evidence, count_seeds_needed

POWER = 0.8
# More seeds than that are no advice, nor is a range that spans more than a factor of ten.
MOST_SEEDS, WIDEST = 1_000, 10


class Seeds(NamedTuple):
    """How many seeds in all: the difference may be a standard error larger or smaller than seen."""

    low: int
    high: int


def estimate_seeds(
    evidence: Evidence, n_claims: int, shared_variance: float | None = None
) -> Seeds | None:
    """Estimate how many seeds would decide an undecided claim, with a chance of 80 %.

    The estimate takes the strictest step of Holm's procedure for `n_claims`, and so many seeds at
    least that the claim can be decided, jointly with others where it has a family. More seeds do
    not lessen the `shared_variance`; that of the evidence if absent. None where the difference is
    so uncertain that its estimate would say nothing.
    """
    shared = evidence.basis.shared_variance if shared_variance is None else shared_variance
    if evidence.n_seeds < 2 or not evidence.spread > 0.0:
        return None
    size, margin = abs(evidence.difference), evidence.margin
    error = (evidence.spread**2 / evidence.n_seeds + shared) ** 0.5
    nearer, farther = max(0.0, size - error), size + error
    least = count_fewest(evidence, n_claims)
    found = [
        find_fewest(
            guess, margin, evidence.spread, shared, n_claims, least, is_beyond=size > margin
        )
        for guess in (nearer, farther)
    ]
    if None in found:
        return None
    low, high = sorted(one for one in found if one is not None)
    return Seeds(low, high) if high <= WIDEST * low else None


def count_fewest(evidence: Evidence, n_claims: int) -> int:
    """Count the seeds with which a claim can be decided at all, beside others of its kind."""
    return count_seeds_needed(n_claims, 1 if evidence.family is None else n_claims)


def find_fewest(
    size: float,
    margin: float,
    spread: float,
    shared_variance: float,
    n_claims: int,
    least: int = 6,
    *,
    is_beyond: bool,
) -> int | None:
    """Find the fewest seeds that show a difference of some size with a chance of 80 %.

    `spread` is the standard deviation of the differences over the seeds, and `shared_variance` that
    of what all seeds share. There are at least `least` seeds. `is_beyond` says whether the
    difference is to be shown to be beyond the margin; else, within it. None where a thousand do
    not.
    """

    def has_power(n_seeds: int) -> bool:
        power = find_power(
            size, margin, (spread**2 / n_seeds + shared_variance) ** 0.5, n_seeds - 1,
            LEVEL / n_claims, is_beyond=is_beyond,
        )  # fmt: skip
        return power >= POWER

    found = least + bisect_left(range(least, MOST_SEEDS + 1), True, key=has_power)
    return found if found <= MOST_SEEDS else None


def find_smallest(n_seeds: int, n_claims: int, shared_factor: float = 0.0) -> float:
    """Find the smallest difference beyond the margin that is decided with a chance of 80 %.

    It is in standard deviations of the differences over the seeds, two at least, as `find_power`
    has it. Where a verdict takes that all differences have one sign, that is what must be likely.
    `shared_factor` is the variance of what all seeds share, over that of the differences.

    Examples
    --------
    >>> [round(find_smallest(n_seeds, 1), 2) for n_seeds in (6, 10, 20)]
    [1.79, 1.02, 0.67]
    """
    critical = float(t.isf(LEVEL / n_claims / 2.0, n_seeds - 1))
    error = (1.0 / n_seeds + shared_factor) ** 0.5
    spread = (1.0 + critical**2 / (2.0 * (n_seeds - 1))) ** 0.5
    size = error * (critical + float(norm.ppf(POWER)) * spread)
    if LEVEL / n_claims * 2.0**n_seeds < 4.0:  # The second smallest p-value is 4 / 2^n.
        return max(size, float(norm.ppf(POWER ** (1.0 / n_seeds))))
    return size


def find_power(
    size: float, margin: float, error: float, degrees: float, level: float, *, is_beyond: bool
) -> float:
    """Find the power of t-tests of a difference; of both at once where it is to be within a margin.

    The distribution of t beside its centre is taken as normal, with the variance that the estimated
    standard error adds (Johnson and Welch 1940), which is exact enough here and never NaN.
    """

    def find_one(gap: float, one_sided: float) -> float:
        critical = t.isf(one_sided, degrees)
        return float(
            norm.cdf((gap / error - critical) / (1.0 + critical**2 / (2.0 * degrees)) ** 0.5)
        )

    if is_beyond:
        return find_one(size - margin, level / 2.0)
    # Bonferroni's inequality, of both tests: exact but for what they miss together.
    return find_one(margin - size, level) + find_one(margin + size, level) - 1.0
