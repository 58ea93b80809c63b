"""Train all runs of a study that its folder does not have yet, and assemble its tables."""

import contextlib
import json
import os
import platform
import tomllib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import polars as pl
from joblib import cpu_count

from fairtrial.data.load import check_data, fingerprint_data
from fairtrial.errors import InputError, MachineError
from fairtrial.files import explain_write_errors, lock_folder, write_json
from fairtrial.loading import load_tensorflow
from fairtrial.progress import Progress, Status
from fairtrial.results.design import declare
from fairtrial.results.fingerprint import fingerprint_code, fingerprint_runs
from fairtrial.results.results import NO_TABLES, Results, fingerprint_tables
from fairtrial.results.saved_stacks import Part, find_parts, write_part
from fairtrial.results.scores import score_runs
from fairtrial.results.store import (
    ASKED_FOR,
    ENVIRONMENT,
    PAGES,
    STUDY,
    write_study,
    write_tables,
)
from fairtrial.running.engine import Engine, Here, StackProgress
from fairtrial.running.place import PLAN, check_place, keep_edited_study
from fairtrial.running.plan import StackPlan, plan_stacks
from fairtrial.study import Arm, Run, Study

LIBRARIES = ("tensorflow", "numpy", "polars", "scikit-learn", "altair")

Note = Callable[[str], None]


@dataclass(frozen=True)
class SoFar:
    """What there is of a study that is being run.

    `runs` are all that it will have, each with its fingerprint; `parts` are the stacks that have
    finished, with the fingerprints of their runs; `data` has the fingerprint of each arm's data.
    """

    study: Study
    runs: Sequence[Run]
    fingerprints: Sequence[str]
    data: Mapping[str, str]
    parts: dict[Path, list[str]] = field(default_factory=dict)

    @property
    def wanted(self) -> dict[str, Run]:
        """The runs by their fingerprints: of those that are alike the first."""
        return dict(zip(reversed(self.fingerprints), reversed(self.runs), strict=True))

    @property
    def done(self) -> set[str]:
        """The fingerprints of the runs that have finished."""
        return {fingerprint for here in self.parts.values() for fingerprint in here}

    @property
    def n_finished(self) -> int:
        """How many runs have finished."""
        done = self.done
        return sum(one in done for one in self.fingerprints)

    def score(self, folder: Path) -> pl.DataFrame:
        """Measure what has finished by the study's metrics; its results folder keeps that."""
        return score_runs(folder, self.wanted, self.parts, self.study.list_metrics())

    def write(self, folder: Path, scores: pl.DataFrame) -> None:
        """Write the tables of what has finished."""
        done = self.done
        finished = [
            (run, one) for run, one in zip(self.runs, self.fingerprints, strict=True) if one in done
        ]
        runs, fingerprints = zip(*finished, strict=True)
        write_tables(folder, runs, fingerprints, self.parts, self.data, scores)


Grown = Callable[[SoFar], None]


@dataclass(frozen=True)
class Setup:
    """Where runs train, and the callbacks: the parameters of `run` with these names."""

    verify: int = 0
    memory: int | None = None
    progress: Progress = lambda status: None
    note: Note = lambda sentence: None
    engine: Engine | None = None
    grown: Grown = lambda so_far: None

    def run_missing(
        self,
        study: Study,
        folder: Path,
        *,
        more: Sequence[Run] = (),
        until_decided: bool = False,
        is_first: bool = True,
    ) -> Results:
        """Train every run that the folder does not have yet, and assemble the tables.

        Nothing is judged. Every finished stack is safe on the disk at once. Whatever stops this,
        the same call goes on where it was, and ends with the same tables.

        `more` has runs of the study's arms with further seeds; `until_decided` says whether they
        depend on what earlier runs showed, which the folder keeps. `is_first` says whether what the
        folder has already is news to the user.
        """
        study = study.replace()  # Another study may have put away the kinds of its files.
        note = self.note if is_first else lambda sentence: None
        check_place(folder)
        check_data(study.list_arms(), study.list_metrics())
        load_tensorflow()
        environment = describe_environment()
        runs = [*study.list_runs(), *more]
        data = _fingerprint_arms_data(study.list_arms())
        so_far = SoFar(study, runs, fingerprint_runs(runs), data)
        with lock_folder(folder):
            self._train(so_far, folder, until_decided, note)
            _assemble(so_far, folder, note)
        environment["verification"] = self._verify(folder, runs)
        write_json(folder / ENVIRONMENT, environment)
        from fairtrial.running.verify import refuse_deviation

        refuse_deviation(environment["verification"])
        return Results(folder)

    def _train(self, so_far: SoFar, folder: Path, until_decided: bool, note: Note) -> None:
        """Train what the folder lacks, and note each finished stack in `so_far`."""
        study, wanted, engine = so_far.study, so_far.wanted, self.engine or Here()
        found, n_others = find_parts(folder, wanted, note)
        so_far.parts.update(found)
        done = so_far.done
        missing = [run for key, run in reversed(wanted.items()) if key not in done]
        _check_optimizers(missing)
        declare(folder, study, until_decided, len(done) + n_others)
        _say_reused(len(done), len(wanted), n_others, note)
        stack_bytes = _remember_memory(folder, self.memory, engine)
        plans = plan_stacks(missing, stack_bytes, averages=study.needs_averages)
        stacks, n_left, said = StackProgress(plans, self.progress), len(plans), set[str]()
        with (
            _explain_changed_data(so_far),
            contextlib.closing(engine.train(plans, stacks)) as trained,
        ):
            for plan, finished in trained:
                for part in finished:
                    _refuse_other_origin(part, wanted)
                    so_far.parts[write_part(folder, part)] = list(part.fingerprints)
                    for sentence in part.notes:
                        if sentence not in said:  # Stacks of other seeds say the same.
                            said.add(sentence)
                            note(sentence)
                stacks.finish(plan)
                n_left -= 1
                if n_left:
                    self.grown(so_far)
        stacks.tell("tables")

    def _verify(self, folder: Path, runs: Sequence[Run]) -> dict[str, Any]:
        if not self.verify:
            return recall_verification(folder, runs)
        from fairtrial.running.verify import verify_runs

        def tell(done: int, of: int, name: str) -> None:
            self.progress(Status(f"verify: {name}", done / of, 1, done, of))

        return verify_runs(runs, self.verify, tell, recall_memory(folder))


