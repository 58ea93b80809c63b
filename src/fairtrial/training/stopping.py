"""Early stopping and schedules on plateaus: the stall counts and what they lead to."""

from typing import Any

import tensorflow as tf

from fairtrial.kinds.optimizers.schedules import apply_stalls
from fairtrial.training.hyperparameters import Kinds
from fairtrial.training.model import Numbers


def count_stall(loss: Any, best_loss: Any, stall: Any) -> tuple[Any, Any]:
    """Count the steps (epochs) since the last strictly lower loss; all (...)."""
    lower = loss < best_loss
    return tf.where(lower, loss, best_loss), tf.where(lower, 0, stall + 1)


def count_plateau(value: Any, best: Any, stall: Any, numbers: Numbers) -> tuple[Any, Any]:
    """Count steps (epochs) since a value was better by the share `plateau.threshold`; all (...)."""
    better = value < best * (1.0 - numbers["plateau.threshold"] * tf.sign(best))
    stall = tf.where(better & (stall >= 0), 0, stall + 1)
    return tf.where(better, value, best), stall


def lower_rates(
    kinds: Kinds, rate: Any, stall: Any, plateau: Any, watched: Any, numbers: Numbers
) -> Any:
    """Let the schedules act on stalls: of the loss, or each of what it monitors.

    `plateau` has the best and the count of what schedules watch, (...) each, and `watched` the
    value now; () where all watch the loss. Returns rate, stall, below_floor, plateau, and
    `lowered`, where a count of `plateau` started again.
    """
    if not kinds.plateaus:
        return *apply_stalls(kinds.stalls, rate, stall, numbers), plateau, None
    best, count = plateau
    best, count = count_plateau(watched, best, count, numbers)
    rate, after, below_floor = apply_stalls(kinds.stalls, rate, count, numbers)
    lowered = after != count
    after = tf.where(lowered, -numbers["plateau.cooldown"], after)
    stall = tf.where(lowered & (numbers["plateau.monitor"] == 0), 0, stall)
    return rate, stall, below_floor, (best, after), lowered


def has_stalled(stall: Any, numbers: Numbers) -> Any:
    """Say which lanes have stalled for their `stopping.patience` (0: never stops); (...) bool."""
    patience = numbers["stopping.patience"]
    return (patience > 0) & (stall >= patience)
