"""What can be wrong with a claim, before anything runs."""

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fairtrial.kinds.metrics.numbers import METRICS, MetricSettings, find_metric, read_metric
from fairtrial.kinds.metrics.runs import RUN_METRICS
from fairtrial.settings.base import NONE
from fairtrial.settings.complaints import LONGEST_NAME, Complaint, name_place, show, write_bare
from fairtrial.settings.document import Place
from fairtrial.settings.hints import MAY_BE_ABSENT, find_elsewhere, read_number
from fairtrial.settings.names import end, find_same, suggest, suggest_kind
from fairtrial.settings.partial import UnknownSettingError, list_known
from fairtrial.study.arm import Arm
from fairtrial.study.arms import list_known_names
from fairtrial.study.claims import (
    Claim,
    has,
    is_named,
    is_open,
    list_conditions,
    list_selector_names,
    match_claim,
    select_arms,
)
from fairtrial.study.metrics import list_claimable
from fairtrial.study.recipe import Recipe

SEEDS, OVER_SEEDS = ("seed", "seeds"), "{}: a claim is over all seeds: leave it out."


def find_claim_problems(
    claim: Claim, position: int, arms: Sequence[Arm] | None, metrics: Sequence[MetricSettings] = ()
) -> Iterator[Complaint]:
    """Yield what is wrong with a claim whose settings have the right types.

    `position` is its place in the study, counted from 0. The arms are all of the study's, as far as
    they are known; None where their names are not known.
    """
    here: Place = ("claims", position)
    wrong = [
        complaint
        for place, selector in list_selectors(claim).items()
        for complaint in _find_unknown_names(selector, (*here, *place))
    ]
    wrong += list_known(find_twice_named(claim, here))
    yield from wrong
    claim = claim.model_copy()
    for complaint in wrong:  # What is not known compares nothing.
        vars(claim).pop(str(complaint.place[2]), None)
    idle = [] if arms is None else list_known(find_idle_selectors(claim, here, arms))
    yield from idle
    yield from list_known(_find_wrong_metric(claim, here, arms, metrics))
    if arms is not None and not idle:
        yield from list_known(_find_unlike_objectives(claim, here, arms))


def list_selectors(claim: Claim) -> dict[Place, Mapping[str, Any]]:
    """List the selectors of a claim that are known, by their places in it."""
    known, effect = vars(claim), vars(claim).get("effect")
    selectors: dict[Place, Mapping[str, Any]] = {
        (name,): known[name] for name in ("better", "than", "where") if name in known
    }
    if effect:
        inner = vars(effect)
        selectors |= {("effect", name): inner[name] for name in ("of", "against") if name in inner}
    return selectors


def find_twice_named(claim: Claim, here: Place) -> Iterator[Complaint]:
    """Yield a complaint where a side and the effect name the same setting."""
    if claim.effect is None:
        return
    sides = {name for one in (claim.better, claim.than) for name, _, _ in list_conditions(one)}
    for side in ("of", "against"):
        for name, _, path in list_conditions(getattr(claim.effect, side)):
            if name in sides:
                place = (*here, "effect", side, *path)
                yield Complaint(
                    f"{name_place(place)}: better or than names {name}, too; an effect is compared "
                    "between arms that differ in something else: name it in one of them.",
                    (place,),
                )


def _find_unknown_names(selector: Mapping[str, Any], here: Place) -> Iterator[Complaint]:
    for own_name, value, path in list_conditions(selector):
        place = (*here, *path)
        name = re.sub(r"\.\d+\.", ".", own_name)  # Of several kinds, the place in the list.
        if name == "arm":
            if not isinstance(value, str):
                text = f"{name_place(place)} = {show(value)}: it must be the name of an arm."
                yield Complaint(text, (place,))
        elif isinstance(path[-1], int) and not isinstance(value, str):
            text = f"{name_place(place)} = {show(value)}: name a kind, or its settings in a table."
            yield Complaint(text, (place,))
        elif name in SEEDS:
            yield Complaint(OVER_SEEDS.format(name_place(place)), (place,))
        elif name not in list_known_names():
            hint = _suggest_place(name, place, here) or _suggest_name(name)
            yield Complaint(end(f"{name_place(place)} is not a known name{hint}"), (place,))
        elif list_known_names()[name] is not None and value != NONE:
            inner = [known for known in list_known_names() if known.startswith(f"{name}.")]
            without = ", or write 'none' for arms without it" * (name in MAY_BE_ABSENT)
            yield Complaint(
                f"{name_place(place)} = {show(value)}: {name} is a table: name its settings "
                f"(known: {', '.join(inner)}){without}.",
                (place,),
            )


def _suggest_place(name: str, place: Place, here: Place) -> str:
    """Suggest the place of a known name that is written inside another table."""
    parts, names = name.split("."), list_selector_names()
    is_inside = len(place) > len(here) + 1  # Inside a table, the bare name may be the refused one.
    if parts[0] in Claim.model_fields:  # A condition for both sides, written into one of them.
        return f"; did you mean {name_place((*here[:2], *place[len(here) :]))}?"
    inner = [".".join(parts[n:]) for n in range(1, len(parts))]
    if not is_inside and parts[0] != "recipe":  # A setting that its table lacks.
        inner = [one for one in inner if "." in one]
    known = next((one for one in inner if one in names and f"task.{one}" not in names), None)
    if known is None:
        return ""
    return f"; did you mean {name_place((*here, known)) if is_inside else repr(known)}?"


def _suggest_name(name: str) -> str:
    """Suggest a dotted name; where the table is right, one of that table."""
    table = name.rpartition(".")[0]
    known = [known for known in list_known_names() if known.rpartition(".")[0] == table]
    inside = "" if table or find_same(name, known) else find_elsewhere(name, list_known_names())
    if inside:
        return f"; did you mean {inside}?"
    return suggest(name, known) or suggest(name, list_selector_names())


def _find_wrong_metric(
    claim: Claim, here: Place, arms: Sequence[Arm] | None, metrics: Sequence[MetricSettings]
) -> Iterator[Complaint]:
    """Yield a complaint if the arms that a claim selects, or any arms, have no such metric."""
    named = [*metrics, *filter(None, [read_metric(claim.on)])]
    try:
        if arms is None:
            raise UnknownSettingError
        within = select_arms(arms, claim.where)
        better, than = (select_arms(within, side) for side in (claim.better, claim.than))
        lists = [
            (arm, list_claimable(arm.task, arm.model, named)) for arm in [*better, *than] or arms
        ]
    except UnknownSettingError:
        if find_metric(claim.on) is None:
            known = [*(kind.name for kind in METRICS), *RUN_METRICS]
            yield _complain_metric(claim, here, known, "")
        return
    for arm, known in lists:
        if claim.on not in known:
            yield _complain_metric(claim, here, known, arm.name)
            break


def find_idle_selectors(claim: Claim, here: Place, arms: Sequence[Arm]) -> Iterator[Complaint]:
    """Yield a complaint for each selector of a claim that selects no arm, or if no arms match."""
    within = select_arms(arms, claim.where)
    if not within:
        yield _complain_nothing(claim.where, (*here, "where"), arms)
        return
    empty = [
        complaint
        for place, selector in list_selectors(claim).items()
        for complaint in list_known(_find_idle_selector(selector, (*here, *place), within))
    ]
    yield from empty
    if not empty and not match_claim(arms, claim):
        better, than = (select_arms(within, side) for side in (claim.better, claim.than))
        yield _complain_unmatched(claim, here, better, than)


def _find_idle_selector(
    selector: Mapping[str, Any], here: Place, arms: Sequence[Arm]
) -> Iterator[Complaint]:
    if not select_arms(arms, selector):
        yield _complain_nothing(selector, here, arms)


def _list_objective(recipe: Recipe) -> dict[str, Any]:
    """Return what decides the objective of a recipe on given rows, by setting."""
    penalty = recipe.penalty
    return {
        "loss": recipe.loss,
        "penalty": (penalty.on_squares, penalty.on_sizes),
        "standardise": recipe.standardise,
        "class_weights": recipe.class_weights,
        # The start decides what a loss that is relative to the data is.
        "init": recipe.init if recipe.loss.is_relative else None,
    }


def _find_unlike_objectives(claim: Claim, here: Place, arms: Sequence[Arm]) -> Iterator[Complaint]:
    """Yield a complaint for the first match whose metric is in the units of two objectives."""
    found = find_metric(claim.on)
    if found is None or not found.of_objective:
        return
    matches = (match.arms for match in match_claim(arms, claim))
    for one, other in (pair for each in matches for pair in itertools.combinations(each, 2)):
        if not (one.is_trained and other.is_trained):
            continue
        parts, others = (_list_objective(arm.recipe) for arm in (one, other))
        if unlike := [name for name in parts if parts[name] != others[name]]:
            names = " and ".join(show(arm.name, LONGEST_NAME) for arm in (one, other))
            shared = "loss, penalty, standardise and class_weights"
            shared += " as well as init" if "init" in unlike else ""
            yield Complaint(
                f"{name_place((*here, 'on'))} = {show(claim.on)}: objectives of different runs are "
                f"not comparable; {names} differ in {' and '.join(unlike)}: compare arms that "
                f"share {shared}, or name another metric.",
                ((*here, "on"),),
            )
            return


def _complain_nothing(selector: Mapping[str, Any], here: Place, arms: Sequence[Arm]) -> Complaint:
    """Say that a selector selects no arm, and which of its values no arm has."""
    for name, value, path in list_conditions(selector):
        found_in = list_known(has(arm, name, value) for arm in arms)
        if any(found_in) or len(found_in) < len(arms):
            continue
        before_lists = itertools.takewhile(lambda part: not isinstance(part, int), path)
        if (listed := (*here, *before_lists)) != (*here, *path) and not _is_list(name, arms):
            text = f"{name_place(listed)} is a list, and no arm has one there: name one value."
            return Complaint(text, (listed,))
        if name == "arm":
            # Without the quotes: a name may hold line breaks.
            found = {repr(text)[1:-1] for arm in arms for text in (arm.name, arm.entry) if text}
        else:
            found = {write_bare(arm.settings[name]) for arm in arms if name in arm.settings}
        place = (*here, *path)
        hint = suggest(write_bare(value), sorted(found), "; " if name == "arm" else ", ")
        if isinstance(value, str) and (number := read_number(value)) in found:
            hint = f"; write it without quotes: {number}"
        if isinstance(value, list) and not any(one.startswith("[") for one in found):
            hint = "; name one value, not a list"
        text = end(f"{name_place(place)} = {show(value)}: no arm has it{hint}")
        return Complaint(text, (place,))
    return Complaint(f"{name_place(here)} = {show(selector)}: no arm has all of it.", (here,))


def _is_list(name: str, arms: Sequence[Arm]) -> bool:
    """Say whether an arm has a list where a dotted name, as in `schedule.0.kind`, has one."""
    table = re.split(r"\.\d+", name)[0]
    return any(f"{table}.0.kind" in arm.settings for arm in arms)


def _complain_metric(claim: Claim, here: Place, known: list[str], arm: str) -> Complaint:
    name = f"{name_place((*here, 'on'))} = {show(claim.on)}"
    if claim.on == "loss":
        text = (
            f"{name}: objectives of different runs are not comparable; name a metric that every "
            f"run is measured by (known: {', '.join(known)})."
        )
    elif find_metric(claim.on) and claim.on not in RUN_METRICS and not read_metric(claim.on):
        text = (
            f"{name}: settings of a metric are written after its name, where they are not its "
            'defaults, as in on = "pinball tau=0.9"; check the settings and their values.'
        )
    elif find_metric(claim.on):
        text = (
            f"{name}: runs of the arm {show(arm, LONGEST_NAME)} have no such metric (known: "
            f"{', '.join(known)})."
        )
    else:
        text = end(f"{name} is not a known metric{suggest_kind(claim.on, known)}")
    return Complaint(text, ((*here, "on"),))


def _complain_unmatched(
    claim: Claim, here: Place, better: Sequence[Arm], than: Sequence[Arm]
) -> Complaint:
    name = name_place(here)
    if claim.effect:
        text = (
            f"{name_place((*here, 'effect'))}: no four arms are alike in all that better, than, of "
            "and against leave open: name what sets them apart, or vary it on both sides."
        )
        return Complaint(text, ((*here, "effect"), here))
    if {arm.name for arm in better} == {arm.name for arm in than}:
        text = f"{name}: better and than select the same arms: name what sets them apart."
        return Complaint(text, ((*here, "than"), here))
    one = better[0]
    other = next((arm for arm in than if arm is not one), than[0])
    named = frozenset(name for name, _, _ in list_conditions(claim.better | claim.than))
    unlike = [
        setting
        for setting in sorted(one.settings.keys() | other.settings.keys())
        if one.settings.get(setting) != other.settings.get(setting)
        and not is_named(setting, named)
        and ((setting in one.settings and setting in other.settings) or is_open(setting, named))
    ]
    return Complaint(
        f"{name}: no arm of better is like an arm of than in all that they leave open; "
        f"{show(one.name, LONGEST_NAME)} and {show(other.name, LONGEST_NAME)} differ in "
        f"{', '.join(unlike) or 'nothing else'}: name that in better and than, or vary it on both "
        "sides.",
        ((*here, "better"), here),
    )
