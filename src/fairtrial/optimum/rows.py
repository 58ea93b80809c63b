"""Regression objectives as sums over rows; the certificate and the uniqueness of a minimiser.

Losses written as `Pieces`, with one or both penalties, are one sum over rows of
`a r² + tilt r + c |r|`, whose kink is rounded within `width`. Huber's loss has `c = width = delta`,
and the absolute loss has width 0. A penalty on a weight is an additional row whose residual is the
weight.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from scipy import linalg, optimize

from fairtrial.kinds.losses.numbers import Pieces
from fairtrial.optimum.standard import FLAT, Standard
from fairtrial.randomness import make_stream
from fairtrial.study.recipe import Penalty

TOLERANCE = 1e-9
# A width so small that only the residual 0 is within it.
TINY = 1e-200
SIGNS = (1.0, -1.0)
# Of several minimisers: in how many directions the furthest are looked for, and among how many; how
# many rows limit the search in each of its rounds; and how far it goes at most, in spreads of y.
N_DIRECTIONS, MOST_FREE, MOST_ROWS, MOST_ROUNDS, FAR = 8, 200, 500, 5, 1e6


@dataclass(frozen=True)
class Rows:
    """The objective: the sum over M rows of `a r² + tilt r + c |r|`; `r = y - A θ`.

    Kinks are rounded within width. `A` is (M, P), the other arrays are (M,). The last `n_more`
    rows, 0 or D, are those of the penalty.
    """

    A: np.ndarray
    y: np.ndarray
    a: np.ndarray
    c: np.ndarray
    width: np.ndarray
    tilt: np.ndarray
    n_more: int

    def residual(self, theta: np.ndarray) -> np.ndarray:
        """Return y - A θ, (M,)."""
        return self.y - self.A @ theta

    def slope(self, r: np.ndarray) -> np.ndarray:
        """Return the rows' derivatives by the residual, (M,); at a kink of width 0 its middle."""
        return 2.0 * self.a * r + self.tilt + self.pull(r)

    def pull(self, r: np.ndarray) -> np.ndarray:
        """Return the part of the slopes that the kinks have, (M,): from -c to c."""
        return self.c * np.clip(r / np.maximum(self.width, TINY), -1.0, 1.0)


def measure_spread(squares: bool, deviation: np.ndarray) -> float:
    """Return the size of deviations (N,): root mean square for `squares`, else the median."""
    middle = 0.0 if squares else float(np.median(np.abs(deviation)))
    return middle or float(np.sqrt(np.mean(deviation**2))) or 1.0


def state_rows(
    pieces: Sequence[Pieces], penalty: Penalty, standard: Standard, y: np.ndarray, spread: float
) -> Rows:
    """Write an objective as rows, in units of the spread of y and the slope of the loss there."""
    slope = sum(
        2.0 * one.a * spread + one.c * (min(spread / one.width, 1.0) if one.width else 1.0)
        for one in pieces
    )
    N, P = standard.A.shape
    n_more = 0 if penalty.is_none else P - 1
    # Residuals of penalty rows are weights of the standard features, in the unit of y.
    l2 = penalty.on_squares / standard.size[:n_more] ** 2
    l1 = penalty.on_sizes / standard.size[:n_more]
    none = np.zeros(n_more)

    def spell(name: str, last: np.ndarray, over: int = N) -> np.ndarray:
        """Return a number of the pieces over N for every row, and what the penalty has."""
        return np.concatenate([*(np.full(N, getattr(one, name) / over) for one in pieces), last])

    return Rows(
        A=np.vstack([*[standard.A] * len(pieces), np.eye(P)[:n_more]]),
        y=np.concatenate([*(y - one.shift / spread for one in pieces), none]),
        a=spell("a", l2) * spread / slope,
        c=spell("c", l1) / slope,
        width=spell("width", none, over=1) / spread,
        tilt=spell("tilt", none) / slope,
        n_more=n_more,
    )


