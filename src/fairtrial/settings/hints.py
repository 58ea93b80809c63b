"""What a teacher would say of a slip in a study file: values in quotes, brackets, other names."""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import date, time

from pydantic import BaseModel

from fairtrial.errors import describe_object
from fairtrial.settings.names import (
    find_nearest,
    find_same,
    list_kinds,
    list_known,
    list_models,
    list_names,
    simplify,
    suggest,
)

LISTED = {
    "arms": '{"name": ..., "set": {...}}',
    "baselines": '{"name": ..., "model": ft.svm()}',
    "claims": "ft.Claim(...)",
}
"""The lists of tables, each with what one of them is in Python."""
TABLES = ("task", "recipe", "vary")
MAY_BE_ABSENT = ("stopping", "validation", "clip")
"""Settings of a recipe that `"none"` leaves out, but for those with kinds or words of their own."""
OFF = ("none", "off", "no", "null", "false")
SURE = 0.75  # How alike names must be to look nowhere else.
ALONE = ("name", "seeds", "only_claimed")
MARKS = "\ue000\ue001\ue002"  # Private characters, which sentences do not have otherwise.
BOTH = re.compile("{0}([^{2}]*){1}([^{2}]*){2}".format(*MARKS))
NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


# ---------------------------------------------------------------------------------------- words


def say(in_file: str, in_python: str) -> str:
    """Put words for a study file and words for Python into a sentence; `choose_words` takes one."""
    return f"{MARKS[0]}{in_file}{MARKS[1]}{in_python}{MARKS[2]}"


def choose_words(sentence: str, is_file: bool) -> str:
    """Take the words for a study file, or those for Python, wherever a sentence has both."""
    return BOTH.sub(r"\1" if is_file else r"\2", sentence)


def write_table(name: str, value: str) -> str:
    """Write a table of one name, whose value is written already."""
    return say(f"{{ {name} = {value} }}", f'{{"{name}": {value}}}')


# --------------------------------------------------------------------------------------- values


def hint_value(wanted: str, value: object, name: str) -> str:
    """Return the end of a sentence: how to write a value; `wanted` is Pydantic's error."""
    if isinstance(value, str) and name in MAY_BE_ABSENT and value.lower() in OFF:
        return '; write "none" to leave it out'
    if wanted == "float_type" and name == "margin" and isinstance(value, str) and "%" in value:
        return "; write a number in the metric's unit"
    if wanted in ("int_type", "float_type"):
        return _hint_number(value, wanted == "int_type")
    if wanted == "bool_type":
        words = say("true or false, in small letters and", "True or False,")
        return f"; write {words} without quotes"
    if wanted == "string_type" and isinstance(value, list) and name == "on":
        return "; a claim has one metric: write a claim for each"
    if wanted == "string_type" and isinstance(value, bytes):
        return "; write it as text, without b before the quotes"
    if wanted == "string_type" and isinstance(value, bool | int | float | date | time):
        return f"; write it in quotes: {json.dumps(str(value))}"
    if wanted == "list_type":
        return _hint_list(value, name)
    if wanted in ("model_type", "model_attributes_type", "dict_type"):
        return _hint_table(value, name)
    return ""


def _hint_number(value: object, is_whole: bool) -> str:
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**63:
        return f"; write it without a decimal point or an exponent: {int(value)}"
    if isinstance(value, list) and len(value) > 0:
        varied = say('[vary] "NAME" = [...]', 'vary={"NAME": [...]}')
        return f"; several values are varied, as in {varied}"
    if not isinstance(value, str):
        return ""
    if (number := read_number(value)) is None:
        return "; write a number" if not is_whole else "; write a whole number"
    if is_whole and float(number).is_integer():
        number = str(int(float(number)))
    return f"; write it without quotes: {number}"


def read_number(text: str) -> str | None:
    """Return the number that a text means, as TOML writes it; None where it means none."""
    text = text.strip().replace("\u2212", "-").replace("_", "")
    if text.endswith("%") and NUMBER.fullmatch(text[:-1].strip()):
        return f"{float(text[:-1]) / 100:g}"
    if re.fullmatch(r"[+-]?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?", text):
        text = text.replace(",", "")
    elif re.fullmatch(r"[+-]?[0-9]+,[0-9]+", text):
        text = text.replace(",", ".")
    if not NUMBER.fullmatch(text):
        return None
    text = re.sub(r"\.(?=$|[eE])", ".0", text)
    return re.sub(r"^([+-]?)\.", r"\g<1>0.", text)


