"""The stacked driver: all lanes of a stack in one compiled program."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import tensorflow as tf

from fairtrial.data.dataset import Dataset
from fairtrial.data.split import Part, split_parts
from fairtrial.data.targets import resolve_recipe, standardise_targets
from fairtrial.kinds.schedules import schedule_rate
from fairtrial.parameters import Parameters, draw_init
from fairtrial.study.recipe import Recipe
from fairtrial.training.average import RecentPath
from fairtrial.training.endings import Ends, Left, cut_epochs, cut_steps
from fairtrial.training.evaluation import (
    assess,
    choose_monitored,
    evaluate,
    hold,
    predict,
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
from fairtrial.training.sizes import CHUNK, NOISE_PIECE, PIECE
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
from fairtrial.training.trace import TRAINING, Trace, record_parameters, restore_unit
from fairtrial.training.xla import compile_program

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Stack:
    """Runs that train together: the same recipes, in the same order, on each data set.

    Attributes
    ----------
    recipes : sequence of Recipe
        R of them, the runs on each data set; all standardise the targets, or none.
    datasets : sequence of Dataset
        S of them, alike in shape; one for runs in epochs.
    seeds : sequence of int
        The S seeds of the data sets; all of a run's randomness.
    averages : bool
        Whether the mean of each run's last iterates is kept, also where no run ends with it.
    """

    recipes: Sequence[Recipe]
    datasets: Sequence[Dataset]
    seeds: Sequence[int]
    averages: bool = False

    @property
    def kinds(self) -> Kinds:
        """What the program that trains it must contain."""
        kinds = list_kinds(self.recipes)
        return kinds._replace(averages=kinds.averages or self.averages)


def train(stack: Stack, progress: Progress = lambda lanes, at: None) -> list[list[Trace]]:
    """Train all runs of a stack, each in a lane of the program.

    Runs that differ in their length, or in `average`, alone are one lane, trained once to the
    longest length: a shorter run is where the lane stands when it has gone as far.

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
    recipe, data = stack.recipes[0], zip(stack.datasets, stack.seeds, strict=True)
    pairs = [standardise_targets(recipe, dataset, seed) for dataset, seed in data]
    stack = replace(stack, datasets=[dataset for dataset, _ in pairs])
    full_batch = recipe.steps is not None
    rows = _train_full_batch(stack, progress) if full_batch else [_train_epochs(stack, progress)]
    units = [unit for _, unit in pairs]
    return [
        [restore_unit(trace, unit) for trace in row] for row, unit in zip(rows, units, strict=True)
    ]


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
                "learning_rate": schedule_rate(
                    kinds.schedules, before.learning_rate, numbers, step
                ),
                **record_parameters(before.parameters, truth),
                **before.parameters._asdict(),
            }
            curves = {
                name: tf.tensor_scatter_nd_update(curve, [[offset]], values[name][None])
                for name, curve in curves.items()
            }
            return offset + 1, state, curves

        lanes = state.outcome.shape
        names = ["loss", "learning_rate", *record_parameters(state.parameters, truth)]
        curves = {name: tf.zeros((CHUNK, *lanes)) for name in names}
        if kinds.averages and state.parameters.W.shape[0] > 1:  # Else slope and intercept do.
            for name, value in state.parameters._asdict().items():
                curves[name] = tf.zeros((CHUNK, *value.shape))
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
    recipes = [
        resolve_recipe(recipe, dataset, seed)
        for dataset, seed in zip(stack.datasets, stack.seeds, strict=True)
        for recipe in longest
    ]
    kinds, numbers = stack.kinds, make_numbers(recipes, lanes)
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
    recent = RecentPath(n_features, lanes) if kinds.averages else None
    while waiting:
        progress(_count_training(state), first)
        began = time.perf_counter()
        n_steps = min(most, min(stack.recipes[run].length for run in waiting) - first)
        state, curves = run_steps(
            state, batch, truth, numbers, keys, tf.constant(first), tf.constant(n_steps)
        )
        chunk = {name: curve.numpy()[:n_steps] for name, curve in curves.items()}
        if recent:
            now = Parameters(*(value.numpy() for value in state.parameters))
            recent.add(_take_path(chunk), now, state.ended_at.numpy())
        chunks.append(chunk)
        first += n_steps
        # About a second a call, so that progress is told and Ctrl-C is heeded.
        per_step = (time.perf_counter() - began) / n_steps
        most = max(1, min(CHUNK, int(1.0 / per_step)))
        if ended := _take_ended(waiting, stack.recipes, first, state):
            own = [stack.recipes[run] for run in ended]
            left = Left(own, end(state, numbers), state, list(ended.values()), first - 1)
            for row, cut in zip(traces, cut_steps(left, chunks, recent), strict=True):
                row.update(zip(ended, cut, strict=True))
    return [[row[run] for run in range(len(places))] for row in traces]


def _take_path(chunk: dict[str, np.ndarray]) -> Parameters:
    """Take the parameters before each step out of the curves, where they are no curves."""
    if "W" in chunk:
        return Parameters(chunk.pop("W"), chunk.pop("b"))
    return Parameters(chunk["slope"][:, None], chunk["intercept"])


def _count_training(state: State) -> int:
    return int(tf.math.count_nonzero(state.outcome == TRAINING))


def _take_ended(
    waiting: dict[int, int], recipes: Sequence[Recipe], at: int, state: State
) -> dict[int, int]:
    """Take out the runs that end after `at` steps (epochs), each with its lane."""
    goes_on = _count_training(state) > 0
    ended = [run for run in waiting if not (goes_on and at < recipes[run].length)]
    return {run: waiting.pop(run) for run in ended}


