"""The mean of the last iterates, against NumPy float64 and the closed form of a noisy quadratic."""

import numpy as np
import pytest
import scipy.linalg

from by_hand import descend, descend_softmax, recipe
from fairtrial.data.dataset import Dataset
from fairtrial.data.split import order_rows, split_rows
from fairtrial.parameters import Parameters, draw_init
from fairtrial.training import eager, stacked
from fairtrial.training.trace import RecentPath, count_averaged
from ways_to_end import HEAVY, LINE, make_pixels


def assert_near(found, expected, tolerance=1e-4):
    np.testing.assert_allclose(found.W, expected[0], rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(found.b, expected[1], rtol=tolerance, atol=tolerance)


HALVE = {"kind": "halve_on_plateau", "patience": 3}
# The steps, other settings, how many iterates are averaged, and whether it is short step by step.
LENGTHS = [
    (7, {}, 7, True),
    (50, {"optimizer": {"kind": "adam", "learning_rate": 0.1}}, 20, False),
    (215, {"optimizer": {"kind": "rmsprop", "learning_rate": 0.01}}, 22, False),
    (999, {"optimizer": HEAVY, "stopping": {"patience": 4}}, 20, True),
    (999, {"optimizer": HEAVY, "schedule": HALVE}, 20, False),
]


@pytest.mark.parametrize(
    ("driver", "steps", "others", "n_last"),
    [
        pytest.param(
            driver, *one, id=f"{name}-{one}",
            marks=[pytest.mark.long] * (driver is eager.train and not is_short),
        )
        for name, driver in (("eager", eager.train), ("graphs", eager.train_in_graphs))
        for *one, is_short in LENGTHS
    ],
)  # fmt: skip
def test_full_batch_average_is_the_mean_of_the_last_tenth(driver, steps, others, n_last):
    one = recipe("mse", steps=steps, **others)
    data = LINE[0]
    found, by_hand = driver(one, data, 5), descend(one, data.X, data.y, [0.0], 0.0)
    assert (found.outcome, found.ended_at) == (by_hand.outcome, by_hand.ended_at)
    assert_near(found.average, by_hand.average(n_last))
    assert np.abs(found.average.W - found.W).max() > 1e-4, "the mean is not the end"


def test_average_over_the_last_epoch_takes_each_batch_once():
    """48 rows in batches of 10: the last batch, of 8 rows, counts like the others."""
    data = make_pixels()
    lanes = [
        recipe(
            "cross_entropy", {"kind": optimizer, "learning_rate": 0.05}, epochs=3, batch_size=10,
            validation=0.2,
        )
        for optimizer in ("sgd", "adam", "rmsprop")
    ]  # fmt: skip
    rows, _ = split_rows(len(data.y), 0.2, 7)
    orders = [order_rows(len(rows), 7, epoch) for epoch in (1, 2, 3)]
    X, y = data.X[rows] / 16.0, data.y[rows]
    (stack,) = stacked.train(stacked.Stack(lanes, [data], [7], averages=True))
    for one, lane in zip(lanes, stack, strict=True):
        by_hand = descend_softmax(one, X, y, *draw_init(one.init, 12, 3, 7), orders)
        assert len(by_hand.path) == 15
        for found in (eager.train(one, data, 7), lane):
            assert_near(found, (by_hand.W, by_hand.b))
            assert_near(found.average, by_hand.average(5))


def test_nothing_is_averaged_where_nobody_needs_it():
    (((trace,)),) = stacked.train(stacked.Stack([recipe("mse", steps=9)], LINE[:1], [3]))
    assert trace.average is None


@pytest.mark.usefixtures("compiled")
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