def _hint_list(value: object, name: str) -> str:
    if name in LISTED:
        brackets = f"write [[{name}]], with two brackets, above each of them"
        return f"; {say(brackets, f'give a list, as in {name}=[{LISTED[name]}]')}"
    if isinstance(value, Mapping):
        inner = next(iter(value), "momentum")
        dotted = f'"{name}.{inner}"'
        return f"; a dotted name goes in quotes, as in {dotted}{say(' =', ':')} [...]"
    if isinstance(value, str):
        return f"; write brackets, as in [{json.dumps(value)}]"
    written = say(str(value).lower(), describe_object(value))
    return f"; write brackets, as in [{written}]" if value is not None else ""


def _hint_table(value: object, name: str) -> str:
    if isinstance(value, list) and name in TABLES:
        varied = 'several values are varied, as in vary={"NAME": [...]}'
        in_python = varied if name == "vary" else "give one, and no list"
        return f"; {say(f'write [{name}], with one pair of brackets, and only once', in_python)}"
    if isinstance(value, str) and name in ("better", "than", "where"):
        loss, arm = (write_table(one, json.dumps(value)) for one in ("loss", "arm"))
        return f"; name a setting, as in {loss}, or an arm, as in {arm}"
    return ""


# ---------------------------------------------------------------------------------------- names


def hint_name(
    name: str, known: Iterable[str], model: type[BaseModel], place: str, value: object
) -> str:
    """Return the end of a sentence: where a name belongs, or which of the known names is meant.

    The model is that of the whole document; `place` is the dotted name of the table, empty at the
    top.
    """
    known = list(known)
    if find_same(name, known):
        return suggest(name, known)
    if not place and isinstance(value, Mapping) and value.keys() & set(model.model_fields):
        in_file = f"what it holds stands at the top of the file: leave out [{name}]"
        return f"; {say(in_file, f'what it holds are arguments of Study: leave out {name!r}')}"
    if name == place:
        return f"; leave out {name!r} and the point after it"
    if re.fullmatch(r"arms\[\d+\]", place) and not find_nearest(name, known, SURE):
        setting = write_table('"optimizer.learning_rate"', "0.01")
        return f"; the settings of an arm are in its set, as in set = {setting}"
    if place and (top := find_same(name, (*ALONE, *LISTED, *TABLES))):
        brackets = f"[[{top}]]" if top in LISTED else f"[{top}]"
        in_file = f"{brackets} is a table at the top of the file"
        if top in ALONE:
            in_file = f"{top} stands at the top of the file, above the first [table]"
        return f"; {say(in_file, f'{top} is an argument of Study')}"
    if find_nearest(name, known, SURE):
        return suggest(name, known)
    table = re.sub(r"\[\d+\]", "", place)
    if kinds := _list_kinds_with(name, model, table):
        listed = ", ".join(map(repr, kinds))
        return f"; it is a setting of {listed}{list_known(known)}"
    return _hint_elsewhere(name, known, model, table) or suggest(name, known)


def _hint_elsewhere(name: str, known: list[str], model: type[BaseModel], table: str) -> str:
    """Say in which places other than a table, whose names are known, a name is a setting."""
    names = list_names([model])
    if "." in table:  # What a kind lacks is seldom meant for another part of the study.
        part, own = table.partition(".")[0], f"{table}."
        names = {
            one: value
            for one, value in names.items()
            if one.startswith(f"{part}.")
            and simplify(one.rpartition(".")[2]) == simplify(name)
            and (not one.startswith(own) or one.removeprefix(own).partition(".")[0] in known)
        }
    nearest = find_elsewhere(name, names, f"{table}.")
    return f"; did you mean {nearest}?" if nearest else ""


def _list_kinds_with(name: str, model: type[BaseModel], table: str) -> list[str]:
    """List the kinds that may stand at a table and have a setting of that very name."""
    here = [model]
    for part in filter(None, table.split(".")):
        fields = [one.model_fields[part] for one in here if part in one.model_fields]
        here = [inner for field in fields for inner in list_models(field)]
    found = (kind for one in here if name in one.model_fields for kind in list_kinds(one))
    return list(dict.fromkeys(found))


def find_elsewhere(name: str, names: Mapping[str, bool | None], table: str = "") -> str:
    """Return the dotted names, as of `list_names`, that end in a name: those in a table first."""
    found = [other for other in names if find_same(name, [other.rpartition(".")[2]])]
    found = [other.removeprefix(table) for other in found if other.startswith(table)] or found
    # A table of that name is meant less often than a setting.
    settings = [one for one in found if names.get(table + one, names.get(one)) is None]
    found = settings or found
    fewest = min((other.count(".") for other in found), default=0)
    return " or ".join(repr(other) for other in found if other.count(".") == fewest)


# ----------------------------------------------------------------------------------------- TOML

