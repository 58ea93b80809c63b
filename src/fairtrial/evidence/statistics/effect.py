"""How large a difference is beside the luck of seeds, and what pairing has gained."""

from typing import NamedTuple

import numpy as np


class Effect(NamedTuple):
    """A paired difference in words that need no unit; None where it cannot be said."""

    beats: float | None = None  # Share of the seeds in which `better` is better, ties counted half
    effect: float | None = None  # Mean difference over its standard deviation from seed to seed
    correlation: float | None = None  # Of the two sides over the seeds
    # How many seeds a side would take to be as precise without pairing
    unpaired_seeds: int | None = None


def describe_effect(better: np.ndarray, than: np.ndarray, differences: np.ndarray) -> Effect:
    """Describe a paired difference (n,), positive where `better` (n,) is better than `than` (n,).

    Examples
    --------
    >>> better, than = np.array([1.0, 2.0, 3.0]), np.array([2.0, 2.5, 4.5])
    >>> found = describe_effect(better, than, than - better)
    >>> found.beats, found.effect, round(found.correlation, 3), found.unpaired_seeds
    (1.0, 2.0, 0.945, 33)
    """
    n = len(differences)
    if n < 2:
        return Effect()
    beats = float(np.mean((differences > 0.0) + 0.5 * (differences == 0.0)))
    spread, sides = np.std(differences, ddof=1), (np.std(better, ddof=1), np.std(than, ddof=1))
    # A side that never varies has no correlation, and nothing was gained by pairing with it.
    correlation = float(np.corrcoef(better, than)[0, 1]) if min(sides) > 0.0 else None
    if not spread > 0.0:
        return Effect(beats, correlation=correlation)
    gain = (sides[0] ** 2 + sides[1] ** 2) / spread**2
    return Effect(
        beats, float(np.mean(differences) / spread), correlation, int(np.ceil(n * gain - 1e-9))
    )
