"""Optimizers in NumPy float64, from their papers."""

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass
class Sgd:
    rule: Any
    velocity: Any = 0.0

    def change(self, gradient, rate):
        self.velocity = self.rule.momentum * self.velocity + gradient
        if self.rule.nesterov:
            return -rate * (gradient + self.rule.momentum * self.velocity)
        return -rate * self.velocity


@dataclass
class Adam:
    rule: Any
    first: Any = 0.0
    second: Any = 0.0
    largest: Any = 0.0
    count: int = 0

    def change(self, gradient, rate):
        beta1, beta2 = self.rule.beta1, self.rule.beta2
        self.count += 1
        self.first = beta1 * self.first + (1 - beta1) * gradient
        self.second = beta2 * self.second + (1 - beta2) * gradient**2
        rate = rate * np.sqrt(1 - beta2**self.count) / (1 - beta1**self.count)
        self.largest = np.maximum(self.largest, self.second)
        second = self.largest if self.rule.amsgrad else self.second
        return -rate * self.first / (np.sqrt(second) + self.rule.epsilon)


class Decayed:
    """An optimizer with decoupled decay: the parameter shrinks, and then the rule moves it."""

    def __init__(self, make, rule):
        self.inner, self.rule, self.needs_parameter = make(rule), rule, True

    def change(self, gradient, rate, parameter):
        return self.inner.change(gradient, rate) - rate * self.rule.decay * parameter


@dataclass
class Nadam:
    rule: Any
    first: Any = 0.0
    second: Any = 0.0
    momenta: float = 1.0
    count: int = 0

    def change(self, gradient, rate):
        beta1, beta2 = self.rule.beta1, self.rule.beta2
        self.count += 1
        now, ahead = (beta1 * (1 - 0.5 * 0.96**at) for at in (self.count, self.count + 1))
        self.momenta *= now
        self.first = beta1 * self.first + (1 - beta1) * gradient
        self.second = beta2 * self.second + (1 - beta2) * gradient**2
        mean = ahead * self.first / (1 - self.momenta * ahead)
        mean = mean + (1 - now) * gradient / (1 - self.momenta)
        size = np.sqrt(self.second / (1 - beta2**self.count)) + self.rule.epsilon
        return -rate * mean / size


@dataclass
class RmsProp:
    rule: Any
    second: Any = 0.0
    mean: Any = 0.0
    velocity: Any = 0.0

    def change(self, gradient, rate):
        rho = self.rule.rho
        self.second = rho * self.second + (1 - rho) * gradient**2
        self.mean = rho * self.mean + (1 - rho) * gradient
        spread = self.second - self.mean**2 if self.rule.centred else self.second
        step = gradient / np.sqrt(spread + self.rule.epsilon)
        self.velocity = self.rule.momentum * self.velocity + step
        return -rate * self.velocity


@dataclass
class Adagrad:
    rule: Any
    total: Any = None

    def change(self, gradient, rate):
        self.total = (self.rule.initial if self.total is None else self.total) + gradient**2
        return -rate * gradient / np.sqrt(self.total + self.rule.epsilon)


@dataclass
class Adadelta:
    rule: Any
    gradients: Any = 0.0
    changes: Any = 0.0

    def change(self, gradient, rate):
        rho, epsilon = self.rule.rho, self.rule.epsilon
        self.gradients = rho * self.gradients + (1 - rho) * gradient**2
        change = -np.sqrt(self.changes + epsilon) / np.sqrt(self.gradients + epsilon) * gradient
        self.changes = rho * self.changes + (1 - rho) * change**2
        return rate * change


@dataclass
class Adamax:
    rule: Any
    first: Any = 0.0
    largest: Any = 0.0
    count: int = 0

    def change(self, gradient, rate):
        self.count += 1
        self.first = self.rule.beta1 * self.first + (1 - self.rule.beta1) * gradient
        self.largest = np.maximum(self.rule.beta2 * self.largest, np.abs(gradient))
        rate = rate / (1 - self.rule.beta1**self.count)
        return -rate * self.first / (self.largest + self.rule.epsilon)


@dataclass
class Lion:
    rule: Any
    mean: Any = 0.0

    def change(self, gradient, rate):
        beta1, beta2 = self.rule.beta1, self.rule.beta2
        change = -rate * np.sign(beta1 * self.mean + (1 - beta1) * gradient)
        self.mean = beta2 * self.mean + (1 - beta2) * gradient
        return change


@dataclass
class Newton:
    """Of Newton's direction, in place of the gradient."""

    rule: Any

    def change(self, gradient, rate):
        return -rate * gradient


OPTIMIZERS = {
    "newton": Newton,
    "sgd": Sgd, "adam": Adam, "rmsprop": RmsProp, "adagrad": Adagrad, "adadelta": Adadelta,
    "adamax": Adamax, "lion": Lion, "nadam": Nadam,
    "sgdw": lambda rule: Decayed(Sgd, rule), "adamw": lambda rule: Decayed(Adam, rule),
}  # fmt: skip


def change(optimizer, gradient, rate, parameter):
    """What an optimizer adds to a parameter."""
    more = (parameter,) if hasattr(optimizer, "needs_parameter") else ()
    return optimizer.change(gradient, rate, *more)
