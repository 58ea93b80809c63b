"""What there is of a study that is still being run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fairtrial.files import write_text
from fairtrial.results.scores import score_runs
from fairtrial.results.store import STUDY, write_tables
from fairtrial.study import Run, Study


@dataclass(frozen=True)
class SoFar:
    """What there is of a study that is still being run.

    `runs` are all that it will have, each with its fingerprint; `parts` are the stacks that have
    finished, with the fingerprints of their runs; `data` has the fingerprint of each arm's data.
    """

    study: Study
    runs: Sequence[Run]
    fingerprints: Sequence[str]
    parts: Mapping[Path, Sequence[str]]
    data: Mapping[str, str]

    @property
    def n_finished(self) -> int:
        """How many runs have finished."""
        return len(self._find_finished())

    def write(self, folder: Path, results: Path) -> None:
        """Write the tables of the runs that have finished, and the study, to another folder.

        The study's results folder keeps the scores, so that each run is measured once.
        """
        finished = self._find_finished()
        runs = [self.runs[place] for place in finished]
        fingerprints = [self.fingerprints[place] for place in finished]
        wanted = dict(zip(fingerprints, runs, strict=True))
        scores = score_runs(results, wanted, self.parts, self.study.list_metrics())
        write_tables(folder, runs, fingerprints, self.parts, self.data, scores)
        write_text(folder / STUDY, self.study.to_toml())

    def _find_finished(self) -> list[int]:
        done = {fingerprint for part in self.parts.values() for fingerprint in part}
        return [place for place, one in enumerate(self.fingerprints) if one in done]
