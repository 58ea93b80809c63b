"""Verdicts by hand, Holm's example, and how often nothing is called something."""

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from fairtrial.evidence.pairs import Bounds
from fairtrial.evidence.step_down import adjust
from fairtrial.evidence.verdict import count_seeds_needed, decide, weigh

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
        (np.zeros(8), 0.0, "undecided"),
        (np.zeros(8), 0.1, "equivalent"),
        (UP - 1.5, 0.0, "undecided"),
        (UP[:5], 0.0, "undecided"),
        (np.array([]), 0.0, "undecided"),
    ],
)
def test_one_claim(differences, margin, expected):
    (decided,) = decide([weigh(differences, margin)])
    assert decided.verdict == expected


def test_p_values_by_hand():
    """Eight of one sign: 1 of 256 flips on either side."""
    evidence = weigh(UP, 0.0)
    assert (evidence.p, evidence.n_seeds) == (2 / 256, 8)
    assert evidence.difference == pytest.approx(1.5)
    assert min(evidence.wide) > 0.0


@pytest.mark.parametrize("n", [1, 2, 30])
def test_holms_procedure_against_statsmodels(n):
    p_values = np.random.default_rng(n).random(n) ** 4
    p_values[n // 2 :] = p_values[0]  # Ties too.
    expected = multipletests(p_values, method="holm")[1]
    assert adjust(p_values) == pytest.approx(expected)


def test_many_claims_need_more_seeds():
    """Eight seeds reach 2 / 256: enough for six claims, not for seven."""
    for n_claims, expected in ((6, "holds"), (7, "undecided")):
        decided = decide([weigh(UP, 0.0)] * n_claims)
        assert {one.verdict for one in decided} == {expected}
        assert (count_seeds_needed(n_claims) <= 8) == (expected == "holds")


def test_no_claims():
    assert decide([]) == []


def test_one_seed_is_never_equivalent():
    (decided,) = decide([weigh(np.zeros(1), 0.1)])
    assert decided.verdict == "undecided"


@pytest.mark.parametrize("n_seeds", [6, 10])
def test_nothing_is_rarely_called_something(n_seeds):
    """In 300 studies of ten claims about nothing, at most 5 % call one, give or take 3 errors."""
    random, called = np.random.default_rng(n_seeds), 0
    for _ in range(300):
        evidence = [weigh(random.standard_t(3, n_seeds), 0.0) for _ in range(10)]
        called += any(one.verdict in ("holds", "reversed") for one in decide(evidence))
    assert called / 300 <= 0.05 + 3 * 0.0126


# ------------------------------------------------------------------------------- absent runs


def test_a_difference_at_most_so_large_does_not_hold():
    """Better never arrives: 95 steps against at least 100, ten seeds; nothing shows equivalence."""
    differences = np.full(10, -5.0)
    at_most = weigh(differences, 10.0, bounds=Bounds(at_most=True))
    assert decide([at_most])[0].verdict == "undecided"
    assert at_most.p_equivalent == 1.0 and at_most.wide == (-np.inf, -5.0)
    assert decide([weigh(differences, 1.0, bounds=Bounds(at_most=True))])[0].verdict == "reversed"
    assert decide([weigh(-differences, 1.0, bounds=Bounds(at_most=True))])[0].verdict == "undecided"


def test_a_difference_at_least_so_large_holds_and_is_never_reversed():
    differences = np.full(10, 5.0)
    at_least = weigh(differences, 1.0, bounds=Bounds(at_least=True))
    assert decide([at_least])[0].verdict == "holds" and at_least.wide == (5.0, np.inf)
    assert (
        decide([weigh(-differences, 1.0, bounds=Bounds(at_least=True))])[0].verdict == "undecided"
    )


def test_bounds_on_both_sides_decide_nothing():
    evidence = weigh(np.full(10, 5.0), 1.0, bounds=Bounds(at_least=True, at_most=True))
    assert decide([evidence, evidence])[0].verdict == "undecided"
    assert evidence.p == 1.0 and evidence.wide == (-np.inf, np.inf)


def test_joint_flips_test_the_side_that_a_bound_leaves():
    """Four of twenty seeds never arrive on the side of `than`: their mean says nothing worse."""
    draw = np.random.default_rng(5)
    differences = draw.normal(-3.0, 1.0, size=(2, 20))
    bounded = [weigh(one, 0.0, family="f", bounds=Bounds(at_least=True)) for one in differences]
    assert [one.verdict for one in decide(bounded)] == ["undecided"] * 2
    plain = [weigh(one, 0.0, family="f") for one in differences]
    assert [one.verdict for one in decide(plain)] == ["reversed"] * 2
