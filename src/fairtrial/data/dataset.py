"""The arrays of one task for one seed, as training uses them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


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
