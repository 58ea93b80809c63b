"""Train all runs of a study that its folder does not have yet, and assemble its tables."""

from __future__ import annotations

import contextlib
import json
import threading
import time
import tomllib
from collections.abc import Callable, Collection, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Protocol

import psutil
from joblib import cpu_count

from fairtrial.data.features.maps import watch
from fairtrial.data.load import check_data, fingerprint_data
from fairtrial.errors import MachineError
from fairtrial.files import explain_write_errors, lock_folder, write_json
from fairtrial.progress import Progress, Status
from fairtrial.results.design import declare
from fairtrial.results.fingerprint import fingerprint_runs
from fairtrial.results.identity import NO_TABLES, fingerprint_tables
from fairtrial.results.saved_stacks import Part, find_parts, write_part
from fairtrial.results.scores import score_runs
from fairtrial.results.so_far import SoFar
from fairtrial.results.store import ASKED_FOR, PAGES, STUDY, write_study, write_tables
from fairtrial.running.place import PLAN, check_place, keep_edited_study
from fairtrial.running.plan import StackPlan, plan_stacks
from fairtrial.study import Arm, Run, Study

Note = Callable[[str], None]


Grown = Callable[[SoFar], None]


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
        self, plans: Sequence[StackPlan], progress: StackProgress
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
        self, plans: Sequence[StackPlan], progress: StackProgress
    ) -> Generator[tuple[StackPlan, list[Part]], None, None]:
        """Train stacks and yield their parts; stacks that still run at the end are dropped."""
        from fairtrial.running.stack import train_parts  # TensorFlow, only where it is used.

        dropped = threading.Event()

        def train_one(plan: StackPlan) -> list[Part]:
            def stop_if_dropped() -> None:
                if dropped.is_set():
                    raise InterruptedError

            def tell(n_training: int, at: int) -> None:
                stop_if_dropped()
                progress.note(plan, n_training, at)

            def tell_of_features() -> None:
                stop_if_dropped()
                progress.note_features(plan)

            with watch(tell_of_features):
                return train_parts(plan, tell)

        pool = ThreadPoolExecutor(self.n_at_once)
        futures: dict[Future[list[Part]], StackPlan] = {}
        failures = []
        try:
            # The longest first: nothing long is left when the others have ended.
            futures |= {
                pool.submit(train_one, plan): plan
                for plan in sorted(plans, key=lambda plan: plan.seconds, reverse=True)
            }
            while futures:
                # Looked at again and again: a wait without end would not notice Ctrl-C, which may
                # reach one of TensorFlow's threads instead of this one.
                for future in wait(futures, timeout=0.2, return_when=FIRST_COMPLETED).done:
                    plan = futures.pop(future)
                    if error := future.exception():
                        failures.append(error)
                    else:
                        yield plan, future.result()
            if failures:  # Only now: the other stacks are worth keeping.
                raise failures[0]
        finally:
            dropped.set()
            pool.shutdown(wait=False, cancel_futures=True)
            wait(futures, timeout=1.5)


def run_study(
    study: Study,
    folder: Path,
    progress: Progress = lambda status: None,
    note: Note = lambda sentence: None,
    memory: int | None = None,
    engine: Engine | None = None,
    more: Sequence[Run] = (),
    grown: Grown = lambda so_far: None,
    until_decided: bool = False,
) -> None:
    """Train the runs of a study that its folder lacks, and assemble the tables.

    Every finished stack is safe on the disk at once. Whatever stops this, the same call goes on
    where it was, and ends with the same tables. Parameters and errors are those of `run`; `more`
    has runs of the study's arms with further seeds, and `until_decided` says whether seeds may be
    added for claims that are undecided; `design.json` keeps it.
    """
    check_place(folder)
    check_data(study.list_arms(), study.list_metrics())
    runs = [*study.list_runs(), *more]
    data, fingerprints = _fingerprint_arms_data(study.list_arms()), fingerprint_runs(runs)
    wanted = dict(zip(reversed(fingerprints), reversed(runs), strict=True))
    engine = engine or Here()
    with lock_folder(folder):
        parts, n_others = find_parts(folder, wanted, note)
        done = {fingerprint for here in parts.values() for fingerprint in here}
        declare(folder, study, until_decided, len(done) + n_others)
        _say_reused(len(done), len(wanted), n_others, note)
        missing = [run for key, run in reversed(wanted.items()) if key not in done]
        plans = plan_stacks(
            missing, _remember_memory(folder, memory, engine), averages=study.needs_averages
        )
        stacks, n_left, said = StackProgress(plans, progress), len(plans), set[str]()
        with contextlib.closing(engine.train(plans, stacks)) as trained:
            for plan, finished in trained:
                for part in finished:
                    _refuse_other_origin(part, wanted)
                    parts[write_part(folder, part)] = list(part.fingerprints)
                    for sentence in part.notes:
                        if sentence not in said:  # Stacks of other seeds say the same.
                            said.add(sentence)
                            note(sentence)
                stacks.finish(plan)
                n_left -= 1
                if n_left:
                    grown(SoFar(study, runs, fingerprints, parts, data))
        stacks.tell("tables")
        scores = score_runs(folder, wanted, parts, study.list_metrics())
        before = fingerprint_tables(folder)
        _say_replaced(folder, study, note)
        # Last of all comes the study: a folder without it has not been run to its end.
        if kept := keep_edited_study(folder):
            note(f"{folder / STUDY} was edited by hand: it is kept as {kept}.")
        with explain_write_errors(folder):
            (folder / STUDY).unlink(missing_ok=True)
        write_tables(folder, runs, fingerprints, parts, data, scores)
        write_study(folder, study)
        if before not in (NO_TABLES, fingerprint_tables(folder)):
            _drop_pages(folder, note)


