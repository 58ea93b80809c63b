"""The text of a CSV file: decoded and split into cells, or refused with what to write."""

import codecs
import csv
import io
import itertools
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import polars as pl

from fairtrial.errors import InputError
from fairtrial.kinds.data.datasets import TaskSettings
from fairtrial.settings.characters import find_control

SEPARATORS = ";\t|, "
# Rows that become columns at once: Python's texts take far more memory than Polars' do.
CHUNK = 20_000
LONGEST_SHOWN = 40
MOST_LISTED = 20  # Sentences about one file.
LONGEST_CELL = 131_072  # What Python's reader takes at most; a cell that is longer is a mistake.

MARKS = {  # The longer ones first: one is the beginning of another.
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
    codecs.BOM_UTF8: "utf-8",
}
NO_TEXT = {
    b"\x1f\x8b": "a gzip archive: unpack it",
    b"PK\x03\x04": "a zip archive or an Excel workbook: unpack it, or save it as CSV",
    b"\xd0\xcf\x11\xe0": "an Excel workbook: save it as CSV",
    b"BZh": "a bzip2 archive: unpack it",
    b"\xfd7zXZ": "an xz archive: unpack it",
    b"\x28\xb5\x2f\xfd": "a zstd archive: unpack it",
    b"\x93NUMPY": "an array of NumPy: save it as CSV",
    b"ARROW1\0": "an Arrow file: save its table as CSV or Parquet",
    b"FEA1\0": "a Feather file: save its table as CSV or Parquet",
    b"Obj\x01": "an Avro file: save its table as CSV or Parquet",
    b"RDX3\n": "a file of R: save its table with write.csv(..., row.names = FALSE)",
    b"7z\xbc\xaf\x27\x1c": "a 7-Zip archive: unpack it",
    b"Rar!\x1a\x07": "a RAR archive: unpack it",
    b"{\\rtf": "a text document: save its table as CSV",
    b"\x89HDF": "an HDF5 file: save its table as CSV",
    b"\x89PNG": "a picture: name a table",
    b"\xff\xd8\xff": "a picture: name a table",
    b"PAR1": "a Parquet file: give it a name that ends in .parquet",
    b"%PDF": "a PDF file: save its table as CSV",
    b"SQLite format 3\0": "a SQLite database: save its table as CSV",
    b"version https://git-lfs": "a pointer of Git LFS: fetch the file itself with git lfs pull",
}
NO_TABLE = {
    re.compile(rb"\s*<(!doctype|html)", re.IGNORECASE): "a web page: download the table itself",
    re.compile(rb"\s*<\?xml"): "an XML file: save its table as CSV",
    re.compile(rb'\s*(\{\s*"|\[\s*[\[{])'): "a JSON file: save its table as CSV",
    re.compile(rb"[+-]?[0-9.]+ [0-9]+:[0-9.eE+-]+\s"): "a LIBSVM file: save its table as CSV",
    re.compile(rb"\s*@relation", re.IGNORECASE): "an ARFF file: save its table as CSV",
}
DECIMALS = r"[+-]?[0-9]*\.[0-9]+"  # In a line of names, a sign that it holds values.
DECIMAL_COMMA = re.compile(r"[+-]?[0-9]+,[0-9]+")

Record = tuple[int, list[str]]  # The line that a row begins on, and its cells.


def read_csv(task: TaskSettings, path: Path, content: bytes) -> pl.DataFrame:
    """Split a CSV file into columns of text by the names of its first line; null for empty cells.

    What is blank is left out: lines, rows at the end, columns with neither a name nor a value.
    Raises `InputError` if the file is not text in the encoding, or no table.
    """
    text = decode(content, task.encoding, path)
    records = _list_records(text, task.separator, path)
    _, names = next(records, (0, []))
    if not names:
        raise InputError(f"{path} is empty: a table has names of columns, and rows.")
    _check_first_line(text, names, task, path)
    frame = _collect(names, records, text, task, path)
    return _name_columns(names, frame, path)


# --------------------------------------------------------------------------------- bytes to text


def decode(content: bytes, encoding: str, path: Path) -> str:
    """Decode a text file without the mark of its encoding, or raise `InputError`."""
    for start, what in NO_TEXT.items():
        if content.startswith(start):
            raise InputError(f"{path} is {what}.")
    for pattern, what in NO_TABLE.items():
        if pattern.match(content):
            raise InputError(f"{path} is {what}.")
    named = codecs.lookup(encoding).name
    mark = next((known for start, known in MARKS.items() if content.startswith(start)), None)
    if mark is not None and not named.startswith(mark):
        raise InputError(
            f"{path} begins with the mark of text in {mark.upper()}, but encoding = "
            f'"{encoding}": write encoding = "{mark}".'
        )
    try:
        text = content.decode(encoding)
    except UnicodeError as error:
        raise InputError(_word_undecodable(content, encoding, path, error)) from None
    if "\0" in text:
        raise InputError(_word_null(content, path))
    # Letters with accents have two spellings that look the same.
    return unicodedata.normalize("NFC", text.removeprefix("\ufeff"))


