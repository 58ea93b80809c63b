"""Names of the files of figures and tables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from fairtrial.errors import InputError
from fairtrial.report.blocks import Figure, Table
from fairtrial.report.page import Document

Named = TypeVar("Named", Figure, Table)


def name_blocks(document: Document, kind: type[Named]) -> dict[str, Named]:
    """Name each figure, or table, of a document by its section and its own name.

    The names are the same in every call; equal names are numbered.
    """
    named: dict[str, Named] = {}
    for section in document.sections:
        for block in section.list_blocks():
            if not isinstance(block, kind):
                continue
            name = first = f"{section.name}-{block.name}"
            number = 1
            while name in named:
                number += 1
                name = f"{first}-{number}"
            named[name] = block
    return named


def check_format(given: str, known: Iterable[str], what: str) -> None:
    """Check that a format is known.

    Raises
    ------
    InputError
        If it is not.
    """
    if given not in known:
        raise InputError(f"{given!r} is not a format of {what}: choose one of {', '.join(known)}.")
