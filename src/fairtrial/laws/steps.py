"""The laws of what acts at each step: schedules, averages, optimizers and injected noise."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from fairtrial.kinds.optimizers.averages import weigh_newest
from fairtrial.kinds.optimizers.common import OptimizerSettings, adam, sgd
from fairtrial.kinds.optimizers.schedules import apply_stalls, cosine, schedule_rate
from fairtrial.laws.examples import make_recipe
from fairtrial.parameters import Parameters
from fairtrial.training.hyperparameters import list_kinds, make_numbers
from fairtrial.training.noise import NamedDraws, inject, make_keys, scale_features
from fairtrial.training.programs import compile_program
from fairtrial.training.step import init_state
from fairtrial.training.updates import (
    NOT_ELEMENTWISE,
    apply_updates,
    check_update,
    init_slots,
    treats_values_alone,
)

N_STEPS = 40
STEPS = np.arange(N_STEPS, dtype=np.float32)
N_UPDATES = 20
GRADIENTS = np.random.default_rng(7).normal(size=(N_UPDATES, 3)) * np.array([1.0, 1e-3, 30.0])
# The table of a recipe's `noise` that each place of injected noise stands in.
TABLES = {"targets": "data", "features": "data", "weights": "weights"}
N_ROWS = 6


# --------------------------------------------------------------------------- schedules and averages


def find_breaches_of_schedule(settings: Any) -> Iterator[str]:
    """Yield what breaks the laws of a schedule."""
    return (_find_breaches_on_stalls if settings.on_stalls else _find_breaches_of_factor)(settings)


def _find_breaches_of_factor(settings: Any) -> Iterator[str]:
    recipes = [make_recipe(steps=N_STEPS, schedule=one) for one in (settings, "cosine")]
    rates = _follow(
        recipes,
        lambda kinds, numbers, step: schedule_rate(kinds.schedules, tf.ones(2), numbers, step),
    )
    alone = np.array(
        [[_call(one, step / N_STEPS, step) for one in (settings, cosine())] for step in STEPS]
    )
    if not np.isfinite(alone).all() or (alone < 0).any():
        yield "its factor is negative or not finite at some step"
    if not np.allclose(rates, alone, rtol=1e-5, atol=1e-6):
        yield "in a stack with other schedules, its rates are others than alone"
    longer, shorter = _call(settings, 0.9, 4.0), _call(settings, 0.1, 4.0)
    if not settings.needs_length and not np.isclose(longer, shorter):
        yield "its decorator says needs_length=False, but its factor depends on progress"


def find_breaches_of_average(settings: Any) -> Iterator[str]:
    """Yield what breaks the laws of an average."""
    if not settings.is_running:
        return
    recipes = [make_recipe(steps=N_STEPS, average=one) for one in (settings, "none")]
    weights = _follow(
        recipes, lambda kinds, numbers, step: weigh_newest(kinds.running, numbers, step)
    )
    alone = [_call(settings, step, N_STEPS) for step in STEPS]
    if not ((weights >= 0) & (weights <= 1)).all():
        yield "its weight is not between 0 and 1 at some step"
    if not np.isclose(weights[0, 0], 1.0):
        yield "its weight is not 1 at step 0, where there is no mean before"
    if not np.allclose(weights, np.stack([alone, np.ones(N_STEPS)], -1), rtol=1e-5, atol=1e-6):
        yield "in a stack with other averages, its weights are others than alone"
    if not settings.needs_length and not np.isclose(_call(settings, 9.0, 1000.0), alone[9]):
        yield "its decorator says needs_length=False, but its weight depends on the length"


def _follow(recipes: Sequence[Any], find: Callable[[Any, Any, Any], Any]) -> np.ndarray:
    """Return what a compiled stack has at each step, (N_STEPS, L), of kinds, numbers and step."""
    kinds, numbers = list_kinds(recipes), make_numbers(recipes, (len(recipes),))
    compiled = compile_program(lambda step: find(kinds, numbers, step))
    return np.array([compiled(tf.constant(step)).numpy() for step in range(N_STEPS)])


def _call(settings: Any, *data: Any) -> np.ndarray:
    found = settings.call_function(*map(tf.constant, map(np.float32, data)))
    return np.broadcast_to(np.asarray(found, float), ())


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


# ------------------------------------------------------------------------------- optimizers


def find_breaches_of_optimizer(settings: OptimizerSettings) -> Iterator[str]:
    """Yield what breaks the laws of an optimizer."""
    ones, zeros = tf.ones(3), {name: tf.zeros(3) for name in settings.slots}
    found = settings.call_function(0.0 * ones, ones, zeros, tf.constant(0.01), 1.0)
    still, _ = check_update(settings.variant, found, ones)
    if not np.isfinite(still).all():
        yield "its change is not finite where the gradient is 0"
    if settings.elementwise and not treats_values_alone(settings):
        yield NOT_ELEMENTWISE
    alone = _walk([settings], ())
    if not np.isfinite(alone).all():
        yield "the parameters are not finite after ordinary gradients"
    beside = _walk([sgd(), settings, adam()], (1, 3), compiled=True)[..., 0, 1]
    if not np.allclose(beside, alone, rtol=1e-4, atol=1e-6):
        yield "in a stack with other optimizers, its parameters are others than alone"


def _walk(
    optimizers: Sequence[OptimizerSettings], shape: tuple[int, ...], compiled: bool = False
) -> np.ndarray:
    """Return where lanes get to from 1 by the same gradients; (N_UPDATES, 3, ...)."""
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


# ------------------------------------------------------------------------------- injected noise


def find_breaches_of_injection(settings: Any) -> Iterator[str]:
    """Yield what breaks the laws of injected noise."""
    table = TABLES.get(settings.definition.place, settings.definition.place)
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
