"""Whether a minimiser of a regression objective is the only one."""

from __future__ import annotations

import numpy as np
from scipy import linalg, optimize

from fairtrial.optimum.rows import TOLERANCE, Rows, find_basis
from fairtrial.randomness import make_stream


def is_only_minimum(rows: Rows, theta: np.ndarray) -> bool:
    """Say whether no other parameters have the objective of a minimiser θ (P,).

    The objective is convex, so other minimisers exist exactly where it does not rise in some
    direction. A random number of every coordinate makes all directions but those of measure 0 have
    one of two products with it, and a linear program finds the direction of the least slope.
    Directions in which no row's residual changes do not count.
    """
    basis, _ = find_basis(rows)
    r, A = rows.residual(theta), rows.A @ basis
    rounding = 64 * np.finfo(float).eps * (1.0 + np.abs(rows.y) + np.abs(rows.A) @ np.abs(theta))
    kinked = (rows.c > 0) & (rows.width == 0) & (np.abs(r) <= rounding)
    # Within its width a rounded kink is curved; at its edge it is not, in one direction.
    rounded = (rows.c > 0) & (np.abs(r) < rows.width * (1.0 - TOLERANCE))
    free = _find_null_space(A[(rows.a > 0) | rounded])
    if not free.shape[1]:
        return True
    slopes = rows.tilt + np.where(kinked, 0.0, rows.c * np.sign(r))
    gradient, kinks = -(A @ free).T @ slopes, (A[kinked] @ free) * rows.c[kinked][:, None]
    normal = make_stream(0, "optimum.uniqueness").normal(size=free.shape[1])
    scale = TOLERANCE * float(rows.c @ np.abs(A @ free).max(1))
    return all(_find_least_slope(gradient, kinks, sign * normal) > scale for sign in (1.0, -1.0))


def _find_null_space(A: np.ndarray) -> np.ndarray:
    if not len(A):
        return np.eye(A.shape[1])
    # The triangle has the same null space, and as few rows as columns.
    return linalg.null_space(np.linalg.qr(A, mode="r"), rcond=TOLERANCE)


def _find_least_slope(gradient: np.ndarray, kinks: np.ndarray, normal: np.ndarray) -> float:
    """Return the least of `gradient d + Σ |kinks d|` over directions d with `normal d = 1`."""
    n_kinks, n_directions = kinks.shape
    cost = np.concatenate([gradient, np.ones(n_kinks)])
    sides = [np.hstack([sign * kinks, -np.eye(n_kinks)]) for sign in (1.0, -1.0)]
    found = optimize.linprog(
        cost,
        A_ub=np.vstack(sides) if n_kinks else None,
        b_ub=np.zeros(2 * n_kinks) if n_kinks else None,
        A_eq=np.concatenate([normal, np.zeros(n_kinks)])[None],
        b_eq=[1.0],
        bounds=[*[(None, None)] * n_directions, *[(0.0, None)] * n_kinks],
        method="highs",
    )
    # Unbounded below would mean that there is no minimum; rounding alone can make it seem so.
    return found.fun if found.status == 0 else 0.0
