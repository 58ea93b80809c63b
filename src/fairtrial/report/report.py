"""The report of a folder: its page, figures and tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from fairtrial.files import write_text
from fairtrial.progress import Progress, Status
from fairtrial.report.figures import DRAW, write_figures
from fairtrial.report.figures import FOLDER as FIGURES
from fairtrial.report.files import check_format
from fairtrial.report.page import Document, render_page
from fairtrial.report.tables import FOLDER as TABLES
from fairtrial.report.tables import FORMATS, write_tables

PAGE, ONE_PAGE = "report.html", "one-page.html"


def write_page(
    folder: str | Path, document: Document, pending: Sequence[tuple[str, str]] = ()
) -> Path:
    """Write `report.html` into a folder.

    Parameters
    ----------
    folder : str or Path
        A results folder, or the lab's.
    document : Document
        Its page.
    pending : sequence of (str, str)
        The results that are missing, each with its expected time. An open page reloads itself while
        there are any.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    MachineError
        If the page cannot be written.
    """
    header = replace(document.header, pending=pending)
    page = Path(folder) / PAGE
    write_text(page, render_page(replace(document, header=header)))
    return page


def check_formats(figures: str | None, tables: str | None) -> None:
    """Check that the formats of figures and tables are known.

    Raises
    ------
    InputError
        If one is not.
    """
    if figures is not None:
        check_format(figures, DRAW, "figures")
    if tables is not None:
        check_format(tables, FORMATS, "tables")


def write_report(
    folder: Path,
    pages: Mapping[str, Document],
    figures: str | None = None,
    tables: str | None = None,
    progress: Progress = lambda status: None,
) -> dict[Path, int]:
    """Write pages, and the figures and tables of the first of them, into a folder.

    Parameters
    ----------
    folder : Path
        A results folder, or the lab's.
    pages : mapping of str to Document
        The pages by the names of their files, `report.html` first.
    figures : str, optional
        "svg", "pdf" or "png": write every figure of the page to `figures/`.
    tables : str, optional
        "latex", "csv" or "markdown": write every table of the page to `tables/`.
    progress : callable
        Called with how far the work is.

    Returns
    -------
    dict of Path to int
        The pages and folders that were written, with their numbers of files.

    Raises
    ------
    InputError
        If a format is not known.
    MachineError
        If a file cannot be written.
    """
    check_formats(figures, tables)
    progress(Status("report page", 0.0))
    for name, page in pages.items():
        write_text(folder / name, render_page(page))
    written = {folder / name: 1 for name in pages}
    document = next(iter(pages.values()))
    if figures is not None:
        written[folder / FIGURES] = len(write_figures(document, folder, figures, progress))
    if tables is not None:
        written[folder / TABLES] = len(write_tables(document, folder, tables))
    return written
