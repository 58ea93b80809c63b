"""Recipes as a program sees them: numbers per lane, and the kinds that the program must contain.

A number of a recipe is a tensor, so a new value never compiles again; a setting that a lane's kind
does not have is 0 there, which every user of it reads as "off" or never reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from fairtrial.settings.names import flatten
from fairtrial.study.recipe import FeatureNoise, Recipe
from fairtrial.training.loss import LOSSES
from fairtrial.training.optimizer import OPTIMIZERS
from fairtrial.training.schedule import DECAYS

# What the step asks for whatever the kinds are.
ALWAYS = ("schedule.patience", "schedule.floor", "stopping.patience")

# What a run can be stopped by, numbered by position.
MONITORS = ("loss", "validation_cross_entropy", "validation_accuracy")


class Kinds(NamedTuple):
    """What a program must contain: everything about its runs that is not a number."""

    optimizers: tuple[str, ...]
    injections: frozenset[str]
    penalties: frozenset[str]
    restores_best: bool
    decays: tuple[str, ...] = ()
    averages: bool = False


def list_kinds(recipes: Sequence[Recipe]) -> Kinds:
    """Return what a program that trains all these recipes must contain."""
    optimizers = {recipe.optimizer.kind for recipe in recipes}
    injections = {
        "features" if isinstance(on, FeatureNoise) else name
        for recipe in recipes
        for name, on in recipe.noise
        if on is not None
    }
    penalties = {name for recipe in recipes for name, weight in recipe.penalty if weight}
    return Kinds(
        tuple(kind for kind in OPTIMIZERS if kind in optimizers),
        frozenset(injections),
        frozenset(penalties),
        any(recipe.restores_best for recipe in recipes),
        tuple(kind for kind in DECAYS if kind in {recipe.schedule.kind for recipe in recipes}),
        any(recipe.average != "none" for recipe in recipes),
    )


def make_numbers(
    recipes: Sequence[Recipe], shape: tuple[int, ...], n_batches: int = 1
) -> dict[str, Any]:
    """Make the tensors of all numbers of the recipes, by dotted name.

    Parameters
    ----------
    recipes : sequence of Recipe
        One for each lane.
    shape : tuple of int
        The lane axes: () for one run, (L,) or (S, L) for a stack.
    n_batches : int
        Steps of an epoch; 1 for runs by steps.

    Returns
    -------
    dict of str to tensor
        float32, or int32 for counts; also `term.NAME`, the weights of the loss's terms, and
        `optimizer`, the position of the lane's optimizer in the program's `Kinds`, and
        `stopping.monitor`, the position in `MONITORS`. Where a schedule decays over the run's
        length, `n_steps` and `schedule.decay`, see `schedule.decay`.
    """
    kinds = list_kinds(recipes)
    lanes = [_list_numbers(recipe, kinds, n_batches) for recipe in recipes]
    names = dict.fromkeys([*ALWAYS, *(name for lane in lanes for name in lane)])
    numbers = {}
    for name in names:
        values = [lane.get(name, 0) for lane in lanes]
        is_count = all(isinstance(value, int) for value in values) and name != "schedule.floor"
        dtype = np.int32 if is_count else np.float32
        numbers[name] = tf.constant(np.reshape(np.asarray(values, dtype), shape))
    return numbers


def _list_numbers(recipe: Recipe, kinds: Kinds, n_batches: int) -> dict[str, float]:
    flat = flatten(recipe.model_dump())
    numbers: dict[str, float] = {
        name: value
        for name, value in flat.items()
        if not isinstance(value, str) and not name.startswith(("init.", "features."))
    }
    if recipe.loss.kind in LOSSES:
        weights = LOSSES[recipe.loss.kind](recipe.loss)
        numbers |= {f"term.{name}": weight for name, weight in weights.items()}
    if kinds.decays:
        kind = recipe.schedule.kind
        numbers["n_steps"] = float(recipe.length * n_batches)
        numbers["schedule.decay"] = kinds.decays.index(kind) + 1 if kind in kinds.decays else 0
    monitor = recipe.stopping.monitor if recipe.stopping else "loss"
    return numbers | {
        "optimizer": kinds.optimizers.index(recipe.optimizer.kind),
        "stopping.monitor": MONITORS.index(monitor),
        "stopping.restore_best": int(recipe.restores_best),
    }
