"""Schedules in NumPy float64."""

import numpy as np


def _one_cycle(progress, step, one):
    """PyTorch's `OneCycleLR`, whose lists of phases end one step before a share of all steps."""
    total = step / progress if step else np.inf
    phases = [
        (0.0, one.rise * total - 1, one.start, 1.0),
        (one.rise * total - 1, total - 1, 1.0, one.end),
    ]
    if step == 0:
        return one.start
    begin, over, low, high = phases[0] if step <= phases[0][1] else phases[1]
    share = (step - begin) / (over - begin)
    if one.along == "line":
        return low + share * (high - low)
    return high + (low - high) / 2.0 * (1 + np.cos(np.pi * share))


def _cosine_restarts(progress, step, one):
    """PyTorch's `CosineAnnealingWarmRestarts`, counting periods; with `m_mul` as Keras has it."""
    left, length, height = step, one.first, 1.0
    while left >= length:
        left, length, height = left - length, length * one.stretch, height * one.shrink
    return one.end + (1 - one.end) * height * (1 + np.cos(np.pi * left / length)) / 2


class ReduceLROnPlateau:
    """PyTorch's scheduler of this name, with `threshold_mode="rel"`."""

    def __init__(self, rate, mode, factor, patience, threshold, cooldown):
        self.rate, self.mode, self.factor, self.patience = rate, mode, factor, patience
        self.threshold, self.cooldown = threshold, cooldown
        self.best = np.inf if mode == "min" else -np.inf
        self.n_bad, self.left = 0, 0

    def is_better(self, value):
        if self.mode == "min":
            return value < self.best * (1.0 - self.threshold)
        return value > self.best * (self.threshold + 1.0)

    def step(self, value):
        if self.is_better(value):
            self.best, self.n_bad = value, 0
        else:
            self.n_bad += 1
        if self.left > 0:
            self.left, self.n_bad = self.left - 1, 0
        if self.n_bad > self.patience:
            self.rate *= self.factor
            self.left, self.n_bad = self.cooldown, 0
        return self.rate


# The factor at a share of the steps and at a step, with the schedule's settings.
FACTORS = {
    "constant": lambda progress, step, _: 1.0,
    "halve_on_plateau": lambda progress, step, _: 1.0,
    "linear": lambda progress, step, _: 1.0 - progress,
    "warmup": lambda progress, step, one: np.minimum((step + 1) / one.steps, 1.0),
    "exponential": lambda progress, step, one: one.factor ** (step / one.every),
    "step": lambda progress, step, one: one.factor ** (step // one.every),
    "inverse_time": lambda progress, step, one: 1 / (1 + one.decay * step / one.every),
    "polynomial": lambda progress, step, one: (1 - one.end) * (1 - progress) ** one.power + one.end,
    "reduce_on_plateau": lambda progress, step, _: 1.0,
    "one_cycle": _one_cycle,
    "cosine_restarts": _cosine_restarts,
    "cosine": lambda progress, step, _: np.cos(progress * np.pi / 2) ** 2,
}


def find_factor(recipe, progress, step):
    """The product of all schedules of a recipe."""
    return np.prod([FACTORS[one.kind](progress, step, one) for one in recipe.schedules])
