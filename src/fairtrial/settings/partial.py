"""Settings of which some are wrong: the part that is known, and the rules that can be checked."""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from fairtrial.settings.document import Place
from fairtrial.settings.names import list_kinds, list_models

Found = TypeVar("Found")
Rule = Callable[[Any], str]
"""Of settings: the sentence of a rule that they break, or ""."""


class UnknownSettingError(Exception):
    """A setting is read that is wrong: what depends on it cannot be judged."""


class BrokenRules(ValueError):  # noqa: N818 - it is what Pydantic calls a value error.
    """Rules between settings that are broken; its arguments are a sentence for each."""

    def __str__(self) -> str:
        return ". ".join(self.args)


def list_known(found: Iterable[Found]) -> list[Found]:
    """List what is found, up to where something unknown is read."""
    known: list[Found] = []
    with contextlib.suppress(UnknownSettingError):
        known.extend(found)  # `extend` keeps what came before an error.
    return known


def find_broken_rules(settings: Any) -> list[str]:
    """List a sentence for each rule of settings that is broken, if that can be judged."""
    texts: list[str] = []
    for rule in settings.RULES:
        try:
            text = rule(settings)
        except UnknownSettingError:
            continue
        if text:
            texts.append(text)
    return texts


def is_within(place: Place, outer: Place) -> bool:
    """Say whether a place is another one, or in it."""
    return place[: len(outer)] == outer


def salvage(
    model: type[BaseModel], values: object, wrong: Iterable[Place]
) -> tuple[Any, dict[Place, list[str]]]:
    """Make the part of settings that is known, and list the broken rules of those it can check.

    Unknown is all that stands in a wrong place, or in a table that breaks a rule. Where a table has
    a name that is not known, its settings that are not given are unknown too, because the name may
    be meant for one of them. Reading what is unknown raises `UnknownSettingError`.
    """
    broken: dict[Place, list[str]] = {}
    return _salvage(model, values, {*wrong}, broken, ()), broken


def _salvage(
    model: type[BaseModel],
    values: Any,
    wrong: set[Place],
    broken: dict[Place, list[str]],
    here: Place,
) -> Any:
    made = model.model_construct()
    known, defaults = vars(made), dict(vars(made))
    known.clear()
    if not isinstance(values, Mapping) or here in wrong:
        return made
    is_complete = values.keys() <= model.model_fields.keys()
    for name in model.model_fields:
        place = (*here, name)
        if name in values:
            known |= _salvage_field(model, name, values[name], wrong, broken, place)
        elif is_complete and name in defaults and not _is_touched(place, wrong):
            known[name] = defaults[name]
    if texts := find_broken_rules(made):
        broken[here] = texts
        known.clear()
    return made


def _salvage_field(
    model: type[BaseModel],
    name: str,
    value: Any,
    wrong: set[Place],
    broken: dict[Place, list[str]],
    here: Place,
) -> dict[str, Any]:
    """Make what is known of one field: nothing, or it by its name."""
    if not _is_touched(here, wrong):
        try:
            return {name: _adapt(model, name).validate_python(value, strict=True)}
        except ValidationError:
            return {}
    models = list_models(model.model_fields[name])
    is_plain = len(models) == 1 and not list_kinds(models[0])
    if here in wrong:
        return {}
    if isinstance(value, list) and is_plain:
        rows = enumerate(value)
        return {name: [_salvage(models[0], one, wrong, broken, (*here, at)) for at, one in rows]}
    kind = value.get("kind") if isinstance(value, Mapping) else None
    fit = models if is_plain else [one for one in models if kind in list_kinds(one)]
    return {name: _salvage(fit[0], value, wrong, broken, here)} if len(fit) == 1 else {}


def _is_touched(place: Place, wrong: set[Place]) -> bool:
    return any(is_within(one, place) for one in wrong)


@lru_cache(maxsize=512)
def _adapt(model: type[BaseModel], name: str) -> TypeAdapter[Any]:
    field = model.model_fields[name]
    kind: Any = field.annotation
    for one in field.metadata:
        kind = Annotated[kind, one]
    return TypeAdapter(kind)


# ------------------------------------------------------------------------------ by dotted names


class KnownValues(dict[str, Any]):
    """Settings by dotted names; to look for those that are unknown, or in one, raises."""

    def __init__(self, known: Mapping[str, Any], unknown: Iterable[str]):
        super().__init__(known)
        self._unknown = frozenset(unknown)

    def _check(self, name: Any) -> None:
        parts = str(name).split(".")
        if any(".".join(parts[:length]) in self._unknown for length in range(1, len(parts) + 1)):
            raise UnknownSettingError(name)

    def __contains__(self, name: object) -> bool:
        self._check(name)
        return super().__contains__(name)

    def __getitem__(self, name: str) -> Any:
        self._check(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        """Return the value of a name; the default where there is none."""
        self._check(name)
        return super().get(name, default)

    def __iter__(self) -> Iterator[str]:
        if self._unknown:
            raise UnknownSettingError(*self._unknown)
        return super().__iter__()

    def keys(self) -> Any:
        """Return all names, if all are known."""
        return [*self]


def list_unknown(settings: BaseModel, prefix: str = "") -> Iterator[str]:
    """Yield the dotted names of what is unknown of settings."""
    for name in type(settings).model_fields:
        if name not in vars(settings):
            yield prefix + name
        elif isinstance(inner := vars(settings)[name], BaseModel):
            yield from list_unknown(inner, f"{prefix}{name}.")


def dump_known(settings: BaseModel) -> dict[str, Any]:
    """Dump what is known of settings."""
    return {name: _dump(value) for name, value in vars(settings).items()}


def _dump(value: Any) -> Any:
    if isinstance(value, list):
        return [*map(_dump, value)]
    return dump_known(value) if isinstance(value, BaseModel) else value
