"""Cross-entropy and accuracy against scikit-learn, over more rows than a block holds."""

import numpy as np
import pytest
import sklearn.metrics
import tensorflow as tf

from by_hand import softmax
from fairtrial.parameters import Parameters
from fairtrial.training.evaluation import evaluate
from fairtrial.training.programs import BLOCK

RANDOM = np.random.default_rng(6)
X = RANDOM.integers(0, 256, size=(2 * BLOCK + 101, 5)).astype(np.uint8)
LABELS = RANDOM.integers(0, 3, len(X)).astype(np.int32)
W = RANDOM.normal(size=(5, 3, 2)).astype(np.float32)
B = RANDOM.normal(size=(3, 2)).astype(np.float32)


def expected(n_rows, lane):
    shares = softmax(X[:n_rows] / 255 @ W[..., lane].astype(float) + B[:, lane])
    labels = LABELS[:n_rows]
    return (
        sklearn.metrics.log_loss(labels, shares, labels=[0, 1, 2]),
        sklearn.metrics.accuracy_score(labels, shares.argmax(1)),
    )


@pytest.mark.parametrize("n_rows", [7, BLOCK, 2 * BLOCK + 101])
def test_one_run(n_rows):
    at = Parameters(tf.constant(W[..., 0]), tf.constant(B[:, 0]))
    found = evaluate(at, X[:n_rows], LABELS[:n_rows], 255)
    assert list(found) == ["cross_entropy", "accuracy"]
    np.testing.assert_allclose(list(found.values()), expected(n_rows, 0), rtol=2e-5)


def test_lanes():
    found = evaluate(Parameters(tf.constant(W), tf.constant(B)), X, LABELS, 255)
    for lane in range(2):
        np.testing.assert_allclose(
            [score[lane] for score in found.values()], expected(len(X), lane), rtol=2e-5
        )
