"""The short version of a page, for a sheet of paper: verdicts with their why, one figure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from fairtrial.report.blocks import Block, Figure, Part, Section, Text
from fairtrial.report.claims import build_verdicts
from fairtrial.report.folder import read_json
from fairtrial.report.lab_page import is_lab, read_statements_judged
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
        Of the page.
    document : Document
        The whole page.

    Raises
    ------
    InputError
        If a file of the folder cannot be read.
    """
    parts = []
    if verdicts := _build_verdicts(folder):
        parts.append(Part("Every verdict, and why", verdicts))
    if figures := _find_results(document):
        parts.append(Part("How good each arm is", figures))
    of_lab = is_lab(folder)
    environment = read_json(folder / ENVIRONMENT) if of_lab else Trial(folder).environment
    parts.append(Part("To get the same figures again", [Text(_say_how(folder, environment))]))
    headlines = [replace(one, target="") for one in document.header.headlines[:MOST_ON_PAPER]]
    header = replace(document.header, headlines=headlines)
    return Document(header, [Section("results", "Results", "", parts)], short=True)


def _find_results(document: Document) -> list[Block]:
    """Find where the arms of each study ended."""
    return [
        block
        for section in document.sections
        for block in section.list_blocks()
        if isinstance(block, Figure) and block.name.endswith(AT_THE_END)
    ]


def _build_verdicts(folder: Path) -> list[Block]:
    """Build the table of a study's claims, or of a lab's statements, if there are any."""
    if is_lab(folder):
        statements = read_statements_judged(folder)
        return [build_statement_table(statements)] if statements else []
    verdicts = Trial(folder).verdicts
    return [build_verdicts(verdicts, why=True)] if verdicts else []


def _say_how(folder: Path, environment: Mapping[str, Any]) -> str:
    """Say what it takes to get the same figures again."""
    versions = [f"{name} {environment[name]}" for name in VERSIONS if name in environment]
    command = "fairtrial lab" if is_lab(folder) else f"fairtrial run {STUDY}"
    return (
        f"“{command}” with {', '.join(versions)} gives these figures again: everything random "
        "that is not the arm is drawn by the seed alone. The whole evidence is in report.html."
    )
