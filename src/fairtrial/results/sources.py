"""The source files that a module stands on, found by its imports."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

# Patterns, not `ast`: Python 3.11 cannot parse in two threads at once, and TensorFlow parses too.
IMPORT = re.compile(
    r"^[ ]*(?:from (?P<module>[\w.]+) import (?P<names>\([^)]*\)|[^\n#(]+)"
    r"|import (?P<plain>[\w.]+))",
    re.MULTILINE,
)
FOR_TYPES = re.compile(r"^if TYPE_CHECKING:\n(?:[ ]+.*\n|\n)+", re.MULTILINE)


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
