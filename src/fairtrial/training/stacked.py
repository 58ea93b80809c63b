"""The stacked driver: all lanes of a stack in one compiled program."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import numpy as np
import tensorflow as tf

from fairtrial.data.dataset import Dataset
from fairtrial.data.split import count_batches, split_rows
from fairtrial.data.targets import resolve_recipe, standardise_targets
from fairtrial.parameters import Parameters, draw_init
from fairtrial.study.recipe import Recipe
from fairtrial.training.epoch import Epochs, stack_truths
from fairtrial.training.hyperparameters import Kinds, list_kinds, make_numbers
from fairtrial.training.noise import NamedDraws, make_keys
from fairtrial.training.programs import CHUNK, compile_program, share_lanes
from fairtrial.training.step import State, end, init_state, keep_lanes, take_step
from fairtrial.training.trace import (
    COMPLETED,
    TRAINING,
    End,
    Predictions,
    RecentPath,
    Trace,
    make_trace,
    record_parameters,
    restore_unit,
)

Progress = Callable[[int, int], None]

# Lanes of runs that are over leave a stack if the others go on for long enough. In lanes, times
# their weights, rows and epochs to come: about what it takes to compile programs for fewer lanes,
# which the stacks of further seeds use again.
LEAST_SAVED = 2e10


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


def train(stack: Stack, progress: Progress = lambda lanes, at: None) -> list[list[Trace]]:
    """Train all runs of a stack, each in a lane of the program: for each data set R traces.

    Runs that differ in their length, or in `average`, alone are one lane, trained once to the
    longest length: a shorter run is where the lane stands when it has gone as far. `progress` is
    called with how many lanes are still training, and the step or epoch.
    """
    data = zip(stack.datasets, stack.seeds, strict=True)
    datasets = [standardise_targets(stack.recipes[0], dataset, seed) for dataset, seed in data]
    stack = replace(stack, datasets=datasets)
    recipes, places = share_lanes(stack.recipes)
    waiting, traces = dict(enumerate(places)), [dict[int, Trace]() for _ in datasets]
    drive = _take_epochs if recipes[0].is_evaluated else _take_steps
    for at, state, cut in drive(stack, recipes, waiting):
        n_training = int(tf.math.count_nonzero(state.outcome == TRAINING))
        ended = [run for run in waiting if not (n_training and at < stack.recipes[run].length)]
        if ended:
            found = cut([stack.recipes[run] for run in ended], [waiting.pop(run) for run in ended])
            for row, own in zip(traces, found, strict=True):
                row.update(zip(ended, own, strict=True))
        if waiting:
            progress(n_training, at)
    return [
        [restore_unit(row[run], dataset.unit) for run in range(len(places))]
        for row, dataset in zip(traces, datasets, strict=True)
    ]


# What a driver says at the start and after each stretch: how many steps (epochs) are taken, the
# state, and how to cut the traces of some recipes, in so many lanes, out of the stack. If it takes
# lanes out of its stack, it updates the lanes of the runs that wait.
Cut = Callable[[Sequence[Recipe], list[int]], list[list[Trace]]]
Stretches = Iterator[tuple[int, State, Cut]]


def _begin(stack: Stack, recipes: Sequence[Recipe]) -> tuple[dict[str, Any], State, dict[str, Any]]:
    """Make the numbers of the lanes, the state before the first step, and the keys of draws."""
    dataset = stack.datasets[0]
    n_rows = len(split_rows(len(dataset.y), recipes[0].validation, stack.seeds[0])[0])
    sets, lanes = list(zip(stack.datasets, stack.seeds, strict=True)), (len(recipes),)
    shape = lanes if dataset.n_classes else (len(sets), *lanes)
    resolved = [resolve_recipe(one, data, seed) for data, seed in sets for one in recipes]
    numbers = make_numbers(resolved, shape, count_batches(recipes[0], n_rows))
    starts = [
        draw_init(recipe.init, dataset.X.shape[1], dataset.n_classes, seed)
        for seed in stack.seeds
        for recipe in recipes
    ]
    start = Parameters(*(
        tf.constant(np.stack(values, -1).reshape(*values[0].shape, *shape))
        for values in zip(*starts, strict=True)
    ))  # fmt: skip
    keys = make_keys(list(stack.seeds), (*shape[:-1], 1))
    return numbers, init_state(stack.kinds, start, numbers, n_rows), keys


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


def _take_steps(stack: Stack, recipes: Sequence[Recipe], waiting: dict[int, int]) -> Stretches:
    numbers, state, keys = _begin(stack, recipes)
    kinds, run_steps = stack.kinds, compile_steps(stack.kinds)
    X, y = (
        np.stack(one)[:, None] for one in zip(*((d.X, d.y) for d in stack.datasets), strict=True)
    )
    batch = tf.constant(X), tf.constant(y)
    truth = stack_truths([
        one.true_parameters for one in stack.datasets if one.true_parameters is not None
    ])  # fmt: skip
    chunks, first, most = list[dict[str, np.ndarray]](), 0, 25
    recent = RecentPath() if kinds.averages else None

    def cut(ended: Sequence[Recipe], lanes: list[int]) -> list[list[Trace]]:
        whole = {
            name: np.concatenate([one[name][..., lanes] for one in chunks]) for name in chunks[0]
        }
        last = read_ends(end(kinds, state, numbers), lanes)
        mean = (
            read_ends(recent.average_lanes(tuple(state.outcome.shape)), lanes) if recent else None
        )
        return cut_traces(ended, state, lanes, first - 1, whole, 0, last, mean)

    yield first, state, cut
    while waiting:
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
        most = max(1, min(CHUNK, int(n_steps / (time.perf_counter() - began))))
        yield first, state, cut


def _take_path(chunk: dict[str, np.ndarray]) -> list[Parameters]:
    """Take the parameters before each step out of the curves, where they are no curves."""
    if "W" in chunk:
        path = chunk.pop("W"), chunk.pop("b")
    else:
        path = chunk["slope"][:, None], chunk["intercept"]
    return [Parameters(W, b) for W, b in zip(*path, strict=True)]


# ----------------------------------------------------------------------------------------- epochs


class _Measured:
    """What is measured epoch by epoch: the latest values, (...) each, and all of them."""

    def __init__(self) -> None:
        self.latest = dict[str, Any]()
        self._curves = defaultdict[str, list[np.ndarray]](list)

    def add(self, found: Mapping[str, Any]) -> None:
        """Add the next values by name; what a call lacks comes with a later one."""
        self.latest |= found
        for name, value in found.items():
            self._curves[name].append(np.asarray(value.numpy(), np.float64))

    def keep_lanes(self, lanes: list[int]) -> None:
        """Keep some lanes, in this order."""
        self.latest = {name: tf.gather(one, lanes, axis=-1) for name, one in self.latest.items()}
        for curve in self._curves.values():
            curve[:] = [one[..., lanes] for one in curve]

    def cut(self, lanes: list[int]) -> dict[str, np.ndarray]:
        """Cut the curves of some lanes, (T, ...) each."""
        return {name: np.stack(curve)[..., lanes] for name, curve in self._curves.items()}


def _count_saved(state: State, n_kept: int, n_rows: int) -> int:
    """Count what fewer lanes save over so many rows: lanes, times their weights and rows."""
    n_lanes = state.outcome.shape[-1]
    return (n_lanes - n_kept) * (state.parameters.W.shape.num_elements() // n_lanes) * n_rows


def _take_epochs(stack: Stack, recipes: Sequence[Recipe], waiting: dict[int, int]) -> Stretches:
    """Take the epochs of a stack; where the lanes of some runs are over, in fewer lanes."""
    numbers, state, keys = _begin(stack, recipes)
    kinds, in_steps = stack.kinds, recipes[0].steps is not None
    # The epochs that a run may end after.
    may_end_early = any(recipe.may_end_early for recipe in recipes)
    lengths = {recipe.length for recipe in stack.recipes}
    epochs = Epochs(recipes[0], stack.datasets, stack.seeds, kinds, numbers, compile_program)
    recent = RecentPath() if kinds.averages and in_steps else None
    measured = _Measured()

    def cut(ended: Sequence[Recipe], lanes: list[int]) -> list[list[Trace]]:
        measured.add(epochs.measure_rest())
        parameters, mean = end(kinds, state, epochs.numbers), None
        known = measured.latest if parameters is state.parameters else None
        last = read_ends(parameters, lanes, *epochs.assess(parameters, known))
        if kinds.averages:
            means = recent.average_lanes(tuple(state.outcome.shape)) if recent else state.average
            means = Parameters(*map(tf.constant, means))
            mean = read_ends(means, lanes, *epochs.assess(means))
        first, whole = 0 if in_steps else 1, measured.cut(lanes)
        return cut_traces(ended, state, lanes, epochs.n_done - 1 + first, whole, first, last, mean)

    yield 0, state, cut
    while waiting:
        # By the lengths of runs alone: what happens in a lane must not change its neighbours.
        lanes = sorted({*waiting.values()})
        n_left = max(stack.recipes[run].length for run in waiting) - epochs.n_done
        if not in_steps and _count_saved(state, len(lanes), epochs.n_rows * n_left) >= LEAST_SAVED:
            epochs.keep_lanes(lanes)
            measured.keep_lanes(lanes)
            state = keep_lanes(state, lanes)
            waiting.update((run, lanes.index(lane)) for run, lane in waiting.items())
        needs_mean = may_end_early or epochs.n_done + 1 in lengths
        state, found = epochs.take(state, keys, needs_mean=needs_mean)
        measured.add(found)
        if recent:
            now = Parameters(*(value.numpy() for value in state.parameters))
            recent.add([now], state.ended_at.numpy())
        yield epochs.n_done, state, cut


# ----------------------------------------------------------------------------------------- traces


def read_ends(
    parameters: Parameters,
    lanes: list[int],
    scores: Mapping[str, Any] = MappingProxyType({}),
    predicted: Mapping[str, Predictions] = MappingProxyType({}),
) -> Callable[[tuple[int, ...]], End]:
    """Fetch what the runs in some lanes may end with; the result reads it by a run's place."""
    W, b = (np.asarray(value)[..., lanes] for value in parameters)
    own = {name: np.asarray(values)[..., lanes] for name, values in scores.items()}
    # Copies, or each run would keep what is predicted in all lanes.
    rows = {
        prefix: Predictions(*(values[..., lanes] for values in one))
        for prefix, one in predicted.items()
    }

    def read(place: tuple[int, ...]) -> End:
        at = (..., *place)
        return End(
            W[at],
            b[at],
            {name: float(values[at]) for name, values in own.items()},
            {prefix: Predictions(*(v[at] for v in one)) for prefix, one in rows.items()},
        )

    return read


