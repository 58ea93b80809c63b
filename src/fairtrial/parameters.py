"""The parameters of a linear model, and where they start; without TensorFlow."""

from typing import Any, NamedTuple

from fairtrial.kinds.inits.common import InitSettings
from fairtrial.randomness import make_stream


class Parameters(NamedTuple):
    """Weights `W` (D, ...) or (D, K, ...) and biases `b` (...) or (K, ...)."""

    W: Any
    b: Any


def draw_init(init: InitSettings, n_features: int, n_classes: int, seed: int) -> Parameters:
    """Draw the start of one run, float32, from the seed's streams: the same draws for every arm.

    W and b are (D,) and () for regression, where K is 0; (D, K) and (K,) for classes.
    """
    classes = (n_classes,) if n_classes else ()
    shapes = Parameters((n_features, *classes), classes)
    return Parameters(
        init.draw_weights(make_stream(seed, "init.W"), shapes.W),
        init.draw_biases(make_stream(seed, "init.b"), shapes.b),
    )
