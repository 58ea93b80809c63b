"""The graph driver: one full-batch run with the kernels of the eager driver, many steps a call.

Every operation has the kernel and the operands that it has in eager mode, so every bit is the same;
what is saved is Python between the operations. Steps at which noise strikes are taken eagerly:
TensorFlow's stateful generator gives other numbers in a graph.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import numpy as np
import tensorflow as tf

from fairtrial.data.dataset import Dataset
from fairtrial.data.targets import standardise_targets
from fairtrial.parameters import Parameters
from fairtrial.study.recipe import Recipe
from fairtrial.training import eager
from fairtrial.training.hyperparameters import Kinds
from fairtrial.training.noise import Draws, NamedDraws
from fairtrial.training.step import State, take_step
from fairtrial.training.trace import TRAINING, Trace, restore_unit

# What a call may take, so that Ctrl-C is heeded at once: rows times steps, and steps.
MOST_ROWS = 1_000_000
MOST_STEPS = 500


def train(
    recipe: Recipe,
    dataset: Dataset,
    seed: int,
    start: Parameters | None = None,
    draws: Draws | None = None,
) -> Trace:
    """Train one run to the trace that `eager.train` gives, bit by bit; parameters as there.

    A run whose rows are evaluated while it trains is eager if it has noise.
    """
    if recipe.is_evaluated and recipe.noise.kinds:
        return eager.train(recipe, dataset, seed, start, draws)
    dataset, unit = standardise_targets(recipe, dataset, seed)
    kinds, numbers, state, draws = eager.begin(recipe, dataset, seed, start, draws)
    if recipe.is_evaluated:
        with keep_operations():
            trace = eager.train_epochs(
                recipe, dataset, seed, kinds, numbers, state, {}, compile_plainly
            )  # fmt: skip
        return restore_unit(trace, unit)
    batch = (tf.constant(dataset.X), tf.constant(dataset.y))
    most = max(1, min(MOST_STEPS, MOST_ROWS // len(dataset.y)))
    intervals = [noise.interval for noise in recipe.noise.kinds]
    pieces, step = [], 0
    with keep_operations():
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
    path = Parameters(W.T, b)
    trace = eager.trace_steps(recipe, dataset, state, numbers, losses, rates, path)
    return restore_unit(trace, unit)


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

    @tf.function(autograph=False)
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
