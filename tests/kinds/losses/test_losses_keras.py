"""Fifty steps with the losses that Keras has, against Keras, which runs in a process of its own."""

import json
import subprocess
import sys

import numpy as np
import pytest

from by_hand import recipe
from fairtrial.data.dataset import Dataset
from fairtrial.training import eager

DRAW = np.random.default_rng(5)
X = DRAW.normal(size=(60, 4)).astype(np.float32)
NUMBERS = (X @ [1.0, -2.0, 0.5, 0.0] + DRAW.standard_t(2, 60)).astype(np.float32)
LABELS = (X[:, :3] + DRAW.gumbel(size=(60, 3))).argmax(1).astype(np.int32)
WEIGHTS = [0.5, 1.0, 3.0]
# Our loss; Keras' class; its settings; weights of classes.
CASES = [
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
import keras

X, numbers, labels, cases = json.load(sys.stdin)
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
json.dump(ends, sys.stdout)
"""


@pytest.fixture(scope="module")
def keras_ends():
    cases = [case[1:] for case in CASES]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        input=json.dumps([X.tolist(), NUMBERS.tolist(), LABELS.tolist(), cases]),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("position", range(len(CASES)), ids=[str(case[0]) for case in CASES])
def test_fifty_steps_end_where_those_of_keras_end(keras_ends, position):
    loss, name, _, weights = CASES[position]
    on_classes = name.startswith("Categorical")
    length = {"epochs": 50, "batch_size": 60} if on_classes else {"steps": 50}
    one = recipe(loss, {"kind": "sgd", "learning_rate": 0.2}, class_weights=weights, **length)
    y = LABELS if on_classes else NUMBERS
    trace = eager.train(one, Dataset(X, y, X, y, n_classes=3 if on_classes else 0), 0)
    W, b = (np.array(values) for values in keras_ends[position])
    np.testing.assert_allclose(trace.W.reshape(W.shape), W, atol=2e-5)
    np.testing.assert_allclose(trace.b.reshape(b.shape), b, atol=2e-5)