# What is seen in a line that is no TOML, and what to write.
SLIPS: tuple[tuple[str, str], ...] = (
    (r"\r", "the lines end as on an old Macintosh: save the file with other line ends"),
    (r"^(<<<<<<<|=======|>>>>>>>)", "remove the marks of a merge, and one of its two sides"),
    (r"^\s*(```|~~~)", "remove the marks of Markdown around the study"),
    (r"^\s*<", "the file is a web page, or XML"),
    (r"[\x00-\x08\x0b-\x1f\x7f]", "remove the control character"),
    (
        r"[\u00a0\u2000-\u200d\u202f\u2060\u3000\ufeff]",
        "a space or a mark in it is not a plain space",
    ),
    (r"^\s*(import|from)\s+\w", "the file is a Python program, not a study"),
    (r"=\s*[\u2010-\u2015\u2212]\s*\d", "write the minus as '-'"),
    (r"[\uff01-\uff5e]", "write = and the other marks as on an English keyboard"),
    (r"^\s*[\w.-]*[^\W\x00-\x7f][\w.-]*\s*=", "a name with letters beyond a to z goes in quotes"),
    (r"^[^=\[{\"']*=[^=\[{\"',]*,\s*(#.*)?$", "leave out the comma at the end of the line"),
    (
        r"^[^=\[{\"']*=[^=\[{\"',]*\w\s+(\[|[A-Za-z_][\w.]*\s*=)",
        "begin a new line after each value",
    ),
    (r"^\s*[{]\s*$|^\s*[{]\s*\"", "a study file is TOML, not JSON: write name = value"),
    (r"[\u201c\u201d\u201e\u2018\u2019\u00ab\u00bb]", 'write straight quotes: "'),
    (r"^\s*(//|/\*|%|--|;)", "a comment begins with #"),
    (r"=\s*(True|False|TRUE|FALSE|Yes|No|yes|no|on|off)\s*(#.*)?$", "write true or false"),
    (r"=\s*(None|null|nil|NULL|NA)\s*(#.*)?$", "leave the setting out where it has no value"),
    (r"^[^=\"']*:=|==", "write one equals sign, as in name = value"),
    (r"^\s*[\w.\"]+\s*:(\s|$)", "write an equals sign, as in name = value"),
    (r"=\s*[+-]?\d{1,3}(,\d{3})+(\.\d+)?\s*(#.*)?$", "write numbers without commas, as in 1000"),
    (r"=\s*[+-]?\d+,\d+\s*(#.*)?$", "write decimals with a point, as in 0.1"),
    (r"=\s*[+-]?\.\d", "write a digit before the point, as in 0.1"),
    (r"=\s*[+-]?\d+\.(?!\d)", "write a digit after the point, as in 1.0"),
    (r"=\s*[+-]?0\d", "write numbers without zeros in front"),
    (r"=\s*[+-]?[\d.]+\s*%", "write a share as a number, as in 0.1"),
    (r"=\s*[+-]?\d+\s+\d", "write numbers without spaces"),
    (r"\"[^\"]*\\[^\"]*\"", "write paths with /, or in single quotes"),
    (r"=\s*[(]", "write lists in square brackets, as in [1, 2]"),
    (r"=\s*(#.*)?$", "give it a value"),
    (r";\s*$", "a line ends without a semicolon"),
    (r"^\s*\[\[[^\]]*\]?\s*(#.*)?$", "close both brackets, as in [[claims]]"),
    (r"^\s*\[[^\]]*(#.*)?$", "close the bracket, as in [task]"),
    (r"^[^=\"]*\w[ \t]+\w[^=]*=", "a name has no spaces: write learning_rate, or put it in quotes"),
    (r"[{][^}]*,\s*[}]", "leave out the comma before the closing brace"),
    (r"[{][^}]*$", "write a table in braces in one line"),
    (r"=\s*[A-Za-z_][\w .-]*(#.*)?$", 'write text in quotes, as in "mse"'),
    (r"[\[{,]\s*[A-Za-z_][\w-]*\s*[\],}]", 'write text in quotes, as in "mse"'),
    (r"^\s*[\w.]+\s*(#.*)?$", "write name = value"),
)


def looks_like_table(text: str) -> bool:
    """Say whether a text begins with two lines of as many values, and the first sets nothing."""
    first, second = [*text.split("\n"), ""][:2]
    alike = any(0 < first.count(mark) == second.count(mark) for mark in ",;\t")
    return alike and not re.search(r"[=\[\]{}#]", first)


def hint_toml(line: str, message: str) -> str:
    """Return the end of a sentence on a line that is no TOML: what to write, if it can be seen."""
    lowered = message.lower()
    if "twice" in lowered or "overwrite" in lowered or "already" in lowered or "mutate" in lowered:
        return "; write each name, and each [table], once"
    for pattern, advice in SLIPS:
        if re.search(pattern, line):
            return f"; {advice}"
    return ""
