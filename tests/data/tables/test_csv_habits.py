"""CSV files with the habits of programs and people: read right, or refused with what to write."""

import re

import numpy as np
import polars as pl
import pytest

from data.tables.csv_files import TOWN, N, X, join, put, read
from fairtrial.errors import InputError

Y = [round(3.0 - 1.5 * row + 0.1 * (row % 3), 2) for row in range(N)]
PLAIN = join("x,y", X, Y)
READ = {
    "a mark twice": (b"\xef\xbb\xbf" * 2 + PLAIN.encode(), {}),
    "Windows' line ends written by Windows again": (PLAIN.replace("\n", "\r\r\n"), {}),
    "several kinds of line ends": (PLAIN.replace("\n", "\r\n", 5).replace("\n", "\r", 2), {}),
    "a page break at the end": (PLAIN + "\x0c\n", {}),
    "columns in line": (join("x    y", X, Y, separator="    "), {"separator": " "}),
    "spaces that do not break": (join("x,y\u00a0", [f"\u00a0{x}" for x in X], Y), {}),
    "tabs around values": (join("x,y", [f"\t{x}\t" for x in X], Y), {}),
    "bars at both ends": (
        join("| x | y |", [f"| {x}" for x in X], [f"{y} |" for y in Y], separator=" | "),
        {"separator": "|"},
    ),
    "a separator that cannot be seen": (PLAIN.replace(",", "\x1f"), {"separator": "\x1f"}),
    "a comma of China": (PLAIN.replace(",", "\uff0c"), {"separator": "\uff0c"}),
    "EBCDIC": (PLAIN.encode("cp037"), {"encoding": "cp037"}),
    "a name of 300 letters": (join("x" * 300 + ",y", X, Y), {}),
    "a name of the right to the left": (join("\u05d0\u05d1,y", X, Y), {}),
    "an accent in two signs": (join("x,re\u0301", X, Y), {"target": "r\u00e9"}),
    "an accent in one sign": (join("x,r\u00e9", X, Y), {"target": "re\u0301"}),
    "notes with line breaks between semicolons": (
        b"\xef\xbb\xbf" + join("x;note;y", X, ['"a\r\nb; c"'] * N, Y, separator=";").encode(),
        {"separator": ";", "exclude": ["note"]},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", READ)
def test_files_that_are_read(tmp_path, name):
    content, settings = READ[name]
    table = read(tmp_path, content, **settings)
    np.testing.assert_array_equal(table.X, np.array([X]).T)
    np.testing.assert_array_equal(table.y, np.array(Y, np.float32))


REFUSED = {
    "the target again, but for a gap": (
        join("x,z,y", X, put(Y, 3, ""), Y),
        {"missing": "impute"},
        "Column 'z' has the value of the target 'y' in every row",
    ),
    "the target again, with decimals": (
        join("x,z,y", X, [f"{row % 7}.0" for row in range(N)], [row % 7 for row in range(N)]),
        {},
        "Column 'z' has the value of the target 'y' in every row",
    ),
    "the classes again, as numbers": (
        join("x,z,y", X, [row % 2 for row in range(N)], TOWN),
        {"problem": "classification"},
        "Column 'z' names the classes of the target 'y' in another way, so that there is nothing",
    ),
    "the classes again, in another language": (
        join("x,z,y", X, [town.replace("Bern", "Berne") for town in TOWN], TOWN),
        {"problem": "classification", "categorical": ["z"]},
        "Column 'z' names the classes of the target 'y' in another way",
    ),
    "files joined with their first lines": (
        PLAIN + PLAIN,
        {},
        "The target 'y' holds 'y' in row 21, but the targets of a regression are numbers: the line "
        "of names is there again: remove that row.",
    ),
    "files joined with their marks": (
        PLAIN + "\ufeff" + PLAIN,
        {},
        "Column 'x' holds '\\ufeffx' in row 21, where numbers are needed: the line of names is",
    ),
    "no line of names": (
        PLAIN.partition("\n")[2],
        {},
        "line 1 has numbers, 0.5, 3.0, where the names of the columns are expected: write a line",
    ),
    "no line of names, but a class": (
        join("", X, Y, TOWN).lstrip(),
        {},
        "; if the first line holds values, write a line of names above it.",
    ),
    "points and commas, commas set": (
        join("x;y", put(X, 2, "0,75"), [str(y).replace(".", ",") for y in Y], separator=";"),
        {"separator": ";", "decimal": ","},
        "Some numbers of the column have decimal points, others commas: use one of them.",
    ),
    "points and commas, points set": (
        join("x;y", put(X, 2, "0,75"), Y, separator=";"),
        {"separator": ";"},
        "Some numbers of the column have decimal points, others commas: use one of them.",
    ),
    "per mille": (join("x,y", put(X, 2, "5\u2030"), Y), {}, "without the sign after it."),
    "degrees": (join("x,y", put(X, 2, "5 \u00b0C"), Y), {}, "without the sign after it."),
    "dates in the target": (
        join("x,y", X, [f"{row + 1}.01.2024" for row in range(N)]),
        {},
        "a date is no number: write the days since a fixed date, or choose another column.",
    ),
    "yes and no in the target": (
        join("x,y", X, ["yes", "no"] * 10),
        {},
        "but the targets of a regression are numbers: set problem to 'classification'.",
    ),
    "numbers that float64 takes for others": (
        join("x,y", [2**53 + row for row in range(N)], Y),
        {},
        "files are read in float64, whose numbers there are 2 apart. Subtract a constant from the "
        "column, or exclude it.",
    ),
    "a constant, but for rounding": (
        join("x,y", [0.3, 0.1 + 0.2] * 10, Y),
        {},
        "Column 'x' has values near 0.3 that differ by about ",
    ),
    "one name in two spellings": (
        join("e\u0301,\u00e9,y", X, X, Y),
        {},
        "Columns 1 and 2 have the same name, '\u00e9'",
    ),
    "many names that cannot be": (
        PLAIN.replace("\n", "\x85") + ",".join(f"a\x0b{column}" for column in range(30)),
        {},
        "more such problems.",
    ),
    "many columns of text": (
        join(",".join([*(f"t{column}" for column in range(30)), "y"]), *[TOWN] * 30, Y),
        {},
        "There are 10 more such problems.",
    ),
    "a long text in every row": (
        join("a,x,y", ["q" * 5000] * N, X, Y),
        {"categorical": ["a"]},
        f"Column 'a' is '{'q' * 37}...' in every row",
    ),
    "classes with long names": (
        join("x,y", X, [("q" * 5000, "r" * 5000)[row % 10 == 0] for row in range(N)]),
        {"problem": "classification"},
        f"has classes with fewer than 5 rows ('{'r' * 37}...': 2)",
    ),
    **{
        f"a column {name!r} that counts": (
            join(f"{name},x,y", range(1, N + 1), X, Y),
            {},
            f"Column {name!r} seems to number the rows, as programs do unasked",
        )
        for name in ("row", "Row", "No", "nr", "#", "obs")
    },
    "an Arrow file": (b"ARROW1\0\0" + b"x" * 9, {}, "is an Arrow file: save its table as"),
    "a Feather file": (b"FEA1\0\0\0\0" + b"x" * 9, {}, "is a Feather file: save its table as"),
    "an Avro file": (b"Obj\x01" + b"x" * 9, {}, "is an Avro file: save its table as"),
    "a file of R": (b"RDX3\nX\n" + b"x" * 9, {}, "is a file of R: save its table with write.csv"),
    "a 7-Zip archive": (b"7z\xbc\xaf\x27\x1c", {}, "is a 7-Zip archive: unpack it."),
    "a RAR archive": (b"Rar!\x1a\x07\0", {}, "is a RAR archive: unpack it."),
    "a text document": (b"{\\rtf1\\ansi", {}, "is a text document: save its table as CSV."),
    "a LIBSVM file": ("1.5 1:0.5 2:3\n-1 2:4\n", {}, "is a LIBSVM file: save its table as CSV."),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_files_that_are_refused(tmp_path, name):
    content, settings, said = REFUSED[name]
    with pytest.raises(InputError, match=re.escape(said)) as error:
        read(tmp_path, content, **settings)
    lines = str(error.value).splitlines()
    assert len(lines) <= 22 and all(len(line) < 700 for line in lines)


def test_a_column_that_counts_may_be_used_by_another_name(tmp_path):
    assert read(tmp_path, join("week,x,y", range(1, N + 1), X, Y)).n_features == 2
    assert read(tmp_path, join("row,x,y", [7, 3] * 10, X, Y)).n_features == 2


def test_parquet_has_one_spelling_of_names_too(tmp_path):
    frame = pl.DataFrame({"x": X, "re\u0301": Y})
    frame.write_parquet(tmp_path / "table.parquet")
    table = read(tmp_path, (tmp_path / "table.parquet").read_bytes(), "table.parquet", target="ré")
    np.testing.assert_array_equal(table.y, np.array(Y, np.float32))


@pytest.mark.parametrize("offset", [0.0, 1e9, -1e12])
def test_features_far_from_zero_are_standardised(tmp_path, offset):
    draws = np.random.default_rng(0).integers(-3000, 3000, 400) / 1024.0  # Exact after the shift.
    content = join("x,y", [repr(offset + draw) for draw in draws.tolist()], np.arange(400) % 7)
    made = read(tmp_path, content).prepare(np.arange(300))[:, 0]
    expected = (draws - draws[:300].mean()) / draws[:300].std()
    np.testing.assert_allclose(made, expected, rtol=0, atol=1e-6 if abs(offset) < 1e10 else 2e-4)


def test_a_name_as_value_is_no_line_of_names(tmp_path):
    """A column may be called like one of its values."""
    spam = ["spam", *["ham", "spam"] * N][:N]
    with pytest.raises(InputError) as error:
        read(tmp_path, join("spam,x,y", spam, X, Y))
    assert "name the column in categorical or exclude" in str(error.value)
    with pytest.raises(InputError) as error:
        read(tmp_path, join("x,y", X, ["y", *["n", "y"] * N][:N]))
    assert "set problem to 'classification'" in str(error.value)
    with pytest.raises(InputError) as error:
        read(tmp_path, join("x,y", X, Y) + "x,y\n")
    assert f"'x' in row {N + 1}, where numbers are needed: the line of names is there again" in str(
        error.value
    )
