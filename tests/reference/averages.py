"""Averages in NumPy float64: of the parameters after each step, (T, ...)."""

import numpy as np


def _ema(path, one):
    """Keras' moving average, whose momentum is 0 at the first step."""
    mean = path[0]
    for value in path[1:]:
        mean = one.decay * mean + (1 - one.decay) * value
    return mean


# What a run of so many steps ends with.
AVERAGES = {
    "none": lambda path, _: path[-1],
    "last_epoch": lambda path, _: path[-min(len(path), max(20, -(-len(path) // 10))) :].mean(0),
    "ema": _ema,
    "tail": lambda path, one: path[-max(1, round(one.share * len(path))) :].mean(0),
}


def average(recipe, path):
    """What a recipe ends with, of lists of weights and biases."""
    return [
        AVERAGES[recipe.average.kind](np.array(values), recipe.average)
        for values in zip(*path, strict=True)
    ]
