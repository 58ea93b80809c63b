"""The report of a folder, be it a study's or the lab's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fairtrial.lab.conclusions import build_statement_table
from fairtrial.lab.page import is_lab, make_lab_page, open_trials, read_statements_judged
from fairtrial.progress import Progress
from fairtrial.report import report
from fairtrial.report.folder import read_json
from fairtrial.report.one_page import make_one_page
from fairtrial.report.page import Document
from fairtrial.report.sections.claims import build_verdicts
from fairtrial.report.study_page import make_study_page
from fairtrial.results.results import Results
from fairtrial.results.store import ENVIRONMENT, STUDY


def make_document(folder: Path) -> Document:
    """Make the page of a lab or of a study from its folder.

    Raises
    ------
    InputError
        If the folder is not that of a lab or a study, or a file in it cannot be read.
    """
    return make_lab_page(folder) if is_lab(folder) else make_study_page(Results(folder))


def shorten(folder: Path, document: Document) -> Document:
    """Make the short version of the page of a lab or of a study.

    Raises
    ------
    InputError
        If a file of the folder cannot be read.
    """
    if is_lab(folder):
        statements = read_statements_judged(folder, open_trials(folder))
        verdicts = [build_statement_table(statements)] if statements else []
        return make_one_page(
            document, verdicts, read_json(folder / ENVIRONMENT), "fairtrial lab"
        )  # fmt: skip
    trial = Results(folder)
    claims = trial.list_verdicts()
    verdicts = [build_verdicts(claims, why=True)] if claims else []
    return make_one_page(document, verdicts, trial.environment, f"fairtrial run {STUDY}")


def write_page(folder: str | Path, pending: Sequence[tuple[str, str]] = ()) -> Path:
    """Write `report.html` of a lab or of a study; see `report.report.write_page`."""
    return report.write_page(folder, make_document(Path(folder)), pending)


def write_report(
    folder: str | Path,
    *,
    figures: str | None = None,
    tables: str | None = None,
    one_page: bool = False,
    progress: Progress = lambda status: None,
) -> dict[Path, int]:
    """Write the page of a lab or of a study, and other files on request, into its folder.

    Parameters
    ----------
    folder : str or Path
        A results folder, or the lab's.
    figures, tables, progress
        As of `report.report.write_report`.
    one_page : bool
        Whether to write the short version, `one-page.html`.

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
    report.check_formats(figures, tables)
    folder = Path(folder)
    document = make_document(folder)
    pages = {report.PAGE: document}
    if one_page:
        pages[report.ONE_PAGE] = shorten(folder, document)
    return report.write_report(folder, pages, figures, tables, progress)