def cut_traces(
    recipes: Sequence[Recipe],
    state: State,
    lanes: list[int],
    at: int,
    curves: Mapping[str, np.ndarray],
    first: int,
    find_last: Callable[[tuple[int, ...]], End],
    find_mean: Callable[[tuple[int, ...]], End] | None,
) -> list[list[Trace]]:
    """Cut the runs in some lanes that end at step (epoch) `at`: for each data set a trace of each.

    Their curves (T, ...) begin with step (epoch) `first`. `find_last` and `find_mean` find the end
    of a run by its place among those that end, and the mean of its last iterates, where means are
    kept.
    """
    noted = [
        value.numpy()[..., lanes]
        for value in (state.outcome, state.ended_at, state.n_halvings, state.first_halving)
    ]
    outcome, ended_at, *_ = noted
    complete = outcome == TRAINING  # Lanes of longer runs go on.
    outcome[complete], ended_at[complete] = COMPLETED, at

    def cut(place: tuple[int, ...]) -> Trace:
        steps = np.arange(first, int(ended_at[place]) + 1)
        own = {name: (steps, curve[(slice(len(steps)), *place)]) for name, curve in curves.items()}
        mean = find_mean and find_mean(place)
        return make_trace(
            recipes[place[-1]], find_last(place), mean, own, (one[place] for one in noted)
        )

    *sets, n_runs = outcome.shape
    return [[cut((*one, run)) for run in range(n_runs)] for one in np.ndindex(*sets)]
