"""The exact minimisers of the regression losses, by finite smoothing.

Rounding every kink to some width gives a piecewise quadratic that Newton's method minimises in
finitely many steps. As the widths shrink, the rows inside them are those with residual 0. The
minimiser is then the solution of a linear system, and subgradients of the rows that sum to 0 prove
it.

References
----------
Madsen and Nielsen (1993), A finite smoothing algorithm for linear l1 estimation.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from scipy import linalg, optimize

from fairtrial.kinds.losses.numbers import Pieces
from fairtrial.optimum.rows import (
    TOLERANCE,
    Rows,
    certify,
    find_basis,
    find_minima,
    measure_spread,
    state_rows,
)
from fairtrial.optimum.standard import FLAT, Clock, Optimum, OutOfTimeError, standardise
from fairtrial.study.recipe import Penalty

# The most Newton steps at one width; the least first and last widths, in spreads of y.
MOST_STEPS, MIDDLE_WIDTH, LEAST_WIDTH = 100, 1e-4, 1e-13
SHRINK = 0.1


def solve_residuals(
    pieces: Sequence[Pieces], penalty: Penalty, X: np.ndarray, y: np.ndarray, clock: Clock
) -> Optimum:
    """Find the minimiser of a regression objective; the pieces are the loss, but for a constant.

    Features (N, D) are as in training, targets (N,). The certificate is the largest component of
    the smallest subgradient found, with respect to weights of features that are centred and of unit
    size. It is a share of the slope of the loss at a residual equal to the spread of the targets
    (see `measure_spread`).
    """
    standard = standardise(X)
    shift = float(np.median(y))
    spread = measure_spread(any(one.a > 0.0 for one in pieces), y - shift)
    rows = state_rows(pieces, penalty, standard, (y - shift) / spread, spread)
    theta, certificate = _minimise(rows, clock)
    problem = clock.say() if certificate > TOLERANCE and clock.left < 0.0 else ""
    W, b = standard.restore(theta * spread)
    found = Optimum(W, b + shift, certificate, TOLERANCE, problem)
    if certificate > TOLERANCE:
        return found
    is_unique, others = find_minima(rows, theta)
    others = [standard.restore(other * spread) for other in others]
    return replace(found, is_unique=is_unique, others=tuple((W, b + shift) for W, b in others))


def _minimise(rows: Rows, clock: Clock) -> tuple[np.ndarray, float]:
    """Return the best θ (P,) found, and its certificate."""
    basis, z = find_basis(rows)
    if not rows.c.any():
        return basis @ z, certify(rows, basis @ z, np.zeros(len(rows.y)))
    reduced = replace(rows, A=rows.A @ basis)
    best: tuple[np.ndarray, float] = np.zeros(rows.A.shape[1]), np.inf
    try:
        for end, zero, pull in _propose(reduced, z, clock):
            theta = basis @ end
            # Weights at the kink of their penalty are exactly 0.
            theta[:-1][zero[len(zero) - rows.n_more :]] = 0.0
            best = min(best, (theta, certify(rows, theta, pull)), key=lambda pair: pair[1])
            if best[1] <= TOLERANCE:
                break
    except OutOfTimeError:
        pass
    return best


def _propose(
    rows: Rows, z: np.ndarray, clock: Clock
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield candidates for the minimiser: z (R,), rows (M,) at residual 0, slopes (M,) near z."""
    kinks = (rows.c > 0) & (rows.width == 0)
    width = max(MIDDLE_WIDTH, float(np.median(np.abs(rows.residual(z))[rows.c > 0])))
    curved = 2.0 * (rows.A.T * rows.a) @ rows.A
    while True:
        widened = replace(rows, width=np.maximum(rows.width, max(width, LEAST_WIDTH)))
        z = descend(widened, curved, z, clock)
        r = widened.residual(z)
        zero, pull = kinks & (np.abs(r) <= width), widened.pull(r)
        if not zero.any():
            yield z, zero, pull
        yield polish(rows, curved, z, zero), zero, pull
        if width <= LEAST_WIDTH or np.array_equal(widened.width, rows.width):
            break
        width *= SHRINK
    if not rows.a.any() and not rows.width.any():
        z, pull = _solve_program(rows, clock)
        zero = (np.abs(pull) < (1 - 1e-9) * rows.c) | (np.abs(rows.residual(z)) <= 1e-9)
        yield polish(rows, curved, z, zero), zero, pull


