"""How far a study is, added up from its stacks."""

from __future__ import annotations

import threading
import time

from fairtrial.progress import Progress, Status
from fairtrial.running.plan import StackPlan


class StackProgress:
    """Adds up what the stacks that train at once tell, and reports at most twice a second."""

    def __init__(self, plans: list[StackPlan], progress: Progress):
        self._progress, self._lock = progress, threading.Lock()
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
        self._progress(Status(
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
