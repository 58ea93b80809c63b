"""How often verdicts are wrong: simulated studies in which the truth is known.

Nothing is trained: differences are drawn. Prints Markdown tables, in which figures outside their
targets are bold, each with one standard error of the simulation. Then the tables of
`level_rows.py`, `level_claims.py` and `level_runs.py`. Above 16 seeds, where flips are drawn at
random, a study takes half a second, a hundred times as long as with 6; so give few distributions,
or few repetitions.

    python benchmarks/level.py --repetitions 200 --seeds 20 --distributions normal
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import level_claims
import level_rows
import level_runs
import numpy as np
from scipy import stats
from threadpoolctl import threadpool_limits

from fairtrial.evidence.statistics.anytime import place_bets
from fairtrial.evidence.statistics.sign_flip import list_subset_means
from fairtrial.evidence.verdict import LEVEL, Evidence, decide, weigh
from fairtrial.randomness import make_stream

Draw = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]

N_CLAIMS = 10  # of a study
MOST_LOOKS, MOST_LOOKS_SIGN_FLIP = 30, 14
MARGIN = 1.0  # standard deviations of the differences
BEYOND = 1.25 * MARGIN

SD_LOGNORMAL = np.sqrt((np.e - 1.0) * np.e)

# All of mean 0 and standard deviation 1.
SYMMETRIC: dict[str, Draw] = {
    "normal": lambda random, shape: random.normal(size=shape),
    "Student's t, 3": lambda random, shape: random.standard_t(3, shape) / np.sqrt(3.0),
    "Laplace": lambda random, shape: random.laplace(size=shape) / np.sqrt(2.0),
    # What two equal arms give, each with seeds of its own, however skewed each is.
    "two lognormal arms": lambda random, shape: (
        (random.lognormal(size=shape) - random.lognormal(size=shape)) / np.sqrt(2.0) / SD_LOGNORMAL
    ),
}
SKEWED: dict[str, Draw] = {
    "gamma, skewness 1": lambda random, shape: random.gamma(4.0, size=shape) / 2.0 - 2.0,
    "exponential, 2": lambda random, shape: random.exponential(size=shape) - 1.0,
    "lognormal, 6": lambda random, shape: (
        (random.lognormal(size=shape) - np.exp(0.5)) / SD_LOGNORMAL
    ),
}
DISTRIBUTIONS = SYMMETRIC | SKEWED

# Column titles, and between what a figure should lie: where symmetric, where skewed.
Columns = dict[str, tuple[str, tuple[float, float] | None, tuple[float, float] | None]]
FIXED: Columns = {
    "called": ("any claim called", (0.0, 0.05), (0.0, 0.08)),
    "covered": ("interval covers", (0.92, 0.98), (0.92, 0.98)),
    "equivalent_high": ("equivalent: at the upper edge", (0.0, 0.05), (0.0, 0.05)),
    "equivalent_low": ("at the lower", (0.0, 0.05), (0.0, 0.05)),
    "equivalent_beyond": ("beyond", (0.0, 0.05), (0.0, 0.05)),
    "equivalent_within": ("where true", None, None),
    "called_t": ("Student's t: any called", None, None),
    "covered_t": ("covers", None, None),
}
PEEKING: Columns = {
    "called": ("any claim ever called", (0.0, 0.05), (0.0, 0.08)),
    "missed": ("interval ever misses", (0.0, 0.05), (0.0, 0.08)),
    "equivalent_high": ("ever equivalent: at the upper edge", (0.0, 0.05), (0.0, 0.05)),
    "equivalent_low": ("at the lower", (0.0, 0.05), (0.0, 0.05)),
    "found": ("1 sd ever called", None, None),
    "missed_sign_flip": ("sign-flip interval ever misses", None, None),
}
# Of how many claims of a study a share is, where it is not of one claim or of the study.
PER_STUDY = {"covered": N_CLAIMS, "covered_t": N_CLAIMS}


def say(evidence: Sequence[Evidence]) -> list[str]:
    """Return the verdicts of one study's claims."""
    return [one.verdict for one in decide(evidence)]


def simulate_nothing(
    draw: Draw, n_seeds: int, n_studies: int, random: np.random.Generator
) -> dict[str, float]:
    """Judge studies of ten claims in which there is no difference.

    Returns
    -------
    dict
        called: the share of studies with any `holds` or `reversed`; covered: the share of claims
        whose 95 % interval holds the true mean; called_t, covered_t: the same by Student's t.
    """
    called = covered = 0
    differences = draw(random, (n_studies, N_CLAIMS, n_seeds))
    for study in differences:
        evidence = [weigh(claim, 0.0, family="seeds") for claim in study]
        called += not {"holds", "reversed"}.isdisjoint(say(evidence))
        covered += sum(one.wide[0] <= 0.0 <= one.wide[1] for one in evidence)
    p_of_t = stats.ttest_1samp(differences, 0.0, axis=-1).pvalue
    return {
        "called": called / n_studies,
        "covered": covered / (n_studies * N_CLAIMS),
        # Holm's procedure calls any where Bonferroni's does.
        "called_t": float(np.mean(N_CLAIMS * p_of_t.min(axis=1) <= LEVEL)),
        "covered_t": float(np.mean(p_of_t > 0.05)),
    }


