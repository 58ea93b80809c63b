"""Noise injected while training: its distributions, its times, its effect on a run."""

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from by_hand import descend, recipe, softmax
from compiling import plain_graphs
from fairtrial.data.dataset import Dataset
from fairtrial.data.load import load_dataset
from fairtrial.data.split import order_rows
from fairtrial.parameters import Parameters
from fairtrial.study.recipe import InjectedNoise
from fairtrial.study.task import LineTask
from fairtrial.training import eager, stacked
from fairtrial.training.noise import (
    PURPOSES,
    NamedDraws,
    draw_feature_noise,
    make_keys,
    open_feature_noise,
    strikes,
)
from fairtrial.training.programs import DRAWN_PIECE

DRAWS = NamedDraws(make_keys([3], ()))
N = 20_000


@tf.function(jit_compile=True)
def draw_compiled(step):
    rows = DRAWS.normal_rows("noise.data", step, 1000)
    return rows, DRAWS.uniform("noise.learning_rate", step, 0.9, 1.1)


def test_rows_are_standard_normal():
    found = DRAWS.normal_rows("noise.data", 0, N).numpy()
    assert found.shape == (N,)
    assert scipy.stats.kstest(found, "norm").pvalue > 0.01
    assert scipy.stats.kurtosis(found) == pytest.approx(0, abs=0.15)


