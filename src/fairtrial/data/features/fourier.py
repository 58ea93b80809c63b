"""Random Fourier features of the Gaussian kernel.

References
----------
Rahimi and Recht (2007), "Random features for large-scale kernel machines".
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.spatial.distance import pdist

from fairtrial.data.features.maps import TrainingRows
from fairtrial.kinds.data.features import Map

# The number of rows whose distances give the bandwidth.
N_COMPARED = 1000


def fit_fourier(features: Any, rows: TrainingRows) -> Map:
    """Draw the directions and offsets of cosines.

    The inner product of the features of two rows, divided by the number of features, approaches the
    kernel `exp(-|x - x'|² / (2 bandwidth²))`. Each feature has a mean square of about 1, so that
    learning rates for other features suit them.
    """
    gamma = np.float32(features.gamma)
    bandwidth = features.bandwidth * measure_distance(rows, gamma)
    shape = features.directions, rows.X.shape[1]
    directions = rows.open("directions").standard_normal(shape, np.float32).T / bandwidth
    offsets = rows.open("offsets").uniform(0.0, 2.0 * np.pi, features.directions)
    directions, offsets = directions.astype(np.float32), offsets.astype(np.float32)
    return lambda X: np.sqrt(np.float32(2.0)) * np.cos(X**gamma @ directions + offsets)


def measure_distance(rows: TrainingRows, gamma: np.float32) -> float:
    """Return the median distance between training rows raised to `gamma`; 1 if it is 0."""
    distances = pdist((rows.draw(N_COMPARED, "distances") ** gamma).astype(np.float64))
    return float(np.median(distances)) or 1.0
