"""What claims can detect before their runs exist."""

from itertools import product

import numpy as np
import pytest
from scipy import stats

from fairtrial.evidence.power import list_powers, say_power
from fairtrial.evidence.statistics.sampling import ANYTIME
from fairtrial.evidence.statistics.seeds_needed import find_smallest
from made_up import make_study

RATES = {"better": {"optimizer.learning_rate": 0.1}, "than": {"optimizer.learning_rate": 0.01}}


@pytest.mark.parametrize(
    ("n_seeds", "n_claims"), [(6, 1), (7, 1), (9, 1), (12, 1), (8, 3), (12, 3)]
)
def test_sign_flip_test_decides_the_smallest_difference_four_times_of_five(n_seeds, n_claims):
    """All flips of made-up normal differences, 3,000 times: their standard error is 0.007."""
    flips = np.array(list(product((1.0, -1.0), repeat=n_seeds)))
    size = find_smallest(n_seeds, n_claims)
    drawn = np.random.default_rng(5).normal(size, 1.0, (3_000, n_seeds))
    decided = [2.0 * np.mean(flips @ row >= row.sum() - 1e-12) <= 0.05 / n_claims for row in drawn]
    assert np.mean(decided) == pytest.approx(0.8, abs=0.05)


def test_split_rows_are_decided_by_the_corrected_t_test_four_times_of_five():
    """Noncentral t has the power of Nadeau and Bengio's test, of normal differences."""
    n_seeds, share = 20, 0.2
    factor = 1.0 / n_seeds + share / (1.0 - share)
    size = find_smallest(n_seeds, 1, share / (1.0 - share))
    critical = stats.t.isf(0.025, n_seeds - 1)
    assert stats.nct.sf(critical, n_seeds - 1, size / factor**0.5) == pytest.approx(0.8, abs=0.01)


def test_too_few_seeds_detect_nothing():
    (row,) = list_powers(make_study([RATES], seeds=5))
    assert (row["seeds"], row["seeds_needed"], row["smallest_in_spreads"]) == (5, 6, None)
    assert say_power(row) == "nothing; a first verdict needs 6 seeds"


def test_smallest_difference_is_beyond_the_margin():
    (row,) = list_powers(make_study([RATES | {"margin": 0.25}], seeds=10))
    assert row["smallest"] is None and row["smallest_in_spreads"] == find_smallest(10, 1)
    assert say_power(row) == "a difference of 0.25 + 1.02 standard deviations"


def test_more_claims_detect_less():
    one, three = (list_powers(make_study([RATES] * n, seeds=12))[0] for n in (1, 3))
    assert three["smallest_in_spreads"] > one["smallest_in_spreads"]


def test_bets_say_with_how_many_seeds_a_verdict_is_possible():
    (row,) = list_powers(make_study([RATES], seeds=10), ANYTIME)
    assert (row["seeds_needed"], row["smallest_in_spreads"]) == (6, None)
    assert say_power(row) == "depends on the differences; a first verdict needs 6 seeds"
