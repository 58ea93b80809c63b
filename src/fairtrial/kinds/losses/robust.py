"""More losses on numbers, written so that nothing overflows in float32, whatever the residual."""

import math
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from fairtrial.kinds.losses.numbers import Pieces, Smooth, loss
from fairtrial.kinds.mechanism.tensors import tf
from fairtrial.settings.base import Distance, Length, Number

Tau = Annotated[float, Field(gt=0, lt=1)]
MANY = "its loss may have several minima"


def _smooth_log_cosh() -> Smooth:
    return Smooth(
        lambda r: np.logaddexp(r, -r) - math.log(2.0),
        np.tanh,
        lambda r: 1.0 / np.square(np.cosh(np.clip(r, -300.0, 300.0))),
    )


@loss(
    minimiser=_smooth_log_cosh, slope_bound=1.0, reference="Keras", label="log-cosh", also="logcosh"
)
def log_cosh(residual: Any) -> Any:
    """Logarithm of the hyperbolic cosine of the residual in target units, without a unit.

    It is about e²/2 for residuals that are small against 1 target unit, and |e| - log 2 beyond.

    References
    ----------
    `LogCosh` of Keras.
    """
    size = tf.abs(residual)
    # Two forms: the first is exact near 0, the second does not overflow.
    near, far = tf.minimum(size, 1.0), tf.maximum(size, 1.0)
    small = tf.math.log1p(2.0 * tf.square(tf.sinh(near / 2.0)))
    large = far + tf.math.log1p(tf.exp(-2.0 * far)) - math.log(2.0)
    return tf.where(size < 1.0, small, large)


@loss(
    minimiser=lambda tau: Pieces(0.0, 0.5, 0.0, tilt=tau - 0.5),
    slope_bound=lambda tau: max(tau, 1.0 - tau),
    is_curved=False,
    label="quantile",
    also="pinball quantileloss pinballloss",
)
def quantile(residual: Any, *, tau: Tau = 0.5) -> Any:
    """Pinball loss, whose minimum is the quantile `tau` of the targets; in target units.

    It is tau e where the target is above the prediction, and (1 - tau) |e| where it is below.

    References
    ----------
    Koenker and Bassett (1978), doi:10.2307/1913643.
    """
    return tf.maximum(tau * residual, (tau - 1.0) * residual)


@loss(
    minimiser=lambda epsilon: [Pieces(0.0, 0.5, 0.0, shift=one) for one in (epsilon, -epsilon)],
    slope_bound=1.0,
    knee=lambda epsilon: epsilon or None,
    near="0 for them",
    far=lambda epsilon: f"the MAE less {epsilon:g}",
    is_curved=False,
    label="epsilon-insensitive",
    also="svr epsiloninsensitiveloss",
)
def epsilon_insensitive(residual: Any, *, epsilon: Distance = 0.1) -> Any:
    """Absolute error beyond `epsilon`, 0 within; both in target units.

    References
    ----------
    Vapnik (1995), "The nature of statistical learning theory"; scikit-learn's `SGDRegressor`.
    """
    return tf.maximum(tf.abs(residual) - epsilon, 0.0)


@loss(
    minimiser=MANY,
    slope_bound=lambda c: 16.0 * c / (25.0 * math.sqrt(5.0)),
    knee=lambda c: c,
    near="",
    far="constant for them, so they have no slope",
    is_convex=False,
    label="Tukey",
    also="bisquare biweight tukeybiweight",
)
def tukey(residual: Any, *, c: Length = 4.685) -> Any:
    """Tukey's biweight: about e²/2 near 0, constant beyond `c` (target units).

    It is c²/6 (1 - (1 - (e/c)²)³) within c and c²/6 beyond, in squared target units. Residuals
    beyond c have no slope, so the loss may have several minima.

    References
    ----------
    Beaton and Tukey (1974), doi:10.2307/1267936; `TukeyBiweight` of statsmodels.
    """
    share = tf.minimum(tf.abs(residual) / c, 1.0)
    left = 1.0 - share * share
    return c * c / 6.0 * (1.0 - left * left * left)


def _log_one_plus_square(size: Any) -> Any:
    """Return log(1 + size²) of sizes from 0: of its two forms, neither squares what is large."""
    near, far = tf.minimum(size, 1.0), tf.maximum(size, 1.0)
    large = 2.0 * tf.math.log(far) + tf.math.log1p(1.0 / far / far)
    return tf.where(size < 1.0, tf.math.log1p(near * near), large)


