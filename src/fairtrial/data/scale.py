"""Features in one unit: mean 0 and standard deviation 1 over the rows that training sees."""

from typing import NamedTuple

import numpy as np

# A spread below so many units in the last place is that of rounding.
ROUNDING = 4 * np.finfo(np.float64).eps
# Of the spread: float32, in which training runs, may not round targets or features by more.
OF_TARGETS, OF_FEATURES = 1e-4, 1e-2


def find_coarse_step(largest: float, spread: float, most: float = OF_TARGETS) -> float | None:
    """Return how far apart float32's numbers are, where that is above `most` of the spread."""
    step = largest * 2.0**-23
    return step if 0.0 < most * spread < step else None


class Scale(NamedTuple):
    """Means and standard deviations of features, (D,) float64 each; 1 where they are constant.

    Without the first row, equal numbers are exactly 0, and so is their mean; `mean` is that of what
    is left.
    """

    first: np.ndarray
    mean: np.ndarray
    spread: np.ndarray


def measure_scale(known: np.ndarray) -> Scale:
    """Measure the scale of features, (N, D), over all rows."""
    known = known.astype(np.float64)
    shifted = known - known[0]
    spread = shifted.std(0)
    spread[spread <= ROUNDING * np.abs(known).max(0)] = 1.0
    return Scale(known[0], shifted.mean(0), spread)


def standardise(X: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Give features (N, D) mean 0 and deviation 1 over the rows that training sees; float64."""
    scale = measure_scale(X[seen])
    return (X - scale.first - scale.mean) / scale.spread