def simulate_equivalence(
    draw: Draw, n_seeds: int, n_claims: int, random: np.random.Generator
) -> dict[str, float]:
    """Judge single claims with a margin whose true difference is known.

    Returns
    -------
    dict
        The share that is called `equivalent` with the difference at either edge of the margin,
        a quarter of it beyond, on either side by turns, and 0.
    """
    turns = BEYOND * (-1.0) ** np.arange(n_claims)
    truths = {"high": MARGIN, "low": -MARGIN, "beyond": turns, "within": 0.0}
    shares = {}
    for name, truth in truths.items():
        differences = draw(random, (n_claims, n_seeds)) + np.reshape(truth, (-1, 1))
        said = [say([weigh(claim, MARGIN)]) for claim in differences]
        shares[f"equivalent_{name}"] = said.count(["equivalent"]) / n_claims
    return shares


def simulate_peeking(draw: Draw, n_studies: int, random: np.random.Generator) -> dict[str, float]:
    """Look after each of 30 seeds, by the test that allows it.

    Its p-values never rise and its interval never widens, so the last look tells whether any did
    decide.

    Returns
    -------
    dict
        called: the share of studies of ten claims about nothing with any one ever called; of the
        first claims alone, missed: the share whose interval ever left out the truth,
        equivalent_high, equivalent_low: that ever seemed equivalent with the difference at an edge
        of the margin, found: that were ever called with a difference of one standard deviation.
    """
    counts = dict.fromkeys(("called", "missed", "equivalent_high", "equivalent_low", "found"), 0)
    for study in draw(random, (n_studies, N_CLAIMS, MOST_LOOKS)):
        bets = [place_bets(claim) for claim in study]
        p = [min(1.0, 2.0 * min(one.test_above(0.0), one.test_below(0.0))) for one in bets]
        counts["called"] += min(level_rows.adjust_by_holm(p)) <= LEVEL
        first = bets[0]
        low, high = first.find_interval()
        counts["missed"] += not low <= 0.0 <= high
        # A difference of θ where 0 was drawn: what was drawn, tested at a shift lower by θ.
        counts["found"] += 2.0 * first.test_above(-1.0) <= LEVEL
        at_high = max(first.test_below(0.0), first.test_above(-2.0 * MARGIN))
        at_low = max(first.test_above(0.0), first.test_below(2.0 * MARGIN))
        counts["equivalent_high"] += at_high <= LEVEL
        counts["equivalent_low"] += at_low <= LEVEL
    return {name: count / n_studies for name, count in counts.items()}


def simulate_sign_flip_peeking(
    draw: Draw, n_claims: int, random: np.random.Generator
) -> dict[str, float]:
    """Look after each of 14 seeds by the sign-flip test, which does not allow it.

    Returns
    -------
    dict
        missed_sign_flip: the share of claims whose interval ever left out the truth.
    """
    differences = draw(random, (n_claims, MOST_LOOKS_SIGN_FLIP))
    missed = np.zeros(n_claims, bool)
    for n_seeds in range(2, MOST_LOOKS_SIGN_FLIP + 1):
        ends = [list_subset_means(claim[:n_seeds]).find_interval() for claim in differences]
        missed |= [not low <= 0.0 <= high for low, high in ends]
    return {"missed_sign_flip": float(np.mean(missed))}


