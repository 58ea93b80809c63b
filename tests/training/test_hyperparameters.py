"""Recipes as tensors of numbers."""

import numpy as np
import tensorflow as tf

from by_hand import recipe
from fairtrial.training.hyperparameters import Kinds, list_kinds, make_numbers

RECIPES = [
    recipe("mse", {"kind": "adam", "learning_rate": 0.1}, stopping={"patience": 5}),
    recipe({"kind": "hybrid", "alpha": 0.25}, "sgd", noise={"weights": {"scale": 0.3}}),
    recipe({"kind": "huber", "delta": 2.0}, "rmsprop", schedule="halve_on_plateau"),
]


def test_kinds():
    assert list_kinds(RECIPES) == Kinds(
        ("sgd", "adam", "rmsprop"), frozenset({"weights"}), frozenset(), False
    )
    assert list_kinds(RECIPES[:1]) == Kinds(("adam",), frozenset(), frozenset(), False)
    assert list_kinds([recipe(average="last_epoch")]).averages
    others = [
        recipe(penalty={"l1": 0.1, "l2": 0.0}),
        recipe(stopping={"patience": 3, "restore_best": True}),
    ]
    assert list_kinds(others) == Kinds(("sgd",), frozenset(), frozenset({"l1"}), True)


def test_numbers_by_lane():
    numbers = make_numbers(RECIPES, (3,))
    expected = {
        "optimizer.learning_rate": [0.1, 0.01, 0.001],
        "optimizer.beta1": [0.9, 0, 0],
        "optimizer.rho": [0, 0, 0.9],
        "loss.delta": [0, 0, 2.0],
        "term.squared": [1, 0.25, 0],
        "term.absolute": [0, 0.75, 0],
        "term.huber": [0, 0, 1],
        "schedule.patience": [0, 0, 100],
        "schedule.floor": [0, 0, 1e-6],
        "stopping.patience": [5, 0, 0],
        "stopping.monitor": [0, 0, 0],
        "stopping.restore_best": [0, 0, 0],
        "noise.weights.every": [0, 500, 0],
        "noise.weights.scale": [0, 0.3, 0],
        "steps": [20, 20, 20],
        "optimizer": [1, 0, 2],
    }
    for name, values in expected.items():
        np.testing.assert_array_equal(numbers[name], np.float32(values), name)


def test_counts_are_whole_and_the_rest_is_float32():
    numbers = make_numbers(RECIPES, (3,))
    whole = {name for name, number in numbers.items() if number.dtype == tf.int32}
    assert whole == {
        "steps", "optimizer", "schedule.patience", "stopping.patience", "noise.weights.every",
        "stopping.monitor", "stopping.restore_best",
    }  # fmt: skip
    assert {number.dtype for name, number in numbers.items() if name not in whole} == {tf.float32}


def test_types_do_not_depend_on_what_is_in_use():
    numbers = make_numbers([recipe("mae", {"kind": "sgd", "learning_rate": 1})], ())
    assert numbers["optimizer.learning_rate"].dtype == tf.float32
    assert numbers["schedule.floor"].dtype == tf.float32
    assert numbers["stopping.patience"].dtype == tf.int32
    assert numbers["optimizer.learning_rate"].shape == ()
