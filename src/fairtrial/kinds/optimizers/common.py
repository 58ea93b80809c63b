"""Optimizers: gradient, parameter and slots in, change and slots out.

A rule works on one array of any shape, and the rate and its numbers broadcast to it. Slots are what
the rule remembers: one array like the parameter, 0 at first, for each name in `slots`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Concatenate, overload

from fairtrial.kinds.mechanism.kind import Fact, Kind, KindSettings, P, Variant, list_arguments
from fairtrial.kinds.mechanism.registry import Family, decorate
from fairtrial.kinds.mechanism.tensors import is_off, tf
from fairtrial.settings.base import Decay, NonNegative, Positive

Slots = Mapping[str, Any]
Update = tuple[Any, dict[str, Any]]
Rule = Callable[Concatenate[Any, Any, Any, Any, Any, P], Update]


class OptimizerSettings(KindSettings):
    """Settings of an optimizer."""

    learning_rate: Positive

    @property
    def slots(self) -> tuple[str, ...]:
        """The names of what it remembers."""
        return self.definition.list_slots(self.variant)

    # What they are is said of `Optimizer`.
    elementwise = Fact[bool]()
    needs_curvature = Fact[bool]()
    other_objective = Fact[str]()
    moves_at_most = Fact[float | None]()
    is_gradient_step = Fact[bool]()


OPTIMIZERS: Family[OptimizerSettings] = Family("optimizer", OptimizerSettings)

if TYPE_CHECKING:  # The kinds of the family in other modules.
    from fairtrial.kinds.optimizers.scaled import adadelta as adadelta
    from fairtrial.kinds.optimizers.scaled import adagrad as adagrad
    from fairtrial.kinds.optimizers.scaled import adamax as adamax
    from fairtrial.kinds.optimizers.scaled import lion as lion
    from fairtrial.kinds.optimizers.scaled import nadam as nadam
else:
    __getattr__ = OPTIMIZERS.get_attribute


@dataclass(frozen=True, eq=False, kw_only=True)
class Optimizer(Kind[P]):
    """An update rule.

    Attributes
    ----------
    slots : tuple of str or callable
        The names of what it remembers. Optimizers whose slots have the same names share the memory.
        Or a function of settings that are part of the program, which returns them; it is given True
        for a number of `off_at_zero` that is not 0.
    learning_rate : float
        The default.
    moves_at_most : callable or None
        How far a parameter moves at most, in multiples of learning rate, steps and the largest
        slope of the loss, as a function of the settings; None if that is not known.
    is_gradient_step : callable or bool
        Whether its change is minus the rate times the gradient, so that the proximal step of a
        penalty belongs to it; or a function of the settings.
    other_objective : callable or str
        Why it does not minimise the loss with its penalty, as a clause; "" if it does. Or a
        function of the settings.
    elementwise : bool
        Whether the change and the slots of each value depend on that value, its gradient and its
        slots alone, not on a norm, a mean, or the shape of the array. Stacks with classes train
        faster where all their optimizers say so: weights have their features last there.
    needs_curvature : bool
        Whether its gradient is Newton's direction: the gradient divided by the curvature, to which
        its setting `damping` is added, if it has one.
    """

    family = OPTIMIZERS
    data = ("gradient", "parameter", "slots", "rate", "count")
    compiled = True

    reference: str = "Keras"
    slots: tuple[str, ...] | Callable[..., tuple[str, ...]] = ()
    learning_rate: float = 0.01
    moves_at_most: Callable[..., float] | None = None
    is_gradient_step: Callable[..., bool] | bool = False
    other_objective: Callable[..., str] | str = ""
    elementwise: bool = False
    needs_curvature: bool = False

    def list_slots(self, variant: Variant) -> tuple[str, ...]:
        """Return the names of what a variant of it remembers."""
        if not callable(self.slots):
            return self.slots
        chosen = dict(variant.chosen)
        return self.slots(**{name: chosen.get(name, True) for name in list_arguments(self.slots)})

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
def optimizer(**facts: Any) -> Callable[[Rule[P]], Optimizer[P]]: ...
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


def _check_nesterov(momentum: float, nesterov: bool) -> str:
    return "nesterov = true needs a momentum above 0" if nesterov and not momentum else ""


def _name_decay(decay: float) -> str:
    return "it decays the parameters beside the loss (decay)" if decay else ""


@optimizer(
    slots=("first",),
    elementwise=True,
    learning_rate=0.01,
    moves_at_most=lambda momentum: 1.0 / (1.0 - momentum),
    is_gradient_step=lambda momentum: momentum == 0.0,
    rule=_check_nesterov,
    label="SGD",
    also="gd gradientdescent momentum",
    look=5,
)
def sgd(
    gradient, parameter, slots, rate, count, *, momentum: Decay = 0.0, nesterov: bool = False
) -> Update:
    """Gradient descent with heavy-ball or Nesterov momentum (none by default).

    The velocity is `v = momentum v + g`. The change is `-rate v`, and with `nesterov`
    `-rate (momentum v + g)`. The rate is no part of the velocity, as in PyTorch. In Keras it is,
    which is the same where the rate is constant.

    References
    ----------
    Polyak (1964), doi:10.1016/0041-5553(64)90137-5; Sutskever et al. (2013), "On the importance of
    initialization and momentum in deep learning", for Nesterov's.
    """
    velocity = momentum * slots["first"] + gradient
    ahead = momentum * velocity + gradient if nesterov else velocity
    return -rate * ahead, {"first": velocity}


@optimizer(
    slots=("first",),
    elementwise=True,
    learning_rate=0.01,
    rule=_check_nesterov,
    other_objective=_name_decay,
    label="SGDW",
)
def sgdw(
    gradient,
    parameter,
    slots,
    rate,
    count,
    *,
    decay: NonNegative = 0.004,
    momentum: Decay = 0.0,
    nesterov: bool = False,
) -> Update:
    """Gradient descent with decoupled weight decay: `sgd`, and `-rate decay` times the parameter.

    It decays weights and biases, as Keras' SGD with `weight_decay` does unless told otherwise.
    `weight_decay` of PyTorch's SGD is another thing, an L2 penalty in the gradient.

    References
    ----------
    Loshchilov and Hutter (2019), arXiv:1711.05101, algorithm 1; `weight_decay` of Keras' SGD.
    """
    settings = {"momentum": momentum, "nesterov": nesterov}
    change, slots = sgd.function(gradient, parameter, slots, rate, count, **settings)
    return change - rate * decay * parameter, dict(slots)


def _list_slots_of_adam(amsgrad: bool) -> tuple[str, ...]:
    return ("first", "second", "largest") if amsgrad else ("first", "second")


@optimizer(
    slots=_list_slots_of_adam,
    elementwise=True,
    learning_rate=0.001,
    label="Adam",
    look=4,
)
def adam(
    gradient,
    parameter,
    slots,
    rate,
    count,
    *,
    beta1: Decay = 0.9,
    beta2: Decay = 0.999,
    epsilon: Positive = 1e-7,
    amsgrad: bool = False,
) -> Update:
    """Adam (Kingma and Ba 2015), or AMSGrad (Reddi et al. 2018).

    The bias correction is folded into the rate, so epsilon is the "epsilon hat" of the last
    paragraph of section 2, as in TensorFlow's and Keras' Adam. With `amsgrad` the mean of the
    squared gradients never falls: the largest one so far is used, before the bias correction.

    References
    ----------
    Kingma and Ba (2015), arXiv:1412.6980; Reddi, Kale and Kumar (2018), arXiv:1904.09237.
    """
    first = beta1 * slots["first"] + (1.0 - beta1) * gradient
    second = beta2 * slots["second"] + (1.0 - beta2) * tf.square(gradient)
    new = {"first": first, "second": second}
    if amsgrad:
        second = new["largest"] = tf.maximum(slots["largest"], second)
    rate = rate * tf.sqrt(1.0 - tf.pow(beta2, count)) / (1.0 - tf.pow(beta1, count))
    return -rate * first / (tf.sqrt(second) + epsilon), new


@optimizer(
    slots=_list_slots_of_adam,
    learning_rate=0.001,
    other_objective=_name_decay,
    label="AdamW",
    elementwise=True,
)
def adamw(
    gradient,
    parameter,
    slots,
    rate,
    count,
    *,
    decay: NonNegative = 0.004,
    beta1: Decay = 0.9,
    beta2: Decay = 0.999,
    epsilon: Positive = 1e-7,
    amsgrad: bool = False,
) -> Update:
    """Adam with decoupled weight decay: `adam`, and `-rate decay` times the parameter.

    It decays weights and biases, as Keras' and PyTorch's AdamW do unless told otherwise. It does
    not minimise what Adam minimises, with or without an L2 penalty.

    References
    ----------
    Loshchilov and Hutter (2019), arXiv:1711.05101, algorithm 2.
    """
    settings = {"beta1": beta1, "beta2": beta2, "epsilon": epsilon, "amsgrad": amsgrad}
    change, slots = adam.function(gradient, parameter, slots, rate, count, **settings)
    return change - rate * decay * parameter, dict(slots)


def _list_slots_of_rmsprop(momentum: float, centred: bool) -> tuple[str, ...]:
    return ("second", *(["mean"] if centred else []), *(["first"] if momentum else []))


@optimizer(
    slots=_list_slots_of_rmsprop,
    elementwise=True,
    learning_rate=0.001,
    off_at_zero=("momentum",),
    label="RMSProp",
    look=6,
)
def rmsprop(
    gradient,
    parameter,
    slots,
    rate,
    count,
    *,
    rho: Decay = 0.9,
    epsilon: Positive = 1e-7,
    momentum: Decay = 0.0,
    centred: bool = False,
) -> Update:
    """RMSProp (Tieleman and Hinton 2012).

    Epsilon is under the root's sum, as in Keras: `g / sqrt(v + epsilon)`. With `centred` the
    squared mean of the gradients is taken off v (Graves 2013). The difference is at least 0 here;
    in Keras rounding makes it negative where gradients are constant, and the step may be NaN. With
    `momentum` the velocity is `momentum` times the last one plus this step; the rate is no part of
    it.

    References
    ----------
    Tieleman and Hinton (2012), Coursera lecture 6.5; Graves (2013), arXiv:1308.0850, equation 38.
    """
    second = rho * slots["second"] + (1.0 - rho) * tf.square(gradient)
    new, spread = {"second": second}, second
    if centred:
        new["mean"] = rho * slots["mean"] + (1.0 - rho) * gradient
        spread = tf.maximum(second - tf.square(new["mean"]), 0.0)  # Rounding may go below 0.
    step = gradient / tf.sqrt(spread + epsilon)
    if not is_off(momentum):
        step = new["first"] = momentum * slots["first"] + step
    return -rate * step, new


@optimizer(
    reference="NumPy",
    learning_rate=1.0,
    needs_curvature=True,
    label="Newton",
    also="newtonraphson newtonsmethod secondorder irls",
)
def newton(gradient, parameter, slots, rate, count, *, damping: NonNegative = 1e-6) -> Update:
    """Newton's method, for linear regression on all rows and losses that are convex and curved.

    The gradient of all weights and the intercept is divided by the matrix of second derivatives,
    `X' diag(l''(r)) X / N`, with `damping` on its diagonal (Levenberg). With a learning rate of 1
    the MSE is at its minimum after one step. Other losses may need a good start, a smaller rate or
    more damping, as their curvature is small far from the minimum.

    References
    ----------
    Nocedal and Wright (2006), "Numerical optimization", section 3.3; Levenberg (1944),
    doi:10.1090/qam/10666, for the damping.
    """
    return -rate * gradient, {}
