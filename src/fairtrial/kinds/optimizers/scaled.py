"""Optimizers that scale each parameter's steps by the gradients that it has had."""

from typing import Any

import numpy as np

from fairtrial.kinds.mechanism.tensors import tf
from fairtrial.kinds.optimizers.common import Update, optimizer
from fairtrial.settings.base import Decay, NonNegative, Positive


@optimizer(slots=("second",), elementwise=True, learning_rate=0.01, label="Adagrad")
def adagrad(
    gradient, parameter, slots, rate, count, *, initial: NonNegative = 0.1, epsilon: Positive = 1e-7
) -> Update:
    """Adagrad: each rate is divided by the root of the sum of all squared gradients.

    The sum begins at `initial`; epsilon is under the root, as in Keras.

    References
    ----------
    Duchi, Hazan and Singer (2011), Journal of Machine Learning Research 12, 2121-2159.
    """
    second = slots["second"] + tf.square(gradient)
    return -rate * gradient / tf.sqrt(second + initial + epsilon), {"second": second}


@optimizer(slots=("first", "second"), elementwise=True, learning_rate=0.001, label="Adadelta")
def adadelta(
    gradient, parameter, slots, rate, count, *, rho: Decay = 0.95, epsilon: Positive = 1e-7
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


@optimizer(slots=("first", "second"), elementwise=True, learning_rate=0.001, label="Adamax")
def adamax(
    gradient,
    parameter,
    slots,
    rate,
    count,
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


@optimizer(slots=("first",), elementwise=True, learning_rate=0.001, label="Lion")
def lion(
    gradient, parameter, slots, rate, count, *, beta1: Decay = 0.9, beta2: Decay = 0.99
) -> Update:
    """Lion: steps of the size of the rate, in the direction of the sign of a mean of gradients.

    References
    ----------
    Chen et al. (2023), arXiv:2302.06675, algorithm 2, without weight decay.
    """
    change = -rate * tf.sign(beta1 * slots["first"] + (1.0 - beta1) * gradient)
    return change, {"first": beta2 * slots["first"] + (1.0 - beta2) * gradient}


# Nadam's momentum at step i is beta1 (1 - HALF QUOTIENT^i).
HALF, QUOTIENT = 0.5, 0.96
# log(1 - z) = -Σ z^k / k, summed over the steps as a geometric series for each k.
_POWERS = np.arange(1, 40)
_QUOTIENTS = (QUOTIENT**_POWERS).astype(np.float32)
_WEIGHTS = (
    HALF**_POWERS / _POWERS * QUOTIENT**_POWERS / (1.0 - QUOTIENT**_POWERS)
).astype(np.float32)  # fmt: skip


def _multiply_momenta(beta1: Any, count: Any) -> Any:
    """Multiply Nadam's momenta of the first `count` steps."""
    series = tf.reduce_sum(_WEIGHTS * (1.0 - tf.pow(_QUOTIENTS, count)))
    return tf.pow(beta1, count) * tf.exp(-series)


@optimizer(slots=("first", "second"), elementwise=True, learning_rate=0.001, label="Nadam")
def nadam(
    gradient,
    parameter,
    slots,
    rate,
    count,
    *,
    beta1: Decay = 0.9,
    beta2: Decay = 0.999,
    epsilon: Positive = 1e-7,
) -> Update:
    """Nadam: Adam that looks ahead as Nesterov's momentum does.

    The momentum rises from about `beta1` / 2 to `beta1`: at step t it is
    `beta1 (1 - 0.96^t / 2)`, as in Keras and PyTorch. Epsilon is added to the corrected root.

    References
    ----------
    Dozat (2016), "Incorporating Nesterov momentum into Adam", ICLR workshop.
    """
    now, ahead = (beta1 * (1.0 - HALF * tf.pow(QUOTIENT, count + more)) for more in (0.0, 1.0))
    so_far = _multiply_momenta(beta1, count)
    first = beta1 * slots["first"] + (1.0 - beta1) * gradient
    second = beta2 * slots["second"] + (1.0 - beta2) * tf.square(gradient)
    mean = ahead * first / (1.0 - so_far * ahead) + (1.0 - now) * gradient / (1.0 - so_far)
    size = tf.sqrt(second / (1.0 - tf.pow(beta2, count))) + epsilon
    return -rate * mean / size, {"first": first, "second": second}
