"""Where the runs of a study train and with what, and the callbacks for progress and notes."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fairtrial.files import write_json
from fairtrial.loading import load_tensorflow
from fairtrial.progress import Progress, Status
from fairtrial.results.fingerprint import fingerprint_code, fingerprint_runs
from fairtrial.results.results import Results
from fairtrial.results.store import ENVIRONMENT
from fairtrial.running.execute import Engine, Grown, Note, recall_memory, run_study
from fairtrial.study import Run, Study

LIBRARIES = ("tensorflow", "numpy", "polars", "scikit-learn", "altair")


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
        """Train every run that the folder does not have yet; nothing is judged.

        `more` has runs of the study's arms with further seeds; `until_decided` says whether they
        depend on what earlier runs showed, which the folder keeps. `is_first` says whether what the
        folder has already is news to the user.
        """
        study = study.replace()  # Another study may have put away the kinds of its files.
        load_tensorflow()
        environment = describe_environment()
        run_study(
            study, folder, self.progress, self.note if is_first else lambda sentence: None,
            self.memory, self.engine, more, self.grown, until_decided,
        )  # fmt: skip
        runs = [*study.list_runs(), *more]
        environment["verification"] = self._verify(folder, runs)
        write_json(folder / ENVIRONMENT, environment)
        from fairtrial.running.verify import refuse_deviation

        refuse_deviation(environment["verification"])
        return Results(folder)

    def _verify(self, folder: Path, runs: Sequence[Run]) -> dict[str, Any]:
        if not self.verify:
            return recall_verification(folder, runs)
        from fairtrial.running.verify import verify_runs

        def tell(done: int, of: int, name: str) -> None:
            self.progress(Status(f"verify: {name}", done / of, 1, done, of))

        return verify_runs(runs, self.verify, tell, recall_memory(folder))


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
