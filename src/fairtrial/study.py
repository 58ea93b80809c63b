"""The study file: what varies, over which seeds, and every rule about it.

A study file is checked here, once and completely, before anything runs; everything downstream
trusts what it gets. All errors of a file are told at once, each with its place, the value and the
rule.
"""

from __future__ import annotations

import copy
import difflib
import itertools
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args

import tomli_w
from pydantic import BaseModel, Field, ValidationError, field_validator
from pydantic_core import ErrorDetails

from fairtrial.errors import InputError
from fairtrial.settings import AnyTask, Recipe, Settings, TableTask, Task, has_classes

MOST_SEEDS = 1_000_000


class ArmEntry(Settings):
    """One hand-picked arm: a name, what differs from the recipe, and maybe a grid of its own.

    `set` gives dotted names their values; with `vary`, every combination is an arm.
    """

    name: Annotated[str, Field(min_length=1)]
    set: dict[str, Any] = {}
    vary: dict[str, Annotated[list[Any], Field(min_length=1)]] = {}


@dataclass(frozen=True)
class Arm:
    """A named recipe of a study, with the task it is trained on."""

    name: str
    task: AnyTask
    recipe: Recipe


@dataclass(frozen=True)
class Run:
    """One arm with one seed."""

    arm: Arm
    seed: int

    @property
    def name(self) -> str:
        """The run's key in every table: the arm's name and the seed."""
        return f"{self.arm.name} #{self.seed}"


class Study(Settings):
    """What varies, over how many seeds.

    Examples
    --------
    >>> study = Study.from_toml('''
    ... name = "Rates"
    ... seeds = 3
    ... [task]
    ... kind = "line"
    ... [recipe]
    ... loss = "mse"
    ... optimizer = { kind = "sgd", learning_rate = 0.01 }
    ... steps = 100
    ... [vary]
    ... "optimizer.learning_rate" = [0.01, 0.1]
    ... ''')
    >>> [arm.name for arm in study.list_arms()]
    ['optimizer.learning_rate=0.01', 'optimizer.learning_rate=0.1']
    >>> len(study.list_runs())
    6
    """

    name: Annotated[str, Field(min_length=1)]
    seeds: int | list[int] = 20
    task: Task
    recipe: Recipe
    vary: dict[str, Annotated[list[Any], Field(min_length=1)]] = {}
    arms: list[ArmEntry] = []

    @field_validator("seeds", mode="before")
    @classmethod
    def _check_seeds(cls, seeds: object) -> object:
        listed = seeds if isinstance(seeds, list) else [seeds]
        whole = all(type(seed) is int and 0 <= seed < 2**63 for seed in listed)
        too_many = isinstance(seeds, int) and not 1 <= seeds <= MOST_SEEDS
        if not whole or not listed or too_many or len(set(map(str, listed))) < len(listed):
            raise ValueError(
                f"{_show(seeds)} must be a whole number of seeds from 1 to {MOST_SEEDS:,}, or a "
                "list of different whole numbers, none negative"
            )
        return seeds

    @classmethod
    def load(cls, path: str | Path) -> Study:
        """Read and check a study file.

        Raises
        ------
        InputError
            With every error of the file, if it cannot be read or breaks a rule.
        """
        source, folder = str(path), Path(path).absolute().parent
        values = parse_toml(read_text(Path(path)), source)
        return cls._from_values(_resolve_paths(values, folder), source)

    @classmethod
    def from_toml(cls, text: str, source: str = "study") -> Study:
        """Check a study written as TOML; `source` is what errors call it.

        Raises
        ------
        InputError
            With every error of the text.
        """
        return cls._from_values(parse_toml(text, source), source)

    @classmethod
    def _from_values(cls, values: object, source: str) -> Study:
        study = check(cls, values, source)
        study.list_arms(source)
        return study

    def replace(self, **changes: object) -> Study:
        """Return the study with some fields changed, checked as a whole.

        Raises
        ------
        InputError
            If a change breaks a rule.
        """
        study = check(Study, self.model_dump() | changes, self.name)
        study.list_arms(self.name)
        return study

    def list_seeds(self) -> list[int]:
        """Return the seeds themselves: 0, 1, ... where the study gives a number."""
        return list(range(self.seeds)) if isinstance(self.seeds, int) else list(self.seeds)

    def list_arms(self, source: str = "study") -> list[Arm]:
        """Expand the grid and the hand-picked arms.

        Raises
        ------
        InputError
            With every error of every arm, e.g. a setting that its kind does not have.
        """
        cells = [(name, changes) for name, changes in _expand_grid(self.vary) if changes]
        for entry in self.arms:
            for name, changes in _expand_grid(entry.vary):
                full_name = " · ".join(part for part in (entry.name, name) if part)
                cells.append((full_name, entry.set | changes))
        arms, problems = [], []
        for name, changes in cells or [("recipe", {})]:
            try:
                arms.append(self._make_arm(name, changes))
            except InputError as error:
                problems.append(str(error))
        names = [name for name, _ in cells]
        problems += [
            f"  arm {name!r} is there twice: give each arm a name, and list each value once."
            for name in sorted({name for name in names if names.count(name) > 1})
        ]
        if problems:
            raise InputError("\n".join([f"{source} cannot be used:", *problems]))
        return arms

    def list_runs(self) -> list[Run]:
        """Return every arm with every seed, arm by arm."""
        seeds = self.list_seeds()
        return [Run(arm, seed) for arm in self.list_arms() for seed in seeds]

    def to_toml(self) -> str:
        """Write the study as TOML that `from_toml` reads back to an equal study."""
        return tomli_w.dumps(
            _dump_given(self) | {"arms": [entry.model_dump() for entry in self.arms]}
        )

    def _make_arm(self, name: str, changes: Mapping[str, Any]) -> Arm:
        settings = {"task": _dump_given(self.task), "recipe": _dump_given(self.recipe)}
        # Whole tables first: a dotted name says more than the table that it stands in.
        for place in sorted(changes, key=lambda place: place.count(".")):
            inside_task = place.partition(".")[0] == "task"
            set_at(settings, place if inside_task else f"recipe.{place}", changes[place])
        try:
            arm = _ArmSettings.model_validate(settings)
        except ValidationError as error:
            problems = [_describe(detail, _ArmSettings) for detail in error.errors()]
        else:
            problems = list(find_conflicts(arm.task, arm.recipe))
            if not problems:
                return Arm(name, arm.task, arm.recipe)
        raise InputError("\n".join(f"  arm {name!r}: {problem}" for problem in problems))


