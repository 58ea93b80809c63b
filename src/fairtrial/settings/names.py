"""The dotted names of settings: `optimizer.learning_rate`, `task.noise.kind`."""

import difflib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Annotated, Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, TypeAdapter
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, core_schema

Value = TypeVar("Value")

MOST_LISTED = 20  # Names that a sentence lists.


def flatten(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Give nested settings their dotted names; what is absent is left out."""
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        elif isinstance(value, list) and value and all(isinstance(one, Mapping) for one in value):
            for position, each in enumerate(value):
                flat |= flatten(each, f"{prefix}{key}.{position}.")
        elif value is not None:
            flat[prefix + key] = value
    return flat


def refuse_twins(listed: Value, names: Sequence[str], what: str) -> Value:
    """Return what a study lists, or refuse it if two have one name."""
    if twice := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"{twice[0]!r} is listed twice: list each {what} once")
    return listed


def set_at(settings: dict[str, Any], name: str, value: object) -> None:
    """Set a dotted name in nested settings; tables on the way are made, or copied."""
    *path, last = name.split(".")
    for key in path:
        inner = settings.get(key)
        if isinstance(inner, str):
            inner = {"kind": inner}
        settings[key] = inner = dict(inner) if isinstance(inner, Mapping) else {}
        settings = inner
    settings[last] = value


class Choice(ABC):
    """What may stand at a field, known when asked for, such as a family of kinds; an annotation."""

    is_table = True  # Whether only tables, and the names of kinds, may stand there.

    @abstractmethod
    def validate(self, value: Any) -> Any:
        """Return the field's value; an error of Pydantic's goes on with its place."""

    @abstractmethod
    def make_schema(self) -> CoreSchema:
        """Make what the JSON Schema says may stand there."""

    def list_models(self) -> list[type[Any]]:
        """Return the models that the field may hold."""
        return []

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> CoreSchema:
        describe: Any = {"pydantic_js_functions": [lambda _, handler: handler(self.make_schema())]}
        return core_schema.no_info_plain_validator_function(self.validate, metadata=describe)


class Either(Choice):
    """A value of one of two types, told apart first, so that errors are those of its type."""

    def __init__(self, one: Any, other: Any, is_other: Callable[[Any], bool]):
        self._types, self._is_other = (one, other), is_other

    @cached_property
    def _adapters(self) -> list[TypeAdapter[Any]]:
        return [TypeAdapter(one) for one in self._types]

    @property
    def is_table(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Whether models stand there, whichever type it is."""
        return all(map(_list_models, self._types))

    def list_models(self) -> list[type[Any]]:
        """Return the models that the field may hold."""
        return [model for one in self._types for model in _list_models(one)]

    def validate(self, value: Any) -> Any:
        """Return the field's value."""
        adapter = self._adapters[self._is_other(value)]
        return adapter.validator.validate_python(value, strict=True)

    def make_schema(self) -> CoreSchema:
        """Make what the JSON Schema says may stand there."""
        choices: list[Any] = [one.core_schema for one in self._adapters]
        return core_schema.union_schema(choices)


def list_models(field: FieldInfo) -> list[type[BaseModel]]:
    """Return the models that a field may hold, e.g. the settings of all kinds of a family."""
    return _list_models(field.annotation, field.metadata)


def _list_models(annotation: Any, metadata: Iterable[Any] = ()) -> list[type[BaseModel]]:
    for one in metadata:
        if isinstance(one, Choice):
            return one.list_models()
    if get_origin(annotation) is Annotated:
        annotation, *metadata = get_args(annotation)
        return _list_models(annotation, metadata)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _list_models(part)]


def list_kinds(model: type[BaseModel]) -> list[str]:
    """Return what `kind` may be in a model: one name, or none where it has no kind."""
    field = model.model_fields.get("kind")
    return list(get_args(field.annotation)) if field else []


