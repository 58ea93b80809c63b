"""The minimisers of smooth convex losses on numbers, such as log-cosh."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fairtrial.kinds.losses.numbers import Pieces, Smooth
from fairtrial.optimum.newton import TOLERANCE, minimise
from fairtrial.optimum.rows import measure_spread, state_rows
from fairtrial.optimum.standard import Clock, OutOfTimeError, Point, standardise
from fairtrial.optimum.uniqueness import is_only_minimum
from fairtrial.study.recipe import Penalty


@dataclass
class SmoothRows:
    """The smooth part of an objective: the mean loss of `y - A x`, plus the L2 penalty.

    `A` (N, P) has features of unit size, and a column of ones; `y` (N,) are targets in units of
    their spread; `l2` (P,) is the penalty on squared parameters. `spread` is the unit of y, in
    target units, and `slope` that of the loss there: the objective is in units of their product.
    """

    loss: Smooth
    A: np.ndarray
    y: np.ndarray
    l2: np.ndarray
    spread: float
    slope: float
    clock: Clock
    latest: np.ndarray
    most_slope: float = np.inf

    def measure(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the objective at x (P,), and its gradient (P,)."""
        self.clock.check()
        self.latest = x
        residual = self.spread * (self.y - self.A @ x)
        value = float(np.mean(self.loss.value(residual))) / (self.spread * self.slope)
        slopes = self.loss.slope(residual) / (self.slope * len(self.y))
        return value + float(self.l2 @ x**2), 2.0 * self.l2 * x - self.A.T @ slopes

    def multiply(self, x: np.ndarray, v: np.ndarray) -> np.ndarray:
        """Return the Hessian at x (P,) times v (P,)."""
        self.clock.check()
        bends = self.loss.curvature(self.spread * (self.y - self.A @ x))
        bends = bends * (self.spread / self.slope / len(self.y))
        return self.A.T @ (bends * (self.A @ v)) + 2.0 * self.l2 * v


def solve_smooth(
    loss: Smooth, penalty: Penalty, X: np.ndarray, y: np.ndarray, clock: Clock
) -> Point:
    """Find the minimiser of a smooth convex loss.

    Arguments and certificate are as of `solve_residuals`.
    """
    standard = standardise(X)
    shift = float(np.median(y))
    spread = measure_spread(False, y - shift)
    slope = float(loss.slope(np.array([spread]))[0])
    y = (y - shift) / spread
    size = np.append(standard.size, 1.0)
    on_weights = np.append(np.ones(X.shape[1]), 0.0)
    problem = SmoothRows(
        loss=loss,
        A=standard.A,
        y=y,
        l2=penalty.on_squares * on_weights / size**2 * spread / slope,
        spread=spread,
        slope=slope,
        clock=clock,
        latest=np.zeros(X.shape[1] + 1),
    )
    l1 = penalty.on_sizes * on_weights / size / slope
    certificate, sentence = np.inf, ""
    try:
        x, certificate = minimise(problem, l1, np.ones(len(size)))
    except OutOfTimeError:
        x, sentence = problem.latest, clock.say()
    W, b = standard.restore(x * spread)
    # It is curved at every residual, as a square is.
    rows = state_rows([Pieces(1.0, 0.0, 0.0)], penalty, standard, y, 1.0)
    is_unique = certificate > TOLERANCE or is_only_minimum(rows, x)
    return Point(W, b + shift, certificate, TOLERANCE, sentence, is_unique)
