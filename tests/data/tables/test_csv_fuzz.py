"""Random CSV files: each is refused in a sentence, or read without a changed or leaked number."""

import random
import re

import numpy as np
import pytest

from fairtrial.data.tables.table import read_table
from fairtrial.errors import InputError
from fairtrial.study.task import TableTask

NUMBERS = ["1", "-2.5", "3e2", "+4", ".5", "6.", "1e-40", "123456789012345678901", "0", "00", "7"]
ODD = [
    "", " ", "NA", "nan", "-NaN", "inf", "-Infinity", "1e999", "true", "FALSE", "1,5", "1.234,5",
    "1,234", "1 234", "$5", "5%", "0x1F", "1_0", "\u22125", "\uff15", "\u0660", "5\u00a0", "a;b",
    "x\ty", '"', '""', "\n", "\r", "\x00", "\x1a", "\u202e", "\ufeff", "#", "\u2028", "\x85",
    "e5", "1e", "--1", "2024-01-01", "12:30", "(5)", "1d5", "None", "?", "\x0c", "9" * 400, "'",
    "\\", "1/2",
]  # fmt: skip
NAMES = [
    "x",
    "z",
    "a b",
    "y",
    "Y",
    "",
    " y",
    "y ",
    "Unnamed: 0",
    "index",
    "1",
    "\u00e4",
    "x\ny",
    "#x",
]
TOWNS = ["Bern", "Chur", "NA", "", "01", "1", "1.0", "true", "a,b", 'say "hi"', "Z\u00fcrich"]
ENCODINGS = ["utf-8", "utf-8-sig", "latin-1", "cp1252", "utf-16", "utf-16-le", "utf-32"]


def make_cell(draw, kind, oddness):
    if draw.random() < oddness:
        return draw.choice(ODD)
    if kind == "town":
        return draw.choice(TOWNS[:2])
    if kind == "whole":
        return str(draw.randrange(-50, 50))
    return draw.choice([f"{draw.gauss(0, 100):.{draw.randrange(9)}f}", draw.choice(NUMBERS)])


def write_cell(draw, text, separator):
    if separator in text or re.search(r'["\r\n]', text):
        if draw.random() < 0.95:
            return '"' + text.replace('"', '""') + '"'
    elif draw.random() < 0.1:
        return f'"{text}"'
    return f" {text} " if draw.random() < 0.05 else text


def make_file(draw):
    """Make the bytes of a file, and the settings of a task that may fit."""
    oddness = draw.choice([0, 0, 0, 0.005, 0.02, 0.1])
    names = draw.sample(["x", "z", "w", "y"], k=4)
    kinds = {name: draw.choice(["number", "whole"]) for name in names}
    kinds["w"] = "town"
    written = [draw.choice(NAMES) if draw.random() < oddness else name for name in names]
    rows = [written]
    for _ in range(draw.choice([0, 12, 15, 30, 40])):
        rows.append([make_cell(draw, kinds[name], oddness) for name in names])
        if draw.random() < oddness / 3:
            rows[-1] = draw.choice([[], rows[-1][1:], [*rows[-1], ""], [""] * 4, ["# note"]])
    separator, end = draw.choice(",,,;\t|"), draw.choice(["\n", "\n", "\r\n", "\r"])
    text = end.join(separator.join(write_cell(draw, c, separator) for c in row) for row in rows)
    text += draw.choice(["", end, end * 3, f"{end}{separator * 3}{end}"])
    encoding = draw.choice(ENCODINGS) if draw.random() < 0.3 else "utf-8"
    content = bytearray(text.encode(encoding, "replace"))
    for _ in range(draw.choice([0, 0, 0, 0, 1, 3]) if content else 0):
        place = draw.randrange(len(content))
        change = draw.randrange(4)
        if change == 0:
            content[place] = draw.randrange(256)
        elif change == 1:
            del content[place : place + draw.randrange(1, 9)]
        elif change == 2:
            content[place:place] = draw.choice([b'"', b"\n", b",", b"\0", b";", b"\xff", b" "])
        else:
            del content[place:]
        if not content:
            break
    settings = {
        "separator": separator if draw.random() < 0.95 else ",",
        "encoding": encoding if draw.random() < 0.95 else "utf-8",
        "missing": draw.choice(["refuse", "drop", "drop", "impute"]),
        "missing_values": draw.choice([None, [], ["NA"], ["NA", "0", "?", "None"]]),
        "decimal": "," if separator == ";" and draw.random() < 0.2 else ".",
        "categorical": ["w"] if draw.random() < 0.95 else [],
        "exclude": draw.choice([[], [], [], [""], ["z"]]),
        "problem": draw.choice(["regression", "regression", "classification"]),
    }
    if settings["separator"] == settings["decimal"]:
        settings["decimal"] = "."
    return bytes(content), settings


