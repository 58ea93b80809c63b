"""How often verdicts and intervals are wrong where seeds share rows, and where claims share seeds.

Nothing is trained: rows and differences are drawn, so that the truth is known. Each function
returns shares by name; `benchmarks/level.py` prints them as tables with their standard errors.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from scipy.special import ndtr

from fairtrial.evidence.statistics.anytime import place_bets
from fairtrial.evidence.statistics.sampling import ANYTIME, Sampling
from fairtrial.evidence.statistics.sign_flip import list_subset_means
from fairtrial.evidence.tuning import choose_candidates
from fairtrial.evidence.verdict import LEVEL, Basis, decide, weigh
from fairtrial.randomness import make_stream

Shares = dict[str, float]

N_CLAIMS, N_TABLE_ROWS, TEST_SHARE, N_TEST_ROWS = 10, 200, 0.2, 360
LOOKS = (6, 7, 8, 9, 10, 12, 15, 20, 25, 30)
SPLITS = Sampling(rows="split", test_share=TEST_SHARE)


def draw_splits(n_rows: int, n_seeds: int, random: np.random.Generator) -> np.ndarray:
    """Draw the test rows of each seed; (n_seeds, n_rows) whose rows sum to 1."""
    n_test = round(TEST_SHARE * n_rows)
    places = np.argsort(random.random((n_seeds, n_rows)), axis=1)[:, :n_test]
    weights = np.zeros((n_seeds, n_rows))
    np.put_along_axis(weights, places, 1.0 / n_test, axis=1)
    return weights


def simulate_tables(n_seeds: int, n_studies: int, random: np.random.Generator) -> Shares:
    """Judge ten claims of equal learners on a table, whose seeds split the same rows.

    Returns
    -------
    dict
        called: studies with any `holds` or `reversed`; covered: 95 % intervals that hold the truth;
        covered_plain: the same by the sign-flip test, without a correction.
    """
    called = covered = plain = 0
    for _ in range(n_studies):
        rows = random.normal(size=(N_TABLE_ROWS, N_CLAIMS))
        claims = (draw_splits(N_TABLE_ROWS, n_seeds, random) @ rows).T
        evidence = [weigh(claim, 0.0, SPLITS.find_basis(claim)) for claim in claims]
        called += any(one.verdict != "undecided" for one in decide(evidence))
        covered += sum(one.wide[0] <= 0.0 <= one.wide[1] for one in evidence)
        low, high = list_subset_means(claims[0]).find_interval()
        plain += low <= 0.0 <= high
    return {
        "called": called / n_studies,
        "covered": covered / n_studies / N_CLAIMS,
        "covered_plain": plain / n_studies,
    }


def simulate_table_looks(n_studies: int, random: np.random.Generator) -> Shares:
    """Look at one claim of equal learners on a table ten times, after 6 to 30 seeds, by bets.

    Returns
    -------
    dict
        called, called_plain: studies in which the claim is ever called something; by bets that do
        not know that the seeds split the same rows.
    """
    sampling, called, plain = Sampling(ANYTIME, "split", TEST_SHARE), 0, 0
    for _ in range(n_studies):
        rows = random.normal(size=N_TABLE_ROWS)
        claim = draw_splits(N_TABLE_ROWS, LOOKS[-1], random) @ rows
        tests = [sampling.find_basis(claim[:n]).tests for n in LOOKS]
        # Where the mean has the other sign, a test is not worth its time.
        called += any(
            2.0 * (one.test_above(0.0) if claim[:n].mean() > 0.0 else one.test_below(0.0)) <= LEVEL
            for n, one in zip(LOOKS, tests, strict=True)
        )
        bets = place_bets(claim)
        plain += 2.0 * min(bets.test_above(0.0), bets.test_below(0.0)) <= LEVEL
    return {"called": called / n_studies, "called_plain": plain / n_studies}


def simulate_parts(n_seeds: int, n_studies: int, random: np.random.Generator) -> Shares:
    """Split a difference on a table into two parts that nearly cancel.

    Returns
    -------
    dict
        covered: intervals of the parts that hold the truth, each by its own variance;
        covered_whole: the same with the part of the variance that splits share from the whole.
    """
    covered = whole = 0
    factor = TEST_SHARE / (1.0 - TEST_SHARE)
    for _ in range(n_studies):
        rows = random.normal(size=(N_TABLE_ROWS, 2)) @ np.array([[1.0, -0.9], [0.0, 0.44]])
        parts = draw_splits(N_TABLE_ROWS, n_seeds, random) @ rows
        shared = factor * float(np.var(parts.sum(1), ddof=1))
        for part in parts.T:
            low, high = SPLITS.find_basis(part).tests.find_interval()
            covered += low <= 0.0 <= high
            low, high = list_subset_means(part, shared).find_interval()
            whole += low <= 0.0 <= high
    return {"covered": covered / n_studies / 2.0, "covered_whole": whole / n_studies / 2.0}


def simulate_fixed_rows(
    differ: float, n_seeds: int, n_studies: int, random: np.random.Generator
) -> Shares:
    """Compare two learners that no seed changes on 360 test rows.

    Parameters
    ----------
    differ : float
        The share of rows, in the population, of which one has right what the other has not.
    n_seeds, n_studies : int
        How many.
    random : Generator
        Of the rows.

    Returns
    -------
    dict
        called: claims of equal learners that are called something; equivalent: claims called
        `equivalent` whose true difference is just the margin, as large as `differ` lets it be.
    """
    called = equivalent = 0
    sampling = Sampling(rows="fixed")
    for _ in range(n_studies):
        for is_edge in (False, True):
            share = 1.0 if is_edge else 0.5
            draws = random.random(N_TEST_ROWS)
            row = np.where(draws < differ * share, 1.0, np.where(draws < differ, -1.0, 0.0))
            rows = np.tile(row, (n_seeds, 1))
            margin = differ if is_edge else 0.0
            basis = sampling.find_basis(rows.mean(1), rows, 1.0)
            (one,) = decide([weigh(rows.mean(1), margin, basis)])
            called += not is_edge and one.verdict in ("holds", "reversed")
            equivalent += is_edge and one.verdict == "equivalent"
    return {"called": called / n_studies, "equivalent": equivalent / n_studies}


def simulate_arms(
    of_seeds: float, n_seeds: int, n_studies: int, random: np.random.Generator
) -> Shares:
    """Measure the accuracy of one arm on fixed rows, 360 of them.

    Parameters
    ----------
    of_seeds : float
        How much seeds differ, beside rows and single runs that differ by 1 each (probit).
    n_seeds, n_studies : int
        How many; the accuracy of one seed is that of its own parameters on new rows.
    random : Generator
        Of seeds and rows.

    Returns
    -------
    dict
        covered: the share of 95 % intervals that hold the true accuracy.
    """
    covered, sampling = 0, Sampling(rows="fixed")
    for _ in range(n_studies):
        luck = random.normal(0.0, of_seeds, n_seeds)
        rows = random.normal(1.0, 1.0, N_TEST_ROWS)
        right = rows + luck[:, None] + random.normal(size=(n_seeds, N_TEST_ROWS)) > 0.0
        low, high = sampling.measure_arm(right.astype(float)).tests.find_interval()
        one = n_seeds == 1
        variance = 2.0 + (0.0 if one else of_seeds**2)
        truth = ndtr((1.0 + (luck[0] if one else 0.0)) / variance**0.5)
        covered += low <= truth <= high
    return {"covered": covered / n_studies}


# ------------------------------------------------------------------------ claims that share seeds


def draw_claims(
    kind: str, n_seeds: int, random: np.random.Generator, n_claims: int = N_CLAIMS
) -> np.ndarray:
    """Draw the differences of claims over the same seeds; (n_claims, n_seeds), of mean 0 and sd 1.

    `independent` and `correlated` (by 0.8) are normal. In `one against ten` each compares the same
    arm with another, and each arm is lognormal: each difference is symmetric, all together are not.
    """
    if kind == "one against ten":
        arms = random.lognormal(size=(n_claims + 1, n_seeds))
        return (arms[:1] - arms[1:]) / np.sqrt(2.0 * (np.e - 1.0) * np.e)
    own = random.normal(size=(n_claims, n_seeds))
    if kind == "independent":
        return own
    return np.sqrt(0.8) * random.normal(size=n_seeds) + np.sqrt(0.2) * own


KINDS = ("independent", "correlated", "one against ten")


def adjust_by_holm(p_values: Sequence[float]) -> np.ndarray:
    """Adjust p-values by Holm's procedure; that of statsmodels collects garbage in every call."""
    p, adjusted = np.asarray(p_values), np.empty(len(p_values))
    order = p.argsort()
    products = p[order] * np.arange(len(p), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(products), 1.0)
    return adjusted


