"""Optimizers: gradient, parameter and slots in, change and slots out.

A rule works on one array of any shape; its numbers broadcast over the trailing lane axes. Slots are
what the rule remembers: one array like the parameter, 0 at first, for each name in `slots`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Concatenate, ParamSpec, overload

from fairtrial.kinds.kind import Kind, KindSettings
from fairtrial.kinds.registry import Family, decorate
from fairtrial.kinds.signature import refuse
from fairtrial.kinds.tensors import tf
from fairtrial.settings.base import Decay, NonNegative, Positive

P = ParamSpec("P")
Slots = Mapping[str, Any]
Update = tuple[Any, dict[str, Any]]
Rule = Callable[Concatenate[Any, Any, Any, Any, Any, P], Update]


class OptimizerSettings(KindSettings):
    """Settings of an optimizer."""

    learning_rate: Positive

    @property
    def slots(self) -> tuple[str, ...]:
        """The names of what it remembers."""
        return self.definition.slots

    @property
    def moves_at_most(self) -> float | None:
        """How far a parameter moves, in multiples of rate, steps and the loss's largest slope."""
        return self.ask(self.definition.moves_at_most)

    @property
    def is_gradient_step(self) -> bool:
        """Whether its change is minus the rate times the gradient."""
        return self.ask(self.definition.is_gradient_step)


OPTIMIZERS: Family[OptimizerSettings] = Family("optimizer", OptimizerSettings)


@dataclass(frozen=True, eq=False, kw_only=True)
class Optimizer(Kind[P]):
    """An update rule.

    Attributes
    ----------
    slots : tuple of str
        The names of what it remembers. Optimizers whose slots have the same names share the memory.
    learning_rate : float
        The default.
    moves_at_most : callable or None
        How far a parameter moves at most, in multiples of learning rate, steps and the largest
        slope of the loss, as a function of the settings; None if that is not known.
    is_gradient_step : callable or bool
        Whether its change is minus the rate times the gradient, so that the proximal step of a
        penalty belongs to it; or a function of the settings.
    """

    family = OPTIMIZERS
    data = ("gradient", "parameter", "slots", "rate", "count")
    compiled = True

    slots: tuple[str, ...] = ()
    learning_rate: float = 0.01
    moves_at_most: Callable[..., float] | None = None
    is_gradient_step: Callable[..., bool] | bool = False

    def check_facts(self, known: set[str]) -> None:
        """Refuse slots that are not a tuple of names."""
        super().check_facts(known)
        if isinstance(self.slots, str):
            reason = f"its slots = {self.slots!r} must be a tuple of names, as in"
            raise refuse(self.function, f'{reason} slots=("{self.slots}",)')

    def add_fields(self) -> dict[str, Any]:
        """Return the learning rate, which every optimizer has."""
        return {"learning_rate": (Positive, self.learning_rate)}

    @overload
    def __call__(self, *values: P.args, **settings: P.kwargs) -> Any: ...
    @overload
    def __call__(self, *, learning_rate: float = ..., **settings: Any) -> Any: ...
    @overload
    def __call__(self, data: Any, /, *more: Any, **settings: Any) -> Any: ...
    def __call__(self, *data: Any, **settings: Any) -> Any:
        """Make settings; with data, call the function."""
        return super().__call__(*data, **settings)


@overload
def optimizer(function: Rule[P], /) -> Optimizer[P]: ...
@overload
def optimizer(
    *,
    slots: tuple[str, ...] = ...,
    learning_rate: float = ...,
    moves_at_most: Callable[..., float] | None = ...,
    is_gradient_step: Callable[..., bool] | bool = ...,
    label: str = ...,
    also: str = ...,
    look: int | None = ...,
) -> Callable[[Rule[P]], Optimizer[P]]: ...
def optimizer(function: Any = None, /, **facts: Any) -> Any:
    """Make an optimizer of a rule; the facts are those of `Optimizer`.

    Parameters
    ----------
    function : callable
        Of the gradient of the loss with respect to one parameter, the parameter, the slots by name,
        the learning rate (...) per lane, after schedules, and the number of the update, from 1. It
        returns what is added to the parameter, and the new slots.
    """
    return decorate(Optimizer, function, facts)


@optimizer(
    slots=("first",),
    learning_rate=0.01,
    moves_at_most=lambda momentum: 1.0 / (1.0 - momentum),
    is_gradient_step=lambda momentum: momentum == 0.0,
    label="SGD",
    also="gd gradientdescent momentum",
    look=5,
)
def sgd(
    gradient: Any, parameter: Any, slots: Slots, rate: Any, count: Any, *, momentum: Decay = 0.0
) -> Update:
    """Gradient descent with heavy-ball momentum (none by default).

    The velocity is `v = momentum v + g`, the change `-rate v`.

    References
    ----------
    Polyak (1964), doi:10.1016/0041-5553(64)90137-5.
    """
    velocity = momentum * slots["first"] + gradient
    return -rate * velocity, {"first": velocity}