# ----------------------------------------------------------------------------------------- epochs


@lru_cache(maxsize=32)
def compile_epoch(kinds: Kinds, batch_size: int, divisor: int) -> Callable[..., Any]:
    """Compile mini-batches of an epoch for stacks of these kinds, any numbers, any shape.

    Its program takes the state, that of the epoch's start, the rows in their order with the noise
    on them, the epoch, the number of its first step, and, where means are kept, how many iterates
    of the epoch are in the mean already, -1 in an epoch whose mean is not needed. It returns the
    new state, and the sum of the batches' losses.
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
        n_before: Any = None,
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

        def take_until(until: Any, number: Any, state: State, total: Any) -> Any:
            return tf.while_loop(lambda number, *_: number < until, take, (number, state, total))

        def take_and_include(number: Any, state: State, total: Any) -> Any:
            # A loop in a loop, so that an epoch without a mean pays nothing for it.
            until = tf.where(n_before < 0, n_batches, number + 1)
            _, state, total = take_until(until, number, state, total)
            return until, include(state, tf.maximum(n_before, 0) + number), total

        begin = (0, state, tf.zeros(state.outcome.shape))
        if kinds.averages:
            _, state, total = tf.while_loop(
                lambda number, *_: number < n_batches, take_and_include, begin
            )
        else:
            _, state, total = take_until(n_batches, *begin)
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
    def run_prediction(parameters: Parameters, X: Any, labels: Any) -> tuple[Any, Any, Any]:
        return predict(parameters, X, labels, divisor)

    return run_prediction


def _train_epochs(stack: Stack, progress: Progress) -> list[Trace]:
    (dataset,), (seed,) = stack.datasets, stack.seeds
    recipes, places = share_lanes(stack.recipes)
    recipes = [resolve_recipe(recipe, dataset, seed) for recipe in recipes]
    parts = split_parts(dataset, recipes[0].validation, seed)
    train_rows = parts["train_"]
    batch_size = min(recipes[0].batch_size or len(train_rows), len(train_rows))
    n_batches = -(-len(train_rows) // batch_size)
    kinds, numbers = stack.kinds, make_numbers(recipes, (len(recipes),), n_batches)
    # The epochs that a run may end after.
    may_end_early = any(recipe.may_end_early for recipe in recipes)
    averaged = {recipe.length for recipe in stack.recipes}
    n_features, n_classes = dataset.X.shape[1], dataset.n_classes
    starts = [draw_init(recipe.init, n_features, n_classes, seed) for recipe in recipes]
    start = Parameters(*(tf.constant(np.stack(values, -1)) for values in zip(*starts, strict=True)))
    state = init_state(kinds, start, numbers, 0)
    keys = make_keys([seed], (1,))
    held = {prefix: hold(part) for prefix, part in parts.items()}
    run_epoch = compile_epoch(kinds, batch_size, dataset.divisor)
    run_evaluation = compile_evaluation(dataset.divisor)
    run_prediction = compile_prediction(dataset.divisor)

    epochs, epoch = [], 0
    waiting, traces = dict(enumerate(places)), dict[int, Trace]()
    while waiting:
        progress(_count_training(state), epoch)
        epoch += 1
        start_of_epoch, step, total = state, (epoch - 1) * n_batches, 0.0
        rate = schedule_rate(kinds.schedules, state.learning_rate, numbers, step)
        order = order_epoch(train_rows, seed, epoch)
        has_noise = bool(kinds.list_injections("features"))
        noise = open_feature_noise(seed, epoch) if has_noise else None
        needs_mean = may_end_early or epoch in averaged
        for rows in lay_out_epoch(train_rows, order, batch_size, noise):
            at = [epoch, step]
            if kinds.averages:
                at.append(step - (epoch - 1) * n_batches if needs_mean else -1)
            state, losses = run_epoch(
                state, start_of_epoch, rows, numbers, keys, *map(tf.constant, at)
            )
            step, total = step + len(rows[1]) // batch_size, total + losses
        loss = total / n_batches
        scores = score_parts(run_evaluation, state.parameters, held)
        state = judge(
            kinds, state, loss, numbers, epoch, numbers["epochs"], state.parameters,
            choose_monitored(loss, scores, numbers),
        )  # fmt: skip
        values = {"loss": loss, "learning_rate": rate, **scores}
        epochs.append({name: value.numpy() for name, value in values.items()})
        if ended := _take_ended(waiting, stack.recipes, epoch, state):
            own, lanes = [stack.recipes[run] for run in ended], list(ended.values())

            rows_of, programs = (held, parts), (run_evaluation, run_prediction)
            parameters, mean = end(state, numbers), None
            known = scores if parameters is state.parameters else None
            last = Ends(parameters, *assess(*programs, parameters, *rows_of, known), lanes)
            if kinds.averages:
                mean = Ends(state.average, *assess(*programs, state.average, *rows_of), lanes)
            left = Left(own, parameters, state, lanes, epoch)
            traces |= zip(ended, cut_epochs(left, epochs, last, mean), strict=True)
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
    if noise is None:
        n_rows = PIECE // (part.source.dtype.itemsize * n_features)
    else:
        n_rows = NOISE_PIECE // (4 * n_features)
    size = batch_size * max(n_rows // batch_size, 1)
    for first in range(0, len(rows), size):
        piece = rows[first : first + size]
        X, y = part.read(piece), part.y[piece]
        more = () if noise is None else (draw_feature_noise(noise, len(piece), n_features),)
        yield tf.constant(X), tf.constant(y), tf.constant(weights[first : first + size]), *more
