"""The parameters of a linear model, and where they start; without TensorFlow."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from fairtrial.randomness import make_stream
from fairtrial.study.recipe import Init


class Parameters(NamedTuple):
    """Weights `W` (D, ...) or (D, K, ...) and biases `b` (...) or (K, ...)."""

    W: Any
    b: Any


def draw_init(init: Init, n_features: int, n_classes: int, seed: int) -> Parameters:
    """Draw the start of one run from the seed's streams.

    Parameters
    ----------
    init : Init
        Normal with its scales, or constant.
    n_features, n_classes : int
        D and K; K is 0 for regression.
    seed : int
        The run's seed; the same draws serve every arm, times its scale.

    Returns
    -------
    W, b : arrays
        Float32: (D,) and () for regression, (D, K) and (K,) for classes.
    """
    classes = (n_classes,) if n_classes else ()
    shapes = Parameters((n_features, *classes), classes)
    if init.kind == "constant":
        return Parameters(*(np.full(shape, init.value, np.float32) for shape in shapes))
    scales = (init.scale, init.scale if init.bias_scale is None else init.bias_scale)
    return Parameters(*(
        np.asarray(scale * make_stream(seed, f"init.{name}").standard_normal(shape), np.float32)
        for name, shape, scale in zip("Wb", shapes, scales, strict=True)
    ))  # fmt: skip
