"""What a run leaves: curves, final parameters, the mean of its last iterates, outcome.

In runs by epochs that mean is over the parameters after each batch of the last epoch. In runs by
steps it is over the parameters after each of the last tenth of the steps that were taken, but of at
least 20 steps, or of all where there are fewer. Other means are made on the way, in the step
(`kinds.averages`).

References
----------
Polyak and Juditsky (1992), "Acceleration of stochastic approximation by averaging",
doi:10.1137/0330046.
"""

import itertools
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from fairtrial.data.dataset import USER_UNIT, TargetUnit
from fairtrial.kinds.mechanism.tensors import tf
from fairtrial.parameters import Parameters
from fairtrial.study.recipe import Recipe

OUTCOMES = ("training", "completed", "stopped_early", "rate_floor", "diverged")
TRAINING, COMPLETED, STOPPED_EARLY, RATE_FLOOR, DIVERGED = range(len(OUTCOMES))


Curves = dict[str, tuple[np.ndarray, np.ndarray]]


class Predictions(NamedTuple):
    """The class predicted for each row (N,), its probability (N,), and the row's loss (N,)."""

    classes: np.ndarray
    confidence: np.ndarray
    losses: np.ndarray


@dataclass(frozen=True)
class End:
    """Parameters that a run may end with, and what only the driver can measure; see `Trace`."""

    W: np.ndarray
    b: np.ndarray
    scores: dict[str, float] = field(default_factory=dict)
    predictions: Mapping[str, Predictions] = field(default_factory=dict)


@dataclass(frozen=True)
class Trace:
    """What one run leaves."""

    # Final parameters: (D,) and () for regression, (D, K) and (K,) for classes. They are the last
    # ones, the best ones or a mean, as the recipe says. A diverged run keeps its last finite ones.
    W: np.ndarray
    b: np.ndarray
    outcome: str  # `completed`, `stopped_early`, `rate_floor` or `diverged`
    # The last step, counted from 0; for runs in epochs the last epoch, counted from 1
    ended_at: int
    # For each quantity every step (or epoch) and the values there, two arrays of one length
    curves: Curves
    # What only the driver can measure of the final parameters: for classes accuracy and
    # cross-entropy on each part of the data
    scores: dict[str, float]
    # For classes, by the prefix of its metrics: what is predicted of validation and test rows
    predictions: Mapping[str, Predictions] = field(default_factory=dict)
    n_halvings: int = 0  # How often the schedule halved the rate
    # The step (epoch) after which it first did; None if it never did
    first_halving: int | None = None
    # The mean of its last iterates (see above); None where none was kept, and for runs that
    # diverged or ended with the parameters that were best
    average: End | None = None


def make_trace(
    recipe: Recipe, last: End, mean: End | None, curves: Curves, noted: Iterable[Any]
) -> Trace:
    """Make the trace of a run that ends with its last parameters, or with the mean, as it says.

    `last` has its last parameters, or its best ones, or a mean of its way. A run that diverged has
    no mean of its last iterates, nor has one that ends with its best parameters: the iterates about
    these were not averaged. `noted` is the state's outcome, last step, number of halvings and first
    of them, -1 for never.
    """
    outcome, ended_at, n_halvings, first = map(int, noted)
    if outcome == DIVERGED or recipe.restores_best:
        mean = None
    final = mean if mean is not None and recipe.average.is_last_mean else last
    return Trace(
        final.W, final.b, OUTCOMES[outcome], ended_at, curves, final.scores, final.predictions,
        n_halvings, None if first < 0 else first, mean,
    )  # fmt: skip


# The curves of regression by the power of the targets' unit in which they are.
POWERS = {"slope": 1, "parameter_error": 1, "mae": 1, "mse": 2}


def restore_unit(trace: Trace, unit: TargetUnit) -> Trace:
    """Return a run's trace in the unit of the user; its losses stay in the unit of training."""
    if unit == USER_UNIT:
        return trace

    def restore(end: Any) -> Any:
        W, b = unit.restore(end.W, end.b)
        return replace(end, W=W.astype(np.float32), b=b.astype(np.float32))

    curves = dict(trace.curves)
    for name, (at, values) in trace.curves.items():
        if power := POWERS.get(name.removeprefix("train_").removeprefix("validation_")):
            curves[name] = at, values * unit.size**power
    if "intercept" in curves:
        at, values = curves["intercept"]
        curves["intercept"] = at, values * unit.size + unit.centre
    mean = None if trace.average is None else restore(trace.average)
    return replace(restore(trace), curves=curves, average=mean)


