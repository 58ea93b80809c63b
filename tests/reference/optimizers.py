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
        return -rate * self.velocity


@dataclass
class Adam:
    rule: Any
    first: Any = 0.0
    second: Any = 0.0
    count: int = 0

    def change(self, gradient, rate):
        beta1, beta2 = self.rule.beta1, self.rule.beta2
        self.count += 1
        self.first = beta1 * self.first + (1 - beta1) * gradient
        self.second = beta2 * self.second + (1 - beta2) * gradient**2
        rate = rate * np.sqrt(1 - beta2**self.count) / (1 - beta1**self.count)
        return -rate * self.first / (np.sqrt(self.second) + self.rule.epsilon)


@dataclass
class RmsProp:
    rule: Any
    second: Any = 0.0

    def change(self, gradient, rate):
        self.second = self.rule.rho * self.second + (1 - self.rule.rho) * gradient**2
        return -rate * gradient / np.sqrt(self.second + self.rule.epsilon)


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


OPTIMIZERS = {
    "sgd": Sgd, "adam": Adam, "rmsprop": RmsProp, "adagrad": Adagrad, "adadelta": Adadelta,
    "adamax": Adamax, "lion": Lion,
}  # fmt: skip
