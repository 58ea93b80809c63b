"""The report of a folder, be it a study's or the lab's."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from fairtrial.errors import InputError
from fairtrial.files import write_text
from fairtrial.lab.conclusions import build_statement_table
from fairtrial.lab.page import is_lab, make_lab_page, open_trials, read_statements_judged
from fairtrial.lab.shipped import read_json
from fairtrial.progress import Progress, Status
from fairtrial.report import page
from fairtrial.report.blocks import Figure, Part, Section, Text
from fairtrial.report.files import DRAW, FIGURES, FORMATS, TABLES, write_figures, write_tables
from fairtrial.report.page import Document
from fairtrial.report.sections.claims import build_verdicts
from fairtrial.report.sections.training import AT_THE_END
from fairtrial.report.study_page import make_study_page
from fairtrial.results.results import Results
from fairtrial.results.store import ENVIRONMENT, STUDY

ONE_PAGE = "one-page.html"
MOST_ON_PAPER = 3
"""Headlines on one sheet of paper."""
VERSIONS = ("fairtrial", "python", "tensorflow")


def make_document(folder: Path) -> Document:
    """Make the page of a lab or of a study from its folder."""
    return make_lab_page(folder) if is_lab(folder) else make_study_page(Results(folder))


def shorten(folder: Path, document: Document) -> Document:
    """Shorten a page to one sheet of paper: verdicts with their reasons, and final results."""
    if is_lab(folder):
        statements = read_statements_judged(folder, open_trials(folder))
        verdicts = [build_statement_table(statements)] if statements else []
        environment, command = read_json(folder / ENVIRONMENT), "fairtrial lab"
    else:
        trial = Results(folder)
        claims = trial.list_verdicts()
        verdicts = [build_verdicts(claims, why=True)] if claims else []
        environment, command = trial.environment, f"fairtrial run {STUDY}"
    figures = [
        block
        for section in document.sections
        for block in section.list_blocks()
        if isinstance(block, Figure) and block.name.endswith(AT_THE_END)
    ]
    versions = [f"{name} {environment[name]}" for name in VERSIONS if name in environment]
    how = (
        f"“{command}” with {', '.join(versions)} reproduces these figures: the seed fixes "
        "everything random that does not depend on the arm. All evidence is in report.html."
    )
    parts = [
        ("All verdicts and their reasons", verdicts),
        ("Final results", figures),
        ("How to reproduce these figures", [Text(how)]),
    ]
    sections = [Section("results", "Results", "", [Part(*part) for part in parts if part[1]])]
    headlines = [replace(one, target="") for one in document.headlines[:MOST_ON_PAPER]]
    return replace(document, headlines=headlines, sections=sections, short=True)


def write_page(folder: Path, pending: Sequence[tuple[str, str]] = ()) -> Path:
    """Write `report.html` of a lab or of a study, and on it which results are still to come."""
    return page.write_page(folder, replace(make_document(folder), pending=pending))


def write_report(
    folder: str | Path,
    *,
    figures: str | None = None,
    tables: str | None = None,
    one_page: bool = False,
    progress: Progress = lambda status: None,
) -> dict[Path, int]:
    """Write the page of a lab or of a study, and other files on request, into its folder.

    On request every figure goes to `figures/` as "svg", "pdf" or "png", every table to `tables/` as
    "latex", "csv" or "markdown", and the short version to `one-page.html`. Returns the pages and
    folders that were written, with their numbers of files. It is an `InputError` if the folder is
    not that of a lab or a study, a file in it cannot be read, or a format is not known; and a
    `MachineError` if a file cannot be written.
    """
    for given, known, what in ((figures, DRAW, "figures"), (tables, FORMATS, "tables")):
        if given is not None and given not in known:
            choices = ", ".join(known)
            raise InputError(f"{given!r} is not a format of {what}: choose one of {choices}.")
    folder = Path(folder)
    document = make_document(folder)
    progress(Status("report page", 0.0))
    written = {page.write_page(folder, document): 1}
    if one_page:
        written[folder / ONE_PAGE] = 1
        write_text(folder / ONE_PAGE, page.render_page(shorten(folder, document)))
    if figures is not None:
        written[folder / FIGURES] = len(write_figures(document, folder, figures, progress))
    if tables is not None:
        written[folder / TABLES] = len(write_tables(document, folder, tables))
    return written
