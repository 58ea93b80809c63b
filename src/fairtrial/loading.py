"""Loading TensorFlow, which takes seconds and talks: when it is needed, and not before."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

from fairtrial.errors import InputError

_used, _forked = False, False


def _note_fork() -> None:
    global _forked
    _forked = _used or "tensorflow" in sys.modules


if hasattr(os, "register_at_fork"):  # Not on Windows, which has no forks.
    os.register_at_fork(after_in_child=_note_fork)


def refuse_fork() -> None:
    """Refuse to go on in a forked child, in which the threads of its parent are missing.

    TensorFlow and Polars would wait for them without an end.

    Raises
    ------
    InputError
        If this process was forked by one that had used them.
    """
    global _used
    _used = True
    if _forked:
        raise InputError(
            "This process was forked from one that had used fairtrial already, and would wait for "
            "threads that it does not have: start processes with "
            'multiprocessing.get_context("spawn"), or as commands.'
        )


def refuse_optimised() -> None:
    """Refuse a Python that has removed docstrings, before anything is trained.

    Raises
    ------
    InputError
        Under `python -OO`.
    """
    if sys.flags.optimize > 1:
        raise InputError(
            "This Python runs without docstrings (-OO, or PYTHONOPTIMIZE=2), which Altair needs to "
            "draw charts: start it without that option, or with -O."
        )


class _DocumentedLoader(SourceFileLoader):
    """Compiles a module as if Python kept docstrings."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        return compile(self.get_data(path), path, "exec", dont_inherit=True, optimize=1)


class _DocumentedFinder(MetaPathFinder):
    """Finds the modules of one package, and leaves all others to Python."""

    def __init__(self, package: str):
        self._package = package

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] != self._package:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _DocumentedLoader(spec.loader.name, spec.loader.path)
        return spec


def keep_docstrings(package: str) -> None:
    """Let a package be imported with its docstrings under `python -OO`, which leaves them out.

    Altair copies docstrings from class to class while it is imported, and fails without them.
    """
    sys.meta_path.insert(0, _DocumentedFinder(package))


def load_tensorflow(own_process: bool = False) -> None:
    """Load TensorFlow without its lines on the terminal.

    It writes to the error stream before anyone can ask it not to.

    Parameters
    ----------
    own_process : bool
        Whether nobody else uses TensorFlow in this process. Then it is kept from importing Keras,
        which takes a second more and is never used here, and from advice on tracing: each shape
        of stack is traced once, on purpose.

    Raises
    ------
    InputError
        In a forked child, see `refuse_fork`.
    """
    refuse_fork()
    if "tensorflow" in sys.modules:
        return
    if own_process:
        sys.modules.setdefault("keras", None)  # pyright: ignore[reportArgumentType]
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    kept = os.dup(2)
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
        try:
            import tensorflow as tf
        finally:
            os.dup2(kept, 2)
            os.close(kept)
    if own_process:
        tf.get_logger().setLevel("ERROR")
