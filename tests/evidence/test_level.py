"""How often verdicts are wrong where the truth is known: benchmarks/level.py in short.

Each share may lie three standard errors beyond its target: enough not to fail by chance, and too
little for a test that is wrong. A quarter of the studies is simulated each time, all by
`make test-long`.
"""

import math
import sys
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from fairtrial.evidence.verdict import decide, weigh

ROOT = Path(__file__).parents[2]
SYMMETRIC = ("normal", "Student's t, 3", "Laplace", "two lognormal arms")


@pytest.fixture(scope="module")
def level():
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        import level

        with threadpool_limits(1):
            yield level
    finally:
        sys.path.remove(str(ROOT / "benchmarks"))


@pytest.fixture(params=[0.25, pytest.param(1.0, marks=pytest.mark.long)], ids=["part", "all"])
def part(request):
    return request.param


def most(share, n):
    return share + 3.0 * math.sqrt(share * (1.0 - share) / n)


def least(share, n):
    return share - 3.0 * math.sqrt(share * (1.0 - share) / n)


def test_distributions_are_standard(level):
    """Mean 0 and standard deviation 1, so far as their tails let 200,000 draws tell."""
    for draw in level.DISTRIBUTIONS.values():
        drawn = draw(np.random.default_rng(1), (200_000,))
        assert abs(drawn.mean()) < 0.01
        assert drawn.std() == pytest.approx(1.0, abs=0.05)
    assert set(level.SYMMETRIC) == set(SYMMETRIC)


@pytest.mark.parametrize(
    ("name", "n_seeds", "n_studies"),
    [
        *((name, 10, 1000) for name in ("normal", "two lognormal arms")),
        *(
            pytest.param(*more, marks=pytest.mark.long)
            for more in (
                ("Laplace", 10, 1000),
                ("Student's t, 3", 10, 1000),
                ("normal", 20, 50),
                ("Student's t, 3", 20, 50),
            )
        ),
    ],
)
def test_nothing_is_called_something_in_at_most_5_percent_of_studies(
    level, name, n_seeds, n_studies, part
):
    n_studies = int(part * n_studies)
    random = np.random.default_rng(n_seeds)
    found = level.simulate_nothing(level.SYMMETRIC[name], n_seeds, n_studies, random)
    n_claims = n_studies * level.N_CLAIMS
    assert found["called"] <= most(0.05, n_studies)
    # The exact level of ten seeds is 50 / 1,024.
    assert least(0.95, n_claims) <= found["covered"] <= most(0.95 + 2 / 1024, n_claims)


@pytest.mark.parametrize("name", SYMMETRIC)
def test_equivalent_is_said_at_the_margin_in_at_most_5_percent(level, name, part):
    n, random = int(part * 1000), np.random.default_rng(3)
    found = level.simulate_equivalence(level.SYMMETRIC[name], 10, n, random)
    assert found["equivalent_high"] <= most(0.05, n)
    assert found["equivalent_low"] <= most(0.05, n)
    assert found["equivalent_beyond"] < 0.05 < 0.5 < found["equivalent_within"]


@pytest.mark.parametrize("name", SYMMETRIC)
def test_looking_after_each_seed_by_bets_keeps_the_level(level, name, part):
    n, random = int(part * 200), np.random.default_rng(4)
    found = level.simulate_peeking(level.SYMMETRIC[name], n, random)
    assert found["called"] <= most(0.05, n)
    assert found["missed"] <= most(0.05, n)
    assert max(found["equivalent_high"], found["equivalent_low"]) <= most(0.05, n)
    assert found["found"] > 0.9


def test_looking_after_each_seed_by_the_sign_flip_test_does_not(level, monkeypatch):
    """What bets are for, and that these simulations can find a wrong test: 2 to 12 seeds."""
    monkeypatch.setattr(level, "MOST_LOOKS_SIGN_FLIP", 12)
    draw, random = level.SYMMETRIC["normal"], np.random.default_rng(5)
    found = level.simulate_sign_flip_peeking(draw, 400, random)
    assert found["missed_sign_flip"] > most(0.05, 400)