def simulate_families(
    kind: str, n_seeds: int, n_alone: int, n_studies: int, random: np.random.Generator
) -> Shares:
    """Judge ten claims jointly.

    Parameters
    ----------
    kind : str
        Of `KINDS`.
    n_seeds : int
        How many.
    n_alone : int
        How many of the claims are not of the family.
    n_studies : int
        How many.
    random : Generator
        Of the differences.

    Returns
    -------
    dict
        called: studies in which any is called though none is true; found, found_holm: the share of
        true claims that `holds`, with five of ten true by 1.5 standard deviations, jointly and by
        Holm's procedure; equivalent: studies in which any is called equivalent, though each true
        difference is at one edge of its margin of 1.5 standard deviations.
    """
    called = found = found_holm = equivalent = 0
    families = [None if place < n_alone else "seeds" for place in range(N_CLAIMS)]
    edges = 1.5 * (-1.0) ** np.arange(N_CLAIMS)[:, None]
    true = 1.5 * (np.arange(N_CLAIMS) % 2)[:, None]
    for _ in range(n_studies):
        drawn = draw_claims(kind, n_seeds, random)

        def judge(differences: np.ndarray, margin: float) -> tuple[list[str], list[float]]:
            evidence = [
                weigh(claim, margin, family=family)
                for claim, family in zip(differences, families, strict=True)
            ]
            holm = adjust_by_holm([one.p for one in evidence])
            return [one.verdict for one in decide(evidence)], list(holm)

        called += not {"holds", "reversed"}.isdisjoint(judge(drawn, 0.0)[0])
        verdicts, holm = judge(drawn + true, 0.0)
        found += sum(verdicts[place] == "holds" for place in range(1, N_CLAIMS, 2))
        found_holm += sum(holm[place] <= LEVEL for place in range(1, N_CLAIMS, 2))
        equivalent += "equivalent" in judge(drawn + edges, 1.5)[0]
    n_true = n_studies * N_CLAIMS // 2
    return {
        "called": called / n_studies,
        "found": found / n_true,
        "found_holm": found_holm / n_true,
        "equivalent": equivalent / n_studies,
    }


