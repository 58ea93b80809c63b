"""The minimisers of softmax cross-entropy, with or without penalties, by trust-region Newton.

Without a penalty there may be no minimiser: if a point classifies every row correctly, longer steps
in its direction always lower the objective. The existence of a minimiser is proven from the
curvature at the point found, because the loss cannot flatten faster than exponentially.

References
----------
Bach (2010), Self-concordant analysis for logistic regression, doi:10.1214/09-EJS521.
"""

from dataclasses import dataclass, field

import numpy as np
from scipy import linalg

from fairtrial.kinds.losses.numbers import CrossEntropy
from fairtrial.optimum.newton import TOLERANCE, minimise
from fairtrial.optimum.standard import FLAT, ClassRows, Clock, Optimum, OutOfTimeError, standardise
from fairtrial.study.recipe import Penalty

# The most parameters for which the smallest curvature is computed.
MOST_PARAMETERS = 2000
SEPARABLE = "there is no finite minimiser: the classes of the rows are separable"
ABSENT = "there is no finite minimiser: some class has no rows, so its bias falls without limit"
UNPROVEN = "no finite minimiser could be proven: some classes may be separable"
TOO_MANY = f"no finite minimiser could be proven: there are more than {MOST_PARAMETERS} parameters"


class SeparableError(Exception):
    """Every row is classified correctly, with a positive margin."""


