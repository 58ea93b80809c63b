"""A callback that reports progress while features are computed, and can stop the work."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar

# A context variable, so that functions that load data need not pass the callback on.
_watcher: ContextVar[Callable[[], None]] = ContextVar("watcher", default=lambda: None)


@contextlib.contextmanager
def watch(watcher: Callable[[], None]) -> Iterator[None]:
    """Call a function repeatedly while this thread computes features.

    An exception that it raises stops the work.
    """
    before = _watcher.set(watcher)
    try:
        yield
    finally:
        _watcher.reset(before)


def find_watcher() -> Callable[[], None]:
    """Return the watcher of this thread, to pass it to other threads."""
    return _watcher.get()


def check_in() -> None:
    """Call the watcher of this thread, if there is one."""
    find_watcher()()
