"""How a program lays out the weights of a stack with classes: in long rows.

XLA's loops over few lanes are slow: with fewer than 17 lanes, most work on one number at a time. So
each row holds the weights of several features and of all classes, and numbers per lane are repeated
along it.
"""

from typing import Any

import tensorflow as tf

from fairtrial.parameters import Parameters
from fairtrial.training.model import Numbers

# The most weights of a row that holds several features.
LONG = 512
# The name of the numbers that are repeated along the rows.
FOLDED = "folded"


def fold(parameters: Parameters) -> Parameters:
    """Lay out weights (D, K, L) in rows of G features, (D / G, G K L); nothing is copied."""
    n_features, n_columns = parameters.W.shape[0], parameters.b.shape.num_elements()
    together = range(1, max(LONG // n_columns, 1) + 1)
    n_together = max(number for number in together if n_features % number == 0)
    return parameters._replace(W=tf.reshape(parameters.W, (-1, n_together * n_columns)))


def unfold(parameters: Parameters) -> Parameters:
    """Undo `fold`; other parameters stay as they are."""
    return parameters._replace(W=tf.reshape(parameters.W, (-1, *parameters.b.shape)))


def fold_numbers(numbers: Numbers, parameters: Parameters) -> Numbers:
    """Add the numbers of the optimizers, repeated along the rows of folded weights.

    Before the loop over batches, so that they are in memory: where XLA looked them up for each
    weight, an epoch of 13 lanes took half as long again.
    """
    repeated = {
        name: spread(values, parameters.W)
        for name, values in numbers.items()
        if name.partition(".")[0] == "optimizer"
    }
    return {**numbers, FOLDED: repeated}


def spread(numbers: Any, values: Any) -> Any:
    """Make numbers per lane, (...), meet values whose last axes are lanes, or folded weights."""
    if numbers.shape.rank == 0 or numbers.shape[-1] in (1, values.shape[-1]):
        return numbers
    more = tf.stack([numbers, tf.zeros_like(numbers)])
    repeated = tf.tile(more, [1, values.shape[-1] // numbers.shape[-1]])
    # XLA writes what it reduces into memory; else it would look up each number by a division.
    return (tf.reduce_any if numbers.dtype.is_bool else tf.reduce_sum)(repeated, 0)
