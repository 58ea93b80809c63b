"""Loading TensorFlow, which takes seconds and talks: when it is needed, and not before."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def load_tensorflow(without_keras: bool = False) -> None:
    """Load TensorFlow without its lines on the terminal.

    It writes to the error stream before anyone can ask it not to.

    Parameters
    ----------
    without_keras : bool
        Keep it from importing Keras, which takes a second more and is never used here. Only for a
        process of our own: nothing can import Keras there afterwards.
    """
    if "tensorflow" in sys.modules:
        return
    if without_keras:
        sys.modules.setdefault("keras", None)  # pyright: ignore[reportArgumentType]
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    kept = os.dup(2)
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
        try:
            import tensorflow  # noqa: F401
        finally:
            os.dup2(kept, 2)
            os.close(kept)
