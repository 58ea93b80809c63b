"""The laws of optimizers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from fairtrial.kinds.optimizers.common import Optimizer, OptimizerSettings, adam, sgd
from fairtrial.laws.examples import list_examples, make_recipe
from fairtrial.parameters import Parameters
from fairtrial.training.hyperparameters import list_kinds, make_numbers
from fairtrial.training.programs import compile_program
from fairtrial.training.updates import apply_updates, check_update, init_slots

N_STEPS = 20
GRADIENTS = np.random.default_rng(7).normal(size=(N_STEPS, 3)) * np.array([1.0, 1e-3, 30.0])


def find_breaches(kind: Optimizer[...]) -> Iterator[str]:
    """Yield what breaks the laws of an optimizer."""
    for settings in list_examples(kind):
        yield from _find_breaches(settings)


def _find_breaches(settings: OptimizerSettings) -> Iterator[str]:
    kind: Optimizer[...] = settings.definition
    ones, zeros = tf.ones(3), {name: tf.zeros(3) for name in settings.slots}
    found = kind.function(0.0 * ones, ones, zeros, 0.01, 1.0, **settings.own)
    still, _ = check_update(settings.variant, found, ones)
    if not np.isfinite(still).all():
        yield "its change is not finite where the gradient is 0"
    alone = _walk([settings], ())
    if not np.isfinite(alone).all():
        yield "the parameters are not finite after ordinary gradients"
    beside = _walk([sgd(), settings, adam()], (1, 3), compiled=True)[..., 0, 1]
    if not np.allclose(beside, alone, rtol=1e-4, atol=1e-6):
        yield "in a stack with other optimizers, its parameters are others than alone"


def _walk(
    optimizers: Sequence[OptimizerSettings], shape: tuple[int, ...], compiled: bool = False
) -> np.ndarray:
    """Return where lanes get to from 1 by the same gradients; (N_STEPS, 3, ...)."""
    recipes = [make_recipe(optimizer=one) for one in optimizers]
    kinds, numbers = list_kinds(recipes).optimizers, make_numbers(recipes, shape)
    at = Parameters(tf.ones((3, *shape)), tf.ones(shape))
    slots, rate, places = init_slots(kinds, at), numbers["optimizer.learning_rate"], []

    def step(at: Parameters, gradients: Parameters, slots: Any, count: Any) -> Any:
        return apply_updates(kinds, at, gradients, slots, rate, numbers, count)

    take = compile_program(step) if compiled else step
    for number, gradient in enumerate(GRADIENTS.astype(np.float32)):
        lanes = np.broadcast_to(gradient.reshape(3, *[1] * len(shape)), (3, *shape))
        gradients = Parameters(tf.constant(lanes), tf.constant(lanes[0]))
        at, slots = take(at, gradients, slots, tf.constant(number + 1.0))
        places.append(at.W.numpy())
    return np.stack(places)
