"""The report of a lab or a study: its page, figures and tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from fairtrial.report.figures import DRAW, write_figures
from fairtrial.report.figures import FOLDER as FIGURES
from fairtrial.report.files import check_format
from fairtrial.report.lab_page import is_lab, make_lab_page
from fairtrial.report.one_page import make_one_page
from fairtrial.report.page import Document, render_page
from fairtrial.report.study_page import make_study_page
from fairtrial.report.tables import FOLDER as TABLES
from fairtrial.report.tables import FORMATS, write_tables
from fairtrial.trial.files import write_text
from fairtrial.trial.progress import Report, Status
from fairtrial.trial.trial import Trial

PAGE, ONE_PAGE = "report.html", "one-page.html"


def make_document(folder: str | Path) -> Document:
    """Make the page of a lab or of a study from its folder.

    Raises
    ------
    InputError
        If the folder is not that of a lab or a study, or a file in it cannot be read.
    """
    folder = Path(folder)
    return make_lab_page(folder) if is_lab(folder) else make_study_page(Trial(folder))


def write_page(folder: str | Path, pending: Sequence[tuple[str, str]] = ()) -> Path:
    """Write `report.html` of a lab or of a study into its folder.

    Parameters
    ----------
    folder : str or Path
        A results folder, or the lab's.
    pending : sequence of (str, str)
        The results that are missing, each with its expected time. An open page reloads itself while
        there are any.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    InputError
        If the folder is not that of a lab or a study, or a file in it cannot be read.
    MachineError
        If the page cannot be written.
    """
    document = make_document(folder)
    header = replace(document.header, pending=pending)
    page = Path(folder) / PAGE
    write_text(page, render_page(replace(document, header=header)))
    return page


def write_report(
    folder: str | Path,
    *,
    figures: str | None = None,
    tables: str | None = None,
    one_page: bool = False,
    report: Report = lambda status: None,
) -> dict[Path, int]:
    """Write the page of a lab or of a study, and other files on request, into its folder.

    Parameters
    ----------
    folder : str or Path
        A results folder, or the lab's.
    figures : str, optional
        "svg", "pdf" or "png": write every figure of the page to `figures/`.
    tables : str, optional
        "latex", "csv" or "markdown": write every table of the page to `tables/`.
    one_page : bool
        Whether to write the short version, `one-page.html`.
    report : callable
        Called with the progress.

    Returns
    -------
    dict of Path to int
        The pages and folders that were written, with their numbers of files.

    Raises
    ------
    InputError
        If the folder is not that of a lab or a study, a file in it cannot be read, or a format is
        not known.
    MachineError
        If a file cannot be written.
    """
    if figures is not None:
        check_format(figures, DRAW, "figures")
    if tables is not None:
        check_format(tables, FORMATS, "tables")
    folder = Path(folder)
    report(Status("report page", 0.0))
    document = make_document(folder)
    pages = {PAGE: document} | ({ONE_PAGE: make_one_page(folder, document)} if one_page else {})
    for name, page in pages.items():
        write_text(folder / name, render_page(page))
    written = {folder / name: 1 for name in pages}
    if figures is not None:
        written[folder / FIGURES] = len(write_figures(document, folder, figures, report))
    if tables is not None:
        written[folder / TABLES] = len(write_tables(document, folder, tables))
    return written
