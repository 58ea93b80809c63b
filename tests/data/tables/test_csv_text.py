"""CSV files as strangers write them: read right, or refused with what to write."""

import re

import numpy as np
import pytest

from data.tables.csv_files import TOWN, N, X, describe, join, put, read
from fairtrial.errors import InputError

Y = [round(3.0 - 1.5 * row, 2) for row in range(N)]


def refuse(folder, content, **others):
    with pytest.raises(InputError) as error:
        read(folder, content, **others)
    return str(error.value)


PLAIN = join("x,y", X, Y)
EURO = [str(value).replace(".", ",") for value in X], [str(value).replace(".", ",") for value in Y]

# What is read, and the settings that it needs: x and y come out as in PLAIN.
READ = {
    "plain": (PLAIN, {}),
    "windows line ends": (join("x,y", X, Y, end="\r\n"), {}),
    "old Macintosh line ends": (join("x,y", X, Y, end="\r"), {}),
    "no line end at the end": (PLAIN.rstrip("\n"), {}),
    "blank lines at the end": (PLAIN + "\n\n  \n", {}),
    "blank lines within": (PLAIN.replace("\n", "\n\n"), {}),
    "blank lines before": ("\n\n" + PLAIN, {}),
    "empty rows at the end": (PLAIN + ",\n,\n", {}),
    "an empty column without a name": (join("x,y,", X, Y, [""] * N), {}),
    "spaces around values": (join("x , y", X, [f"  {v} " for v in Y]), {}),
    "everything in quotes": (join('"x","y"', *([f'"{v}"' for v in c] for c in (X, Y))), {}),
    "quotes after a space": (join('x, "y"', X, [f' "{v}"' for v in Y]), {}),
    "a mark of UTF-8": (b"\xef\xbb\xbf" + PLAIN.encode(), {}),
    "UTF-16": (PLAIN.encode("utf-16"), {"encoding": "utf-16"}),
    "UTF-16 without a mark": (PLAIN.encode("utf-16-le"), {"encoding": "utf-16-le"}),
    "UTF-32": (PLAIN.encode("utf-32"), {"encoding": "utf-32"}),
    "semicolons": (PLAIN.replace(",", ";"), {"separator": ";"}),
    "tabs": (PLAIN.replace(",", "\t"), {"separator": "\t"}),
    "bars": (PLAIN.replace(",", "|"), {"separator": "|"}),
    "spaces": (PLAIN.replace(",", " "), {"separator": " "}),
    "decimal commas": (join("x;y", *EURO, separator=";"), {"separator": ";", "decimal": ","}),
    "decimal commas in quotes": (
        join("x;y", *([f'"{v}"' for v in c] for c in EURO), separator=";"),
        {"separator": ";", "decimal": ","},
    ),
    "plus signs": (join("x,y", [f"+{v}" for v in X], Y), {}),
    "exponents": (join("x,y", [f"{v:e}" for v in X], [f"{v:E}" for v in Y]), {}),
    "no zero before the point": (PLAIN.replace("\n0.", "\n."), {}),
    "the index excluded": (join(",x,y", range(N), X, Y), {"exclude": [""]}),
    "two columns without names excluded": (
        join(",,x,y", range(N), range(N), X, Y),
        {"exclude": [""]},
    ),
    "rows twice": (join("x,y", X, Y), {}),
    "text in what is excluded": (
        join("x,note,y", X, ['"a, ""b""\nc"'] * N, Y),
        {"exclude": ["note"]},
    ),
}


@pytest.mark.parametrize("name", READ)
def test_files_that_are_read(tmp_path, name):
    content, settings = READ[name]
    table = read(tmp_path, content, **settings)
    np.testing.assert_array_equal(table.X, np.array([X]).T)
    np.testing.assert_array_equal(table.y, np.array(Y, np.float32))


