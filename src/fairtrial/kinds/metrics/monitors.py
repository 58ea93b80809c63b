"""What stopping and schedules may watch: the training loss, or a metric on the validation rows."""

import re
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, Field

from fairtrial.kinds.metrics.numbers import (
    HELD_OUT,
    METRICS,
    MetricSettings,
    list_kinds,
    read_metric,
)
from fairtrial.settings.complaints import show
from fairtrial.settings.names import find_nearest, find_same

LOSS = "loss"


def read_monitor(name: str) -> MetricSettings | None:
    """Read the metric on the validation rows that is watched; None for the training loss."""
    return read_metric(name) if name.startswith(HELD_OUT) else None


def list_watched(names: Iterable[str]) -> list[MetricSettings]:
    """List the metrics of those that are watched; the training loss is none."""
    return [one for one in map(read_monitor, names) if one]


def list_monitors(about: str = "") -> list[str]:
    """List what may be watched beside the loss: about `"numbers"` or `"classes"`; empty: both."""
    kinds = [kind for kind in list_kinds() if about in ("", kind.about)]
    return [HELD_OUT + kind.name + _show_required(kind.settings) for kind in kinds]


def _show_required(settings: type[BaseModel]) -> str:
    fields = settings.model_fields.items()
    return "".join(f" {name}=..." for name, field in fields if field.is_required())


def _check_monitor(name: str) -> str:
    """Refuse what cannot be watched."""
    if name == LOSS or read_monitor(name):
        return name
    raise ValueError(
        f"{show(name)} cannot be watched while a run trains{_suggest(name)} (known: {LOSS}, "
        f"{', '.join(list_monitors())})"
    )


def _suggest(name: str) -> str:
    bare = re.sub("^val(id(ation)?)?_", "", name)
    if METRICS.get(bare.partition(" ")[0]) and name.startswith(HELD_OUT):
        return f"; check its settings, which stand after it as in '{HELD_OUT}pinball tau=0.9'"
    same = find_same(bare, [kind.name for kind in METRICS])
    meant = HELD_OUT + same if same else find_nearest(name, list_monitors())
    return f"; did you mean {meant!r}?" if meant else ""


def name_metrics(schema: dict[str, Any], names: Sequence[str], prefix: str) -> None:
    """Say in the schema of study files that names may stand there, or metrics with settings."""
    with_settings = "|".join(kind.name for kind in METRICS if len(kind.settings.model_fields) > 1)
    schema["anyOf"] = [{"enum": [*names]}, {"pattern": f"^{prefix}({with_settings}) "}]


def _name_monitors(schema: dict[str, Any]) -> None:
    bare = (name for name in list_monitors() if " " not in name)
    name_metrics(schema, [LOSS, *bare], HELD_OUT)


Monitor = Annotated[str, AfterValidator(_check_monitor), Field(json_schema_extra=_name_monitors)]
