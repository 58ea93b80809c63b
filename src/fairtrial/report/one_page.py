"""The short version of a page, for one sheet of paper: verdicts with reasons, one figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from fairtrial.report.blocks import Block, Figure, Part, Section, Text
from fairtrial.report.page import Document
from fairtrial.report.sections.training import AT_THE_END

MOST_ON_PAPER = 3
VERSIONS = ("fairtrial", "python", "tensorflow")


def make_one_page(
    document: Document, verdicts: Sequence[Block], environment: Mapping[str, Any], command: str
) -> Document:
    """Shorten a page to its verdicts and their reasons, and how to make the results again.

    `environment` is what they were made with, and `command` makes them again.
    """
    parts = []
    if verdicts:
        parts.append(Part("All verdicts and their reasons", verdicts))
    if figures := _find_results(document):
        parts.append(Part("Final results", figures))
    parts.append(Part("How to reproduce these figures", [Text(_say_how(environment, command))]))
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


def _say_how(environment: Mapping[str, Any], command: str) -> str:
    """Say how to reproduce the figures."""
    versions = [f"{name} {environment[name]}" for name in VERSIONS if name in environment]
    return (
        f"“{command}” with {', '.join(versions)} reproduces these figures: the seed fixes "
        "everything random that does not depend on the arm. All evidence is in report.html."
    )
