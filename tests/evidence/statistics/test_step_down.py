"""Joint flips against their definition, Holm's procedure where there are none, and simulations."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm, permutation_test, rankdata, ttest_1samp
from scipy.stats import t as student
from statsmodels.stats.multitest import multipletests

from benchmarks.level_rows import adjust_by_holm as adjust
from fairtrial.evidence.statistics.sampling import Sampling
from fairtrial.evidence.statistics.step_down import adjust_families
from fairtrial.evidence.verdict import HOLM, JOINT, count_seeds_needed, decide, weigh

ROOT = Path(__file__).parents[2]
RANDOM = np.random.default_rng(11)


def judge(claims, margins=None, families=None):
    """Decide claims over the same seeds, unless their families are given."""
    margins = margins or [0.0] * len(claims)
    families = families or ["seeds"] * len(claims)
    return decide([
        weigh(np.asarray(claim), margin, family=family)
        for claim, margin, family in zip(claims, margins, families, strict=True)
    ])  # fmt: skip


@pytest.mark.parametrize("n_claims", [1, 2, 7, 40])
def test_holms_procedure_is_that_of_statsmodels(n_claims):
    p_values = np.random.default_rng(n_claims).uniform(size=n_claims).round(1)
    expected = multipletests(p_values, method="holm")[1]
    np.testing.assert_allclose(adjust(p_values), expected, rtol=1e-12)


def p_of_scipy(differences, margin):
    above, below = (
        permutation_test(
            (differences - shift,), np.sum, permutation_type="samples", alternative=side,
            n_resamples=np.inf,
        ).pvalue
        for shift, side in ((margin, "greater"), (-margin, "less"))
    )  # fmt: skip
    return min(1.0, 2.0 * min(above, below))


def step_down_by_definition(claims):
    """Every claim's p-value and t under every flip, by SciPy; then Westfall and Young.

    One claim is more extreme than another if its p-value is smaller, or as small and its t larger.
    """
    flips = [np.array(signs) for signs in itertools.product((1.0, -1.0), repeat=claims.shape[1])]
    p = np.array([[p_of_scipy(claim * signs, 0.0) for claim in claims] for signs in flips])
    t = np.abs([ttest_1samp(claims * signs, 0.0, axis=1).statistic for signs in flips])
    order = sorted(range(len(claims)), key=lambda claim: (p[0, claim], -t[0, claim]))
    by_min_p, adjusted = np.empty(len(claims)), np.empty(len(claims))
    largest = np.zeros(2)
    for place, claim in enumerate(order):
        rest = order[place:]
        is_tied = np.abs(p[:, rest] - p[0, claim]) <= 1e-12
        is_smaller = p[:, rest] < p[0, claim] - 1e-12
        is_extreme = is_smaller | (is_tied & (t[:, rest] >= t[0, claim] - 1e-9))
        shares = [np.mean(one.any(1)) for one in (is_extreme, is_smaller | is_tied)]
        largest = np.maximum(largest, shares)
        adjusted[claim], by_min_p[claim] = largest
    return adjusted, by_min_p


@pytest.mark.parametrize("effects", [(1.5, 0.0, 0.8), (4.0, 0.0, 3.0), (0.0, 0.0, 0.0)])
def test_adjusted_p_values_are_those_of_westfall_and_young(effects):
    luck = RANDOM.normal(size=6)
    claims = luck + RANDOM.normal(size=(3, 6)) + np.reshape(effects, (3, 1))
    adjusted, by_min_p = step_down_by_definition(claims)
    np.testing.assert_allclose([one.p for one in judge(claims)], adjusted, atol=1e-12)
    assert np.all(adjusted <= by_min_p)


def test_large_t_decides_many_claims_with_six_seeds():
    """Differences of mixed signs are aligned by two flips each, but never so nearly equal."""
    luck = RANDOM.normal(size=(20, 6))
    decided = judge(luck + 30.0 * (np.arange(20)[:, None] % 2))
    assert {one.p for one in decided[1::2]} == {2 / 64}
    assert [one.verdict for one in decided] == ["undecided", "holds"] * 10


def test_equal_differences_of_any_size_are_tied():
    """Exact zeros of spread: each claim's two aligned flips count against every other."""
    ones, signs = np.ones(7), np.array([1.0, 1.0, -1.0, 1.0, -1.0, 1.0, 1.0])
    decided = judge([ones * 1e-9, 1e9 * (ones + 1e-16), signs])
    assert [one.p for one in decided] == pytest.approx([4 / 128, 4 / 128, 58 / 128])
    exact = judge([ones * 0.1, (0.1 + 0.2 - 0.3 + signs) * 3.0])
    assert exact[0].p == 4 / 128


