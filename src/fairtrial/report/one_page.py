"""The short version of a page, for one sheet of paper: verdicts with reasons, one figure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from fairtrial.report.blocks import Block, Figure, Part, Section, Text
from fairtrial.report.claims import build_verdicts
from fairtrial.report.folder import read_json
from fairtrial.report.lab_page import is_lab, open_trials, read_statements_judged
from fairtrial.report.page import Document
from fairtrial.report.statements import build_statement_table
from fairtrial.report.training import AT_THE_END
from fairtrial.trial.store import ENVIRONMENT, STUDY
from fairtrial.trial.trial import Trial

MOST_ON_PAPER = 3
VERSIONS = ("fairtrial", "python", "tensorflow")


def make_one_page(folder: Path, document: Document) -> Document:
    """Shorten the page of a lab or of a study.

    Parameters
    ----------
    folder : Path
        The folder of the page.
    document : Document
        The whole page.

    Raises
    ------
    InputError
        If a file of the folder cannot be read.
    """
    parts = []
    if verdicts := _build_verdicts(folder):
        parts.append(Part("All verdicts and their reasons", verdicts))
    if figures := _find_results(document):
        parts.append(Part("Final results", figures))
    of_lab = is_lab(folder)
    environment = read_json(folder / ENVIRONMENT) if of_lab else Trial(folder).environment
    parts.append(Part("How to reproduce these figures", [Text(_say_how(folder, environment))]))
    headlines = [replace(one, target="") for one in document.header.headlines[:MOST_ON_PAPER]]
    header = replace(document.header, headlines=headlines)
    return Document(header, [Section("results", "Results", "", parts)], short=True)


def _find_results(document: Document) -> list[Block]:
    """Find the final results of each study."""
    return [
        block
        for section in document.sections
        for block in section.list_blocks()
        if isinstance(block, Figure) and block.name.endswith(AT_THE_END)
    ]


def _build_verdicts(folder: Path) -> list[Block]:
    """Build the table of a study's claims, or of a lab's statements, if there are any."""
    if is_lab(folder):
        statements = read_statements_judged(folder, open_trials(folder))
        return [build_statement_table(statements)] if statements else []
    verdicts = Trial(folder).verdicts
    return [build_verdicts(verdicts, why=True)] if verdicts else []


def _say_how(folder: Path, environment: Mapping[str, Any]) -> str:
    """Say how to reproduce the figures."""
    versions = [f"{name} {environment[name]}" for name in VERSIONS if name in environment]
    command = "fairtrial lab" if is_lab(folder) else f"fairtrial run {STUDY}"
    return (
        f"“{command}” with {', '.join(versions)} reproduces these figures: the seed fixes "
        "everything random that does not depend on the arm. All evidence is in report.html."
    )
