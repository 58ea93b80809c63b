"""The eager driver: one run, one operation at a time. The reference."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from fairtrial.data.dataset import Dataset
from fairtrial.data.split import count_batches, split_rows
from fairtrial.data.targets import resolve_recipe, standardise_targets
from fairtrial.parameters import Parameters, draw_init
from fairtrial.study.recipe import Recipe
from fairtrial.training.epoch import Compile, Epochs
from fairtrial.training.hyperparameters import Kinds, list_kinds, make_numbers
from fairtrial.training.noise import Draws, NamedDraws, make_keys
from fairtrial.training.step import State, end, init_state, take_step
from fairtrial.training.trace import (
    TRAINING,
    End,
    Trace,
    average_path,
    make_trace,
    record_parameters,
    restore_unit,
)


def train(
    recipe: Recipe,
    dataset: Dataset,
    seed: int,
    start: Parameters | None = None,
    draws: Draws | None = None,
) -> Trace:
    """Train one run.

    It may start elsewhere than the recipe's init, in the unit of training, and `draws` may give the
    injected noise instead of the seed's named streams. The trace has every step's (epoch's) values,
    and the mean of the last iterates.
    """
    dataset, unit = standardise_targets(recipe, dataset, seed)
    begun = begin(recipe, dataset, seed, start, draws)
    if recipe.is_evaluated:
        trace = train_epochs(recipe, dataset, seed, *begun)
    else:
        trace = _train_full_batch(recipe, dataset, *begun)
    return restore_unit(trace, unit)


def begin(
    recipe: Recipe, dataset: Dataset, seed: int, start: Parameters | None, draws: Draws | None
) -> tuple[Kinds, dict[str, Any], State, Draws]:
    """Make what the steps of one run need; the state is that before the first step.

    Parameters are as in `train`, with targets in its unit.
    """
    start = start or draw_init(recipe.init, dataset.X.shape[1], dataset.n_classes, seed)
    start = Parameters(*map(tf.convert_to_tensor, start))
    n_rows = len(split_rows(len(dataset.y), recipe.validation, seed)[0])
    recipe = resolve_recipe(recipe, dataset, seed)
    kinds = list_kinds([recipe])._replace(averages=True)
    numbers = make_numbers([recipe], (), count_batches(recipe, n_rows))
    state = init_state(kinds, start, numbers, n_rows)
    return kinds, numbers, state, draws or NamedDraws(make_keys([seed], ()))


def _train_full_batch(
    recipe: Recipe, dataset: Dataset, kinds: Kinds, numbers: Any, state: State, draws: Draws
) -> Trace:
    batch = (tf.constant(dataset.X), tf.constant(dataset.y))
    losses, rates, before = [], [], []
    while state.outcome == TRAINING:
        before.append(state.parameters)
        state, loss, rate = take_step(kinds, state, batch, numbers, draws, len(losses))
        losses.append(loss)
        rates.append(rate)
    # The steps stand where lanes would, so that they are measured all at once.
    path = Parameters(*(tf.stack(values, -1) for values in zip(*before, strict=True)))
    return trace_steps(recipe, dataset, state, numbers, losses, rates, path)


def trace_steps(
    recipe: Recipe,
    dataset: Dataset,
    state: State,
    numbers: Any,
    losses: Any,
    rates: Any,
    path: Parameters,
) -> Trace:
    """Make the trace of a full-batch run, from its state at the end.

    Losses and rates (T,) and the path, `W` (D, T) and `b` (T,), are those before each step's
    update.
    """
    truth = dataset.true_parameters
    curves = {
        "loss": losses,
        "learning_rate": rates,
        **record_parameters(path, None if truth is None else truth[:, None]),
    }
    steps = [
        np.concatenate([np.moveaxis(np.asarray(before), -1, 0)[1:], np.asarray(last)[None]])
        for before, last in zip(path, state.parameters, strict=True)
    ]
    mean = End(*average_path(Parameters(*steps)))
    last = End(*_fetch(end(list_kinds([recipe]), state, numbers)))
    return _make_trace(recipe, state, last, mean, curves, first=0)


def train_epochs(
    recipe: Recipe,
    dataset: Dataset,
    seed: int,
    kinds: Kinds,
    numbers: Any,
    state: State,
    draws: Any,
    compiled: Compile | None = None,
) -> Trace:
    """Train a run whose rows are evaluated, from what `begin` returns; see `Epochs`."""
    epochs = Epochs(recipe, [dataset], [seed], kinds, numbers, compiled)
    curves, path = defaultdict(list), []
    while state.outcome == TRAINING:
        state, values = epochs.take(state, draws)
        for quantity, value in values.items():
            curves[quantity].append(value)
        if recipe.steps:
            path.append(_fetch(state.parameters))

    def measure(parameters: Parameters) -> End:
        scores, predictions = epochs.assess(parameters)
        scores = {name: float(score) for name, score in scores.items()}
        return End(np.asarray(parameters.W), np.asarray(parameters.b), scores, predictions)

    mean = state.average
    if recipe.steps:
        mean = average_path(Parameters(*map(np.stack, zip(*path, strict=True))))
    first = 0 if recipe.steps else 1
    return _make_trace(
        recipe, state, measure(end(kinds, state, numbers)), measure(mean), curves, first
    )


def _fetch(parameters: Parameters) -> tuple[np.ndarray, np.ndarray]:
    return parameters.W.numpy(), parameters.b.numpy()


def _make_trace(
    recipe: Recipe, state: State, last: End, mean: End, curves: Mapping[str, Any], first: int
) -> Trace:
    arrays = {
        quantity: (np.arange(first, first + len(values)), np.asarray(values, np.float64))
        for quantity, values in curves.items()
    }
    noted = state.outcome, state.ended_at, state.n_halvings, state.first_halving
    return make_trace(recipe, last, mean, arrays, noted)
