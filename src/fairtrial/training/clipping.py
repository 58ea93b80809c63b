"""Clipping of the gradient, by value and by norm, each lane by its own limits."""

from __future__ import annotations

import tensorflow as tf

from fairtrial.parameters import Parameters
from fairtrial.training.hyperparameters import Kinds
from fairtrial.training.model import Numbers


def clip_gradients(kinds: Kinds, gradients: Parameters, numbers: Numbers) -> Parameters:
    """Clip the gradients of the lanes that have limits: each value, and then the norm.

    Parameters
    ----------
    kinds : Kinds
        `clips` names the limits that the program contains.
    gradients : Parameters
        Of the weights and the biases, lane axes last.
    numbers : Numbers
        `clip.value` and `clip.norm` (...), where the program contains them; 0 in lanes without.

    Returns
    -------
    clipped : Parameters
        No value is larger than `clip.value`, and the Euclidean norm over all weights and biases of
        a lane is not larger than `clip.norm`. NaN where the norm is not finite, as
        `tf.clip_by_global_norm` has it.
    """
    if "value" in kinds.clips:
        most = numbers["clip.value"]
        most = tf.where(most > 0, most, float("inf"))
        gradients = Parameters(*(tf.clip_by_value(one, -most, most) for one in gradients))
    if "norm" in kinds.clips:
        most = numbers["clip.norm"]
        squares = (
            tf.reduce_sum(tf.square(one), list(range(one.shape.rank - most.shape.rank)))
            for one in gradients
        )
        norm = tf.sqrt(sum(squares))
        share = tf.where(tf.math.is_finite(norm), tf.minimum(most / norm, 1.0), float("nan"))
        share = tf.where(most > 0, share, 1.0)
        gradients = Parameters(*(one * share for one in gradients))
    return gradients
