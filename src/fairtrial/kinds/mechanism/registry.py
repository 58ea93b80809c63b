"""Families of kinds: what may stand in one place of a study file."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from functools import cached_property
from typing import Any, Generic, TypeVar, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic_core import CoreSchema, SchemaValidator, core_schema

from fairtrial.errors import describe_object, show_object
from fairtrial.kinds.mechanism.kind import FAMILIES, Kind, KindSettings, Variant, list_all_kinds
from fairtrial.kinds.mechanism.signature import PREFIX, check_function, locate_function, refuse
from fairtrial.settings.names import Choice, note_other_names

OwnSettings = TypeVar("OwnSettings", bound=KindSettings)
AnyKind = TypeVar("AnyKind", bound="Kind[...]")


class Family(Choice, Generic[OwnSettings]):
    """The kinds that may stand in one place of a study file; a field's annotation.

    All kinds have the settings of `base`. Where `is_implied`, a table may leave out its kind: then
    it is the first that has all of its settings. `decorators` are those that add kinds.
    """

    def __init__(
        self, name: str, base: type[OwnSettings], is_implied: bool = False, decorators: str = ""
    ):
        self.name, self.base, self.is_implied = name, base, is_implied
        self.decorators = decorators or f"@ft.{name}"
        self._kinds: dict[str, Kind[...]] = {}
        FAMILIES[name] = self

    def __iter__(self) -> Iterator[Kind[...]]:
        return iter([*self._kinds.values()])

    def get(self, name: str) -> Kind[...] | None:
        """Return the kind of a name; None where there is none."""
        return self._kinds.get(name)

    def get_attribute(self, name: str) -> Kind[...]:
        """Return the kind of a name, for modules, as in `fairtrial.losses.tukey`."""
        kind = self.get(name)
        if kind is None:
            raise AttributeError(f"there is no {self.name} of the name {name!r}")
        return kind

    def register(self, kind: AnyKind) -> AnyKind:
        """Add a kind in place of an earlier version; an `InputError` if another has its name."""
        there = self._kinds.get(kind.name)
        if there and not _is_newer(kind, there):
            raise refuse(
                kind.function,
                f"there is a {self.name} of this name already ({locate_kind(there)}): give the "
                "function another name",
            )
        self._kinds[kind.name] = kind
        vars(self).pop("_validator", None)
        note_other_names(kind.name, kind.also)
        return kind

    def forget(self, module: str) -> None:
        """Remove the kinds of a module."""
        own = [kind.name for kind in self if kind.function.__module__ == module]
        for name in own:
            del self._kinds[name]
        vars(self).pop("_validator", None)

    def _imply(self, table: Mapping[Any, Any]) -> str:
        kinds = [*self]
        fit = (kind for kind in kinds if table.keys() <= kind.settings.model_fields.keys())
        return next(fit, kinds[0]).name

    def list_models(self) -> list[type[KindSettings]]:
        """Return the settings of all kinds."""
        return [kind.settings for kind in self]

    def sort(self, variants: set[Variant]) -> tuple[Variant, ...]:
        """Sort variants of its kinds in the order in which the kinds are registered."""
        order = {name: position for position, name in enumerate(self._kinds)}
        return tuple(
            sorted(variants, key=lambda one: (order.get(one.kind.name, len(order)), one.key))
        )

    def validate(self, value: Any) -> Any:
        """Make settings of a table, a bare name, a kind or settings."""
        if isinstance(value, self.base):
            return value
        if isinstance(value, Kind | str):
            value = {"kind": value if isinstance(value, str) else value.name}
        if callable(value):
            raise ValueError(
                f"{show_object(value)} is not known as a kind: decorate a function with "
                f"{self.decorators}, and give that or its name"
            )
        if self.is_implied and isinstance(value, Mapping) and "kind" not in value:
            value = {"kind": self._imply(value), **value}
        return self._validator.validate_python(value)

    @cached_property
    def _validator(self) -> SchemaValidator:
        return SchemaValidator(self.make_union())

    def make_union(self) -> core_schema.TaggedUnionSchema:
        """Make the schema of the settings of all kinds, told apart by `kind`."""
        choices = {kind.name: kind.settings.__pydantic_core_schema__ for kind in self}
        return core_schema.tagged_union_schema(choices, discriminator="kind")

    def make_schema(self) -> CoreSchema:
        """Make what the JSON Schema says may stand there."""
        union = self.make_union()
        choices: list[Any] = list(union["choices"].values())
        return core_schema.union_schema(choices) if self.is_implied else union


def decorate(
    make: type[AnyKind], function: Callable[..., Any] | None, facts: dict[str, Any]
) -> Any:
    """Register a function with its facts; without a function, return what does so."""
    if function is None:
        return lambda function: decorate(make, function, facts)
    check_function(function)
    known = [one.name for one in fields(make) if one.init and one.name != "function"]
    if strange := [name for name in facts if name not in known]:
        reason = f"its decorator has no fact {strange[0]} (known: {', '.join(known)})"
        raise refuse(function, reason)
    if function.__module__.partition(".")[0] != __name__.partition(".")[0]:
        check_types(make, function, facts)
    return make.family.register(make(function=function, **facts))


def check_types(make: type[Kind[...]], function: Callable[..., Any], facts: Any) -> None:
    """Refuse facts of another type than the family's class gives them."""
    hints, config = get_type_hints(make), ConfigDict(strict=True, arbitrary_types_allowed=True)
    for fact, value in facts.items():
        try:
            TypeAdapter(hints[fact], config=config).validate_python(value)
        except ValidationError as error:
            rules = (one["msg"].removeprefix("Input should be ") for one in error.errors())
            reason = f"its {fact} = {describe_object(value)} must be"
            raise refuse(function, f"{reason} {' or '.join(dict.fromkeys(rules))}") from None


def label_kind(name: str) -> str:
    """Return the label of a kind, whatever its family; the name itself where there is no kind."""
    kinds = (family.get(name) for family in FAMILIES.values())
    return next((kind.label for kind in kinds if kind), name)


def list_looks() -> dict[str, int]:
    """Return the places in the palette of charts of the kinds that have one, by label."""
    return {kind.label: kind.look for kind in list_all_kinds() if kind.look is not None}


def locate_kind(kind: Kind[...]) -> str:
    """Say where a kind is from: its module and name, or the file and line of a file of kinds."""
    function = kind.function
    if function.__module__.startswith(PREFIX):
        return locate_function(function)
    return f"{function.__module__}.{function.__qualname__}"


def _is_newer(kind: Kind[...], there: Kind[...]) -> bool:
    """Say whether a kind is a later version of another one, as in a notebook."""
    if kind is there:
        return True
    # A file of kinds is run once, so it has both.
    is_in_file = kind.function.__module__.startswith(PREFIX)
    return not is_in_file and locate_kind(kind) == locate_kind(there)
