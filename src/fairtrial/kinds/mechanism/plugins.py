"""Kinds from outside: files that a study names, installed packages, and functions in Python."""

import ast
import contextlib
import hashlib
import inspect
import io
import os
import sys
import threading
import tokenize
import traceback
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from fairtrial.errors import FairtrialError, InputError
from fairtrial.kinds.mechanism.failures import describe_failure, find_line
from fairtrial.kinds.mechanism.kind import FAMILIES, Kind, KindSettings, list_all_kinds
from fairtrial.kinds.mechanism.signature import PREFIX, locate_function
from fairtrial.loading import load_tensorflow
from fairtrial.paths import expand_path, refuse_device

GROUP = "fairtrial.kinds"
"""The entry points of packages that add kinds."""
ALLOWED = "allowed_code.txt"


@dataclass(frozen=True)
class Plugin:
    """A file of kinds: where it was read, and its source."""

    path: str
    text: str

    @property
    def sha256(self) -> str:
        """The SHA-256 of its source."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def module(self) -> str:
        """The name under which it is imported."""
        return PREFIX + self.sha256[:16]


_lock = threading.RLock()
_loaded: dict[str, tuple[Plugin, list[Kind[...]]]] = {}  # by the name of the module
_modules: dict[str, str] = {}  # by the path: what was last read there


def read_plugin(path: str) -> Plugin:
    """Read a file of kinds; an `InputError` if it cannot be read as text."""
    try:
        refuse_device(place := expand_path(path))
        return Plugin(path, place.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError:
        raise InputError(f"{path} is not text in UTF-8: save the file as UTF-8.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path} cannot be read: {reason}. Check the path.") from None


def use_plugins(paths: Sequence[str], allow_code: bool = False) -> list[Plugin]:
    """Have the kinds of these files, and of installed packages, and of no other file.

    Raises `InputError` if a file cannot be read, has an error, or was never allowed to run, unless
    `allow_code`.
    """
    load_packages()
    wanted = [read_plugin(path) for path in paths]
    for plugin in wanted:
        if plugin.module not in _loaded:
            _check_allowed(plugin, allow_code)
    activate(wanted)
    _modules.update({plugin.path: plugin.module for plugin in wanted})
    return wanted


def try_plugin(path: str) -> list[Kind[...]]:
    """Run a file that its user names, and return its kinds; later studies may still not run it."""
    load_packages()
    plugin = read_plugin(path)
    activate([plugin])
    return list_kinds([plugin])


def list_loaded(paths: Iterable[str]) -> list[Plugin]:
    """List files as they were run in this process."""
    return [
        replace(_loaded[_modules[path]][0], path=path)
        for path in paths
        if _modules.get(path) in _loaded
    ]


def reuse_plugins(paths: Iterable[str]) -> None:
    """Have the kinds of files that were run before in this process."""
    activate(list_loaded(paths))


def activate(plugins: Sequence[Plugin]) -> None:
    """Register the kinds of these files, which may run, and forget those of other files."""
    with _lock:
        wanted = {plugin.module for plugin in plugins}
        for module in [name for name in _loaded if name not in wanted]:
            for family in FAMILIES.values():
                family.forget(module)
        for plugin in plugins:
            if plugin.module not in _loaded:
                _loaded[plugin.module] = plugin, _run(plugin)
            for kind in _loaded[plugin.module][1]:
                kind.family.register(kind)


def _run(plugin: Plugin) -> list[Kind[...]]:
    """Run a file as a module of its own name, and return its kinds."""
    _refuse_neighbours(plugin)
    if "tensorflow" in plugin.text:
        load_tensorflow()  # Quietly, which an import of its own is not.
    module = ModuleType(plugin.module)
    module.__file__ = plugin.path
    sys.modules[plugin.module] = module
    try:
        with contextlib.redirect_stdout(sys.stderr):  # Standard output is for results, as JSON.
            exec(compile(plugin.text, plugin.path, "exec"), module.__dict__)
    except BaseException as error:
        del sys.modules[plugin.module]
        for family in FAMILIES.values():
            family.forget(plugin.module)
        if isinstance(error, InputError) or not isinstance(error, Exception | SystemExit):
            raise
        raise InputError(_explain(error, plugin)) from None
    return [kind for kind in list_all_kinds() if kind.function.__module__ == plugin.module]


def _refuse_neighbours(plugin: Plugin) -> None:
    """Refuse the import of a file beside it, whose source nobody allows, fingerprints or sends."""
    folder = expand_path(plugin.path).resolve().parent
    for line, name in _list_imports(plugin.text):
        if _stands_in(folder, name):
            raise InputError(
                f"{plugin.path}, line {line}: it imports {name}, which stands beside it, and a "
                "change there would train nothing again: put its code into this file, or into a "
                "package that you install."
            )


def _stands_in(folder: Path, name: str) -> bool:
    """Say whether a module is a file of a folder, and no installed one of the same name."""
    files = [folder / f"{name}.py", folder / name / "__init__.py"]
    if not any(one.is_file() for one in files):
        return False
    try:
        spec = find_spec(name)
    except (ImportError, ValueError):  # A module that is half imported.
        spec = None
    return spec is None or (spec.origin is not None and Path(spec.origin).resolve() in files)


def _list_imports(text: str) -> list[tuple[int, str]]:
    """List the lines of a source that import something, with the first name of the module."""
    try:
        nodes = [*ast.walk(ast.parse(text))]
    except (SyntaxError, ValueError, RecursionError):  # Said when it is run.
        return []
    found: list[tuple[int, str]] = []
    for one in nodes:
        if isinstance(one, ast.Import | ast.ImportFrom):
            module = getattr(one, "module", None)
            found += [(one.lineno, module or alias.name) for alias in one.names]
    return [(line, name.partition(".")[0]) for line, name in found]


def _explain(error: BaseException, plugin: Plugin) -> str:
    """Say what went wrong while a file ran, with the line of the file."""
    if isinstance(error, SyntaxError) and error.filename == plugin.path:
        line, reason = error.lineno, f"this is not valid Python ({error.msg})"
    else:
        frames = traceback.extract_tb(error.__traceback__)
        line = next((one.lineno for one in reversed(frames) if one.filename == plugin.path), 1)
        reason = f"the file fails with {describe_failure(error)}"
    return f"{plugin.path}, line {line}: {reason}."


def explain_failure(
    error: BaseException, kinds: Sequence[Kind[...]], what: str = "training"
) -> str:
    """Say what went wrong in kinds from outside, with the line where that is known."""
    functions = [kind.function for kind in kinds]
    place = find_line(error, functions) or " or ".join(
        f"{one.__name__} in {locate_function(one)}" for one in functions
    )
    reason = describe_failure(error)
    return f"{place}: {what} fails with {reason}. `fairtrial check FILE` checks a file of kinds."


@contextlib.contextmanager
def explained(settings: object, what: str) -> Iterator[None]:
    """Say an error in the functions of kinds from outside in a sentence; `what` fails with it."""
    try:
        yield
    except (FairtrialError, MemoryError):
        raise
    except Exception as error:
        if not (kinds := find_kinds(settings)):
            raise
        raise InputError(explain_failure(error, kinds, what)) from error


def list_kinds(plugins: Iterable[Plugin]) -> list[Kind[...]]:
    """List the kinds of files that were run."""
    return [kind for plugin in plugins for kind in _loaded[plugin.module][1]]


@cache
def load_packages() -> None:
    """Import the packages that add kinds, once."""
    for point in entry_points(group=GROUP):
        try:
            point.load()
        except Exception as error:
            raise InputError(
                f"The package {point.dist.name if point.dist else point.value} adds kinds to "
                f"fairtrial and cannot be imported ({type(error).__name__}: {error}): mend it or "
                "uninstall it."
            ) from None


# ------------------------------------------------------------------------------------- permission


def _check_allowed(plugin: Plugin, allow_code: bool) -> None:
    """Refuse to run a file that nobody has allowed: say what would run, and how to allow it."""
    from pooch import os_cache  # Slow to load, and seldom needed.

    remembered = expand_path(os.environ.get("FAIRTRIAL_CACHE") or os_cache("fairtrial")) / ALLOWED
    try:
        known = remembered.read_text(encoding="utf-8").split()
    except (OSError, ValueError):
        known = []
    if plugin.sha256 in known:
        return
    if not allow_code:
        raise InputError(
            f"The study names {plugin.path}, a file of Python code ({len(plugin.text):,} "
            f"characters, SHA-256 {plugin.sha256[:16]}) that would run on this machine: read it, "
            "then allow it with --allow-code, or allow_code=True in Python."
        )
    with contextlib.suppress(OSError):  # Without a cache it is asked for again.
        remembered.parent.mkdir(parents=True, exist_ok=True)
        with remembered.open("a", encoding="utf-8") as file:
            file.write(f"{plugin.sha256}\n")


# ------------------------------------------------------------------------------------ what is used


def find_kinds(settings: object) -> list[Kind[...]]:
    """Find the kinds from outside that settings use, wherever they stand in them."""
    found: list[Kind[...]] = []
    waiting = [settings]
    while waiting:
        one = waiting.pop()
        if isinstance(one, KindSettings):
            found.append(one.definition)
        if isinstance(one, list | tuple):
            waiting += one
        elif hasattr(one, "model_fields_set"):
            waiting += vars(one).values()
            waiting.append(getattr(one, "watched", None))
    return [kind for kind in dict.fromkeys(found) if not kind.is_own]


def find_functions(kinds: Iterable[Kind[...]]) -> list[Kind[...]]:
    """Find the kinds that are functions of a Python program, and of no file that a study names."""
    return [kind for kind in kinds if kind.function.__module__ not in _loaded]


def find_plugins(kinds: Iterable[Kind[...]]) -> list[Plugin]:
    """Find the files that kinds come from."""
    modules = dict.fromkeys(kind.function.__module__ for kind in kinds)
    return [_loaded[module][0] for module in modules if module in _loaded]


def digest_source(kind: Kind[...]) -> str:
    """Digest the source of a kind from outside: what it can reach in its file, or its function."""
    module, code = kind.function.__module__, kind.function.__code__
    if module in _loaded:
        plugin, kinds = _loaded[module]
        others = (one.function.__code__.co_firstlineno for one in kinds if one is not kind)
        text = keep_reachable(plugin.text, code.co_firstlineno, others)
        return hashlib.sha256(text.encode()).hexdigest()
    path = Path(code.co_filename)
    if path.is_file() and not module.startswith("__"):
        return hashlib.sha256(path.read_bytes()).hexdigest()
    try:
        text = inspect.getsource(kind.function)
    except (OSError, TypeError):  # Typed at a prompt.
        text = repr((code.co_code, code.co_consts, code.co_names))
    return hashlib.sha256(text.encode()).hexdigest()


# What finds other functions without their names: then all of the file counts.
DYNAMIC = {"globals", "locals", "vars", "eval", "exec", "modules"}
LAYOUT = {
    tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER,
}  # fmt: skip


def keep_reachable(text: str, own: int, others: Iterable[int]) -> str:
    """Return a file's source without the functions that a kind, on line `own`, does not reach.

    Lines are the first ones, with decorators, from 1; `others` are those of other kinds, which may
    be left out as functions without a decorator may. All else at the level of the module counts.
    """
    statements = {_find_start(one): one for one in ast.parse(text).body}
    kinds = {*others}
    left = {
        line: one
        for line, one in statements.items()
        if isinstance(one, ast.FunctionDef)
        and line != own
        and (line in kinds or not one.decorator_list)
    }
    kept = [one for line, one in statements.items() if line not in left]
    if DYNAMIC & _list_names(statements.values()):
        return drop_comments(text)
    while kept:  # What is kept may name others, which may name others.
        names = _list_names(kept)
        kept = [left.pop(line) for line, one in [*left.items()] if one.name in names]
    lines = text.split("\n")
    cut = {at for line, one in left.items() for at in range(line, (one.end_lineno or line) + 1)}
    return drop_comments("\n".join(one for at, one in enumerate(lines, 1) if at not in cut))


def drop_comments(text: str) -> str:
    """Drop the comments and the empty lines of a source, which change nothing that it does."""
    lines, kept = text.split("\n"), set[int]()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        (first, column), (last, _) = token.start, token.end
        if token.type == tokenize.COMMENT:
            lines[first - 1] = lines[first - 1][:column].rstrip()
        elif token.type not in LAYOUT:
            kept.update(range(first, last + 1))
    return "\n".join(line for number, line in enumerate(lines, 1) if number in kept)


def _find_start(statement: ast.stmt) -> int:
    """Find the first line of a statement, with its decorators."""
    decorators = getattr(statement, "decorator_list", [])
    return min(one.lineno for one in (statement, *decorators))


def _list_names(statements: Iterable[ast.stmt]) -> set[str]:
    """List what statements name, also in texts, as those of annotations and `getattr`."""
    nodes = (one for statement in statements for one in ast.walk(statement))
    fields = (getattr(one, field, "") for one in nodes for field in ("id", "attr", "value", "name"))
    return {value for value in fields if isinstance(value, str)}
