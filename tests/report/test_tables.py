"""Files of tables, read by Polars, markdown-it and a regular expression."""

import io
import re

import polars as pl
import pytest
from markdown_it import MarkdownIt

from fairtrial.lab.report import make_document
from fairtrial.report.blocks import Cell, Rows, Table
from fairtrial.report.files import escape_latex, to_csv, to_latex, to_markdown, write_tables

NASTY = Table(
    "nasty",
    "All that means something: 50 % of #1 & $2",
    ["name", "score"],
    [
        Rows(
            [[Cell("[a] | *b* _c_ `d`"), Cell("0.5 [0.4, 0.6]", value=0.51234567890123)]], "One|1"
        ),
        Rows([[Cell('x\\y, "z"\nnext <b>&amp;</b>'), Cell("—")]], "Two_2"),
    ],
)


@pytest.fixture(scope="module")
def tables(hostile_lab):
    """Every table of a lab with hostile names, and one more hostile table."""
    return make_document(hostile_lab).name_blocks(Table) | {"nasty": NASTY}


def flatten(text):
    return " ".join(text.split())


# ------------------------------------------------------------------------------------------ LaTeX


def read_latex(text):
    """The texts of a row of LaTeX."""
    words = {
        r"\textbackslash{}": "\\", r"\textless{}": "<", r"\textgreater{}": ">",
        r"\textbar{}": "|", r"\textquotedblright{}": '"', r"\textasciigrave{}": "`",
        r"\textasciicircum{}": "^", r"\textasciitilde{}": "~", r"$\infty$": "∞", r"$\surd$": "✓",
        r"$\times$": "✗", "$-$": "-", r"$\delta$": "δ", r"$\sigma$": "σ", r"\{": "{", r"\}": "}",
        r"\$": "$", r"\&": "&", r"\#": "#", r"\%": "%", r"\_": "_", "{}": "",
    }  # fmt: skip
    pattern = "|".join(map(re.escape, words))
    plain = re.sub(pattern, "", text)
    assert not re.search(r"[\\{}$&#^_~%<>|\"`∞]", plain), (
        plain
    )  # Nothing is left to be read as TeX.
    return re.sub(pattern, lambda found: words[found[0]], text)


def test_latex_has_the_texts_of_the_cells(tables):
    for name, table in tables.items():
        lines = to_latex(table, name).splitlines()
        assert [line.strip() for line in lines].count(r"\midrule") == 1
        start, end = lines.index(r"    \midrule"), lines.index(r"    \bottomrule")
        assert lines[start - 2] == r"    \toprule"
        assert lines[3] == rf"  \caption{{{escape_latex(table.caption)}}}"
        assert lines[4] == rf"  \label{{tab:{name}}}"
        body = [line for line in lines[start + 1 : end] if not re.search("space|multicolumn", line)]
        head, *rows = [lines[start - 1], *body]
        expected = [list(table.columns), *([cell.text for cell in row] for row in table.rows)]
        for row, texts in zip([head, *rows], expected, strict=True):
            assert row.endswith(r" \\")
            cells = re.split(r"(?<!\\)&", row.removesuffix(r"\\"))
            assert [read_latex(cell).strip() for cell in cells] == list(map(flatten, texts))
            assert not row.strip().startswith(("[", "*"))  # An end of a row takes them for its own.
        types = re.search(r"\\begin{tabular}{(.*)}$", "\n".join(lines), re.M)[1]
        assert len(re.sub(r"p{[\d.]+\\linewidth}", "p", types)) == len(table.columns)


def test_latex_has_group_headings_and_right_aligned_numbers():
    text = to_latex(NASTY, "nasty")
    assert r"\multicolumn{2}{l}{\emph{One\textbar{}1}} \\" in text
    assert text.count(r"\addlinespace") == 1
    assert r"\begin{tabular}{lr}" in text or re.search(r"{p{[\d.]+\\linewidth}r}", text)


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("50 % of $R_1$ & #2", r"50 \% of \$R\_1\$ \& \#2"),
        ("{a}^~", r"\{a\}\textasciicircum{}\textasciitilde{}"),
        (r"\input{x}", r"\textbackslash{}input\{x\}"),
        ("a<b|c", r"a\textless{}b\textbar{}c"),
        ("-0.5 [-∞, 2]", r"$-$0.5 [$-$$\infty$, 2]"),
        ("mini-batch 10-20", "mini-batch 10-20"),
        ("two\nlines", "two lines"),
    ],
)
def test_escape_latex(text, escaped):
    assert escape_latex(text) == escaped


# -------------------------------------------------------------------------------- CSV and Markdown


def test_csv_read_by_polars_equals_the_cells(tables):
    for name, table in tables.items():
        text = to_csv(table, name)
        read = pl.read_csv(io.BytesIO(text.encode()), infer_schema=False).fill_null("")
        assert read.height == len(table.rows)
        for place, column in enumerate(table.columns):
            cells = [row[place] for row in table.rows]
            assert read[column].to_list() == [cell.text for cell in cells]
            values = [cell.value for cell in cells]
            if any(value is not None for value in values):
                numbers = [float(text) if text else None for text in read[f"{column}: value"]]
                assert numbers == values
            else:
                assert f"{column}: value" not in read.columns


def test_csv_has_group_headings():
    read = pl.read_csv(io.StringIO(to_csv(NASTY, "nasty")))
    assert read.columns == ["group", "name", "score", "score: value"]
    assert read["group"].to_list() == ["One|1", "Two_2"]


def read_markdown(text):
    """The texts of the cells of a table, rendered by markdown-it, row by row."""
    rows, shown = [], []
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "inline" and token.level > 2:
            assert {child.type for child in token.children} <= {
                "text", "text_special", "strong_open", "strong_close"
            }  # fmt: skip
            rows[-1].append("".join(child.content for child in token.children))
        elif token.type == "inline":
            shown.append("".join(child.content for child in token.children))
    return shown, rows


def test_markdown_has_the_texts_of_the_cells(tables):
    for name, table in tables.items():
        shown, (head, *rows) = read_markdown(to_markdown(table, name))
        assert shown == [table.caption]
        assert head == list(table.columns)
        expected = []
        for group in table.groups:
            if group.heading:
                expected.append([group.heading, *[""] * (len(table.columns) - 1)])
            expected += [[flatten(cell.text) for cell in row] for row in group.rows]
        assert rows == expected


@pytest.mark.parametrize(("form", "ending"), [("latex", "tex"), ("csv", "csv"), ("markdown", "md")])
def test_write_tables_writes_one_file_per_table(form, ending, lab, tmp_path):
    document = make_document(lab)
    paths = write_tables(document, tmp_path, form)
    names = [f"{name}.{ending}" for name in document.name_blocks(Table)]
    assert [path.name for path in paths] == names
    assert sorted(names) == sorted(path.name for path in (tmp_path / "tables").iterdir())
    assert f"claims-statements.{ending}" in names