def test_a_skewed_difference_is_called_too_often(level):
    """The limit of what symmetry grants: so wrong a test would be seen here."""
    found = level.simulate_nothing(level.SKEWED["lognormal, 6"], 10, 200, np.random.default_rng(6))
    assert found["called"] > most(0.05, 200)
    assert found["covered"] < least(0.95, 2000)


@pytest.mark.parametrize("arm", ["normal", "exponential", "lognormal"])
@pytest.mark.parametrize("n_seeds", [6, 12])
def test_equal_arms_with_seeds_of_their_own(level, arm, n_seeds, part):
    """A/A: two arms of one distribution, nothing shared, so nothing but chance lies between them.

    Studies of ten claims, and claims of a study each, at no more than 5 %.
    """
    random, studies, claims, n_studies = np.random.default_rng(7), 0, 0, int(part * 400)
    for _ in range(n_studies):
        one, other = (getattr(random, arm)(size=(10, n_seeds)) for _ in range(2))
        evidence = [weigh(differences, 0.0) for differences in one - other]
        studies += any(one.verdict != "undecided" for one in decide(evidence))
        claims += sum(single.p <= 0.05 for single in evidence)
    assert studies / n_studies <= most(0.05, n_studies)
    assert 0 < claims / (10 * n_studies) <= most(0.05, 10 * n_studies)


def test_tables_mark_what_misses_its_target(level):
    row = {"distribution": "normal", "seeds": 10, "repetitions": 2000}
    fixed = row | dict.fromkeys(level.FIXED, 0.01) | {"called": 0.055, "covered": 0.90}
    peeking = row | dict.fromkeys(level.PEEKING, 0.07) | {"seeds": 0}
    text = level.make_tables([fixed, peeking])
    assert "| normal | 10 | 2000 | 5.5 ± 0.5 % | **90.0 ± 0.2 %** | 1.0 ± 0.2 % |" in text
    assert "| normal | 2000 | **7.0 ± 0.6 %** | **7.0 ± 0.6 %** |" in text
    assert "| target, skewed |  |  | at most 8 % | 92 to 98 % |" in text


# ------------------------------------------------------- runs that never arrive, parts of causes


@pytest.mark.parametrize(
    ("tail", "n_seeds"), [pytest.param(0.2, 20, marks=pytest.mark.long), (0.3, 10)]
)
def test_absent_runs_mislead_only_where_no_seed_has_one(simulations_of_runs, tail, n_seeds):
    """Nothing can tell what no run has shown; counting absent runs as their length does worse."""
    n, random = 500, np.random.default_rng(3)
    found = simulations_of_runs.simulate_arrivals(tail, n_seeds, n, random)
    unseen = (1.0 - tail) ** n_seeds
    assert found["wrong"] <= unseen + 4.0 * np.sqrt(unseen / n)
    assert found["wrong_as_length"] > found["wrong"] + 0.02


@pytest.mark.parametrize("arm", [0, 1])
def test_means_of_iterates_follow_the_closed_form(simulations_of_runs, arm):
    """The recursion, step by step; its metrics' means by 20,000 runs."""
    its = simulations_of_runs
    rate, at = its.RATES[arm], its.MINIMA[arm]
    noise = np.random.default_rng(arm).normal(size=(20_000, its.N_STEPS, its.N_COORDINATES))
    x, iterates = np.full(noise[:, 0].shape, its.START), []
    for step in range(its.N_STEPS):
        x = x - rate * (x - at + noise[:, step])
        iterates.append(x)
    ends = np.stack([np.mean(iterates[-its.STRETCH :], axis=0), x])
    metrics = 0.5 * np.sum(ends**2, -1)
    np.testing.assert_allclose(its._measure(rate, at, noise)[1:], metrics, rtol=1e-9)
    error = metrics.std(1) / np.sqrt(len(noise))
    assert (np.abs(its._find_means(rate, at)[1:] - metrics.mean(1)) <= 4.0 * error).all()


def test_intervals_of_the_parts_of_a_cause_cover(simulations_of_runs):
    found = simulations_of_runs.simulate_causes(10, 500, np.random.default_rng(4))
    assert set(found) == {"unfinished", "noise_floor", "difference"}
    for share in found.values():
        assert abs(share - 0.95) <= 4.0 * np.sqrt(0.95 * 0.05 / 500), found