@pytest.mark.parametrize("n_seeds", [7, 18])
@pytest.mark.parametrize("margin", [0.0, 0.4])
def test_no_adjusted_p_value_is_larger_than_holms(n_seeds, margin):
    claims = RANDOM.normal(size=n_seeds) + RANDOM.normal(0.4, 1.0, (12, n_seeds))
    claims[3] = claims[4]
    decided = judge(claims, [margin] * 12)
    evidence = [weigh(claim, margin) for claim in claims]
    for kind, holm in (
        ("p", adjust([one.p for one in evidence])),
        ("p_equivalent", adjust([one.p_equivalent for one in evidence])),
    ):
        found = np.array([getattr(one, kind) for one in decided])
        assert np.all(found <= holm + 1e-12)
        alone = [getattr(one, kind) for one in evidence]
        assert np.all(found >= np.array(alone) - 1e-12)
    assert {one.adjustment for one in decided} == {JOINT}


def test_the_same_claim_many_times_is_one_claim():
    """All of one sign in six seeds: 2 of 64 flips, whatever the number of copies."""
    claim = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    decided = judge([claim, 2.0 * claim, -claim] * 5)
    assert {one.p for one in decided} == {2 / 64}
    assert [one.verdict for one in decided[:3]] == ["holds", "holds", "reversed"]
    assert count_seeds_needed(15, n_joint=15) == 6


def test_claims_that_point_elsewhere_count():
    """Another claim's own two extreme flips are added to the two of the first."""
    claim = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    signs = np.array([1.0, -1.0, 1.0, 1.0, -1.0, 1.0])
    decided = judge([claim, claim[::-1] * signs])
    assert decided[0].p == 4 / 64


def test_families_share_the_level_in_proportion():
    """A family of three copies and one claim alone: 3/4 and 1/4, then all that is left."""
    claim = np.linspace(1.0, 2.0, 8)
    decided = judge([claim] * 3 + [claim], families=["seeds"] * 3 + [None])
    p = 2 / 256
    assert [one.p for one in decided] == pytest.approx([p * 4 / 3] * 3 + [p * 4 / 3])
    assert [one.adjustment for one in decided] == [JOINT] * 3 + [HOLM]
    noise = claim * np.array([1, -1] * 4)
    decided = judge([claim, claim, noise, claim], families=["seeds"] * 3 + [None])
    assert decided[3].p == pytest.approx(p * 4), "its family is not wholly rejected before it"


def test_families_of_one_claim_each_are_holms_procedure():
    p_values = RANDOM.random(9) ** 3
    evidence = [weigh(RANDOM.normal(size=6), 0.0) for _ in p_values]
    assert all(one.family is None for one in evidence)
    found = adjust_families(list(p_values), list(range(9)), [None] * 9)
    assert found == pytest.approx(adjust(p_values))


def test_claims_that_are_not_judged_count():
    claim = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0])
    evidence = [weigh(claim, 0.0), weigh(claim, 9.0)]
    for n_more in (0, 3):
        decided = decide(evidence, n_more)
        for kind in ("p", "p_equivalent"):
            alone = [getattr(one, kind) for one in evidence]
            holm = adjust([*alone, *[1.0] * n_more])[:2]
            assert [getattr(one, kind) for one in decided] == pytest.approx(holm)


@pytest.mark.parametrize(
    "kind",
    ["independent", pytest.param("correlated", marks=pytest.mark.long), "one against ten"],
)
def test_joint_flips_keep_the_level(simulations, kind):
    """Also where arms are lognormal and share one, so that not all flips are equally likely."""
    n = 150
    found = simulations.simulate_families(kind, 8, 0, n, np.random.default_rng(1))
    limit = 0.05 + 3.0 * np.sqrt(0.05 * 0.95 / n)
    assert found["called"] <= limit
    assert found["equivalent"] <= limit
    assert found["found_holm"] == 0.0, "eight seeds cannot decide one of ten claims by Holm's"
    assert found["found"] > (0.4 if kind == "correlated" else 0.05)


def test_claims_alone_beside_a_family_keep_the_level(simulations):
    found = simulations.simulate_families("correlated", 10, 4, 120, np.random.default_rng(2))
    assert found["called"] <= 0.05 + 3.0 * np.sqrt(0.05 * 0.95 / 120)


# ------------------------------------------------------------------------------ shared test rows


def judge_on_rows(rows, margin=0.0):
    """Decide claims (C, S, N) on the same fixed test rows."""
    sampling = Sampling(rows="fixed")
    evidence = [
        weigh(one.mean(1), margin, sampling.find_basis(one.mean(1), one, 1.0), family="seeds")
        for one in rows
    ]
    return evidence, decide(evidence)


