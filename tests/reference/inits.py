"""Starts: what their weights and biases are, as distributions of SciPy, or constants."""

import scipy.stats

# Weights and biases by settings: a frozen distribution, or a number.
INITS = {
    "normal": lambda init: (
        scipy.stats.norm(scale=init.scale),
        scipy.stats.norm(scale=init.scale if init.bias_scale is None else init.bias_scale),
    ),
    "constant": lambda init: (init.value, init.value),
}
