"""Where stacks train, and how far they are."""

import contextlib
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Protocol

import psutil
from joblib import cpu_count

from fairtrial.data.features.maps import watch
from fairtrial.progress import Progress, Status
from fairtrial.results.saved_stacks import Part
from fairtrial.running.plan import StackPlan


class Engine(Protocol):
    """Where stacks train."""

    @property
    def n_at_once(self) -> int:
        """How many stacks train on one machine at once, and share its memory."""
        ...

    def measure_free_memory(self) -> int:
        """Return what they may take together if nobody says, in bytes."""
        ...

    def train(
        self, plans: Sequence[StackPlan], progress: "StackProgress"
    ) -> Generator[tuple[StackPlan, list[Part]], None, None]:
        """Train stacks, in any order, and yield the parts of each as it finishes."""
        ...


class Here:
    """The engine that trains on this machine: as many stacks at once as it has processors."""

    def __init__(self) -> None:
        self.n_at_once = cpu_count()

    def measure_free_memory(self) -> int:
        """Return half of what is free, in bytes."""
        return psutil.virtual_memory().available // 2

    def train(
        self, plans: Sequence[StackPlan], progress: "StackProgress"
    ) -> Generator[tuple[StackPlan, list[Part]], None, None]:
        """Train stacks and yield their parts; stacks that still run at the end are dropped."""
        from fairtrial.running.stack import train_parts  # TensorFlow, only where it is used.

        dropped, queue = threading.Event(), Queue(plans)

        def train_next() -> tuple[StackPlan, list[Part]]:
            with queue.take() as plan:
                return plan, train_one(plan)

        def train_one(plan: StackPlan) -> list[Part]:
            def stop_if_dropped() -> None:
                if dropped.is_set():
                    raise InterruptedError

            def tell(n_training: int, at: int) -> None:
                stop_if_dropped()
                if not plan.is_baseline:  # Its features have been made.
                    queue.release(plan)
                progress.note(plan, n_training, at)

            def tell_of_features() -> None:
                stop_if_dropped()
                progress.note_features(plan)

            with watch(tell_of_features):
                return train_parts(plan, tell)

        pool = ThreadPoolExecutor(self.n_at_once)
        futures: set[Future[tuple[StackPlan, list[Part]]]] = set()
        try:
            futures |= {pool.submit(train_next) for _ in plans}
            yield from _gather(futures)
        finally:
            dropped.set()
            pool.shutdown(wait=False, cancel_futures=True)
            wait(futures, timeout=1.5)


class Queue:
    """The stacks that have not begun."""

    def __init__(self, plans: Sequence[StackPlan]):
        # The longest first: nothing long is left when the others have ended.
        self._plans = sorted(plans, key=lambda plan: plan.seconds, reverse=True)
        self._guard, self._in_use = threading.Lock(), dict[StackPlan, object]()

    @contextlib.contextmanager
    def take(self) -> Iterator[StackPlan]:
        """Take the next one: the first that need not wait for one that trains, if there is any."""
        with self._guard:
            in_use = [*self._in_use.values()]
            free = (plan for plan in self._plans if plan.waits_for not in in_use)
            plan = next(free, self._plans[0])
            self._plans.remove(plan)
            if plan.waits_for is not None:
                self._in_use[plan] = plan.waits_for
        try:
            yield plan
        finally:
            self.release(plan)

    def release(self, plan: StackPlan) -> None:
        """Let other stacks have what this one used or made."""
        with self._guard:
            self._in_use.pop(plan, None)


def _gather(
    futures: set[Future[tuple[StackPlan, list[Part]]]],
) -> Generator[tuple[StackPlan, list[Part]], None, None]:
    """Yield the parts of stacks as they finish, and take these out of `futures`."""
    failures = []
    while futures:
        # Looked at again and again: a wait without end would not notice Ctrl-C, which may reach
        # one of TensorFlow's threads instead of this one.
        for future in wait(futures, timeout=0.2, return_when=FIRST_COMPLETED).done:
            futures.remove(future)
            if error := future.exception():
                failures.append(error)
            else:
                yield future.result()
    if failures:  # Only now: the other stacks are worth keeping.
        raise failures[0]


class StackProgress:
    """Adds up what the stacks that train at once tell, and reports at most twice a second."""

    def __init__(self, plans: list[StackPlan], progress: Progress):
        self._progress, self._lock = progress, threading.Lock()
        self._work, self._n_stacks = sum(plan.seconds for plan in plans), len(plans)
        self._n_runs = sum(plan.n_runs for plan in plans)
        self._running: dict[StackPlan, tuple[int, float]] = {}
        self._runs_done = self._stacks_done = 0
        self._work_done = 0.0
        self._last = -float("inf")
        if plans:
            self.tell(_describe_stack(plans[0]))

    def note(self, plan: StackPlan, n_training: int, at: int) -> None:
        """Note that a stack has so many lanes still training at a step (epoch)."""
        with self._lock:
            self._running[plan] = n_training, plan.seconds * min(at / plan.length, 1.0)
            if time.monotonic() - self._last > 0.5:
                self.tell(_describe_stack(plan))

    def note_features(self, plan: StackPlan) -> None:
        """Note that the features that a stack trains on are being made."""
        with self._lock:
            if time.monotonic() - self._last > 0.5:
                self.tell(_describe_stack(plan, f"making {plan.recipes[0].features.kind}"))

    def finish(self, plan: StackPlan) -> None:
        """Note that a stack's results are safe."""
        with self._lock:
            self._running.pop(plan, None)
            self._runs_done += plan.n_runs
            self._stacks_done += 1
            self._work_done += plan.seconds
            self.tell(_describe_stack(plan))

    def tell(self, what: str) -> None:
        """Report now."""
        self._last = time.monotonic()
        n_training = sum(lanes for lanes, _ in self._running.values())
        work = self._work_done + sum(done for _, done in self._running.values())
        share = work / self._work if self._work else 1.0
        self._progress(Status(
            what, share, n_training, self._runs_done, self._n_runs,
            self._stacks_done, self._n_stacks,
        ))  # fmt: skip


def _describe_stack(plan: StackPlan, doing: str = "") -> str:
    """Say what a stack trains, or what it is doing instead."""
    seeds = sorted({row[0].seed for row in plan.runs})
    some = f"seed {seeds[0]}" if len(seeds) == 1 else f"{len(seeds)} seeds"
    arm, *others = [run.arm for run in plan.runs[0]]
    what = f"{1 + len(others)} arms" if others else arm.name
    return f"{arm.task.kind.replace('_', '-')}: {doing or what}, {some}"
