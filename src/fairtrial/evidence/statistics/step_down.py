"""Adjusting p-values for the number of claims: jointly where they share their seeds.

Claims over the same seeds hang together: an arm that is lucky with a seed is so in every claim that
compares it. If no claim is true, the seeds' whole vectors of differences could each as well have
had the other sign. So one flip of a seed flips its differences in all claims. The smallest p-value
of all claims, over all such flips, has the distribution with which the smallest observed one is
compared (min-P). Few seeds have few p-values, and every claim has flips that reach the smallest of
them. So among equal p-values the larger t counts as more extreme: it tells a large difference from
small ones that are aligned. The adjusted p-value is never larger than Holm's, and far smaller where
claims are correlated.

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
# No t counts as larger, so that rounding does not tell differences apart that are all equal.
MOST_T, TINY = 100.0, 1e-300
TIED = 1e-6  # Values of t so near to each other count as equal, and scores.


@dataclass(frozen=True)
class Column:
    """The differences (n,) of one claim, and by which one-sided tests it is judged.

    `sides` are shifts, each with 1 where the test is against "the centre is at most the shift", and
    -1 where it is against "at least". The smallest p-value counts; without sides it is 1.
    Differences nearer to a shift than `tolerance` count as equal to it.
    """

    differences: np.ndarray
    sides: tuple[tuple[float, float], ...]
    tolerance: float = 0.0

    def list_sides(self) -> np.ndarray:
        """List for each side how far the differences lie beyond it; (sides, n), of size 1."""
        beyond = np.zeros((len(self.sides), len(self.differences)))
        for x, (shift, direction) in zip(beyond, self.sides, strict=True):
            distances = direction * (self.differences - shift)
            distances[np.abs(distances) <= self.tolerance] = 0.0
            x[:] = distances / (np.max(np.abs(distances), initial=0.0) or 1.0)
        return beyond


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
        order, jointly = [0], [0.0]
        if len(places) > 1:
            order, jointly = step_down([columns[place] for place in places])
        ordered = [places[one] for one in order]
        stepwise = [max(p_values[place], p) for place, p in zip(ordered, jointly, strict=True)]
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


def step_down(columns: Sequence[Column]) -> tuple[list[int], list[float]]:
    """Compare the score of each claim with the largest score of it and all claims after it.

    The columns are over the same seeds. Returns their places, the largest score first, and in this
    order the share of the joint flips of the seeds with so large a score in any of these claims.
    """
    observed = [scores[0] for scores in _score_claims(columns)]
    order = sorted(range(len(columns)), key=lambda place: -observed[place])
    found: list[float] = []
    largest = np.array(-np.inf)
    for scores in _score_claims([columns[place] for place in reversed(order)]):
        largest = np.maximum(largest, scores)
        found.append(float(np.mean(largest >= scores[0] - TIED)))
    return order, found[::-1]


def _score_claims(columns: Sequence[Column]) -> Iterator[np.ndarray]:
    """Score all flips, claim by claim, by the side that each supports most; (M,), no flip first."""
    for start in range(0, len(columns), CHUNK):
        sides = [one.list_sides() for one in columns[start : start + CHUNK]]
        sums = sum_subsets(np.concatenate(sides).T)
        ends = np.cumsum([len(one) for one in sides])
        for of_claim, of_subsets in zip(sides, np.split(sums.T, ends[:-1]), strict=True):
            scores = np.full(len(sums), -np.inf)
            for x, subset in zip(of_claim, of_subsets, strict=True):
                # Flipping a subset lowers the sum by twice the subset's.
                scores = np.maximum(scores, _score_flips(x.sum() - 2.0 * subset, x))
            yield scores


def _score_flips(sums: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Score flips of x (n,) with sums (M,): a smaller p-value first, then a larger t."""
    n = len(x)
    variances = (x @ x - sums**2 / n) / max(1, n - 1)
    t = np.clip(sums / np.sqrt(n * np.maximum(variances, TINY)), -MOST_T, MOST_T)
    order = np.argsort(t)
    n_below = np.empty(len(t))
    n_below[order] = np.searchsorted(t[order], t[order] - TIED)
    return n_below + np.maximum(t, 0.0) / (2.0 * MOST_T)
