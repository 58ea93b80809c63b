"""Settings to check a kind with."""

from __future__ import annotations

import contextlib
from typing import Any

from fairtrial.errors import InputError
from fairtrial.kinds.kind import Kind
from fairtrial.study.recipe import Recipe

GUESSES = (0.5, 1, 2, [0.5], 10)


def make_example(kind: Kind[...]) -> Any:
    """Make settings of a kind: its defaults, and guesses for what has none.

    Raises
    ------
    InputError
        If no guess is allowed.
    """
    required = [name for name, one in kind.settings.model_fields.items() if one.is_required()]
    make: Any = kind.settings
    for guess in GUESSES[:-1]:
        with contextlib.suppress(InputError):
            return make(**dict.fromkeys(required, guess))
    return make(**dict.fromkeys(required, GUESSES[-1]))


def make_recipe(**settings: Any) -> Recipe:
    """Make a recipe of one step with some settings."""
    return Recipe(**({"loss": "mse", "optimizer": "sgd", "steps": 1} | settings))