def test_claims_on_shared_rows_are_compared_with_flips_and_draws_of_rows():
    """Westfall and Young over all 64 flips and 400 draws of SciPy for each, up to Monte Carlo."""
    n, n_draws = 6, 400
    arms = RANDOM.normal(size=(4, 1, 120)) + RANDOM.normal(size=(4, n, 1)) * 0.3
    right = arms + RANDOM.normal(size=(4, n, 120)) + np.reshape([0, 0.9, 0.3, 1.2], (4, 1, 1)) > 0
    rows = right[1:].astype(float) - right[0]
    evidence, decided = judge_on_rows(rows)
    differences, variances = rows.mean(2), [one.basis.shared_variance for one in evidence]
    signs = np.array(list(itertools.product((1.0, -1.0), repeat=n)))
    correlation = np.corrcoef(rows.mean(1))
    covariance = correlation * np.sqrt(np.outer(variances, variances))
    draws = np.random.default_rng(3).multivariate_normal(np.zeros(3), covariance, (64, n_draws))
    draws[np.abs(signs.sum(1)) == n] = 0.0
    means = (signs @ differences.T / n)[:, None] + draws
    own = (signs @ differences.T / n)[:, None]
    of_seeds = (np.square(differences).sum(1) / n - own**2) / (n - 1)
    whole = of_seeds + variances
    t = np.abs(means) / np.sqrt(whole)
    sizes = norm.isf(student.sf(t, (n - 1) * (whole / of_seeds) ** 2)).reshape(-1, 3)
    tails = rankdata(-sizes, axis=0, method="max") / 2.0  # One side: its sizes are symmetric.
    ranks = np.maximum(1.0, np.floor(tails / n_draws + 0.5))
    observed = np.flatnonzero(signs.sum(1) == n)[0] * n_draws
    order = np.lexsort((-sizes[observed], ranks[observed]))
    largest = 0.0
    for place, claim in enumerate(order):
        rest = order[place:]
        beats = (ranks[:, rest] < ranks[observed, claim]) | (
            (ranks[:, rest] == ranks[observed, claim])
            & (sizes[:, rest] >= sizes[observed, claim] - 1e-6)
        )
        largest = max(largest, np.mean(beats.any(1)), evidence[claim].p)
        assert decided[claim].p == pytest.approx(largest, abs=0.02)
    assert {one.adjustment for one in decided} == {JOINT}


def test_chance_of_many_rows_is_not_called_a_difference():
    """Differences that are equal in all seeds, and no larger than the rows let them be.

    Each by itself has p = 0.02; ten independent ones are adjusted as Bonferroni's inequality does.
    """
    n_rows = 2_000
    rows = RANDOM.choice([-1.0, 0.0, 1.0], p=[0.05, 0.9, 0.05], size=(10, n_rows))
    rows += (2.33 * np.sqrt(0.1 / n_rows) - rows.mean(1))[:, None]
    seeds = rows[:, None] + 1e-4 * RANDOM.normal(size=(10, 12, 1))
    evidence, decided = judge_on_rows(seeds)
    assert all(0.01 < one.p < 0.03 for one in evidence)
    assert all(one.p > 0.1 for one in decided)


def test_the_same_rows_twice_are_one_claim():
    """Perfectly correlated claims need no adjustment; mirrored ones neither."""
    rows = RANDOM.normal(size=(7, 400)) + RANDOM.normal(size=400) + 0.35
    evidence, decided = judge_on_rows(np.stack([rows, 0.5 * rows, -rows]))
    assert [one.p for one in decided] == pytest.approx([evidence[0].p] * 3, rel=0.2)


def test_verdicts_on_rows_are_the_same_each_time():
    rows = RANDOM.normal(size=(3, 7, 100)) + 0.2
    assert judge_on_rows(rows)[1] == judge_on_rows(rows)[1]


@pytest.mark.parametrize("n_studies", [40, pytest.param(1000, marks=pytest.mark.long)])
def test_claims_on_shared_rows_keep_the_level(simulations_of_claims, n_studies):
    """Ten claims with six seeds on 360 rows, of which five have no rows."""
    found = simulations_of_claims.simulate_claims_on_rows(
        360, 0.1, 6, 5, 0.15, n_studies, np.random.default_rng(3)
    )
    limit = 0.05 + 3.0 * np.sqrt(0.05 * 0.95 / n_studies)
    for name in ("called", "called_others", "called_edge", "equivalent"):
        assert found[name] <= limit
    assert found["found_holm"] == 0.0, "six seeds cannot decide one of ten claims by Holm's"
    assert found["found"] > 0.4
