"""Losses on numbers: functions of the residual, or sums of other losses (`mixture`)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Concatenate, NamedTuple, overload

import numpy as np
from pydantic import Field

from fairtrial.errors import describe_object
from fairtrial.kinds.mechanism.failures import check_tensor
from fairtrial.kinds.mechanism.kind import Fact, Kind, KindSettings, P, Variant
from fairtrial.kinds.mechanism.registry import Family, decorate
from fairtrial.kinds.mechanism.signature import refuse
from fairtrial.kinds.mechanism.tensors import tf
from fairtrial.settings.base import Distance, Length, Positive, TimesMad

# What functions of losses annotate their settings with.
__all__ = ["Distance", "Length", "Positive", "TimesMad"]


NO_MINIMISER = "its loss states no exact minimiser"


class Pieces(NamedTuple):
    """A loss `a s² + tilt s + c |s|` of s = r - shift, for `optimum`.

    Its kink is rounded within `width`. Other losses are sums of several, and of a constant.
    """

    a: float
    c: float
    width: float
    tilt: float = 0.0
    shift: float = 0.0


class Smooth(NamedTuple):
    """A convex loss with a slope and a curvature above 0, for `optimum`: functions of residuals."""

    value: Callable[[np.ndarray], np.ndarray]
    slope: Callable[[np.ndarray], np.ndarray]
    curvature: Callable[[np.ndarray], np.ndarray]


class CrossEntropy(NamedTuple):
    """The loss is the softmax cross-entropy, for `optimum`."""

    label_smoothing: float = 0.0


class Hinge(NamedTuple):
    """The loss is the hinge loss of Crammer and Singer or its square, for `optimum`."""

    is_squared: bool = False


Minimiser = list[Pieces] | Smooth | CrossEntropy | Hinge | str
"""How an exact minimiser is found, or the reason why none is known."""


class AnyLossSettings(KindSettings):
    """Settings of a loss, on numbers or on classes."""

    on_classes = Fact[bool]()  # Whether it acts on classes; else on numbers.

    @property
    def minimiser(self) -> Minimiser:
        """How its exact minimiser is found, or the reason why none is known."""
        found = self.ask(self.definition.minimiser)
        if isinstance(found, list) and all(isinstance(one, Pieces) for one in found):
            return found
        if isinstance(found, Pieces):
            return [found]
        if isinstance(found, Smooth | CrossEntropy | Hinge | str):
            return found
        raise refuse(
            self.definition.function,
            f"its minimiser returns {describe_object(found)}: return Pieces, a list of them, "
            "Smooth, or a sentence",
        )

    @property
    def has_minimiser(self) -> bool:
        """Whether an exact minimiser is known, also of a loss that is relative to the data."""
        return not isinstance(self.resolve(1.0).minimiser, str)

    @property
    def slope_bound(self) -> float | None:
        """The largest slope that it has; None if there is no bound, or before it is resolved."""
        return None if self.is_relative else self.ask(self.definition.slope_bound)

    @property
    def is_curved(self) -> bool:
        """Whether it has a second derivative somewhere, as Newton's method needs."""
        return any(term.definition.is_curved for term, weight in self.terms if weight)

    @property
    def is_convex(self) -> bool:
        """Whether its second derivative is nowhere below 0: Newton's method would walk uphill."""
        return all(term.ask(term.definition.is_convex) for term, weight in self.terms if weight)

    @property
    def knee(self) -> float | None:
        """Where it turns from `near` into `far`; None if nowhere, or before it is resolved."""
        return None if self.is_relative else self.ask(self.definition.knee)

    near = Fact[str]()  # What it is where all residuals are within its knee.
    far = Fact[str]()  # What it is where all residuals are beyond its knee.

    @property
    def terms(self) -> "Terms":
        """The losses that it is the sum of, each with its weight; most losses are their own."""
        return self.definition.list_terms(self)


Terms = list[tuple[AnyLossSettings, float]]
"""Losses, each with its weight."""
LOSSES: Family[AnyLossSettings] = Family(
    "loss", AnyLossSettings, decorators="@ft.loss (for classes @ft.class_loss)"
)

