"""Histograms of oriented gradients, by scikit-image.

References
----------
Dalal and Triggs (2005), "Histograms of oriented gradients for human detection".
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fairtrial.data.features.maps import TrainingRows
from fairtrial.kinds.data.features import Map


def fit_hog(features: Any, rows: TrainingRows) -> Map:
    """Return the map, which describes each image by itself; nothing is fitted."""
    from skimage.feature import hog  # Slow to import.

    side = round(rows.X.shape[1] ** 0.5)
    settings = {
        "orientations": features.orientations,
        "pixels_per_cell": (features.cell, features.cell),
        "cells_per_block": (features.block, features.block),
    }

    def describe(X: np.ndarray) -> np.ndarray:
        return np.stack([hog(image, **settings) for image in X.reshape(-1, side, side)])

    return describe
