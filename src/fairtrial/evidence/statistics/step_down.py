"""Adjusting p-values for the number of claims: jointly where they share their seeds.

Claims over the same seeds hang together: an arm that is lucky with a seed is so in every claim that
compares it. If no claim is true, the seeds' whole vectors of differences could each as well have
had the other sign. So one flip of a seed flips its differences in all claims. The smallest p-value
of all claims, over all such flips, has the distribution with which the smallest observed one is
compared (min-P). Few seeds have few p-values, and every claim has flips that reach the smallest of
them. So among equal p-values the larger t counts as more extreme: it tells a large difference from
small ones that are aligned. Without test rows, the adjusted p-value is never larger than Holm's,
and far smaller where claims are correlated.

Claims on fixed test rows share these rows too, which flips of seeds cannot show. Each flip is
repeated with draws of what other rows would add to the means of all claims, and t has the variance
of the rows in its denominator.

Claims of other families, and those that cannot be flipped, are kept apart by Bonferroni's
inequality: a family of k of m claims has the share k / m of the level, and one that is wholly
rejected passes its share on to the others in proportion. Critical values never fall when more is
rejected, and where all true hypotheses are left the shares sum to at most the level: that is what
the sequential rejection principle asks for. Families of one claim each make it
Holm's procedure (1979).

References
----------
Holm (1979), Scandinavian Journal of Statistics 6, 65-70. Westfall and Young (1993),
"Resampling-Based Multiple Testing". Romano and Wolf (2005),
doi:10.1198/016214504000000539. Goeman and Solari (2010), doi:10.1214/10-AOS829. Satterthwaite
(1946), doi:10.2307/3002019. Wallace (1959), doi:10.1214/aoms/1177706096.
"""

from collections.abc import Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from typing import NamedTuple

import numpy as np
from joblib import cpu_count

from fairtrial.evidence.statistics.crossing import draw_row_means
from fairtrial.evidence.statistics.sign_flip import sum_subsets

# No t counts as larger, so that rounding does not tell differences apart that are all equal.
MOST_T, TINY, SMALLEST = 100.0, 1e-300, 1e-9
# How many draws there are of what test rows may add, and with how many flips at most.
FEWEST_DRAWS, MOST_FLIPS = 2**14, 2**16
TIED = 1e-6  # Values of t so near to each other count as equal, and scores.


@dataclass(frozen=True)
class Column:
    """The differences (n,) of one claim, and by which one-sided tests it is judged.

    `sides` are shifts, each with 1 where the test is against "the centre is at most the shift", and
    -1 where it is against "at least". The smallest p-value counts; without sides it is 1.
    Differences nearer to a shift than `tolerance` count as equal to it. All of them share what the
    test rows add, of variance `row_variance`; `row_means` (N,) are the differences by row, of which
    the correlation with other claims comes.
    """

    differences: np.ndarray
    sides: tuple[tuple[float, float], ...]
    tolerance: float = 0.0
    row_means: np.ndarray | None = None
    row_variance: float = 0.0

    def list_sides(self) -> "list[Side]":
        """List how far the differences lie beyond each side."""
        sides = []
        for shift, direction in self.sides:
            beyond = direction * (self.differences - shift)
            beyond[np.abs(beyond) <= self.tolerance] = 0.0
            unit = float(np.max(np.abs(beyond), initial=0.0)) or 1.0
            sides.append(Side(beyond / unit, direction / unit, self.row_variance / unit / unit))
        return sides


class Side(NamedTuple):
    """How far differences lie beyond one side; the largest distance is 1."""

    x: np.ndarray  # (n,)
    factor: float  # From the differences' unit to that of x; negative where x has the other sign
    row_variance: float  # In the squared unit of x


def adjust_families(
    p_values: Sequence[float],
    families: Sequence[Hashable],
    columns: Sequence[Column],
    n_more: int = 0,
) -> list[float]:
    """Adjust p-values, one for each claim, for their number, and for `n_more` further claims.

    `families` are what claims of the same seeds have in common, None for a claim that stands alone;
    by their columns claims of one family are flipped jointly.
    """
    members: dict[Hashable, list[int]] = {}
    for place, family in enumerate(families):
        members.setdefault(("alone", place) if family is None else family, []).append(place)
    chains = []
    for places in members.values():
        order, jointly = [0], [0.0]
        if len(places) > 1:
            order, jointly = step_down([columns[place] for place in places])
        ordered = [places[one] for one in order]
        stepwise = [max(p_values[place], p) for place, p in zip(ordered, jointly, strict=True)]
        chains.append((ordered, stepwise))
    return _combine(chains, len(p_values), n_more)


