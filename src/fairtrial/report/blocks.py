"""What a page is made of: sections of parts, parts of blocks. The template knows how each looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, TypeAlias

from fairtrial.report.charts import Chart


@dataclass(frozen=True)
class Cell:
    """A cell of a table: its text, and a `mark` for how it looks.

    Some of `yes`, `no`, `text` (a sentence) and `word`, or none.
    """

    text: str
    mark: str = ""


@dataclass(frozen=True)
class Rows:
    """Rows that belong together, maybe under a heading; first cells head their rows."""

    rows: Sequence[Sequence[Cell]]
    heading: str = ""


@dataclass(frozen=True)
class Table:
    """A table with a caption that says what it holds."""

    kind: ClassVar[str] = "table"
    caption: str
    columns: Sequence[str]
    groups: Sequence[Rows]

    @property
    def text_columns(self) -> set[int]:
        """Columns of words, whose headings stand to the left like them."""
        rows = [row for group in self.groups for row in group.rows]
        words = {"text", "word"}
        return {
            place
            for row in rows
            for place, cell in enumerate(row)
            if words & set(cell.mark.split())
        }


@dataclass(frozen=True)
class Figure:
    """A chart with a title, and a caption that says how to read it; the chart describes itself."""

    kind: ClassVar[str] = "figure"
    title: str
    chart: Chart
    caption: str = ""


@dataclass(frozen=True)
class Row:
    """Figures side by side where there is room."""

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
    """A file's text, as it is."""

    kind: ClassVar[str] = "code"
    text: str


@dataclass(frozen=True)
class Facts:
    """Names with their values."""

    kind: ClassVar[str] = "facts"
    facts: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Fold:
    """Blocks that the reader opens."""

    kind: ClassVar[str] = "fold"
    summary: str
    blocks: Sequence[Block]


Block: TypeAlias = Table | Figure | Row | Text | Code | Facts | Fold


@dataclass(frozen=True)
class Part:
    """A heading and what stands under it."""

    heading: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Section:
    """A part of the page that its contents list leads to."""

    name: str
    heading: str
    lead: str
    parts: Sequence[Part] = field(default_factory=list)


def row_of(*texts: str) -> list[Cell]:
    """Make a row of plain cells."""
    return [Cell(text) for text in texts]
