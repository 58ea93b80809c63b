"""The laws of schedules, and of averages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from fairtrial.kinds.optimizers.averages import weigh_newest
from fairtrial.kinds.optimizers.plateaus import apply_stalls
from fairtrial.kinds.optimizers.schedules import cosine, schedule_rate
from fairtrial.laws.examples import list_examples, make_recipe
from fairtrial.training.hyperparameters import list_kinds, make_numbers
from fairtrial.training.programs import compile_program

N_STEPS = 40


def find_breaches(kind: Any) -> Iterator[str]:
    """Yield what breaks the laws of a schedule."""
    for settings in list_examples(kind):
        yield from (_find_breaches_on_stalls if kind.on_stalls else _find_breaches)(settings)


def _find_breaches(settings: Any) -> Iterator[str]:
    recipes = [make_recipe(steps=N_STEPS, schedule=one) for one in (settings, "cosine")]
    kinds, numbers = list_kinds(recipes).schedules, make_numbers(recipes, (2,))
    compiled = compile_program(lambda step: schedule_rate(kinds, tf.ones(2), numbers, step))
    rates = np.array([compiled(tf.constant(step)).numpy() for step in range(N_STEPS)])
    steps = np.arange(N_STEPS, dtype=np.float32)
    alone = [
        _call(one, tf.constant(step / N_STEPS), tf.constant(step))
        for step in steps
        for one in (settings, cosine())
    ]
    expected = np.reshape(np.asarray(alone), (N_STEPS, 2))
    if not np.isfinite(expected).all() or (expected < 0).any():
        yield "its factor is negative or not finite at some step"
    if not np.allclose(rates, expected, rtol=1e-5, atol=1e-6):
        yield "in a stack with other schedules, its rates are others than alone"
    longer = _call(settings, tf.constant(0.9), tf.constant(4.0))
    shorter = _call(settings, tf.constant(0.1), tf.constant(4.0))
    if not settings.needs_length and not np.isclose(longer, shorter):
        yield "its decorator says needs_length=False, but its factor depends on progress"


def find_breaches_of_average(kind: Any) -> Iterator[str]:
    """Yield what breaks the laws of an average."""
    for settings in list_examples(kind):
        if settings.is_running:
            yield from _find_breaches_of_average(settings)


def _find_breaches_of_average(settings: Any) -> Iterator[str]:
    recipes = [make_recipe(steps=N_STEPS, average=one) for one in (settings, "none")]
    averages, numbers = list_kinds(recipes).running, make_numbers(recipes, (2,))
    compiled = compile_program(lambda step: weigh_newest(averages, numbers, step))
    weights = np.array([compiled(tf.constant(step)).numpy() for step in range(N_STEPS)])
    alone = [
        _call(settings, tf.constant(step), tf.constant(float(N_STEPS)))
        for step in np.arange(N_STEPS, dtype=np.float32)
    ]
    if not ((weights >= 0) & (weights <= 1)).all():
        yield "its weight is not between 0 and 1 at some step"
    if not np.isclose(weights[0, 0], 1.0):
        yield "its weight is not 1 at step 0, where there is no mean before"
    if not np.allclose(weights, np.stack([alone, np.ones(N_STEPS)], -1), rtol=1e-5, atol=1e-6):
        yield "in a stack with other averages, its weights are others than alone"
    longer = _call(settings, tf.constant(9.0), tf.constant(1000.0))
    if not settings.needs_length and not np.isclose(longer, alone[9]):
        yield "its decorator says needs_length=False, but its weight depends on the length"


def _call(settings: Any, *data: Any) -> np.ndarray:
    found = np.asarray(settings.definition.function(*data, **settings.own), float)
    return np.broadcast_to(found, ())


def _find_breaches_on_stalls(settings: Any) -> Iterator[str]:
    if "floor" not in type(settings).model_fields:
        yield "it has no setting floor, the rate below which it ends the run"
        return
    optimizer = {"kind": "sgd", "learning_rate": max(1.0, settings.floor)}
    recipes = [make_recipe(schedule=settings, optimizer=optimizer), make_recipe()]
    kinds, numbers = list_kinds(recipes).stalls, make_numbers(recipes, (2,))
    rate, stall = tf.fill((2,), optimizer["learning_rate"]), tf.fill((2,), 10**6)
    found, counts, ends = apply_stalls(kinds, rate, stall, numbers)
    if found[1] != rate[1] or counts[1] != stall[1] or ends[1]:
        yield "in a stack it changes lanes that do not have it"
    if not 0.0 < float(found[0]) <= float(rate[0]):
        yield "after a million stalls its rate is not between 0 and the rate before"
    elif not np.isclose(share := float(found[0] / rate[0]), settings.lowers_by, rtol=1e-5):
        yield f"it multiplies the rate by {share:g}; say lowers_by={share:g}, or of which settings"
