"""Verdicts by hand, Holm's example, and how often nothing is called something."""

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from fairtrial.evidence.account import summarise_evidence
from fairtrial.evidence.pairs import Bounds
from fairtrial.evidence.statistics.sampling import ANYTIME, SIGN_FLIP, Sampling
from fairtrial.evidence.statistics.step_down import adjust_families
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
    assert adjust_families(p_values, [None] * n, ()) == pytest.approx(expected)


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


def test_both_edges_of_a_margin_are_as_hard_to_exclude():
    """Six differences, all within: both p-values are 1 / 64, and the nearer edge counts."""
    draw = np.random.default_rng(2)
    others = [weigh(draw.normal(0.0, 1.0, size=6), 0.5, family="f") for _ in range(4)]
    near = np.array([0.4, 0.49, 0.45, 0.2, 0.48, 0.47])
    upper, lower = (
        decide([weigh(sign * near, 0.5, family="f"), *others])[0] for sign in (1.0, -1.0)
    )
    assert upper.p_equivalent == lower.p_equivalent > 1 / 64


# --------------------------------------------------------------------------- ties and their edges


def test_a_margin_of_twenty_images_is_not_passed_by_rounding():
    """0.802 - 0.8 is 0.0020000000000000018 in float64, and that is no more than 20 of 10,000."""
    better, than = np.full(8, 8020) / 10_000, np.full(8, 8000) / 10_000
    differences = better - than
    assert np.all(differences > 0.002)
    for sampling in (Sampling(), Sampling(ANYTIME)):
        for sign in (1.0, -1.0):
            basis = sampling.find_basis(sign * differences, None, 0.802)
            (one,) = decide([weigh(sign * differences, 0.002, basis)])
            assert one.verdict == "undecided" and one.p == 1.0
            (one,) = decide([weigh(sign * differences, 0.0019, basis)])
            assert one.verdict == ("holds" if sign > 0 else "reversed")


def test_the_interval_of_equivalent_is_the_one_that_decides():
    """The 90 % interval lies within the margin exactly where both one-sided tests reject."""
    random, seen = np.random.default_rng(7), set()
    for _ in range(60):
        evidence = weigh(random.normal(0.0, 1.0, 9), 0.7)
        (one,) = decide([evidence])
        low, high = evidence.narrow
        assert (low > -0.7 and high < 0.7) == (evidence.p_equivalent <= 0.05)
        seen.add(one.verdict)
        found = summarise_evidence(evidence, one.verdict)
        is_equivalent = one.verdict == "equivalent"
        assert found["level"] == (0.9 if is_equivalent else 0.95)
        assert (found["low"], found["high"]) == (
            evidence.narrow if is_equivalent else evidence.wide
        )
    assert seen >= {"equivalent", "undecided"}


def test_bets_that_the_mean_contradicts_decide_nothing():
    """Eleven of twelve differences are positive, and the mean is -7."""
    differences = np.append(np.linspace(0.9, 1.1, 11), -95.0)
    basis = Sampling(ANYTIME).find_basis(differences)
    evidence = weigh(differences, 0.0, basis)
    assert evidence.p < 0.05 and evidence.favours_better and evidence.difference < 0.0
    (one,) = decide([evidence])
    assert (one.verdict, one.is_inconsistent) == ("undecided", True)


@pytest.mark.parametrize("method", [SIGN_FLIP, ANYTIME])
@pytest.mark.parametrize("margin", [0.0, 0.3])
def test_no_verdict_contradicts_the_mean(method, margin):
    random, seen = np.random.default_rng(8), set()
    for _ in range(150):
        differences = random.standard_t(1, 14) + random.choice([0.0, 1.0])
        basis = Sampling(method).find_basis(differences)
        (one,) = decide([weigh(differences, margin, basis)])
        mean = differences.mean()
        assert not (one.verdict == "holds" and mean <= margin)
        assert not (one.verdict == "reversed" and mean >= -margin)
        seen.add(one.verdict)
    assert len(seen) > 1


def test_seeds_needed_before_any_claim_can_be_decided():
    """Six where all claims of the study are judged jointly; as Holm's where none is."""
    assert [count_seeds_needed(n, n) for n in (1, 10, 80)] == [6, 6, 6]
    assert [count_seeds_needed(n) for n in (1, 10, 80)] == [6, 9, 12]
    assert count_seeds_needed(10, 5) == 7
