"""The arms of a study: the grid and the hand-picked ones, each a task and a recipe."""

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from fairtrial.kinds.mechanism.kind import list_all_kinds
from fairtrial.kinds.metrics.monitors import LOSS, list_monitors, read_monitor
from fairtrial.settings.base import Line, Settings
from fairtrial.settings.characters import find_look
from fairtrial.settings.complaints import LONGEST_NAME, Complaint, show, validate, write_bare
from fairtrial.settings.document import Place
from fairtrial.settings.names import list_names, set_at
from fairtrial.settings.plain import dump_given
from fairtrial.study.arm import Arm
from fairtrial.study.baseline import BaselineEntry
from fairtrial.study.recipe import Recipe
from fairtrial.study.task import AnyTask, Task

MOST_ARMS = 100_000


class _ArmSettings(Settings):
    task: Task
    recipe: Recipe


def list_known_names() -> Mapping[str, bool | None]:
    """Return every dotted name of a recipe and of a task, as `list_names` does."""
    return _list_known_names(list_all_kinds())


@lru_cache(maxsize=1)
def _list_known_names(kinds: object) -> Mapping[str, bool | None]:
    """List them once for the kinds that there are."""
    of_task = list_names([_ArmSettings])
    return list_names([Recipe]) | {
        name: has_kinds for name, has_kinds in of_task.items() if name.partition(".")[0] == "task"
    }


def _name_keys(schema: dict[str, Any]) -> None:
    """Say in the schema of study files which dotted names are keys of a table."""
    schema["propertyNames"] = {"enum": list(list_known_names())}


Grid = Annotated[
    dict[str, Annotated[list[Any], Field(min_length=1)]], Field(json_schema_extra=_name_keys)
]
Changes = Annotated[dict[str, Any], Field(json_schema_extra=_name_keys)]


class ArmEntry(Settings):
    """One hand-picked arm: a name, what differs from the recipe, and maybe a grid of its own.

    `set` gives dotted names their values; with `vary`, every combination is an arm.
    """

    name: Line
    set: Changes = {}
    vary: Grid = {}


@dataclass(frozen=True)
class _Cell:
    """An arm before it is checked: what it changes, and where the study says so."""

    name: str
    changes: dict[str, Any]
    places: dict[str, Place]
    entry: str | None = None
    origin: Place = ("vary",)


def make_arms(
    task: AnyTask,
    recipe: Recipe,
    vary: Mapping[str, list[Any]],
    entries: Sequence[ArmEntry | None],
    baselines: Sequence[BaselineEntry | None] = (),
) -> tuple[list[Arm], list[Complaint]]:
    """Expand the grid and the hand-picked arms; the baselines come last.

    An entry of None is itself wrong. The results are the arms that are right, and what is wrong
    with the others: each thing once, however many arms have it.
    """
    if too_many := list(_find_excess(vary, entries)):
        return [], too_many
    cells = list(_list_cells(vary, entries)) or [_Cell("recipe", {}, {})]
    base = {"task": dump_given(task), "recipe": dump_given(recipe)}
    arms: list[Arm] = []
    wrong: dict[Complaint, list[str]] = {}
    for cell in cells:
        arm, complaints = _make_arm(cell, base)
        arms += [arm] if arm else []
        for complaint in complaints:
            wrong.setdefault(complaint, []).append(cell.name)
    complaints = [_name_arms(complaint, names) for complaint, names in wrong.items()]
    for position, entry in enumerate(baselines):
        if entry is not None:
            cells.append(_Cell(entry.name, {}, {}, None, ("baselines", position, "name")))
            # To name the arm of a baseline is to name all that a recipe or a model sets.
            arm = Arm(entry.name, task, entry.model, entry.name)
            names = (*list_known_names(), *arm.settings)
            own = frozenset(name for name in names if name.partition(".")[0] != "task")
            arms.append(replace(arm, picked=own))
            if misfit := entry.model.find_misfit(task.has_classes):
                text = f"arm {show(entry.name, LONGEST_NAME)}: {misfit}"
                complaints.append(Complaint(text, (("baselines", position, "model", "estimator"),)))
    twins = list(_find_twins(cells)) or list(_find_alike(cells, arms))
    return arms, complaints + twins


# ------------------------------------------------------------------------------------------ cells


def _list_cells(
    vary: Mapping[str, list[Any]], entries: Sequence[ArmEntry | None]
) -> Iterator[_Cell]:
    if vary:
        yield from _expand_grid(vary, ("vary",))
    for position, entry in enumerate(entries):
        if entry is None:
            continue
        here = ("arms", position)
        set_places: dict[str, Place] = {name: (*here, "set", name) for name in entry.set}
        for cell in _expand_grid(entry.vary, (*here, "vary")):
            yield _Cell(
                " · ".join(part for part in (entry.name, cell.name) if part),
                entry.set | cell.changes,
                set_places | cell.places,
                entry.name,
                (*here, "name"),
            )


