"""Learning-rate schedules: what happens to the rate when the loss stalls, or as a run goes on."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from fairtrial.training.model import Numbers


def halve_on_plateau(learning_rate: Any, stall: Any, numbers: Numbers) -> tuple[Any, Any, Any]:
    """Halve the rate of each lane that has stalled for its patience, and start its count anew.

    Parameters
    ----------
    learning_rate, stall : (...)
        The rate; the steps (epochs) since the last new lowest loss.
    numbers : Numbers
        `schedule.patience` (0: never) and `schedule.floor` (...).

    Returns
    -------
    learning_rate, stall : (...)
        After the schedule.
    below_floor : (...)
        Where the rate is below its floor, so that the run ends.
    """
    patience = numbers["schedule.patience"]
    halve = (patience > 0) & (stall >= patience)
    learning_rate = tf.where(halve, learning_rate * 0.5, learning_rate)
    stall = tf.where(halve, 0, stall)
    return learning_rate, stall, (patience > 0) & (learning_rate < numbers["schedule.floor"])


def fall_linearly(progress: Any) -> Any:
    """Return the share of the rate that is left, (...), at a share of the steps, (...)."""
    return 1.0 - progress


def fall_as_cosine(progress: Any) -> Any:
    """Return the share of the rate that is left, (...), at a share of the steps, (...).

    References
    ----------
    Loshchilov and Hutter (2017), "SGDR: stochastic gradient descent with warm restarts".
    """
    # Half of one plus the cosine: more exact like this where little is left.
    return tf.square(tf.cos(math.pi / 2 * progress))


DECAYS: dict[str, Callable[[Any], Any]] = {"linear": fall_linearly, "cosine": fall_as_cosine}


def decay(decays: Sequence[str], learning_rate: Any, numbers: Numbers, step: Any) -> Any:
    """Return the rate that a step is taken with.

    Parameters
    ----------
    decays : sequence of str
        Those of `DECAYS` that the program contains.
    learning_rate : (...)
        What the rate would be without them.
    numbers : Numbers
        `schedule.decay` (...), the position in `decays` counted from 1, or 0; and `n_steps` (...),
        the most steps of the run.
    step : ()
        Counted from 0.

    Returns
    -------
    (...)
        As it was in lanes that do not decay.
    """
    if not decays:
        return learning_rate
    progress, share = tf.cast(step, tf.float32) / numbers["n_steps"], 1.0
    for position, name in enumerate(decays, start=1):
        share = tf.where(numbers["schedule.decay"] == position, DECAYS[name](progress), share)
    return learning_rate * share
