"""What a run's result depends on, as one short text: settings, seed, data and training code."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from functools import cache
from importlib import resources
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from fairtrial.data.load import fingerprint_data
from fairtrial.kinds.mechanism.kind import Kind
from fairtrial.kinds.mechanism.plugins import digest_source, find_kinds
from fairtrial.kinds.metrics.monitors import list_watched
from fairtrial.results.sources import find_sources, is_stopped
from fairtrial.study import Run
from fairtrial.study.baseline import BaselineSettings
from fairtrial.study.metrics import list_defaults
from fairtrial.study.recipe import Recipe
from fairtrial.study.task import AnyTask

# What makes a run's numbers; all that these modules import counts too.
ROOTS = (
    "training.stacked", "training.eager", "data.load", "baselines", "results.scoring",
    "running.stack", "running.fit",
)  # fmt: skip
# What changes no number: settings count by their values, given or computed, data by its digest.
STOPS = (
    "study", "settings", "data.images.fetch", "results", "running", "files", "loading", "errors",
    "paths", "kinds.metrics",
)  # fmt: skip
TRAINING_LIBRARIES = ("tensorflow", "numpy", "polars", "scipy", "scikit-learn", "scikit-image")
OPTIONAL_LIBRARIES = ("scikit-learn-intelex",)


@cache
def fingerprint_code() -> str:
    """Fingerprint the training code: its source files, and the libraries that it stands on.

    Any change of them counts, were it of a comment: better to train again than to mix.
    """
    package = resources.files("fairtrial")
    files = find_sources(Path(str(package)), ROOTS, STOPS)
    names = [*TRAINING_LIBRARIES, *filter(_is_installed, OPTIONAL_LIBRARIES)]
    libraries = [f"{name} {version(name)}".encode() for name in names]
    return _digest([*libraries, *(file.read_bytes() for file in files)])


def fingerprint_metric(kind: Kind[...]) -> str:
    """Fingerprint what a metric of predictions depends on beside them: its source.

    It is no part of what a run depends on, so a new or a changed metric trains nothing.
    """
    module = kind.function.__module__
    if not module.startswith("fairtrial."):
        known = digest_source(kind), _fingerprint_modules("results.predictions")
        return _digest(one.encode() for one in known)
    return _fingerprint_modules(module.partition(".")[2])


@cache
def _fingerprint_modules(name: str) -> str:
    package = resources.files("fairtrial")
    places = (Path(str(package), *one.split(".")) for one in (name, "results.predictions"))
    return _digest(place.with_suffix(".py").read_bytes() for place in places)


def fingerprint_defaults(on_classes: bool) -> str:
    """Fingerprint the metrics of predictions that every run of a task has."""
    found = {fingerprint_metric(one.definition) for one in list_defaults(on_classes)}
    return _digest(one.encode() for one in sorted(found))


def fingerprint_arm(task: AnyTask, recipe: Recipe | BaselineSettings) -> str:
    """Fingerprint what the runs of an arm share: every setting, the data, the training code.

    The source of kinds from outside is part of it. The arm's name is not, nor where the data lies.
    """
    computed = json.dumps(list_computed(recipe), sort_keys=True)
    settings = task.model_dump_json(exclude={"path"}), recipe.model_dump_json(), computed
    sources = [digest_source(kind) for one in (task, recipe) for kind in find_kinds(one)]
    if isinstance(recipe, Recipe):  # A metric that ends runs is a part of their training.
        watched = list_watched(recipe.monitors.values())
        sources += [fingerprint_metric(one.definition) for one in watched]
    texts = (*settings, *sources, fingerprint_data(task), fingerprint_code())
    return _digest(text.encode() for text in texts)


def list_computed(settings: BaseModel) -> dict[str, Any]:
    """List what settings compute: the properties of classes whose source does not count.

    Examples
    --------
    >>> from fairtrial.study.recipe import Penalty
    >>> list_computed(Penalty(elastic_net=0.5, l1_share=0.25))["on_sizes"]
    0.125
    """
    names = {
        name
        for one in type(settings).__mro__
        if is_stopped(one.__module__.partition(".")[2], STOPS)
        for name, value in vars(one).items()
        if isinstance(value, property)
    }
    inner = {name: value for name, value in settings if isinstance(value, BaseModel)}
    return {name: _make_plain(getattr(settings, name)) for name in names} | {
        f"{name}.{key}": one
        for name, value in inner.items()
        for key, one in list_computed(value).items()
    }


def _make_plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_make_plain(one) for one in value]
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else value


def fingerprint_run(arm: str, seed: int) -> str:
    """Fingerprint a run, from its arm's fingerprint and its seed."""
    return _digest([arm.encode(), str(seed).encode()])


def fingerprint_runs(runs: Iterable[Run]) -> list[str]:
    """Fingerprint the runs of a study, each arm once."""
    runs = list(runs)
    arms = {run.arm.name: run.arm for run in runs}
    known = {name: fingerprint_arm(arm.task, arm.model) for name, arm in arms.items()}
    return [fingerprint_run(known[run.arm.name], run.seed) for run in runs]


def _is_installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True


def _digest(parts: Iterable[bytes]) -> str:
    whole = hashlib.sha256()
    for part in parts:  # Lengths keep neighbours apart.
        whole.update(len(part).to_bytes(8, "big") + part)
    return whole.hexdigest()[:32]
