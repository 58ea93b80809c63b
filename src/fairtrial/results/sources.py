"""The source files that a module stands on, found by its imports."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path


def find_sources(package: Path, roots: Iterable[str], stops: Collection[str]) -> list[Path]:
    """Find the source files of modules of a package, and of all that they import from it.

    Imports within functions count, those for type checkers do not.

    Parameters
    ----------
    package : Path
        The folder of the package.
    roots : iterable of str
        Modules, as in `"training.stacked"`.
    stops : collection of str
        Modules and packages that are left out, unless they are roots, with what only they import.

    Returns
    -------
    list of Path
        In the order of their names.
    """
    waiting, found = [*roots], dict[str, Path]()
    kept = set(waiting)
    while waiting:
        name = waiting.pop()
        place = _locate(package, name)
        if name in found or place is None or (name not in kept and _is_stopped(name, stops)):
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


def _is_stopped(name: str, stops: Collection[str]) -> bool:
    return any(name == stop or name.startswith(f"{stop}.") for stop in stops)


def _list_imports(place: Path, package: str) -> Iterator[str]:
    """List what a file imports from the package: modules, and names that may be modules."""
    for node in _walk(ast.parse(place.read_bytes())):
        if isinstance(node, ast.Import):
            names = [one.name for one in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module, *(f"{node.module}.{one.name}" for one in node.names)]
        else:
            continue
        inside = f"{package}."
        yield from (name.removeprefix(inside) for name in names if name.startswith(inside))


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    """Walk a syntax tree, but not into what only type checkers read."""
    yield node
    for child in ast.iter_child_nodes(node):
        is_for_types = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test)
        if not is_for_types:
            yield from _walk(child)
