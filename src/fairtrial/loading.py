"""Loading TensorFlow, which takes seconds and talks: when it is needed, and not before."""

from __future__ import annotations

import os
import sys
from pathlib import Path

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