def list_names(models: Iterable[type[BaseModel]], prefix: str = "") -> dict[str, bool | None]:
    """Return every dotted name that models of one place know, tables before what stands in them.

    The value is, for a table, whether it has kinds; None for a setting that may be no table.
    """
    names: dict[str, bool | None] = {}
    for model in models:
        for name, field in model.model_fields.items():
            inner = list_models(field)
            has_kinds = any("kind" in member.model_fields for member in inner)
            is_table = inner and all(getattr(one, "is_table", True) for one in field.metadata)
            names.setdefault(prefix + name, has_kinds if is_table else None)
            names |= list_names(inner, f"{prefix}{name}.")
    return names


# What others call the things that study files name; in the form of `simplify`.
OTHER_NAMES = {
    "learning_rate": "lr rate stepsize eta",
    "steps": "maxsteps iterations maxiter niter nsteps",
    "epochs": "nepochs epoch",
    "batch_size": "batch minibatch",
    "seeds": "seed nseeds repeats randomstate",
    "penalty": "weightdecay regularization regularizer l1 l2",
    "l2": "weightdecay",
    "stopping": "earlystopping",
    "schedule": "scheduler decay lrscheduler",
    "init": "initializer initialization start",
    "loss": "objective lossfunction criterion",
    "optimizer": "optim",
    "validation": "validationsplit validationshare",
    "task": "dataset data problem",
    "recipe": "model training",
    "vary": "grid sweep search",
    "claims": "claim hypotheses hypothesis",
    "arms": "arm",
    "baselines": "baseline",
    "name": "title",
    "say": "name title text statement description claim",
    "on": "metric measure",
    "margin": "threshold tolerance",
    "better": "a winner best",
    "than": "b worse loser",
    "path": "file filename csv data",
    "target": "y label response outcome",
    "test": "testsize testshare testsplit",
    "separator": "delimiter sep delim",
    "missing_values": "navalues nastrings nullvalues",
    "categorical": "categories categoricals factors",
    "exclude": "drop ignore dropcolumns",
    "rows": "nrows n nsamples samples",
    "scale": "sigma std stddev",
    "share": "rate fraction proportion probability",
    "settings": "parameters params arguments options hyperparameters kwargs",
}


def note_other_names(name: str, words: str) -> None:
    """Note what others call a kind; in the form of `simplify`."""
    known = OTHER_NAMES.get(name, "").split()
    OTHER_NAMES[name] = " ".join(dict.fromkeys([*known, *words.split()]))


def simplify(name: str) -> str:
    """Leave out of a name what spellings differ in: capitals, hyphens, underscores, spaces."""
    return "".join(letter for letter in name.casefold() if letter not in "-_ ")


def find_same(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that a name is another spelling of, or another word for."""
    known = list(known)
    key = simplify(name).replace("isation", "ization").replace("iser", "izer")
    for other in known:
        if simplify(other) == key:
            return other
    return next((one for one in known if key in OTHER_NAMES.get(one, "").split()), None)


def find_nearest(name: str, known: Iterable[str], cutoff: float = 0.5) -> str | None:
    """Return the known name that is meant, or is spelt most alike; None if none is."""
    known = list(known)
    return find_same(name, known) or next(
        iter(difflib.get_close_matches(name, known, n=1, cutoff=cutoff)), None
    )


def suggest(name: str, known: Iterable[str], separator: str = ", ") -> str:
    """Return the end of a sentence: the nearest known name, and all of them where they are few."""
    known = list(known)
    hint = f"; did you mean {nearest!r}?" if (nearest := find_nearest(name, known)) else ""
    return hint + list_known(known, separator)


def suggest_kind(name: str, known: Iterable[str]) -> str:
    """Return the end of a sentence on a kind that is not known, which may be a user's own."""
    known = list(known)
    is_own = name.isidentifier() and not find_nearest(name, known)
    own = "; one of your own needs its file in plugins, or a Python program that imports it"
    return suggest(name, known) + own * is_own


def list_known(known: list[str], separator: str = ", ") -> str:
    """Return the known names as the end of a sentence; nothing where they are many."""
    return f" (known: {separator.join(known)})" if 0 < len(known) <= MOST_LISTED else ""


def end(sentence: str) -> str:
    """End a sentence with a point, unless it ends with a question."""
    return sentence if sentence.endswith("?") else f"{sentence}."
