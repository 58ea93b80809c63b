"""The stacked driver: all lanes of a stack in one compiled program."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import tensorflow as tf

from fairtrial.data.dataset import Dataset
from fairtrial.data.split import count_batches, split_rows
from fairtrial.data.targets import resolve_recipe, standardise_targets
from fairtrial.parameters import Parameters, draw_init
from fairtrial.study.recipe import Recipe
from fairtrial.training.endings import Ends, Left, cut_traces
from fairtrial.training.epoch import Epochs, stack_truths
from fairtrial.training.hyperparameters import Kinds, list_kinds, make_numbers
from fairtrial.training.noise import NamedDraws, make_keys
from fairtrial.training.programs import CHUNK, compile_program, share_lanes
from fairtrial.training.step import State, end, init_state, take_step
from fairtrial.training.trace import (
    TRAINING,
    End,
    RecentPath,
    Trace,
    record_parameters,
    restore_unit,
)

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Stack:
    """Runs that train together: the same recipes, in the same order, on each data set."""

    # R of them, the runs on each data set; all standardise the targets, or none
    recipes: Sequence[Recipe]
    datasets: Sequence[Dataset]  # S of them, alike in shape; one where there are classes
    seeds: Sequence[int]  # The S seeds of the data sets; all of a run's randomness
    # Whether the mean of each run's last iterates is kept, also where no run ends with it
    averages: bool = False

    @property
    def kinds(self) -> Kinds:
        """What the program that trains it must contain."""
        kinds = list_kinds(self.recipes)
        return kinds._replace(averages=kinds.averages or self.averages)

    @property
    def n_train_rows(self) -> int:
        """How many rows of a data set train."""
        n_rows, share = len(self.datasets[0].y), self.recipes[0].validation
        return len(split_rows(n_rows, share, self.seeds[0])[0])


def train(stack: Stack, progress: Progress = lambda lanes, at: None) -> list[list[Trace]]:
    """Train all runs of a stack, each in a lane of the program: for each data set R traces.

    Runs that differ in their length, or in `average`, alone are one lane, trained once to the
    longest length: a shorter run is where the lane stands when it has gone as far. `progress` is
    called with how many lanes are still training, and the step or epoch.
    """
    recipe, data = stack.recipes[0], zip(stack.datasets, stack.seeds, strict=True)
    pairs = [standardise_targets(recipe, dataset, seed) for dataset, seed in data]
    stack = replace(stack, datasets=[dataset for dataset, _ in pairs])
    run = _train_epochs if recipe.is_evaluated else _train_full_batch
    return [
        [restore_unit(trace, unit) for trace in row]
        for row, (_, unit) in zip(run(stack, progress), pairs, strict=True)
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
            state, loss, rate = take_step(kinds, state, batch, numbers, draws, step)
            values = {
                "loss": loss,
                "learning_rate": rate,
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
    lanes = _make_shape(stack, len(longest))
    kinds, numbers = stack.kinds, _make_numbers(stack, longest, lanes)
    batch = (
        tf.constant(np.stack([dataset.X for dataset in stack.datasets])[:, None]),
        tf.constant(np.stack([dataset.y for dataset in stack.datasets])[:, None]),
    )
    truth = stack_truths([
        one.true_parameters for one in stack.datasets if one.true_parameters is not None
    ])  # fmt: skip
    keys = make_keys(list(stack.seeds), (*lanes[:-1], 1))
    state = init_state(kinds, _draw_starts(stack, longest, lanes), numbers, stack.n_train_rows)
    run_steps, chunks, first, most = compile_steps(kinds), [], 0, 25
    waiting, traces = dict(enumerate(places)), [dict[int, Trace]() for _ in stack.datasets]
    recent = RecentPath() if kinds.averages else None
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
            recent.add([*_take_path(chunk)[1:], now], state.ended_at.numpy())
        chunks.append(chunk)
        first += n_steps
        # About a second a call, so that progress is shown and Ctrl-C is heeded.
        per_step = (time.perf_counter() - began) / n_steps
        most = max(1, min(CHUNK, int(1.0 / per_step)))
        if ended := _take_ended(waiting, stack.recipes, first, state):
            own = list(ended.values())
            recipes = [stack.recipes[run] for run in ended]
            left = Left(recipes, end(kinds, state, numbers), state, own, first - 1)
            whole = {
                name: np.concatenate([one[name][..., own] for one in chunks]) for name in chunk
            }
            find_mean = _find_means(recent, own) if recent else None
            cut = cut_traces(left, whole, 0, left.make_end, find_mean)
            for row, ending in zip(traces, cut, strict=True):
                row.update(zip(ended, ending, strict=True))
    return [[row[run] for run in range(len(places))] for row in traces]


def _make_shape(stack: Stack, n_lanes: int) -> tuple[int, ...]:
    """Return the lane axes: of regressions the lanes of each data set."""
    return (n_lanes,) if stack.datasets[0].n_classes else (len(stack.datasets), n_lanes)


def _make_numbers(
    stack: Stack, longest: Sequence[Recipe], lanes: tuple[int, ...]
) -> dict[str, Any]:
    n_batches = count_batches(longest[0], stack.n_train_rows)
    recipes = [
        resolve_recipe(recipe, dataset, seed)
        for dataset, seed in zip(stack.datasets, stack.seeds, strict=True)
        for recipe in longest
    ]
    return make_numbers(recipes, lanes, n_batches)


def _draw_starts(stack: Stack, longest: Sequence[Recipe], lanes: tuple[int, ...]) -> Parameters:
    n_features, n_classes = stack.datasets[0].X.shape[1], stack.datasets[0].n_classes
    starts = [
        draw_init(recipe.init, n_features, n_classes, seed)
        for seed in stack.seeds
        for recipe in longest
    ]
    return Parameters(*(
        tf.constant(np.stack(values, -1).reshape(*values[0].shape, *lanes))
        for values in zip(*starts, strict=True)
    ))  # fmt: skip


def _find_means(recent: RecentPath, lanes: list[int]) -> Callable[[tuple[int, ...]], End]:
    return lambda place: End(*recent.average((*place[:-1], lanes[place[-1]])))


def _take_path(chunk: dict[str, np.ndarray]) -> list[Parameters]:
    """Take the parameters before each step out of the curves, where they are no curves."""
    if "W" in chunk:
        path = chunk.pop("W"), chunk.pop("b")
    else:
        path = chunk["slope"][:, None], chunk["intercept"]
    return [Parameters(W, b) for W, b in zip(*path, strict=True)]


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


def _train_epochs(stack: Stack, progress: Progress) -> list[list[Trace]]:
    recipes, places = share_lanes(stack.recipes)
    lanes = _make_shape(stack, len(recipes))
    one, n_rows = recipes[0], stack.n_train_rows
    kinds, numbers = stack.kinds, _make_numbers(stack, recipes, lanes)
    in_steps = one.steps is not None
    # The epochs that a run may end after.
    may_end_early = any(recipe.may_end_early for recipe in recipes)
    lengths = {recipe.length for recipe in stack.recipes}
    state = init_state(kinds, _draw_starts(stack, recipes, lanes), numbers, n_rows)
    keys = make_keys(list(stack.seeds), (*lanes[:-1], 1))
    epochs = Epochs(one, stack.datasets, stack.seeds, kinds, numbers, compile_program)
    recent = RecentPath() if kinds.averages and in_steps else None

    noted, waiting = [], dict(enumerate(places))
    traces = [dict[int, Trace]() for _ in stack.datasets]
    while waiting:
        progress(_count_training(state), epochs.n_done)
        needs_mean = may_end_early or epochs.n_done + 1 in lengths
        state, values = epochs.take(state, keys, needs_mean=needs_mean)
        noted.append({name: np.float64(value.numpy()) for name, value in values.items()})
        if recent:
            now = Parameters(*(value.numpy() for value in state.parameters))
            recent.add([now], state.ended_at.numpy())
        if ended := _take_ended(waiting, stack.recipes, epochs.n_done, state):
            own, at = list(ended.values()), epochs.n_done - (1 if in_steps else 0)
            parameters, mean = end(kinds, state, numbers), None
            known = values if parameters is state.parameters else None
            last = Ends(parameters, *epochs.assess(parameters, known), own)
            if kinds.averages:
                means = recent.average_lanes(lanes) if recent else state.average
                mean = Ends(means, *epochs.assess(Parameters(*map(tf.constant, means))), own).read
            left = Left([stack.recipes[run] for run in ended], parameters, state, own, at)
            curves = {name: np.stack([one[name][..., own] for one in noted]) for name in values}
            cut = cut_traces(left, curves, 0 if in_steps else 1, last.read, mean)
            for row, ending in zip(traces, cut, strict=True):
                row.update(zip(ended, ending, strict=True))
    return [[row[run] for run in range(len(places))] for row in traces]
