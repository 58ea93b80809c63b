"""The page of the docs that lists all kinds: `python -m fairtrial.kinds.reference`."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from pydantic_core import PydanticUndefined

from fairtrial.kinds.losses.numbers import LOSSES
from fairtrial.kinds.mechanism.kind import FAMILIES, Kind
from fairtrial.kinds.mechanism.registry import Family
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


def list_names(family: str) -> str:
    """Write the names of a family's kinds, as the starter file has them: `a | b`."""
    kinds = (kind for kind in FAMILIES[family] if getattr(kind, "in_files", True))
    return " | ".join(kind.name for kind in kinds)


def _list(family: Family) -> Iterator[str]:
    yield f"## {TITLES[family.name]}\n"
    more = ["exact minimiser"] if family is LOSSES else []
    heads = ["kind", "settings (defaults)", "meaning", "source", "reference", *more]
    yield f"| {' | '.join(heads)} |"
    yield "|---" * len(heads) + "|"
    for kind in family:
        meaning = " ".join(f"{kind.description} {kind.remark}".split())
        cells = [kind.name, _list_settings(kind), meaning, _source(kind), kind.reference]
        cells += [_name_minimiser(kind)] if more else []
        yield "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"
    yield ""


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
    import fairtrial.kinds  # noqa: F401 - registers them

    print(format_reference(), end="")
