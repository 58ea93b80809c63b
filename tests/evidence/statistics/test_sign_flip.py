"""The sign-flip test against SciPy's, its interval against the test itself."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import permutation_test

from fairtrial.evidence.statistics.sign_flip import list_subset_means

RANDOM = np.random.default_rng(5)
SAMPLES = [RANDOM.normal(0.4, 1.0, 6), RANDOM.exponential(1.0, 9) - 0.5, RANDOM.standard_t(3, 12)]


def p_of_scipy(differences, shift, alternative):
    return permutation_test(
        (differences - shift,), np.sum, permutation_type="samples", alternative=alternative,
        n_resamples=np.inf,
    ).pvalue  # fmt: skip


@pytest.mark.parametrize("differences", SAMPLES)
@pytest.mark.parametrize("shift", [-0.7, 0.0, 0.31])
def test_p_values_are_scipys(differences, shift):
    means = list_subset_means(differences)
    assert means.test_above(shift) == pytest.approx(p_of_scipy(differences, shift, "greater"))
    assert means.test_below(shift) == pytest.approx(p_of_scipy(differences, shift, "less"))


def test_six_of_one_sign_by_hand():
    """All six above 0: of 64 flips only the one that flips nothing is as extreme."""
    means = list_subset_means(np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]))
    assert means.test_above(0.0) == 1 / 64
    assert means.test_below(0.0) == 1.0
    # Two-sided 5 %: one flip of 64 on each side, so the smallest and the largest mean.
    assert means.find_interval() == (1.0, 6.0)


def test_five_seeds_exclude_nothing():
    assert list_subset_means(np.arange(1.0, 6.0)).find_interval() == (-np.inf, np.inf)


def test_no_differences_at_all():
    means = list_subset_means(np.array([]))
    assert means.test_above(0.0) == 1.0
    assert means.find_interval() == (-np.inf, np.inf)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.floats(-5, 5), min_size=6, max_size=18), st.sampled_from([0.8, 0.95, 0.99]))
def test_the_interval_is_what_the_test_does_not_reject(values, level):
    """Just inside its ends nothing is rejected, just outside everything is."""
    means = list_subset_means(np.array(values))
    low, high = means.find_interval(level)
    assert low <= high
    half, step = (1.0 - level) / 2.0 + 1e-9, 1e-6
    if np.isfinite(low):
        assert means.test_above(low - step) <= half < means.test_above(low + step)
        assert means.test_below(high + step) <= half < means.test_below(high - step)


@pytest.mark.parametrize(
    ("draw", "center"),
    [
        (lambda random, n: random.normal(0.3, 1.0, n), 0.3),
        (lambda random, n: random.standard_t(3, n), 0.0),
    ],
)
@pytest.mark.parametrize("n", [6, 10])
def test_coverage(draw, center, n):
    """Of 400 intervals 95 % cover, give or take three standard errors of that count."""
    random = np.random.default_rng(n)
    covered = 0
    for _ in range(400):
        low, high = list_subset_means(draw(random, n)).find_interval()
        covered += low <= center <= high
    assert 0.95 - 3 * 0.011 <= covered / 400 <= 0.985


def test_random_flips_agree_with_all(monkeypatch):
    differences = RANDOM.normal(0.5, 1.0, 14)
    exact = list_subset_means(differences)
    monkeypatch.setattr("fairtrial.evidence.statistics.sign_flip.MOST_EXACT", 13)
    drawn = list_subset_means(differences)
    assert drawn.n_flips == 100_001
    assert drawn.test_above(0.0) == pytest.approx(exact.test_above(0.0), abs=0.003)
    np.testing.assert_allclose(drawn.find_interval(), exact.find_interval(), atol=0.02)
    np.testing.assert_array_equal(drawn.means, list_subset_means(differences).means)
