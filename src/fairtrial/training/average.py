"""The mean of a run's last iterates: where it stands without the noise of its last steps.

In runs by epochs these are the parameters after each batch of the last epoch. In full-batch runs
they are the parameters after each of the last tenth of the steps that were taken, but of at least
20 steps, or of all where there are fewer.

References
----------
Polyak and Juditsky (1992), "Acceleration of stochastic approximation by averaging",
doi:10.1137/0330046.
"""

from __future__ import annotations

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


def average_path(path: Parameters) -> Parameters:
    """Average the last iterates of one full-batch run.

    Parameters
    ----------
    path : Parameters
        Its parameters after each step: `W` (T, D) and `b` (T,), float32.

    Returns
    -------
    W, b : arrays
        (D,) and (), float32; the sums are taken in float64.
    """
    last = slice(len(path.b) - count_averaged(len(path.b)), None)
    return Parameters(*(values[last].mean(0, np.float64).astype(np.float32) for values in path))


class RecentPath:
    """The iterates of a full-batch stack that a mean may still need, and the means of ended lanes.

    A run that may end early does not know where its last tenth begins, so the last tenth of the
    steps so far is kept, and grows with them.

    Parameters
    ----------
    n_features : int
        D.
    lanes : tuple of int
        The lane axes.
    """

    def __init__(self, n_features: int, lanes: tuple[int, ...]):
        self._first = 0  # The step that the oldest iterate kept comes before.
        self._path = Parameters(
            np.empty((0, n_features, *lanes), np.float32), np.empty((0, *lanes), np.float32)
        )
        self._now = Parameters(*(values[:0] for values in self._path))
        self._means: dict[tuple[int, ...], Parameters] = {}

    def add(self, path: Parameters, now: Parameters, ended_at: np.ndarray) -> None:
        """Add the iterates of the next steps.

        Parameters
        ----------
        path : Parameters
            The parameters before each step, as curves have them: `W` (T, D, ...) and `b` (T, ...).
        now : Parameters
            The parameters after the last of them: `W` (D, ...) and `b` (...).
        ended_at : (...) of int
            The last step of each lane that has ended; -1 in the others.
        """
        pairs = zip(self._path, path, strict=True)
        self._path, self._now = Parameters(*(np.concatenate(pair) for pair in pairs)), now
        for lane in zip(*np.nonzero(ended_at >= 0), strict=True):
            if lane not in self._means:
                self._means[lane] = self._average(lane, int(ended_at[lane]) + 1)
        n_steps = self._first + len(self._path.b)
        first = max(self._first, n_steps - count_averaged(n_steps))
        self._path = Parameters(*(values[first - self._first :] for values in self._path))
        self._first = first

    def average(self, lane: tuple[int, ...]) -> Parameters:
        """Return the mean of a lane that has ended, or, of one that has not, the mean so far."""
        return self._means.get(lane) or self._average(lane, self._first + len(self._path.b))

    def _average(self, lane: tuple[int, ...], n_steps: int) -> Parameters:
        n_last, to = count_averaged(n_steps), n_steps - self._first
        steps = slice(to - n_last + 1, to)  # What comes after the last of them is there now.
        pairs = zip(self._path, self._now, strict=True)
        sums = (
            values[(steps, ..., *lane)].sum(0, np.float64) + now[(..., *lane)]
            for values, now in pairs
        )
        return Parameters(*((total / n_last).astype(np.float32) for total in sums))
