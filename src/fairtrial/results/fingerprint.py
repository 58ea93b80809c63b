"""What a run's result depends on, as one short text: settings, seed, data and training code."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache
from importlib import resources
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from fairtrial.data.load import fingerprint_data
from fairtrial.kinds.kind import Kind
from fairtrial.kinds.plugins import digest_source, find_kinds
from fairtrial.results.sources import find_sources
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
# What changes no number: settings count by their values and data by its digest.
STOPS = (
    "study", "settings", "data.images.fetch", "results", "running", "files", "loading", "errors",
    "paths", "kinds.metrics", "kinds.class_metrics", "kinds.run_metrics",
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
        return _digest([digest_source(kind).encode()])
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
    settings = task.model_dump_json(exclude={"path"}), recipe.model_dump_json()
    sources = [digest_source(kind) for one in (task, recipe) for kind in find_kinds(one)]
    texts = (*settings, *sources, fingerprint_data(task), fingerprint_code())
    return _digest(text.encode() for text in texts)


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
