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


OPTIMIZERS = {"sgd": Sgd, "adam": Adam, "rmsprop": RmsProp}
