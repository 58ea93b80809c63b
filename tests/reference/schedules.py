"""Schedules in NumPy float64."""

import numpy as np

# The factor at a share of the steps and at a step, with the schedule's settings.
FACTORS = {
    "constant": lambda progress, step, _: 1.0,
    "halve_on_plateau": lambda progress, step, _: 1.0,
    "linear": lambda progress, step, _: 1.0 - progress,
    "cosine": lambda progress, step, _: np.cos(progress * np.pi / 2) ** 2,
}


def find_factor(recipe, progress, step):
    """The product of all schedules of a recipe."""
    return np.prod([FACTORS[one.kind](progress, step, one) for one in recipe.schedules])
