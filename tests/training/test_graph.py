"""A run in graphs gives the eager driver's traces, bit by bit."""

import numpy as np
import pytest
import tensorflow as tf

from by_hand import recipe
from fairtrial.data.load import load_dataset
from fairtrial.kinds.inits.common import normal
from fairtrial.kinds.losses.numbers import LOSSES as REGISTERED
from fairtrial.kinds.optimizers.common import OPTIMIZERS
from fairtrial.kinds.optimizers.schedules import SCHEDULES
from fairtrial.lab.replay import SHIPPED, ReplayFile
from fairtrial.lab.stateful import StatefulDraws, draw_line
from fairtrial.study import recipe as recipes
from fairtrial.study.task import LineTask
from fairtrial.training import eager

RUNS = {run.label: run for run in ReplayFile.load(SHIPPED).run}
DATA = load_dataset(LineTask(kind="line", rows=1000, test_rows=2, noise="laplace"), 5)
OTHERS = {"huber": {"delta": 0.7}, "hybrid": {"alpha": 0.3}}
LOSSES = [
    {"kind": kind.name, **OTHERS.get(kind.name, {})} for kind in REGISTERED if not kind.on_classes
]
FACTORS = [kind.name for kind in SCHEDULES if not kind.on_stalls and not kind.is_one]
NORMAL = normal()
FAST = {"kind": "sgd", "learning_rate": 0.5, "momentum": 0.3}
HALVE = {"kind": "halve_on_plateau", "patience": 2, "floor": 1e-3}
INJECTED = {
    "data": {"data": {"every": 60}},
    "weights": {"weights": {"every": 7}},
    "learning rate": {"learning_rate": {"every": 40}},
    "all": {"data": {"every": 50}, "weights": {"every": 20}, "learning_rate": {"every": 30}},
    "at every step": {"weights": {"every": 1}, "learning_rate": {"every": 2}},
}

# What replay files allow beside losses and injected noise, each with the outcome it is here for.
SETTINGS = {
    **{name: ({"optimizer": name}, "completed") for name in (kind.name for kind in OPTIMIZERS)},
    **{name: ({"schedule": {"kind": name}}, "completed") for name in FACTORS},
    "floor": ({"loss": "mae", "optimizer": FAST, "schedule": HALVE}, "rate_floor"),
    "stopping": ({"optimizer": FAST, "stopping": {"patience": 3}}, "stopped_early"),
    "best": (
        {
            "loss": "mae", "optimizer": FAST,
            "stopping": {"patience": 9, "restore_best": True},
        },
        "stopped_early",
    ),
    "penalties": ({"penalty": {"l1": 0.01, "l2": 0.1}}, "completed"),
    "diverging": (
        {"loss": "mse", "optimizer": {"kind": "sgd", "learning_rate": 90.0}},
        "diverged",
    ),
    "one step": ({"steps": 1}, "completed"),
}  # fmt: skip


SHORT, LONG = 60, 200


def mostly_long(names, *kept, n_steps=SHORT):
    """Take all of them at length, and in short those that stand for the others; with steps."""
    return [pytest.param(name, n_steps) for name in kept] + [
        pytest.param(name, LONG, marks=pytest.mark.long) for name in names
    ]


def shorten(run, n_steps):
    return run.recipe.model_copy(update={"steps": n_steps})


def assert_same_bits(found, expected):
    assert (found.outcome, found.ended_at) == (expected.outcome, expected.ended_at)
    assert list(found.curves) == list(expected.curves)
    for name, (at, values) in expected.curves.items():
        np.testing.assert_array_equal(found.curves[name][0], at)
        np.testing.assert_array_equal(found.curves[name][1], values, name)
    for value, other in ((found.W, expected.W), (found.b, expected.b)):
        assert (value.dtype, value.shape) == (other.dtype, other.shape)
        np.testing.assert_array_equal(value, other)


def train_stateful(driver, run, one):
    data, start = draw_line(run.task, one.init, run.seed)
    return driver(one, data, run.seed, start, StatefulDraws())


def compare_shipped(run, one):
    assert_same_bits(
        train_stateful(eager.train_in_graphs, run, one), train_stateful(eager.train, run, one)
    )


@pytest.mark.parametrize(("label", "n_steps"), mostly_long(RUNS, "Table 1, MSE", "Table 2, Hybrid"))
def test_shipped_settings(label, n_steps):
    compare_shipped(RUNS[label], shorten(RUNS[label], n_steps))


@pytest.mark.long
def test_a_shipped_setting_that_stops_early_to_its_end():
    run = RUNS["Learning rate 0.01, MSE"]
    compare_shipped(run, run.recipe)


@pytest.mark.long
def test_a_shipped_setting_of_full_length_to_its_end():
    run = RUNS["Table 2, Huber"]
    compare_shipped(run, run.recipe)


@pytest.mark.parametrize(("kind", "n_steps"), mostly_long(LOSSES, *LOSSES[:4], n_steps=20), ids=str)
def test_losses(kind, n_steps):
    one = recipe(kind, "adam", steps=n_steps, init=NORMAL)
    assert_same_bits(eager.train_in_graphs(one, DATA, 5), eager.train(one, DATA, 5))


@pytest.mark.parametrize(
    ("name", "n_steps"),
    mostly_long(SETTINGS, "adam", "floor", "best", "penalties", "diverging", "one step"),
)
def test_other_settings(name, n_steps):
    settings, outcome = SETTINGS[name]
    sgd = {"kind": "sgd", "learning_rate": 0.1}
    defaults = {"loss": "huber", "optimizer": sgd, "steps": n_steps}
    one = recipes.Recipe(**{**defaults, **settings})
    expected = eager.train(one, DATA, 5)
    assert expected.outcome == outcome
    assert_same_bits(eager.train_in_graphs(one, DATA, 5), expected)


@pytest.mark.parametrize(("name", "n_steps"), mostly_long(INJECTED, "all"))
def test_injected_noise_from_named_streams(name, n_steps):
    one = recipes.Recipe(loss="hybrid", optimizer="adam", steps=n_steps, noise=INJECTED[name])
    assert_same_bits(eager.train_in_graphs(one, DATA, 5), eager.train(one, DATA, 5))


@pytest.mark.parametrize(("name", "n_steps"), mostly_long(INJECTED, "all"))
def test_injected_noise_from_the_stateful_generator(name, n_steps):
    one = recipes.Recipe(
        loss="mse", optimizer="sgd", steps=n_steps, init=NORMAL, noise=INJECTED[name],
        schedule=HALVE,
    )  # fmt: skip
    compare_shipped(RUNS["Table 1, MSE"], one)


def test_a_graph_serves_all_numbers_of_its_kinds():
    eager.compile_steps.cache_clear()
    for rate in (0.1, 0.2):
        one = recipe("mse", {"kind": "sgd", "learning_rate": rate}, steps=3)
        eager.train_in_graphs(one, DATA, 5)
    assert eager.compile_steps.cache_info().currsize == 1
    kinds = eager.begin(one, DATA, 5, None, None)[0]
    assert eager.compile_steps(kinds).experimental_get_tracing_count() == 1


def test_tensorflow_replaces_operations_again_afterwards():
    def is_off():
        options = tf.config.optimizer.get_experimental_options()
        return options.get("disable_meta_optimizer", False)

    before = is_off()
    with pytest.raises(ZeroDivisionError), eager.keep_operations():
        assert is_off()
        raise ZeroDivisionError
    assert is_off() == before