# What is refused: the file, the settings, and what is said.
REFUSED = {
    "the target twice": (
        join("x,y,y", X, Y, Y),
        {},
        "Columns 2 and 3 have the same name, 'y': give each column another name",
    ),
    "a name twice but for spaces": (
        join("x,y, y", X, Y, Y),
        {},
        "Columns 2 and 3 have the same name, 'y'",
    ),
    "the target twice, as pandas renames it": (
        join("x,y,y.1", X, Y, Y),
        {},
        "Column 'y.1' has the value of the target 'y' in every row",
    ),
    "pandas' index": (
        join(",x,y", range(N), X, Y),
        {},
        'Column 1 has no name, such as the one in which pandas and R number the rows: leave it out '
        'with exclude = [""]',
    ),
    "R's index": (join('"","x","y"', range(1, N + 1), X, Y), {}, "Column 1 has no name"),
    "R's index without a name": (
        join("x,y", range(1, N + 1), X, Y),
        {},
        "line 2 has 3 values, but the line of names has 2: if the first value names the row, as R",
    ),
    "pandas' index, read and written again": (
        join("Unnamed: 0,x,y", range(N), X, Y),
        {},
        "Column 'Unnamed: 0' seems to number the rows, as programs do unasked: leave it out with "
        'exclude = ["Unnamed: 0"]',
    ),
    "readr's index": (join("...1,x,y", range(N), X, Y), {}, "Column '...1' seems to number"),
    "an index with a name": (join("index,x,y", range(N), X, Y), {}, "Column 'index' seems to numb"),
    "the names of R's rows": (
        join("rownames,x,y", [f"car {row}" for row in range(N)], X, Y),
        {},
        "Column 'rownames' seems to number",
    ),
    "NA among numbers": (
        join("x,y", put(X, 3, "NA"), Y),
        {},
        "Column 'x' holds 'NA' in row 3, where numbers are needed: write missing_values = [\"NA\"] "
        "if it stands for a missing value.",
    ),
    "several marks of missing values": (
        join("x,z,y", put(X, 3, "NA"), put(X, 4, "?"), Y),
        {},
        'write missing_values = ["NA", "?"] if it stands',
    ),
    "NA in the target": (
        join("x,y", X, put(Y, 5, "n/a")),
        {},
        "The target 'y' holds 'n/a' in row 5, but the targets of a regression are numbers: write "
        'missing_values = ["n/a"] if it stands for a missing value.',
    ),
    "NA among categories": (
        join("town,x,y", put(TOWN, 7, "NA"), X, Y),
        {"categorical": ["town"], "missing": "drop"},
        "Column 'town' holds 'NA' in row 7, which often stands for a missing value: write "
        'missing_values = ["NA"] if it does, or missing_values = [] if it is a category.',
    ),
    "NA among classes": (
        join("x,y", X, put(TOWN, 7, "None")),
        {"problem": "classification"},
        "The target 'y' holds 'None' in row 7, which often stands for a missing value",
    ),
    "nan": (join("x,y", put(X, 4, "nan"), Y), {}, "Column 'x' has a missing value, in row 4"),
    "-NaN": (join("x,y", put(X, 4, "-NaN"), Y), {}, "Column 'x' has a missing value, in row 4"),
    "empty quotes": (join("x,y", put(X, 4, '""'), Y), {}, "'x' has a missing value, in row 4"),
    "Infinity": (join("x,y", put(X, 6, "Infinity"), Y), {}, "Column 'x' is inf in row 6: numbers"),
    "-inf": (join("x,y", X, put(Y, 6, "-inf")), {}, "The target 'y' is -inf in row 6: numbers"),
    "1e999": (join("x,y", put(X, 6, "1e999"), Y), {}, "Column 'x' is inf in row 6: numbers must"),
    "a decimal comma in quotes": (
        join("x,y", put(X, 2, '"0,75"'), Y),
        {},
        "Column 'x' holds '0,75' in row 2, where numbers are needed: save the file with "
        'semicolons, and write separator = ";" and decimal = ",".',
    ),
    "decimal commas between semicolons": (
        join("x;y", *EURO, separator=";"),
        {"separator": ";"},
        "Column 'x' holds '0,5' in row 1, where numbers are needed: write decimal = \",\"",
    ),
    "points where commas are decimal": (
        join("x;y", X, Y, separator=";"),
        {"separator": ";", "decimal": ","},
        "Column 'x' holds '0.5' in row 1, where numbers are needed: write decimal = \".\"",
    ),
    "thousands": (
        join("x,y", put(X, 2, '"1,234.56"'), Y),
        {},
        "holds '1,234.56' in row 2, where numbers are needed: write numbers without separators of "
        "thousands, as in 1234.56.",
    ),
    "thousands in the target": (
        join("x,y", X, put(Y, 2, '"1,234.56"')),
        {},
        "The target 'y' holds '1,234.56' in row 2, but the targets of a regression are numbers: "
        "write numbers without separators of thousands, as in 1234.56.",
    ),
    "thousands, or a decimal comma": (
        join("x;y", put(X, 2, "1,234"), Y, separator=";"),
        {"separator": ";"},
        "if the comma separates thousands, remove it; if the comma separates the decimals, "
        "write decimal",
    ),
    "millions": (join("x,y", put(X, 2, '"-1,234,567"'), Y), {}, "as in -1234567."),
    "thousands as in Switzerland": (join("x,y", put(X, 2, "1'234.5"), Y), {}, "as in 1234.5."),
    "thousands as in Germany": (join("x,y", put(X, 2, '"1.234,5"'), Y), {}, "as in 1234.5."),
    "thousands as in France": (join("x,y", put(X, 2, "1\u202f234"), Y), {}, "as in 1234."),
    "currency": (join("x,y", put(X, 2, "$5"), Y), {}, "write the number without the currency"),
    "a currency's code": (join("x,y", put(X, 2, "5 EUR"), Y), {}, "without the currency"),
    "per cent": (join("x,y", put(X, 2, "5 %"), Y), {}, "write the number without the sign %"),
    "a unit": (join("x,y", put(X, 2, "5 kg"), Y), {}, "write the number alone, without a unit"),
    "hexadecimal": (join("x,y", put(X, 2, "0x1F"), Y), {}, "write it in decimal digits"),
    "a date": (join("x,y", put(X, 2, "2024-01-31"), Y), {}, "a date is no number"),
    "a time": (join("x,y", put(X, 2, "12:30"), Y), {}, "a time is no number"),
    "yes and no": (join("x,y", ["yes", "no"] * 10, Y), {}, "write true and false, or name the"),
    "true among numbers": (join("x,y", put(X, 2, "true"), Y), {}, "holds 'true' in row 2"),
    "a minus that is none": (join("x,y", put(X, 2, "\u22125"), Y), {}, "write the minus as '-'"),
    "an underscore": (join("x,y", put(X, 2, "1_000"), Y), {}, "holds '1_000' in row 2"),
    "digits of another script": (join("x,y", put(X, 2, "\uff15"), Y), {}, "with the digits 0 to 9"),
    "a negative number in brackets": (join("x,y", put(X, 2, "(5)"), Y), {}, "with '-' before it"),
    "an exponent of Fortran": (join("x,y", put(X, 2, "1.5D3"), Y), {}, "the exponent with e"),
    "thousands as in India": (join("x,y", put(X, 2, '"1,23,456"'), Y), {}, "as in 123456."),
    "a fraction": (join("x,y", put(X, 2, "1/2"), Y), {}, "write a fraction in decimal digits"),
    "a complex number": (join("x,y", put(X, 2, "1+2j"), Y), {}, "a complex number as two columns"),
    "a list": (join("x,y", put(X, 2, "[0.5]"), Y), {}, "write the number without brackets"),
    "NumPy's writing": (join("x,y", put(X, 2, "np.float64(2)"), Y), {}, "without brackets"),
    "Excel's text": (join("x,y", put(X, 2, '"=""5"""'), Y), {}, "write the number without quotes"),
    "single quotes": (join("x,y", put(X, 2, "'5'"), Y), {}, "write the number without quotes"),
    "hexadecimal floats": (join("x,y", put(X, 2, "0x1.8p+1"), Y), {}, "it in decimal digits"),
    "numbers that float32 takes for 0": (
        join("x,y", [f"{x}e-40" for x in X], Y),
        {},
        "Column 'x' has no number that is larger than 5.25e-40 in size: training is in float32, "
        "where such numbers are 0. Multiply the column by a constant, such as 1e40.",
    ),
    "targets that float32 takes for 0": (
        join("x,y", X, [f"{y}e-300" for y in Y]),
        {},
        "Multiply the column by a constant, such as 1e299.",
    ),
    "a separator at the end of each line but the first": (
        PLAIN.replace("\n", ",\n").replace("x,y,", "x,y"),
        {},
        'line 2 has 3 values, but the line of names has 2: it ends with ",": remove that, or end',
    ),
    "a limit of detection": (join("x,y", put(X, 2, "<0.1"), Y), {}, "write one number, or leave"),
    "a remark": (join("x,y", put(X, 2, "broken"), Y), {}, "holds 'broken' in row 2, where numbers"),
    "an error of Excel": (join("x,y", put(X, 2, "#DIV/0!"), Y), {}, 'values = ["#DIV/0!"] if it'),
    "a line break in a category": (
        join("town,x,y", put(TOWN, 2, '"Be\nrn"'), X, Y),
        {"categorical": ["town"]},
        "Column 'town' holds 'Be\\nrn' in row 2, which has a line break or a control character",
    ),
    "semicolons": (
        PLAIN.replace(",", ";"),
        {},
        "line 1 has one name, 'x;y': write separator = \";\" in the task.",
    ),
    "semicolons and decimal commas": (
        join("x;y", *EURO, separator=";"),
        {},
        "line 1 has one name, 'x;y': write separator = \";\" and decimal = \",\" in the task.",
    ),
    "tabs": (PLAIN.replace(",", "\t"), {}, 'write separator = "\\t" in the task.'),
    "bars": (PLAIN.replace(",", "|"), {}, 'write separator = "|" in the task.'),
    "semicolons and a comma in a name": (
        join("x;y, or so", X, Y, separator=";"),
        {},
        'write separator = ";" in the task.',
    ),
    "commas, but semicolons are set": (PLAIN, {"separator": ";"}, 'write separator = ","'),
    "decimal commas without quotes": (
        join("x,y", *EURO),
        {},
        'save the file with semicolons and write separator = ";" and decimal = ",".',
    ),
    "Excel's line": ("sep=;\n" + PLAIN.replace(",", ";"), {}, "'sep=;' is a line for Excel: remov"),
    "Latin-1": (
        join("x,town,y", X, ["Z\xfcrich"] * N, Y).encode("latin-1"),
        {"exclude": ["town"]},
        'line 2: the byte 0xfc is not text in utf-8: write encoding = "latin-1" in the task',
    ),
    "Windows": (
        join("x,\u20ac,y", X, X, Y).encode("cp1252"),
        {},
        'line 1: the byte 0x80 is not text in utf-8: write encoding = "cp1252" in the task',
    ),
    "UTF-16": (PLAIN.encode("utf-16"), {}, 'in UTF-16, but encoding = "utf-8": write encoding = "'),
    "UTF-16 without a mark": (PLAIN.encode("utf-16-le"), {}, 'write encoding = "utf-16-le"'),
    "UTF-16, the high byte first": (PLAIN.encode("utf-16-be"), {}, 'encoding = "utf-16-be"'),
    "UTF-32": (PLAIN.encode("utf-32"), {}, 'write encoding = "utf-32".'),
    "UTF-8 where Latin-1 is set": (
        b"\xef\xbb\xbf" + PLAIN.encode(),
        {"encoding": "latin-1"},
        'begins with the mark of text in UTF-8, but encoding = "latin-1": write encoding = "utf-8"',
    ),
    "a null": (PLAIN.replace("0.5", "0\x005"), {}, "line 2: there is a null character"),
    "a short line": (PLAIN + "7\n", {}, "line 22 has 1 value, but the line of names has 2: every"),
    "a long line": (PLAIN + "7,8,9\n", {}, "line 22 has 3 values, but the line of names has 2"),
    "a quote that is never closed": (
        PLAIN + '7,"8\n9,10\n',
        {},
        'line 22: a quote (") is opened and never closed: close it, or remove it.',
    ),
    "a letter after a quote": (PLAIN + '"7"8,9\n', {}, "line 22: after a cell in quotes there is"),
    "a cell without an end": (PLAIN + "7" * 200_000 + ",1\n", {}, "a cell has more than 131,072"),
    "a title above the names": (
        "Data of 2024\n\n" + PLAIN,
        {},
        "has 2 values, but the line of names has 1: the first line must be the names",
    ),
    "comments above the names": ("# a\n# b\n" + PLAIN, {}, "line 1: '# a' is a comment where"),
    "nothing": ("", {}, "is empty: a table has names of columns, and rows."),
    "blank lines alone": ("\n \n\n", {}, "is empty: a table has names of columns, and rows."),
    "a mark alone": (b"\xef\xbb\xbf", {}, "is empty: a table has names of columns, and rows."),
    "names alone": ("x,y\n", {}, "The number of rows is 0: at least 10 are needed."),
    "one column": (join("y", Y), {}, "There is only one column, 'y': a table has a target and"),
    "a name with a line break": (join('"x\n(m)",y', X, Y), {}, "The name of column 1, 'x\\n(m)', "),
    "a name that turns": (join("x\u202e,y", X, Y), {}, "The name of column 1, 'x\\u202e', has a"),
    "gzip": (b"\x1f\x8b\x08" + b"x" * 9, {}, "is a gzip archive: unpack it."),
    "a workbook": (b"PK\x03\x04" + b"x" * 9, {}, "is a zip archive or an Excel workbook"),
    "a web page": ("<!DOCTYPE html>\n<p>\n", {}, "is a web page: download the table itself."),
    "a JSON file": ('[{"x": 1, "y": 2}]', {}, "is a JSON file: save its table as CSV."),
    "an XML file": ("<?xml version='1.0'?>\n<a/>\n", {}, "is an XML file: save its table as CSV."),
    "an ARFF file": ("@relation a\n@data\n1,2\n", {}, "is an ARFF file: save its table as CSV."),
    "a picture": (b"\x89PNG\r\n\x1a\n\0\0", {}, "is a picture: name a table."),
    "an array": (b"\x93NUMPY\x01\0", {}, "is an array of NumPy: save it as CSV."),
    "an xz archive": (b"\xfd7zXZ\0\0", {}, "is an xz archive: unpack it."),
    "a pickle": (b"\x80\x04\x95\0\0\0", {}, "line 1: there is a null character, which text does"),
    "a Parquet file": (b"PAR1" + b"x" * 9, {}, "give it a name that ends in .parquet."),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_files_that_are_refused(tmp_path, name):
    content, settings, said = REFUSED[name]
    told = refuse(tmp_path, content, **settings)
    assert said in told
    assert str(tmp_path / "table.csv") in told and told.endswith(".")


def test_texts_that_stand_for_missing_values(tmp_path):
    content = join("town,x,y", put(TOWN, 7, "NA"), put(put(X, 3, "-999"), 4, "?"), put(Y, 9, "NA"))
    settings = {"categorical": ["town"], "missing_values": ["NA", "?", "-999.0"]}
    dropped = read(tmp_path, content, missing="drop", **settings)
    kept = [row for row in range(N) if row + 1 not in (3, 4, 7, 9)]
    np.testing.assert_array_equal(dropped.X[:, 0], np.array(X)[kept])
    np.testing.assert_array_equal(dropped.X[:, 1], np.array(kept) % 2)
    np.testing.assert_array_equal(dropped.y, np.array(Y, np.float32)[kept])
    assert [*map(len, dropped.categories)] == [2]


def test_a_category_may_be_called_na(tmp_path):
    content = join("town,x,y", put(TOWN, 7, "NA"), X, Y)
    table = read(tmp_path, content, categorical=["town"], missing_values=[])
    assert [*map(len, table.categories)] == [3]


def test_numbers_that_are_names_stay_apart(tmp_path):
    codes = [("01", "1", "1.0", "007")[row % 4] for row in range(N)]
    table = read(tmp_path, join("code,x,y", codes, X, Y), categorical=["code"])
    assert [*map(len, table.categories)] == [4]


def test_large_whole_numbers_are_not_mixed_up(tmp_path):
    codes = [9007199254740992 + row % 2 for row in range(N)]
    table = read(tmp_path, join("c,x,y", codes, X, Y), categorical=["c"])
    assert [*map(len, table.categories)] == [2]
    codes = [10**30 + row % 2 for row in range(N)]
    table = read(tmp_path, join("c,x,y", codes, X, Y), categorical=["c"])
    assert [*map(len, table.categories)] == [2]


@pytest.mark.parametrize("name", ["table.tsv", "table.txt"])
def test_other_endings(tmp_path, name):
    table = read(tmp_path, PLAIN.replace(",", "\t"), name, separator="\t")
    np.testing.assert_array_equal(table.y, np.array(Y, np.float32))


def test_settings_of_csv_files_are_not_for_parquet(tmp_path):
    with pytest.raises(InputError, match=r"is a Parquet file, and separator = ';' is for CSV"):
        read(tmp_path, b"PAR1", "table.parquet", separator=";")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"separator": ""}, "separator: '' must be one character between values"),
        ({"separator": "ab"}, "separator: 'ab' must be one character"),
        ({"separator": "\n"}, "must be one character"),
        ({"separator": '"'}, "must be one character"),
        ({"separator": "5"}, "must be one character"),
        ({"decimal": ","}, "separator and decimal are both ','"),
        ({"decimal": ";"}, "decimal = ';'"),
        ({"encoding": "utf-88"}, "'utf-88' is not a known encoding of text"),
        ({"encoding": "hex"}, "'hex' is not a known encoding of text"),
        ({"encoding": "a\0b"}, "is not a known encoding of text"),
        ({"missing_values": "NA"}, "missing_values = 'NA'"),
        ({"missing_values": [""]}, "missing_values[0] = ''"),
    ],
)
def test_settings_that_are_refused(settings, said):
    with pytest.raises(InputError, match=re.escape(said)):
        describe("a.csv", **settings)
