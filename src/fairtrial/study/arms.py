"""The arms of a study: the grid and the hand-picked ones, each a task and a recipe."""

import itertools
import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from fairtrial.kinds.mechanism.kind import list_all_kinds
from fairtrial.settings.base import NONE, Line, Settings
from fairtrial.settings.characters import find_look
from fairtrial.settings.complaints import (
    LONGEST_NAME,
    Complaint,
    examine,
    name_place,
    show,
    write_bare,
)
from fairtrial.settings.document import Place
from fairtrial.settings.names import end, list_names, set_at, suggest
from fairtrial.settings.partial import is_within, list_known
from fairtrial.study.arm import Arm, make_partial_arm
from fairtrial.study.baseline import BaselineEntry
from fairtrial.study.conflicts import find_conflicts
from fairtrial.study.recipe import Recipe
from fairtrial.study.task import Task

MOST_ARMS = 100_000
UNKNOWN = object()
"""What stands in a grid in place of each list that is wrong, in a list of its own."""


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
    base: Mapping[str, Any],
    vary: Mapping[str, list[Any]] | None,
    entries: Sequence[ArmEntry | None],
    baselines: Sequence[BaselineEntry] = (),
    told: Collection[Complaint] = (),
) -> tuple[list[Arm] | None, list[Complaint]]:
    """Expand the grid and the hand-picked arms; the baselines come last.

    The base has plain values of a `task` and a `recipe`; `told` is what is wrong with them. A grid
    or an entry of None is itself wrong, and so is a value that is `UNKNOWN`. The results are the
    arms, as far as they are known, or None if their names are wrong; and what is wrong with them:
    each thing once, however many arms have it.
    """
    if too_many := list(_find_excess(vary or {}, entries)):
        return None, too_many
    cells = list(_list_cells(vary or {}, entries))
    if not cells and vary is not None and None not in entries:
        cells = [_Cell("recipe", {}, {})]
    arms: list[Arm] = []
    wrong: dict[tuple[str, Place], tuple[Complaint, list[str]]] = {}
    for cell in cells:
        arm, complaints = _make_arm(cell, base, told)
        arms.append(arm)
        for one in complaints:
            # What is wrong with a name that varies is said once, not for each of its values.
            place = one.place[:-1] if isinstance(one.place[-1], int) else one.place
            wrong.setdefault((one.text, place), (one, []))[1].append(cell.name)
    complaints = [_name_arms(complaint, names) for complaint, names in wrong.values()]
    parts = vars(examine(_ArmSettings, base, told)[0])
    for position, entry in enumerate(baselines):
        if "name" in vars(entry):
            cells.append(_Cell(entry.name, {}, {}, None, ("baselines", position, "name")))
            misfits = list_known(_find_misfits(entry, position, parts))
            arms.append(_make_arm_of_baseline(entry, parts, bool(told or misfits)))
            complaints += misfits
    twins = list(_find_twins(cells))
    alike = [] if twins else list(_find_alike(cells, arms))
    return None if twins else arms, [*complaints, *twins, *alike]


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
            ", ".join(
                _name_setting(name, changes[name])
                for name in changes
                if changes[name] is not UNKNOWN
            ),
            changes,
            {name: (*here, name, position) for name, position in at.items()},
        )


def _name_setting(name: str, value: object) -> str:
    """Name one setting: `mse` alone says what it is, a number needs its dotted name."""
    if isinstance(value, str) and value != NONE:
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
    for arm in (one for one in arms if one.is_whole):
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


def _make_arm(
    cell: _Cell, base: Mapping[str, Any], told: Collection[Complaint]
) -> tuple[Arm, list[Complaint]]:
    """Make the arm of a cell, as far as it is known, and say what is wrong with it."""
    settings = dict(base)
    places = {name: tuple(_list_parts(name)) for name in cell.changes}
    told = [one for one in told if not any(is_within(one.place, at) for at in places.values())]
    # Whole tables first: a dotted name says more than the table that it stands in.
    absent = [name for name, value in cell.changes.items() if value == NONE]
    lost: list[Complaint] = []
    for name in sorted(cell.changes, key=lambda name: name.count(".")):
        if cell.changes[name] is UNKNOWN:
            told.append(Complaint("", (places[name],)))
        elif outer := [one for one in absent if name.startswith(f"{one}.")]:
            text = f"{name_place(places[name])} is set where {outer[0]} is 'none': leave one out."
            lost.append(Complaint(text, (places[name],)))
        else:
            set_at(settings, ".".join(places[name]), cell.changes[name])
    made, complaints = examine(_ArmSettings, settings, told)
    complaints += lost
    complaints += _find_unknown_names(places, told) if told else []
    are_known = {"task", "recipe"} <= vars(made).keys()
    conflicts = list_known(find_conflicts(made.task, made.recipe)) if are_known else []
    picked = frozenset(name for name, place in cell.places.items() if "set" in place[2:3])
    varied = tuple(name for name in cell.changes if name not in picked)
    if not (told or complaints or conflicts):
        return Arm(cell.name, made.task, made.recipe, cell.entry, picked, varied), []
    known = {} if conflicts else vars(made)
    wrong = [".".join(map(str, one.place)).removeprefix("recipe.") for one in [*told, *complaints]]
    arm = make_partial_arm(cell.name, known, wrong, entry=cell.entry, picked=picked, varied=varied)
    return arm, [_blame(cell, complaint) for complaint in [*complaints, *conflicts]]


def _find_unknown_names(
    places: Mapping[str, Place], told: Collection[Complaint]
) -> Iterator[Complaint]:
    """Yield a complaint for each change of an unknown name in a table whose kind is not known."""
    known = list_known_names()
    for name, place in places.items():
        in_wrong = any(is_within(place[:-1], one.place) and not one.is_rule for one in told)
        if in_wrong and name not in known:
            hint = suggest(name, [one for one in known if "." in one])
            yield Complaint(end(f"{name_place(place)} is not a known name{hint}"), (place,))


def _make_arm_of_baseline(entry: BaselineEntry, parts: Mapping[str, Any], is_partial: bool) -> Arm:
    """Make the arm of a baseline; to name it is to name all that a recipe or a model sets."""
    if is_partial or "model" not in vars(entry):
        task = {name: one for name, one in parts.items() if name == "task"}
        return make_partial_arm(entry.name, task, [], ["baseline"], entry=entry.name)
    arm = Arm(entry.name, parts["task"], entry.model, entry.name)
    names = (*list_known_names(), *arm.settings)
    own = frozenset(name for name in names if name.partition(".")[0] != "task")
    return replace(arm, picked=own)


def _find_misfits(
    entry: BaselineEntry, position: int, parts: Mapping[str, Any]
) -> Iterator[Complaint]:
    """Yield a complaint if a baseline cannot predict the targets of the task."""
    if "task" in parts and (misfit := entry.model.find_misfit(parts["task"].has_classes)):
        text = f"arm {show(entry.name, LONGEST_NAME)}: {misfit}"
        yield Complaint(text, (("baselines", position, "model", "estimator"),))


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
