"""The figures and tables of a document as files for papers and slides."""

import csv
import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import vl_convert

from fairtrial.files import write_bytes, write_text
from fairtrial.progress import Progress, Status
from fairtrial.report.blocks import Cell, Figure, Table
from fairtrial.report.page import Document

FIGURES, TABLES = "figures", "tables"
"""The folders of the files."""
PNG_SCALE = 2
"""Pixels of a PNG per pixel of the page."""
DRAW: Mapping[str, Callable[[dict[str, Any]], bytes]] = {
    "svg": lambda drawing: vl_convert.vegalite_to_svg(drawing).encode(),
    "pdf": vl_convert.vegalite_to_pdf,
    "png": lambda drawing: vl_convert.vegalite_to_png(drawing, scale=PNG_SCALE),
}
"""The function that draws a Vega-Lite specification in each format."""
LONGEST = 30
"""Characters above which LaTeX wraps a column."""
LINE = 75
"""Approximate characters in a line of LaTeX."""

LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#",
    "%": r"\%", "_": r"\_", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\textquotedblright{}",
    "`": r"\textasciigrave{}", "✓": r"$\surd$", "✗": r"$\times$", "∞": r"$\infty$", "−": "$-$",
    "≤": r"$\leq$", "≥": r"$\geq$", "δ": r"$\delta$", "σ": r"$\sigma$",
}  # fmt: skip
"""Characters that are commands in LaTeX or missing in its encoding."""
MARKDOWN = re.compile(r"[\\`*_\[\]<>|&~$]")


def write_figures(
    document: Document, folder: Path, form: str, progress: Progress = lambda status: None
) -> list[Path]:
    """Write every figure of a document as svg, pdf or png into the folder `figures`."""
    named = document.name_blocks(Figure)
    paths = []
    for done, (name, figure) in enumerate(named.items()):
        progress(Status(f"figures: {name}", done / len(named)))
        path = folder / FIGURES / f"{name}.{form}"
        # On the page, which has a colour, the background is transparent.
        write_bytes(path, DRAW[form](figure.specification | {"background": "white"}))
        paths.append(path)
    return paths


def write_tables(document: Document, folder: Path, form: str) -> list[Path]:
    """Write every table of a document as latex, csv or markdown into the folder `tables`."""
    ending, convert = FORMATS[form]
    paths = []
    for name, table in document.name_blocks(Table).items():
        path = folder / TABLES / f"{name}.{ending}"
        write_text(path, convert(table, name))
        paths.append(path)
    return paths


# ------------------------------------------------------------------------------------------ LaTeX


def to_latex(table: Table, name: str) -> str:
    """Write a table for the package `booktabs`, with its caption and a label of its name."""
    lines = [
        r"% Needs \usepackage{booktabs}.",
        r"\begin{table}",
        r"  \centering",
        rf"  \caption{{{escape_latex(table.caption)}}}",
        rf"  \label{{tab:{name}}}",
        rf"  \begin{{tabular}}{{{_align(table)}}}",
        r"    \toprule",
        _join_latex(table.columns),
        r"    \midrule",
    ]
    for place, group in enumerate(table.groups):
        if place:
            lines.append(r"    \addlinespace")
        if group.heading:
            heading = rf"\emph{{{escape_latex(group.heading)}}}"
            lines.append(rf"    \multicolumn{{{len(table.columns)}}}{{l}}{{{heading}}} \\")
        lines += [_join_latex(cell.text for cell in row) for row in group.rows]
    lines += [r"    \bottomrule", r"  \end{tabular}", r"\end{table}"]
    return "\n".join(lines) + "\n"


def _align(table: Table) -> str:
    """Choose each column's type: numbers to the right, long texts as paragraphs, others left."""
    columns = [[row[place] for row in table.rows] for place in range(len(table.columns))]
    widths = [max((len(cell.text) for cell in cells), default=0) for cells in columns]
    left = 1 - sum(width for width in widths if width <= LONGEST) / LINE
    n_long = sum(width > LONGEST for width in widths)
    paragraph = f"p{{{max(left, 0.3) / max(n_long, 1):.2f}\\linewidth}}"
    return "".join(
        paragraph if width > LONGEST else "r" if _has_numbers(cells) else "l"
        for cells, width in zip(columns, widths, strict=True)
    )


def _has_numbers(cells: Sequence[Cell]) -> bool:
    plain = all(re.fullmatch(r"-?[\d,.]+|—", cell.text) for cell in cells)
    return plain or any(cell.value is not None for cell in cells)


def _join_latex(texts: Iterable[str]) -> str:
    row = " & ".join(map(escape_latex, texts))
    guard = "{}" if row.startswith(("[", "*")) else ""  # Else an argument of the previous `\\`.
    return rf"    {guard}{row} \\"


def escape_latex(text: str) -> str:
    r"""Escape the special characters of LaTeX.

    Examples
    --------
    >>> print(escape_latex("50 % of R_1 & \\input"))
    50 \% of R\_1 \& \textbackslash{}input
    """
    signed = re.sub(r"(?<![^\s\[(])-(?=[\d∞])", "−", " ".join(text.split()))
    return "".join(LATEX.get(character, character) for character in signed)


# -------------------------------------------------------------------------------- CSV and Markdown


def to_csv(table: Table, name: str) -> str:
    """Write the texts of a table, and the unrounded numbers of its cells.

    The numbers are in a column to the right, named like the column with ": value" appended.
    Headings of groups are a first column.
    """
    grouped = any(group.heading for group in table.groups)
    valued = [
        any(row[place].value is not None for row in table.rows)
        for place in range(len(table.columns))
    ]
    head: list[object] = ["group"] if grouped else []
    for column, has_value in zip(table.columns, valued, strict=True):
        head += [column, f"{column}: value"] if has_value else [column]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    for group in table.groups:
        for row in group.rows:
            cells: list[object] = [group.heading] if grouped else []
            for cell, has_value in zip(row, valued, strict=True):
                cells += [cell.text, cell.value] if has_value else [cell.text]
            writer.writerow(cells)
    return text.getvalue()


def to_markdown(table: Table, name: str) -> str:
    """Write a table in GitHub's Markdown, with its caption above; headings of groups are rows."""
    rows = [list(map(escape_markdown, table.columns)), ["---"] * len(table.columns)]
    for group in table.groups:
        if group.heading:
            rest = [""] * (len(table.columns) - 1)
            rows.append([f"**{escape_markdown(group.heading)}**", *rest])
        rows += [[escape_markdown(cell.text) for cell in row] for row in group.rows]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([escape_markdown(table.caption), "", *lines, ""])


def escape_markdown(text: str) -> str:
    r"""Escape the special characters of Markdown.

    Examples
    --------
    >>> print(escape_markdown("a | *b*"))
    a \| \*b\*
    """
    return MARKDOWN.sub(r"\\\g<0>", " ".join(text.split()))


FORMATS: Mapping[str, tuple[str, Callable[[Table, str], str]]] = {
    "latex": ("tex", to_latex),
    "csv": ("csv", to_csv),
    "markdown": ("md", to_markdown),
}
"""The file ending and the writer of each format."""
