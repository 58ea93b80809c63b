"""Claims: what a study says before it runs, and the arms that each of them compares."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from fairtrial.study.arms import KNOWN_NAMES, Arm
from fairtrial.study.complaints import LONGEST_NAME, Complaint, name_place, show, write_bare
from fairtrial.study.document import Place
from fairtrial.study.metrics import METRICS, list_metrics
from fairtrial.study.names import suggest
from fairtrial.study.recipe import Recipe
from fairtrial.study.settings import Line, Settings

SELECTOR_NAMES = ["arm", *KNOWN_NAMES]
SELECTOR_KEYS: Any = {"propertyNames": {"enum": SELECTOR_NAMES}}
MetricName = Annotated[str, Field(min_length=1, json_schema_extra={"enum": list(METRICS)})]
Selector = Annotated[dict[str, Any], Field(json_schema_extra=SELECTOR_KEYS)]
Condition = tuple[str, Any, Place]  # a dotted name, its value, and its place in the selector


class Claim(Settings):
    """A is better than B on a metric of the scoreboard, by at least a margin.

    `better`, `than` and `where` select arms by dotted names and values; what `better` and `than`
    leave open is matched like with like. Smaller differences than `margin` do not matter in
    practice; it is in the metric's unit.
    """

    say: Line
    better: Annotated[Selector, Field(min_length=1)]
    than: Annotated[Selector, Field(min_length=1)]
    on: MetricName
    margin: Annotated[float, Field(ge=0)] = 0.0
    where: Selector = {}
    over: Literal["seeds"] | None = None


def select_arms(arms: Iterable[Arm], selector: Mapping[str, Any]) -> list[Arm]:
    """Return the arms that have every setting that a selector names, defaults too.

    Parameters
    ----------
    arms : iterable of Arm
        The study's.
    selector : mapping
        Values by dotted name, or in nested tables. A bare kind selects every setting of that kind.
        `arm` selects by name: an arm's own, or that of the hand-picked entry that its grid shares.

    Returns
    -------
    list of Arm
        In the order given.
    """
    conditions = [(name, value) for name, value, _ in _list_conditions(selector)]
    return [arm for arm in arms if all(_has(arm, name, value) for name, value in conditions)]


def match_arms(arms: Sequence[Arm], claim: Claim) -> list[tuple[Arm, Arm]]:
    """Return the pairs of arms that a claim compares: (better, than).

    The two agree in every setting that neither selector names. To name an arm is to name all that
    its entry sets; where the name is the arm's own, also what its grid varies. A setting that only
    one of the two has, such as Huber's `delta` beside MSE, is not compared where the selectors name
    its table or another setting of the table, or of one that this stands in.

    Parameters
    ----------
    arms : sequence of Arm
        The study's.
    claim : Claim
        Its `where` holds for both arms.

    Returns
    -------
    list of (Arm, Arm)
        No arm is compared with itself.
    """
    arms = select_arms(arms, claim.where)
    return list(
        _iterate_pairs(
            select_arms(arms, claim.better), select_arms(arms, claim.than), claim.better, claim.than
        )
    )


# -------------------------------------------------------------------------------------- selectors


def _list_conditions(selector: Mapping[str, Any]) -> list[Condition]:
    """Return what a selector asks for, nested tables by dotted name, bare kinds as kinds."""
    conditions: list[Condition] = []
    for place, value in _list_leaves(selector):
        name = ".".join(map(str, place))
        if isinstance(value, str) and KNOWN_NAMES.get(name):
            name += ".kind"
        conditions.append((name, value, place))
    return conditions


def _list_leaves(selector: Mapping[str, Any]) -> Iterator[tuple[Place, Any]]:
    for key, value in selector.items():
        if isinstance(value, Mapping) and value:
            yield from (((key, *place), leaf) for place, leaf in _list_leaves(value))
        else:
            yield (key,), value


def _has(arm: Arm, name: str, value: Any) -> bool:
    if name == "arm":
        return value in (arm.name, arm.entry)
    found = arm.settings.get(name)
    # In Python true equals 1.
    return found == value and isinstance(found, bool) == isinstance(value, bool)


# ----------------------------------------------------------------------------------------- pairs


def _iterate_pairs(
    better: Iterable[Arm],
    than: Iterable[Arm],
    better_selector: Mapping[str, Any],
    than_selector: Mapping[str, Any],
) -> Iterator[tuple[Arm, Arm]]:
    """Join the arms of both sides on what they must agree in, without trying every pair."""
    than_groups = _group_arms(than, than_selector)
    for (better_named, better_names), better_arms in _group_arms(better, better_selector).items():
        for (than_named, than_names), than_arms in than_groups.items():
            named = better_named | than_named
            if any(_is_open(name, named) for name in better_names ^ than_names):
                continue
            shared = sorted(n for n in better_names & than_names if not _is_named(n, named))
            partners: defaultdict[tuple[Any, ...], list[Arm]] = defaultdict(list)
            for arm in than_arms:
                partners[_make_key(arm, shared)].append(arm)
            for arm in better_arms:
                others = partners.get(_make_key(arm, shared), [])
                yield from ((arm, other) for other in others if other is not arm)


def _group_arms(
    arms: Iterable[Arm], selector: Mapping[str, Any]
) -> dict[tuple[frozenset[str], frozenset[str]], list[Arm]]:
    """Group arms by what the selector names of them, and by the settings that they have."""
    groups: defaultdict[tuple[frozenset[str], frozenset[str]], list[Arm]] = defaultdict(list)
    conditions = [(name, value) for name, value, _ in _list_conditions(selector)]
    plain = frozenset(name for name, _ in conditions if name != "arm")
    by_name = [value for name, value in conditions if name == "arm"]
    for arm in arms:
        named = plain
        if by_name:
            named = named | arm.picked
        if arm.name in by_name:
            named = named | arm.varied
        groups[named, frozenset(arm.settings)].append(arm)
    return groups


def _is_named(name: str, named: frozenset[str]) -> bool:
    """Say whether a selector names a setting, or the table that it stands in."""
    parts = name.split(".")
    return any(".".join(parts[:length]) in named for length in range(1, len(parts) + 1))


def _is_open(name: str, named: frozenset[str]) -> bool:
    """Say whether a setting that one arm lacks tells the two apart."""
    parts = name.split(".")
    tables = {".".join(parts[:length]) for length in range(1, len(parts))}
    beside = any(other.rpartition(".")[0] in tables for other in named)
    return not (beside or _is_named(name, named))


def _make_key(arm: Arm, names: list[str]) -> tuple[Any, ...]:
    values = (arm.settings[name] for name in names)
    return tuple(tuple(value) if isinstance(value, list) else value for value in values)


# ------------------------------------------------------------------------------------------ rules


def find_claim_problems(
    claim: Claim, position: int, arms: Sequence[Arm] | None
) -> Iterator[Complaint]:
    """Yield what is wrong with a claim.

    Parameters
    ----------
    claim : Claim
        Whose settings have the right types.
    position : int
        Which of the study's claims it is, from 0.
    arms : sequence of Arm or None
        All of the study's; None where something is wrong with them, and only the claim's own words
        can be checked.
    """
    here: Place = ("claims", position)
    unknown = [
        complaint
        for side in ("better", "than", "where")
        for complaint in _find_unknown_names(getattr(claim, side), (*here, side))
    ]
    yield from unknown
    if arms is None:
        if claim.on not in METRICS:
            yield _complain_metric(claim, here, list(METRICS), "")
    elif not unknown:
        yield from _find_idle_parts(claim, here, arms)


def _find_unknown_names(selector: Mapping[str, Any], here: Place) -> Iterator[Complaint]:
    for name, value, path in _list_conditions(selector):
        place = (*here, *path)
        if name == "arm":
            if not isinstance(value, str):
                text = f"{name_place(place)} = {show(value)}: it must be the name of an arm."
                yield Complaint(text, (place,))
        elif name not in KNOWN_NAMES:
            yield Complaint(
                f"{name_place(place)} is not a known name{_suggest_name(name)}.", (place,)
            )
        elif KNOWN_NAMES[name] is not None:
            inner = [known for known in KNOWN_NAMES if known.startswith(f"{name}.")]
            yield Complaint(
                f"{name_place(place)} = {show(value)}: {name} is a table: name its settings "
                f"(known: {', '.join(inner)}).",
                (place,),
            )


def _suggest_name(name: str) -> str:
    """Suggest a dotted name; where the table is right, one of that table."""
    table = name.rpartition(".")[0]
    known = [known for known in KNOWN_NAMES if known.rpartition(".")[0] == table]
    return suggest(name, known) or suggest(name, SELECTOR_NAMES)


def _find_idle_parts(claim: Claim, here: Place, arms: Sequence[Arm]) -> Iterator[Complaint]:
    """Yield what is wrong with a claim of known names: it selects nothing, or compares nothing."""
    picked = {}
    within = select_arms(arms, claim.where)
    if not within:
        yield _complain_nothing(claim.where, (*here, "where"), arms)
    for side in ("better", "than"):
        picked[side] = select_arms(within, getattr(claim, side))
        if within and not picked[side]:
            yield _complain_nothing(getattr(claim, side), (*here, side), within)
    for arm in [*picked["better"], *picked["than"]] or arms:
        if claim.on not in (known := list_metrics(arm.task, arm.recipe)):
            yield _complain_metric(claim, here, known, arm.name)
            break
    if picked["better"] and picked["than"]:
        pairs = [*_iterate_pairs(picked["better"], picked["than"], claim.better, claim.than)]
        if not pairs:
            yield _complain_unmatched(claim, here, picked["better"], picked["than"])
        elif claim.on in METRICS and METRICS[claim.on].of_objective:
            yield from itertools.islice(_find_unlike_objectives(claim, here, pairs), 1)


def _find_unlike_objectives(
    claim: Claim, here: Place, pairs: Iterable[tuple[Arm, Arm]]
) -> Iterator[Complaint]:
    """Yield a complaint for each pair whose metric is in the units of two objectives."""
    for pair in pairs:
        one, other = (arm.recipe for arm in pair)
        if not (isinstance(one, Recipe) and isinstance(other, Recipe)):
            continue
        if unlike := [n for n in ("loss", "penalty") if getattr(one, n) != getattr(other, n)]:
            names = " and ".join(show(arm.name, LONGEST_NAME) for arm in pair)
            yield Complaint(
                f"{name_place((*here, 'on'))} = {show(claim.on)}: objectives of different runs are "
                f"not comparable; {names} differ in {' and '.join(unlike)}: compare arms that "
                "share loss and penalty, or name another metric.",
                ((*here, "on"),),
            )


def _complain_nothing(selector: Mapping[str, Any], here: Place, arms: Sequence[Arm]) -> Complaint:
    """Say that a selector selects no arm, and which of its values no arm has."""
    for name, value, path in _list_conditions(selector):
        if any(_has(arm, name, value) for arm in arms):
            continue
        if name == "arm":
            # Without the quotes: a name may hold line breaks.
            found = {repr(text)[1:-1] for arm in arms for text in (arm.name, arm.entry) if text}
        else:
            found = {write_bare(arm.settings[name]) for arm in arms if name in arm.settings}
        place = (*here, *path)
        hint = suggest(write_bare(value), sorted(found), "; " if name == "arm" else ", ")
        return Complaint(f"{name_place(place)} = {show(value)}: no arm has it{hint}.", (place,))
    return Complaint(f"{name_place(here)} = {show(selector)}: no arm has all of it.", (here,))


def _complain_metric(claim: Claim, here: Place, known: list[str], arm: str) -> Complaint:
    name = f"{name_place((*here, 'on'))} = {show(claim.on)}"
    if claim.on == "loss":
        text = (
            f"{name}: objectives of different runs are not comparable; name a metric that every "
            f"run is measured by (known: {', '.join(known)})."
        )
    elif claim.on in METRICS:
        text = (
            f"{name}: runs of the arm {show(arm, LONGEST_NAME)} have no such metric (known: "
            f"{', '.join(known)})."
        )
    else:
        text = f"{name} is not a known metric{suggest(claim.on, known)}."
    return Complaint(text, ((*here, "on"),))


def _complain_unmatched(
    claim: Claim, here: Place, better: Sequence[Arm], than: Sequence[Arm]
) -> Complaint:
    name = name_place(here)
    if {id(arm) for arm in better} == {id(arm) for arm in than}:
        text = f"{name}: better and than select the same arms: name what sets them apart."
        return Complaint(text, ((*here, "than"), here))
    one = better[0]
    other = next((arm for arm in than if arm is not one), than[0])
    named = frozenset(name for name, _, _ in _list_conditions(claim.better | claim.than))
    unlike = [
        setting
        for setting in sorted(one.settings.keys() | other.settings.keys())
        if one.settings.get(setting) != other.settings.get(setting)
        and not _is_named(setting, named)
        and ((setting in one.settings and setting in other.settings) or _is_open(setting, named))
    ]
    return Complaint(
        f"{name}: no arm of better is like an arm of than in all that they leave open; "
        f"{show(one.name, LONGEST_NAME)} and {show(other.name, LONGEST_NAME)} differ in "
        f"{', '.join(unlike) or 'nothing else'}: name that in better and than, or vary it on both "
        "sides.",
        ((*here, "better"), here),
    )