if TYPE_CHECKING:  # The kinds of the family in other modules.
    from fairtrial.kinds.losses.classes import brier as brier
    from fairtrial.kinds.losses.classes import cross_entropy as cross_entropy
    from fairtrial.kinds.losses.classes import focal as focal
    from fairtrial.kinds.losses.classes import (
        generalized_cross_entropy as generalized_cross_entropy,
    )
    from fairtrial.kinds.losses.classes import hinge as hinge
    from fairtrial.kinds.losses.classes import squared_hinge as squared_hinge
    from fairtrial.kinds.losses.robust import barron as barron
    from fairtrial.kinds.losses.robust import cauchy as cauchy
    from fairtrial.kinds.losses.robust import epsilon_insensitive as epsilon_insensitive
    from fairtrial.kinds.losses.robust import log_cosh as log_cosh
    from fairtrial.kinds.losses.robust import quantile as quantile
    from fairtrial.kinds.losses.robust import tukey as tukey
    from fairtrial.kinds.losses.robust import welsch as welsch
else:
    __getattr__ = LOSSES.get_attribute


@dataclass(frozen=True, eq=False, kw_only=True)
class Loss(Kind[P]):
    """A loss on numbers.

    Attributes
    ----------
    minimiser : callable or str
        A function of its settings that writes it as `Pieces`, a list of them, or as `Smooth`; or
        the reason why there is none, which the function may return too.
    slope_bound : callable, float or None
        The largest slope; a loss with one is finite at every finite residual.
    knee : callable or None
        The residual at which it turns from `near` into `far`.
    near, far : str
        What it is where all residuals are within its knee, and beyond. "": nothing simple. `far`
        may be a function of the settings.
    is_curved : bool
        Whether it has a second derivative that is not 0 somewhere.
    is_convex : bool or callable
        Whether its second derivative is nowhere below 0, maybe as a function of the settings.
    """

    family = LOSSES
    data = ("residual",)
    compiled = True
    on_classes = False

    minimiser: Callable[..., Pieces | Minimiser] | str = NO_MINIMISER
    slope_bound: Callable[..., float] | float | None = None
    knee: Callable[..., float | None] | None = None
    near: str = "half of the MSE"
    far: Callable[..., str] | str = "a multiple of the MAE"
    is_curved: bool = True
    is_convex: Callable[..., bool] | bool = True

    def list_terms(self, settings: AnyLossSettings) -> Terms:
        """Return the losses that it is the sum of, each with its weight."""
        return [(settings, 1.0)]

    def guard(self, residual: Any, weight: Any) -> Any:
        """Make residuals harmless in lanes of weight 0 where the function might overflow."""
        if not self.is_own:
            return mask_lanes(self, residual, weight)
        if self.slope_bound is not None:
            return residual
        return residual * tf.cast(weight != 0, residual.dtype)


@dataclass(frozen=True, eq=False, kw_only=True)
class Mixture(Loss[P]):
    """A loss that is a sum of others; its function returns them, each with its weight."""

    data = ()

    def list_terms(self, settings: AnyLossSettings) -> Terms:
        """Return the losses that it is the sum of, each with its weight."""
        return settings.call_function()


@overload
def loss(function: Callable[Concatenate[Any, P], Any], /) -> Loss[P]: ...
@overload
def loss(**facts: Any) -> Callable[[Callable[Concatenate[Any, P], Any]], Loss[P]]: ...
def loss(function: Any = None, /, **facts: Any) -> Any:
    """Make a loss on numbers of a function of the residual; the facts are those of `Loss`.

    Parameters
    ----------
    function : callable
        Of the residual, (..., N): target minus prediction, in target units. It returns the loss of
        each row. Its numbers broadcast over the residual.
    """
    return decorate(Loss, function, facts)


def mixture(**facts: Any) -> Callable[[Callable[P, Terms]], Mixture[P]]:
    """Make a loss of a function of its settings that returns other losses, each with its weight."""
    return decorate(Mixture, None, facts)