def _word_undecodable(content: bytes, encoding: str, path: Path, error: UnicodeError) -> str:
    start = error.start if isinstance(error, UnicodeDecodeError) else 0
    if (wide := _guess_wide(content)) is not None:
        return f'{path} is not text in {encoding}: write encoding = "{wide}" in the task.'
    if b"\0" in content:
        return _word_null(content, path)
    # Windows writes letters where Latin-1 has control characters.
    of_windows = any(0x80 <= byte < 0xA0 for byte in content)
    other = "cp1252" if of_windows else "latin-1"
    advice = f'write encoding = "{other}" in the task, or save the file as UTF-8'
    if codecs.lookup(encoding).name != "utf-8":
        advice = "name the encoding that the file was written in"
    line = content.count(b"\n", 0, start) + 1
    byte = content[start] if start < len(content) else 0
    return f"{path}, line {line}: the byte 0x{byte:02x} is not text in {encoding}: {advice}."


def _word_null(content: bytes, path: Path) -> str:
    if (wide := _guess_wide(content)) is not None:
        return f'{path} has a null in every other byte: write encoding = "{wide}" in the task.'
    line = content.count(b"\n", 0, content.index(b"\0")) + 1
    return (
        f"{path}, line {line}: there is a null character, which text does not have: the file is "
        "damaged, or no text. Save it again as CSV."
    )


def _guess_wide(content: bytes) -> str | None:
    """Tell UTF-16 without a mark by its nulls: Latin letters have one in every other byte."""
    even, odd = content[::2].count(0), content[1::2].count(0)
    if max(even, odd) * 3 < len(content) or min(even, odd) * 10 > len(content):
        return None
    return "utf-16-le" if odd > even else "utf-16-be"


# --------------------------------------------------------------------------------- text to cells


def _list_records(text: str, separator: str, path: Path) -> Iterator[Record]:
    """Yield the rows that are not blank, the names first."""
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True, strict=True
    )
    line = 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise InputError(_word_broken(str(error), line, reader.line_num, path)) from None
        cells = [cell.strip() for cell in cells]
        if len(cells) > 1 or any(cells):
            yield line, cells
        line = reader.line_num + 1


def _word_broken(message: str, first: int, last: int, path: Path) -> str:
    where = f"{path}, line {first}"
    if "end of data" in message:
        return f'{where}: a quote (") is opened and never closed: close it, or remove it.'
    if "field limit" in message or "field larger" in message:
        return (
            f"{where}: a cell has more than {LONGEST_CELL:,} characters: a quote may not be "
            "closed, or the file is no table."
        )
    if last > first:
        return (
            f"{where}: a quoted cell ends in line {last}, before a character that is no separator: "
            'close the quote (") where the cell ends.'
        )
    return (
        f"{where}: after a cell in quotes there is a character that is no separator: write a "
        'quote inside a quoted cell twice (""), or remove the quotes.'
    )


def _collect(
    names: list[str], records: Iterable[Record], text: str, task: TaskSettings, path: Path
) -> pl.DataFrame:
    """Collect the rows as columns, named by their positions."""
    schema = {str(position): pl.String for position in range(len(names))}
    frames = [pl.DataFrame(schema=schema)]
    records = iter(records)
    while chunk := list(itertools.islice(records, CHUNK)):
        for line, cells in chunk:
            if (n := len(cells)) != len(names):
                count = "1 value" if n == 1 else f"{n} values"
                advice = _advise_separator(text, task)
                advice = advice or _advise_ragged(line, cells, names, task.separator)
                raise InputError(
                    f"{path}, line {line} has {count}, but the line of names has {len(names)}: "
                    f"{advice}."
                )
        frames.append(pl.DataFrame([cells for _, cells in chunk], schema, orient="row"))
    frame = pl.concat(frames).with_columns(pl.all().replace("", None))
    filled = frame.select(~pl.all_horizontal(pl.all().is_null())).to_series().arg_true()
    return frame.head(int(filled[-1]) + 1 if len(filled) else 0)


