"""Standardised features for the solvers, and the result of a solver."""

import time
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

# Columns that vary by less than this share of their largest value count as constant, because they
# are constant in the float32 of training.
FLAT = 1e-12


@dataclass(frozen=True)
class Optimum:
    """The minimiser of a training objective, or the reason why it is not known.

    If there are several minimisers, this is one of them. With a `problem`, W and b are the best
    point found, not a minimiser.
    """

    W: np.ndarray  # (D,) or (D, K): weights; (D, K) for classes.
    b: np.ndarray  # () or (K,): biases.
    # The largest component of the smallest subgradient found, with respect to weights of features
    # that are centred and of root mean square 1. For regression it has no unit: it is a share of
    # the slope of the loss at a residual equal to the spread of the targets about their median
    # (root mean square if residuals are squared, else the median). For classes it is in nats, or
    # for hinge losses without a unit, and there at least the duality gap. It is infinite if the
    # search ended before there was one.
    certificate: float = np.inf
    tolerance: float = 0.0  # The largest certificate that a minimiser may have.
    problem: str = ""  # Empty if certified; else a sentence with the reason.
    # Whether no other parameters have the same objective; only for certified minimisers.
    is_unique: bool = True
    # Further minimisers, W and b each, as far away as they were found; only of losses on numbers.
    others: tuple[tuple[np.ndarray, np.ndarray], ...] = ()
    # Mean loss over the rows plus the penalty, in the unit of the loss (for classes, nats).
    objective: float = np.nan
    is_general: bool = False  # Whether other rows of the same arm would have the same problem.


class ClassRows(NamedTuple):
    """Rows of classes: features (N, D) as in training, classes (N,) from 0, K, and weights (N,)."""

    X: np.ndarray
    y: np.ndarray
    n_classes: int
    weights: np.ndarray  # What the loss of each row is multiplied by; above 0.


class OutOfTimeError(Exception):
    """The budget is spent."""


@dataclass(frozen=True)
class Clock:
    """A time limit: the budget in seconds, and the end by `time.monotonic`."""

    budget: float
    end: float

    @classmethod
    def start(cls, budget: float) -> "Clock":
        """Start a clock of `budget` seconds."""
        return cls(budget, time.monotonic() + budget)

    def check(self) -> None:
        """Raise OutOfTimeError if the budget is spent."""
        if time.monotonic() > self.end:
            raise OutOfTimeError

    @property
    def left(self) -> float:
        """Seconds left."""
        return self.end - time.monotonic()

    def say(self) -> str:
        """Say that the time limit was exceeded."""
        return f"takes longer than {self.budget:g} seconds"


@dataclass(frozen=True)
class Standard:
    """Features centred and of unit size, with a column of ones for the bias.

    `A` (N, D + 1) is (X - centre) / size, then ones; constant columns are 0. `centre` and `size`
    (D,) are the mean, and the root mean square about it, in feature units; the size is 1 for
    constant columns.
    """

    A: np.ndarray
    centre: np.ndarray
    size: np.ndarray

    def restore(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return W (D, ...) and b (...) of parameters (D + 1, ...) of the standard features."""
        W = (theta[:-1].T / self.size).T
        return W, np.asarray(theta[-1] - self.centre @ W)


def standardise(X: np.ndarray) -> Standard:
    """Centre features (N, D) and scale them to root mean square 1."""
    A = np.empty((len(X), X.shape[1] + 1))
    A[:, -1] = 1.0
    features = A[:, :-1]
    features[:] = X
    centre = features.mean(0)
    features -= centre
    largest = np.maximum(np.abs(features).max(0), np.abs(centre))
    size = np.sqrt(np.mean(features**2, 0))
    flat = size <= FLAT * largest
    features[:, flat] = 0.0
    size[flat] = 1.0
    features /= size
    return Standard(A, centre, size)