@loss(
    minimiser=lambda: Pieces(1.0, 0.0, 0.0),
    reference="Keras",
    label="MSE",
    also="meansquarederror squarederror l2 leastsquares quadratic",
    look=0,
)
def mse(residual: Any) -> Any:
    """Mean squared error, in squared target units.

    References
    ----------
    Legendre (1805), "Nouvelles méthodes pour la détermination des orbites des comètes".
    """
    return residual * residual


@loss(
    minimiser=lambda: Pieces(0.0, 1.0, 0.0),
    slope_bound=1.0,
    is_curved=False,
    reference="Keras",
    label="MAE",
    also="meanabsoluteerror absoluteerror l1",
    look=1,
)
def mae(residual: Any) -> Any:
    """Mean absolute error, in target units.

    References
    ----------
    Bloomfield and Steiger (1983), "Least absolute deviations".
    """
    return tf.abs(residual)


@loss(
    minimiser=lambda delta: Pieces(0.0, delta, delta),
    slope_bound=lambda delta: delta,
    knee=lambda delta: delta,
    far=lambda delta: f"{delta:g} times the MAE",
    also="smoothl1",
    reference="Keras",
    label="Huber",
    look=2,
)
def huber(residual: Any, *, delta: Length = 1.0) -> Any:
    """Huber's loss: quadratic within `delta` (target units), linear beyond.

    It is e²/2 within delta and delta (|e| - delta/2) beyond, in squared target units. Written with
    a minimum it equals the two branches, and has no branch whose gradient could be NaN.

    References
    ----------
    Huber (1964), doi:10.1214/aoms/1177703732.
    """
    size = tf.abs(residual)
    within = tf.minimum(size, delta)
    return within * (size - within * 0.5)


@mixture(minimiser=lambda alpha: Pieces(alpha, 1.0 - alpha, 0.0), label="Hybrid", look=3)
def hybrid(*, alpha: Annotated[float, Field(ge=0, le=1)] = 0.5) -> Terms:
    """`alpha` MSE + (1 - `alpha`) MAE.

    Its two parts are in squared target units and in target units.

    References
    ----------
    The lab report, which adds the two losses so.
    """
    return [(mse(), alpha), (mae(), 1.0 - alpha)]


def mask_lanes(kind: Kind[...], value: Any, weight: Any) -> Any:
    """Return 0 in other lanes for a loss from outside, where it or its gradient may be NaN."""
    return value if kind.is_own else tf.where(weight != 0, value, tf.zeros((), value.dtype))


def measure_rows(settings: AnyLossSettings, residual: np.ndarray) -> np.ndarray:
    """Return the loss of each residual, (N,), in float64."""
    at, values = tf.constant(residual), []
    for term, weight in settings.terms:
        found = check_tensor(term.call_function(at), at.shape, at)
        values.append(weight * np.asarray(found))
    return np.sum(values, 0)


def average_losses(
    terms: tuple[Variant, ...], residual: Any, numbers: Any, weights: Any = None
) -> Any:
    """Mean loss over the rows, () for one run or (S, L) for each lane.

    The residual, (N,) or (S, L, N), is target minus prediction, in target units. The numbers (...)
    are the weight of each term, 0 in lanes without it, and their settings. The weights (N,) of rows
    that only fill a batch are 0.

    For one run it is the sum of the terms' means, as in the textbook, so that a replay agrees to
    the last digit; for lanes it is the mean of the terms' sum, which is one pass.
    """

    def spread(number: Any) -> Any:
        return tf.expand_dims(number, -1)

    def average(values: Any) -> Any:
        if weights is None:
            return tf.reduce_mean(values, -1)
        return tf.reduce_sum(values * weights, -1) / tf.reduce_sum(weights)

    losses = []
    for term in terms:
        weight = spread(numbers[term.weight])
        safe = term.kind.guard(residual, weight) if len(terms) > 1 else residual
        own = term.apply(safe, numbers=numbers, spread=spread)
        check_tensor(own, safe.shape, safe)
        own = weight * own
        losses.append(mask_lanes(term.kind, own, weight) if len(terms) > 1 else own)
    if residual.shape.rank == 1:
        return tf.add_n([average(each) for each in losses])
    return average(tf.add_n(losses))
