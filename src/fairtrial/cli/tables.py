"""Tables for a terminal: fitted to its width without folding a number."""

import re
from collections.abc import Mapping, Sequence

from rich.cells import cell_len

# A number, or several, such as a difference with its interval.
NUMBERS = re.compile(r"[\s\d.,+\-−%∞e()\[\]]*|-?inf|nan")
# Words may be divided after these marks, and nowhere else.
PIECE = re.compile(r"[^=_·]*[=_·]+|[^=_·]+")
FRAME = 3  # Columns of the screen that each column's frame takes; one more for the table.


def fit_table(
    rows: Sequence[Mapping[str, object]], names: Sequence[str], width: int
) -> tuple[dict[str, int], list[str]] | None:
    """Choose columns and their widths: texts are divided between words, numbers never.

    Columns of numbers are left out from the last one on where not all fit. Returns the widths of
    the others, and what is left out; None where not even the texts fit.
    """
    texts = {name: [str(row[name]) for row in rows] for name in names}
    numbers = [name for name in names if all(map(NUMBERS.fullmatch, texts[name]))]
    full = {name: max(map(cell_len, (name, *texts[name]))) for name in names}
    least = {}
    for name in names:
        measure = cell_len if name in numbers else _measure_longest
        least[name] = max(_measure_longest(name), *map(measure, texts[name]))
    shown, droppable = list(names), [name for name in numbers if name != names[0]]
    while True:
        spare = width - FRAME * len(shown) - 1 - sum(least[name] for name in shown)
        if spare >= 0:
            widths = _share(spare, [least[name] for name in shown], [full[name] for name in shown])
            left_out = [name for name in names if name not in shown]
            return dict(zip(shown, widths, strict=True)), left_out
        if not droppable:
            return None
        shown.remove(droppable.pop())


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
