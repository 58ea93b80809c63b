"""How a program lays out the weights of a stack with classes: features last.

XLA's loops run along the last axis, and are slow along a few lanes: with fewer than 17, most work
on one number at a time. Features are many. Gradients come out of their product in this layout too,
and the numbers of a lane are the same along a loop.
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from fairtrial.parameters import Parameters

# Fewer features than these stay in front of the lanes; measured.
MANY = 32


def turn(parameters: Parameters) -> Parameters:
    """Turn weights (D, K, L) to (1, K, L, D)."""
    return parameters._replace(W=tf.transpose(parameters.W[..., None], (3, 1, 2, 0)))


def turn_back(parameters: Parameters) -> Parameters:
    """Undo `turn`; other parameters stay as they are."""
    if not is_turned(parameters):
        return parameters
    return parameters._replace(W=tf.squeeze(tf.transpose(parameters.W, (3, 1, 2, 0)), -1))


def is_turned(parameters: Parameters) -> bool:
    """Say whether weights have their features last."""
    W, b = parameters
    return len(W.shape) == len(b.shape) + 2


def change_unturned(
    change: Callable[[Parameters], Parameters], parameters: Parameters
) -> Parameters:
    """Apply a function of weights (D, K, L), in whichever layout they are."""
    changed = change(turn_back(parameters))
    return turn(changed) if is_turned(parameters) else changed


def spread(numbers: Any, values: Any) -> Any:
    """Make numbers per lane, (...), meet values whose last axes are lanes, or turned weights.

    Of values that meet numbers of one axis, only turned weights have four.
    """
    return numbers[:, None] if (len(numbers.shape), len(values.shape)) == (1, 4) else numbers
