"""fairtrial in the benchmarks: its stacked driver and its eager driver."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks.peers.problems import LineProblem, SoftmaxProblem
from fairtrial.data.split import Part
from fairtrial.parameters import Parameters
from fairtrial.training import eager
from fairtrial.training.epoch import compile_batches
from fairtrial.training.hyperparameters import list_kinds, make_numbers
from fairtrial.training.noise import make_keys
from fairtrial.training.programs import compile_program
from fairtrial.training.rows import lay_out_epoch
from fairtrial.training.stacked import Stack, train
from fairtrial.training.step import init_state

Run = Callable[[], tuple[Any, Any]]


def prepare_line(problem: LineProblem) -> Run:
    """Train all lanes in one stack with curves, as a study does; W and b are (S, L)."""
    stack = Stack(problem.recipes, problem.datasets, problem.seeds)

    def run() -> tuple[Any, Any]:
        traces = train(stack)
        return (
            np.array([[trace.W[0] for trace in lanes] for lanes in traces]),
            np.array([[trace.b for trace in lanes] for lanes in traces]),
        )

    return run


def prepare_line_eager(problem: LineProblem, n_steps: int) -> Run:
    """Train the first seed's lanes with the reference driver, one by one; W and b are (L,)."""
    recipes = [recipe.model_copy(update={"steps": n_steps}) for recipe in problem.recipes]

    def run() -> tuple[Any, Any]:
        traces = [
            eager.train(recipe, problem.datasets[0], problem.seeds[0]) for recipe in recipes
        ]  # fmt: skip
        return np.array([t.W[0] for t in traces]), np.array([t.b for t in traces])

    return run


def prepare_softmax(problem: SoftmaxProblem) -> Run:
    """Train all lanes for one epoch, including the layout of its rows; (D, K, L) and (K, L)."""
    recipes = list(problem.recipes)
    lanes = (len(recipes),)
    kinds, numbers = list_kinds(recipes), make_numbers(recipes, lanes)
    start = Parameters(*(
        tf.constant(np.repeat(value[..., None], len(recipes), -1))
        for value in (problem.W, problem.b)
    ))  # fmt: skip
    state, keys = init_state(kinds, start, numbers, 0), make_keys([0], (1,))
    part = Part(problem.X, np.arange(len(problem.y)), problem.y)
    run_batches = compile_batches(
        kinds, problem.batch_size, problem.pixel_range, compile_program
    )  # fmt: skip

    def run() -> tuple[Any, Any]:
        (rows,) = lay_out_epoch([part], [problem.order], problem.batch_size)
        places = map(tf.constant, (1, 0, -1))
        after, *_ = run_batches(state, state, rows, numbers, keys, None, *places)
        return after.parameters.W.numpy(), after.parameters.b.numpy()

    return run


def prepare_softmax_at_once(problem: SoftmaxProblem, n_stacks: int) -> Run:
    """Train several stacks at once, each in a thread, as a study does; return the first."""
    run = prepare_softmax(problem)

    def run_all() -> tuple[Any, Any]:
        with ThreadPoolExecutor(n_stacks) as pool:
            first, *_ = pool.map(lambda _: run(), range(n_stacks))
        return first

    return run_all
