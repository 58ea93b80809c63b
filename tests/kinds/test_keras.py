"""Optimizers, losses and means that Keras has too, against Keras in a process of its own."""

import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from by_hand import recipe
from fairtrial.data.dataset import Dataset
from fairtrial.parameters import Parameters
from fairtrial.training import eager, stacked
from fairtrial.training.hyperparameters import list_kinds, make_numbers
from fairtrial.training.updates import apply_updates, init_slots
from ways_to_end import LINE

# Our settings; Keras' class; the names that Keras has for the settings.
OPTIMIZERS = [
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
GRADIENTS = np.random.default_rng(3).normal(size=(30, 3)).astype(np.float32)

DRAW = np.random.default_rng(5)
X = DRAW.normal(size=(60, 4)).astype(np.float32)
NUMBERS = (X @ [1.0, -2.0, 0.5, 0.0] + DRAW.standard_t(2, 60)).astype(np.float32)
LABELS = (X[:, :3] + DRAW.gumbel(size=(60, 3))).argmax(1).astype(np.int32)
WEIGHTS = [0.5, 1.0, 3.0]
# Our loss; Keras' class; its settings; weights of classes.
LOSSES = [
    ("mse", "MeanSquaredError", {}, None),
    ("mae", "MeanAbsoluteError", {}, None),
    ({"kind": "huber", "delta": 0.7}, "Huber", {"delta": 0.7}, None),
    ("log_cosh", "LogCosh", {}, None),
    ("cross_entropy", "CategoricalCrossentropy", {"from_logits": True}, None),
    ("cross_entropy", "CategoricalCrossentropy", {"from_logits": True}, WEIGHTS),
    (
        {"kind": "cross_entropy", "label_smoothing": 0.2},
        "CategoricalCrossentropy",
        {"from_logits": True, "label_smoothing": 0.2},
        None,
    ),
    (
        {"kind": "focal", "gamma": 1.5},
        "CategoricalFocalCrossentropy",
        {"from_logits": True, "gamma": 1.5, "alpha": 1.0},
        None,
    ),
]

SCRIPT = """
import json, sys
import numpy as np
import tensorflow as tf
import keras

def walk(gradients, cases):
    walks = []
    for name, settings in cases:
        optimizer = getattr(keras.optimizers, name)(**settings)
        at, walk = tf.Variable([1.0, -2.0, 0.5]), []
        for gradient in gradients:
            optimizer.apply([tf.constant(gradient)], [at])
            walk.append(at.numpy().tolist())
        walks.append(walk)
    return walks

def train(X, numbers, labels, cases):
    X, ends = np.array(X, np.float32), []
    for name, settings, weights in cases:
        on_classes = name.startswith("Categorical")
        y = np.eye(3)[labels] if on_classes else np.array(numbers)[:, None]
        dense = keras.layers.Dense(3 if on_classes else 1, kernel_initializer="zeros")
        model = keras.Sequential([keras.Input((4,)), dense])
        model.compile(keras.optimizers.SGD(0.2), getattr(keras.losses, name)(**settings))
        given = {} if weights is None else {"class_weight": dict(enumerate(weights))}
        for _ in range(50):
            model.train_on_batch(X, y.astype(np.float32), **given)
        ends.append([one.tolist() for one in dense.get_weights()])
    return ends

def average(X, y):
    X, y = tf.constant(X), tf.constant(y)
    optimizer = keras.optimizers.SGD(0.2, momentum=0.5, use_ema=True, ema_momentum=0.9)
    W, b = tf.Variable(0.0), tf.Variable(0.0)
    for _ in range(50):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((y - W * X - b) ** 2)
        optimizer.apply(tape.gradient(loss, [W, b]), [W, b])
    averages = optimizer._model_variables_moving_average
    return [float(one.numpy()) for one in (*averages, W, b)]

given = json.load(sys.stdin)
found = {one.__name__: one(*given[one.__name__]) for one in (walk, train, average)}
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def keras():
    """What Keras makes of all cases, in one process that imports it."""
    given = {
        "walk": [GRADIENTS.tolist(), list_optimizers()],
        "train": [*(one.tolist() for one in (X, NUMBERS, LABELS)), [case[1:] for case in LOSSES]],
        "average": [LINE[0].X[:, 0].tolist(), LINE[0].y.tolist()],
    }
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], input=json.dumps(given), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def list_optimizers():
    """List Keras' classes of the optimizers, with all settings under the names that it has."""
    cases = []
    for case, name, names in OPTIMIZERS:
        given = recipe(optimizer=case).optimizer.model_dump(exclude={"kind"})
        # American spellings, as Keras has them.
        names = {"centred": "centered"} | names
        cases.append((name, {names.get(key, key): value for key, value in given.items()}))
    return cases


@pytest.mark.parametrize(
    "number", range(len(OPTIMIZERS)), ids=[str(case[0]) for case in OPTIMIZERS]
)
def test_optimizers_walk_as_those_of_keras(keras, number):
    recipes = [recipe(optimizer=OPTIMIZERS[number][0])]
    kinds, numbers = list_kinds(recipes).optimizers, make_numbers(recipes, ())
    at = Parameters(tf.constant([1.0, -2.0, 0.5]), tf.constant(0.0))
    slots, rate, walk = init_slots(kinds, at), numbers["optimizer.learning_rate"], []
    for step, gradient in enumerate(GRADIENTS):
        gradients = Parameters(tf.constant(gradient), tf.constant(0.0))
        at, slots = apply_updates(kinds, at, gradients, slots, rate, numbers, step + 1.0)
        walk.append(at.W.numpy())
    np.testing.assert_allclose(walk, keras["walk"][number], rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("position", range(len(LOSSES)), ids=[str(case[0]) for case in LOSSES])
def test_fifty_steps_end_where_those_of_keras_end(keras, position):
    loss, name, _, weights = LOSSES[position]
    on_classes = name.startswith("Categorical")
    length = {"epochs": 50, "batch_size": 60} if on_classes else {"steps": 50}
    one = recipe(loss, {"kind": "sgd", "learning_rate": 0.2}, class_weights=weights, **length)
    y = LABELS if on_classes else NUMBERS
    # The faster driver where rows are evaluated.
    train = eager.train_in_graphs if on_classes else eager.train
    trace = train(one, Dataset(X, y, X, y, n_classes=3 if on_classes else 0), 0)
    W, b = (np.array(values) for values in keras["train"][position])
    np.testing.assert_allclose(trace.W.reshape(W.shape), W, atol=2e-5)
    np.testing.assert_allclose(trace.b.reshape(b.shape), b, atol=2e-5)


def test_exponential_average_is_that_of_keras(keras):
    sgd = {"kind": "sgd", "learning_rate": 0.2, "momentum": 0.5}
    averages = ({"kind": "ema", "decay": 0.9}, "none")
    lanes = [recipe("mse", sgd, steps=50, average=one) for one in averages]
    ((mean, last),) = stacked.train(stacked.Stack(lanes, LINE[:1], [5]))
    found = [mean.W[0], mean.b, last.W[0], last.b]
    np.testing.assert_allclose(found, keras["average"], rtol=1e-5)
