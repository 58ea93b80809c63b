"""Loading TensorFlow, which takes seconds and talks: when it is needed, and not before."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def load_tensorflow(own_process: bool = False) -> None:
    """Load TensorFlow without its lines on the terminal.

    It writes to the error stream before anyone can ask it not to.

    Parameters
    ----------
    own_process : bool
        Whether nobody else uses TensorFlow in this process. Then it is kept from importing Keras,
        which takes a second more and is never used here, and from advice on tracing: each shape
        of stack is traced once, on purpose.
    """
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