@loss(
    minimiser=MANY,
    slope_bound=lambda scale: scale / 2.0,
    knee=lambda scale: scale,
    near="",
    far="about a mean of logarithms, whose slope falls with the residual",
    is_convex=False,
    label="Cauchy",
    also="lorentzian",
)
def cauchy(residual: Any, *, scale: Length = 1.0) -> Any:
    """Cauchy's loss: scale²/2 log(1 + (e/scale)²), in squared target units.

    `scale` is in target units. The slope falls beyond it, so the loss may have several minima.

    References
    ----------
    `loss="cauchy"` of SciPy's `least_squares`, with `f_scale`.
    """
    return scale * scale / 2.0 * _log_one_plus_square(tf.abs(residual) / scale)


@loss(
    minimiser=MANY,
    slope_bound=lambda scale: scale * math.exp(-0.5) / math.sqrt(2.0),
    knee=lambda scale: scale,
    near="",
    far="almost constant for them, so they have hardly any slope",
    is_convex=False,
    label="Welsch",
    also="leclerc correntropy",
)
def welsch(residual: Any, *, scale: Length = 3.0) -> Any:
    """Welsch's loss: scale²/2 (1 - exp(-(e/scale)²)), in squared target units.

    `scale` is in target units. It is about e²/2 near 0 and constant far from it, so the loss may
    have several minima.

    References
    ----------
    Holland and Welsch (1977), doi:10.1080/03610927708827533.
    """
    size = tf.minimum(tf.abs(residual) / scale, 20.0)  # Beyond it the exponential is 0.
    return -scale * scale / 2.0 * tf.math.expm1(-size * size)


def _minimise_barron(shape: float, scale: float) -> Pieces | Smooth | str:
    if shape < 1.0:
        return MANY
    width = abs(shape - 2.0)
    if not width:
        return Pieces(0.5, 0.0, 0.0)

    def square(r: np.ndarray) -> np.ndarray:
        return np.square(r / scale) / width

    return Smooth(
        lambda r: scale**2 * width / shape * np.expm1(shape / 2.0 * np.log1p(square(r))),
        lambda r: r * np.power(1.0 + square(r), shape / 2.0 - 1.0),
        lambda r: np.power(1.0 + square(r), shape / 2.0 - 2.0) * (1.0 + (shape - 1.0) * square(r)),
    )


def _describe_far_barron(shape: float) -> str:
    if shape <= 0.0:
        return "about a mean of logarithms or less, whose slope falls with the residual"
    return f"about a mean of sizes to the power of {shape:g}"


@loss(
    minimiser=_minimise_barron,
    knee=lambda shape, scale: None if shape == 2.0 else scale,
    near="",
    far=_describe_far_barron,
    is_convex=lambda shape: shape >= 1.0,
    label="Barron",
    also="generalloss generalrobustloss adaptiveloss charbonnier gemanmcclure",
)
def barron(residual: Any, *, shape: Number = 1.0, scale: Length = 1.0) -> Any:
    """Barron's general loss, in squared target units: `shape` makes it robust.

    It is scale² |a - 2| / a (((e/scale)² / |a - 2| + 1)^(a/2) - 1), where a is `shape`: e²/2 at 2,
    a smooth Huber loss (Charbonnier) at 1, Cauchy's at 0, Geman and McClure's at -2, and Welsch's
    as a falls without limit (write -1e30). `scale` is in target units. The loss is about e²/2 near
    0: it is Barron's times scale², as the other losses with a scale. Below 1 it may have several
    minima.

    References
    ----------
    Barron (2019), arXiv:1701.03077, equations 8 and 13.
    """
    alpha: Any = tf.cast(shape, residual.dtype)
    one, width = tf.ones_like(alpha), tf.abs(alpha - 2.0)
    is_square, is_log = width == 0, tf.abs(alpha) < 1e-6
    # Harmless numbers in the branches that are not taken, which would divide by 0.
    width = tf.where(is_square, one, width)
    power = tf.where(is_log, one, alpha)
    share = residual / scale
    logarithm = _log_one_plus_square(tf.abs(share) / tf.sqrt(width))
    # Where the square is taken, its growth is without limit and its slope is not used.
    exponent = tf.where(is_square, tf.zeros_like(logarithm), power / 2.0 * logarithm)
    general = width / power * tf.math.expm1(exponent)
    square = tf.square(tf.where(is_square, share, tf.zeros_like(share))) / 2.0
    curve = tf.where(is_log, logarithm, tf.where(is_square, square, general))
    return scale * scale * curve
