"""What is wrong with a user's file, as sentences that name the line, the value and the rule."""

import datetime
import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from fairtrial.errors import InputError, describe_object, show_object
from fairtrial.settings.characters import show_controls
from fairtrial.settings.document import Document, Place
from fairtrial.settings.hints import choose_words, hint_name, hint_value, say, write_table
from fairtrial.settings.names import end, find_nearest, list_kinds, list_models, suggest_kind
from fairtrial.settings.partial import BrokenRules, is_within, salvage

Model = TypeVar("Model", bound=BaseModel)

LONGEST_VALUE = 60  # Letters of a value that a sentence shows,
LONGEST_NAME = 200  # and of an arm's name.
TABLE_ERRORS = ("model_type", "model_attributes_type", "dict_type", "get_attribute_error")


@dataclass(frozen=True)
class Complaint:
    """One thing that is wrong; the first place that the file has, or a parent, gives the line.

    The last place is what is wrong: a value, or a table, one of whose rules is broken.
    """

    text: str
    places: tuple[Place, ...]
    is_rule: bool = field(default=False, compare=False)

    @property
    def place(self) -> Place:
        """The value that is wrong, or the table."""
        return self.places[-1]


def check(model: type[Model], document: Document) -> Model:
    """Make settings of a document's values, or raise `InputError` with a line for each error."""
    settings, complaints = examine(model, document.values)
    if complaints:
        raise make_error(document, complaints)
    return settings


def examine(
    model: type[Model], values: object, told: Collection[Complaint] = ()
) -> tuple[Model, list[Complaint]]:
    """Make settings of plain values, and say everything that is wrong with them.

    Where something is, settings are what `salvage` knows of them. What is `told` already is wrong
    as well, and is not told again; nor is what may follow from it.
    """
    complaints: list[Complaint] = []
    try:
        settings = model.model_validate(values)
        if not told:
            return settings, []
    except ValidationError as error:
        found = describe_all(error, model)
        complaints = [one for one in found if not any(_covers(other, one) for other in told)]
    wrong = [one.place for one in (*told, *complaints)]
    settings, broken = salvage(model, values, wrong)
    complaints += [_tell_rule(text, one, is_rule=True) for one in broken for text in broken[one]]
    return settings, complaints


def _covers(told: Complaint, other: Complaint) -> bool:
    """Say whether another complaint is the one that is told, or may follow from it."""
    if told.is_rule:
        return other.place == told.place
    return is_within(other.place, told.place)


def describe_all(error: ValidationError, model: type[BaseModel]) -> list[Complaint]:
    """Say every error of Pydantic's in the words of a study file."""
    complaints: list[Complaint] = []
    details = error.errors()
    unknown = [one["loc"] for one in details if one["type"] == "extra_forbidden"]
    for detail in details:
        if detail["type"] == "missing" and any(_is_meant(one, detail["loc"]) for one in unknown):
            continue  # It is there, misspelt.
        reason = detail.get("ctx", {}).get("error")
        if isinstance(reason, BrokenRules):
            place, _ = _locate(detail["loc"], model)
            complaints += [_tell_rule(text, place, is_rule=True) for text in reason.args]
        else:
            complaints.append(_describe(detail, model))
    return complaints


def _is_meant(unknown: tuple[int | str, ...], missing: tuple[int | str, ...]) -> bool:
    *table, name = unknown
    return [*missing[:-1]] == table and bool(find_nearest(str(name), [str(missing[-1])]))


def make_error(document: Document, complaints: Iterable[Complaint]) -> InputError:
    """Make one error of all complaints, in the order of the file's lines."""
    is_file = document.text is not None
    placed = [
        (_find_line(document, one), show_controls(choose_words(one.text, is_file)))
        for one in complaints
    ]
    placed.sort(key=lambda each: each[0] or 0)
    return InputError(
        "\n".join(
            f"{document.source}, line {line}: {text}" if line else f"{document.source}: {text}"
            for line, text in placed
        )
    )


def _find_line(document: Document, complaint: Complaint) -> int | None:
    for place in complaint.places:
        if place in document.lines:
            return document.lines[place]
    return document.find_line(complaint.places[-1] if complaint.places else ())


def name_place(place: Place) -> str:
    """Write a place as a dotted name; keys that TOML quotes are quoted."""
    name = ""
    for part in place:
        if isinstance(part, int):
            name += f"[{part}]"
            continue
        is_bare = re.fullmatch(r"[\w-]+", part, re.ASCII)
        key = part if is_bare else json.dumps(part, ensure_ascii=False)
        name += f".{key}" if name else key
    return name


