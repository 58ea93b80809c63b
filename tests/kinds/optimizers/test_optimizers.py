"""Every optimizer's update rule against NumPy in float64, alone and side by side."""

import numpy as np
import pytest
import tensorflow as tf

from by_hand import recipe
from fairtrial.kinds.optimizers.common import OPTIMIZERS, rmsprop
from fairtrial.parameters import Parameters
from fairtrial.training.hyperparameters import list_kinds as kinds_of
from fairtrial.training.hyperparameters import make_numbers
from fairtrial.training.updates import apply_updates, init_slots
from reference.optimizers import OPTIMIZERS as EXPECTED
from reference.optimizers import change

# One row for each optimizer, or more: its settings.
CASES = [
    {"kind": "sgd", "learning_rate": 0.1},
    {"kind": "sgd", "learning_rate": 0.03, "momentum": 0.9},
    {"kind": "sgd", "learning_rate": 0.03, "momentum": 0.9, "nesterov": True},
    {"kind": "sgdw", "learning_rate": 0.03, "momentum": 0.5, "decay": 0.1},
    {"kind": "sgdw", "learning_rate": 0.03, "momentum": 0.5, "decay": 0.1, "nesterov": True},
    {"kind": "adam", "learning_rate": 0.05, "beta2": 0.7, "amsgrad": True},
    {"kind": "adamw", "learning_rate": 0.05, "decay": 0.3},
    {"kind": "adamw", "learning_rate": 0.05, "decay": 0.3, "beta2": 0.7, "amsgrad": True},
    {"kind": "nadam", "learning_rate": 0.02},
    {"kind": "newton", "learning_rate": 0.5},
    {"kind": "nadam", "learning_rate": 0.2, "beta1": 0.5, "beta2": 0.9, "epsilon": 1e-3},
    {"kind": "rmsprop", "learning_rate": 0.02, "momentum": 0.9},
    {"kind": "rmsprop", "learning_rate": 0.02, "centred": True, "epsilon": 1e-2},
    {"kind": "rmsprop", "learning_rate": 0.02, "centred": True, "momentum": 0.5, "epsilon": 1e-2},
    {"kind": "adam", "learning_rate": 0.05},
    {"kind": "adam", "learning_rate": 0.2, "beta1": 0.5, "beta2": 0.9, "epsilon": 1e-3},
    {"kind": "rmsprop", "learning_rate": 0.05},
    {"kind": "rmsprop", "learning_rate": 0.02, "rho": 0.5, "epsilon": 1e-2},
    {"kind": "adagrad", "learning_rate": 0.1},
    {"kind": "adadelta", "learning_rate": 1.0, "epsilon": 1e-3},
    {"kind": "adamax", "learning_rate": 0.02},
    {"kind": "lion", "learning_rate": 0.01},
]
STEPS = 50
GRADIENTS = np.random.default_rng(7).normal(size=(STEPS, 3)) * np.array([1.0, 1e-3, 30.0])


def walk(cases, shape):
    """Where lanes get to from 1 by the same gradients; (STEPS, 3, *shape), and the same for b."""
    recipes = [recipe(optimizer=case) for case in cases]
    kinds, numbers = kinds_of(recipes).optimizers, make_numbers(recipes, shape)
    at = Parameters(tf.ones((3, *shape)), tf.ones(shape))
    slots, rate, places = init_slots(kinds, at), numbers["optimizer.learning_rate"], []
    for step, gradient in enumerate(GRADIENTS):
        lanes = np.broadcast_to(np.reshape(gradient, (3, *[1] * len(shape))), (3, *shape))
        gradients = Parameters(*(tf.constant(g, tf.float32) for g in (lanes, lanes[0])))
        at, slots = apply_updates(kinds, at, gradients, slots, rate, numbers, step + 1.0)
        places.append([value.numpy() for value in at])
    return [np.stack(values) for values in zip(*places, strict=True)]


def expected_walk(case):
    rule = recipe(optimizer=case).optimizer
    optimizer, at, places = EXPECTED[rule.kind](rule), np.ones(3), []
    for gradient in GRADIENTS:
        at = at + change(optimizer, gradient, rule.learning_rate, at)
        places.append(at)
    return np.stack(places)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_alone(case):
    W, b = walk([case], ())
    np.testing.assert_allclose(W, expected_walk(case), rtol=2e-5, atol=2e-5)
    np.testing.assert_allclose(b, expected_walk(case)[:, 0], rtol=2e-5, atol=2e-5)


def test_side_by_side():
    """Lanes of every kind in one program, and each goes its own way."""
    W, b = walk(CASES, (1, len(CASES)))
    for lane, case in enumerate(CASES):
        np.testing.assert_allclose(W[..., 0, lane], expected_walk(case), rtol=2e-5, atol=2e-5)
        np.testing.assert_allclose(b[:, 0, lane], expected_walk(case)[:, 0], rtol=2e-5, atol=2e-5)


def test_slots_are_only_those_in_use():
    at = Parameters(tf.ones((3, 2)), tf.ones(2))
    slots = init_slots((rmsprop().variant,), at)
    assert list(slots) == ["second"]
    assert slots["second"].W.shape == (3, 2)
    assert not np.any(slots["second"].b)


@pytest.mark.parametrize(
    ("case", "names"),
    [
        ({"kind": "rmsprop"}, ["second"]),
        ({"kind": "rmsprop", "momentum": 0.9}, ["first", "second"]),
        ({"kind": "rmsprop", "centred": True}, ["mean", "second"]),
        ({"kind": "adam"}, ["first", "second"]),
        ({"kind": "adamw", "amsgrad": True}, ["first", "largest", "second"]),
    ],
    ids=str,
)
def test_settings_that_are_off_need_no_slot(case, names):
    rule = recipe(optimizer=case).optimizer
    at = Parameters(tf.ones((3, 2)), tf.ones(2))
    assert list(init_slots((rule.variant,), at)) == names == sorted(rule.slots)


def test_momentum_of_0_is_no_number_of_the_program():
    names = make_numbers([recipe(optimizer="rmsprop")], ())
    assert not [name for name in names if name.endswith("momentum")]


def test_nesterov_without_momentum_is_refused():
    with pytest.raises(ValueError, match="needs a momentum above 0"):
        recipe(optimizer={"kind": "sgd", "nesterov": True})


def test_every_kind_has_its_place():
    known = {kind.name for kind in OPTIMIZERS}
    assert {case["kind"] for case in CASES} == known == set(EXPECTED)


def test_centred_rmsprop_survives_constant_gradients():
    """Their spread is 0, which rounding makes a little less."""
    gradient = tf.constant(np.linspace(1.0, 1e4, 101, dtype=np.float32))
    slots = {name: tf.zeros_like(gradient) for name in ("second", "mean")}
    for count in range(400):
        change, slots = rmsprop(gradient, gradient, slots, 0.001, count, centred=True)
        assert np.isfinite(change).all()
