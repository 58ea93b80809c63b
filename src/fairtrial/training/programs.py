"""Compiled programs: which runs one lane trains, how much is done at a time, and XLA."""

import logging
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from fairtrial.kinds.mechanism.tensors import tf
from fairtrial.study.recipe import Recipe

# Steps in one call, at most, so that their number is not part of the program's shape.
CHUNK = 500

# Rows that are evaluated together, and the most values of their features: so the logits of all
# lanes and the rows stay in the processor's cache.
BLOCK, BLOCK_VALUES = 2000, 2**21

# What the names of compiled functions begin with, in TensorFlow's messages.
OWN = "fairtrial."

# Bytes of features that a program is given at a time: more than this comes piece by piece.
PIECE = 2**27

# The same of noise on the features, which is drawn anew in every epoch.
DRAWN_PIECE = 2**24


def count_block_rows(n_features: int) -> int:
    """Return how many rows are evaluated together."""
    return max(min(BLOCK, BLOCK_VALUES // n_features), 1)


def share_lanes(recipes: Sequence[Recipe]) -> tuple[list[Recipe], list[int]]:
    """Give recipes that differ in their length alone one lane, as long as the longest of them.

    A longer run passes through all that a shorter one is. Returns what each of the L lanes trains,
    in the order in which the lanes are first needed, and the lane of each recipe.
    """
    lanes: dict[Recipe, int] = {}
    places = [lanes.setdefault(recipe.course, len(lanes)) for recipe in recipes]
    longest: dict[int, Recipe] = {}
    for place, recipe in zip(places, recipes, strict=True):
        longest[place] = max(longest.get(place, recipe), recipe, key=lambda one: one.length)
    return list(longest.values()), places


@lru_cache(maxsize=1)
def has_xla() -> bool:
    """Say whether XLA compiles for this platform, by trying."""
    try:
        tf.function(lambda x: x + 1.0, jit_compile=True)(tf.constant(1.0))
    except (tf.errors.OpError, ValueError):
        return False
    return True


def compile_program(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile with XLA; without one the same program runs as a plain graph, slower.

    Programs choose with TensorFlow's own functions. So AutoGraph, which rewrites Python's `if` and
    `for` and takes half of the time to compile, stays off.
    """
    function.__qualname__ = f"{OWN}{function.__qualname__}"
    tf.get_logger().addFilter(_is_for_users)
    return tf.function(function, autograph=False, jit_compile=has_xla())


def _is_for_users(record: logging.LogRecord) -> bool:
    """Say whether users should see a message: advice on tracing is not for our programs."""
    return f"<function {OWN}" not in record.getMessage()
