"""The arrays of one task for one seed, as training uses them."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


class TargetUnit(NamedTuple):
    """What targets are measured in while training: from `centre`, in units of `size`."""

    centre: float = 0.0
    size: float = 1.0

    def apply(self, y: np.ndarray) -> np.ndarray:
        """Return targets (N,) in this unit, float32 as in training."""
        return ((np.asarray(y, np.float64) - self.centre) / self.size).astype(np.float32)

    def restore_targets(self, y: np.ndarray) -> np.ndarray:
        """Return targets in the user's unit, float64, of those in this unit."""
        return np.asarray(y, np.float64) * self.size + self.centre

    def convert(self, W: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return parameters for targets in this unit, of those for targets in the user's unit."""
        return np.asarray(W) / self.size, (np.asarray(b) - self.centre) / self.size

    def restore(self, W: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return parameters for targets in the user's unit, of those for targets in this unit."""
        return np.asarray(W) * self.size, np.asarray(b) * self.size + self.centre


USER_UNIT = TargetUnit()


@dataclass(frozen=True)
class Dataset:
    """Training and test rows of a task, and the true parameters if they are known."""

    # (N, D): features: float32, or uint8 pixels; divided by `divisor` when used.
    X: np.ndarray
    # (N,): targets: float32 numbers, or int32 classes if `n_classes` is above 0.
    y: np.ndarray
    test_X: np.ndarray
    test_y: np.ndarray
    # (D + 1,) or None: true weights, then the true intercept, if the task is synthetic.
    true_parameters: np.ndarray | None = None
    n_classes: int = 0  # 0 for regression.
    # The number that features are divided by: 255 or 16 for uint8 pixels, 1 for float32.
    divisor: int = 1
    class_names: tuple[str, ...] = ()  # K names in the order of the classes; none for regression.
    unit: TargetUnit = USER_UNIT  # What `y` and `test_y` are in, if they are numbers.
