"""What all settings share: frozen models, and the words of a study file, each with its rule."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self, get_args, get_origin

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import CoreSchema, core_schema

from fairtrial.errors import InputError, show_object
from fairtrial.paths import locate
from fairtrial.settings.characters import find_control
from fairtrial.settings.complaints import examine, make_error
from fairtrial.settings.document import Document
from fairtrial.settings.names import Either
from fairtrial.settings.partial import BrokenRules, Rule, UnknownSettingError, find_broken_rules
from fairtrial.settings.plain import make_plain


class Settings(BaseModel):
    """Base of all settings: frozen, strict about types, no unknown keys, finite numbers only."""

    # What holds between settings, in the order in which it is told.
    RULES: ClassVar[tuple[Rule, ...]] = ()

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    if not TYPE_CHECKING:  # Type checkers see the fields as arguments.

        def __init__(self, *unnamed: Any, **values: Any) -> None:
            refuse_unnamed(type(self), unnamed)
            # Settings stay what they are, also where a later study has other kinds.
            given = {
                name: value if isinstance(value, BaseModel) else make_plain(value)
                for name, value in values.items()
            }
            try:
                super().__init__(**given)
            except ValidationError:
                model = type(self)
                complaints = examine(model, given)[1]
                raise make_error(Document(model.__name__, {}), complaints) from None

        # Tables inside of others are made without it, so that all errors are told at once.
        __init__.__pydantic_base_init__ = True

        def __getattr__(self, name: str) -> Any:
            if name in type(self).model_fields:  # Of settings that `salvage` makes.
                raise UnknownSettingError(name)
            return super().__getattr__(name)

    @model_validator(mode="after")
    def _check_rules(self) -> Self:
        if broken := find_broken_rules(self):
            raise BrokenRules(*broken)
        return self

    def __hash__(self) -> int:
        # Pydantic's own refuses lists, and a task that holds one is still a key of tables of runs.
        return hash(_freeze([*vars(self).values()]))


def refuse_unnamed(made: type[Settings], unnamed: tuple[Any, ...]) -> None:
    """Refuse values without a name: settings of Python programs are given by name."""
    if unnamed:
        names = list(made.model_fields)
        raise InputError(
            f"{made.__name__} takes its settings by name, as in {made.__name__}({names[0]}=...), "
            f"and {show_object(unnamed[0])} has none (known: {', '.join(names)})."
        )


def _freeze(value: Any) -> Any:
    return tuple(map(_freeze, value)) if isinstance(value, list) else value


def _check_range(value: float) -> float:
    """Refuse what float32, in which training runs, would make 0 or infinite."""
    if value and not 1e-30 <= abs(value) <= 1e30:
        raise ValueError(f"{value:g} must be 1e-30 to 1e30 in size, as training is in float32")
    return value


# What the schema of study files says of `_check_range`.
_MOST: Any = {"maximum": 1e30}


class _AbsentByWord:
    """An annotation of settings that may be absent: they are where a study says `"none"`."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> CoreSchema:
        return core_schema.no_info_before_validator_function(
            lambda value: None if value == NONE else value, handler(source)
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: Any) -> dict[str, Any]:
        return {"anyOf": [{"const": NONE}, handler(schema)]}


NONE = "none"
ABSENT_BY_WORD = _AbsentByWord()

Number = Annotated[
    float, Field(json_schema_extra={"minimum": -1e30} | _MOST), AfterValidator(_check_range)
]
Positive = Annotated[
    float, Field(gt=0, json_schema_extra={"minimum": 1e-30} | _MOST), AfterValidator(_check_range)
]
NonNegative = Annotated[float, Field(ge=0, json_schema_extra=_MOST), AfterValidator(_check_range)]
Share = Annotated[float, Field(gt=0, lt=1)]
Rows = Annotated[int, Field(ge=2, lt=2**31)]
Decay = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(ge=1, lt=2**31)]


def check_text(text: str) -> str:
    """Refuse what would tear tables and terminals apart, and what cannot be seen."""
    if find_control(text):
        raise ValueError(
            f"{text!r} must be one line, without tabs, control characters or characters that turn "
            "the direction of text"
        )
    if not text.strip():
        raise ValueError(f"{text!r} must have a letter or another sign that can be seen")
    return text


def locate_data(path: str) -> str:
    """Make a path absolute, from the working directory: it may change before the data is read."""
    try:
        return str(locate(path))
    except InputError as error:
        raise ValueError(str(error).rstrip(".")) from None


DataPath = Annotated[str, Field(min_length=1), AfterValidator(locate_data)]
Line = Annotated[str, Field(min_length=1), AfterValidator(check_text)]


# ------------------------------------------------------------------------------------------ lengths


class InTargetUnits:
    """Marks a setting as a length in target units, which may be relative to the data."""


if TYPE_CHECKING:  # Functions are given numbers, and settings also tables: `huber(delta={...})`.
    Length = float | Any
    Distance = float | Any
else:
    Length = Annotated[Positive, InTargetUnits()]
    Distance = Annotated[NonNegative, InTargetUnits()]


class TimesMad(Settings):
    """A length relative to the data: `times_mad` times a robust standard deviation.

    That is the normalised median absolute deviation of the residuals at the start of training:
    1.4826 times the median of their distances from their median, over the training rows of the run.
    """

    times_mad: Positive


def make_length(number: Any) -> Any:
    """Make the annotation of such a setting: a number, or a table that is relative to the data."""
    return Annotated[Any, Either(number, TimesMad, lambda one: isinstance(one, Mapping | TimesMad))]


def is_length(annotation: Any) -> bool:
    """Say whether an annotation marks a length in target units."""
    is_marked = get_origin(annotation) is Annotated
    return is_marked and any(isinstance(one, InTargetUnits) for one in get_args(annotation)[1:])
