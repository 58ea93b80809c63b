"""Recipes as a program sees them: numbers per lane, and the kinds that the program must contain.

A number of a recipe is a tensor, so a new value never compiles again; a setting that a lane's kind
does not have is 0 there, which every user of it reads as "off" or never reads.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from fairtrial.kinds.losses.numbers import LOSSES
from fairtrial.kinds.mechanism.kind import KindSettings, Variant
from fairtrial.kinds.metrics.monitors import LOSS
from fairtrial.kinds.noise.injections import DATA_NOISES, RATE_NOISES, WEIGHT_NOISES
from fairtrial.kinds.optimizers.averages import AVERAGES
from fairtrial.kinds.optimizers.common import OPTIMIZERS
from fairtrial.kinds.optimizers.schedules import SCHEDULES, halve_on_plateau
from fairtrial.settings.names import flatten
from fairtrial.study.recipe import Recipe

# What the step asks for whatever the kinds are.
ALWAYS = ("stopping.patience",)

# Settings of a recipe whose numbers are named after their kind, or are not in every program.
KINDS = (
    "loss", "optimizer", "schedule", "init", "features", "noise", "penalty", "standardise",
    "class_weights", "average",
)  # fmt: skip


class Kinds(NamedTuple):
    """What a program must contain: everything about its runs that is not a number."""

    losses: tuple[Variant, ...]
    optimizers: tuple[Variant, ...]
    schedules: tuple[Variant, ...]  # factors on the rate
    stalls: tuple[Variant, ...]  # schedules that act when the loss stalls
    injections: tuple[Variant, ...]  # noise, in the order in which it strikes
    penalties: frozenset[str]
    restores_best: bool
    averages: bool
    weighs_classes: bool
    clips: frozenset[str]  # limits of the gradient, "value" and "norm"
    running: tuple[Variant, ...]  # averages that are made on the way
    plateaus: bool  # Whether a schedule counts other stalls than those of the loss.
    monitors: tuple[str, ...]  # what stopping and schedules watch beside the loss

    @property
    def elementwise(self) -> bool:
        """Whether all optimizers treat each value by itself."""
        return all(one.kind.elementwise for one in self.optimizers)

    def list_injections(self, place: str) -> list[Variant]:
        """List the noise that is injected in one place."""
        return [one for one in self.injections if one.kind.place == place]


def list_kinds(recipes: Sequence[Recipe]) -> Kinds:
    """Return what a program that trains all these recipes must contain."""
    schedules = {one.variant for recipe in recipes for one in recipe.schedules if not one.is_one}
    noises = [one for recipe in recipes for one in recipe.noise.kinds]
    averages = [recipe.average for recipe in recipes]
    return Kinds(
        losses=LOSSES.sort({term.variant for recipe in recipes for term, _ in recipe.loss.terms}),
        optimizers=OPTIMIZERS.sort({recipe.optimizer.variant for recipe in recipes}),
        schedules=SCHEDULES.sort({one for one in schedules if not one.kind.on_stalls}),
        stalls=SCHEDULES.sort({one for one in schedules if one.kind.on_stalls}),
        injections=tuple(
            variant
            for family in (DATA_NOISES, WEIGHT_NOISES, RATE_NOISES)
            for variant in family.sort(
                {one.variant for one in noises if one.definition.family is family}
            )
        ),
        penalties=frozenset(
            name for recipe in recipes for name, most in recipe.penalty.weights.items() if most
        ),
        restores_best=any(recipe.restores_best for recipe in recipes),
        averages=any(average.is_last_mean for average in averages),
        weighs_classes=any(recipe.class_weights is not None for recipe in recipes),
        clips=frozenset(
            name for recipe in recipes for name, most in recipe.clip or () if most is not None
        ),
        running=AVERAGES.sort({average.variant for average in averages if average.is_running}),
        plateaus=any(one.counts_alone for recipe in recipes for one in recipe.schedules),
        monitors=tuple(sorted({one for r in recipes for one in r.monitors.values()} - {LOSS})),
    )


def make_numbers(
    recipes: Sequence[Recipe], shape: tuple[int, ...], n_batches: int = 1
) -> dict[str, Any]:
    """Make the tensors of all numbers of the recipes, one for each lane, by dotted name.

    The shape is that of the lane axes: () for one run, (L,) or (S, L) for a stack; `n_batches` are
    the steps of an epoch, 1 for runs by steps. The tensors are float32, or int32 for counts. Beside
    settings there are the weights of the loss's terms; `optimizer`, the position of the lane's
    optimizer in the program's `Kinds`; in which lanes each schedule acts; `n_steps`;
    `class_weights` (K, ...) where a lane has some; and `stopping.monitor`: 0 for the loss, else the
    place in the program's `monitors`, from 1.
    """
    kinds = list_kinds(recipes)
    own = [_list_kind_numbers(recipe) for recipe in recipes]
    # In a lane without a kind its numbers are another lane's: valid, and never used.
    given = {name: value for lane in reversed(own) for name, value in lane.items()}
    lanes = [
        given | of_kinds | _list_numbers(recipe, kinds, n_batches)
        for recipe, of_kinds in zip(recipes, own, strict=True)
    ]
    numbers = {}
    for name in dict.fromkeys([*ALWAYS, *(name for lane in lanes for name in lane)]):
        values = [lane.get(name, 0) for lane in lanes]
        is_count = all(isinstance(value, int) for value in values)
        dtype = np.int32 if is_count else np.float32
        numbers[name] = tf.constant(np.reshape(np.asarray(values, dtype), shape))
    if kinds.weighs_classes:  # 1 in lanes without weights.
        n_classes = max(len(recipe.class_weights or ()) for recipe in recipes)
        weights = [recipe.class_weights or [1.0] * n_classes for recipe in recipes]
        weights = np.reshape(np.transpose(weights).astype(np.float32), (n_classes, *shape))
        numbers["class_weights"] = tf.constant(weights)
    return numbers


def _list_kind_numbers(recipe: Recipe) -> dict[str, float]:
    """List the numbers of a recipe's kinds, named as their functions are given them."""
    terms = (term for term, _ in recipe.loss.terms)
    own = (recipe.optimizer, *recipe.schedules, *recipe.noise.kinds, recipe.average)
    kinds: list[KindSettings] = [*terms, *own]
    return {name: value for settings in kinds for name, value in settings.numbers.items()}


