"""The mean of the last iterates, against NumPy float64 and the closed form of a noisy quadratic."""

import numpy as np
import pytest
import scipy.linalg

from by_hand import descend, descend_softmax, recipe
from fairtrial.data.dataset import Dataset
from fairtrial.data.split import order_rows, split_rows
from fairtrial.kinds.optimizers.averages import last_epoch
from fairtrial.parameters import Parameters, draw_init
from fairtrial.training import eager, stacked
from fairtrial.training.trace import RecentPath, count_averaged
from ways_to_end import HEAVY, LINE, assert_identical, make_epochs, make_pixels, make_steps


def assert_near(found, expected, tolerance=1e-4):
    np.testing.assert_allclose(found.W, expected[0], rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(found.b, expected[1], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(
    ("steps", "others", "n_last"),
    [
        (7, {}, 7),
        (50, {"optimizer": {"kind": "adam", "learning_rate": 0.1}}, 20),
        (215, {"optimizer": {"kind": "rmsprop", "learning_rate": 0.01}}, 22),
        (999, {"optimizer": HEAVY, "stopping": {"patience": 4}}, 20),
        (999, {"optimizer": HEAVY, "schedule": {"kind": "halve_on_plateau", "patience": 3}}, 20),
    ],
    ids=str,
)
@pytest.mark.parametrize("driver", [eager.train, eager.train_in_graphs])
def test_full_batch_average_is_the_mean_of_the_last_tenth(driver, steps, others, n_last):
    one = recipe("mse", steps=steps, **others)
    data = LINE[0]
    found, by_hand = driver(one, data, 5), descend(one, data.X, data.y, [0.0], 0.0)
    assert (found.outcome, found.ended_at) == (by_hand.outcome, by_hand.ended_at)
    assert_near(found.average, by_hand.average(n_last))
    assert np.abs(found.average.W - found.W).max() > 1e-4, "the mean is not the end"


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "rmsprop"])
def test_average_over_the_last_epoch_takes_each_batch_once(optimizer):
    """48 rows in batches of 10: the last batch, of 8 rows, counts like the others."""
    data = make_pixels()
    one = recipe(
        "cross_entropy", {"kind": optimizer, "learning_rate": 0.05}, epochs=3, batch_size=10,
        validation=0.2,
    )  # fmt: skip
    rows, _ = split_rows(len(data.y), 0.2, 7)
    orders = [order_rows(len(rows), 7, epoch) for epoch in (1, 2, 3)]
    X, y = data.X[rows] / 16.0, data.y[rows]
    by_hand = descend_softmax(one, X, y, *draw_init(one.init, 12, 3, 7), orders)
    assert len(by_hand.path) == 15
    (((stack,)),) = stacked.train(stacked.Stack([one], [data], [7], averages=True))
    for found in (eager.train(one, data, 7), stack):
        assert_near(found, (by_hand.W, by_hand.b))
        assert_near(found.average, by_hand.average(5))


@pytest.mark.parametrize("make, sets, seeds, lengths", [
    (make_steps, LINE[:1], (3,), (4, 60)), (make_epochs, [make_pixels()], (7,), (2, 6)),
])  # fmt: skip
def test_stacks_average_as_the_eager_driver_whatever_ends_a_run(make, sets, seeds, lengths):
    recipes = [one for length in lengths for one in make(length)]
    rows = stacked.train(stacked.Stack(recipes, sets, seeds, averages=True))
    n_compared = 0
    for data, seed, row in zip(sets, seeds, rows, strict=True):
        for one, found in zip(recipes, row, strict=True):
            expected = eager.train(one, data, seed)
            assert (found.outcome, found.ended_at) == (expected.outcome, expected.ended_at)
            if found.outcome == "diverged" or one.restores_best:
                assert found.average is None and expected.average is None
                continue
            n_compared += 1
            assert_near(found.average, (expected.average.W, expected.average.b), 1e-3)
            assert found.average.scores == pytest.approx(expected.average.scores, abs=1e-3)
    assert n_compared > len(recipes) / 2