@dataclass
class Softmax:
    """The smooth part of an objective: mean cross-entropy, in nats, plus the L2 penalty.

    `A` (N, P) has the features, scaled for a well-conditioned problem, and a column of ones; `y`
    (N,) are classes from 0; `l2` (P, 1) is the penalty on squared parameters. `weights` (N,)
    multiply the loss of each row, and `smoothing` is the probability that is spread over all
    classes, in place of the label's. `may_part` says whether separable rows end the search: without
    a penalty and without smoothing. `latest` and `most_slope` are as `newton.Problem` has them.
    """

    A: np.ndarray
    y: np.ndarray
    n_classes: int
    l2: np.ndarray
    may_part: bool
    clock: Clock
    latest: np.ndarray
    weights: np.ndarray
    smoothing: float = 0.0
    most_slope: float = 1.0
    _at: np.ndarray = field(default_factory=lambda: np.zeros(0))
    _loss: float = 0.0
    _shares: np.ndarray = field(default_factory=lambda: np.zeros(0))

    def share(self, x: np.ndarray) -> np.ndarray:
        """Return the class probabilities of the rows at x (PK,), (N, K); the latest are cached."""
        if np.array_equal(x, self._at):
            return self._shares
        self.clock.check()
        logits = self.A @ x.reshape(-1, self.n_classes)
        logits -= logits.max(1, keepdims=True)
        own = logits[np.arange(len(self.y)), self.y]
        self.latest = x
        if self.may_part and not own.any() and ((logits >= -FLAT).sum(1) == 1).all():
            raise SeparableError
        if self.smoothing:
            own = own + self.smoothing * (logits.mean(1) - own)
        shares = np.exp(logits, out=logits)
        total = shares.sum(1, keepdims=True)
        self._loss = float(np.mean(self.weights * (np.log(total[:, 0]) - own)))
        shares /= total
        self._at, self._shares = x.copy(), shares
        return shares

    def measure(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the objective at x (PK,), and its gradient (PK,)."""
        theta = x.reshape(-1, self.n_classes)
        excess = self.share(x) - self.smoothing / self.n_classes
        excess[np.arange(len(self.y)), self.y] -= 1.0 - self.smoothing
        excess *= self.weights[:, None]
        gradient = self.A.T @ excess / len(self.y) + 2.0 * self.l2 * theta
        return self._loss + float((self.l2 * theta**2).sum()), gradient.ravel()

    def multiply(self, x: np.ndarray, v: np.ndarray) -> np.ndarray:
        """Return the Hessian at x (PK,) times v (PK,)."""
        self.clock.check()
        shares, V = self.share(x), v.reshape(-1, self.n_classes)
        change = self.A @ V
        change = shares * (change - (shares * change).sum(1, keepdims=True))
        change *= self.weights[:, None]
        return (self.A.T @ change / len(self.y) + 2.0 * self.l2 * V).ravel()


def solve_softmax(loss: CrossEntropy, penalty: Penalty, rows: ClassRows, clock: Clock) -> Optimum:
    """Find the minimiser of softmax cross-entropy.

    The certificate is the largest component of the smallest subgradient found, in nats, with
    respect to weights of features that are centred and of unit size.
    """
    X, y, K, weights = rows
    standard = standardise(X)
    if not loss.label_smoothing and (np.bincount(y, minlength=K) == 0).any():
        return Optimum(np.zeros((X.shape[1], K)), np.zeros(K), np.inf, TOLERANCE, ABSENT)
    # This scale makes curvatures about equal: between unit features and unit penalties.
    scale = np.append(np.sqrt(standard.size**2 + 20.0 * penalty.on_squares), 1.0)[:, None]
    size = np.append(standard.size, 1.0)[:, None]
    on_weights = np.append(np.ones(X.shape[1]), 0.0)[:, None]
    problem = Softmax(
        A=standard.A * (size / scale).T,
        y=y,
        n_classes=K,
        l2=penalty.on_squares * on_weights / scale**2,
        may_part=penalty.is_none and not loss.label_smoothing,
        clock=clock,
        latest=np.zeros((X.shape[1] + 1) * K),
        weights=weights,
        smoothing=loss.label_smoothing,
        most_slope=float(weights.max()),
    )
    l1 = np.repeat(penalty.on_sizes * on_weights / scale, K, 1).ravel()
    # The certificate is for features of unit size; it is stricter for features scaled less.
    unit = np.repeat(scale / size, K, 1).ravel()
    x, certificate, sentence = problem.latest, np.inf, ""
    try:
        x, certificate, sentence = minimise(problem, l1, unit)
        if problem.may_part and certificate <= TOLERANCE:
            sentence = prove_finite(standard.A, problem.share(x), y, weights, clock)
    except SeparableError:
        x, certificate, sentence = problem.latest, np.inf, SEPARABLE
    except OutOfTimeError:  # The proof takes too long.
        sentence = clock.say()
    W, b = standard.restore(x.reshape(-1, K) * size / scale)
    return Optimum(W, b, certificate, TOLERANCE, sentence)


def prove_finite(
    A: np.ndarray, shares: np.ndarray, y: np.ndarray, rows: np.ndarray, clock: Clock
) -> str:
    """Prove that unpenalised cross-entropy has a finite minimiser, from the curvature at a point.

    Along a unit direction v from the point, the slope starts at `g v`. The curvature starts at `v H
    v` and falls no faster than `exp(-ρ t)`, where ρ bounds the rate at which logits separate. The
    slope therefore tends to at least `g v + v H v / ρ`. If that is positive for all v, the
    objective rises in the end in every direction. Directions that change no probability are left
    out.

    `A` (N, P) has features and ones, `shares` (N, K) the probabilities of the classes at the point,
    `rows` (N,) the weights of rows. The result is a sentence; empty if proven.
    """
    N, K = shares.shape
    n_parameters = min(A.shape) * (K - 1)
    if n_parameters > MOST_PARAMETERS:
        return TOO_MANY
    U, size, _ = linalg.svd(A, full_matrices=False)
    Q = U[:, size > FLAT * size[0]] * np.sqrt(N)
    R = Q.shape[1]
    contrasts = linalg.null_space(np.ones((1, K)))
    hessian = np.zeros((R, K - 1, R, K - 1))
    for k in range(K):
        clock.check()
        # Row k of diag(p) - p p' of all data rows, by the contrasts.
        weights = -shares[:, [k]] * (shares @ contrasts - contrasts[k]) * rows[:, None]
        for j in range(K - 1):
            block = (Q.T * weights[:, j]) @ Q / N
            hessian[:, :, :, j] += contrasts[k][None, :, None] * block[:, None, :]
    excess = shares.copy()
    excess[np.arange(N), y] -= 1.0
    excess *= rows[:, None]
    slope = float(np.linalg.norm(Q.T @ excess @ contrasts / N))
    least = float(linalg.eigvalsh(hessian.reshape(R * (K - 1), -1), subset_by_index=(0, 0))[0])
    parting = float(np.sqrt(2.0 * (Q**2).sum(1).max()))
    rounding = R * K * np.finfo(float).eps
    return "" if slope * parting < least - rounding else UNPROVEN
