"""Tables for a terminal: fitted to its width without folding a number."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.cells import cell_len

# A number, or several, such as a difference with its interval.
NUMBERS = re.compile(r"[\s\d.,+\-−%∞e()\[\]]*|-?inf|nan")
# Words may be divided after these marks, and nowhere else.
PIECE = re.compile(r"[^=_·]*[=_·]+|[^=_·]+")
FRAME = 3  # Columns of the screen that each column's frame takes; one more for the table.


@dataclass(frozen=True)
class Fit:
    """What a terminal can show of a table: the widths of the columns that fit, and the others."""

    widths: dict[str, int]
    left_out: list[str]


def fit_table(rows: Sequence[Mapping[str, object]], names: Sequence[str], width: int) -> Fit | None:
    """Choose columns and their widths: texts are divided between words, numbers never.

    Columns of numbers are left out from the last one on where not all fit; None where not even the
    texts fit.
    """
    shown = list(names)
    while True:
        least = [_measure_least(rows, name) for name in shown]
        spare = width - FRAME * len(shown) - 1 - sum(least)
        if spare >= 0:
            full = [_measure_full(rows, name) for name in shown]
            widths = _share(spare, least, full)
            left_out = [name for name in names if name not in shown]
            return Fit(dict(zip(shown, widths, strict=True)), left_out)
        numbers = [name for name in shown[1:] if _holds_numbers(rows, name)]
        if not numbers:
            return None
        shown.remove(numbers[-1])


def _share(spare: int, least: Sequence[int], full: Sequence[int]) -> list[int]:
    """Widen columns from the least that they need towards all that they can use.

    Those that lack little come first, so that short texts stay whole.
    """
    widths = list(least)
    order = sorted(range(len(least)), key=lambda column: full[column] - least[column])
    for done, column in enumerate(order):
        more = min(full[column] - least[column], spare // (len(order) - done))
        widths[column] += more
        spare -= more
    return widths


def _holds_numbers(rows: Sequence[Mapping[str, object]], name: str) -> bool:
    return all(NUMBERS.fullmatch(str(row[name])) for row in rows)


def _measure_full(rows: Sequence[Mapping[str, object]], name: str) -> int:
    return max(cell_len(text) for text in (name, *(str(row[name]) for row in rows)))


def _measure_least(rows: Sequence[Mapping[str, object]], name: str) -> int:
    texts = [str(row[name]) for row in rows]
    head = _measure_longest(name)
    if _holds_numbers(rows, name):
        return max(head, *map(cell_len, texts))
    return max(head, *map(_measure_longest, texts))


def _measure_longest(text: str) -> int:
    """Measure the longest part of a text that is never divided."""
    return max(
        (cell_len(piece) for word in text.split() for piece in PIECE.findall(word)), default=0
    )


def wrap(text: str, width: int) -> str:
    r"""Divide a text into lines, between words and after `=`, `_` and `·`.

    Examples
    --------
    >>> wrap("optimizer.learning_rate=0.001, late", 20)
    'optimizer.learning_\nrate=0.001, late'
    """
    lines = [""]
    for word in text.split():
        gap = " " if lines[-1] else ""
        for piece in PIECE.findall(word):
            if lines[-1] and cell_len(lines[-1] + gap + piece) > width:
                lines.append(piece)
            else:
                lines[-1] += gap + piece
            gap = ""
    return "\n".join(lines)
