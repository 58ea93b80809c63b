"""Runs that end in every way, and what two runs that are alike have in common."""

import numpy as np

from by_hand import recipe
from fairtrial.data.dataset import Dataset
from fairtrial.data.load import load_dataset
from fairtrial.study.task import LineTask

LINE = [load_dataset(LineTask(kind="line", rows=64, test_rows=2), seed) for seed in (3, 8)]
HEAVY = {"kind": "sgd", "learning_rate": 0.2, "momentum": 0.98}
HALVED = {"kind": "halve_on_plateau", "patience": 3, "floor": 0.02}
NOISE = {"data": {"every": 7}, "weights": {"every": 5}, "learning_rate": {"every": 4}}
# Every way to end, noise of every kind, and kinds with memories of their own.
STEPS = {
    "completes": {"optimizer": "adam"},
    "restores": {"optimizer": HEAVY, "stopping": {"patience": 99, "restore_best": True}},
    "stops": {"optimizer": HEAVY, "stopping": {"patience": 4, "restore_best": True}},
    "halves": {"optimizer": HEAVY, "schedule": HALVED},
    "diverges": {"optimizer": {"kind": "sgd", "learning_rate": 5.0}, "penalty": {"l2": 10.0}},
    "shakes": {"optimizer": "rmsprop", "noise": NOISE},
}
STOPPING = {"patience": 3, "monitor": "validation_accuracy", "restore_best": True}
EPOCHS = {
    "completes": {"optimizer": "rmsprop"},
    "restores": {"optimizer": "adam", "stopping": STOPPING | {"patience": 99}},
    "stops": {"optimizer": {"kind": "adam", "learning_rate": 0.1}, "stopping": STOPPING},
    "halves": {"optimizer": HEAVY, "schedule": HALVED | {"patience": 1, "floor": 0.15}},
    "shakes": {"optimizer": "sgd", "noise": {"weights": {"every": 5, "scale": 0.2}}},
}


def make_pixels():
    stream = np.random.default_rng(11)
    X = stream.integers(0, 17, (60, 12)).astype(np.uint8)
    y = stream.integers(0, 3, 60).astype(np.int32)
    return Dataset(X, y, X[:20], y[:20], n_classes=3, divisor=16)


def make_steps(length):
    return [recipe("huber", steps=length, **one) for one in STEPS.values()]


def make_epochs(length):
    settings = {"batch_size": 8, "validation": 0.5}
    return [recipe("cross_entropy", epochs=length, **settings, **one) for one in EPOCHS.values()]


def assert_identical(found, expected):
    assert (found.outcome, found.ended_at) == (expected.outcome, expected.ended_at)
    assert found.scores == expected.scores
    pairs = [(found.W, expected.W), (found.b, expected.b)]
    for kept in ("curves", "predictions"):
        ours, theirs = getattr(found, kept), getattr(expected, kept)
        assert ours.keys() == theirs.keys()
        pairs += [pair for name in theirs for pair in zip(ours[name], theirs[name], strict=True)]
    for one, other in pairs:
        np.testing.assert_array_equal(one, other)