def _drop_pages(folder: Path, note: Note) -> None:
    """Remove the pages of the runs that other runs have replaced, and name what else is old."""
    with explain_write_errors(folder):
        for name in PAGES:
            (folder / name).unlink(missing_ok=True)
    if old := [str(folder / name) for name in ASKED_FOR if (folder / name).is_dir()]:
        note(f"{' and '.join(old)} show the runs before: write them again with fairtrial report.")


def declare_study(study: Study, folder: Path, note: Note = lambda sentence: None) -> None:
    """Write down the design of a study, before anything of it is trained or copied."""
    check_place(folder)
    with lock_folder(folder):
        _, n_runs = find_parts(folder, (), note)
        declare(folder, study, False, n_runs)


def estimate_training(
    study: Study, folder: Path, note: Note, memory: int | None = None, known: Collection[str] = ()
) -> float:
    """Estimate the seconds of training what a folder lacks of a study.

    They are those of two cores of an AMD EPYC; on others the proportions are much the same. Runs
    with the fingerprints that are `known` count as trained.
    """
    return sum(plan.seconds for plan in plan_missing(study, folder, note, memory, known))


def plan_missing(
    study: Study,
    folder: Path | None,
    note: Note = lambda sentence: None,
    memory: int | None = None,
    known: Collection[str] = (),
) -> list[StackPlan]:
    """Plan the stacks of what a folder lacks of a study; of all its runs where there is none."""
    missing, stack_bytes = study.list_runs(), None
    if folder is not None and folder.is_dir():
        wanted = dict(zip(fingerprint_runs(missing), missing, strict=True))
        parts, _ = find_parts(folder, wanted, note)
        done = {fingerprint for here in parts.values() for fingerprint in here} | {*known}
        missing = [run for key, run in wanted.items() if key not in done]
        stack_bytes = recall_memory(folder)
    stack_bytes = stack_bytes or (memory or Here().measure_free_memory()) // cpu_count()
    return plan_stacks(missing, stack_bytes)


def _fingerprint_arms_data(arms: Sequence[Arm]) -> dict[str, str]:
    """Fingerprint the data of arms by their names; "" where the settings say everything."""
    known = {task: fingerprint_data(task) for task in dict.fromkeys(arm.task for arm in arms)}
    return {arm.name: known[arm.task] for arm in arms}


def _refuse_other_origin(part: Part, wanted: Collection[str]) -> None:
    """Refuse a part that was made with other data or code than this process has seen."""
    if not all(fingerprint in wanted for fingerprint in part.fingerprints):
        raise MachineError(
            "The data changed while the study ran, or a worker has other data, or another version "
            "of fairtrial, TensorFlow, NumPy or scikit-learn, than this machine. Results of "
            "another origin are not used; mend that, then run the same command again."
        )


def _say_replaced(folder: Path, study: Study, note: Note) -> None:
    """Say so where the tables of another study are about to be replaced."""
    try:
        before = tomllib.loads((folder / STUDY).read_text(encoding="utf-8"))["name"]
    except (OSError, ValueError, KeyError):
        return
    if before != study.name:
        note(f"{folder} held the tables of {before!r}; those of {study.name!r} replace them.")


def _say_reused(n_done: int, n_wanted: int, n_others: int, note: Note) -> None:
    """Say what earlier calls have left, if anything."""
    if n_done:
        note(f"{n_done} of {n_wanted} runs are there already and are not trained again.")
    if n_others:
        note(
            f"{n_others} runs that this study does not have are in the folder too, from other "
            "settings, seeds, data or training code: they stay there and are not used."
        )


def _remember_memory(folder: Path, memory: int | None, engine: Engine) -> int:
    """Choose what a stack may take, in bytes; the folder remembers it.

    So a study that goes on is cut into the same stacks as before, whatever is free by then.
    """
    if memory is None and (remembered := recall_memory(folder)):
        return remembered
    stack_bytes = (memory or engine.measure_free_memory()) // engine.n_at_once
    write_json(folder / PLAN, {"stack_bytes": stack_bytes})
    return stack_bytes


def recall_memory(folder: Path) -> int | None:
    """Recall what a stack of a results folder may take, in bytes; None where it does not say."""
    try:
        stack_bytes = json.loads((folder / PLAN).read_text(encoding="utf-8"))["stack_bytes"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return stack_bytes if isinstance(stack_bytes, int) and stack_bytes > 0 else None


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