def thin_curves(curves: Curves, factor: float = 0.5) -> Curves:
    """Thin the curves of a run alike; points where the rate is multiplied by `factor` stay."""
    at, rate = curves["learning_rate"]
    lowered = np.concatenate([np.isclose(rate[1:], rate[:-1] * factor, 1e-6, 0.0), [False]])
    kept = thin(at, lowered | np.roll(lowered, 1))
    return {
        name: (at[kept], values[kept].astype(np.float64)) for name, (_, values) in curves.items()
    }


def thin(at: np.ndarray, keep: np.ndarray, most: int = 500) -> np.ndarray:
    """Choose the positions of the points that are kept of a long curve, at most `most`.

    They are the first, the last, those that must stay, as where the rate was halved, and the rest
    evenly spaced. Where more must stay than may, evenly spaced ones of them do. The steps (T,)
    ascend; `keep` is (T,) of bool.
    """
    must = np.flatnonzero(keep | (at == at[0]) | (at == at[-1]))
    if len(must) > most:
        return must[np.unique(np.linspace(0, len(must) - 1, most).round().astype(int))]
    # Steps that people would choose, so that curves share them.
    strides = (leading * 10**zeros for zeros in itertools.count() for leading in (1, 2, 5))
    chosen = (np.union1d(must, np.flatnonzero(at % stride == 0)) for stride in strides)
    return next(one for one in chosen if len(one) <= most)


def record_parameters(parameters: Parameters, truth: Any) -> dict[str, Any]:
    """Say where a regression stands: what a curve of its parameters shows, (...) each.

    That is `slope` and `intercept` where there is one feature, and `parameter_error`, the Euclidean
    distance to the true weights and intercept, (D + 1,) or (D + 1, S, 1), where they are known. `W`
    is (D, ...) and `b` (...).
    """
    W, b = parameters
    quantities = {"slope": tf.squeeze(W, 0), "intercept": b} if W.shape[0] == 1 else {}
    if truth is not None:
        gaps = tf.concat([W, tf.expand_dims(b, 0)], 0) - tf.cast(truth, tf.float32)
        quantities["parameter_error"] = tf.sqrt(tf.reduce_sum(tf.square(gaps), 0))
    return quantities


# -------------------------------------------------------------------------------------------- means

# The last stretch of a full-batch run: one of so many parts of its steps, and at least so many.
PARTS, FEWEST = 10, 20


def count_averaged(n_steps: int) -> int:
    """Return over how many of its last steps a full-batch run is averaged.

    Examples
    --------
    >>> [count_averaged(n_steps) for n_steps in (7, 50, 2000, 2001)]
    [7, 20, 200, 201]
    """
    return min(n_steps, max(FEWEST, -(-n_steps // PARTS)))


def average_path(path: Parameters) -> Parameters:
    """Average the last iterates of a run, `W` (T, ...) and `b` (T, ...), in float64."""
    return _average(path, slice(len(path.b) - count_averaged(len(path.b)), None))


def _average(path: Parameters, which: Any) -> Parameters:
    return Parameters(*(values[which].mean(0, np.float64).astype(np.float32) for values in path))


class RecentPath:
    """The last tenth of a stack's iterates so far, and the means of lanes that have ended."""

    def __init__(self) -> None:
        self._n_steps = 0
        self._path: deque[Parameters] = deque()  # After each of the last steps.
        self._whole: Parameters | None = None  # The same, side by side.
        self._means: dict[tuple[int, ...], Parameters] = {}

    def add(self, path: Sequence[Parameters], ended_at: np.ndarray) -> None:
        """Add the next iterates, `W` (D, ..., L); `ended_at` (...) has last steps, -1 before."""
        self._path.extend(path)
        self._n_steps += len(path)
        self._whole = None
        for lane in zip(*np.nonzero(ended_at >= 0), strict=True):
            if lane not in self._means:
                self._means[lane] = self._average(lane, int(ended_at[lane]) + 1)
        while len(self._path) > count_averaged(self._n_steps):
            self._path.popleft()
            self._whole = None

    def average(self, lane: tuple[int, ...]) -> Parameters:
        """Return the mean of a lane that has ended, or, of one that has not, the mean so far."""
        return self._means.get(lane) or self._average(lane, self._n_steps)

    def average_lanes(self, lanes: tuple[int, ...]) -> Parameters:
        """Return the means of all lanes, whose axes are last."""
        means = [self.average(lane) for lane in np.ndindex(lanes)]
        return Parameters(*(
            np.stack(values, -1).reshape(*values[0].shape, *lanes)
            for values in zip(*means, strict=True)
        ))  # fmt: skip

    def _average(self, lane: tuple[int, ...], n_steps: int) -> Parameters:
        if self._whole is None:
            self._whole = Parameters(*map(np.stack, zip(*self._path, strict=True)))
        to = n_steps - self._n_steps + len(self._path)
        return _average(self._whole, (slice(to - count_averaged(n_steps), to), ..., *lane))
