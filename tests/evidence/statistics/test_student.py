"""Student's tests against SciPy; two sources of variance against numerical integration."""

import numpy as np
import pytest
import scipy.stats
from scipy.integrate import quad

from fairtrial.evidence.statistics.student import StudentTests

VALUES = np.random.default_rng(2).normal(0.5, 1.0, 9)
TESTS = StudentTests(VALUES.mean(), VALUES.var(ddof=1) / 9, 8.0)


@pytest.mark.parametrize("shift", [-0.3, 0.0, 0.7, 2.0])
def test_one_source_is_the_t_test(shift):
    for found, side in ((TESTS.test_above, "greater"), (TESTS.test_below, "less")):
        expected = scipy.stats.ttest_1samp(VALUES, shift, alternative=side).pvalue
        assert found(shift) == pytest.approx(expected)
    expected = scipy.stats.ttest_1samp(VALUES, 0.0).confidence_interval(0.9)
    assert TESTS.find_interval(0.9) == pytest.approx(tuple(expected))


def test_known_variance_is_the_normal_test():
    tests = StudentTests(1.0, 0.0, np.inf, 0.25)
    assert tests.test_above(0.0) == pytest.approx(scipy.stats.norm.sf(2.0))
    assert tests.find_interval() == pytest.approx((1 - 0.979982, 1 + 0.979982))


def test_two_sources_agree_with_their_interval():
    tests = StudentTests(1.0, 0.04, 3.0, 0.09)
    low, high = tests.find_interval(0.9)
    assert tests.test_above(low) == pytest.approx(0.05)
    assert tests.test_below(high) == pytest.approx(0.05)
    assert tests.test_below(low) == pytest.approx(0.95)
    assert tests.test_above(-1e6) <= 1e-15


def integrate_coverage(share, degrees):
    """Cover of a 95 % interval, by integration over the estimate of one of the two variances."""
    t, z = scipy.stats.t.isf(0.025, degrees), scipy.stats.norm.isf(0.025)

    def cover(chi2):
        half = np.sqrt(t**2 * share * chi2 / degrees + z**2 * (1.0 - share))
        inside = 1.0 - 2.0 * scipy.stats.norm.sf(half)
        return inside * scipy.stats.chi2.pdf(chi2, degrees)

    return quad(cover, 0.0, np.inf, limit=200)[0]


@pytest.mark.parametrize("degrees", [1, 2, 9])
def test_two_sources_cover_whatever_their_shares(degrees):
    """Banerjee's result, by numbers, and the simulation of what the class says."""
    shares = np.array([0.01, 0.2, 0.5, 0.8, 0.99])
    expected = [integrate_coverage(share, degrees) for share in shares]
    assert min(expected) >= 0.95 - 1e-6
    random, covered = np.random.default_rng(degrees), 0
    for _ in range(500):
        seeds = random.normal(size=degrees + 1)
        centre = np.sqrt(0.5) * seeds.mean() * np.sqrt(degrees + 1) + random.normal(0, 0.5**0.5)
        low, high = StudentTests(centre, 0.5 * seeds.var(ddof=1), degrees, 0.5).find_interval()
        covered += low <= 0.0 <= high
    error = np.sqrt(expected[2] * (1.0 - expected[2]) / 500)
    assert covered / 500 == pytest.approx(expected[2], abs=3.5 * error)


def test_no_smaller_p_value_than_so_many_seeds_allow():
    tests = StudentTests(5.0, 0.01, 1.0, 0.0, least_p=0.25)
    assert tests.test_above(0.0) == 0.25
    assert tests.find_interval() == (-np.inf, np.inf)


def test_without_any_variance_only_the_centre_is_left():
    tests = StudentTests(0.3, 0.0, 5.0, 0.0, least_p=1 / 64, tolerance=1e-12)
    assert (tests.test_above(0.2), tests.test_above(0.3), tests.test_above(0.4)) == (1 / 64, 1, 1)
    assert tests.find_interval() == (0.3, 0.3)
