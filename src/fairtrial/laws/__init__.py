"""The laws of families of kinds: what must hold of a kind, and sentences about what breaks it."""

from collections.abc import Callable, Iterator
from typing import Any

from fairtrial.errors import InputError
from fairtrial.kinds.mechanism.failures import ResultError, describe_failure, find_line
from fairtrial.kinds.mechanism.kind import Kind
from fairtrial.laws import losses, metrics, rows, steps
from fairtrial.laws.examples import list_examples, make_example

# The laws of each family, by its name: functions of settings.
LAWS: dict[str, Callable[[Any], Iterator[str]]] = {
    "loss": losses.find_breaches,
    "optimizer": steps.find_breaches_of_optimizer,
    "schedule": steps.find_breaches_of_schedule,
    "average": steps.find_breaches_of_average,
    "init": rows.find_breaches_of_init,
    "noise": rows.find_breaches_of_noise,
    "input_noise": rows.find_breaches_of_input_noise,
    "label_noise": rows.find_breaches_of_label_noise,
    "data_noise": steps.find_breaches_of_injection,
    "weight_noise": steps.find_breaches_of_injection,
    "rate_noise": steps.find_breaches_of_injection,
    "metric": metrics.find_breaches,
    "task": rows.find_breaches_of_dataset,
    "baseline": rows.find_breaches_of_baseline,
    "features": rows.find_breaches_of_features,
}

# Families whose kinds are checked with other settings than their defaults too.
SEVERAL = ("loss", "optimizer", "schedule", "average")


def find_breaches(kind: Kind[...]) -> list[str]:
    """Check a kind by the laws of its family: a sentence for each law that it breaks."""
    found = []
    if not (kind.function.__doc__ or "").strip():
        found.append("it has no docstring: say in one what it is, with its unit")
    try:
        for settings in _list_settings(kind):
            for sentence in LAWS[kind.family.name](settings):
                found += [sentence] if sentence not in found else []
    except InputError as error:  # It names the function and the line.
        text = str(error).rstrip(".")
        found.append(text.partition(f" {kind.name}: ")[2] or text)
    except ResultError as error:
        found.append(str(error).removeprefix("a wrong result: "))
    except Exception as error:
        line = find_line(error, [kind.function]).rpartition(", ")[2]
        found.append(f"it fails with {describe_failure(error)}" + (f" ({line})" if line else ""))
    return [f"{kind.name}: {one}." for one in found]


def _list_settings(kind: Kind[...]) -> list[Any]:
    """List the settings to check a kind with; none where a study must name a file or a model."""
    family, fields = kind.family.name, kind.settings.model_fields
    if family in SEVERAL:
        return list_examples(kind)
    if family == "task" and "path" in fields and fields["path"].is_required():
        return []
    try:
        return [make_example(kind)]
    except InputError:
        if family != "baseline":
            raise
        return []
