"""Starts whose weights are scaled by the number of features, and of classes; biases are 0.

For targets that are numbers the number of outputs is 1.
"""

from __future__ import annotations

import math

import numpy as np

from fairtrial.kinds.inits.common import Shape, init
from fairtrial.settings.base import NonNegative

# A normal distribution cut off at two standard deviations has this one.
CUT, CUT_SPREAD = 2.0, 0.87962566103423978


def _count(shape: Shape) -> tuple[int, int]:
    """Return the number of features and of outputs."""
    return shape[0], shape[1] if len(shape) > 1 else 1


def _draw_cut_normal(stream: np.random.Generator, shape: Shape, scale: float) -> np.ndarray:
    """Draw from a normal distribution cut off at two standard deviations, of spread `scale`."""
    from scipy.special import ndtr, ndtri  # Slow to load, and seldom needed.

    low = ndtr(-CUT)
    return scale / CUT_SPREAD * ndtri(low + (1.0 - 2.0 * low) * stream.random(shape))


def _draw_uniform(stream: np.random.Generator, shape: Shape, end: float) -> np.ndarray:
    return stream.uniform(-end, end, shape)


@init(biases=lambda stream, shape, scale: _draw_uniform(stream, shape, scale), also="randomuniform")
def uniform(stream: np.random.Generator, shape: Shape, *, scale: NonNegative = 0.05) -> np.ndarray:
    """Weights and biases from U(-scale, scale).

    References
    ----------
    `RandomUniform` of Keras, for weights and biases.
    """
    return _draw_uniform(stream, shape, scale)


@init(also="xavier xavieruniform glorot")
def glorot_uniform(stream: np.random.Generator, shape: Shape) -> np.ndarray:
    """Weights from U(-a, a) with a = √(6 / (features + outputs)).

    References
    ----------
    Glorot and Bengio (2010), "Understanding the difficulty of training deep feedforward networks".
    """
    return _draw_uniform(stream, shape, math.sqrt(6.0 / sum(_count(shape))))


@init(also="xaviernormal")
def glorot_normal(stream: np.random.Generator, shape: Shape) -> np.ndarray:
    """Weights of variance 2 / (features + outputs), normal and cut off at 2 standard deviations.

    References
    ----------
    Glorot and Bengio (2010); cut off as `GlorotNormal` of Keras.
    """
    return _draw_cut_normal(stream, shape, math.sqrt(2.0 / sum(_count(shape))))


@init(also="kaiming kaiminguniform")
def he_uniform(stream: np.random.Generator, shape: Shape) -> np.ndarray:
    """Weights from U(-a, a) with a = √(6 / features).

    References
    ----------
    He et al. (2015), arXiv:1502.01852.
    """
    return _draw_uniform(stream, shape, math.sqrt(6.0 / _count(shape)[0]))


@init(also="kaimingnormal")
def he_normal(stream: np.random.Generator, shape: Shape) -> np.ndarray:
    """Weights of variance 2 / features, normal and cut off at 2 standard deviations.

    References
    ----------
    He et al. (2015), arXiv:1502.01852; cut off as `HeNormal` of Keras.
    """
    return _draw_cut_normal(stream, shape, math.sqrt(2.0 / _count(shape)[0]))


@init(also="lecun")
def lecun_normal(stream: np.random.Generator, shape: Shape) -> np.ndarray:
    """Weights of variance 1 / features, normal and cut off at 2 standard deviations.

    References
    ----------
    LeCun et al. (1998), "Efficient BackProp"; cut off as `LecunNormal` of Keras.
    """
    return _draw_cut_normal(stream, shape, math.sqrt(1.0 / _count(shape)[0]))
