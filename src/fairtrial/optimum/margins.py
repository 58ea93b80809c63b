"""The exact minimisers of the hinge loss of Crammer and Singer, and of its square.

The hinge loss is the largest of one linear function per class, so the objective is a linear or
quadratic program. With an L1 penalty, the size of a weight is the larger of it and its negative.
A primal-dual interior-point method solves it (Mehrotra 1992, doi:10.1137/0802028; Nocedal and
Wright 2006, "Numerical optimization", section 16.6): each row has a level that none of its edges
exceeds, and each edge a multiplier, at least 0; those of a row sum to the slope of its level.

References
----------
Crammer and Singer (2001), Journal of Machine Learning Research 2, 265-292.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from scipy import linalg

from fairtrial.kinds.losses.numbers import Hinge
from fairtrial.optimum.newton import TOLERANCE, find_subgradient
from fairtrial.optimum.standard import FLAT, ClassRows, Clock, Optimum, OutOfTimeError, standardise
from fairtrial.study.recipe import Penalty

MOST_PARAMETERS = 2000  # Each step solves a dense linear system of this size.
MOST_STEPS, FEWEST_STEPS = 100, 10
AIM = 1e-12  # The certificate at which the search ends early; else it ends once certificates,
PATIENCE = 5  # good enough already, are this many times no better.
# How far a class must be above the others, as a share of the largest logit, to be separated.
CLEAR = 1e-6
SHORT = 0.995  # The share of the way to the border of what is valid.
RIDGES = (1e-15, 1e-13, 1e-11, 1e-9, 1e-7)
RANK = 1e-11  # Eigenvalues below this share of the largest count as 0.


@dataclass(frozen=True)
class Margins:
    """The objective: weighted mean of the hinge loss or of its square, plus the penalties.

    `A` (N, P) has the features and a column of ones; `own` (N, K) is 1 at the class of each row,
    else 0. `weight` (N,) multiplies the loss of each row, over N. `l2` and `l1` (P, K) are the
    penalties on squares and sizes of parameters.
    """

    A: np.ndarray
    own: np.ndarray
    weight: np.ndarray
    l2: np.ndarray
    l1: np.ndarray
    loss: Hinge
    clock: Clock

    def move_edges(self, theta: np.ndarray) -> np.ndarray:
        """Return each class's logit above that of the row's class at θ (P, K), (N, K)."""
        logits = self.A @ theta
        return logits - (logits * self.own).sum(1, keepdims=True)

    def find_edges(self, theta: np.ndarray) -> np.ndarray:
        """Return the linear functions whose largest is the loss, (N, K)."""
        return 1.0 - self.own + self.move_edges(theta)

    def pull_back(self, multiplier: np.ndarray) -> np.ndarray:
        """Return what multipliers (N, K) of edges add to the gradient, (P, K)."""
        return self.A.T @ (multiplier - self.own * multiplier.sum(1, keepdims=True))

    def certify(self, rows: "Maxima", theta: np.ndarray) -> float:
        """Return the larger of the duality gap and the largest component of a subgradient."""
        multiplier, gap = settle(rows, self.find_edges(theta))
        gradient = self.pull_back(multiplier) + 2.0 * self.l2 * theta
        return max(gap, float(np.abs(find_subgradient(gradient, theta, self.l1)).max()))

    def mirror(self, theta: np.ndarray) -> np.ndarray:
        """Return the weights with an L1 penalty, and their negatives, (M, 2)."""
        kinked = theta[self.l1 > 0]
        return np.stack([kinked, -kinked], 1)

    def spread(self, sizes: np.ndarray) -> np.ndarray:
        """Return numbers (M,) of weights with an L1 penalty for all parameters, (P, K)."""
        full = np.zeros(self.l1.shape)
        full[self.l1 > 0] = sizes
        return full

    def slope(self, theta: np.ndarray, rows: np.ndarray, sizes: np.ndarray) -> np.ndarray:
        """Return the gradient (P, K) at multipliers of the rows' edges and of the weights'."""
        return self.pull_back(rows) + 2.0 * self.l2 * theta + self.spread(sizes[:, 0] - sizes[:, 1])

    def bend(self, stiffness: np.ndarray, on_parameters: np.ndarray) -> np.ndarray:
        """Return the matrix of second derivatives, (PK, PK).

        The stiffness (N, K) is that of edges; at a row's class it has the curvature of its level.
        `on_parameters` (P, K) is added on the diagonal.
        """
        P, K = self.l1.shape
        matrix = np.empty((P, K, P, K))
        total = _avoid_zero(stiffness.sum(1))
        for k in range(K):
            self.clock.check()
            for j in range(k + 1):
                weight = stiffness[:, k] * ((k == j) - stiffness[:, j] / total)
                matrix[:, k, :, j] = matrix[:, j, :, k] = (self.A.T * weight) @ self.A
        # The same number added to a parameter of every class changes no loss.
        free = np.flatnonzero(~(self.l2 + self.l1)[:, 0].astype(bool))
        diagonal = matrix.reshape(P * K, -1).diagonal().reshape(P, K)
        matrix[free, :, free, :] += diagonal[free].mean(1)[:, None, None]
        matrix = matrix.reshape(P * K, -1)
        matrix[np.diag_indices(P * K)] += on_parameters.ravel()
        return matrix


def solve_margins(loss: Hinge, penalty: Penalty, rows: ClassRows, clock: Clock) -> Optimum:
    """Find the minimiser of the hinge loss or of its square.

    The certificate is the larger of the duality gap and the largest component of the subgradient.
    """
    X, y, n_classes, weights = rows
    D, N = X.shape[1], len(y)
    present = np.unique(y)
    W, b = np.zeros((D, n_classes)), np.zeros(n_classes)
    n_parameters = (D + 1) * len(present)
    if n_parameters > MOST_PARAMETERS:
        sentence = f"it is not searched for with more than {MOST_PARAMETERS:,} parameters"
        sentence = f"{sentence}, and there are {n_parameters:,}"
        return Optimum(W, b, np.inf, TOLERANCE, sentence)
    standard = standardise(X)
    basis = _find_basis(standard.A) if penalty.is_none else np.eye(D + 1)
    on_weights = np.append(1.0 / standard.size, 0.0)[: basis.shape[1], None]
    on_weights = np.repeat(on_weights, len(present), 1)
    problem = Margins(
        A=standard.A @ basis,
        own=(y[:, None] == present).astype(float),
        weight=weights / N,
        l2=penalty.on_squares * on_weights**2,
        l1=penalty.on_sizes * on_weights,
        loss=loss,
        clock=clock,
    )
    theta, certificate, is_unique = _minimise(problem)
    late = clock.say() if certificate > TOLERANCE and clock.left < 0.0 else ""
    W[:, present], b[present] = standard.restore(basis @ theta)
    if len(present) < n_classes:
        # A class without rows adds to no loss if its bias is low enough.
        logits = X @ W[:, present] + b[present]
        own = np.take_along_axis(logits, np.searchsorted(present, y)[:, None], 1)[:, 0]
        b[np.setdiff1d(np.arange(n_classes), present)] = own.min() - 1.0
        is_unique = False
    return Optimum(W, b, certificate, TOLERANCE, late, is_unique)


def _find_basis(A: np.ndarray) -> np.ndarray:
    """Return parameters (P, R) that change predictions, each by 1 in root mean square."""
    _, size, V = linalg.svd(A, full_matrices=False)
    keep = size > FLAT * size[0]
    return V[keep].T / size[keep] * np.sqrt(len(A))


def _minimise(problem: Margins) -> tuple[np.ndarray, float, bool]:
    """Return the best θ (P, K) found, its certificate, and whether it is unique."""
    state = State.start(problem)
    best, certificate, there, n_worse = state.theta, np.inf, state, 0
    try:
        for _ in range(MOST_STEPS):
            begin = time.monotonic()
            theta = state.round(problem)
            if (separating := _separate(problem, theta)) is not None:
                return separating, 0.0, False
            n_worse += 1
            if (found := problem.certify(state.rows, theta)) < certificate:
                best, certificate, there, n_worse = theta, found, state, 0
            if certificate <= AIM or (certificate <= TOLERANCE and n_worse == PATIENCE):
                break
            state = state.step(problem)
            if FEWEST_STEPS * (time.monotonic() - begin) > problem.clock.budget:
                raise OutOfTimeError
    except (OutOfTimeError, linalg.LinAlgError):
        pass  # What was found is judged by its certificate.
    return best, certificate, certificate <= TOLERANCE and there.is_unique(problem)


def _separate(problem: Margins, theta: np.ndarray) -> np.ndarray | None:
    """Return parameters without any loss, if θ (P, K) separates the classes without a penalty."""
    if problem.l2.any() or problem.l1.any():
        return None
    edges = problem.move_edges(theta)
    margin = -float(np.where(problem.own > 0, -np.inf, edges).max())
    return theta / margin if margin > CLEAR * np.abs(edges).max() else None


@dataclass(frozen=True)
class State:
    """Where the search is: θ (P, K), the maxima of the rows, and those of penalised weights."""

    theta: np.ndarray
    rows: "Maxima"
    sizes: "Maxima"

    @classmethod
    def start(cls, problem: Margins) -> "State":
        """Start with parameters of 0."""
        theta, kinks = np.zeros(problem.l1.shape), problem.l1[problem.l1 > 0]
        rows = Maxima.start(problem.weight, problem.loss.is_squared, problem.find_edges(theta))
        return cls(theta, rows, Maxima.start(kinks, False, problem.mirror(theta)))

    def round(self, problem: Margins) -> np.ndarray:
        """Return θ (P, K) with weights at the kink of their penalty at 0."""
        theta, kinks = self.theta.copy(), problem.l1 > 0
        theta[kinks] *= np.abs(theta[kinks]) > self.sizes.multiplier.min(1) / self.sizes.weight
        return theta

    def step(self, problem: Margins) -> "State":
        """Take a step of Newton's method towards smaller gaps."""
        parts = self.rows, self.sizes
        curvature = problem.spread(_bend_between(self.sizes.stiffness)) + 2.0 * problem.l2
        stiffness = self.rows.stiffness + problem.own * self.rows.bend[:, None]
        factor = _factor(problem.bend(stiffness, curvature))
        missed = problem.slope(self.theta, *(one.multiplier for one in parts))

        def aim(*goals: np.ndarray | float) -> tuple[np.ndarray, Change, Change]:
            pulls = (one.pull(goal) for one, goal in zip(parts, goals, strict=True))
            theta = -_solve(factor, missed + problem.slope(0.0 * missed, *pulls))
            rows = self.rows.move(goals[0], problem.move_edges(theta))
            return theta, rows, self.sizes.move(goals[1], problem.mirror(theta))

        def reach(changes: Iterable[Change]) -> float:
            return min(one.reach(by) for one, by in zip(parts, changes, strict=True))

        mean = _average_gap(*parts)
        _, *changes = aim(0.0, 0.0)
        step = reach(changes)
        after = _average_gap(*(one.take(by, step) for one, by in zip(parts, changes, strict=True)))
        goal = mean * (after / mean) ** 3
        theta, *changes = aim(*(goal - one.slack * one.multiplier for one in changes))
        step = min(1.0, SHORT * reach(changes))
        moved = (one.take(by, step) for one, by in zip(parts, changes, strict=True))
        return State(self.theta + step * theta, *moved)

    def is_unique(self, problem: Margins) -> bool:
        """Say whether every change of θ leaves an edge that must stay at its level."""
        held, fixed = self.rows.find_held(), self.sizes.find_held()
        # The level of a square must stay, too.
        held = np.maximum(held, problem.own) if problem.loss.is_squared else held
        curvature = problem.spread(_bend_between(fixed)) + (problem.l2 > 0)
        matrix = problem.bend(held / len(held), curvature)
        least, most = linalg.eigvalsh(matrix)[[0, -1]]
        return bool(least > RANK * most)