def find_basis(rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    """Return a basis (P, R) of the identifiable parameters, and a fit z (R,) in it.

    There the sum of `(a + c) (A θ)²` is that of the squares of z; if c is 0, z is the minimiser.
    """
    root = np.sqrt(rows.a + rows.c)
    A = rows.A * root[:, None]
    norm = np.sqrt((A**2).sum(0))
    norm[norm == 0.0] = 1.0
    U, size, V = linalg.svd(A / norm, full_matrices=False, overwrite_a=True, check_finite=False)
    keep = size > FLAT * size[0]
    return (V[keep] / norm).T / size[keep], U[:, keep].T @ (root * rows.y)


def certify(rows: Rows, theta: np.ndarray, pull: np.ndarray) -> float:
    """Return the largest component of the smallest subgradient found: 0 if θ (P,) is a minimiser.

    `pull` (M,) is the first guess of what the kinks pull, from -c to c at rows with residual 0.
    """
    r = rows.residual(theta)
    rounding = _measure_rounding(rows, theta)
    low, high = rows.pull(r - rounding), rows.pull(r + rounding)
    free = high - low > TOLERANCE * rows.c
    rest = rows.A.T @ replace(rows, c=np.where(free, 0.0, rows.c)).slope(r)
    if not np.isfinite(rest).all():
        return np.inf
    if not free.any():
        return float(np.abs(rest).max())
    return _balance(rows.A[free].T, rest, low[free], high[free], pull[free])


def _measure_rounding(rows: Rows, theta: np.ndarray) -> np.ndarray:
    """Return what rounding may change of each residual, (M,)."""
    # Also relative to the spread of y, which is 1.
    scale = 1.0 + np.abs(rows.y) + np.abs(rows.A) @ np.abs(theta)
    return 64 * np.finfo(float).eps * scale


def _balance(
    B: np.ndarray, rest: np.ndarray, low: np.ndarray, high: np.ndarray, pull: np.ndarray
) -> float:
    """Return the largest component of `rest + B u` (P,) at the best u found from low to high."""
    pull = np.clip(pull, low, high)
    more, _, rank, _ = np.linalg.lstsq(B, -(rest + B @ pull))
    left = float(np.abs(rest + B @ np.clip(pull + more, low, high)).max())
    if left <= TOLERANCE or B.shape[1] <= rank:
        return left
    # Merge equal rows. With more rows than parameters, the slopes are not unique.
    B, which = np.unique(B, axis=1, return_inverse=True)
    low, high = np.bincount(which.ravel(), low), np.bincount(which.ravel(), high)
    u = optimize.lsq_linear(B, -rest, (low, high), method="bvls", tol=1e-15).x
    return min(left, float(np.abs(rest + B @ u).max()))


# -------------------------------------------------------------------------------------- uniqueness


class Minima(NamedTuple):
    """Whether a minimiser is the only one; and others (M, P), where that is not so and is known."""

    is_unique: bool
    others: np.ndarray


def find_minima(rows: Rows, theta: np.ndarray) -> Minima:
    """Find whether other parameters have the objective of a minimiser θ (P,), and which.

    The objective is convex, so other minimisers exist exactly where it does not rise in some
    direction. A random number of every coordinate makes all directions but those of measure 0 have
    one of two products with it, and a linear program finds the direction of the least slope.
    Directions in which no row's residual changes do not count.

    All minimisers form a polytope. The others are those of its corners that lie furthest in random
    directions and their opposites. None are looked for where more than `MOST_ROWS` rows have
    residual 0, or more than `MOST_FREE` directions are free.
    """
    basis, _ = find_basis(rows)
    r, A = rows.residual(theta), rows.A @ basis
    nothing = np.empty((0, len(theta)))
    kinked = (rows.c > 0) & (rows.width == 0) & (np.abs(r) <= _measure_rounding(rows, theta))
    # Within its width a rounded kink is curved; at its edge it is not, in one direction.
    rounded = (rows.c > 0) & (np.abs(r) < rows.width * (1.0 - TOLERANCE))
    free = _find_null_space(A[(rows.a > 0) | rounded])
    if not free.shape[1]:
        return Minima(True, nothing)
    along = A @ free
    slopes = rows.tilt + np.where(kinked, 0.0, rows.c * np.sign(r))
    gradient, kinks = -along.T @ slopes, along[kinked] * rows.c[kinked][:, None]
    normals = make_stream(0, "optimum.uniqueness").normal(size=(N_DIRECTIONS, free.shape[1]))
    scale = TOLERANCE * float(rows.c @ np.abs(along).max(1))
    is_unique = all(_find_least_slope(gradient, kinks, sign * normals[0]) > scale for sign in SIGNS)
    if is_unique or np.count_nonzero(kinked) > MOST_ROWS or free.shape[1] > MOST_FREE:
        return Minima(is_unique, nothing)
    # Where a row has a slope, the objective rises as soon as its residual passes its kink.
    sloped = (rows.c > 0) & ~kinked & ~rounded
    towards = np.sign(r)[sloped, None] * along[sloped]
    room = np.maximum(np.abs(r) - rows.width, 0.0)[sloped]
    unit = rows.c.max()
    ends = [
        _go_far(gradient / unit, kinks / unit, towards, room, sign * normal)
        for normal in normals
        for sign in SIGNS
    ]
    ends = np.array(ends)
    others = theta + ends[np.isfinite(ends).all(1)] @ (basis @ free).T
    for other in others if rows.n_more else ():
        # Weights at the kink of their penalty are exactly 0.
        is_zero = np.abs(rows.residual(other)) <= _measure_rounding(rows, other)
        other[:-1][is_zero[-rows.n_more :]] = 0.0
    return Minima(False, others)


def _go_far(
    gradient: np.ndarray, kinks: np.ndarray, towards: np.ndarray, room: np.ndarray,
    normal: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Return the d (k,) of the largest `normal d` with a slope of 0 and `towards d <= room`.

    It is NaN where the linear program fails. Its limits are the rows with the least room, and in
    further rounds those that d goes beyond; after the last round, d is shortened.
    """
    n_kinks, n_directions = kinks.shape
    sizes = np.maximum(np.linalg.norm(towards, axis=1), TINY)
    limits, d = np.argsort(room / sizes)[:MOST_ROWS], np.full(n_directions, np.nan)
    for _ in range(MOST_ROUNDS):
        found = optimize.linprog(
            np.append(-normal, np.zeros(n_kinks)),
            A_ub=np.vstack(
                [
                    np.append(gradient, np.ones(n_kinks)),
                    _bound_kinks(kinks),
                    np.hstack([towards[limits], np.zeros((len(limits), n_kinks))]),
                ]
            ),
            b_ub=np.append(np.zeros(1 + 2 * n_kinks), room[limits]),
            bounds=[*[(-FAR, FAR)] * n_directions, *[(0.0, None)] * n_kinks],
            method="highs",
        )
        if found.status != 0:
            break
        d = found.x[:n_directions]
        beyond = (towards @ d - room) / sizes
        worst = np.argsort(-beyond)[:MOST_ROWS]
        worst = worst[beyond[worst] > TOLERANCE]
        if not np.setdiff1d(worst, limits).size:
            break
        limits = np.union1d(limits, worst)
    change = towards @ d
    return d * np.min(room / np.maximum(change, TINY), initial=1.0, where=change > 0.0)


def _find_null_space(A: np.ndarray) -> np.ndarray:
    if not len(A):
        return np.eye(A.shape[1])
    # The triangle has the same null space, and as few rows as columns.
    return linalg.null_space(np.linalg.qr(A, mode="r"), rcond=TOLERANCE)


def _find_least_slope(gradient: np.ndarray, kinks: np.ndarray, normal: np.ndarray) -> float:
    """Return the least of `gradient d + Σ |kinks d|` over directions d with `normal d = 1`."""
    n_kinks, n_directions = kinks.shape
    cost = np.concatenate([gradient, np.ones(n_kinks)])
    found = optimize.linprog(
        cost,
        A_ub=_bound_kinks(kinks),
        b_ub=np.zeros(2 * n_kinks),
        A_eq=np.concatenate([normal, np.zeros(n_kinks)])[None],
        b_eq=[1.0],
        bounds=[*[(None, None)] * n_directions, *[(0.0, None)] * n_kinks],
        method="highs",
    )
    # Unbounded below would mean that there is no minimum; rounding alone can make it seem so.
    return found.fun if found.status == 0 else 0.0


def _bound_kinks(kinks: np.ndarray) -> np.ndarray:
    """Return the rows of a linear program in (d, u) that say `|kinks d| <= u`."""
    n_kinks = len(kinks)
    return np.vstack([np.hstack([sign * kinks, -np.eye(n_kinks)]) for sign in SIGNS])