def _expand_grid(vary: Mapping[str, list[Any]], here: Place) -> Iterator[_Cell]:
    """Yield a cell for each combination; one empty cell where nothing varies."""
    for positions in itertools.product(*(range(len(values)) for values in vary.values())):
        at = dict(zip(vary, positions, strict=True))
        changes = {name: vary[name][position] for name, position in at.items()}
        yield _Cell(
            ", ".join(_name_setting(name, value) for name, value in changes.items()),
            changes,
            {name: (*here, name, position) for name, position in at.items()},
        )


def _name_setting(name: str, value: object) -> str:
    """Name one setting: `mse` alone says what it is, a number needs its dotted name."""
    if isinstance(value, str):
        return Path(value).name if name == "task.path" else value
    if isinstance(value, list) and list_known_names().get(name):  # Several kinds.
        return " × ".join(_name_setting(name, each) for each in value)
    if isinstance(value, Mapping):
        settings = [f"{key}={write_bare(value[key])}" for key in value if key != "kind"]
        return " ".join([write_bare(value.get("kind", name)), *settings])
    return f"{name}={write_bare(value)}"


def _find_excess(
    vary: Mapping[str, list[Any]], entries: Sequence[ArmEntry | None]
) -> Iterator[Complaint]:
    """Yield a complaint where there are too many arms; the grid is not expanded for it."""
    sizes: dict[Place, int] = {("vary",): _count(vary) if vary else 0}
    for position, entry in enumerate(entries):
        sizes["arms", position, "vary"] = _count(entry.vary) if entry else 0
    total = sum(sizes.values())
    if total > MOST_ARMS:
        many = f"{total:,}" if total < 10**18 else "more than 10^18"
        yield Complaint(
            f"the study has {many} arms: at most {MOST_ARMS:,} are allowed; vary less, or list "
            "fewer values.",
            (max(sizes, key=lambda place: sizes[place]),),
        )


def _count(vary: Mapping[str, list[Any]]) -> int:
    return math.prod(len(values) for values in vary.values())


def _find_twins(cells: Sequence[_Cell]) -> Iterator[Complaint]:
    """Yield a complaint for each name that more than one arm has, or seems to have."""
    first: dict[str, _Cell] = {}
    named: set[str] = set()
    for cell in cells:
        look = find_look(cell.name)
        twin = first.setdefault(look, cell)
        if twin is cell or look in named:
            continue
        named.add(look)
        moved = [place for name, place in cell.places.items() if twin.places.get(name) != place]
        names = [show(one.name, LONGEST_NAME) for one in (twin, cell)]
        text = f"arms {names[0]} and {names[1]} look the same: give one of them another name."
        if twin.name == cell.name:
            text = f"arm {names[0]} is there twice: give each arm a name, and list each value once."
        yield Complaint(text, tuple(moved) if cell.origin == twin.origin else (cell.origin,))


def _find_alike(cells: Sequence[_Cell], arms: Sequence[Arm]) -> Iterator[Complaint]:
    """Yield a complaint for arms of one grid that are equal; hand-picked ones may be on purpose."""
    origins = {cell.name: cell for cell in cells}
    first: dict[tuple[Any, ...], Arm] = {}
    for arm in arms:
        twin = first.setdefault((arm.entry, arm.task, arm.model), arm)
        if twin is arm or not arm.varied:
            continue
        places, others = origins[arm.name].places, origins[twin.name].places
        names = " and ".join(show(one.name, LONGEST_NAME) for one in (twin, arm))
        yield Complaint(
            f"arms {names} are the same: list each value once, in one spelling.",
            tuple(place for name, place in places.items() if others.get(name) != place),
        )
        return


def list_equal_arms(arms: Iterable[Arm]) -> list[str]:
    """List a sentence for all arms of each setting that more than one of them has."""
    alike: dict[tuple[Any, ...], list[str]] = {}
    for arm in arms:
        alike.setdefault((arm.task, arm.model), []).append(show(arm.name, LONGEST_NAME))
    return [
        f"Arms {', '.join(names[:-1])} and {names[-1]} have the same settings: their runs are "
        "equal, and a claim on these settings compares all of them; leave one out, unless you "
        "compare a recipe with itself."
        for names in alike.values()
        if len(names) > 1
    ]


# --------------------------------------------------------------------------------- one cell's arm


def _make_arm(cell: _Cell, base: Mapping[str, Any]) -> tuple[Arm | None, list[Complaint]]:
    settings = dict(base)
    # Whole tables first: a dotted name says more than the table that it stands in.
    for name in sorted(cell.changes, key=lambda name: name.count(".")):
        set_at(settings, ".".join(_list_parts(name)), cell.changes[name])
    made, complaints = validate(_ArmSettings, settings)
    if made is not None:
        complaints = list(find_conflicts(made.task, made.recipe))
    if made is None or complaints:
        return None, [_blame(cell, complaint) for complaint in complaints]
    picked = frozenset(name for name, place in cell.places.items() if "set" in place[2:3])
    varied = tuple(name for name in cell.changes if name not in picked)
    return Arm(cell.name, made.task, made.recipe, cell.entry, picked, varied), []