def _average_gap(*parts: "Maxima") -> float:
    """Return the mean of slack times multiplier of all edges; it is 0 at a minimiser."""
    gaps = sum((one.slack * one.multiplier).sum() for one in parts)
    return gaps / sum(one.slack.size for one in parts)


def _bend_between(stiffness: np.ndarray) -> np.ndarray:
    """Return the curvature of sizes by their weights, from the stiffness of both edges, (M,)."""
    return 4.0 * stiffness[:, 0] * (stiffness[:, 1] / _avoid_zero(stiffness.sum(1)))


def _avoid_zero(values: np.ndarray) -> np.ndarray:
    """Put 1 in the place of numbers that are not above 0, to divide by."""
    return np.where(values > 0, values, 1.0)


def _factor(matrix: np.ndarray) -> tuple[tuple[np.ndarray, bool], np.ndarray]:
    """Return the Cholesky factor of a matrix scaled to a diagonal of 1, and the scale (PK,)."""
    scale = 1.0 / np.sqrt(_avoid_zero(matrix.diagonal()))
    matrix = matrix * scale * scale[:, None]
    if not np.isfinite(matrix).all():
        raise linalg.LinAlgError
    for ridge in RIDGES:
        matrix[np.diag_indices(len(matrix))] += ridge
        try:
            return linalg.cho_factor(matrix), scale
        except linalg.LinAlgError:
            continue
    raise linalg.LinAlgError