def _list_numbers(recipe: Recipe, kinds: Kinds, n_batches: int) -> dict[str, float]:
    numbers: dict[str, float] = {
        name: value
        for name, value in flatten(recipe.model_dump()).items()
        if not isinstance(value, str) and name.partition(".")[0] not in KINDS
    }
    monitors = (LOSS, *kinds.monitors)
    numbers |= {term.variant.weight: float(weight) for term, weight in recipe.loss.terms}
    numbers |= {f"penalty.{name}": recipe.penalty.weights[name] for name in kinds.penalties}
    used = [*recipe.noise.kinds, *(one for one in recipe.schedules if not one.is_one)]
    used += [recipe.average] if recipe.average.is_running else []
    numbers |= {one.variant.use: 1 for one in used}
    if kinds.schedules or kinds.running:
        numbers["n_steps"] = float(recipe.length * n_batches)
    if kinds.plateaus:
        acting = (one for one in recipe.schedules if one.on_stalls)
        on_stalls: Any = next(acting, halve_on_plateau())
        numbers |= {
            "plateau.monitor": monitors.index(on_stalls.monitor),
            "plateau.threshold": float(on_stalls.threshold),
            "plateau.cooldown": on_stalls.cooldown,
        }
    monitor = recipe.stopping.monitor if recipe.stopping else LOSS
    return numbers | {
        "optimizer.learning_rate": recipe.optimizer.learning_rate,
        "optimizer": kinds.optimizers.index(recipe.optimizer.variant),
        "stopping.monitor": monitors.index(monitor),
        "stopping.restore_best": int(recipe.restores_best),
    }
