"""From texts to values: a text is a number only where every reader takes it for the same one."""

import json
import re
from collections.abc import Iterable

import polars as pl

from fairtrial.kinds.data.datasets import TaskSettings

WHOLE = r"^[+-]?[0-9]{1,18}$"
POINT = r"^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$"
COMMA = POINT.replace(r"\.", ",")
NAN = r"(?i)^[+-]?nan$"
INFINITE = r"(?i)^[+-]?inf(?:inity)?$"
TRUTH = r"(?i)^(?:true|false)$"
# Numbers that are written in one way only: 01 and 1 are two postcodes.
PLAIN_WHOLE = r"^(?:0|-?[1-9][0-9]{0,17})$"
PLAIN_POINT = r"^-?(?:0|[1-9][0-9]{0,9})(?:\.[0-9]{1,5})?$"

# In lower case: texts that programs write, or read, in the place of a missing value.
MARKERS = frozenset([
    "na", "n/a", "#n/a", "<na>", "nan", "-nan", "nat", "null", "nil", "none", "missing", "?", "-",
    "--", ".", "..", "#div/0!", "#value!", "#ref!", "#name?", "#null!", "#num!", "1.#qnan",
    "-1.#ind",
])  # fmt: skip
GROUPED = re.compile(
    r"[+-]?[0-9]{1,3}(?:[,.' \u00a0\u2009\u202f][0-9]{3})+(?:[.,][0-9]+)?|"
    r"[+-]?[0-9]{1,2}(?:,[0-9]{2})+,[0-9]{3}(?:\.[0-9]+)?"  # As in India.
)
ADVICE: tuple[tuple[str, str], ...] = (
    (r"[+-]?0[xX][0-9a-fA-F.]+(?:[pP][+-]?[0-9]+)?", "write it in decimal digits"),
    (r"""=?["'‘“][+-]?[0-9.,]+["'’”]""", "write the number without quotes"),
    (r"[+-]?[0-9.]+[+-][0-9.]+[ij]", "write the parts of a complex number as two columns"),
    (r"[+-]?[0-9.]+/[0-9.]+", "write a fraction in decimal digits"),
    (r"[+-]?[0-9.,\s]+%", "write the number without the sign %"),
    (r"[+-]?[0-9.,\s]+[‰°](?:[CF])?", "write the number without the sign after it"),
    (
        r"[+-]?(?:[$€£¥₹₽]|[A-Z]{3})\s?[+-]?[0-9][0-9.,' \u00a0]*|"
        r"[+-]?[0-9][0-9.,' \u00a0]*\s?(?:[$€£¥₹₽]|[A-Z]{3})",
        "write the number without the currency",
    ),
    (
        r"[0-9]{1,4}([-/.])[0-9]{1,2}\1[0-9]{1,4}(?:[ T].*)?",
        "a date is no number: write the days since a fixed date, or {leave_out}",
    ),
    (
        r"[0-9]{1,2}:[0-9]{2}(?::[0-9.]+)?",
        "a time is no number: write it in one unit, such as minutes, or {leave_out}",
    ),
    (r"[\u2212\u2010-\u2015].*", "write the minus as '-'"),
    (r"\([0-9.,]+\)|[0-9.,]+-", "write a negative number with '-' before it"),
    (r"[\w.]*[(\[{]+[0-9.eE+-]+[)\]}]+", "write the number without brackets"),
    (r"[+-]?[0-9.]+[dD][+-]?[0-9]+", "write the exponent with e, as in 1.5e3"),
    (r"[<>~≈≤≥].*", "write one number, or leave the cell empty"),
    (r"(?i:yes|no|y|n|t|f|on|off)", "{as_truth}"),
    (r"[+-]?[0-9.,]+\s*[^\W\d_]+[²³]?", "write the number alone, without a unit"),
)


def interpret(task: TaskSettings, frame: pl.DataFrame) -> pl.DataFrame:
    """Turn the texts of the columns that are used into numbers, true and false, or null.

    A column of numbers stays text if one of its texts is no number, and a column of categories
    unless all of its texts are numbers.
    """
    return frame.with_columns([
        _interpret(task, column) for column in frame if column.name not in task.exclude
    ])  # fmt: skip


