"""How often claims on the same fixed test rows are wrong, judged jointly with each other.

Nothing is trained: which rows each run has right is drawn, so that the truth is known. As in
`level_rows.py`, each function returns shares by name.
"""

from collections.abc import Callable

import numpy as np
from level_rows import adjust_by_holm
from scipy.special import ndtr, ndtri

from fairtrial.evidence.statistics.sampling import Sampling
from fairtrial.evidence.verdict import LEVEL, Evidence, decide, weigh
from fairtrial.randomness import make_stream

Shares = dict[str, float]
Simulation = tuple[str, str, int, Callable[[], Shares]]

N_CLAIMS, MARGIN = 10, 0.02
OF_ROWS = 0.5  # How much an arm finds some rows easier than others do, beside 1 for all arms
SPREAD_OF_PLAIN = 0.01  # Standard deviation over the seeds of differences that have no rows


def draw_arm(
    mean: float, rows: np.ndarray, of_seeds: float, n_seeds: int, random: np.random.Generator
) -> np.ndarray:
    """Draw which of the rows (N,) the seeds of one arm have right (probit); (n_seeds, N)."""
    own = mean + rows + OF_ROWS * random.normal(size=len(rows))
    luck = of_seeds * random.normal(size=(n_seeds, 1))
    return own + luck + random.normal(size=(n_seeds, len(rows))) > 0.0


def weigh_claims(
    truths: np.ndarray,
    n_rows: int,
    of_seeds: float,
    n_seeds: int,
    n_plain: int,
    margin: float,
    random: np.random.Generator,
) -> list[Evidence]:
    """Weigh claims that compare the same arm with others, whose accuracies differ by the truths.

    The last `n_plain` claims are on differences (normal) without rows.
    """
    sampling, sd = Sampling(rows="fixed"), (2.0 + OF_ROWS**2 + of_seeds**2) ** 0.5
    rows = random.normal(size=n_rows)
    means = sd * ndtri(ndtr(1.0 / sd) + truths)
    shared = draw_arm(1.0, rows, of_seeds, n_seeds, random)
    found = []
    for mean in means[: len(means) - n_plain]:
        differences = draw_arm(mean, rows, of_seeds, n_seeds, random) - 1.0 * shared
        basis = sampling.find_basis(differences.mean(1), differences, 1.0)
        found.append(weigh(differences.mean(1), margin, basis, family="seeds"))
    for truth in truths[len(means) - n_plain :]:
        differences = truth + SPREAD_OF_PLAIN * random.normal(size=n_seeds)
        found.append(weigh(differences, margin, family="seeds"))
    return found


def simulate_claims_on_rows(
    n_rows: int,
    of_seeds: float,
    n_seeds: int,
    n_plain: int,
    effect: float,
    n_studies: int,
    random: np.random.Generator,
) -> Shares:
    """Judge ten claims jointly, on the same test rows.

    Parameters
    ----------
    n_rows, n_seeds : int
        How many.
    of_seeds : float
        How much seeds differ, beside rows and single runs that differ by 1 each (probit).
    n_plain : int
        How many of the claims have no rows.
    effect : float
        The difference where a claim is true.
    n_studies : int
        How many.
    random : Generator
        Of rows and seeds.

    Returns
    -------
    dict
        called: studies in which any is called though none is true; called_others: the same of the
        five that are not true, where five are; found, found_holm: the share of true claims that
        `holds`, judged jointly and by Holm's procedure; called_edge, equivalent: studies in which
        any is called, or called equivalent, though each true difference is at an edge of the
        margin.
    """
    counts = dict.fromkeys(
        ("called", "called_others", "found", "found_holm", "called_edge", "equivalent"), 0
    )
    is_true = np.arange(N_CLAIMS) % 2 == 1
    edges = MARGIN * (-1.0) ** np.arange(N_CLAIMS)
    for _ in range(n_studies):

        def judge(truths: np.ndarray, margin: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
            evidence = weigh_claims(truths, n_rows, of_seeds, n_seeds, n_plain, margin, random)
            p_values = np.array([(one.p, one.p_equivalent) for one in evidence])
            if np.min(p_values) > LEVEL:  # Adjusted p-values are not smaller.
                return np.full(N_CLAIMS, "undecided"), np.ones(N_CLAIMS)
            verdicts = np.array([one.verdict for one in decide(evidence)])
            return verdicts, adjust_by_holm([one.p for one in evidence])

        called = ("holds", "reversed")
        counts["called"] += np.isin(judge(0.0 * edges)[0], called).any()
        verdicts, holm = judge(effect * is_true)
        counts["called_others"] += np.isin(verdicts[~is_true], called).any()
        counts["found"] += np.mean(verdicts[is_true] == "holds")
        counts["found_holm"] += np.mean(holm[is_true] <= LEVEL)
        verdicts, _ = judge(edges, MARGIN)
        counts["called_edge"] += np.isin(verdicts, called).any()
        counts["equivalent"] += np.any(verdicts == "equivalent")
    return {name: float(count) / n_studies for name, count in counts.items()}


def list_simulations(n_studies: int) -> list[Simulation]:
    """List all: the name of a table, that of its row, how many studies, and what runs them."""

    def prepare(
        n_rows: int, of_seeds: float, n_seeds: int, n_plain: int, effect: float, divide_by: int = 1
    ) -> Simulation:
        plain = f", {n_plain} of them without rows" if n_plain else ""
        row = f"{n_rows:,} rows, {n_seeds} seeds that differ by {of_seeds:g}{plain}"
        stream = make_stream(0, f"benchmark.level_claims.{row}")
        n = max(1, n_studies // divide_by)
        settings = (n_rows, of_seeds, n_seeds, n_plain, effect, n)
        return "claims on rows", row, n, lambda: simulate_claims_on_rows(*settings, stream)

    return [
        prepare(360, 0.05, 6, 0, 0.1),
        prepare(360, 0.3, 6, 0, 0.25),
        prepare(360, 0.1, 6, 5, 0.1),
        prepare(360, 0.1, 11, 5, 0.08),
        prepare(360, 0.1, 20, 5, 0.06, divide_by=10),
        prepare(10_000, 0.02, 6, 5, 0.02, divide_by=2),
        prepare(10_000, 0.02, 11, 5, 0.015, divide_by=2),
    ]
