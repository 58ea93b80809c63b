"""Starts: where the weights and biases of a run begin."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Concatenate, overload

import numpy as np
from pydantic import Field

from fairtrial.kinds.mechanism.kind import Fact, Kind, KindSettings, P
from fairtrial.kinds.mechanism.registry import Family, decorate
from fairtrial.kinds.mechanism.signature import refuse
from fairtrial.kinds.mechanism.tensors import tf
from fairtrial.settings.base import NonNegative, Number
from fairtrial.settings.names import Either

Shape = tuple[int, ...]
Draw = Callable[Concatenate[np.random.Generator, Shape, P], np.ndarray]


class InitSettings(KindSettings):
    """Settings of a start."""

    def draw_weights(self, stream: np.random.Generator, shape: Shape) -> np.ndarray:
        """Draw weights: (D,), or (D, K) for classes."""
        return self._take(self.call_function(stream, shape), shape)

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

    # The shape of the weights that it is for, (D,) or (D, K); None for any.
    shape = Fact[Shape | None]()

    @property
    def is_replayed(self) -> bool:
        """Whether the lab report drew it, from TensorFlow's stateful generator."""
        return self.definition.replay is not None

    def replay(self) -> tuple[Any, Any]:
        """Draw the weight and the bias of a line from TensorFlow's stateful generator."""
        return self.ask(self.definition.replay)


INITS: Family[InitSettings] = Family("init", InitSettings)

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
    shape : callable or None
        The shape of the weights that it is for, as a function of its settings: (D,) for targets
        that are numbers, (D, K) for classes. None for any shape.
    """

    family = INITS
    data = ("stream", "shape")
    given = frozenset({"stream", "shape"})

    reference: str = "SciPy"
    biases: Callable[..., Any] | None = None
    replay: Callable[..., tuple[Any, Any]] | None = None
    shape: Callable[..., Shape] | None = None


@overload
def init(function: Draw[P], /) -> Init[P]: ...
@overload
def init(**facts: Any) -> Callable[[Draw[P]], Init[P]]: ...
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


def _lists(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(one, list) for one in value)


# One value, or a list of them, one for each class.
Weights = Annotated[list[Number], Field(min_length=1)]
PER_CLASS = Field(min_length=2)
WEIGHTS = Either(Weights, Annotated[list[Weights], PER_CLASS], _lists)
INTERCEPT = Either(Number, Annotated[list[Number], PER_CLASS], lambda one: isinstance(one, list))


def _find_uneven(weights: list[Any], intercept: Any) -> str:
    """Say that lists of weights, or weights and intercepts, do not match; "" if they do."""
    lengths = [len(one) for one in weights if isinstance(one, list)]
    if len({*lengths}) > 1:
        return (
            f"weights has lists of {lengths[0]} and of {max({*lengths} - {lengths[0]})} numbers: "
            "give a list for each class, with a number for each feature"
        )
    if isinstance(intercept, list) and len(intercept) != len(lengths):
        has = f"{len(lengths)} classes" if lengths else "targets that are numbers"
        return (
            f"intercept lists {len(intercept)} numbers, but weights is for {has}: give one number, "
            "or one for each class"
        )
    return ""


@init(
    reference="NumPy",
    biases=lambda stream, shape, intercept: np.full(shape, intercept),
    shape=lambda weights: np.shape(weights)[::-1],
    rule=_find_uneven,
    also="fixed vector matrix warmstart custom coefinit",
)
def given(
    stream: np.random.Generator,
    shape: Shape,
    *,
    weights: Annotated[Any, WEIGHTS],
    intercept: Annotated[Any, INTERCEPT] = 0.0,
) -> np.ndarray:
    """Weights and intercept start where you say.

    Parameters
    ----------
    weights : list of float, or of lists of float
        One for each feature, in target units per unit of the feature as the model sees it. For
        classes a list of them for each class, as in scikit-learn's `coef_`.
    intercept : float or list of float
        In target units; for classes the same for each of them, or a list of one for each.

    References
    ----------
    `coef_init` and `intercept_init` of `SGDRegressor.fit` and `SGDClassifier.fit` of scikit-learn.
    """
    return np.transpose(weights)


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
