"""Headings of panels: short enough for their panel, and all different."""

import json
import re
from collections.abc import Sequence
from typing import Any

LONGEST_LINE = 30
"""Most letters of a line in a panel."""
LONGEST = 52
"""Most letters of a heading on two lines; less than two full lines, which end with a word."""


def label_panels(names: Sequence[str]) -> tuple[dict[str, Any], int]:
    """Make the header of a facet that labels panels, and count its lines.

    Long names are wrapped or shortened.
    """
    lines = [wrap(name) for name in shorten_apart(names, LONGEST)]
    if all(shown == [name] for shown, name in zip(lines, names, strict=True)):
        return {}, 1
    texts = json.dumps(dict(zip(names, lines, strict=True)), ensure_ascii=False)
    return {"labelExpr": f"{texts}[datum.value]"}, max(map(len, lines))


def wrap(name: str, most: int = LONGEST_LINE) -> list[str]:
    """Break a long name into two lines, after a separator or a word if possible.

    Examples
    --------
    >>> wrap("grid · batch size 32, learning rate 0.001")
    ['grid · batch size 32,', 'learning rate 0.001']
    """
    if len(name) <= most:
        return [name]
    halves = [name[:most], name[most:]]  # Used if no break between words fits.
    words = name.split(" ")
    breaks = [[" ".join(words[:i]), " ".join(words[i:])] for i in range(1, len(words))]

    def rank(lines: list[str]) -> tuple[bool, int]:
        return lines[0][-1] not in "·,", max(map(len, lines))

    fitting = [lines for lines in breaks if max(map(len, lines)) <= most]
    return min(fitting, key=rank, default=halves)


def shorten_apart(names: Sequence[str], most: int) -> list[str]:
    """Shorten names to at most `most` letters, 10 or more, but keep different names different.

    First, words that all names share are removed, from the last to the first; then the middle of
    the name.

    Examples
    --------
    >>> shorten_apart(["batch size 32, learning rate 0.1", "batch size 32, learning rate 0.2"], 25)
    ['batch size 32, … 0.1', 'batch size 32, … 0.2']
    """
    shared = set.intersection(*(set(name.split(" ")) for name in names)) if names else set()
    short = {name: name for name in names if len(name) <= most}
    for name in names:
        if name not in short:
            short[name] = _number(_shorten(name, shared, most), set(short.values()), most)
    return [short[name] for name in names]


def _shorten(name: str, shared: set[str], most: int) -> str:
    """Replace shared words by an ellipsis, from the last to the first, then the middle."""
    words, short = name.split(" "), name
    for place in reversed(range(len(words))):
        if len(short) > most and words[place] in shared:
            words[place] = "…"
            short = re.sub(r"(?<!\S)…( …(?!\S))+", "…", " ".join(words))
    tail = (most - 1) // 2
    return short if len(short) <= most else f"{short[: most - 1 - tail]}…{short[-tail:]}"


def _number(name: str, taken: set[str], most: int) -> str:
    """Append a number to a name that is already taken."""
    number, numbered = 2, name
    while numbered in taken:
        end = f" ({number})"
        numbered, number = f"{name[: most - len(end)]}{end}", number + 1
    return numbered