def _list_parts(name: str) -> list[str]:
    """Return where a dotted name of the recipe or the task stands in both together."""
    parts = name.split(".")
    return parts if parts[0] == "task" else ["recipe", *parts]


def _blame(cell: _Cell, complaint: Complaint) -> Complaint:
    """Place a complaint about an arm's settings at the change that causes it, if one does."""
    for place in complaint.places:
        # The most particular change first.
        for name in sorted(cell.places, key=lambda name: -name.count(".")):
            changed = tuple(_list_parts(name))
            shared = min(len(changed), len(place))
            if changed[:shared] == place[:shared]:
                return Complaint(complaint.text, ((*cell.places[name], *place[shared:]),))
    return complaint


def _name_arms(complaint: Complaint, names: list[str]) -> Complaint:
    """Say which arms have a complaint; nothing where it is the recipe's own."""
    if complaint.places[-1][0] not in ("vary", "arms"):
        return complaint
    more = f" (and {len(names) - 1:,} more)" if len(names) > 1 else ""
    return Complaint(
        f"arm {show(names[0], LONGEST_NAME)}{more}: {complaint.text}", complaint.places
    )


def find_conflicts(task: AnyTask, recipe: Recipe) -> Iterator[Complaint]:
    """Yield a complaint for each setting of the recipe that the task cannot have."""
    on_classes, name = task.has_classes, task.title
    if on_classes and recipe.standardise:
        yield _conflict(
            "standardise",
            f"recipe.standardise = true, but {name} has classes: only targets that are numbers are "
            "standardised; leave it out.",
        )
    if not on_classes and recipe.class_weights is not None:
        yield _conflict(
            "class_weights",
            f"recipe.class_weights is set, but the targets of {name} are numbers: leave it out.",
        )
    yield from _find_misfits_of_noise(task, name)
    loss = f"recipe.loss = {recipe.loss.kind!r}, but"
    if task.image_shape or not task.has_images:  # Else the size is known once they are read.
        for setting, text in recipe.features.find_misfits(name, task.image_shape):
            yield _conflict(f"features.{setting}", text)
    if on_classes and not recipe.loss.on_classes:
        yield _conflict("loss", f"{loss} {name} has classes: use 'cross_entropy'.")
    if not on_classes and recipe.loss.on_classes:
        yield _conflict("loss", f"{loss} the targets of {name} are numbers: use e.g. 'mse'.")
    yield from _find_alien_monitors(recipe, name, on_classes)
    if on_classes and recipe.noise.on_targets:
        yield _conflict(
            "noise.data",
            f"recipe.noise.data without scale acts on targets that are numbers; {name} has "
            "classes: put noise on the features, as in { scale = 0.1 }, or leave it out.",
        )
    if not on_classes and recipe.noise.on_features:
        yield _conflict(
            "noise.data",
            f"recipe.noise.data.scale is for noise on the features of classes; the targets of "
            f"{name} are numbers: name every, low and high instead.",
        )


def _find_misfits_of_noise(task: AnyTask, name: str) -> Iterator[Complaint]:
    if task.label_noise is not None and not task.has_classes:
        text = (
            f"task.label_noise = {task.label_noise.kind!r}, but the targets of {name} are numbers: "
            "put noise on them by task.noise, if the task has it, or leave it out."
        )
        yield Complaint(text, (("task", "label_noise"), ("task", "kind")))
    noise = task.input_noise
    if noise is not None and noise.on_images not in (None, task.has_images):
        fits = "images" if noise.on_images else "features that are not pixels"
        text = (
            f"task.input_noise = {noise.kind!r} is for {fits}, and {name} has other features: use "
            "'normal', or leave it out."
        )
        yield Complaint(text, (("task", "input_noise"), ("task", "kind")))


def _find_alien_monitors(recipe: Recipe, name: str, on_classes: bool) -> Iterator[Complaint]:
    """Yield a complaint where stopping or a schedule watches a metric of another sort of task."""
    about = "classes" if on_classes else "numbers"
    for place, monitor in recipe.monitors.items():
        watched = read_monitor(monitor)
        if watched and watched.definition.about != about:
            targets = "has classes" if on_classes else "has numbers as targets"
            yield _conflict(
                place,
                f"recipe.{place} = {monitor!r}, but {name} {targets}: use '{LOSS}' or one of "
                f"{', '.join(map(repr, list_monitors(about)))}.",
            )


def _conflict(name: str, text: str) -> Complaint:
    """Place a conflict at a setting of the recipe: or, where an arm changes that, at its task."""
    return Complaint(text, (("recipe", *name.split(".")), ("task", "kind")))
