"""Sums of maxima of linear functions, by a primal-dual interior-point method.

Each row has a level that none of its edges exceeds: `edges <= level`. The objective is the sum of
the levels or of their squares, with weights. A multiplier of each edge is at least 0, and those of
a row sum to the slope of its level.

References
----------
Mehrotra (1992), doi:10.1137/0802028; Nocedal and Wright (2006), "Numerical optimization",
section 16.6.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


class Change(NamedTuple):
    """What one step of Newton's method changes."""

    level: np.ndarray
    slack: np.ndarray
    multiplier: np.ndarray


@dataclass
class Maxima:
    """Rows of maxima, M of them, each of C edges.

    `weight` (M,) multiplies the level (M,) of each row, or its square. The slack (M, C) says how
    far each edge is below the level. Slack and multipliers (M, C) are above 0.
    """

    weight: np.ndarray
    is_squared: bool
    level: np.ndarray
    slack: np.ndarray
    multiplier: np.ndarray

    @classmethod
    def start(cls, weight: np.ndarray, is_squared: bool, edges: np.ndarray) -> Maxima:
        """Start 1 above the largest edge (M, C), with equal multipliers."""
        level = edges.max(1, initial=-np.inf) + 1.0
        slope = weight * (2.0 * level if is_squared else 1.0)
        even = np.repeat(slope[:, None] / edges.shape[1], edges.shape[1], 1)
        return cls(weight, is_squared, level, level[:, None] - edges, even)

    @property
    def bend(self) -> np.ndarray:
        """The curvature by the level, (M,)."""
        return 2.0 * self.weight if self.is_squared else np.zeros(len(self.weight))

    @property
    def stiffness(self) -> np.ndarray:
        """How fast the multipliers grow with the edges, (M, C)."""
        return self.multiplier / self.slack

    @property
    def gaps(self) -> np.ndarray:
        """Slack times multiplier of each edge, (M, C); all are 0 at a minimiser."""
        return self.slack * self.multiplier

    def _miss(self) -> np.ndarray:
        """Return what the multipliers of each row are more than the slope of its level, (M,)."""
        slope = self.weight * (2.0 * self.level if self.is_squared else 1.0)
        return self.multiplier.sum(1) - slope

    def pull(self, goal: np.ndarray | float) -> np.ndarray:
        """Return how the multipliers would change for gaps `goal` if no edge moved, (M, C)."""
        more = goal / self.slack - self.multiplier
        total = self.stiffness.sum(1) + self.bend
        rise = (more.sum(1) + self._miss()) / total
        return more - self.stiffness * rise[:, None]

    def move(self, goal: np.ndarray | float, edges: np.ndarray) -> Change:
        """Return the step to gaps `goal` (M, C) while the edges move by `edges` (M, C)."""
        more = goal / self.slack - self.multiplier
        total = self.stiffness.sum(1) + self.bend
        level = (more.sum(1) + self._miss() + (self.stiffness * edges).sum(1)) / total
        slack = level[:, None] - edges
        return Change(level, slack, more - self.stiffness * slack)

    def reach(self, change: Change) -> float:
        """Return the longest step, up to 1, that leaves slacks and multipliers at least 0."""
        step = 1.0
        for value, by in ((self.slack, change.slack), (self.multiplier, change.multiplier)):
            falling = by < 0
            if falling.any():
                step = min(step, float((-value[falling] / by[falling]).min()))
        return step

    def find_held(self) -> np.ndarray:
        """Return 1 where an edge must stay at its level in all minimisers, else 0; (M, C)."""
        return (self.multiplier > self.weight[:, None] * self.slack).astype(float)

    def take(self, change: Change, step: float) -> Maxima:
        """Return the rows after a step."""
        return Maxima(
            self.weight,
            self.is_squared,
            self.level + step * change.level,
            self.slack + step * change.slack,
            self.multiplier + step * change.multiplier,
        )


def settle(maxima: Maxima, edges: np.ndarray) -> tuple[np.ndarray, float]:
    """Return multipliers (M, C) that are valid at edges (M, C), and the duality gap they leave.

    They are at least 0 and sum to the slope at the largest edge; the gap is exact.
    """
    level = edges.max(1)
    slope = maxima.weight * (2.0 * level if maxima.is_squared else 1.0)
    share = maxima.multiplier / maxima.multiplier.sum(1, keepdims=True)
    multiplier = share * slope[:, None]
    return multiplier, float((multiplier * (level[:, None] - edges)).sum())