def _dump_given(settings: BaseModel) -> dict[str, Any]:
    """Dump what was given, and every kind: a changed kind must not inherit the old one's defaults.

    Settings that were not given take the defaults of whatever kind the arm has.
    """
    given = {}
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, BaseModel):
            given[name] = _dump_given(value)
        elif name == "kind" or (name in settings.model_fields_set and value is not None):
            given[name] = value
    return given


class _ArmSettings(Settings):
    task: Task
    recipe: Recipe


def find_conflicts(task: AnyTask, recipe: Recipe) -> Iterator[str]:
    """Yield a sentence for each setting of the recipe that the task cannot have."""
    on_classes = has_classes(task)
    name = f"a {task.problem} table" if isinstance(task, TableTask) else task.kind
    if on_classes and recipe.loss.kind != "cross_entropy":
        yield f"loss = {recipe.loss.kind!r}, but {name} has classes: use 'cross_entropy'."
    if not on_classes and recipe.loss.kind == "cross_entropy":
        yield f"loss = 'cross_entropy', but the targets of {name} are numbers: use e.g. 'mse'."
    if on_classes and recipe.epochs is None:
        yield f"steps = {recipe.steps}, but {name} needs batches: use epochs and batch_size."
    if not on_classes and recipe.steps is None:
        yield f"epochs = {recipe.epochs}, but {name} is trained on all rows: use steps."
    if on_classes and recipe.noise.data is not None:
        yield f"noise.data acts on targets that are numbers; {name} has classes: leave it out."
    if not on_classes and recipe.validation is not None:
        rows = "test rows of its own" if isinstance(task, TableTask) else "fresh test rows"
        yield f"validation = {recipe.validation:g}: {name} has {rows}; leave it out."


