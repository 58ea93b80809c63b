"""The driver of one run: one operation at a time, which is the reference, or in graphs.

In a graph every operation has the kernel and the operands that it has in eager mode, so every bit
is the same; what is saved is Python between the operations. Full-batch steps at which noise strikes
are always eager: TensorFlow's stateful generator gives other numbers in a graph.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import lru_cache, partial
from typing import Any

import numpy as np
import tensorflow as tf

from fairtrial.data.dataset import Dataset
from fairtrial.data.split import count_batches, split_rows
from fairtrial.data.targets import resolve_recipe, standardise_targets
from fairtrial.parameters import Parameters, draw_init
from fairtrial.study.recipe import Recipe
from fairtrial.training.epoch import Epochs
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

# What a graph may take, so that Ctrl-C is heeded at once: rows times steps, and steps.
MOST_ROWS, MOST_STEPS = 1_000_000, 500


def train(
    recipe: Recipe,
    dataset: Dataset,
    seed: int,
    start: Parameters | None = None,
    draws: Draws | None = None,
    in_graphs: bool = False,
) -> Trace:
    """Train one run.

    It may start elsewhere than the recipe's init, in the unit of training, and `draws` may give the
    injected noise instead of the seed's named streams. The trace has every step's (epoch's) values,
    and the mean of the last iterates. A run whose rows are evaluated while it trains is eager if it
    has noise.
    """
    dataset = standardise_targets(recipe, dataset, seed)
    begun = begin(recipe, dataset, seed, start, draws)
    if not recipe.is_evaluated:
        trace = _take_steps(recipe, dataset, *begun, in_graphs)
    elif in_graphs and not recipe.noise.kinds:
        with keep_operations():
            trace = _take_epochs(recipe, dataset, seed, *begun[:3], {}, compile_plainly)
    else:
        trace = _take_epochs(recipe, dataset, seed, *begun)
    return restore_unit(trace, dataset.unit)


# The same bits, sooner.
train_in_graphs = partial(train, in_graphs=True)


def begin(
    recipe: Recipe, dataset: Dataset, seed: int, start: Parameters | None, draws: Draws | None
) -> tuple[Kinds, dict[str, Any], State, Draws]:
    """Make what the steps of one run need; parameters as in `train`, in the unit of training."""
    start = start or draw_init(recipe.init, dataset.X.shape[1], dataset.n_classes, seed)
    start = Parameters(*map(tf.convert_to_tensor, start))
    n_rows = len(split_rows(len(dataset.y), recipe.validation, seed)[0])
    recipe = resolve_recipe(recipe, dataset, seed)
    kinds = list_kinds([recipe])._replace(averages=True)
    numbers = make_numbers([recipe], (), count_batches(recipe, n_rows))
    state = init_state(kinds, start, numbers, n_rows)
    return kinds, numbers, state, draws or NamedDraws(make_keys([seed], ()))


def _take_steps(
    recipe: Recipe,
    dataset: Dataset,
    kinds: Kinds,
    numbers: Any,
    state: State,
    draws: Draws,
    in_graphs: bool,
) -> Trace:
    batch = (tf.constant(dataset.X), tf.constant(dataset.y))
    most = max(1, min(MOST_STEPS, MOST_ROWS // len(dataset.y))) if in_graphs else 0
    intervals = [noise.interval for noise in recipe.noise.kinds]
    pieces, step = [], 0
    with keep_operations() if in_graphs else nullcontext():
        while state.outcome == TRAINING:
            # How far it is to the next step at which noise strikes: 0 where it strikes now.
            n_steps = min([most, *(-step % every for every in intervals)])
            if n_steps:
                steps = (tf.constant(step), tf.constant(n_steps))
                state, n_taken, values = compile_steps(kinds)(state, batch, numbers, *steps)
            else:
                before, n_taken = state, 1
                state, loss, rate = take_step(kinds, state, batch, numbers, draws, step)
                values = [value[None] for value in (loss, rate, *before.parameters)]
            pieces.append([value.numpy()[: int(n_taken)] for value in values])
            step += int(n_taken)
    losses, rates, W, b = (np.concatenate(values) for values in zip(*pieces, strict=True))
    truth = dataset.true_parameters
    # The steps stand where lanes would, so that they are measured all at once.
    known = record_parameters(Parameters(W.T, b), None if truth is None else truth[:, None])
    path = [
        np.concatenate([before[1:], last.numpy()[None]])
        for before, last in zip((W, b), state.parameters, strict=True)
    ]
    last = End(*(value.numpy() for value in end(kinds, state, numbers)))
    mean = End(*average_path(Parameters(*path)))
    curves = {"loss": losses, "learning_rate": rates, **known}
    return _make_trace(recipe, state, last, mean, curves, 0)


def _take_epochs(
    recipe: Recipe,
    dataset: Dataset,
    seed: int,
    kinds: Kinds,
    numbers: Any,
    state: State,
    draws: Any,
    compiled: Callable[..., Any] | None = None,
) -> Trace:
    """Train a run whose rows are evaluated, from what `begin` returns; see `Epochs`."""
    epochs = Epochs(recipe, [dataset], [seed], kinds, numbers, compiled)
    curves, path = defaultdict(list), []
    while state.outcome == TRAINING:
        state, values = epochs.take(state, draws)
        for quantity, value in (values | epochs.measure_rest()).items():
            curves[quantity].append(value)
        if recipe.steps:
            path.append([value.numpy() for value in state.parameters])

    def measure(parameters: Parameters) -> End:
        scores, predictions = epochs.assess(parameters)
        scores = {name: float(score) for name, score in scores.items()}
        return End(np.asarray(parameters.W), np.asarray(parameters.b), scores, predictions)

    mean = state.average
    if recipe.steps:
        mean = average_path(Parameters(*map(np.stack, zip(*path, strict=True))))
    last, first = measure(end(kinds, state, numbers)), 0 if recipe.steps else 1
    return _make_trace(recipe, state, last, measure(mean), curves, first)


def _make_trace(
    recipe: Recipe, state: State, last: End, mean: End, curves: Mapping[str, Any], first: int
) -> Trace:
    arrays = {
        quantity: (np.arange(first, first + len(values)), np.asarray(values, np.float64))
        for quantity, values in curves.items()
    }
    noted = state.outcome, state.ended_at, state.n_halvings, state.first_halving
    return make_trace(recipe, last, mean, arrays, noted)


# ------------------------------------------------------------------------------------------ graphs


def compile_plainly(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a graph of a function, without XLA."""
    return tf.function(function, autograph=False)


@lru_cache(maxsize=32)
def compile_steps(kinds: Kinds) -> Callable[..., Any]:
    """Make the graph of full-batch steps at which no noise strikes; any numbers, any shape.

    Its program takes the state, X and y, the numbers, the first step, and how many to take; it
    returns the new state, how many it took before the run ended, and for each of them loss,
    learning rate, weights and bias before the update.
    """
    quiet, no_draws = kinds._replace(injections=()), NamedDraws({})

    @compile_plainly
    def run_steps(
        state: State, batch: Any, numbers: Any, first: Any, n_steps: Any
    ) -> tuple[State, Any, list[Any]]:
        def take(offset: Any, state: State, curves: list[Any]) -> Any:
            before, step = state, first + offset
            state, loss, rate = take_step(quiet, state, batch, numbers, no_draws, step)
            values = loss, rate, *before.parameters
            pairs = zip(curves, values, strict=True)
            return offset + 1, state, [curve.write(offset, value) for curve, value in pairs]

        n_taken, state, curves = tf.while_loop(
            lambda offset, state, _: (offset < n_steps) & (state.outcome == TRAINING),
            take,
            (0, state, [tf.TensorArray(tf.float32, n_steps) for _ in range(4)]),
        )
        return state, n_taken, [curve.stack() for curve in curves]

    return run_steps


@contextmanager
def keep_operations() -> Iterator[None]:
    """Keep TensorFlow from replacing a graph's operations by others, which may round otherwise.

    This holds for all graphs of the process that are first called meanwhile, except compiled ones
    (XLA).
    """
    before = tf.config.optimizer.get_experimental_options().get("disable_meta_optimizer", False)
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    try:
        yield
    finally:
        tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": before})
