"""The page of a study that is still running."""

import re
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from fairtrial.files import write_text
from fairtrial.progress import Clock, Progress, Status, show_duration
from fairtrial.report.page import PAGE, write_page
from fairtrial.report.study_page import make_study_page
from fairtrial.results.results import Results
from fairtrial.results.store import STUDY

if TYPE_CHECKING:
    from fairtrial.running.execute import SoFar

LEAST_SECONDS, LARGEST_SHARE = 10.0, 0.1
"""Least seconds between two versions of the page, and the largest share of time to write it."""


class GrowingPage:
    """Writes the page after the first finished stack, and again at intervals.

    Only the page, and scores that the end needs too, are written to the folder.
    """

    def __init__(self, folder: Path, progress: Progress):
        self._folder, self._progress, self._clock = folder, progress, Clock()
        self._left: float | None = None
        self._due = 0.0

    def __enter__(self) -> "GrowingPage":
        return self

    def __exit__(self, *error: object) -> None:
        """Stop the page from reloading, even if it stays unfinished, as after Ctrl-C."""
        if self._due and (self._folder / PAGE).exists():
            stop_refresh(self._folder)

    def tell(self, status: Status) -> None:
        """Estimate the time that is left, and pass the progress on."""
        self._left = self._clock.estimate_rest(status)
        self._progress(status)

    def grow(self, so_far: "SoFar") -> None:
        """Write the page, if enough time has passed."""
        began = time.monotonic()
        if began < self._due:
            return
        write_page_so_far(self._folder, so_far, self._left)
        ended = time.monotonic()
        self._due = ended + max(LEAST_SECONDS, (ended - began) / LARGEST_SHARE)


def write_page_so_far(folder: Path, so_far: "SoFar", left: float | None) -> None:
    """Write the page of the finished runs; `left` is the estimated seconds that are left."""
    with tempfile.TemporaryDirectory() as place:
        so_far.write(Path(place), so_far.score(folder))
        write_text(Path(place) / STUDY, so_far.study.to_toml())
        document = make_study_page(Results(place))
    n_left = len(so_far.runs) - so_far.n_finished
    took = "" if left is None else f"about {show_duration(left)}"
    left_out = f"{n_left:,} of {len(so_far.runs):,} runs, and the verdicts"
    write_page(folder, replace(document, pending=[(left_out, took)]))


def stop_refresh(folder: Path) -> None:
    """Stop the page of a folder from reloading, if there is one: its runs have ended."""
    page = folder / PAGE
    if page.is_file():
        text = page.read_text(encoding="utf-8")
        still = re.sub(r'<meta http-equiv="refresh"[^>]*>\n?', "", text, count=1)
        if still != text:
            write_text(page, still)
