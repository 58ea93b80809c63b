"""Schedules in NumPy float64."""

import numpy as np

# The factor at a share of the steps and at a step, with the schedule's settings.
FACTORS = {
    "constant": lambda progress, step, _: 1.0,
    "halve_on_plateau": lambda progress, step, _: 1.0,
    "linear": lambda progress, step, _: 1.0 - progress,
    "warmup": lambda progress, step, one: np.minimum((step + 1) / one.steps, 1.0),
    "exponential": lambda progress, step, one: one.factor ** (step / one.every),
    "stairs": lambda progress, step, one: one.factor ** (step // one.every),
    "inverse_time": lambda progress, step, one: 1 / (1 + one.decay * step / one.every),
    "polynomial": lambda progress, step, one: (1 - one.end) * (1 - progress) ** one.power + one.end,
    "cosine": lambda progress, step, _: np.cos(progress * np.pi / 2) ** 2,
}


def find_factor(recipe, progress, step):
    """The product of all schedules of a recipe."""
    return np.prod([FACTORS[one.kind](progress, step, one) for one in recipe.schedules])
