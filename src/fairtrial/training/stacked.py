"""The stacked driver: all lanes of a stack in one compiled program."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import tensorflow as tf

from fairtrial.data.dataset import Dataset
from fairtrial.data.split import Part, split_parts
from fairtrial.study.recipe import Recipe
from fairtrial.training.evaluation import (
    choose_monitored,
    evaluate,
    hold,
    predict,
    predict_blocks,
    score_parts,
)
from fairtrial.training.hyperparameters import Kinds, list_kinds, make_numbers
from fairtrial.training.lanes import share_lanes
from fairtrial.training.noise import (
    NamedDraws,
    draw_feature_noise,
    make_keys,
    open_feature_noise,
)
from fairtrial.training.order import order_epoch
from fairtrial.training.parameters import Parameters, draw_init
from fairtrial.training.schedule import decay
from fairtrial.training.sizes import CHUNK, PIECE
from fairtrial.training.step import (
    State,
    end,
    init_state,
    judge,
    measure_classes,
    settle,
    take_step,
    update,
)
from fairtrial.training.trace import (
    COMPLETED,
    OUTCOMES,
    TRAINING,
    Predictions,
    Trace,
    find_first,
    record_parameters,
)
from fairtrial.training.xla import compile_program

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Stack:
    """Runs that train together: the same recipes, in the same order, on each data set.

    Attributes
    ----------
    recipes : sequence of Recipe
        R of them, the runs on each data set.
    datasets : sequence of Dataset
        S of them, alike in shape; one for runs in epochs.
    seeds : sequence of int
        The S seeds of the data sets; all of a run's randomness.
    """

    recipes: Sequence[Recipe]
    datasets: Sequence[Dataset]
    seeds: Sequence[int]


def train(stack: Stack, progress: Progress = lambda lanes, at: None) -> list[list[Trace]]:
    """Train all runs of a stack, each in a lane of the program.

    Runs that differ in their length alone are one lane, trained once to the longest length: a
    shorter run is where the lane stands when it has gone as far.

    Parameters
    ----------
    stack : Stack
        What to train.
    progress : callable
        Told, from time to time, how many lanes are still training, and the step or epoch.

    Returns
    -------
    S lists of R Trace
        For each data set the traces of its runs.
    """
    if stack.recipes[0].steps is not None:
        return _train_full_batch(stack, progress)
    return [_train_epochs(stack, progress)]


# ------------------------------------------------------------------------------------- full batch


@lru_cache(maxsize=32)
def compile_steps(kinds: Kinds) -> Callable[..., Any]:
    """Compile `CHUNK` full-batch steps for stacks of these kinds, any numbers, any shape."""

    @compile_program
    def run_steps(
        state: State, batch: Any, truth: Any, numbers: Any, keys: Any, first: Any, n_steps: Any
    ) -> tuple[State, dict[str, Any]]:
        draws = NamedDraws(keys)

        def take(offset: Any, state: State, curves: Any) -> Any:
            step = first + offset
            before = state
            state, loss = take_step(kinds, state, batch, numbers, draws, step)
            values = {
                "loss": loss,
                "learning_rate": decay(kinds.decays, before.learning_rate, numbers, step),
                **record_parameters(before.parameters, truth),
            }
            curves = {
                name: tf.tensor_scatter_nd_update(curve, [[offset]], values[name][None])
                for name, curve in curves.items()
            }
            return offset + 1, state, curves

        lanes = state.outcome.shape
        names = ["loss", "learning_rate", *record_parameters(state.parameters, truth)]
        curves = {name: tf.zeros((CHUNK, *lanes)) for name in names}
        _, state, curves = tf.while_loop(
            lambda offset, state, _: (offset < n_steps) & tf.reduce_any(state.outcome == TRAINING),
            take,
            (0, state, curves),
        )
        return state, curves

    return run_steps


def _train_full_batch(stack: Stack, progress: Progress) -> list[list[Trace]]:
    longest, places = share_lanes(stack.recipes)
    n_sets, n_features = len(stack.datasets), stack.datasets[0].X.shape[1]
    lanes = (n_sets, len(longest))
    recipes = [recipe for _ in stack.datasets for recipe in longest]
    kinds, numbers = list_kinds(recipes), make_numbers(recipes, lanes)
    starts = [
        draw_init(recipe.init, n_features, 0, seed) for seed in stack.seeds for recipe in longest
    ]
    start = Parameters(*(
        tf.constant(np.stack(values, -1).reshape(*values[0].shape, *lanes))
        for values in zip(*starts, strict=True)
    ))  # fmt: skip
    batch = (
        tf.constant(np.stack([dataset.X for dataset in stack.datasets])[:, None]),
        tf.constant(np.stack([dataset.y for dataset in stack.datasets])[:, None]),
    )
    truths = [d.true_parameters for d in stack.datasets if d.true_parameters is not None]
    truth = tf.constant(np.stack(truths, -1)[..., None], tf.float32) if truths else None
    keys = make_keys(list(stack.seeds), (n_sets, 1))
    state = init_state(kinds, start, numbers, len(stack.datasets[0].y))
    run_steps, chunks, first, most = compile_steps(kinds), [], 0, 25
    waiting, traces = dict(enumerate(places)), [dict[int, Trace]() for _ in stack.datasets]
    while waiting:
        progress(_count_training(state), first)
        began = time.perf_counter()
        n_steps = min(most, min(stack.recipes[run].length for run in waiting) - first)
        state, curves = run_steps(
            state, batch, truth, numbers, keys, tf.constant(first), tf.constant(n_steps)
        )
        chunks.append({name: curve.numpy()[:n_steps] for name, curve in curves.items()})
        first += n_steps
        # About a second a call, so that progress is told and Ctrl-C is heeded.
        per_step = (time.perf_counter() - began) / n_steps
        most = max(1, min(CHUNK, int(1.0 / per_step)))
        if ended := _take_ended(waiting, stack.recipes, first, state):
            left = _Left(end(state, numbers), state, list(ended.values()), first - 1)
            for row, cut in zip(traces, _cut_steps(left, chunks), strict=True):
                row.update(zip(ended, cut, strict=True))
    return [[row[run] for run in range(len(places))] for row in traces]


def _count_training(state: State) -> int:
    return int(tf.math.count_nonzero(state.outcome == TRAINING))


def _take_ended(
    waiting: dict[int, int], recipes: Sequence[Recipe], at: int, state: State
) -> dict[int, int]:
    """Take out the runs that end after `at` steps (epochs), each with its lane."""
    goes_on = _count_training(state) > 0
    ended = [run for run in waiting if not (goes_on and at < recipes[run].length)]
    return {run: waiting.pop(run) for run in ended}


class _Left:
    """What the runs in some lanes leave when they end, fetched from the program once."""

    def __init__(self, parameters: Parameters, state: State, lanes: list[int], at: int):
        self.lanes = lanes
        self.W, self.b, self.outcome, self.ended_at, self.n_halvings, self.first_halving = (
            value.numpy()[..., lanes]
            for value in (
                *parameters, state.outcome, state.ended_at, state.n_halvings, state.first_halving,
            )
        )  # fmt: skip
        # Lanes of longer runs go on.
        complete = self.outcome == TRAINING
        self.outcome[complete], self.ended_at[complete] = COMPLETED, at

    def make_trace(
        self,
        place: tuple[int, ...],
        curves: Any,
        scores: dict[str, float],
        predictions: dict[str, Predictions],
    ) -> Trace:
        return Trace(
            self.W[(..., *place)],
            self.b[(..., *place)],
            OUTCOMES[self.outcome[place]],
            int(self.ended_at[place]),
            curves,
            scores,
            predictions,
            int(self.n_halvings[place]),
            find_first(self.first_halving[place]),
        )


def _cut_steps(left: _Left, chunks: list[dict[str, np.ndarray]]) -> list[list[Trace]]:
    """Cut the runs that end out of a full-batch stack: for each data set a trace a run."""
    curves = {
        name: np.concatenate([chunk[name][..., left.lanes] for chunk in chunks])
        for name in chunks[0]
    }

    def cut(place: tuple[int, int]) -> Trace:
        n_steps = int(left.ended_at[place]) + 1
        at = np.arange(n_steps)
        own = {name: (at, curve[(slice(n_steps), *place)]) for name, curve in curves.items()}
        return left.make_trace(place, own, {}, {})

    n_sets, n_runs = left.outcome.shape
    return [[cut((s, run)) for run in range(n_runs)] for s in range(n_sets)]


# ----------------------------------------------------------------------------------------- epochs


@lru_cache(maxsize=32)
def compile_epoch(kinds: Kinds, batch_size: int, divisor: int) -> Callable[..., Any]:
    """Compile mini-batches of an epoch for stacks of these kinds, any numbers, any shape.

    Its program takes the state, that of the epoch's start, the rows in their order with the noise
    on them, the epoch, and the number of its first step; it returns the new state, and the sum of
    the batches' losses.
    """

    @compile_program
    def run_epoch(
        state: State,
        start: State,
        rows: tuple[Any, ...],
        numbers: Any,
        keys: Any,
        epoch: Any,
        first_step: Any,
    ) -> tuple[State, Any]:
        draws, (X, y, weights, *noise) = NamedDraws(keys), rows
        n_batches = X.shape[0] // batch_size

        def take(number: Any, state: State, total: Any) -> Any:
            first = number * batch_size
            features = tf.slice(X, [first, 0], [batch_size, X.shape[1]])
            batch = (
                tf.cast(features, tf.float32) / divisor,
                tf.slice(y, [first], [batch_size]),
                tf.slice(weights, [first], [batch_size]),
                *(tf.slice(one, [first, 0], [batch_size, X.shape[1]]) for one in noise),
            )
            step = first_step + number
            state, loss = update(
                measure_classes, kinds, state, batch, numbers, draws, step, epoch
            )  # fmt: skip
            return number + 1, state, total + loss

        _, state, total = tf.while_loop(
            lambda number, *_: number < n_batches,
            take,
            (0, state, tf.zeros(state.outcome.shape)),
        )
        return settle(state, start, epoch), total

    return run_epoch


@lru_cache(maxsize=8)
def compile_evaluation(divisor: int) -> Callable[..., Any]:
    """Compile the evaluation of all lanes on one part of the data."""

    @compile_program
    def run_evaluation(parameters: Parameters, X: Any, labels: Any) -> dict[str, Any]:
        return evaluate(parameters, X, labels, divisor)

    return run_evaluation


@lru_cache(maxsize=8)
def compile_prediction(divisor: int) -> Callable[..., Any]:
    """Compile what all lanes tell of a block of rows."""

    @compile_program
    def run_prediction(parameters: Parameters, X: Any) -> tuple[Any, Any]:
        return predict(parameters, X, divisor)

    return run_prediction


def _train_epochs(stack: Stack, progress: Progress) -> list[Trace]:
    (dataset,), (seed,) = stack.datasets, stack.seeds
    recipes, places = share_lanes(stack.recipes)
    parts = split_parts(dataset, recipes[0].validation, seed)
    train_rows = parts["train_"]
    batch_size = min(recipes[0].batch_size or len(train_rows), len(train_rows))
    n_batches = -(-len(train_rows) // batch_size)
    kinds, numbers = list_kinds(recipes), make_numbers(recipes, (len(recipes),), n_batches)
    n_features, n_classes = dataset.X.shape[1], dataset.n_classes
    starts = [draw_init(recipe.init, n_features, n_classes, seed) for recipe in recipes]
    start = Parameters(*(
        tf.constant(np.stack(values, -1)) for values in zip(*starts, strict=True)
    ))  # fmt: skip
    state = init_state(kinds, start, numbers, 0)
    keys = make_keys([seed], (1,))
    held = {prefix: hold(part) for prefix, part in parts.items()}
    run_epoch = compile_epoch(kinds, batch_size, dataset.divisor)
    run_evaluation = compile_evaluation(dataset.divisor)

    epochs, epoch = [], 0
    waiting, traces = dict(enumerate(places)), dict[int, Trace]()
    while waiting:
        progress(_count_training(state), epoch)
        epoch += 1
        start_of_epoch, step, total = state, (epoch - 1) * n_batches, 0.0
        rate = decay(kinds.decays, state.learning_rate, numbers, step)
        order = order_epoch(train_rows, seed, epoch)
        has_noise = "features" in kinds.injections
        noise = open_feature_noise(seed, epoch) if has_noise else None
        for rows in lay_out_epoch(train_rows, order, batch_size, noise):
            state, losses = run_epoch(
                state, start_of_epoch, rows, numbers, keys, tf.constant(epoch), tf.constant(step)
            )
            step, total = step + len(rows[1]) // batch_size, total + losses
        loss = total / n_batches
        scores = score_parts(run_evaluation, state.parameters, held)
        state = judge(
            state, loss, numbers, epoch, numbers["epochs"], state.parameters,
            choose_monitored(loss, scores, numbers),
        )  # fmt: skip
        values = {"loss": loss, "learning_rate": rate, **scores}
        epochs.append({name: value.numpy() for name, value in values.items()})
        if ended := _take_ended(waiting, stack.recipes, epoch, state):
            parameters = end(state, numbers)
            is_last = parameters is state.parameters
            final = scores if is_last else score_parts(run_evaluation, parameters, held)
            told = predict_blocks(compile_prediction(dataset.divisor), parameters, parts)
            left = _Left(parameters, state, list(ended.values()), epoch)
            traces |= zip(ended, _cut_epochs(left, epochs, final, told), strict=True)
    return [traces[run] for run in range(len(places))]


def lay_out_epoch(
    part: Part, order: np.ndarray, batch_size: int, noise: np.random.Generator | None = None
) -> Iterator[tuple[Any, ...]]:
    """Yield rows in the epoch's order: features, labels, weights, and noise, of whole batches.

    All at once, or in pieces where that is too much. Rows of weight 0 fill up the last batch.
    """
    n_features = part.source.shape[1]
    n_filled = -len(order) % batch_size
    rows = np.concatenate([order, order[:1].repeat(n_filled)])
    weights = np.ones(len(rows), np.float32)
    weights[len(order) :] = 0.0
    itemsize = part.source.dtype.itemsize + (0 if noise is None else 4)
    batch = batch_size * itemsize * n_features
    size = batch_size * max(PIECE // batch, 1)
    for first in range(0, len(rows), size):
        piece = rows[first : first + size]
        X, y = part.read(piece), part.y[piece]
        more = () if noise is None else (draw_feature_noise(noise, len(piece), n_features),)
        yield tf.constant(X), tf.constant(y), tf.constant(weights[first : first + size]), *more


def _cut_epochs(
    left: _Left,
    epochs: list[dict[str, np.ndarray]],
    final: dict[str, Any],
    told: dict[str, Predictions],
) -> list[Trace]:
    """Cut the runs that end out of a stack trained in epochs."""
    curves = {name: np.stack([values[name] for values in epochs]) for name in epochs[0]}
    # Copies, or each run would keep what all lanes tell.
    told = {
        prefix: Predictions(*(values[:, left.lanes] for values in one))
        for prefix, one in told.items()
    }

    def cut(run: int, lane: int) -> Trace:
        n_epochs = int(left.ended_at[run])
        at = np.arange(1, n_epochs + 1)
        own = {
            name: (at, curve[:n_epochs, lane].astype(np.float64)) for name, curve in curves.items()
        }
        scores = {name: float(values[lane]) for name, values in final.items()}
        predictions = {
            prefix: Predictions(*(values[:, run] for values in one)) for prefix, one in told.items()
        }
        return left.make_trace((run,), own, scores, predictions)

    return [cut(run, lane) for run, lane in enumerate(left.lanes)]
