"""The laws of injected noise."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from fairtrial.laws.examples import make_example, make_recipe
from fairtrial.parameters import Parameters
from fairtrial.training.hyperparameters import list_kinds, make_numbers
from fairtrial.training.noise import NamedDraws, inject, make_keys, scale_features
from fairtrial.training.step import init_state

# The table of a recipe's `noise` that each place stands in.
TABLES = {"targets": "data", "features": "data", "weights": "weights"}
N_ROWS = 6


def find_breaches(kind: Any) -> Iterator[str]:
    """Yield what breaks the laws of injected noise."""
    settings = make_example(kind)
    table = TABLES.get(kind.place, kind.place)
    noisy, quiet = make_recipe(noise={table: settings}), make_recipe()
    beside, alone = _inject([quiet, noisy], (1, 2)), _inject([noisy], ())
    untouched = _inject([quiet], ())
    for name, found in beside.items():
        if not np.isfinite(found).all():
            yield "it is not finite"
            return
        # The stack's lanes stand last, but before the rows of targets.
        lanes = np.moveaxis(found, -1, 0) if name == "offset" else found
        if not np.allclose(lanes[..., 0, 1], alone.get(name, 0.0), rtol=1e-5, atol=1e-6):
            yield f"in a stack it changes the {name} otherwise than alone"
        if not np.allclose(lanes[..., 0, 0], untouched.get(name, 0.0)):
            yield f"in a stack it changes the {name} of lanes that do not have it"


def _inject(recipes: list[Any], shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Return what noise changes at step 0, by its name."""
    kinds, numbers = list_kinds(recipes), make_numbers(recipes, shape)
    start = Parameters(tf.ones((3, *shape)), tf.ones(shape))
    state = init_state(kinds, start, numbers, N_ROWS)
    draws = NamedDraws(make_keys([5], (1, 1) if shape else ()))
    after = inject(kinds, state, draws, numbers, tf.constant(0))
    found = {"weights": after.parameters.W, "rate": after.learning_rate}
    if not isinstance(after.offset, tuple):
        found["offset"] = after.offset
    if kinds.list_injections("features"):
        found["scale"] = scale_features(kinds, numbers)
    return {name: np.asarray(value) for name, value in found.items()}
