"""Starts: what their weights and biases are, as distributions of SciPy, or constants."""

import numpy as np
import scipy.stats

# Of the tests' starts: the features and the classes.
D, K = 2000, 500


def _uniform(end):
    return scipy.stats.uniform(-end, 2 * end)


def _cut(variance):
    """Normal, cut off at two standard deviations, of this variance."""
    return scipy.stats.truncnorm(-2, 2, scale=variance**0.5 / scipy.stats.truncnorm(-2, 2).std())


# Weights and biases by settings: a frozen distribution, or a number.
INITS = {
    "uniform": lambda init: (_uniform(init.scale), _uniform(init.scale)),
    "glorot_uniform": lambda init: (_uniform((6 / (D + K)) ** 0.5), 0.0),
    "glorot_normal": lambda init: (_cut(2 / (D + K)), 0.0),
    "he_uniform": lambda init: (_uniform((6 / D) ** 0.5), 0.0),
    "he_normal": lambda init: (_cut(2 / D), 0.0),
    "lecun_normal": lambda init: (_cut(1 / D), 0.0),
    "normal": lambda init: (
        scipy.stats.norm(scale=init.scale),
        scipy.stats.norm(scale=init.scale if init.bias_scale is None else init.bias_scale),
    ),
    "given": lambda init: (np.array(init.weights).T, np.array(init.intercept)),
    "constant": lambda init: (init.value, init.value),
}
