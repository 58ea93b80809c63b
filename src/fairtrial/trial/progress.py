"""How far a study is, told as it goes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fairtrial.trial.plan import StackPlan


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


Report = Callable[[Status], None]


class Phases:
    """One progress of several phases of work, each weighted by the seconds that it should take.

    Parameters
    ----------
    report : callable
        Is told the share of the whole that is done.
    seconds : mapping of str to float
        The expected seconds of each phase by its name, in the order of the work. Only their
        proportions matter.
    """

    def __init__(self, report: Report, seconds: Mapping[str, float]):
        self._report, self._seconds = report, dict(seconds)
        self._total = sum(self._seconds.values())
        self._done = 0.0

    def begin(self, phase: str) -> Report:
        """Begin a phase, which ends all phases before it, and return what it reports to."""
        names = list(self._seconds)
        before = sum(self._seconds[name] for name in names[: names.index(phase)])

        def report(status: Status) -> None:
            done = before + self._seconds[phase] * status.share
            self._done = max(self._done, done)  # Whatever a phase says, the bar never goes back.
            self._report(replace(status, share=self._done / self._total if self._total else 1.0))

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
    """Show a duration as minutes and seconds.

    Examples
    --------
    >>> show_duration(125.2)
    '2:05'
    """
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"


class Board:
    """Adds up what the stacks that train at once tell, and reports at most twice a second."""

    def __init__(self, plans: list[StackPlan], report: Report):
        self._report, self._lock = report, threading.Lock()
        self._work, self._n_stacks = sum(plan.seconds for plan in plans), len(plans)
        self._n_runs = sum(plan.n_runs for plan in plans)
        self._running: dict[StackPlan, tuple[int, float]] = {}
        self._runs_done = self._stacks_done = 0
        self._work_done = 0.0
        self._told = -float("inf")
        if plans:
            self.tell(describe(plans[0]))

    def note(self, plan: StackPlan, n_training: int, at: int) -> None:
        """Note that a stack has so many lanes still training at a step (epoch)."""
        with self._lock:
            self._running[plan] = n_training, plan.seconds * min(at / plan.length, 1.0)
            if time.monotonic() - self._told > 0.5:
                self.tell(describe(plan))

    def note_features(self, plan: StackPlan) -> None:
        """Note that the features that a stack trains on are being made."""
        with self._lock:
            if time.monotonic() - self._told > 0.5:
                self.tell(describe(plan, f"making {plan.recipes[0].features.kind}"))

    def finish(self, plan: StackPlan) -> None:
        """Note that a stack's results are safe."""
        with self._lock:
            self._running.pop(plan, None)
            self._runs_done += plan.n_runs
            self._stacks_done += 1
            self._work_done += plan.seconds
            self.tell(describe(plan))

    def tell(self, what: str) -> None:
        """Report now."""
        self._told = time.monotonic()
        n_training = sum(lanes for lanes, _ in self._running.values())
        work = self._work_done + sum(done for _, done in self._running.values())
        share = work / self._work if self._work else 1.0
        self._report(Status(
            what, share, n_training, self._runs_done, self._n_runs,
            self._stacks_done, self._n_stacks,
        ))  # fmt: skip


def describe(plan: StackPlan, doing: str = "") -> str:
    """Say what a stack trains, or what it is doing instead."""
    seeds = sorted({row[0].seed for row in plan.runs})
    some = f"seed {seeds[0]}" if len(seeds) == 1 else f"{len(seeds)} seeds"
    arm, *others = [run.arm for run in plan.runs[0]]
    what = f"{1 + len(others)} arms" if others else arm.name
    return f"{arm.task.kind.replace('_', '-')}: {doing or what}, {some}"