def _combine(
    chains: list[tuple[list[int], list[float]]], n_claims: int, n_more: int
) -> list[float]:
    """Give each family its share of the level; a family that is wholly rejected passes it on."""
    adjusted, largest, left = [1.0] * n_claims, 0.0, n_claims + n_more
    done = [0] * len(chains)
    open_chains = list(range(len(chains)))
    while open_chains:
        p, chain = min(
            (chains[one][1][done[one]] * left / len(chains[one][0]), one) for one in open_chains
        )
        largest = max(largest, p)
        adjusted[chains[chain][0][done[chain]]] = min(1.0, largest)
        done[chain] += 1
        if done[chain] == len(chains[chain][0]):
            open_chains.remove(chain)
            left -= done[chain]
    return adjusted


def step_down(columns: Sequence[Column]) -> tuple[list[int], list[float]]:
    """Compare the score of each claim with the largest score of it and all claims after it.

    The columns are over the same seeds. Returns their places, the largest score first, and in this
    order the share of the joint flips with so large a score in any of these claims.
    """
    deviations, n_repeats = _draw_deviations(columns)
    with ThreadPoolExecutor(cpu_count()) as pool:  # NumPy sorts on all cores at once.
        scores = [*pool.map(_score_flips, columns, deviations, repeat(n_repeats))]
    order = sorted(range(len(columns)), key=lambda place: -scores[place][0])
    found: list[float] = []
    largest = np.array(-np.inf)
    for place in reversed(order):
        largest = np.maximum(largest, scores[place])
        found.append(float(np.mean(largest >= scores[place][0] - TIED)))
    return order, found[::-1]


def _draw_deviations(columns: Sequence[Column]) -> tuple[list[np.ndarray], int]:
    """Draw what rows may add to the mean of each claim, so many times for each flip; (M,) each."""
    n_seeds = len(columns[0].differences)
    rows = {n: one.row_means for n, one in enumerate(columns) if one.row_means is not None}
    sizes = sum_subsets(np.ones(n_seeds))
    if not rows:
        return [np.zeros(len(sizes))] * len(columns), 1
    n_repeats = -(-FEWEST_DRAWS // len(sizes))
    sizes = np.tile(sizes[:MOST_FLIPS], n_repeats)
    drawn = draw_row_means([*rows.values()], len(sizes))
    # Flips of no seed and of all seeds count wholly, as in the test of one claim.
    drawn[:, (sizes == 0) | (sizes == n_seeds)] = 0.0
    drawn *= np.sqrt([[columns[place].row_variance] for place in rows])
    found, nothing = dict(zip(rows, drawn, strict=True)), np.zeros(len(sizes))
    return [found.get(place, nothing) for place in range(len(columns))], n_repeats


def _score_flips(column: Column, deviations: np.ndarray, n_repeats: int) -> np.ndarray:
    """Score all flips by the side that each supports most; (M,), the one of no flip first.

    The smaller p-value, in steps of one flip, counts first, and then the larger size.
    """
    scores, n_flips = np.full(len(deviations), -np.inf), len(deviations) // n_repeats
    for side in column.list_sides():
        # Flipping a subset lowers the sum by twice the subset's.
        sums = side.x.sum() - 2.0 * sum_subsets(side.x)[:n_flips]
        sizes = _standardise(np.tile(sums, n_repeats), side.factor * deviations, side)
        order = np.argsort(sizes)
        n_below = np.empty(len(sizes))
        n_below[order] = np.searchsorted(sizes[order], sizes[order] - TIED)
        # To the nearest flip, so that no single draw decides between two ranks; one flip at least.
        ranks = np.minimum((n_below + n_repeats // 2) // n_repeats, n_flips - 1)
        scores = np.maximum(scores, ranks + np.maximum(sizes, 0.0) / (2.0 * MOST_T))
    return scores


def _standardise(sums: np.ndarray, deviations: np.ndarray, side: Side) -> np.ndarray:
    """Make normal quantiles of flipped sums of x, and of what rows add to their means.

    That is Student's t with the degrees of freedom of both variances (Satterthwaite 1946), whose
    quantile is approximated (Wallace 1959).
    """
    n = len(side.x)
    of_seeds = (side.x @ side.x - np.square(sums) / n) / max(1, n - 1) / n
    variances = np.maximum(of_seeds, 0.0) + side.row_variance
    t = (sums / n + deviations) / np.sqrt(np.maximum(variances, TINY))
    t = np.clip(t, -MOST_T, MOST_T)
    share = 1.0 - side.row_variance / np.maximum(variances, TINY)  # Of the variance: the seeds'
    q = np.maximum(share**2 / max(1, n - 1), SMALLEST)  # 1 / degrees of freedom
    return np.sign(t) * np.sqrt(np.log1p(q * t**2) / q) * (8.0 + q) / (8.0 + 3.0 * q)