def _interpret(task: TaskSettings, column: pl.Series) -> pl.Series:
    markers = task.missing_values or []
    if column.dtype == pl.String:
        column = column.replace(dict.fromkeys(markers)) if markers else column
        is_category = column.name in task.categorical or (
            column.name == task.target and task.problem == "classification"
        )
        column = _read_category(column) if is_category else _read_numbers(column, task.decimal)
    numbers = [float(text) for text in markers if re.fullmatch(POINT, text)]
    if not numbers or not column.dtype.is_numeric():
        return column
    found = column.cast(pl.Float64).is_in(numbers).fill_null(False)
    return column.set(found, None)


def _read_numbers(column: pl.Series, decimal: str) -> pl.Series:
    """Read a column of numbers; as it is where one of its texts is no number."""
    kept = column.drop_nulls()
    if kept.is_empty():
        return column
    if kept.str.contains(TRUTH).all():
        return column.str.to_lowercase() == "true"
    if kept.str.contains(WHOLE).all():
        return _convert(column, int, pl.Int64)
    if not is_number(kept, decimal).all():
        return column
    column = column.str.replace(",", ".", literal=True) if decimal == "," else column
    return _convert(column, float, pl.Float64).fill_nan(None)


def _read_category(column: pl.Series) -> pl.Series:
    kept = column.drop_nulls()
    if kept.is_empty():
        return column
    if kept.str.contains(PLAIN_WHOLE).all():
        return _convert(column, int, pl.Int64)
    if kept.str.contains(PLAIN_POINT).all():
        return _convert(column, float, pl.Float64)
    if kept.str.contains(TRUTH).all():
        return column.str.to_lowercase() == "true"
    return column


def _convert(column: pl.Series, read: type[int] | type[float], dtype: type) -> pl.Series:
    # By Python, whose reading of decimals is exact to the last bit.
    values = [None if text is None else read(text) for text in column]
    return pl.Series(column.name, values, dtype)


def is_mixed(texts: pl.Series) -> bool:
    """Say whether some numbers have decimal points and others decimal commas."""
    return all(texts.str.contains(rf"^[+-]?[0-9]*{mark}[0-9]+$").any() for mark in (r"\.", ","))


def is_number(texts: pl.Series, decimal: str) -> pl.Series:
    """Say of each text whether it is a number, an infinite one, or NaN; null stays null."""
    return (
        texts.str.contains(COMMA if decimal == "," else POINT)
        | texts.str.contains(NAN)
        | texts.str.contains(INFINITE)
    )


def list_markers(texts: Iterable[str]) -> list[str]:
    """List the texts that often stand for a missing value, each once."""
    return [text for text in dict.fromkeys(texts) if text.lower() in MARKERS]


def advise_missing(markers: Iterable[str]) -> str:
    """Say which setting turns texts into missing values."""
    return f"missing_values = {json.dumps([*markers], ensure_ascii=False)}"


OF_FEATURES = {
    "leave_out": "exclude the column",
    "as_truth": "write true and false, or name the column in categorical",
}
OF_TARGETS = {"leave_out": "choose another column", "as_truth": "set problem to 'classification'"}


def advise_number(text: str, task: TaskSettings, is_target: bool = False) -> str | None:
    """Say what to write in place of a text that is no number; None where it is just text."""
    other = "," if task.decimal == "." else "."
    is_grouped = GROUPED.fullmatch(text) is not None
    if re.fullmatch(COMMA if other == "," else POINT, text):
        mark = "comma" if other == "," else "point"
        advice, when = f'write decimal = "{other}"', f"if the {mark} separates the decimals"
        if task.separator == other:
            advice = 'save the file with semicolons, and write separator = ";" and decimal = ","'
        if is_grouped:
            return f"if the {mark} separates thousands, remove it; {when}, {advice}"
        return f"{advice} {when}" if task.separator != other else advice
    if is_grouped:
        return f"write numbers without separators of thousands, as in {_ungroup(text)}"
    for pattern, advice in ADVICE:
        if re.fullmatch(pattern, text):
            return advice.format_map(OF_TARGETS if is_target else OF_FEATURES)
    if any(letter.isdecimal() and not letter.isascii() for letter in text):
        return "write it with the digits 0 to 9"
    return None


def _ungroup(text: str) -> str:
    """Write a grouped number plainly; a last mark unlike the others is the decimal one."""
    marks = re.findall(r"[^0-9+-]", text)
    decimals = ""
    if len(marks) > 1 and marks[-1] in ".," and marks[-1] not in marks[:-1]:
        text, _, decimals = text.rpartition(marks[-1])
    return re.sub(r"[^0-9+-]", "", text) + (f".{decimals}" if decimals else "")
