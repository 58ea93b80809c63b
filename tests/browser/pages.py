"""The pages that every test of this folder is true of."""

from collections.abc import Callable
from pathlib import Path

from fairtrial.report.report import write_page
from small_lab import HOSTILE, make_lab

HOSTILE_SETTING = HOSTILE[1]


def write_study_page(folder: Path) -> Path:
    """Write the page of one study of the lab."""
    return write_page(make_lab(folder, 5) / "line")


WRITERS: dict[str, Callable[[Path], Path]] = {
    "lab": lambda folder: write_page(make_lab(folder, 3, "Fashion-MNIST is not there.")),
    "study": write_study_page,
    "hostile": lambda folder: write_page(make_lab(folder, 2, hostile=True)),
}
"""To add a page, add how its file is written."""
