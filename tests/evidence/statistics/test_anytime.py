"""Betting on signs: wealth by hand, its mean by enumeration, the interval against the test."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairtrial.evidence.statistics.anytime import STAKES, count_seeds_needed_anytime, place_bets

RANDOM = np.random.default_rng(8)
SIZES = [RANDOM.exponential(1.0, 9), np.array([1.0, 1.0, 2.0, 0.0, 2.0, 1.0, 3.0, 1.0])]


def wealth_by_hand(differences, shift):
    """The definition, one difference and one stake at a time."""
    total = 0.0
    for stake in STAKES:
        wealth = 1.0
        for s, difference in enumerate(differences, start=1):
            before, x = differences[: s - 1], difference - shift
            V = sum((d - sum(before) / len(before)) ** 2 for d in before) if s > 1 else 0.0
            scale = math.sqrt((V + x**2) / max(s - 1, 1))
            wealth *= 1.0 + (math.tanh(stake * x / scale) if x else 0.0)
        total += wealth
    return total / len(STAKES)


def list_signs(n):
    return np.array(list(itertools.product((-1.0, 1.0), repeat=n)))


def test_one_and_two_differences_by_hand():
    """At first every x is its own scale: 1 + tanh(c), then 1 - tanh(c)."""
    tanh = np.tanh(STAKES)
    won = place_bets(np.array([0.3])).follow_wealth(0.0)
    assert np.exp(won) == pytest.approx([np.mean(1.0 + tanh)])
    both = place_bets(np.array([0.3, -7.0]))
    assert np.exp(both.follow_wealth(0.0))[1] == pytest.approx(np.mean((1.0 + tanh) * (1.0 - tanh)))
    assert both.test_above(0.0) == pytest.approx(1.0 / np.mean(1.0 + tanh))
    assert both.test_below(0.0) == 1.0


@pytest.mark.parametrize("shift", [-1.5, 0.0, 0.4, 1.0])
@pytest.mark.parametrize("n", [1, 2, 3, 7])
def test_wealth_is_its_definition(n, shift):
    differences = RANDOM.normal(0.5, 1.0, n).tolist()
    found = np.exp(place_bets(np.array(differences)).follow_wealth(shift))
    expected = [wealth_by_hand(differences[:s], shift) for s in range(1, n + 1)]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    p = place_bets(np.array(differences)).test_above(shift)
    assert p == pytest.approx(1.0 / max(1.0, *expected))


@pytest.mark.parametrize("center", [0.0, -3.7])
@pytest.mark.parametrize("sizes", SIZES)
def test_wealth_is_expected_to_stay_1(sizes, center):
    """Over all signs about the centre that the bets are against, after every difference."""
    paths = [
        np.exp(place_bets(center + signs * sizes).follow_wealth(center))
        for signs in list_signs(len(sizes))
    ]
    np.testing.assert_allclose(np.mean(paths, axis=0), 1.0, rtol=1e-12)


def test_at_a_lower_centre_wealth_is_expected_to_fall():
    """Over all of {-2, -1, 0, 1, 2}^5, symmetric about 0, betting that the centre is above 0.6.

    Also step by step: whatever the first four were, the fifth loses on average.
    """
    values = np.arange(-2.0, 3.0)
    paths = np.array([
        np.exp(place_bets(np.array(path)).follow_wealth(0.6))
        for path in itertools.product(values, repeat=5)
    ])  # fmt: skip
    expected = np.mean(paths, axis=0)
    assert np.all(np.diff(expected) < 0.0) and expected[0] < 1.0
    by_start = paths.reshape(-1, len(values), 5)
    assert np.all(by_start[:, :, 4].mean(1) <= by_start[:, 0, 3] * (1 + 1e-12))


def test_chance_of_ever_being_rejected_by_enumeration():
    """Of all sign patterns of twelve, at most the level's share is ever below it."""
    sizes = RANDOM.exponential(1.0, 12)
    p = np.array([place_bets(signs * sizes).test_above(0.0) for signs in list_signs(12)])
    for level in (0.01, 0.025, 0.05, 0.2):
        assert 0.0 < np.mean(p <= level) <= level


numbers = st.lists(st.floats(-5, 5).map(lambda value: round(value, 3)), min_size=1, max_size=25)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(numbers, st.sampled_from([0.8, 0.95, 0.99]))
def test_the_interval_is_what_the_tests_do_not_reject(values, level):
    """Just inside its ends a test does not reject, just outside one does, also far outside."""
    bets = place_bets(np.array(values))
    low, high = bets.find_interval(level)
    half, step = (1.0 - level) / 2.0, 1e-6
    for far in (step, 1.0, 1e3, 1e9):
        if np.isfinite(low):
            assert bets.test_above(low - far) <= half < bets.test_above(low + far)
        else:
            assert bets.test_above(-far) > half
        if np.isfinite(high):
            assert bets.test_below(high + far) <= half < bets.test_below(high - far)
        else:
            assert bets.test_below(far) > half


