"""Names of the files that blocks of a document are written to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from fairtrial.errors import InputError
from fairtrial.report.blocks import Figure, Table
from fairtrial.report.page import Document

Named = TypeVar("Named", Figure, Table)


def name_blocks(document: Document, kind: type[Named]) -> dict[str, Named]:
    """Give each figure, or table, of a document a name: that of its section and its own.

    Names stay the same from one call to the next; those that are alike are numbered.
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
    """See that a format is one of those that are known.

    Raises
    ------
    InputError
        If it is not.
    """
    if given not in known:
        raise InputError(f"{given!r} is no format of {what}: choose one of {', '.join(known)}.")
