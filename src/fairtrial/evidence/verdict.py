"""Verdicts: what paired differences say of a claim, and how surely."""

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from fairtrial.evidence.pairs import NO_BOUNDS, Bounds
from fairtrial.evidence.statistics.sign_flip import list_subset_means
from fairtrial.evidence.statistics.step_down import Column, adjust_families

LEVEL = 0.05
# The interval that goes with "equivalent": both one-sided tests at 5 %.
NARROW, WIDE = 0.90, 0.95
JOINT, HOLM = "step-down min-P", "Holm's procedure"


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
class Basis:
    """Tests of some differences, and over what they speak."""

    tests: Tests  # Of their centre
    over: str = "seeds"  # What counts as a sample: `seeds`, `seeds and test rows`, or `test rows`
    # The part of the variance of the mean that more seeds do not lessen
    shared_variance: float = 0.0
    # Whether it is the sign-flip test of differences that are independent but for their rows, by
    # which claims over the same seeds can be judged jointly
    is_joint: bool = False
    # Where the variance is that of rows: the mean difference of each over the seeds, (N,)
    row_means: np.ndarray | None = None
    tolerance: float = 0.0  # Differences so near to each other count as equal


@dataclass(frozen=True)
class Evidence:
    """What the differences of one claim say, before it is seen beside other claims."""

    differences: np.ndarray = field(repr=False)  # (n,): one for each seed
    # Smaller differences do not matter; within what they are to be equivalent, 0 where nothing can
    # prove that they are
    margin: float
    within: float
    basis: Basis = field(repr=False)  # By what they are tested
    # The seeds, for claims that can be judged jointly with others of the same seeds
    family: Hashable
    # The mean over the seeds, in the metric's unit, positive when `better` is better. NaN where
    # there is nothing to go by.
    difference: float
    # Its 95 % and its 90 % interval, infinite where there is none
    wide: tuple[float, float]
    narrow: tuple[float, float]
    p: float  # Two-sided: against "the difference is within the margin"
    favours_better: bool  # Which of the two sides it is of
    p_equivalent: float  # Against "the difference is beyond the margin"
    # What is known of the differences where runs are absent. Where they are at most what they count
    # as, they do not show that `better` is better; where they are at least that, not that it is
    # worse. Neither shows that they are small.
    bounds: Bounds = NO_BOUNDS

    @property
    def n_seeds(self) -> int:
        """How many seeds there are."""
        return len(self.differences)

    @property
    def spread(self) -> float:
        """Standard deviation of the differences over the seeds."""
        return float(np.std(self.differences, ddof=1)) if self.n_seeds > 1 else float("nan")


def weigh(
    differences: np.ndarray,
    margin: float,
    basis: Basis | None = None,
    *,
    family: Hashable = None,
    is_same: bool = False,
    bounds: Bounds = NO_BOUNDS,
) -> Evidence:
    """Test a claim by its finite differences (n,), positive when `better` is better.

    The one-sided tests are: better by more than the margin, worse by more, and within it (both
    one-sided tests at once). They are by the sign-flip test of the differences if no basis is
    given. `family` is the seeds, where the claim is to be judged jointly with others of the same
    seeds. Where both sides are the same computation, they are equivalent within any margin, however
    small, as soon as there are enough seeds.
    """
    if not len(differences):
        none = Basis(list_subset_means(differences))
        ends = (-np.inf, np.inf)
        return Evidence(differences, margin, 0.0, none, None, np.nan, ends, ends, 1.0, False, 1.0)
    basis = basis or Basis(list_subset_means(differences), is_joint=True)
    tests = basis.tests
    above = 1.0 if bounds.at_most else tests.test_above(margin)
    below = 1.0 if bounds.at_least else tests.test_below(-margin)
    within = margin or (np.finfo(np.float64).tiny if is_same else 0.0)
    if bounds.at_least or bounds.at_most:
        within = 0.0
    equivalent = max(tests.test_below(within), tests.test_above(-within)) if within else 1.0
    return Evidence(
        differences=differences,
        margin=margin,
        within=within,
        basis=basis,
        family=family if basis.is_joint else None,
        difference=float(np.mean(differences)),
        wide=_open_ends(tests.find_interval(WIDE), bounds),
        narrow=_open_ends(tests.find_interval(NARROW), bounds),
        p=min(1.0, 2.0 * min(above, below)),
        favours_better=above <= below,
        p_equivalent=equivalent,
        bounds=bounds,
    )