def test_weights_are_standard_normal():
    found = DRAWS.normal_like("noise.weights.W", 4, (N // 10, 10)).numpy()
    assert found.shape == (N // 10, 10)
    assert scipy.stats.kstest(found.ravel(), "norm").pvalue > 0.01


def test_scales_are_uniform():
    found = [float(DRAWS.uniform("noise.learning_rate", step, 0.9, 1.1)) for step in range(500)]
    assert scipy.stats.kstest(found, scipy.stats.uniform(0.9, 0.2).cdf).pvalue > 0.01


def test_steps_and_purposes_are_independent():
    rows = [DRAWS.normal_rows(p, step, N).numpy() for p in PURPOSES[:2] for step in (0, 500)]
    for first in range(4):
        for second in range(first):
            correlation = np.corrcoef(rows[first], rows[second])[0, 1]
            assert abs(correlation) < 4 / np.sqrt(N)


def test_compiled_draws_are_the_same():
    for step in (0, 7, 500):
        rows = DRAWS.normal_rows("noise.data", step, 1000)
        factor = DRAWS.uniform("noise.learning_rate", step, 0.9, 1.1)
        compiled_rows, compiled_factor = draw_compiled(tf.constant(step))
        np.testing.assert_allclose(compiled_rows, rows, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(compiled_factor, factor, rtol=1e-6)


def test_a_stack_draws_what_its_runs_would():
    stacked = NamedDraws(make_keys([3, 8], (2, 1)))
    rows = stacked.normal_rows("noise.data", 5, 20)
    weights = stacked.normal_like("noise.weights.W", 5, (4,))
    scales = stacked.uniform("noise.learning_rate", 5, tf.fill((2, 3), 0.9), tf.fill((2, 3), 1.1))
    assert (rows.shape, weights.shape, scales.shape) == ((2, 1, 20), (4, 2, 1), (2, 3))
    for place, seed in enumerate((3, 8)):
        alone = NamedDraws(make_keys([seed], ()))
        np.testing.assert_array_equal(rows[place, 0], alone.normal_rows("noise.data", 5, 20))
        np.testing.assert_array_equal(
            weights[:, place, 0], alone.normal_like("noise.weights.W", 5, (4,))
        )  # fmt: skip
        np.testing.assert_allclose(scales[place], alone.uniform("noise.learning_rate", 5, 0.9, 1.1))
    assert not np.allclose(rows[0], rows[1])


def test_strikes_at_multiples_and_never_for_0():
    every = tf.constant([0, 1, 3, 500])
    found = np.array([strikes(every, step).numpy() for step in range(1001)])
    assert [np.flatnonzero(lane).tolist()[:3] for lane in found.T] == [
        [], [0, 1, 2], [0, 3, 6], [0, 500, 1000],
    ]  # fmt: skip
    assert found.sum(0).tolist() == [0, 1001, 334, 3]


# ------------------------------------------------------------- the runs, against plain NumPy


class SameDraws:
    """The draws of the seed's streams, as NumPy."""

    def __init__(self, seed):
        self._draws = NamedDraws(make_keys([seed], ()))

    def rows(self, step, n):
        return self._draws.normal_rows("noise.data", step, n).numpy().astype(float)

    def scale(self, step, low, high):
        return float(self._draws.uniform("noise.data.scale", step, low, high))

    def weights(self, name, step, shape):
        return self._draws.normal_like(f"noise.weights.{name}", step, shape).numpy().astype(float)

    def rate(self, step, low, high):
        return float(self._draws.uniform("noise.learning_rate", step, low, high))


# One row for each kind of injected noise, and all together; never in step with each other.
CASES = {
    "data": {"data": {"every": 7, "low": 0.5, "high": 2.0}},
    "weights": {"weights": {"every": 5, "scale": 0.3}},
    "learning_rate": {"learning_rate": {"every": 3, "low": 0.5, "high": 1.5}},
    "all": {
        "data": {"every": 7},
        "weights": {"every": 5},
        "learning_rate": {"every": 3, "low": 0.5, "high": 1.5},
    },
    "rarer than the run is long": {"weights": {"every": 99, "scale": 0.3}},
}
DATA = load_dataset(LineTask(kind="line", rows=64, test_rows=2), 3)
SGD = {"kind": "sgd", "learning_rate": 0.05, "momentum": 0.5}


@pytest.mark.parametrize("loss", ["mse", "huber"])
@pytest.mark.parametrize("case", CASES)
def test_run_under_noise(case, loss):
    one = recipe(loss, SGD, noise=CASES[case], steps=30)
    found = eager.train(one, DATA, 3, Parameters(np.float32([0.5]), np.float32(0.5)))
    expected = descend(one, DATA.X, DATA.y, [0.5], 0.5, SameDraws(3))
    np.testing.assert_allclose(found.curves["loss"][1], expected.losses, rtol=2e-5)
    np.testing.assert_allclose(found.curves["learning_rate"][1], expected.rates, rtol=2e-6)
    np.testing.assert_allclose(found.W, expected.W, rtol=2e-5)
    np.testing.assert_allclose(found.b, expected.b, rtol=2e-5)


def test_every_kind_has_its_place():
    assert set(InjectedNoise.model_fields) <= set(CASES)


@pytest.mark.parametrize("case", list(InjectedNoise.model_fields))
def test_every_kind_of_noise_matters(case):
    start = Parameters(np.float32([0.5]), np.float32(0.5))
    quiet = eager.train(recipe(steps=10), DATA, 3, start)
    noisy = eager.train(recipe(steps=10, noise=CASES[case]), DATA, 3, start)
    assert abs(float(quiet.W[0]) - float(noisy.W[0])) > 1e-4


# ------------------------------------------------------------- on the features, for classes

RANDOM = np.random.default_rng(2)
PIXELS = RANDOM.integers(0, 17, size=(50, 6)).astype(np.uint8)
LABELS = RANDOM.integers(0, 3, 50).astype(np.int32)
IMAGES = Dataset(PIXELS, LABELS, PIXELS[:20], LABELS[:20], n_classes=3, divisor=16)
RATE = {"kind": "sgd", "learning_rate": 0.5}


def on_features(scale, **others):
    noise = {"data": {"scale": scale}} if scale is not None else {}
    return recipe("cross_entropy", RATE, epochs=2, batch_size=16, noise=noise | others)


def test_feature_noise_is_standard_normal_and_fresh_for_each_batch():
    stream = open_feature_noise(3, 1)
    first, second = (draw_feature_noise(stream, np.empty((200, 100), np.float32)) for _ in range(2))
    assert scipy.stats.kstest(first.ravel(), "norm").pvalue > 0.01
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 4 / np.sqrt(N)
    assert first.mean() == pytest.approx(0.0, abs=4 / np.sqrt(N))
    assert first.var() == pytest.approx(1.0, abs=4 * np.sqrt(2 / N))


@pytest.mark.parametrize(
    ("scale", "piece"), [(0.0, DRAWN_PIECE), (0.1, DRAWN_PIECE), (0.8, DRAWN_PIECE), (0.8, 384)]
)
def test_run_under_feature_noise(scale, piece, monkeypatch):
    """Plain NumPy on `X + scale Z`, batch by batch; the last one of an epoch is short.

    Also where each piece holds one batch, 384 bytes of float32, and is overwritten by the next.
    """
    monkeypatch.setattr("fairtrial.training.rows.DRAWN_PIECE", piece)
    found = eager.train(on_features(scale), IMAGES, 3)
    W, b, step, losses = np.zeros((6, 3)), np.zeros(3), 0, []
    for epoch in (1, 2):
        order, total, stream = order_rows(50, 3, epoch), [], open_feature_noise(3, epoch)
        for first in range(0, 50, 16):
            rows = order[first : first + 16]
            Z = draw_feature_noise(stream, np.empty((len(rows), 6), np.float32)).astype(float)
            X = PIXELS[rows] / 16.0 + scale * Z
            shares = softmax(X @ W + b)
            total.append(-np.log(shares[np.arange(len(rows)), LABELS[rows]]).mean())
            gap = (shares - np.eye(3)[LABELS[rows]]) / len(rows)
            W, b, step = W - 0.5 * X.T @ gap, b - 0.5 * gap.sum(0), step + 1
        losses.append(np.mean(total))
    np.testing.assert_allclose(found.W, W, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found.b, b, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found.curves["loss"][1], losses, rtol=1e-5)
    logits = PIXELS[:20] / 16.0 @ W + b  # evaluation is without noise
    assert found.scores["accuracy"] == pytest.approx(np.mean(logits.argmax(1) == LABELS[:20]))


def test_a_lane_with_feature_noise_is_what_it_is_alone():
    """Whatever other lanes it trains beside; and a lane without noise stays without."""
    scales = (None, 0.1, 0.8)
    (lanes,) = stacked.train(stacked.Stack([on_features(s) for s in scales], [IMAGES], [3]))
    for scale, found in zip(scales, lanes, strict=True):
        with plain_graphs():  # Three more programs.
            (((alone,)),) = stacked.train(stacked.Stack([on_features(scale)], [IMAGES], [3]))
        np.testing.assert_allclose(found.W, alone.W, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(
            found.W, eager.train(on_features(scale), IMAGES, 3).W, rtol=1e-5, atol=1e-6
        )
    assert np.abs(lanes[0].W - lanes[2].W).max() > 1e-3


def test_every_counts_batches_with_classes():
    """Weights are struck at steps 0 and 5 of 8: as two epochs of four batches."""
    noise = {"weights": {"every": 5, "scale": 0.5}}
    quiet = eager.train(recipe("cross_entropy", {"kind": "sgd", "learning_rate": 1e-20}, epochs=2,
                               batch_size=16, noise=noise), IMAGES, 3)  # fmt: skip
    expected = sum(0.5 * DRAWS.normal_like("noise.weights.W", step, (6, 3)).numpy()
                   for step in (0, 5))  # fmt: skip
    np.testing.assert_allclose(quiet.W, expected, rtol=1e-5, atol=1e-6)
