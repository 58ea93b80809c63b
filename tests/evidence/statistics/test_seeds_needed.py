"""Seeds that would decide: against textbook and simulation; none where the estimate is noise."""

import numpy as np
import pytest

from fairtrial.evidence.statistics.seeds_needed import (
    MOST_SEEDS,
    WIDEST,
    estimate_seeds,
    find_fewest,
)
from fairtrial.evidence.verdict import Basis, count_seeds_needed, decide, weigh


def make_differences(mean, n):
    """n differences with this mean and standard deviation 1."""
    values = np.arange(n) - (n - 1) / 2.0
    return values / values.std(ddof=1) + mean


def test_against_the_textbook():
    """Effect 0.5, 5 % two-sided, 80 % power: 34 (Cohen 1988)."""
    assert find_fewest(0.5, 0.0, 1.0, 0.0, 1, is_beyond=True) == 34


@pytest.mark.parametrize(
    ("size", "margin", "is_beyond"),
    [(1.0, 0.0, True), (1.5, 0.6, True), (0.0, 0.7, False), (0.3, 1.0, False)],
)
def test_so_many_seeds_have_that_power(size, margin, is_beyond):
    """By the sign-flip test itself, of 300 simulated claims; three standard errors are 7 %."""
    n = find_fewest(size, margin, 1.0, 0.0, 1, is_beyond=is_beyond)
    random, found = np.random.default_rng(4), 0
    wanted = "holds" if is_beyond else "equivalent"
    n_claims = 200 if n <= 14 else 50
    for _ in range(n_claims):
        (one,) = decide([weigh(random.normal(size, 1.0, n), margin)])
        found += one.verdict == wanted
    error = np.sqrt(0.8 * 0.2 / n_claims)
    assert found / n_claims >= 0.8 - 3.0 * error - 0.02
    assert found / n_claims <= 0.8 + 3.0 * error + 0.06, "nor far too many"


def test_the_range_is_that_of_a_standard_error():
    evidence = weigh(make_differences(0.5, 25), 0.0)
    found = estimate_seeds(evidence, 1)
    assert found == tuple(
        find_fewest(size, 0.0, 1.0, 0.0, 1, is_beyond=True) for size in (0.7, 0.3)
    )


@pytest.mark.parametrize("mean", [0.02, 0.1, 0.2])
def test_noise_is_no_estimate(mean):
    """Twenty seeds tell a mean to 0.22 only: any number of seeds could be needed."""
    assert estimate_seeds(weigh(make_differences(mean, 20), 0.0), 10) is None


def test_no_estimate_is_far_away_or_wide():
    for mean in np.linspace(0.0, 1.0, 21):
        for margin in (0.0, 0.3, 0.8):
            found = estimate_seeds(weigh(make_differences(mean, 12), margin), 10)
            if found:
                assert count_seeds_needed(10) <= found.low <= found.high <= MOST_SEEDS
                assert found.high <= WIDEST * found.low


def test_what_is_shared_leaves_less_for_the_seeds():
    differences = make_differences(0.5, 40)
    alone, shared = (
        estimate_seeds(weigh(differences, 0.0), 1, variance) for variance in (0.0, 0.05**2)
    )
    assert shared.low >= alone.low and shared.high > alone.high
    basis = Basis(weigh(differences, 0.0).basis.tests, "seeds and test rows", 0.2**2)
    assert estimate_seeds(weigh(differences, 0.0, basis), 1) is None


@pytest.mark.parametrize("differences", [np.zeros(8), np.array([1.0]), np.array([])])
def test_without_a_spread_there_is_no_estimate(differences):
    assert estimate_seeds(weigh(differences, 0.0), 1) is None
