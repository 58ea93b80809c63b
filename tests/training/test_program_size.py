"""A program contains the kinds of its stack alone, however many are registered."""

import pytest
import tensorflow as tf

from by_hand import recipe
from fairtrial.data.load import load_dataset
from fairtrial.kinds.losses import numbers as losses
from fairtrial.kinds.optimizers import common as optimizers
from fairtrial.kinds.optimizers import schedules
from fairtrial.study.task import LineTask
from fairtrial.training import stacked

DATA = load_dataset(LineTask(kind="line", rows=8, test_rows=2), 3)


def root(residual):
    """A loss."""
    return tf.sqrt(1.0 + tf.square(residual)) - 1.0


def half_step(gradient, parameter, slots, rate, count):
    """An optimizer."""
    return -0.5 * rate * gradient, {}


def slower(progress, step):
    """A schedule."""
    return 1.0 / (1.0 + step)


KINDS = [
    (losses.LOSSES, losses.loss(slope_bound=1.0), root, "loss"),
    (optimizers.OPTIMIZERS, optimizers.optimizer, half_step, "optimizer"),
    (schedules.SCHEDULES, schedules.schedule(needs_length=False), slower, "schedule"),
]


def count_operations(monkeypatch, *recipes):
    """Trace the program of a stack, which is not compiled, and count its operations."""
    functions = []

    def keep(function):
        functions.append(tf.function(function, autograph=False))
        return functions[-1]

    monkeypatch.setattr(stacked, "compile_program", keep)
    stacked.compile_steps.cache_clear()
    stacked.train(stacked.Stack(recipes, [DATA], [3]))
    stacked.compile_steps.cache_clear()
    (function,) = functions
    graphs = [one.graph.as_graph_def() for one in function._list_all_concrete_functions()]
    return sum(
        len(graph.node) + sum(len(one.node_def) for one in graph.library.function)
        for graph in graphs
    )


@pytest.mark.parametrize(
    ("family", "decorate", "function", "setting"), KINDS, ids=[one[-1] for one in KINDS]
)
def test_program_does_not_grow_with_kinds_that_its_stack_does_not_use(
    family, decorate, function, setting, monkeypatch
):
    one = recipe("mse", steps=2)
    before = count_operations(monkeypatch, one)
    decorate(function)
    try:
        assert count_operations(monkeypatch, one) == before
        used = recipe(**{"steps": 2, setting: function.__name__})
        assert count_operations(monkeypatch, one, used) > before
    finally:
        family.forget(__name__)
