"""Recipes as tensors of numbers."""

import numpy as np
import tensorflow as tf

from by_hand import recipe
from fairtrial.training.hyperparameters import list_kinds, make_numbers

RECIPES = [
    recipe("mse", {"kind": "adam", "learning_rate": 0.1}, stopping={"patience": 5}),
    recipe({"kind": "hybrid", "alpha": 0.25}, "sgd", noise={"weights": {"scale": 0.3}}),
    recipe({"kind": "huber", "delta": 2.0}, "rmsprop", schedule="halve_on_plateau"),
]


def test_kinds():
    kinds = list_kinds(RECIPES)
    assert [one.kind.name for one in kinds.optimizers] == ["sgd", "adam", "rmsprop"]
    assert [one.kind.name for one in kinds.stalls] == ["halve_on_plateau"]
    assert kinds.schedules == ()
    assert [term.key for term in kinds.losses] == ["loss.mse", "loss.mae", "loss.huber"]
    assert [one.key for one in kinds.injections] == ["weight_noise.normal"]
    assert kinds.penalties == set()
    assert not (kinds.restores_best or kinds.averages)
    assert list_kinds(RECIPES[:1]).optimizers == (RECIPES[0].optimizer.variant,)
    assert list_kinds([recipe(average="last_epoch")]).averages
    others = [
        recipe(penalty={"l1": 0.1, "l2": 0.0}),
        recipe(stopping={"patience": 3, "restore_best": True}),
    ]
    assert list_kinds(others).penalties == {"l1"}
    assert list_kinds(others).restores_best


def test_numbers_by_lane():
    numbers = make_numbers(RECIPES, (3,))
    expected = {
        "optimizer.learning_rate": [0.1, 0.01, 0.001],
        "optimizer.adam,amsgrad=False.beta1": [0.9, 0.9, 0.9],
        "optimizer.rmsprop,centred=False,momentum=0.0.rho": [0.9, 0.9, 0.9],
        "loss.huber.delta": [2.0, 2.0, 2.0],  # another lane's where it is not used
        "weight.loss.mse": [1, 0.25, 0],
        "weight.loss.mae": [0, 0.75, 0],
        "weight.loss.huber": [0, 0, 1],
        "use.schedule.halve_on_plateau": [0, 0, 1],
        "schedule.halve_on_plateau.patience": [100, 100, 100],
        "schedule.halve_on_plateau.floor": [1e-6, 1e-6, 1e-6],
        "stopping.patience": [5, 0, 0],
        "stopping.monitor": [0, 0, 0],
        "stopping.restore_best": [0, 0, 0],
        "use.weight_noise.normal": [0, 1, 0],
        "weight_noise.normal.every": [500, 500, 500],
        "weight_noise.normal.scale": [0.3, 0.3, 0.3],
        "steps": [20, 20, 20],
        "optimizer": [1, 0, 2],
    }
    for name, values in expected.items():
        np.testing.assert_array_equal(numbers[name], np.float32(values), name)


def test_counts_are_whole_and_the_rest_is_float32():
    numbers = make_numbers(RECIPES, (3,))
    whole = {name for name, number in numbers.items() if number.dtype == tf.int32}
    assert whole == {
        "steps", "optimizer", "schedule.halve_on_plateau.patience", "stopping.patience",
        "use.schedule.halve_on_plateau", "use.weight_noise.normal", "weight_noise.normal.every",
        "stopping.monitor", "stopping.restore_best",
    }  # fmt: skip
    assert {number.dtype for name, number in numbers.items() if name not in whole} == {tf.float32}


def test_types_do_not_depend_on_what_is_in_use():
    numbers = make_numbers([recipe("mae", {"kind": "sgd", "learning_rate": 1})], ())
    assert numbers["optimizer.learning_rate"].dtype == tf.float32
    assert numbers["stopping.patience"].dtype == tf.int32
    assert numbers["optimizer.learning_rate"].shape == ()
