"""What a run's result depends on, as one short text: settings, seed, data and training code."""

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Iterator
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from fairtrial.data.load import fingerprint_data
from fairtrial.kinds.mechanism.kind import Kind
from fairtrial.kinds.mechanism.plugins import digest_source, find_kinds
from fairtrial.kinds.metrics.monitors import list_watched
from fairtrial.loading import find_version
from fairtrial.study import Run
from fairtrial.study.baseline import BaselineSettings
from fairtrial.study.metrics import list_defaults
from fairtrial.study.recipe import Recipe
from fairtrial.study.task import AnyTask

# What makes a run's numbers; all that these modules import counts too.
ROOTS = (
    "training.stacked", "training.eager", "data.load", "baselines", "results.scoring",
    "running.stack",
)  # fmt: skip
# What changes no number: settings count by their values, given or computed, data by its digest.
STOPS = (
    "study", "settings", "data.images.fetch", "results", "running", "files", "loading", "errors",
    "paths", "kinds.metrics",
)  # fmt: skip
TRAINING_LIBRARIES = (
    "tensorflow", "numpy", "polars", "scipy", "scikit-image", "scikit-learn",
    "scikit-learn-intelex",
)  # fmt: skip
# Patterns, not `ast`: Python 3.11 cannot parse in two threads at once, and TensorFlow parses too.
IMPORT = re.compile(
    r"^[ ]*(?:from (?P<module>[\w.]+) import (?P<names>\([^)]*\)|[^\n#(]+)"
    r"|import (?P<plain>[\w.]+))",
    re.MULTILINE,
)
FOR_TYPES = re.compile(r"^if TYPE_CHECKING:\n(?:[ ]+.*\n|\n)+", re.MULTILINE)


@cache
def fingerprint_code() -> str:
    """Fingerprint the training code: its source files, and the libraries that it stands on.

    Any change of them counts, were it of a comment: better to train again than to mix.
    """
    package = resources.files("fairtrial")
    files = find_sources(Path(str(package)), ROOTS, STOPS)
    libraries = [f"{name} {find_version(name)}".encode() for name in TRAINING_LIBRARIES]
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


def _digest(parts: Iterable[bytes]) -> str:
    whole = hashlib.sha256()
    for part in parts:  # Lengths keep neighbours apart.
        whole.update(len(part).to_bytes(8, "big") + part)
    return whole.hexdigest()[:32]


# ------------------------------------------------- the source files that modules stand on


def find_sources(package: Path, roots: Iterable[str], stops: Collection[str]) -> list[Path]:
    """Find the source files of modules of a package, and of all that they import from it, sorted.

    Imports within functions count, those for type checkers do not. Roots are modules, as in
    `"training.stacked"`; stops are modules and packages that are left out, unless they are roots,
    with what only they import.
    """
    waiting, found = [*roots], dict[str, Path]()
    kept = set(waiting)
    while waiting:
        name = waiting.pop()
        place = _locate(package, name)
        if name in found or place is None or (name not in kept and is_stopped(name, stops)):
            continue
        found[name] = place
        waiting += _list_imports(place, package.name)
        waiting += [name.rpartition(".")[0]] if "." in name else []  # Its package runs first.
    return [found[name] for name in sorted(found)]


def _locate(package: Path, name: str) -> Path | None:
    place = package.joinpath(*name.split("."))
    if (place / "__init__.py").is_file():
        return place / "__init__.py"
    module = place.with_name(f"{place.name}.py")
    return module if module.is_file() else None


def is_stopped(name: str, stops: Collection[str]) -> bool:
    """Say whether a module is one of those that are left out, or in such a package."""
    return any(name == stop or name.startswith(f"{stop}.") for stop in stops)


def _list_imports(place: Path, package: str) -> Iterator[str]:
    """List what a file imports from the package: modules, and names that may be modules."""
    text = FOR_TYPES.sub("", place.read_text(encoding="utf-8"))
    for found in IMPORT.finditer(text):
        module = found["module"] or found["plain"]
        names = [
            name.split()[0]
            for name in (found["names"] or "").strip("()").split(",")
            if name.strip()
        ]
        inside = f"{package}."
        for name in (module, *(f"{module}.{name}" for name in names)):
            if name.startswith(inside):
                yield name.removeprefix(inside)
