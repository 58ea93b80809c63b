"""How far a study is, told as it goes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

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


class Board:
    """Adds up what the stacks that train at once tell, and reports at most twice a second."""

    def __init__(self, plans: list[StackPlan], report: Report):
        self._report, self._lock = report, threading.Lock()
        self._work, self._n_stacks = sum(plan.work for plan in plans), len(plans)
        self._n_runs = sum(plan.n_runs for plan in plans)
        self._running: dict[StackPlan, tuple[int, float]] = {}
        self._runs_done = self._stacks_done = self._work_done = 0
        self._told = -float("inf")
        if plans:
            self.tell(describe(plans[0]))

    def note(self, plan: StackPlan, n_training: int, at: int) -> None:
        """Note that a stack has so many lanes still training at a step (epoch)."""
        with self._lock:
            self._running[plan] = n_training, plan.work * min(at / plan.length, 1.0)
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
            self._work_done += plan.work
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
