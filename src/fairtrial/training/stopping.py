"""Early stopping: the stall count and what it ends."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from fairtrial.training.model import Numbers


def count_stall(loss: Any, best_loss: Any, stall: Any) -> tuple[Any, Any]:
    """Count the steps (epochs) since the last strictly lower loss.

    Parameters
    ----------
    loss, best_loss, stall : (...)
        The loss now, the lowest so far, the count so far.

    Returns
    -------
    best_loss, stall : (...)
        With the loss taken in.
    """
    lower = loss < best_loss
    return tf.where(lower, loss, best_loss), tf.where(lower, 0, stall + 1)


def has_stalled(stall: Any, numbers: Numbers) -> Any:
    """Say which lanes have stalled for their `stopping.patience` (0: never stops); (...) bool."""
    patience = numbers["stopping.patience"]
    return (patience > 0) & (stall >= patience)
