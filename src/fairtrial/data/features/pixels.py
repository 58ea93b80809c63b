"""Standardised pixels."""

from __future__ import annotations

from fairtrial.data.features.maps import Map, TrainingRows, fit_scale
from fairtrial.study.features import PixelFeatures


def fit_pixels(features: PixelFeatures, rows: TrainingRows) -> Map:
    """Give each pixel mean 0 and standard deviation 1 over the training rows."""
    return fit_scale([rows.read()])
