"""Optimizers as update rules: gradient and slots in, change and slots out.

A rule works on one array of any shape; its numbers broadcast over the trailing lane axes. Slots are
what the rule remembers, one array like the parameter for each name in the optimizer's `slots`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import tensorflow as tf

from fairtrial.training.model import Numbers
from fairtrial.training.parameters import Parameters

Slots = Mapping[str, Any]
Update = Callable[[Any, Slots, Any, Numbers, Any], tuple[Any, dict[str, Any]]]


class Optimizer(NamedTuple):
    """An update rule and the names of what it remembers (all start at 0)."""

    slots: tuple[str, ...]
    update: Update


def sgd(
    gradient: Any, slots: Slots, learning_rate: Any, numbers: Numbers, count: Any
) -> tuple[Any, dict[str, Any]]:
    """Gradient descent with heavy-ball momentum: `v = momentum v + g`, change `-rate v`.

    Parameters
    ----------
    gradient : array
        Of the loss with respect to one parameter.
    slots : Slots
        `first`: the velocity.
    learning_rate : (...)
        Per lane.
    numbers : Numbers
        `optimizer.momentum` (...).
    count : ()
        Which update this is, from 1.

    Returns
    -------
    change, slots
        What is added to the parameter, and the new slots.

    References
    ----------
    Polyak (1964), doi:10.1016/0041-5553(64)90137-5.
    """
    velocity = numbers["optimizer.momentum"] * slots["first"] + gradient
    return -learning_rate * velocity, {"first": velocity}


def adam(
    gradient: Any, slots: Slots, learning_rate: Any, numbers: Numbers, count: Any
) -> tuple[Any, dict[str, Any]]:
    """Adam; parameters and returns as in `sgd`, with `beta1`, `beta2`, `epsilon`.

    The bias correction is folded into the rate, so epsilon is the "epsilon hat" of the last
    paragraph of section 2, as in TensorFlow's and Keras' Adam.

    References
    ----------
    Kingma and Ba (2015), arXiv:1412.6980.
    """
    beta1, beta2 = numbers["optimizer.beta1"], numbers["optimizer.beta2"]
    first = beta1 * slots["first"] + (1.0 - beta1) * gradient
    second = beta2 * slots["second"] + (1.0 - beta2) * tf.square(gradient)
    rate = learning_rate * tf.sqrt(1.0 - tf.pow(beta2, count)) / (1.0 - tf.pow(beta1, count))
    change = -rate * first / (tf.sqrt(second) + numbers["optimizer.epsilon"])
    return change, {"first": first, "second": second}


def rmsprop(
    gradient: Any, slots: Slots, learning_rate: Any, numbers: Numbers, count: Any
) -> tuple[Any, dict[str, Any]]:
    """RMSProp, not centred, no momentum; parameters and returns as in `sgd`, with `rho`, `epsilon`.

    References
    ----------
    Tieleman and Hinton (2012), Coursera lecture 6.5; epsilon under the root's sum as in Keras:
    `g / sqrt(v + epsilon)`.
    """
    rho = numbers["optimizer.rho"]
    second = rho * slots["second"] + (1.0 - rho) * tf.square(gradient)
    change = -learning_rate * gradient / tf.sqrt(second + numbers["optimizer.epsilon"])
    return change, {"second": second}


OPTIMIZERS: dict[str, Optimizer] = {
    "sgd": Optimizer(("first",), sgd),
    "adam": Optimizer(("first", "second"), adam),
    "rmsprop": Optimizer(("second",), rmsprop),
}


def init_slots(kinds: tuple[str, ...], parameters: Parameters) -> dict[str, Parameters]:
    """Make the slots that the optimizers in use need, all zero."""
    names = sorted({name for kind in kinds for name in OPTIMIZERS[kind].slots})
    return {name: Parameters(*map(tf.zeros_like, parameters)) for name in names}


def apply_updates(
    kinds: tuple[str, ...],
    parameters: Parameters,
    gradients: Parameters,
    slots: dict[str, Parameters],
    learning_rate: Any,
    numbers: Numbers,
    count: Any,
) -> tuple[Parameters, dict[str, Parameters]]:
    """Update every parameter by its lane's own optimizer.

    Parameters
    ----------
    kinds : tuple of str
        The optimizers in use; with several, each lane takes the one at its `optimizer` (...).
    parameters, gradients, slots
        As the step holds them; lane axes last.
    learning_rate, numbers, count
        As in `sgd`.

    Returns
    -------
    parameters, slots
        After the update.
    """
    changed, new_slots = [], []
    for field, gradient in enumerate(gradients):
        own_slots = {name: slot[field] for name, slot in slots.items()}
        change, own_slots = _update_one(kinds, gradient, own_slots, learning_rate, numbers, count)
        changed.append(parameters[field] + change)
        new_slots.append(own_slots)
    return Parameters(*changed), {
        name: Parameters(*(own_slots[name] for own_slots in new_slots)) for name in slots
    }


def _update_one(
    kinds: tuple[str, ...], gradient: Any, slots: Slots, *arguments: Any
) -> tuple[Any, dict[str, Any]]:
    """Run every rule in use and take each lane's own: dearer in sums, cheaper in memory traffic."""
    numbers = arguments[1]
    change, new_slots = OPTIMIZERS[kinds[0]].update(gradient, slots, *arguments)
    new_slots = {**slots, **new_slots}
    for position, kind in enumerate(kinds[1:], start=1):
        mine = numbers["optimizer"] == position
        other_change, other_slots = OPTIMIZERS[kind].update(gradient, slots, *arguments)
        change = tf.where(mine, other_change, change)
        new_slots |= {
            name: tf.where(mine, new, new_slots[name]) for name, new in other_slots.items()
        }
    return change, new_slots
