"""Kinds and their families: the function is the kind, and knows all that is known of it."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any, ClassVar, Generic, Literal, NamedTuple, ParamSpec, TypeVar, overload

from pydantic import ConfigDict, ValidationError, create_model
from pydantic_core import PydanticUndefined

from fairtrial.errors import FairtrialError, InputError, show_object
from fairtrial.kinds.mechanism.failures import ResultError, describe_failure, locate_failure
from fairtrial.kinds.mechanism.signature import describe, is_number, is_word, read_fields, refuse
from fairtrial.settings.base import Settings, TimesMad, is_length, make_length
from fairtrial.settings.plain import dump_given

P = ParamSpec("P")
OwnSettings = TypeVar("OwnSettings", bound="KindSettings")
AnyKind = TypeVar("AnyKind", bound="Kind[...]")
Known = TypeVar("Known")


@dataclass(frozen=True, eq=False, kw_only=True)
class Kind(Generic[P]):
    """A registered function, with what is known of it; each family adds its facts.

    Called with settings alone, it makes its settings: `huber(delta=2.0)`. Called with its data, it
    is the function.

    Attributes
    ----------
    function : callable
        Of the family's data, with the settings as keyword-only arguments.
    label : str
        Its name for readers.
    also : str
        What others call it, for "did you mean"; words without hyphens, underscores and capitals.
    rule : callable or None
        A function of its settings: the sentence of a rule between them that is broken, or "".
    look : int or None
        The place in the palette of charts of what its series look like, the same in every chart.
    reference : str
        The library that the tests of fairtrial's own kinds compare it with.
    off_at_zero : tuple of str
        Settings that are numbers, and no part of a program where they are 0: there the function is
        given the float 0.0, and `is_off` says so.
    """

    family: ClassVar[Any]  # registry.Family
    data: ClassVar[tuple[str, ...]]
    # Data of which facts are functions, beside settings.
    given: ClassVar[frozenset[str]] = frozenset()
    # Settings of the family that it always refuses; they are there for a sentence that says why.
    refused: ClassVar[tuple[str, ...]] = ()
    compiled: ClassVar[bool] = False  # Whether its function is a part of compiled programs.

    function: Callable[..., Any]
    label: str = ""
    also: str = ""
    rule: Callable[..., str] | None = None
    look: int | None = None
    reference: str = "NumPy"
    off_at_zero: tuple[str, ...] = ()
    settings: "type[KindSettings]" = field(init=False)
    numbers: tuple[str, ...] = field(init=False)
    words: tuple[str, ...] = field(init=False)
    lengths: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        given = read_fields(self.function, self.data)
        base = self.family.base
        if taken := [name for name in given if name == "definition" or hasattr(base, name)]:
            reason = f"its setting {taken[0]} has the name of something that all settings have"
            raise refuse(self.function, f"{reason}: rename it")
        known = {**self.add_fields(), **given}
        derived: dict[str, Any] = {
            "label": self.label or self.name.replace("_", " "),
            "numbers": tuple(name for name, (kind, _) in given.items() if is_number(kind)),
            "words": tuple(name for name, (kind, _) in given.items() if is_word(kind)),
            "lengths": tuple(name for name, (kind, _) in given.items() if is_length(kind)),
        }
        for name in derived["lengths"]:
            annotation, default = given[name]
            known[name] = (make_length(annotation), default)
        derived["settings"] = self._make_settings(known)
        for name, value in derived.items():
            object.__setattr__(self, name, value)
        odd = [name for name in given if name not in self.numbers + self.words]
        if self.compiled and odd:
            raise refuse(self.function, f"its setting {odd[0]} must be a number, a bool or a word")
        self.check_facts({*known})

    @property
    def name(self) -> str:
        """The name in study files."""
        return self.function.__name__

    @property
    def is_own(self) -> bool:
        """Whether fairtrial brings it; else it is from outside."""
        return self.function.__module__.partition(".")[0] == __name__.partition(".")[0]

    @property
    def description(self) -> str:
        """What the docstring says before its sections."""
        return describe(self.function.__doc__ or "") or self.label

    def add_fields(self) -> dict[str, Any]:
        """Return the settings that the family adds to those of the signature."""
        return {}

    def check_facts(self, known: set[str]) -> None:
        """Refuse facts that are functions of something else than the settings."""
        if odd := [name for name in self.off_at_zero if name not in self.numbers]:
            raise refuse(self.function, f"its off_at_zero names {odd[0]}, which is no number of it")
        for fact, value in vars(self).items():
            if fact in ("function", "settings") or not callable(value):
                continue
            if not inspect.isfunction(value):
                kind = type(value).__name__
                reason = f"its {fact} is an object of the type {kind}: write a function or a lambda"
                raise refuse(self.function, reason)
            if strange := [one for one in list_arguments(value) if one not in known | self.given]:
                reason = f"its {fact} is a function of {strange[0]}, which is no setting of it"
                raise refuse(self.function, reason)

    def _make_settings(self, known: Mapping[str, Any]) -> "type[KindSettings]":
        words = f"{self.name}_{self.family.name}".split("_")
        fields: dict[str, Any] = {"kind": (Literal[self.name], self.name), **known}
        made: Any = create_model(
            "".join(word.capitalize() for word in words),
            __base__=self.family.base,
            __doc__=self.description,
            __module__=self.function.__module__,
            **fields,
        )
        made.definition = self
        given = {name: one.default for name, one in made.model_fields.items()}
        given = {
            name: default for name, default in given.items() if default is not PydanticUndefined
        }
        try:
            made.__pydantic_validator__.validate_python(given)
        except ValidationError as error:
            wrong = [one for one in error.errors() if one["type"] != "missing"]
            if wrong:
                reason = wrong[0]["msg"].removeprefix("Value error, ").rstrip(".")
                place = wrong[0]["loc"]  # None where it is a rule between settings.
                what = f"the default of {place[0]} is" if place else "the defaults are"
                raise refuse(self.function, f"{what} not allowed ({reason})") from None
        return made

    @overload
    def __call__(self, *values: P.args, **settings: P.kwargs) -> Any: ...
    @overload
    def __call__(self, data: Any, /, *more: Any, **settings: Any) -> Any: ...
    def __call__(self, *data: Any, **settings: Any) -> Any:
        """Make settings; with data, call the function."""
        if not data:
            return self.settings(kind=self.name, **settings)
        try:
            return self.function(*data, **settings)
        except FairtrialError:
            raise
        except Exception as error:
            if reason := self._find_misuse(data, settings):
                raise InputError(f"{self.name}: {reason}.") from error
            raise

    def _find_misuse(self, data: tuple[Any, ...], settings: Mapping[str, Any]) -> str:
        """Say what is wrong with a call of its function, where it fails; "" if nothing is seen."""
        wrong = [one for one in data if one is None or isinstance(one, str)]
        try:
            inspect.signature(self.function).bind(*data, **settings)
        except TypeError as error:
            reason = str(error)
        else:
            reason = ""
        if wrong:
            reason = f"{show_object(wrong[0])} is not data"
        if not reason:
            return ""
        named = [name for name in self.settings.model_fields if name != "kind"]
        how = f"settings are given by name, as in {self.name}({named[0]}=...)" if named else ""
        of_data = f"as a function it takes {', '.join(self.data)}" if self.data else ""
        return f"{reason}: {'; '.join(filter(None, [how, of_data]))}"

    def to_plain(self) -> str:
        """Return what stands for it in a study file."""
        return self.name

    def list_facts(self) -> dict[str, Any]:
        """Return what it was made of: its function, and what its decorator says."""
        return {one.name: getattr(self, one.name) for one in fields(self) if one.init}

    def __reduce__(self) -> tuple[Any, ...]:
        return find_kind, (self.family.name, self.name)


class Variant(NamedTuple):
    """A kind with its words and bools: what a program must contain. Numbers are its data.

    Numbers that are off at 0 are chosen too where they are off, and numbers that are None.
    """

    kind: Any  # Kind, with the facts of its family
    chosen: tuple[tuple[str, Any], ...] = ()

    @property
    def key(self) -> str:
        """What the names of its numbers begin with."""
        words = "".join(f",{name}={value}" for name, value in self.chosen)
        return f"{self.kind.family.name}.{self.kind.name}{words}"

    @property
    def use(self) -> str:
        """The name of the number that says in which lanes it acts."""
        return f"use.{self.key}"

    @property
    def weight(self) -> str:
        """The name of the number that says what it counts in each lane."""
        return f"weight.{self.key}"

    def apply(
        self, *data: Any, numbers: Mapping[str, Any], spread: Callable[[Any], Any] = lambda one: one
    ) -> Any:
        """Call the function with data and with each lane's numbers.

        The numbers (...) are those of all kinds; `spread` makes a number per lane meet the data.
        """
        chosen = dict(self.chosen)
        names = [name for name in self.kind.numbers if name not in chosen]
        own = {name: spread(numbers[f"{self.key}.{name}"]) for name in names}
        found = self.kind.function(*data, **chosen, **own)
        if found is None:
            raise ResultError("a wrong result: it returns nothing; end it with return")
        return found


class Fact(Generic[Known]):
    """A fact of the kind, by its name or another, as an attribute; maybe a function of settings."""

    def __init__(self, name: str = ""):
        self.name = name

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = self.name or name

    @overload
    def __get__(self, settings: None, owner: type) -> "Fact[Known]": ...
    @overload
    def __get__(self, settings: "KindSettings", owner: type) -> Known: ...
    def __get__(self, settings: Any, owner: type) -> Any:
        return self if settings is None else settings.ask(getattr(settings.definition, self.name))


class KindSettings(Settings):
    """Settings of a kind; `definition` is the kind."""

    model_config = ConfigDict(ignored_types=(Fact,))

    definition: ClassVar[Any]
    kind: str

    def _explain_rule(self) -> str:
        if (broken := self.ask(self.definition.rule)) and not isinstance(broken, str):
            reason = f'its rule returns {broken!r}: return a sentence, or "" where all is well'
            raise refuse(self.definition.function, reason)
        return broken or ""

    RULES = (_explain_rule,)

    @property
    def variant(self) -> Variant:
        """What a program that trains it must contain."""
        kind = self.definition
        off = [(name, 0.0) for name in kind.off_at_zero if getattr(self, name) == 0]
        absent = [(name, None) for name in kind.numbers if getattr(self, name) is None]
        chosen = [(name, getattr(self, name)) for name in kind.words]
        return Variant(kind, (*chosen, *off, *absent))

    @property
    def numbers(self) -> dict[str, Any]:
        """Its numbers, named as `Variant.apply` looks for them."""
        variant = self.variant
        names = [name for name in self._own_numbers if name not in dict(variant.chosen)]
        return {f"{variant.key}.{name}": getattr(self, name) for name in names}

    @property
    def own(self) -> dict[str, Any]:
        """The settings that the function takes, by name."""
        kind = self.definition
        return {name: getattr(self, name) for name in list_arguments(kind.function, kind.data)}

    def call_function(self, *data: Any) -> Any:
        """Call the function of the kind with data."""
        return self.definition.function(*data, **self.own)

    @property
    def _own_numbers(self) -> tuple[str, ...]:
        return self.definition.numbers

    @property
    def is_relative(self) -> bool:
        """Whether some of its lengths are relative to the data: `resolve` makes them numbers."""
        return any(isinstance(getattr(self, one), TimesMad) for one in self.definition.lengths)

    def resolve(self: OwnSettings, spread: float) -> OwnSettings:
        """Make lengths that are relative to the data numbers, by the spread of the residuals."""
        relative = {name: getattr(self, name) for name in self.definition.lengths}
        return self.model_copy(
            update={
                name: one.times_mad * spread
                for name, one in relative.items()
                if isinstance(one, TimesMad)
            }
        )

    def ask(self, fact: Any, *data: Any) -> Any:
        """Return a fact of the kind, maybe as a function of data and of some of its settings."""
        if not callable(fact):
            return fact
        settings = {name: getattr(self, name) for name in list_arguments(fact)[len(data) :]}
        try:
            return fact(*data, **settings)
        except Exception as error:
            if self.definition.is_own:
                raise
            place, name = locate_failure(error, fact), self.definition.name
            raise InputError(
                f"{place}: {name}: a fact of its decorator fails with {describe_failure(error)}."
            ) from None

    def __reduce__(self) -> tuple[Any, ...]:
        return restore_settings, (self.definition.family.name, dump_given(self))


@cache
def list_arguments(function: Callable[..., Any], without: tuple[str, ...] = ()) -> list[str]:
    """List the names of a function's arguments, without some."""
    return [name for name in inspect.signature(function).parameters if name not in without]


FAMILIES: dict[str, Any] = {}
"""Every family, by its name; `registry.Family` adds itself."""


def list_all_kinds() -> tuple[Kind[...], ...]:
    """List the kinds of all families."""
    return tuple(kind for family in FAMILIES.values() for kind in family)


def find_kind(family: str, name: str) -> Kind[...]:
    """Return a registered kind; `LookupError` if there is none of this name."""
    kind = FAMILIES[family].get(name)
    if kind is None:
        raise LookupError(f"There is no {family} of the name {name!r}.")
    return kind


def restore_settings(family: str, values: dict[str, Any]) -> KindSettings:
    """Make settings of what was given, where they are unpickled."""
    return find_kind(family, values["kind"]).settings(**values)
