"""Programs compiled by XLA, where there is one for the platform."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import tensorflow as tf


@lru_cache(maxsize=1)
def has_xla() -> bool:
    """Say whether XLA compiles for this platform, by trying."""
    try:
        tf.function(lambda x: x + 1.0, jit_compile=True)(tf.constant(1.0))
    except (tf.errors.OpError, ValueError):
        return False
    return True


def compile_program(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile with XLA; without one the same program runs as a plain graph, slower."""
    return tf.function(function, jit_compile=has_xla())