def split(text, separator):
    """Split a text into rows of cells, letter by letter; by no library."""
    rows, row, cell, state = [], [], [], "start"
    text = text.replace("\r\n", "\n").replace("\r", "\n") if '"' not in text else text
    position = 0
    while position < len(text):
        letter = text[position]
        position += 1
        if state == "quoted":
            if letter != '"':
                cell.append(letter)
            elif text[position : position + 1] == '"':
                cell.append(letter)
                position += 1
            else:
                state = "after"
        elif letter == separator:
            row.append("".join(cell))
            cell, state = [], "start"
        elif letter in "\r\n":
            position += letter == "\r" and text[position : position + 1] == "\n"
            rows.append([*row, "".join(cell)])
            row, cell, state = [], [], "start"
        elif state == "start" and letter == " ":
            continue
        elif state == "start" and letter == '"':
            state = "quoted"
        else:
            assert state != "after", "a letter after a quote must be refused"
            cell.append(letter)
            state = "plain"
    assert state != "quoted", "a quote that is open must be refused"
    return [*rows, [*row, "".join(cell)]] if row or cell else rows


def read_number(text, task):
    """Read one number as Python does; NaN where it is missing."""
    markers = task.missing_values or []
    if text == "" or text in markers:
        return np.nan
    if text.lower() in ("true", "false"):
        return float(text.lower() == "true")
    assert re.fullmatch(r"[-+0-9.,eE]+|[+-]?nan|[+-]?inf(inity)?", text, re.IGNORECASE), text
    value = float(text.replace(",", ".") if task.decimal == "," else text)
    return np.nan if value in [float(m) for m in markers if m.isdecimal()] else value


def read_independently(content, task):
    text = content.decode(task.encoding).removeprefix("\ufeff")
    rows = [[cell.strip() for cell in row] for row in split(text, task.separator)]
    names, *rows = [row for row in rows if len(row) > 1 or row[0]]
    while rows and not any(rows[-1]):
        rows.pop()
    assert {len(row) for row in rows} == {len(names)}
    return {name: [row[place] for row in rows] for place, name in enumerate(names)}, names


def check(content, settings, folder):
    """Return whether a file is read; what is read is compared number by number."""
    path = folder / "table.csv"
    path.write_bytes(content)
    values = {"kind": "table", "path": str(path), "target": "y"} | settings
    try:
        task = TableTask(**values)
        table = read_table(task)
    except InputError as error:
        assert str(error).endswith((".", "?")) and "Traceback" not in str(error)
        return False
    columns, names = read_independently(content, task)
    features = [n for n in names if n not in ("y", *task.exclude) and (n or any(columns[n]))]
    assert len(set(features)) == len(features) and "" not in features
    numbers = [name for name in features if name not in task.categorical]
    expected = np.array([[read_number(text, task) for text in columns[n]] for n in numbers]).T
    missing = [np.isnan(expected).any(1)] if numbers else []
    gone = ("", *(task.missing_values or []))
    used = [name for name in task.categorical if name in features]
    missing += [np.array([text in gone for text in columns[name]]) for name in used]
    if task.problem == "regression":
        y = np.array([read_number(text, task) for text in columns["y"]])
        missing.append(np.isnan(y))
    else:
        y = np.array(columns["y"])
        missing.append(np.array([text in gone for text in y]))
    kept = ~np.any(missing, 0) if task.missing == "drop" else np.full(len(y), True)
    if task.missing == "refuse":
        assert not np.any(missing)
    if numbers:
        np.testing.assert_array_equal(table.X[:, : table.n_numbers], expected[kept])
    if task.problem == "regression":
        with np.errstate(over="ignore"):
            np.testing.assert_array_equal(table.y, y[kept].astype(np.float32))
    else:
        assert len(table.y) == kept.sum()
    return True


@pytest.mark.parametrize(
    ("first", "count"), [(0, 300), pytest.param(300, 10_000, marks=pytest.mark.long)]
)
def test_random_files(tmp_path, first, count):
    n_read = 0
    for seed in range(first, first + count):
        content, settings = make_file(random.Random(seed))
        try:
            n_read += check(content, settings, tmp_path)
        except Exception as error:
            raise AssertionError(f"seed {seed}: {settings} {content!r}") from error
    assert n_read > count / 20
