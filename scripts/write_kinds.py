"""The page of the docs that lists all kinds: `python scripts/write_kinds.py`."""

import inspect
from collections.abc import Iterator
from typing import Any

from pydantic_core import PydanticUndefined

import fairtrial.kinds  # noqa: F401 - registers them
from fairtrial.kinds.losses.numbers import LOSSES
from fairtrial.kinds.mechanism.kind import FAMILIES, Kind
from fairtrial.kinds.mechanism.registry import Family
from fairtrial.kinds.metrics.numbers import METRICS
from fairtrial.kinds.metrics.runs import RUN_METRICS

HEAD = """# Kinds

Every kind that a study may name, by family. A kind without settings may be its bare name. This page
is made from the registry. [own_kinds.md](own_kinds.md) says how to add your own. The reference of a
kind is the library that the tests compare it with: a function of it, or its formula written there.
"""
TITLES = {
    "loss": "Losses", "optimizer": "Optimizers", "schedule": "Schedules", "init": "Starts",
    "average": "Averages",
    "noise": "Noise of synthetic tasks", "input_noise": "Noise on the features of training rows",
    "label_noise": "Noise on the labels of training rows",
    "data_noise": "Noise injected in targets or features",
    "weight_noise": "Noise injected in weights",
    "rate_noise": "Noise injected in the learning rate",
    "task": "Data sets",
    "features": "Features",
    "baseline": "Baselines",
    "metric": "Metrics of predictions",
}  # fmt: skip


def format_reference() -> str:
    """Write the page, as Markdown."""
    of_families = (line for name in TITLES for line in _list(FAMILIES[name]))
    return "\n".join([HEAD, *of_families, *_list_run_metrics()])


def _list_run_metrics() -> Iterator[str]:
    yield "## Other metrics of runs\n"
    yield "| metric | meaning | better |"
    yield "|---|---|---|"
    for name, one in RUN_METRICS.items():
        way = "higher" if one.higher_is_better else "lower"
        yield f"| {name} | {one.meaning[0].upper()}{one.meaning[1:]}. | {way} |"
    yield ""


def _list(family: Family) -> Iterator[str]:
    yield f"## {TITLES[family.name]}\n"
    more = ["exact minimiser"] if family is LOSSES else []
    heads = ["kind", "settings (defaults)", "meaning", "source", "reference", *more]
    yield f"| {' | '.join(heads)} |"
    yield "|---" * len(heads) + "|"
    for kind in family:
        meaning = " ".join(f"{kind.description} {_describe_metric(kind)}".split())
        cells = [kind.name, _list_settings(kind), meaning, _source(kind), kind.reference]
        cells += [_name_minimiser(kind)] if more else []
        yield "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"
    yield ""


def _describe_metric(kind: Any) -> str:
    """Say what a metric is of, and which way is better; nothing of another kind."""
    if kind.family is not METRICS:
        return ""
    what = {"numbers": "Of numbers", "classes": "Of classes"}.get(kind.of)
    way = "higher" if kind.higher_is_better else "lower"
    unit = f", in {kind.unit}" if kind.unit else ""
    always = "; measured by default" if kind.by_default else ""
    return f"{what or 'Of the probabilities of classes'}{unit}; {way} is better{always}."


def _list_settings(kind: Kind[...]) -> str:
    return ", ".join(
        f"`{name}`"
        if one.default in (None, PydanticUndefined)
        else f"`{name}` ({getattr(one.default, 'kind', one.default)})"
        for name, one in kind.settings.model_fields.items()
        if name not in ("kind", *kind.refused)
    )


def _name_minimiser(kind: Kind[...]) -> str:
    """Say whether the exact minimiser is known with the default settings, or why it is not."""
    found = kind().minimiser
    return f"none: {found}" if isinstance(found, str) else "certified"


def _source(kind: Kind[...]) -> str:
    """Return what stands below the heading References of the docstring."""
    text = inspect.cleandoc(kind.function.__doc__ or "")
    return " ".join(text.partition("References\n----------\n")[2].split())


if __name__ == "__main__":
    print(format_reference(), end="")
