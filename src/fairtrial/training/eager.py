"""The eager driver: one run, one operation at a time. The reference."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf

from fairtrial.data.dataset import Dataset
from fairtrial.data.split import split_parts, split_rows
from fairtrial.data.targets import resolve_recipe, standardise_targets
from fairtrial.kinds.schedules import schedule_rate
from fairtrial.parameters import Parameters, draw_init
from fairtrial.study.recipe import Recipe
from fairtrial.training.average import average_path
from fairtrial.training.evaluation import (
    assess,
    choose_monitored,
    evaluate,
    hold,
    predict,
    score_parts,
)
from fairtrial.training.hyperparameters import Kinds, list_kinds, make_numbers
from fairtrial.training.noise import (
    Draws,
    NamedDraws,
    draw_feature_noise,
    make_keys,
    open_feature_noise,
)
from fairtrial.training.order import order_epoch
from fairtrial.training.step import (
    State,
    end,
    include,
    init_state,
    judge,
    measure_classes,
    settle,
    take_step,
    update,
)
from fairtrial.training.trace import (
    OUTCOMES,
    TRAINING,
    End,
    Trace,
    find_first,
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

    Parameters
    ----------
    recipe : Recipe
        What to do.
    dataset : Dataset
        What to train on.
    seed : int
        The run's seed.
    start : Parameters, optional
        Where to start instead of the recipe's init; in the unit of training.
    draws : Draws, optional
        Where injected noise comes from, instead of the seed's named streams.

    Returns
    -------
    Trace
        With every step's (epoch's) values, and with the mean of the last iterates.
    """
    dataset, unit = standardise_targets(recipe, dataset, seed)
    kinds, numbers, state, draws = begin(recipe, dataset, seed, start, draws)
    if recipe.steps is not None:
        trace = _train_full_batch(recipe, dataset, kinds, state, numbers, draws)
    else:
        trace = _train_epochs(recipe, dataset, seed, kinds, state, numbers, draws)
    return restore_unit(trace, unit)


def begin(
    recipe: Recipe, dataset: Dataset, seed: int, start: Parameters | None, draws: Draws | None
) -> tuple[Kinds, dict[str, Any], State, Draws]:
    """Make what the steps of one run need; parameters as in `train`, targets in its unit.

    Returns
    -------
    kinds, numbers, state, draws
        The state is that before the first step.
    """
    start = start or draw_init(recipe.init, dataset.X.shape[1], dataset.n_classes, seed)
    start = Parameters(*map(tf.convert_to_tensor, start))
    n_rows = len(split_rows(len(dataset.y), recipe.validation, seed)[0])
    n_batches = -(-n_rows // (recipe.batch_size or n_rows))
    recipe = resolve_recipe(recipe, dataset, seed)
    kinds = list_kinds([recipe])._replace(averages=True)
    numbers = make_numbers([recipe], (), n_batches)
    state = init_state(kinds, start, numbers, len(dataset.y))
    return kinds, numbers, state, draws or NamedDraws(make_keys([seed], ()))


def _train_full_batch(
    recipe: Recipe, dataset: Dataset, kinds: Kinds, state: State, numbers: Any, draws: Draws
) -> Trace:
    batch = (tf.constant(dataset.X), tf.constant(dataset.y))
    before, losses = [], []
    while state.outcome == TRAINING:
        before.append(state)
        state, loss = take_step(kinds, state, batch, numbers, draws, len(losses))
        losses.append(loss)
    rates = [
        schedule_rate(kinds.schedules, state.learning_rate, numbers, step)
        for step, state in enumerate(before)
    ]
    # The steps stand where lanes would, so that they are measured all at once.
    W, b = zip(*(state.parameters for state in before), strict=True)
    path = Parameters(tf.stack(W, -1), tf.stack(b, -1))
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
    """Make the trace of a full-batch run.

    Parameters
    ----------
    recipe, dataset, numbers
        What it trained by, on and with.
    state : State
        At its end.
    losses, rates : (T,)
        Of each step, before its update.
    path : Parameters
        `W` (D, T) and `b` (T,), before each step.
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
    return _make_trace(recipe, state, End(*_fetch(end(state, numbers))), mean, curves, first=0)


def _train_epochs(
    recipe: Recipe,
    dataset: Dataset,
    seed: int,
    kinds: Kinds,
    state: State,
    numbers: Any,
    draws: Draws,
) -> Trace:
    parts = split_parts(dataset, recipe.validation, seed)
    train_rows, batch_size = parts["train_"], recipe.batch_size or len(parts["train_"])
    held = {prefix: hold(part) for prefix, part in parts.items()}
    evaluate_piece = partial(evaluate, divisor=dataset.divisor)
    curves, epoch, step = defaultdict(list), 0, 0
    while state.outcome == TRAINING:
        epoch += 1
        order, noise = order_epoch(train_rows, seed, epoch), open_feature_noise(seed, epoch)
        before, losses = state, []
        rate = schedule_rate(kinds.schedules, state.learning_rate, numbers, step)
        for first in range(0, len(order), batch_size):
            rows = order[first : first + batch_size]
            features = tf.cast(train_rows.read(rows), tf.float32) / dataset.divisor
            batch = (features, tf.constant(train_rows.y[rows]), tf.ones(len(rows)))
            if kinds.list_injections("features"):
                batch += (draw_feature_noise(noise, len(rows), dataset.X.shape[1]),)
            state, loss = update(
                measure_classes, kinds, state, batch, numbers, draws, step, epoch
            )  # fmt: skip
            state = include(state, len(losses))
            losses.append(loss)
            step += 1
        state = settle(state, before, epoch)
        loss = tf.reduce_mean(tf.stack(losses))
        scores = score_parts(evaluate_piece, state.parameters, held)
        state = judge(
            kinds, state, loss, numbers, epoch, numbers["epochs"], state.parameters,
            choose_monitored(loss, scores, numbers),
        )  # fmt: skip
        for quantity, value in {
            "loss": loss,
            "learning_rate": rate,
            **scores,
        }.items():
            curves[quantity].append(value)

    def measure(parameters: Parameters) -> End:
        predict_block = partial(predict, divisor=dataset.divisor)
        scores, told = assess(evaluate_piece, predict_block, parameters, held, parts)
        numbers = {name: float(score) for name, score in scores.items()}
        return End(*_fetch(parameters), numbers, told)

    last, mean = measure(end(state, numbers)), measure(state.average)
    return _make_trace(recipe, state, last, mean, curves, first=1)


def _fetch(parameters: Parameters) -> tuple[np.ndarray, np.ndarray]:
    return parameters.W.numpy(), parameters.b.numpy()


def _make_trace(
    recipe: Recipe, state: State, last: End, mean: End, curves: Mapping[str, Any], first: int
) -> Trace:
    arrays = {
        quantity: (np.arange(first, first + len(values)), np.asarray(values, np.float64))
        for quantity, values in curves.items()
    }
    outcome = OUTCOMES[int(state.outcome)]
    return make_trace(
        recipe,
        last,
        mean,
        outcome=outcome,
        ended_at=int(state.ended_at),
        curves=arrays,
        n_halvings=int(state.n_halvings),
        first_halving=find_first(state.first_halving),
    )