@settings(max_examples=40, deadline=None, derandomize=True)
@given(numbers, st.floats(-5, 5), st.floats(0.1, 10))
def test_unit_and_origin_do_not_matter(values, origin, unit):
    differences = np.array(values)
    low, high = place_bets(differences).find_interval()
    moved = place_bets(origin + unit * differences).find_interval()
    np.testing.assert_allclose(moved, (origin + unit * low, origin + unit * high), atol=1e-5)
    mirrored = place_bets(-differences).find_interval()
    np.testing.assert_allclose(mirrored, (-high, -low))


def test_more_seeds_never_undo_what_was_rejected():
    differences = RANDOM.normal(1.0, 1.0, 30)
    so_far = [place_bets(differences[:n]) for n in range(31)]
    for shift in (0.0, 0.5, 1.0):
        assert np.all(np.diff([bets.test_above(shift) for bets in so_far]) <= 0.0)
        assert np.all(np.diff([bets.test_below(shift) for bets in so_far]) <= 0.0)
    low, high = np.array([bets.find_interval() for bets in so_far]).T
    assert np.all(low[1:] >= low[:-1]) and np.all(high[1:] <= high[:-1])
    assert so_far[30].test_above(0.0) < 0.001 and low[30] < 1.0 < high[30]


def test_far_shifts_of_one_large_difference():
    """Where one shift is rejected, so are all below it, though one difference dwarfs the others."""
    bets = place_bets(np.array([1.0, 1.2, 0.8, 1.1, 100.0, 0.9, 1.0, 1.3]))
    p = [
        bets.test_above(shift) for shift in (-np.inf, -1e9, -1e3, -10.0, 0.0, 0.5, 0.9, 1.0, 100.0)
    ]
    assert np.all(np.diff(p) >= 0.0) and p[3] < 0.025 and p[-1] == 1.0


def test_ties_and_nothing():
    nothing = place_bets(np.array([]))
    assert nothing.test_above(0.0) == nothing.test_below(0.0) == 1.0
    assert nothing.find_interval() == (-np.inf, np.inf)
    assert place_bets(np.array([2.0])).find_interval() == (-np.inf, np.inf)
    assert place_bets(np.zeros(9)).test_above(0.0) == 1.0
    assert place_bets(np.zeros(9)).find_interval() == (0.0, 0.0)
    assert place_bets(np.full(9, 0.1)).find_interval() == (0.1, 0.1)
    assert place_bets(np.full(2000, 3.0)).test_above(0.0) == pytest.approx(0.0)


def test_a_centre_that_moves_can_leave_no_shift():
    """Low above high: which no two-sided p-value contradicts, for every shift is rejected."""
    differences = np.concatenate([np.full(12, 1.0), np.full(60, -1.0)])
    differences += RANDOM.normal(0.0, 0.01, 72)
    bets = place_bets(differences)
    low, high = bets.find_interval()
    assert low > high
    for shift in np.linspace(-2.0, 2.0, 21):
        assert min(bets.test_above(shift), bets.test_below(shift)) <= 0.025


@pytest.mark.parametrize("n_claims", [1, 2, 10, 100])
def test_fewest_seeds_that_can_decide(n_claims):
    """One sign and huge against the spread is nearly enough where so many seeds can; not before."""
    n = count_seeds_needed_anytime(n_claims)
    differences = 1e9 + RANDOM.normal(0.0, 1.0, n)
    assert 2 * n_claims / wealth_by_hand(differences.tolist(), 0.0) <= 0.05
    fewer = 2 * n_claims / wealth_by_hand(differences[:-1].tolist(), 0.0)
    assert fewer > 0.05
    assert count_seeds_needed_anytime(n_claims, level=min(1.0, fewer * 1.001)) == n - 1


@pytest.mark.parametrize("n_claims", [400, pytest.param(1500, marks=pytest.mark.long)])
@pytest.mark.parametrize(
    "draw",
    [lambda random, n: random.normal(0.0, 1.0, n), lambda random, n: random.standard_t(3, n)],
)
def test_looking_after_every_seed_keeps_the_level(draw, n_claims):
    """Of claims about nothing at most 5 % are ever called in 30 looks, plus 3 errors."""
    random, called = np.random.default_rng(30), 0
    for _ in range(n_claims):
        differences = draw(random, 30)
        called += any(
            min(bets.test_above(0.0), bets.test_below(0.0)) <= 0.025
            for bets in (place_bets(differences[:n]) for n in (2, 10, 20, 30))
        )
    assert 0 < called <= n_claims * 0.05 + 3 * math.sqrt(n_claims * 0.05 * 0.95)
