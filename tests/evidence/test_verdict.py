"""Verdicts by hand, Holm's example, and how often nothing is called something."""

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from fairtrial.evidence.verdict import (
    adjust,
    count_seeds_needed,
    decide,
    estimate_seeds,
    weigh,
)

UP = np.linspace(1.0, 2.0, 8)


@pytest.mark.parametrize(
    ("differences", "margin", "expected"),
    [
        (UP, 0.0, "holds"),
        (-UP, 0.0, "reversed"),
        (UP, 0.9, "holds"),
        (UP, 1.6, "undecided"),
        (UP, 2.5, "equivalent"),
        (-UP, 2.5, "equivalent"),
        (np.zeros(3), 0.0, "equivalent"),
        (np.zeros(8), 0.1, "equivalent"),
        (UP - 1.5, 0.0, "undecided"),
        (UP[:5], 0.0, "undecided"),
        (np.array([]), 0.0, "undecided"),
    ],
)
def test_one_claim(differences, margin, expected):
    (decided,) = decide([weigh(differences, margin)], [margin])
    assert decided.verdict == expected


def test_p_values_by_hand():
    """Eight of one sign: 1 of 256 flips on either side."""
    evidence = weigh(UP, 0.0)
    assert (evidence.p, evidence.n_seeds) == (2 / 256, 8)
    assert evidence.difference == pytest.approx(1.5)
    assert (evidence.low, evidence.high) > (0.0, 0.0)


@pytest.mark.parametrize("n", [1, 2, 30])
def test_holms_procedure_against_statsmodels(n):
    p_values = np.random.default_rng(n).random(n) ** 4
    p_values[n // 2 :] = p_values[0]  # Ties too.
    expected = multipletests(p_values, method="holm")[1]
    assert adjust(p_values) == pytest.approx(expected)


def test_many_claims_need_more_seeds():
    """Eight seeds reach 2 / 256: enough for six claims, not for seven."""
    for n_claims, expected in ((6, "holds"), (7, "undecided")):
        decided = decide([weigh(UP, 0.0)] * n_claims, [0.0] * n_claims)
        assert {one.verdict for one in decided} == {expected}
        assert (count_seeds_needed(n_claims) <= 8) == (expected == "holds")


def test_no_claims():
    assert decide([], []) == []


def test_seeds_that_would_decide():
    """Against the textbook: effect 0.5, 5 % two-sided, 80 % power: 34 (Cohen 1988)."""
    differences = np.array([-0.5, 1.5] * 20)
    differences = (differences - differences.mean()) / differences.std(ddof=1) + 0.5
    assert estimate_seeds(weigh(differences, 0.0), 0.0, 1) == 34
    assert estimate_seeds(weigh(np.zeros(8), 0.0), 0.0, 1) is None
    # What is shared leaves less for the seeds, and at last nothing: z = 2.8 of 0.5 is 0.178.
    evidence = weigh(differences, 0.0)
    assert 34 < estimate_seeds(evidence, 0.0, 1, 0.1**2) < 60
    assert estimate_seeds(evidence, 0.0, 1, 0.18**2) is None


@pytest.mark.parametrize("n_claims", [1, 3, 10, 300])
@pytest.mark.parametrize("effect", [1e-3, 0.5, 3.0, 5.7, 7.0, 9.0, 40.0])
@pytest.mark.parametrize("margin", [0.0, 100.0])
def test_some_seeds_decide_any_effect(effect, n_claims, margin):
    """Large ones too, for which the power of a t-test is not a number."""
    unit = np.array([-1.0, 1.0] * 3) / np.std([-1.0, 1.0] * 3, ddof=1)
    differences = unit + (margin - effect if margin else effect)
    needed = estimate_seeds(weigh(differences, margin), margin, n_claims)
    if needed is not None:
        assert needed >= count_seeds_needed(n_claims)
    assert needed is not None or effect < 0.01


def test_one_seed_is_never_equivalent():
    (decided,) = decide([weigh(np.zeros(1), 0.1)], [0.1])
    assert decided.verdict == "undecided"


@pytest.mark.parametrize("n_seeds", [6, 10])
def test_nothing_is_rarely_called_something(n_seeds):
    """In 300 studies of ten claims about nothing, at most 5 % call one, give or take 3 errors."""
    random, called = np.random.default_rng(n_seeds), 0
    for _ in range(300):
        evidence = [weigh(random.standard_t(3, n_seeds), 0.0) for _ in range(10)]
        called += any(one.verdict in ("holds", "reversed") for one in decide(evidence, [0.0] * 10))
    assert called / 300 <= 0.05 + 3 * 0.0126
