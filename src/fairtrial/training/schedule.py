"""Learning-rate schedules: what happens to the rate when the loss stalls."""

from __future__ import annotations

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