def _solve(factor: tuple[tuple[np.ndarray, bool], np.ndarray], by: np.ndarray) -> np.ndarray:
    """Solve the linear system of a factor for a right side (P, K)."""
    cholesky, scale = factor
    return (scale * linalg.cho_solve(cholesky, scale * by.ravel())).reshape(by.shape)


# ------------------------------------------------------------------------------------------ maxima


class Change(NamedTuple):
    """What one step of Newton's method changes."""

    level: np.ndarray
    slack: np.ndarray
    multiplier: np.ndarray


@dataclass
class Maxima:
    """Rows of maxima, M of them, each of C edges: the largest of linear functions.

    `weight` (M,) multiplies the level (M,) of each row, or its square. The slack (M, C) says how
    far each edge is below the level. Slack and multipliers (M, C) are above 0.
    """

    weight: np.ndarray
    is_squared: bool
    level: np.ndarray
    slack: np.ndarray
    multiplier: np.ndarray

    @classmethod
    def start(cls, weight: np.ndarray, is_squared: bool, edges: np.ndarray) -> "Maxima":
        """Start 1 above the largest edge (M, C), with equal multipliers."""
        level = edges.max(1, initial=-np.inf) + 1.0
        rows = cls(weight, is_squared, level, level[:, None] - edges, edges)
        even = rows.slope(level)[:, None] / edges.shape[1]
        return replace(rows, multiplier=np.repeat(even, edges.shape[1], 1))

    def slope(self, level: np.ndarray) -> np.ndarray:
        """Return the slope of the rows' part of the objective at levels (M,)."""
        return self.weight * (2.0 * level if self.is_squared else 1.0)

    @property
    def bend(self) -> np.ndarray:
        """The curvature by the level, (M,)."""
        return 2.0 * self.weight if self.is_squared else np.zeros(len(self.weight))

    @property
    def stiffness(self) -> np.ndarray:
        """How fast the multipliers grow with the edges, (M, C)."""
        return self.multiplier / self.slack

    def pull(self, goal: np.ndarray | float) -> np.ndarray:
        """Return how the multipliers would change for gaps `goal` if no edge moved, (M, C)."""
        return self.move(goal, np.zeros_like(self.slack)).multiplier

    def move(self, goal: np.ndarray | float, edges: np.ndarray) -> Change:
        """Return the step to gaps `goal` (M, C) while the edges move by `edges` (M, C)."""
        more = goal / self.slack - self.multiplier
        total = self.stiffness.sum(1) + self.bend
        # What the multipliers of each row are more than the slope of its level.
        missed = self.multiplier.sum(1) - self.slope(self.level)
        level = (more.sum(1) + missed + (self.stiffness * edges).sum(1)) / total
        slack = level[:, None] - edges
        return Change(level, slack, more - self.stiffness * slack)

    def reach(self, change: Change) -> float:
        """Return the longest step, up to 1, that leaves slacks and multipliers at least 0."""
        step = 1.0
        for value, by in ((self.slack, change.slack), (self.multiplier, change.multiplier)):
            falling = by < 0
            if falling.any():
                step = min(step, float((-value[falling] / by[falling]).min()))
        return step

    def find_held(self) -> np.ndarray:
        """Return 1 where an edge must stay at its level in all minimisers, else 0; (M, C)."""
        return (self.multiplier > self.weight[:, None] * self.slack).astype(float)

    def take(self, change: Change, step: float) -> "Maxima":
        """Return the rows after a step."""
        return replace(
            self,
            level=self.level + step * change.level,
            slack=self.slack + step * change.slack,
            multiplier=self.multiplier + step * change.multiplier,
        )


def settle(maxima: Maxima, edges: np.ndarray) -> tuple[np.ndarray, float]:
    """Return multipliers (M, C) that are valid at edges (M, C), and the exact duality gap."""
    level = edges.max(1)
    share = maxima.multiplier / maxima.multiplier.sum(1, keepdims=True)
    multiplier = share * maxima.slope(level)[:, None]
    return multiplier, float((multiplier * (level[:, None] - edges)).sum())
