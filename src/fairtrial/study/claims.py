"""Claims: what a study says before it runs."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from fairtrial.kinds.metrics import HELD_OUT, METRICS
from fairtrial.kinds.run_metrics import RUN_METRICS
from fairtrial.settings.base import Line, Settings
from fairtrial.study.arms import list_known_names


def list_selector_names() -> list[str]:
    """Return the dotted names that a selector may have."""
    return ["arm", *list_known_names()]


def _name_keys(schema: dict[str, Any]) -> None:
    schema["propertyNames"] = {"enum": list_selector_names()}


def _name_metrics(schema: dict[str, Any]) -> None:
    bare = [kind.name for kind in METRICS]
    with_settings = "|".join(kind.name for kind in METRICS if len(kind.settings.model_fields) > 1)
    schema["anyOf"] = [
        {"enum": [*bare, *(HELD_OUT + name for name in bare), *RUN_METRICS]},
        {"pattern": f"^({HELD_OUT})?({with_settings}) "},
    ]


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