@pytest.mark.parametrize("make, sets, length", [
    (make_steps, LINE[:1], 60), (make_epochs, [make_pixels()], 4),
])  # fmt: skip
def test_a_run_that_ends_with_its_mean_shares_the_lane_of_the_plain_one(make, sets, length):
    plain = [one for one in make(length) if not one.restores_best]
    averaged = [one.model_copy(update={"average": last_epoch()}) for one in plain]
    told = []
    (row,) = stacked.train(
        stacked.Stack(plain + averaged, sets, [7]), lambda lanes, at: told.append(lanes)
    )
    assert max(told) == len(plain) < len(plain + averaged)
    (alone,) = stacked.train(stacked.Stack(plain, sets, [7], averages=True))
    for found, ended, kept in zip(row, row[len(plain) :], alone, strict=False):
        assert_identical(found, kept)
        if found.outcome == "diverged":
            assert_identical(ended, found)
            assert ended.average is None
            continue
        np.testing.assert_array_equal(ended.W, kept.average.W)
        np.testing.assert_array_equal(ended.b, kept.average.b)
        assert ended.scores == kept.average.scores
        assert not np.array_equal(ended.W, found.W)
        assert ended.curves.keys() == found.curves.keys()


def test_nothing_is_averaged_where_nobody_needs_it():
    (((trace,)),) = stacked.train(stacked.Stack([recipe("mse", steps=9)], LINE[:1], [3]))
    assert trace.average is None


def test_averages_of_a_noisy_quadratic_are_as_near_as_the_closed_form_says():
    """With orthogonal X of ±1 and y = 0 each parameter is an autoregressive process.

    Its coefficient is a = 1 - 2 rate. Noise N(0, s) on the weights at each step gives one iterate
    the variance s² / (1 - a²), and the mean of n of them that over n², times n + 2 Σ (n - k) aᵏ.
    """
    rate, s, steps, n = 0.05, 0.1, 1000, 100
    X = scipy.linalg.hadamard(256)[:, 1:].astype(np.float32)
    data = Dataset(X, np.zeros(256, np.float32), X[:2], np.zeros(2, np.float32))
    one = recipe(
        "mse", {"kind": "sgd", "learning_rate": rate}, steps=steps,
        noise={"weights": {"every": 1, "scale": s}},
    )  # fmt: skip
    ((run,),) = stacked.train(stacked.Stack([one], [data], [3], averages=True))
    a, k = 1.0 - 2.0 * rate, np.arange(1, n)
    variance = s**2 / (1.0 - a**2)
    of_mean = variance / n**2 * (n + 2.0 * np.sum((n - k) * a**k))
    assert np.mean(run.W**2) == pytest.approx(variance, rel=0.25)  # 255 draws: ±9 %
    assert np.mean(run.average.W**2) == pytest.approx(of_mean, rel=0.25)
    assert of_mean < variance / 4


def test_the_path_keeps_what_a_mean_may_need_and_no_more():
    recent, random = RecentPath(), np.random.default_rng(0)
    W, b = random.normal(size=(901, 2, 3)), random.normal(size=(901, 3))
    ends, first = np.array([129, -1, 611]), 0
    for size in (1, 24, 400, 7, 300, 168):
        to = first + size
        ended_at = np.where((ends >= 0) & (ends < to), ends, -1)
        path = []
        for step in range(first, to):
            # A lane stays where it was when it ended.
            at = np.where((ends >= 0) & (ends < step), ends + 1, step + 1)
            lanes = [W[at[lane], :, lane] for lane in range(3)]
            path.append(Parameters(np.stack(lanes, -1), b[at, np.arange(3)]))
        recent.add(path, ended_at)
        first = to
    for lane, n_steps in enumerate((130, 900, 612)):
        n_last = count_averaged(n_steps)
        assert n_last == max(20, -(-n_steps // 10))
        mean = recent.average((lane,))
        np.testing.assert_allclose(
            mean.W, W[n_steps - n_last + 1 : n_steps + 1, :, lane].mean(0), 1e-6
        )
        np.testing.assert_allclose(mean.b, b[n_steps - n_last + 1 : n_steps + 1, lane].mean(), 1e-6)
    assert len(recent._path) == 90