def _advise_ragged(line: int, cells: list[str], names: list[str], separator: str) -> str:
    if len(names) == 1:
        return "the first line must be the names of the columns; remove what is above it"
    are_whole = all(re.fullmatch(r"[+-]?[0-9]+", cell) for cell in cells)
    if separator == "," and len(cells) == 2 * len(names) and are_whole:
        return (
            "if the numbers have decimal commas, save the file with semicolons and write "
            'separator = ";" and decimal = ","'
        )
    if len(cells) == len(names) + 1 and not cells[-1]:
        return f"it ends with {_write(separator)}: remove that, or end all lines so"
    if len(cells) == len(names) + 1 and line == 2:
        return (
            "if the first value names the row, as R writes it, give that column a name in the "
            "first line too"
        )
    return (
        "every line needs a value, or an empty cell, for each name; a value that holds "
        f"{_write(separator)} goes in quotes"
    )


# -------------------------------------------------------------------------------- the first line


def _check_first_line(text: str, names: list[str], task: TaskSettings, path: Path) -> None:
    """Refuse a first line that is no line of names in the way the task says."""
    first, second = _list_lines(text, 2)
    if re.fullmatch(r"(?i)sep=.", first):
        advice = f"remove it, and write separator = {_write(first[-1])} in the task"
        raise InputError(f"{path}, line 1: {first!r} is a line for Excel: {advice}.")
    alike = second and len(_split(second, task.separator)) == len(names)
    if first.startswith("#") and (second.startswith("#") or not alike):
        raise InputError(
            f"{path}, line 1: {shorten(first)!r} is a comment where the names of the columns are "
            "expected: remove the lines above the names."
        )
    if len(names) == 1 and (advice := _advise_separator(text, task)):
        raise InputError(f"{path}, line 1 has one name, {shorten(names[0])!r}: {advice}.")


def _advise_separator(text: str, task: TaskSettings) -> str:
    """Say what to write where another separator divides the first lines alike; else nothing."""
    lines = [line for line in _list_lines(text, 6) if line]
    for separator in SEPARATORS.replace(task.separator, ""):
        rows = [_split(line, separator) for line in lines]
        if len(rows[0]) > 1 and len({len(row) for row in rows}) == 1:
            cells = [cell.strip() for row in rows[1:] for cell in row]
            comma = any(DECIMAL_COMMA.fullmatch(cell) for cell in cells)
            decimal = ' and decimal = ","' if comma and task.decimal != "," else ""
            return f"write separator = {_write(separator)}{decimal} in the task"
    return ""


def _name_columns(names: list[str], frame: pl.DataFrame, path: Path) -> pl.DataFrame:
    """Name the columns, without those that have neither a name nor a value."""
    if all(re.fullmatch(DECIMALS, name) for name in names):
        raise InputError(
            f"{path}, line 1 has numbers, {', '.join(names[:3])}, where the names of the columns "
            "are expected: write a line of names above it."
        )
    if problems := list(_find_wrong_names(names)):
        raise make_refusal(path, problems)
    kept = [
        position
        for position, name in enumerate(names)
        if name or frame[:, position].null_count() < frame.height
    ]
    unnamed = [position for position in kept if not names[position]]
    # One stands for all: they are refused, or excluded, by the same name.
    kept = [position for position in kept if position not in unnamed[1:]]
    return frame[:, kept].rename({str(position): names[position] for position in kept})


def _find_wrong_names(names: list[str]) -> Iterator[str]:
    for name in dict.fromkeys(names):
        places = [position + 1 for position, other in enumerate(names) if other == name]
        if name and len(places) > 1:
            listed = f"{', '.join(map(str, places[:-1]))} and {places[-1]}"
            yield (
                f"Columns {listed} have the same name, {name!r}: give each column another name, "
                "or remove all but one."
            )
        if find_control(name):
            yield (
                f"The name of column {places[0]}, {shorten(name)!r}, has a line break or another "
                "character that cannot be seen: write it in one line, without such characters."
            )


def _list_lines(text: str, count: int) -> list[str]:
    """List the first lines that are not blank; empty ones where there are fewer."""
    lines = (line.strip("\r\n ") for line in io.StringIO(text, newline=""))
    found = list(itertools.islice((line for line in lines if line.strip()), count))
    return found + [""] * (count - len(found))


def _split(line: str, separator: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=separator, skipinitialspace=True))
    except (csv.Error, StopIteration):
        return [line]


def _write(separator: str) -> str:
    return json.dumps(separator, ensure_ascii=False)


def make_refusal(path: Path, problems: Sequence[str]) -> InputError:
    """Make one error of all that is wrong with a file; only the first sentences of very many."""
    sentences = [f"{path} cannot be used:", *problems[:MOST_LISTED]]
    if len(problems) > MOST_LISTED:
        sentences.append(f"There are {len(problems) - MOST_LISTED:,} more such problems.")
    return InputError("\n  ".join(sentences))


def shorten(text: str) -> str:
    """Cut a text that is too long to be shown."""
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 3]}..."
