"""Smooth convex objectives with or without an L1 penalty, by trust-region Newton."""

import time
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy import optimize

from fairtrial.kinds.losses.numbers import Pieces, Smooth
from fairtrial.optimum.rows import find_minima, measure_spread, state_rows
from fairtrial.optimum.standard import Clock, Optimum, OutOfTimeError, standardise
from fairtrial.study.recipe import Penalty

TOLERANCE = 1e-7
# Tolerances of the solvers, tried in turn until the certificate suffices.
AIMS = (1e-6, 1e-8, 1e-10)
MOST_ROUNDS = 20
# A minimiser needs at least this many evaluations.
LEAST_EVALUATIONS = 30
MOST_STEPS = 200


class Problem(Protocol):
    """The smooth part of an objective: a function of parameters (P,).

    `latest` (P,) are the latest parameters: the start, and the result if time runs out.
    `most_slope` is the largest slope of the loss, by columns of size 1.
    """

    clock: Clock
    latest: np.ndarray
    most_slope: float

    def measure(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the value at x, and the gradient (P,)."""
        ...

    def multiply(self, x: np.ndarray, v: np.ndarray) -> np.ndarray:
        """Return the Hessian at x times v (P,)."""
        ...


def minimise(
    problem: Problem, l1: np.ndarray, unit: np.ndarray | float = 1.0
) -> tuple[np.ndarray, float, str]:
    """Minimise a smooth convex function plus `l1 |x|`, from the `latest` of the problem.

    `unit` (P,) makes slopes those of features of unit size. The results are the best parameters
    (P,) found, the largest component of their subgradient, and a sentence where time ran out.
    """
    x, best, certificate = problem.latest, problem.latest, np.inf
    begin = time.monotonic()
    try:
        problem.measure(x)
        if LEAST_EVALUATIONS * (time.monotonic() - begin) > problem.clock.left:
            raise OutOfTimeError
        for aim in AIMS if l1.any() else AIMS[-1:]:
            if l1.any():
                x = _split(problem, x, l1, aim)
            for _ in range(MOST_ROUNDS):
                before, x = x, _fit_smooth(problem, x, l1)
                missed = find_subgradient(problem.measure(x)[1], x, l1) * unit
                if (found := float(np.abs(missed).max())) < certificate:
                    best, certificate = x, found
                if certificate <= TOLERANCE:
                    return best, certificate, ""
                if np.array_equal(x != 0.0, before != 0.0):
                    break
    except OutOfTimeError:
        return problem.latest, np.inf, problem.clock.say()
    return best, certificate, ""


def _split(problem: Problem, x: np.ndarray, l1: np.ndarray, aim: float) -> np.ndarray:
    """Minimise with the L1 penalty, over the parameters' positive and negative parts; (P,)."""

    def measure(parts: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = problem.measure(parts[:n] - parts[n:])
        both = np.concatenate([l1, l1])
        return value + float(both @ parts), np.concatenate([gradient, -gradient]) + both

    n = len(x)
    result = optimize.minimize(
        measure,
        np.concatenate([np.maximum(x, 0.0), np.maximum(-x, 0.0)]),
        jac=True,
        method="L-BFGS-B",
        # More penalty than the loss's largest slope holds a weight at 0.
        bounds=[(0.0, 0.0 if each >= problem.most_slope else None) for each in (*l1, *l1)],
        options={"gtol": aim, "ftol": 0.0, "maxiter": 5000, "maxfun": 5000, "maxcor": 20},
    )
    return result.x[:n] - result.x[n:]


def _fit_smooth(problem: Problem, x: np.ndarray, l1: np.ndarray) -> np.ndarray:
    """Minimise with the signs of the penalised parameters held; (P,).

    If some would change their sign, the result has the first of them at 0, the kink of its penalty.
    """
    sign = np.sign(x) * (l1 > 0)
    free = (l1 == 0) | (sign != 0)

    def fill(part: np.ndarray) -> np.ndarray:
        full = np.zeros(len(x))
        full[free] = part
        return full

    def measure(part: np.ndarray) -> tuple[float, np.ndarray]:
        full = fill(part)
        value, gradient = problem.measure(full)
        return value + float((l1 * sign) @ full), (gradient + l1 * sign)[free]

    result = optimize.minimize(
        measure,
        x[free],
        jac=True,
        hessp=lambda part, v: problem.multiply(fill(part), fill(v))[free],
        method="trust-ncg",
        options={"gtol": AIMS[-1], "maxiter": MOST_STEPS},
    )
    full = fill(result.x)
    flips = np.flatnonzero((sign != 0) & (np.sign(full) != sign))
    if not len(flips):
        return full
    # Stop at the first sign change.
    shares = x[flips] / (x[flips] - full[flips])
    part = x + shares.min() * (full - x)
    part[flips[shares == shares.min()]] = 0.0
    return part


def find_subgradient(gradient: np.ndarray, x: np.ndarray, l1: np.ndarray) -> np.ndarray:
    """Return the smallest subgradient of a smooth part's gradient plus `l1 |x|`, (P,)."""
    at_kink = np.sign(gradient) * np.maximum(np.abs(gradient) - l1, 0.0)
    return np.where(x == 0.0, at_kink, gradient + l1 * np.sign(x))


# ------------------------------------------------------------------------- smooth losses on numbers


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
) -> Optimum:
    """Find the minimiser of a smooth convex loss; the rest is as in `solve_residuals`."""
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
    x, certificate, sentence = minimise(problem, l1)
    W, b = standard.restore(x * spread)
    # It is curved at every residual, as a square is.
    rows = state_rows([Pieces(1.0, 0.0, 0.0)], penalty, standard, y, 1.0)
    is_unique = certificate > TOLERANCE or find_minima(rows, x).is_unique
    return Optimum(W, b + shift, certificate, TOLERANCE, sentence, is_unique)