def _open_ends(interval: tuple[float, float], bounds: Bounds) -> tuple[float, float]:
    """Open the ends of an interval that absent runs leave unknown."""
    low, high = interval
    return -np.inf if bounds.at_most else low, np.inf if bounds.at_least else high


@dataclass(frozen=True)
class Decided:
    """A verdict, and the p-values that are adjusted for the number of claims."""

    verdict: str  # `holds`, `reversed`, `equivalent` or `undecided`
    # Against "within the margin", two-sided, and against "beyond it"; None where nothing could be
    # judged
    p: float | None
    p_equivalent: float | None
    adjustment: str | None = None  # By what they are adjusted
    # Whether the tests decide what the mean difference contradicts, so that the claim stays
    # undecided
    is_inconsistent: bool = False


def decide(evidence: Sequence[Evidence], n_more: int = 0) -> list[Decided]:
    """Give the claims of a study their verdicts, together.

    Those of one family are adjusted jointly, by step-down min-P with joint flips of the seeds; the
    families among each other, and claims without one, by Holm's procedure. The p-values are also
    adjusted for `n_more` further claims, which are not judged here: what is not known of them
    counts as the least favourable.
    """
    families = [one.family for one in evidence]
    n_joint = Counter(family for family in families if family is not None)
    p_values = adjust_families(
        [one.p for one in evidence], families, [*map(_make_column, evidence)], n_more
    )
    equivalent = adjust_families(
        [one.p_equivalent for one in evidence], families,
        [*map(_make_equivalence_column, evidence)], n_more,
    )  # fmt: skip
    return [
        _decide_one(one, p, p_equivalent, JOINT if n_joint[one.family] > 1 else HOLM)
        for one, p, p_equivalent in zip(evidence, p_values, equivalent, strict=True)
    ]


def _decide_one(one: Evidence, p: float, p_equivalent: float, adjustment: str) -> Decided:
    verdict = "undecided"
    if p <= LEVEL:
        verdict = "holds" if one.favours_better else "reversed"
    elif p_equivalent <= LEVEL:
        verdict = "equivalent"
    # Bets are on signs: a few large differences of the other sign can turn the mean.
    tolerance = one.basis.tolerance
    is_true = {
        "holds": one.difference > one.margin,
        "reversed": one.difference < -one.margin,
        "equivalent": abs(one.difference) <= one.margin + tolerance,
        "undecided": True,
    }[verdict]
    return Decided(verdict if is_true else "undecided", p, p_equivalent, adjustment, not is_true)


def _make_column(one: Evidence) -> Column:
    above = () if one.bounds.at_most else ((one.margin, 1.0),)
    below = () if one.bounds.at_least else ((-one.margin, -1.0),)
    return _make_column_of(one, (*above, *below))


def _make_equivalence_column(one: Evidence) -> Column:
    """Flip about the edge that is harder to exclude: of equal p-values, the nearer one."""
    tests, within, mean = one.basis.tests, one.within, one.difference
    sides = ()
    if within:
        above = (tests.test_above(-within), -mean) > (tests.test_below(within), mean)
        sides = ((-within, 1.0),) if above else ((within, -1.0),)
    return _make_column_of(one, sides)


def _make_column_of(one: Evidence, sides: tuple[tuple[float, float], ...]) -> Column:
    basis = one.basis
    shared = 0.0 if basis.row_means is None else basis.shared_variance
    return Column(one.differences, sides, basis.tolerance, basis.row_means, shared)


def count_seeds_needed(n_claims: int, n_joint: int = 1) -> int:
    """Return with how many seeds the first of so many claims can be decided at all.

    The smallest two-sided p-value of n seeds is 2 / 2^n. Joint flips of `n_joint` claims leave it
    as it is; the rest is Holm's procedure.

    Examples
    --------
    >>> count_seeds_needed(1), count_seeds_needed(10), count_seeds_needed(10, n_joint=10)
    (6, 9, 6)
    """
    return int(np.ceil(np.log2(2.0 * n_claims / max(1, n_joint) / LEVEL) - 1e-12))
