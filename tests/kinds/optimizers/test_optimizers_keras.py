"""Update rules against Keras' optimizers, which run in a process of their own."""

import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from by_hand import recipe
from fairtrial.parameters import Parameters
from fairtrial.training.hyperparameters import list_kinds, make_numbers
from fairtrial.training.updates import apply_updates, init_slots

# Our settings; Keras' class; the names that Keras has for the settings.
CASES = [
    ({"kind": "sgd", "learning_rate": 0.01}, "SGD", {}),
    ({"kind": "sgd", "learning_rate": 0.01, "momentum": 0.9}, "SGD", {}),
    ({"kind": "sgd", "learning_rate": 0.01, "momentum": 0.9, "nesterov": True}, "SGD", {}),
    (
        {"kind": "sgdw", "learning_rate": 0.01, "momentum": 0.9, "decay": 0.1},
        "SGD",
        {"decay": "weight_decay"},
    ),
    (
        {"kind": "adamw", "learning_rate": 0.01, "decay": 0.1},
        "AdamW",
        {"beta1": "beta_1", "beta2": "beta_2", "decay": "weight_decay"},
    ),
    (
        {"kind": "adam", "learning_rate": 0.01, "beta2": 0.8, "amsgrad": True},
        "Adam",
        {"beta1": "beta_1", "beta2": "beta_2"},
    ),
    ({"kind": "nadam", "learning_rate": 0.01}, "Nadam", {"beta1": "beta_1", "beta2": "beta_2"}),
    (
        {"kind": "rmsprop", "learning_rate": 0.01, "momentum": 0.9, "centred": True},
        "RMSprop",
        {"centred": "centered"},
    ),
    ({"kind": "adam", "learning_rate": 0.01}, "Adam", {"beta1": "beta_1", "beta2": "beta_2"}),
    (
        {"kind": "adam", "learning_rate": 0.1, "beta1": 0.5, "beta2": 0.9, "epsilon": 1e-2},
        "Adam",
        {"beta1": "beta_1", "beta2": "beta_2"},
    ),
    ({"kind": "rmsprop", "learning_rate": 0.01}, "RMSprop", {}),
    ({"kind": "rmsprop", "learning_rate": 0.1, "rho": 0.5, "epsilon": 1e-2}, "RMSprop", {}),
    (
        {"kind": "adagrad", "learning_rate": 0.1},
        "Adagrad",
        {"initial": "initial_accumulator_value"},
    ),
    ({"kind": "adadelta", "learning_rate": 1.0}, "Adadelta", {}),
    ({"kind": "adamax", "learning_rate": 0.01}, "Adamax", {"beta1": "beta_1", "beta2": "beta_2"}),
    ({"kind": "lion", "learning_rate": 0.01}, "Lion", {"beta1": "beta_1", "beta2": "beta_2"}),
]
SCRIPT = """
import json, sys
import numpy as np
import tensorflow as tf
import keras

gradients, cases = json.load(sys.stdin)
walks = []
for name, settings in cases:
    optimizer = getattr(keras.optimizers, name)(**settings)
    at, walk = tf.Variable([1.0, -2.0, 0.5]), []
    for gradient in gradients:
        optimizer.apply([tf.constant(gradient)], [at])
        walk.append(at.numpy().tolist())
    walks.append(walk)
json.dump(walks, sys.stdout)
"""
GRADIENTS = np.random.default_rng(3).normal(size=(50, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def keras_walks():
    cases = []
    for case, name, names in CASES:
        given = recipe(optimizer=case).optimizer.model_dump(exclude={"kind"})
        # American spellings, as Keras has them.
        names = {"centred": "centered"} | names
        cases.append((name, {names.get(key, key): value for key, value in given.items()}))
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        input=json.dumps([GRADIENTS.tolist(), cases]),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


@pytest.mark.parametrize("number", range(len(CASES)), ids=[str(case[0]) for case in CASES])
def test_agrees_with_keras(keras_walks, number):
    recipes = [recipe(optimizer=CASES[number][0])]
    kinds, numbers = list_kinds(recipes).optimizers, make_numbers(recipes, ())
    at = Parameters(tf.constant([1.0, -2.0, 0.5]), tf.constant(0.0))
    slots, rate, walk = init_slots(kinds, at), numbers["optimizer.learning_rate"], []
    for step, gradient in enumerate(GRADIENTS):
        gradients = Parameters(tf.constant(gradient), tf.constant(0.0))
        at, slots = apply_updates(kinds, at, gradients, slots, rate, numbers, step + 1.0)
        walk.append(at.W.numpy())
    np.testing.assert_allclose(walk, keras_walks[number], rtol=2e-6, atol=2e-6)
