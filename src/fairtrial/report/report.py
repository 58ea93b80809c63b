"""The report of a folder, a lab's or a study's: its page, its figures, its tables."""

from __future__ import annotations

from pathlib import Path

from fairtrial.report.lab_page import is_lab, make_lab_page
from fairtrial.report.page import Document, render_page
from fairtrial.report.study_page import make_study_page
from fairtrial.trial.files import write_text
from fairtrial.trial.trial import Trial

PAGE = "report.html"


def make_document(folder: str | Path) -> Document:
    """Make the page of a lab or of a study from its folder alone.

    Raises
    ------
    InputError
        If the folder is neither's, or a file in it cannot be read.
    """
    folder = Path(folder)
    return make_lab_page(folder) if is_lab(folder) else make_study_page(Trial(folder))


def write_page(folder: str | Path) -> Path:
    """Write `report.html` of a lab or of a study into its folder.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    InputError
        If the folder is neither's, or a file in it cannot be read.
    MachineError
        If the page cannot be written.
    """
    path = Path(folder) / PAGE
    write_text(path, render_page(make_document(folder)))
    return path
