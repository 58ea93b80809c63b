"""Children that are forked from a process with threads, which they lack."""

import contextlib
import sys
from collections.abc import Iterator

from fairtrial.errors import InputError

# How the threads begin that Polars computes with, and that a forked child does not have.
POOLS = ("polars-0", "async-executor", "tokio-rt")
_used, _forked = False, False


def note_threads() -> None:
    """Note, before a fork, that Polars has threads, whoever has used it; only Linux tells."""
    global _used
    if "polars" in sys.modules and not _used:
        _used = any(name.startswith(POOLS) for name in _list_threads())


def _list_threads() -> Iterator[str]:
    from pathlib import Path  # Polars has it already.

    for file in Path("/proc/self/task").glob("*/comm"):
        with contextlib.suppress(OSError):  # A thread that has just ended.
            yield file.read_text(encoding="utf-8", errors="replace")


def note_fork() -> None:
    """Note, in a child, whether it lacks threads of its parent."""
    global _forked
    _forked = _used or "tensorflow" in sys.modules


def refuse_fork(will_use: bool = True) -> None:
    """Refuse to go on in a child that was forked from a process that had used TensorFlow or Polars.

    They would wait for the threads of the parent, without an end. `will_use` says whether this
    process uses them next, whatever it is told to do. Raises `InputError`.
    """
    global _used
    _used = _used or will_use
    if _forked:
        raise InputError(
            "This process was forked from one that had used fairtrial or Polars already, and would "
            "wait for threads that it does not have: start processes with "
            'multiprocessing.get_context("spawn"), or as commands.'
        )
