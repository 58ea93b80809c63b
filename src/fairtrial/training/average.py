"""The mean of a run's last iterates: where it stands without the noise of its last steps.

In runs by epochs these are the parameters after each batch of the last epoch. In full-batch runs
they are the parameters after each of the last tenth of the steps that were taken, but of at least
20 steps, or of all where there are fewer. Other means are made on the way, in the step
(`kinds.averages`).

References
----------
Polyak and Juditsky (1992), "Acceleration of stochastic approximation by averaging",
doi:10.1137/0330046.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np

from fairtrial.parameters import Parameters

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


def move_mean(mean: Parameters, newest: Parameters, weight: Any) -> Parameters:
    """Move a mean by the weight of the newest parameters in it, (...)."""
    return Parameters(*(old + (new - old) * weight for old, new in zip(mean, newest, strict=True)))


def average_path(path: Parameters) -> Parameters:
    """Average the last iterates of one full-batch run.

    Parameters
    ----------
    path : Parameters
        Its parameters after each step: `W` (T, ...) and `b` (T, ...), float32.

    Returns
    -------
    W, b : arrays
        (...), float32; the sums are taken in float64.
    """
    last = slice(len(path.b) - count_averaged(len(path.b)), None)
    return Parameters(*(values[last].mean(0, np.float64).astype(np.float32) for values in path))


class RecentPath:
    """The iterates of a stack that a mean may still need, and the means of lanes that have ended.

    A run that may end early does not know where its last tenth begins, so the last tenth of the
    steps so far is kept, and grows with them.
    """

    def __init__(self) -> None:
        self._n_steps = 0
        self._path: deque[Parameters] = deque()  # After each of the last steps.
        self._whole: Parameters | None = None  # The same, side by side.
        self._means: dict[tuple[int, ...], Parameters] = {}

    def add(self, path: Sequence[Parameters], ended_at: np.ndarray) -> None:
        """Add the iterates of the next steps.

        Parameters
        ----------
        path : sequence of Parameters
            The parameters after each step, `W` (D, ..., L) and `b` (..., L); a lane that has ended
            stays where it is.
        ended_at : (...) of int
            The last step of each lane that has ended; -1 in the others.
        """
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
        last = (slice(to - count_averaged(n_steps), to), ..., *lane)
        return Parameters(*(
            values[last].mean(0, np.float64).astype(np.float32) for values in self._whole
        ))  # fmt: skip
