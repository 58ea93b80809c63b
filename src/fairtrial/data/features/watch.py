"""Whoever waits for features is told that they are still being made, and may stop it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar

# Of this thread alone: the many who load a data set need not hand it on.
_watcher: ContextVar[Callable[[], None]] = ContextVar("watcher", default=lambda: None)


@contextlib.contextmanager
def watch(watcher: Callable[[], None]) -> Iterator[None]:
    """Have a callable called again and again while this thread makes features.

    Parameters
    ----------
    watcher : callable
        What it raises ends the making.
    """
    before = _watcher.set(watcher)
    try:
        yield
    finally:
        _watcher.reset(before)


def find_watcher() -> Callable[[], None]:
    """Find who watches this thread, to have others watched as well."""
    return _watcher.get()


def check_in() -> None:
    """Call whoever watches this thread, if anyone does."""
    find_watcher()()
