"""Adjusting p-values for the number of claims: jointly where they share their seeds.

Claims over the same seeds hang together: an arm that is lucky with a seed is so in every claim that
compares it. If no claim is true, the seeds' whole vectors of differences could each as well have
had the other sign. So one flip of a seed flips its differences in all claims. The smallest p-value
of all claims, over all such flips, has the distribution with which the smallest observed one is
compared (min-P). The adjusted p-value is never larger than Holm's, and far smaller where claims are
correlated.

Claims of other families, and those that cannot be flipped, are kept apart by Bonferroni's
inequality: a family of k of m claims has the share k / m of the level, and one that is wholly
rejected passes its share on to the others in proportion. Critical values never fall when more is
rejected, and where all true hypotheses are left the shares sum to at most the level: that is what
the sequential rejection principle asks for. Families of one claim each make it Holm's procedure.

References
----------
Westfall and Young (1993), "Resampling-Based Multiple Testing". Romano and Wolf (2005),
doi:10.1198/016214504000000539. Goeman and Solari (2010), doi:10.1214/10-AOS829.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from fairtrial.evidence.statistics.sign_flip import sum_subsets

# So many claims' sums of subsets are held at once.
CHUNK = 16


@dataclass(frozen=True)
class Column:
    """The differences (n,) of one claim, and by which one-sided tests it is judged.

    `sides` are shifts, each with 1 where the test is against "the centre is at most the shift", and
    -1 where it is against "at least". The smallest p-value counts; without sides it is 1.
    Differences nearer to each other than `tolerance` count as equal.
    """

    differences: np.ndarray
    sides: tuple[tuple[float, float], ...]
    tolerance: float = 0.0


NO_COLUMN = Column(np.array([]), ())


def adjust(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values for their number, by Holm's procedure.

    References
    ----------
    Holm (1979), Scandinavian Journal of Statistics 6, 65-70.

    Examples
    --------
    >>> [round(p, 3) for p in adjust([0.01, 0.04, 0.03, 0.005])]
    [0.03, 0.06, 0.06, 0.02]
    """
    n = len(p_values)
    return adjust_families(p_values, [None] * n, [NO_COLUMN] * n)


def adjust_families(
    p_values: Sequence[float], families: Sequence[Hashable], columns: Sequence[Column]
) -> list[float]:
    """Adjust p-values, one for each claim, for their number.

    `families` are what claims of the same seeds have in common, None for a claim that stands alone;
    by their columns claims of one family are flipped jointly.
    """
    members: dict[Hashable, list[int]] = {}
    for place, family in enumerate(families):
        members.setdefault(("alone", place) if family is None else family, []).append(place)
    chains = []
    for places in members.values():
        ordered = sorted(places, key=lambda place: p_values[place])
        stepwise = [p_values[place] for place in ordered]
        if len(ordered) > 1:
            jointly = step_down([columns[place] for place in ordered])
            stepwise = [max(pair) for pair in zip(stepwise, jointly, strict=True)]
        chains.append((ordered, stepwise))
    return _combine(chains, len(p_values))


def _combine(chains: list[tuple[list[int], list[float]]], n_claims: int) -> list[float]:
    """Give each family its share of the level; a family that is wholly rejected passes it on."""
    adjusted, largest, left = [1.0] * n_claims, 0.0, n_claims
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


def step_down(columns: Sequence[Column]) -> list[float]:
    """Compare each claim's p-value with the smallest of it and all claims after it.

    The columns are over the same seeds, the smallest p-value first. Returns the share of the joint
    flips of the seeds with so small a p-value in any of these claims.
    """
    found: list[float] = []
    smallest: np.ndarray | None = None
    for counts in _count_flips(columns[::-1]):
        smallest = counts if smallest is None else np.minimum(smallest, counts)
        found.append(float(np.count_nonzero(smallest <= counts[0])) / len(counts))
    return found[::-1]


def _count_flips(columns: Sequence[Column]) -> Iterator[np.ndarray]:
    """Count for each flip how many are at least as extreme, claim by claim; (M,), no flip first."""
    for start in range(0, len(columns), CHUNK):
        chunk = columns[start : start + CHUNK]
        sums, sizes = sum_subsets(np.stack([one.differences for one in chunk], axis=1))
        for column, of_column in zip(chunk, np.ascontiguousarray(sums.T), strict=True):
            yield _count_extreme(column, of_column, sizes)


def _count_extreme(column: Column, sums: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Count by the smallest of the one-sided tests; those of two sides twice."""
    tolerance = len(column.differences) * column.tolerance
    counts = np.full(len(sums), len(sums))
    for shift in {shift for shift, _ in column.sides}:
        # Flipping a subset lowers the sum by twice the subset's: the sums tell all that flips do.
        shifted = sums - shift * sizes if shift else sums
        order = np.argsort(shifted)
        # Sums that lie within the tolerance of the next one are tied.
        ends = np.flatnonzero(np.diff(shifted[order], append=np.inf) > tolerance) + 1
        lengths = np.diff(ends, prepend=0)
        for at, direction in column.sides:
            if at != shift:
                continue
            if direction > 0.0:
                found = np.repeat(ends, lengths)
            else:
                found = len(sums) - np.repeat(ends - lengths, lengths)
            counts[order] = np.minimum(counts[order], found)
    return counts