def simulate_tuning(n_seeds: int, n_studies: int, random: np.random.Generator) -> Shares:
    """Judge claims whose two sides each choose the best of five equally good settings.

    The settings of a seed share half of its luck, as runs on the same data do.

    Returns
    -------
    dict
        called: claims called with one choice by all seeds; called_bets: with bets and a choice by
        the seeds before; called_left_out: with a choice for each seed by all others.
    """
    counts = dict.fromkeys(("called", "called_bets", "called_left_out"), 0)
    for _ in range(n_studies):
        sides = random.normal(size=n_seeds) + random.normal(size=(2, 5, n_seeds))
        left_out = [(side.sum(1, keepdims=True) - side).argmin(0) for side in sides]
        one = _subtract_chosen(sides, [choose_candidates(side) for side in sides])
        earlier = _subtract_chosen(sides, [choose_candidates(side, True) for side in sides])[1:]
        other = _subtract_chosen(sides, left_out)
        counts["called"] += weigh(one, 0.0).p <= LEVEL
        counts["called_bets"] += weigh(earlier, 0.0, Basis(place_bets(earlier))).p <= LEVEL
        counts["called_left_out"] += weigh(other, 0.0).p <= LEVEL
    return {name: count / n_studies for name, count in counts.items()}


def _subtract_chosen(sides: np.ndarray, chosen: list[np.ndarray]) -> np.ndarray:
    seeds = np.arange(sides.shape[2])
    return sides[1, chosen[1], seeds] - sides[0, chosen[0], seeds]


def list_simulations(n_studies: int) -> Iterator[tuple[str, str, int, Callable[[], Shares]]]:
    """List all: the name of a table, that of its row, how many studies, and what runs them."""

    def prepare(
        table: str, row: str, simulate: Callable[..., Shares], *settings: Any, divide_by: int = 1
    ) -> tuple[str, str, int, Callable[[], Shares]]:
        stream = make_stream(0, f"benchmark.level_rows.{table}.{row}")
        n = max(1, n_studies // divide_by)
        return table, row, n, lambda: simulate(*settings, n, stream)

    for n_seeds in (10, 12, 20, 50):
        yield prepare("tables", f"{n_seeds} seeds", simulate_tables, n_seeds)
    yield prepare("looks", "6 to 30 seeds", simulate_table_looks, divide_by=4)
    for n_seeds in (10, 20):
        yield prepare("parts", f"{n_seeds} seeds", simulate_parts, n_seeds, divide_by=4)
    for differ in (0.005, 0.01, 0.02, 0.05):
        yield prepare("fixed rows", f"{differ:.1%} of rows", simulate_fixed_rows, differ, 6)
    for of_seeds in (0.05, 0.3):
        for n_seeds in (1, 2, 3, 5, 20):
            row = f"{n_seeds} seeds that differ by {of_seeds:g}"
            yield prepare("arms", row, simulate_arms, of_seeds, n_seeds)
    for n_seeds in (10, 20):
        yield prepare("tuning", f"{n_seeds} seeds", simulate_tuning, n_seeds)
    for n_seeds in (8, 10):
        for kind in KINDS:
            row = f"{kind}, {n_seeds} seeds"
            yield prepare("families", row, simulate_families, kind, n_seeds, 0)
    row = "correlated, 10 seeds, four claims alone"
    yield prepare("families", row, simulate_families, "correlated", 10, 4)
