"""Starts: where the weights and biases of a run begin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Concatenate, ParamSpec, overload

import numpy as np
from pydantic import Field

from fairtrial.kinds.kind import Kind, KindSettings
from fairtrial.kinds.registry import Family, decorate
from fairtrial.kinds.signature import refuse
from fairtrial.kinds.tensors import tf
from fairtrial.settings.base import NonNegative, Number

P = ParamSpec("P")
Shape = tuple[int, ...]
Draw = Callable[Concatenate[np.random.Generator, Shape, P], np.ndarray]


class InitSettings(KindSettings):
    """Settings of a start."""

    def draw_weights(self, stream: np.random.Generator, shape: Shape) -> np.ndarray:
        """Draw weights: (D,), or (D, K) for classes."""
        return self._take(self.definition.function(stream, shape, **self.own), shape)

    def draw_biases(self, stream: np.random.Generator, shape: Shape) -> np.ndarray:
        """Draw biases: (), or (K,) for classes."""
        draw = self.definition.biases
        drawn = np.zeros(shape) if draw is None else self.ask(draw, stream, shape)
        return self._take(drawn, shape)

    def _take(self, drawn: Any, shape: Shape) -> np.ndarray:
        """Take what was drawn, in float32; refuse what parameters cannot start from."""
        found, reason = np.asarray(drawn), ""
        most = np.finfo(np.float32).max
        if found.shape != shape:
            reason = f"it draws {found.shape} where {shape} is asked for"
        elif found.dtype.kind not in "biuf" or not (np.abs(found) <= most).all():
            reason = "it draws values that are no finite numbers in float32"
        if reason:
            raise refuse(self.definition.function, reason)
        return found.astype(np.float32)

    @property
    def n_features(self) -> int | None:
        """For how many features it is, and for targets that are numbers; None for any, and both."""
        return self.ask(self.definition.n_features)

    @property
    def is_replayed(self) -> bool:
        """Whether the lab report drew it, from TensorFlow's stateful generator."""
        return self.definition.replay is not None

    def replay(self) -> tuple[Any, Any]:
        """Draw the weight and the bias of a line from TensorFlow's stateful generator."""
        return self.ask(self.definition.replay)


INITS: Family[InitSettings] = Family("init", InitSettings)

if TYPE_CHECKING:  # The kinds of the family in other modules.
    from fairtrial.kinds.scaled_inits import glorot_normal as glorot_normal
    from fairtrial.kinds.scaled_inits import glorot_uniform as glorot_uniform
    from fairtrial.kinds.scaled_inits import he_normal as he_normal
    from fairtrial.kinds.scaled_inits import he_uniform as he_uniform
    from fairtrial.kinds.scaled_inits import lecun_normal as lecun_normal
    from fairtrial.kinds.scaled_inits import uniform as uniform
else:
    __getattr__ = INITS.get_attribute


@dataclass(frozen=True, eq=False, kw_only=True)
class Init(Kind[P]):
    """A start.

    Attributes
    ----------
    biases : callable or None
        The same of the biases, with the settings that it names; None for zeros.
    replay : callable or None
        How the lab report drew the weight and the bias of a line from TensorFlow's generator.
    n_features : callable or None
        How many features it is for, as a function of its settings, and then for targets that are
        numbers; None for any number, and for classes too.
    """

    family = INITS
    data = ("stream", "shape")
    given = frozenset({"stream", "shape"})

    reference: str = "SciPy"
    biases: Callable[..., Any] | None = None
    replay: Callable[..., tuple[Any, Any]] | None = None
    n_features: Callable[..., int] | None = None


@overload
def init(function: Draw[P], /) -> Init[P]: ...
@overload
def init(
    *,
    biases: Callable[..., Any] | None = ...,
    replay: Callable[..., tuple[Any, Any]] | None = ...,
    n_features: Callable[..., int] | None = ...,
    label: str = ...,
    also: str = ...,
    reference: str = ...,
) -> Callable[[Draw[P]], Init[P]]: ...
def init(function: Any = None, /, **facts: Any) -> Any:
    """Make a start of a function that draws weights; the facts are those of `Init`.

    Parameters
    ----------
    function : callable
        Of a NumPy generator and a shape: (D,) for numbers, (D, K) for classes. It returns the
        weights.
    """
    return decorate(Init, function, facts)


def _choose(scale: float, bias_scale: float | None) -> float:
    return scale if bias_scale is None else bias_scale


@init(
    biases=lambda stream, shape, scale, bias_scale: (
        _choose(scale, bias_scale) * stream.standard_normal(shape)
    ),
    replay=lambda scale, bias_scale: (
        tf.random.normal([], stddev=scale),
        tf.random.normal([], stddev=_choose(scale, bias_scale)),
    ),
    also="gaussian randomnormal",
)
def normal(
    stream: np.random.Generator,
    shape: Shape,
    *,
    scale: NonNegative = 1.0,
    bias_scale: NonNegative | None = None,
) -> np.ndarray:
    """Weights from N(0, scale), biases from N(0, bias_scale); both are standard deviations.

    Parameters
    ----------
    bias_scale : float
        Absent: the same as scale.

    References
    ----------
    `RandomNormal` of Keras, for weights and biases.
    """
    return scale * stream.standard_normal(shape)


@init(
    reference="NumPy",
    biases=lambda stream, shape, value: np.full(shape, value),
    replay=lambda value: (tf.constant(value), tf.constant(value)),
    also="zeros zero ones",
)
def constant(stream: np.random.Generator, shape: Shape, *, value: Number = 0.0) -> np.ndarray:
    """All weights and biases start at `value`.

    References
    ----------
    `Constant` of Keras, for weights and biases.
    """
    return np.full(shape, value)


@init(
    reference="NumPy",
    biases=lambda stream, shape, intercept: np.full(shape, intercept),
    n_features=lambda weights: len(weights),
    also="fixed vector warmstart custom",
)
def given(
    stream: np.random.Generator,
    shape: Shape,
    *,
    weights: Annotated[list[Number], Field(min_length=1)],
    intercept: Number = 0.0,
) -> np.ndarray:
    """Weights and intercept start where you say; for targets that are numbers.

    Parameters
    ----------
    weights : list of float
        One for each feature, in target units per unit of the feature as the model sees it.
    intercept : float
        In target units.

    References
    ----------
    `coef_init` and `intercept_init` of `SGDRegressor.fit` of scikit-learn.
    """
    return np.asarray(weights)