def _check_optimizers(runs: Sequence[Run]) -> None:
    from fairtrial.training.updates import check_elementwise

    check_elementwise(run.arm.recipe.optimizer for run in runs if run.arm.is_trained)


def _assemble(so_far: SoFar, folder: Path, note: Note) -> None:
    """Write the tables and the study into the folder."""
    scores, before = so_far.score(folder), fingerprint_tables(folder)
    _say_replaced(folder, so_far.study, note)
    # Last of all comes the study: a folder without it has not been run to its end.
    if kept := keep_edited_study(folder):
        note(f"{folder / STUDY} was edited by hand: it is kept as {kept}.")
    with explain_write_errors(folder):
        (folder / STUDY).unlink(missing_ok=True)
    so_far.write(folder, scores)
    write_study(folder, so_far.study)
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


@contextlib.contextmanager
def _explain_changed_data(so_far: SoFar) -> Iterator[None]:
    """Say that the data changed after the study began, where that is why training failed."""
    try:
        yield
    except InputError as error:
        try:
            is_same = _fingerprint_arms_data(so_far.study.list_arms()) == so_far.data
        except InputError:
            is_same = False
        if is_same:
            raise
        raise MachineError(
            f"The data changed while the study ran. {error} What has finished is kept: run the "
            "same command again when nothing writes to the data any more."
        ) from None


def _say_replaced(folder: Path, study: Study, note: Note) -> None:
    """Say so where the tables of another study are about to be replaced."""
    try:
        before = tomllib.loads((folder / STUDY).read_text(encoding="utf-8"))["name"]
    except (OSError, ValueError, KeyError):
        return
    if before != study.name:
        note(
            f"{folder} held the tables of {before!r}; those of {study.name!r} replace them. What "
            "was judged in this folder counts as a look; another folder starts without looks."
        )


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


def recall_verification(folder: Path, runs: Sequence[Run]) -> dict[str, Any]:
    """Recall the lanes of these runs that an earlier call has verified."""
    lanes: list[dict[str, Any]] = []
    try:
        before = json.loads((folder / ENVIRONMENT).read_text(encoding="utf-8"))
        lanes = [lane for lane in before["verification"]["lanes"] if lane["fingerprint"]]
        known = set(fingerprint_runs(runs)) if lanes else set()
        lanes = [lane for lane in lanes if lane["fingerprint"] in known]
        largest = max((lane["deviation"] for lane in lanes), default=0.0)
    except (OSError, ValueError, KeyError, TypeError):
        return {"largest_deviation": 0.0, "lanes": []}
    return {"largest_deviation": largest, "lanes": lanes}


def describe_environment() -> dict[str, Any]:
    """Describe versions and machine, and the time now in UTC, ready for JSON.

    `xla` says whether programs are compiled by XLA here or run as plain graphs.
    """
    from fairtrial.training.programs import has_xla

    return {
        "fairtrial": version("fairtrial"),
        "training_code": fingerprint_code(),
        "python": platform.python_version(),
        **{library: version(library) for library in LIBRARIES},
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
        "xla": has_xla(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }
