"""Claims: what a study says before it runs, and which arms they compare."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from fairtrial.errors import InputError, show_object
from fairtrial.kinds.metrics.monitors import name_metrics
from fairtrial.kinds.metrics.numbers import HELD_OUT, METRICS
from fairtrial.kinds.metrics.runs import RUN_METRICS
from fairtrial.settings.base import NONE, Line, Settings
from fairtrial.settings.document import Place
from fairtrial.study.arm import Arm
from fairtrial.study.arms import list_known_names

Condition = tuple[str, Any, Place]  # a dotted name, its value, and its place in the selector


def list_selector_names() -> list[str]:
    """Return the dotted names that a selector may have."""
    return ["arm", *list_known_names()]


def _name_keys(schema: dict[str, Any]) -> None:
    schema["propertyNames"] = {"enum": list_selector_names()}


def _name_metrics(schema: dict[str, Any]) -> None:
    bare = [kind.name for kind in METRICS]
    names = [*bare, *(HELD_OUT + name for name in bare), *RUN_METRICS]
    name_metrics(schema, names, f"({HELD_OUT})?")


MetricName = Annotated[str, Field(min_length=1, json_schema_extra=_name_metrics)]
Selector = Annotated[dict[str, Any], Field(json_schema_extra=_name_keys)]


class Effect(Settings):
    """What a change does to the metric: the arms that `of` selects, minus those of `against`.

    An effect is positive where it improves the metric. With `size`, a claim is about how large two
    effects are, whatever their direction.
    """

    of: Annotated[Selector, Field(min_length=1)]
    against: Annotated[Selector, Field(min_length=1)]
    size: Literal["smaller", "larger"] | None = None


class Claim(Settings):
    """A is better than B on a metric that all runs share, by at least a margin.

    `better`, `than` and `where` select arms by dotted names and values; what `better` and `than`
    leave open is matched like with like. Smaller differences than `margin` do not matter in
    practice; it is in the metric's unit.

    With `effect`, a claim compares what a change does on either side: it improves the metric by
    more for `better` than for `than`, or its size is smaller (larger) for `better`.
    """

    say: Line
    better: Annotated[Selector, Field(min_length=1)]
    than: Annotated[Selector, Field(min_length=1)]
    on: MetricName
    margin: Annotated[float, Field(ge=0)] = 0.0
    where: Selector = {}
    over: Literal["seeds"] | None = None
    effect: Effect | None = None


# ---------------------------------------------------------------------------------------- matches


@dataclass(frozen=True)
class Match:
    """What a claim compares once: two arms, or the effects of a change on two sides.

    Those `against` are the sides without the change; None for a claim that compares arms.
    """

    better: Arm
    than: Arm
    better_against: Arm | None = None
    than_against: Arm | None = None

    @property
    def arms(self) -> tuple[Arm, ...]:
        """All arms, two or four."""
        every = (self.better, self.than, self.better_against, self.than_against)
        return tuple(arm for arm in every if arm is not None)


def check_claims(claims: object) -> None:
    """Refuse claims to judge that are neither a list of them nor the path of a file."""
    is_one = isinstance(claims, Claim | Mapping)
    if is_one or not isinstance(claims, Iterable | Path | None):
        raise InputError(
            f"claims = {show_object(claims)} is no list of claims: give one, as in "
            "claims=[ft.Claim(...)], or the path of a TOML file with [[claims]]."
        )


def select_arms(arms: Iterable[Arm], selector: Mapping[str, Any]) -> list[Arm]:
    """Return the arms that have every setting that a selector names, defaults too.

    A bare kind selects every setting of that kind; `arm` selects by the name of an arm or its
    entry.
    """
    conditions = [(name, value) for name, value, _ in list_conditions(selector)]
    return [arm for arm in arms if all(has(arm, name, value) for name, value in conditions)]


def match_arms(arms: Sequence[Arm], claim: Claim) -> list[tuple[Arm, Arm]]:
    """Return the pairs of different arms that a claim compares: (better, than).

    The two agree in every setting that neither selector names. To name an arm is to name all that
    its entry sets; where the name is the arm's own, also what its grid varies. A setting that only
    one of the two has, such as Huber's `delta` beside MSE, is not compared where the selectors name
    its table or another setting of the table, or of one that this stands in. The claim's `where`
    holds for both arms.
    """
    return [*_match_sides(select_arms(arms, claim.where), claim.better, claim.than)]


def match_claim(arms: Sequence[Arm], claim: Claim) -> list[Match]:
    """Return all that a claim compares, in the order of the arms: pairs of arms, or of effects.

    The two sides of effects match as in `match_arms`, with the change and without it, and so does
    each side with its own change.
    """
    if claim.effect is None:
        return [Match(*pair) for pair in match_arms(arms, claim)]
    arms = select_arms(arms, claim.where)
    of, against = claim.effect.of, claim.effect.against
    changed = _match_sides(arms, claim.better | of, claim.than | of)
    without = _match_sides(arms, claim.better | against, claim.than | against)
    unchanged = {(better.name, than.name) for better, than in without}
    partners: defaultdict[tuple[str, str], list[Arm]] = defaultdict(list)
    for name, side in (("better", claim.better), ("than", claim.than)):
        for arm, other in _match_sides(arms, side | of, side | against):
            partners[name, arm.name].append(other)
    return [
        Match(better, than, better_against, than_against)
        for better, than in changed
        for better_against in partners["better", better.name]
        for than_against in partners["than", than.name]
        if (better_against.name, than_against.name) in unchanged
    ]


# -------------------------------------------------------------------------------------- selectors


def list_conditions(selector: Mapping[str, Any]) -> list[Condition]:
    """Return what a selector asks for, nested tables by dotted name, bare kinds as kinds."""
    conditions: list[Condition] = []
    for place, value in _list_leaves(selector):
        name = ".".join(map(str, place))
        if isinstance(value, list) and value and list_known_names().get(name):  # Several kinds.
            for at, one in enumerate(value):
                conditions += _list_conditions_of_kind(f"{name}.{at}", one, (*place, at))
            continue
        if isinstance(value, str) and list_known_names().get(name):
            name += ".kind"
        conditions.append((name, value, place))
    return conditions


def _list_conditions_of_kind(name: str, value: object, place: Place) -> list[Condition]:
    """Return what a selector asks for of one kind in a list."""
    if isinstance(value, Mapping) and value:
        leaves = _list_leaves(value)
        return [(".".join([name, *map(str, at)]), leaf, (*place, *at)) for at, leaf in leaves]
    return [(f"{name}.kind" if isinstance(value, str) else name, value, place)]


def _list_leaves(selector: Mapping[str, Any]) -> Iterator[tuple[Place, Any]]:
    for key, value in selector.items():
        if isinstance(value, Mapping) and value:
            yield from (((key, *place), leaf) for place, leaf in _list_leaves(value))
        else:
            yield (key,), value


def has(arm: Arm, name: str, value: Any) -> bool:
    """Say whether an arm has a setting of this value; `"none"` is that of an absent one."""
    if name == "arm":
        return value in (arm.name, arm.entry)
    found = arm.settings.get(name)
    if value == NONE and found is None:
        table = name.removesuffix(".kind")
        return arm.is_trained and not any(
            one == table or one.startswith(f"{table}.") for one in arm.settings
        )
    # In Python true equals 1.
    return found == value and isinstance(found, bool) == isinstance(value, bool)


# ----------------------------------------------------------------------------------------- pairs


def _match_sides(
    arms: Sequence[Arm], better: Mapping[str, Any], than: Mapping[str, Any]
) -> Iterator[tuple[Arm, Arm]]:
    """Join the arms that two selectors select on what they must agree in, not pair by pair."""
    than_groups = _group_arms(arms, than)
    for (better_named, better_names), better_arms in _group_arms(arms, better).items():
        for (than_named, than_names), than_arms in than_groups.items():
            named = better_named | than_named
            if any(is_open(name, named) for name in better_names ^ than_names):
                continue
            shared = sorted(n for n in better_names & than_names if not is_named(n, named))
            partners: defaultdict[tuple[Any, ...], list[Arm]] = defaultdict(list)
            for arm in than_arms:
                partners[_make_key(arm, shared)].append(arm)
            for arm in better_arms:
                others = partners.get(_make_key(arm, shared), [])
                yield from ((arm, other) for other in others if other is not arm)


def _group_arms(
    arms: Iterable[Arm], selector: Mapping[str, Any]
) -> dict[tuple[frozenset[str], frozenset[str]], list[Arm]]:
    """Group selected arms by what the selector names of them, and by the settings they have."""
    groups: defaultdict[tuple[frozenset[str], frozenset[str]], list[Arm]] = defaultdict(list)
    conditions = [(name, value) for name, value, _ in list_conditions(selector)]
    plain = frozenset(name for name, _ in conditions if name != "arm")
    by_name = [value for name, value in conditions if name == "arm"]
    for arm in select_arms(arms, selector):
        named = plain
        if by_name:
            named = named | arm.picked
        if arm.name in by_name:
            named = named.union(arm.varied)
        groups[named, frozenset(arm.settings)].append(arm)
    return groups


def is_named(name: str, named: frozenset[str]) -> bool:
    """Say whether a selector names a setting, or the table that it stands in."""
    parts = name.split(".")
    return any(".".join(parts[:length]) in named for length in range(1, len(parts) + 1))


def is_open(name: str, named: frozenset[str]) -> bool:
    """Say whether a setting that one arm lacks tells the two apart."""
    parts = name.split(".")
    tables = {".".join(parts[:length]) for length in range(1, len(parts))}
    beside = any(other.rpartition(".")[0] in tables for other in named)
    return not (beside or is_named(name, named))


def _make_key(arm: Arm, names: list[str]) -> tuple[Any, ...]:
    values = (arm.settings[name] for name in names)
    return tuple(tuple(value) if isinstance(value, list) else value for value in values)