def _expand_grid(vary: Mapping[str, list[Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield a name and the changes for each combination; one empty cell where nothing varies."""
    for values in itertools.product(*vary.values()):
        cell = dict(zip(vary, values, strict=True))
        yield ", ".join(_name_setting(place, value) for place, value in cell.items()), cell


def _name_setting(place: str, value: object) -> str:
    """Name one setting: `mse` alone says what it is, a number needs its dotted name."""
    if isinstance(value, str):
        return Path(value).name if place == "task.path" else value
    if isinstance(value, Mapping):
        settings = [f"{key}={value[key]}" for key in value if key != "kind"]
        return " ".join([str(value.get("kind", place)), *settings])
    return f"{place}={value}"


def set_at(settings: dict[str, Any], place: str, value: object) -> None:
    """Set a dotted name in nested settings, making tables on the way where there are none."""
    *path, last = place.split(".")
    for key in path:
        inner = settings.get(key)
        if isinstance(inner, str):
            inner = {"kind": inner}
        settings[key] = inner = dict(inner) if isinstance(inner, Mapping) else {}
        settings = inner
    settings[last] = copy.deepcopy(value)


def _resolve_paths(values: Any, folder: Path, place: str = "") -> Any:
    """Take the paths of tables, wherever a study file names them, from the file's folder."""
    if isinstance(values, Mapping):
        return {
            key: _resolve_paths(value, folder, f"{place}.{key}") for key, value in values.items()
        }
    if isinstance(values, list):
        return [_resolve_paths(value, folder, place) for value in values]
    return (
        str(folder / values) if isinstance(values, str) and place.endswith(".task.path") else values
    )


def flatten(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Give nested settings their dotted names; what is absent is left out.

    Examples
    --------
    >>> flatten({"loss": {"kind": "huber", "delta": 1.0}, "steps": 9, "epochs": None})
    {'loss.kind': 'huber', 'loss.delta': 1.0, 'steps': 9}
    """
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        elif value is not None:
            flat[prefix + key] = value
    return flat


# ----------------------------------------------------------------------------------------- errors


def read_text(path: Path) -> str:
    """Read a text file of the user's.

    Raises
    ------
    InputError
        If it is missing, a folder, unreadable, or not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InputError(f"{path} is not a text file in UTF-8: save it as UTF-8.") from None
    except OSError as error:
        reason = error.strerror or "it cannot be read"
        raise InputError(f"{path} cannot be read: {reason}. Check the path.") from None


def parse_toml(text: str, source: str) -> dict[str, Any]:
    """Parse TOML; `source` is what errors call it.

    Raises
    ------
    InputError
        With the line and the column where the text stops being TOML.
    """
    too_large = f"{source} has a whole number beyond 64 bits, which TOML does not have: shorten it."
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{source} is not valid TOML: {error}.") from None
    except RecursionError:
        raise InputError(f"{source} is nested too deeply: flatten it.") from None
    except ValueError:  # Python's limit on the digits of a whole number.
        raise InputError(too_large) from None
    if _has_too_large(values):
        raise InputError(too_large)
    return values


def _has_too_large(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(map(_has_too_large, value.values()))
    if isinstance(value, list):
        return any(map(_has_too_large, value))
    return isinstance(value, int) and not -(2**63) <= value < 2**63


Model = TypeVar("Model", bound=BaseModel)


def check(model: type[Model], values: object, source: str) -> Model:
    """Make settings of plain values; `source` is what errors call them.

    Raises
    ------
    InputError
        With a line for each error: its dotted name, the value, the rule, the nearest valid name.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        lines = [f"  {_describe(detail, model)}" for detail in error.errors()]
        raise InputError("\n".join([f"{source} cannot be used:", *lines])) from None


def _describe(detail: ErrorDetails, model: type[BaseModel]) -> str:
    """Say one error of Pydantic's as a sentence in the words of a study file."""
    context, value = detail.get("ctx", {}), detail["input"]
    place, known = _locate(detail["loc"], model)
    match detail["type"]:
        case "missing":
            return f"{place} is missing: give it a value."
        case "extra_forbidden":
            return f"{place} is not a known name{_suggest(place.split('.')[-1], known)}."
        case "union_tag_invalid":
            kinds = [kind.strip("' ") for kind in str(context["expected_tags"]).split(",")]
            kind = value.get("kind") if isinstance(value, Mapping) else value
            return f"{place} = {_show(kind)} is not a known kind{_suggest(str(kind), kinds)}."
        case "union_tag_not_found":
            return f"{place} has no kind: name one, as in {{ kind = ... }}."
        case "value_error":
            return f"{place}: {context['error']}." if place else f"{context['error']}."
        case _:
            rule = detail["msg"][:1].lower() + detail["msg"][1:]
            return f"{place} = {_show(value)}: {rule.replace('input should', 'it must')}."


def _locate(loc: tuple[int | str, ...], model: type[BaseModel]) -> tuple[str, list[str]]:
    """Return the dotted name of a place and the names that are known beside it."""
    place, known, here = "", [], [model]
    for part in loc:
        tagged = [m for m in here if len(here) > 1 and _list_kinds(m) == [part]]
        if tagged:  # Pydantic names the member of a union; a study file does not.
            here = tagged
        elif isinstance(part, int):
            place += f"[{part}]"
        else:
            place += f".{part}" if place else part
            known = list(dict.fromkeys(name for m in here for name in m.model_fields))
            fields = [m.model_fields[part] for m in here if part in m.model_fields]
            here = [m for field in fields for m in _list_models(field.annotation)]
    return place, known


def _list_models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _list_models(part)]


def _list_kinds(model: type[BaseModel]) -> list[str]:
    field = model.model_fields.get("kind")
    return list(get_args(field.annotation)) if field else []


def _show(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _suggest(name: str, known: list[str]) -> str:
    nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
    return f"{hint} (known: {', '.join(known)})" if known else hint