@optimizer(
    slots=("first", "second"),
    learning_rate=0.001,
    label="Adam",
    also="adamw",
    look=4,
)
def adam(
    gradient: Any,
    parameter: Any,
    slots: Slots,
    rate: Any,
    count: Any,
    *,
    beta1: Decay = 0.9,
    beta2: Decay = 0.999,
    epsilon: Positive = 1e-7,
) -> Update:
    """Adam (Kingma and Ba 2015).

    The bias correction is folded into the rate, so epsilon is the "epsilon hat" of the last
    paragraph of section 2, as in TensorFlow's and Keras' Adam.

    References
    ----------
    Kingma and Ba (2015), arXiv:1412.6980.
    """
    first = beta1 * slots["first"] + (1.0 - beta1) * gradient
    second = beta2 * slots["second"] + (1.0 - beta2) * tf.square(gradient)
    rate = rate * tf.sqrt(1.0 - tf.pow(beta2, count)) / (1.0 - tf.pow(beta1, count))
    return -rate * first / (tf.sqrt(second) + epsilon), {"first": first, "second": second}


@optimizer(slots=("second",), learning_rate=0.001, label="RMSProp", look=6)
def rmsprop(
    gradient: Any,
    parameter: Any,
    slots: Slots,
    rate: Any,
    count: Any,
    *,
    rho: Decay = 0.9,
    epsilon: Positive = 1e-7,
) -> Update:
    """RMSProp (Tieleman and Hinton 2012), not centred, without momentum.

    Epsilon is under the root's sum, as in Keras: `g / sqrt(v + epsilon)`.

    References
    ----------
    Tieleman and Hinton (2012), Coursera lecture 6.5.
    """
    second = rho * slots["second"] + (1.0 - rho) * tf.square(gradient)
    return -rate * gradient / tf.sqrt(second + epsilon), {"second": second}


@optimizer(slots=("second",), learning_rate=0.01, label="Adagrad")
def adagrad(
    gradient: Any,
    parameter: Any,
    slots: Slots,
    rate: Any,
    count: Any,
    *,
    initial: NonNegative = 0.1,
    epsilon: Positive = 1e-7,
) -> Update:
    """Adagrad: each rate is divided by the root of the sum of all squared gradients.

    The sum begins at `initial`; epsilon is under the root, as in Keras.

    References
    ----------
    Duchi, Hazan and Singer (2011), Journal of Machine Learning Research 12, 2121-2159.
    """
    second = slots["second"] + tf.square(gradient)
    return -rate * gradient / tf.sqrt(second + initial + epsilon), {"second": second}


@optimizer(slots=("first", "second"), learning_rate=0.001, label="Adadelta")
def adadelta(
    gradient: Any,
    parameter: Any,
    slots: Slots,
    rate: Any,
    count: Any,
    *,
    rho: Decay = 0.95,
    epsilon: Positive = 1e-7,
) -> Update:
    """Adadelta: gradients in units of past changes over past gradients, times the rate.

    References
    ----------
    Zeiler (2012), arXiv:1212.5701; with a learning rate, as in Keras.
    """
    second = rho * slots["second"] + (1.0 - rho) * tf.square(gradient)
    change = -gradient * tf.sqrt((slots["first"] + epsilon) / (second + epsilon))
    first = rho * slots["first"] + (1.0 - rho) * tf.square(change)
    return rate * change, {"first": first, "second": second}


@optimizer(slots=("first", "second"), learning_rate=0.001, label="Adamax")
def adamax(
    gradient: Any,
    parameter: Any,
    slots: Slots,
    rate: Any,
    count: Any,
    *,
    beta1: Decay = 0.9,
    beta2: Decay = 0.999,
    epsilon: Positive = 1e-7,
) -> Update:
    """Adamax: Adam with the largest recent gradient in place of their root mean square.

    References
    ----------
    Kingma and Ba (2015), arXiv:1412.6980, section 7.1.
    """
    first = beta1 * slots["first"] + (1.0 - beta1) * gradient
    second = tf.maximum(beta2 * slots["second"], tf.abs(gradient))
    rate = rate / (1.0 - tf.pow(beta1, count))
    return -rate * first / (second + epsilon), {"first": first, "second": second}


@optimizer(slots=("first",), learning_rate=0.001, label="Lion")
def lion(
    gradient: Any,
    parameter: Any,
    slots: Slots,
    rate: Any,
    count: Any,
    *,
    beta1: Decay = 0.9,
    beta2: Decay = 0.99,
) -> Update:
    """Lion: steps of the size of the rate, in the direction of the sign of a mean of gradients.

    References
    ----------
    Chen et al. (2023), arXiv:2302.06675, algorithm 2, without weight decay.
    """
    change = -rate * tf.sign(beta1 * slots["first"] + (1.0 - beta1) * gradient)
    return change, {"first": beta2 * slots["first"] + (1.0 - beta2) * gradient}