def descend(rows: Rows, curved: np.ndarray, z: np.ndarray, clock: Clock) -> np.ndarray:
    """Minimise rows of positive widths from z (R,) by Newton's method; `curved` is for their a."""
    step, pieces, missed = 0.0, np.zeros(0), np.inf
    for _ in range(MOST_STEPS):
        clock.check()
        r = rows.residual(z)
        gradient = -rows.A.T @ rows.slope(r)
        before, pieces = pieces, np.sign(r) * (np.abs(r) > rows.width)
        missed_before, missed = missed, np.abs(gradient).max()
        # A full step on one quadratic piece ends at its minimum, up to rounding.
        settled = step == 1.0 and missed > 0.5 * missed_before and np.array_equal(pieces, before)
        if settled or missed <= 1e-15:
            break
        inside = np.flatnonzero((pieces == 0) & (rows.c > 0))
        B = rows.A[inside]
        hessian = curved + (B.T * (rows.c[inside] / rows.width[inside])) @ B
        # Without curvature, the ridge makes this a step of gradient descent with line search.
        ridge = max(1e-14 * np.trace(hessian), 1e-6 * missed)
        hessian[np.diag_indices_from(hessian)] += ridge
        d = linalg.solve(hessian, -gradient, assume_a="pos", check_finite=False)
        step = _search(rows, r, rows.A @ d)
        if np.array_equal(z + step * d, z):
            break
        z = z + step * d
    return z


def _search(rows: Rows, r: np.ndarray, change: np.ndarray) -> float:
    """Return the step length along a direction that changes the predictions by `change`, (M,)."""

    def rise(step: float) -> float:
        return float(-change @ rows.slope(r - step * change))

    noise = 4 * np.finfo(float).eps * float(np.abs(change) @ np.abs(rows.slope(r)))
    start, end = rise(0.0), 1.0
    at_end = rise(end)
    if start >= -noise:
        return 0.0
    if abs(at_end) <= 0.1 * abs(start):
        return end
    while at_end < -noise and end < 1e8:
        end *= 2.0
        at_end = rise(end)
    if at_end <= 0.0:
        return end
    return optimize.root_scalar(rise, bracket=(0.0, end), xtol=1e-30, rtol=1e-10).root


def polish(rows: Rows, curved: np.ndarray, z: np.ndarray, zero: np.ndarray) -> np.ndarray:
    """Minimise with the chosen rows (M,) at residual 0 and the others on their pieces."""
    others = replace(rows, c=np.where(zero, 0.0, rows.c))
    r = rows.residual(z)
    inside = np.flatnonzero((np.abs(r) <= others.width) & (others.c > 0) & (others.width > 0))
    B = rows.A[inside]
    hessian = curved + (B.T * (rows.c[inside] / rows.width[inside])) @ B
    gradient = -rows.A.T @ others.slope(r)
    if not zero.any():
        return z - _solve_flat(hessian, gradient)
    to_zero, _, rank, _ = np.linalg.lstsq(rows.A[zero], r[zero])
    factors: Any = linalg.qr(rows.A[zero].T, pivoting=True)
    free = factors[0][:, rank:]
    gradient = free.T @ (gradient + hessian @ to_zero)
    if free.size:
        to_zero -= free @ _solve_flat(free.T @ hessian @ free, gradient)
    return z + to_zero


def _solve_flat(hessian: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """Solve `hessian d = gradient`, except in directions without curvature; (R,)."""
    return linalg.pinvh(hessian, atol=FLAT, rtol=FLAT) @ gradient


def _solve_program(rows: Rows, clock: Clock) -> tuple[np.ndarray, np.ndarray]:
    """Minimise a sum of absolute residuals by the dual linear program; also what the kinks pull."""
    M = len(rows.y)
    scale = M * rows.c.max()
    result = optimize.linprog(
        -rows.y,
        A_eq=rows.A.T / np.sqrt(M),
        b_eq=np.zeros(rows.A.shape[1]),
        bounds=np.stack([rows.tilt - rows.c, rows.tilt + rows.c], 1) * M / scale,
        method="highs",
        options={"time_limit": max(clock.left, 0.01)},
    )
    if result.x is None:
        raise OutOfTimeError
    return -result.eqlin.marginals / np.sqrt(M), result.x * scale / M - rows.tilt
