"""The progress of a study or of the lab, and the time that is left."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Status:
    """How far a study is.

    Attributes
    ----------
    what : str
        What is being trained, in words.
    share : float
        How much of the work is done, from 0 to 1, as if no run ended early.
    n_training : int
        Lanes that are still training, in all running stacks.
    runs_done, n_runs : int
        Runs whose stack has finished, and all runs.
    stacks_done, n_stacks : int
        The same of stacks.
    """

    what: str
    share: float
    n_training: int = 0
    runs_done: int = 0
    n_runs: int = 0
    stacks_done: int = 0
    n_stacks: int = 0


Progress = Callable[[Status], None]

DAY = 86_400  # seconds


class Phases:
    """One progress of several phases of work, in their order, weighted by expected seconds."""

    def __init__(self, progress: Progress, seconds: Mapping[str, float]):
        self._progress, self._seconds = progress, dict(seconds)
        self._total = sum(self._seconds.values())
        self._done = 0.0

    def begin(self, phase: str) -> Progress:
        """Begin a phase, which ends all phases before it, and return what it reports to."""
        names = list(self._seconds)
        before = sum(self._seconds[name] for name in names[: names.index(phase)])

        def report(status: Status) -> None:
            done = before + self._seconds[phase] * status.share
            self._done = max(self._done, done)  # Whatever a phase says, the bar never goes back.
            self._progress(replace(status, share=self._done / self._total if self._total else 1.0))

        report(Status(phase, 0.0))
        return report

    def measure_pace(self, seconds: float) -> float:
        """Return how many seconds one expected second takes here; 1 before anything is done."""
        return seconds / self._done if self._done > 0.0 else 1.0

    def list_rest(self, phase: str) -> dict[str, float]:
        """Return the expected seconds of a phase and of those after it."""
        names = list(self._seconds)
        return {name: self._seconds[name] for name in names[names.index(phase) :]}


LEAST_SHARE = 0.02
"""Share of the work that has to be done before the rest is estimated: programs compile first."""


class Clock:
    """Estimates how long the rest of the work takes, from what has been done since it began."""

    def __init__(self) -> None:
        self._began, self._first = time.monotonic(), 0.0
        self._seen = False

    def estimate_rest(self, status: Status) -> float | None:
        """Return the seconds that are left; None while that would be a guess."""
        if not self._seen:
            self._seen, self._began, self._first = True, time.monotonic(), status.share
        seconds, done = time.monotonic() - self._began, status.share - self._first
        if seconds < 2.0 or done < LEAST_SHARE:
            return None
        return seconds * (1.0 - status.share) / done


def show_duration(seconds: float) -> str:
    """Show a duration as minutes and seconds, with hours if there are any, or as whole days."""
    if seconds >= 2 * DAY:
        return f"{seconds / DAY:,.0f} days"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
