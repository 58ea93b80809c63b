"""The parts of a page: sections contain parts, and parts contain blocks.

The HTML template renders each block; `figures` and `tables` write blocks to files.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, TypeAlias

from fairtrial.plots.vega import Chart


@dataclass(frozen=True)
class Cell:
    """A cell of a table: its text, a `mark` for its style, and the number to sort it by.

    The mark has some of the words `yes`, `no`, `text` (a sentence) and `word`, or none.
    """

    text: str
    mark: str = ""
    value: float | None = None


@dataclass(frozen=True)
class Rows:
    """Rows that belong together, with an optional heading; the first cell is the row's header."""

    rows: Sequence[Sequence[Cell]]
    heading: str = ""


@dataclass(frozen=True)
class Table:
    """A table with a name for its file and a caption.

    If it `sorts`, the reader can sort it by any column and filter its rows, if it has several.
    """

    kind: ClassVar[str] = "table"
    name: str
    caption: str
    columns: Sequence[str]
    groups: Sequence[Rows]
    sorts: bool = False

    @property
    def rows(self) -> list[Sequence[Cell]]:
        """The rows of all groups."""
        return [row for group in self.groups for row in group.rows]

    @property
    def text_columns(self) -> set[int]:
        """Columns of words, which are aligned to the left."""
        words = {"text", "word"}
        return {
            place
            for row in self.rows
            for place, cell in enumerate(row)
            if words & set(cell.mark.split())
        }


@dataclass(frozen=True)
class Figure:
    """A chart with a name for its file, a title, and a caption that says how to read it."""

    kind: ClassVar[str] = "figure"
    name: str
    title: str
    chart: Chart
    caption: str = ""

    @property
    def specification(self) -> dict[str, Any]:
        """The chart as Vega-Lite."""
        return self.chart.specification

    @property
    def words(self) -> str:
        """The text alternative."""
        return f"{self.title}. {self.specification['description']}"


@dataclass(frozen=True)
class Row:
    """Figures side by side if the page is wide enough."""

    kind: ClassVar[str] = "row"
    figures: Sequence[Figure]


@dataclass(frozen=True)
class Text:
    """A paragraph; a `notice` stands out."""

    kind: ClassVar[str] = "text"
    text: str
    notice: bool = False


@dataclass(frozen=True)
class Code:
    """The text of a file or a command."""

    kind: ClassVar[str] = "code"
    text: str


@dataclass(frozen=True)
class Facts:
    """Names with their values."""

    kind: ClassVar[str] = "facts"
    facts: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Fold:
    """Blocks that the reader opens, or closes; `name` is the target of links, `verdict` a badge."""

    kind: ClassVar[str] = "fold"
    summary: str
    blocks: "Sequence[Block]"
    name: str = ""
    verdict: str = ""
    is_open: bool = False


Block: TypeAlias = Table | Figure | Row | Text | Code | Facts | Fold


@dataclass(frozen=True)
class Part:
    """A heading and the blocks below it."""

    heading: str
    blocks: Sequence[Block]

    @property
    def name(self) -> str:
        """The part's name within its section."""
        return make_name(self.heading)


@dataclass(frozen=True)
class Section:
    """A section of the page, with a link in the contents.

    With a `fold`, all parts are inside one fold with this summary.
    """

    name: str
    heading: str
    lead: str
    parts: Sequence[Part] = field(default_factory=list)
    fold: str = ""

    def list_blocks(self) -> Iterator[Block]:
        """Yield all blocks, including nested ones."""
        for part in self.parts:
            yield from _unfold(part.blocks)


def _unfold(blocks: Sequence[Block]) -> Iterator[Block]:
    for block in blocks:
        yield block
        if isinstance(block, Fold):
            yield from _unfold(block.blocks)
        elif isinstance(block, Row):
            yield from block.figures


@dataclass(frozen=True)
class Headline:
    """The finding on one claim: its verdict, a sentence, and the fold to open.

    The head of a page lists headlines by `group`, or else by verdict.
    """

    verdict: str
    claim: str
    found: str
    target: str
    group: str = ""


MOST_ARMS = 12
"""The most arms that a page shows without a fold."""


def fold_part(part: Part, n_arms: int) -> Part:
    """Fold the blocks of a part if there are many arms."""
    if n_arms <= MOST_ARMS:
        return part
    return replace(part, blocks=[Fold(f"All {n_arms} arms", part.blocks)])


def fold_others(figures: Sequence[Figure]) -> list[Block]:
    """Show the first figure and fold each of the others."""
    return [*figures[:1], *(Fold(figure.title, [figure]) for figure in figures[1:])]


def rows_of(texts: Iterable[Iterable[str]]) -> Rows:
    """Make rows of plain cells."""
    return Rows([[*map(Cell, row)] for row in texts])


def make_name(text: str) -> str:
    """Make a name for a file or a link from a text.

    Examples
    --------
    >>> make_name("noise 0.1 · Huber, δ = 2")
    'noise-0-1-huber-2'
    """
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60] or "all"