def simulate(
    n_studies: int, seeds: Sequence[int], names: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """Simulate everything, one row of a table after the other.

    Parameters
    ----------
    n_studies : int
        How many of each kind.
    seeds : sequence of int
        How many seeds the studies have; 0 to look after each seed.
    names : sequence of str
        Of `DISTRIBUTIONS`.
    """
    for n_seeds in seeds:
        for name in names:
            draw, random = DISTRIBUTIONS[name], make_stream(n_seeds, f"benchmark.level.{name}")
            if n_seeds:
                figures = simulate_nothing(draw, n_seeds, n_studies, random)
                figures |= simulate_equivalence(draw, n_seeds, n_studies, random)
            else:
                figures = simulate_peeking(draw, n_studies, random)
                figures |= simulate_sign_flip_peeking(draw, n_studies, random)
            yield {"distribution": name, "seeds": n_seeds, "repetitions": n_studies, **figures}


def make_tables(rows: Sequence[dict[str, Any]]) -> str:
    """Write the rows as Markdown."""
    fixed = [row for row in rows if row["seeds"]]
    peeking = [row for row in rows if not row["seeds"]]
    return f"""\
Called: `holds` or `reversed`, in a study of {N_CLAIMS} claims about no difference. Equivalent: of
single claims with a margin of {MARGIN:g} standard deviation; beyond: at {BEYOND:g}. In bold what is
outside its target by more than two standard errors of the simulation.

{_make_table(fixed, FIXED, ["distribution", "seeds", "repetitions"])}

Looking after each of {MOST_LOOKS} seeds, by bets; the last column by the sign-flip test, which does
not allow it, and after each of the first {MOST_LOOKS_SIGN_FLIP} only:

{_make_table(peeking, PEEKING, ["distribution", "repetitions"])}
"""


def make_row_tables(n_studies: int) -> str:
    """Simulate seeds that share rows and claims that share seeds; Markdown, one table for each."""
    tables: dict[str, list[list[str]]] = {}
    modules = (level_rows, level_claims, level_runs)
    every = [one for module in modules for one in module.list_simulations(n_studies)]
    for table, row, n, simulate in every:
        shares = simulate()
        lines = tables.setdefault(
            table, [[table, "studies", *shares], ["---", *["---:"] * (len(shares) + 1)]]
        )
        lines.append([row, f"{n:,}", *(show_with_error(share, n) for share in shares.values())])
        print(f"{table}, {row}", file=sys.stderr)
    return "\n\n".join(
        "\n".join(f"| {' | '.join(line)} |" for line in lines) for lines in tables.values()
    )


def show_with_error(share: float, n: int) -> str:
    """Show a share with the standard error that so many studies leave, in per cent."""
    error = np.sqrt(share * (1.0 - share) / n)
    return f"{100.0 * share:.1f} ± {100.0 * error:.1f} %"


def _make_table(rows: Sequence[dict[str, Any]], columns: Columns, lead: list[str]) -> str:
    lines = [
        [*lead, *(title for title, _, _ in columns.values())],
        ["---", *["---:"] * (len(lead) - 1 + len(columns))],
    ]
    for row in rows:
        position = 2 if row["distribution"] in SKEWED else 1
        figures = [
            _show(row[name], column[position], row["repetitions"] * PER_STUDY.get(name, 1))
            for name, column in columns.items()
        ]
        lines.append([*(str(row[name]) for name in lead), *figures])
    for position, title in enumerate(("target, symmetric", "target, skewed"), start=1):
        ranges = [_show_range(column[position]) for column in columns.values()]
        lines.append([title, *[""] * (len(lead) - 1), *ranges])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _show(share: float, target: tuple[float, float] | None, n: int) -> str:
    text = show_with_error(share, n)
    if target is None or target[0] <= share <= target[1]:
        return text
    nearest = min(target, key=lambda end: abs(share - end))
    error = np.sqrt(nearest * (1.0 - nearest) / n)
    return text if abs(share - nearest) <= 2.0 * error else f"**{text}**"


def _show_range(target: tuple[float, float] | None) -> str:
    if target is None:
        return ""
    low, high = (f"{100.0 * end:g}" for end in target)
    return f"{low} to {high} %" if target[0] else f"at most {high} %"


def main() -> None:
    """Simulate, print the tables, and keep the figures if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--repetitions", type=int, default=2000, help="How many studies are simulated of each kind."
    )
    parser.add_argument(
        "--seeds", type=int, nargs="+", default=[6, 10, 20, 0],
        help="How many seeds studies have; 0 to look after each.",
    )  # fmt: skip
    parser.add_argument(
        "--distributions", nargs="+", default=list(DISTRIBUTIONS), choices=DISTRIBUTIONS,
        metavar="NAME", help="Of the differences.",
    )  # fmt: skip
    parser.add_argument("--no-rows", action="store_true", help="Without the tables of rows.")
    parser.add_argument(
        "--rows-only", action="store_true", help="Simulate shared rows and shared seeds alone."
    )
    parser.add_argument("--json", type=Path, help="Write the figures to this file, too.")
    options = parser.parse_args()
    began, rows = time.process_time(), []
    with threadpool_limits(1):  # The threads of a small product wait for each other.
        if options.rows_only:
            print(make_row_tables(options.repetitions))
            return
        for row in simulate(options.repetitions, options.seeds, options.distributions):
            rows.append(row)
            seconds = time.process_time() - began
            print(f"{row['distribution']}, {row['seeds']}: {seconds:,.0f} s", file=sys.stderr)
        if options.json:
            options.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
        print(make_tables(rows))
        if not options.no_rows:
            print(make_row_tables(options.repetitions))
    print(f"Took {time.process_time() - began:,.0f} s of processor time.")


if __name__ == "__main__":
    main()