def show(value: object, longest: int = LONGEST_VALUE) -> str:
    """Write a value much as TOML would, not too long."""
    text = write_value(value)
    return text if len(text) <= longest else text[: longest - 3] + "..."


def write_bare(value: object) -> str:
    """Write a value like `write_value`, but text without its quotes."""
    return value if isinstance(value, str) else write_value(value)


def write_setting(name: str, value: object) -> str:
    """Write a setting by the last part of its name, and numbers with six digits."""
    shown = f"{value:g}" if isinstance(value, float) else write_bare(value)
    return f"{name.rpartition('.')[2]}={shown}"


def write_value(value: object) -> str:
    """Write a value much as TOML would, however long."""
    match value:
        case bool():
            return str(value).lower()
        case Mapping():
            inner = ", ".join(
                f"{name_place((key,))} = {write_value(each)}" for key, each in value.items()
            )
            return f"{{ {inner} }}" if inner else "{}"
        case list():
            return f"[{', '.join(map(write_value, value))}]"
        case datetime.date() | datetime.time():
            return value.isoformat()
        case _:
            return describe_object(value)


# ----------------------------------------------------------------------------- Pydantic's errors


def _describe(detail: ErrorDetails, model: type[BaseModel]) -> Complaint:
    """Say one error of Pydantic's as a sentence in the words of a study file."""
    context, value = detail.get("ctx", {}), detail["input"]
    place, known = _locate(detail["loc"], model)
    name, places = name_place(place), (place,)
    if place[-1:] == ("[key]",):
        table = place[:-2]
        text = (
            f"{name_place(table)} has the name {show(value)}: names are text; write it in quotes."
        )
        return Complaint(text, (table,))
    match detail["type"]:
        case "missing":
            text = f"{name} is missing: give it a value."
        case "extra_forbidden":
            hint = hint_name(str(place[-1]), known, model, name_place(place[:-1]), value)
            text = end(f"{name} is not a known name{hint}")
        case "union_tag_invalid":
            kinds = [kind.strip("' ") for kind in str(context["expected_tags"]).split(",")]
            kind = value.get("kind") if isinstance(value, Mapping) else value
            text = end(f"{name} = {show(kind)} is not a known kind{suggest_kind(str(kind), kinds)}")
            places = ((*place, "kind"), place)
        case "union_tag_not_found":
            text = f"{name} has no kind: name one, as in {write_table('kind', '...')}."
        case "value_error":
            return _tell_rule(str(context["error"]), place)
        case _:
            hint = hint_value(detail["type"], value, str(place[-1]) if place else "")
            text = f"{name} = {_show_both(value)}: it must {_word_rule(detail)}{hint}."
    return Complaint(text, places)


def _show_both(value: object) -> str:
    is_alike = not isinstance(value, bool | Mapping | list)
    return show(value) if is_alike else say(show(value), show_object(value))


def _tell_rule(rule: str, place: Place, is_rule: bool = False) -> Complaint:
    """Say what a validator refuses; `is_rule` says that it is a rule between settings."""
    name = name_place(place)
    text = end(f"{name}: {rule}" if name else rule)
    return Complaint(text, (*_list_mentioned(rule, place), place), is_rule)


def _word_rule(detail: ErrorDetails) -> str:
    if detail["type"] in TABLE_ERRORS:
        return f"be a {say('table', 'dict')}, as in {write_table('name', 'value')}"
    rule = re.sub(r" after validation, not \d+$", "", detail["msg"])
    return re.sub(r"^.*? should (?=be|have|match)", "", rule)


def _list_mentioned(rule: str, place: Place) -> list[Place]:
    """Return the places that a rule about a table may speak of: the names in its sentence."""
    words = [word.strip(".") for word in re.findall(r"[\w.@-]+", rule)]
    return [(*place, *path) for word in words for path in ([word], word.split("."))]


def _locate(loc: tuple[int | str, ...], model: type[BaseModel]) -> tuple[Place, list[str]]:
    """Return the place that Pydantic means, and the names that are known beside it."""
    place: Place = ()
    known: list[str] = []
    here = [model]
    for part in loc:
        tagged = [m for m in here if part in (*list_kinds(m), m.__name__)]
        is_field = len(here) == 1 and part in here[0].model_fields
        if tagged and not is_field:  # Pydantic names the member of a union; a study file does not.
            here = tagged
            continue
        place = (*place, part)
        if isinstance(part, str):
            known = list(dict.fromkeys(name for m in here for name in m.model_fields))
            fields = [m.model_fields[part] for m in here if part in m.model_fields]
            here = [m for field in fields for m in list_models(field)]
    return place, known
