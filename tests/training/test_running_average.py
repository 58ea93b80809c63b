"""Means that are made on the way, against NumPy float64."""

import numpy as np
import pytest

from by_hand import descend, descend_softmax, recipe
from fairtrial.data.split import order_rows, split_rows
from fairtrial.parameters import draw_init
from fairtrial.training import eager, stacked
from fairtrial.training.hyperparameters import list_kinds, make_numbers
from reference.averages import average
from ways_to_end import HEAVY, LINE, make_pixels

AVERAGES = [
    "none", {"kind": "ema", "decay": 0.9}, {"kind": "ema", "decay": 0.5},
    {"kind": "tail", "share": 0.2}, {"kind": "tail", "share": 0.55}, "last_epoch",
]  # fmt: skip


def make(averages, loss="mse", **others):
    return [recipe(loss, HEAVY, average=one, **others) for one in averages]


def assert_near(found, expected):
    np.testing.assert_allclose(found.W, expected[0], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(found.b, expected[1], rtol=1e-4, atol=1e-4)


@pytest.mark.usefixtures("compiled")
def test_full_batch_runs_end_with_their_means():
    """Each alone by two drivers, and all of them beside each other."""
    lanes, data = make(AVERAGES, steps=25), LINE[0]
    (row,) = stacked.train(stacked.Stack(lanes, [data], [5]))
    for one, trace in zip(lanes, row, strict=True):
        by_hand = descend(one, data.X, data.y, [0.0], 0.0)
        expected = average(one, by_hand.path)
        for found in (trace, eager.train(one, data, 5), eager.train_in_graphs(one, data, 5)):
            assert_near(found, expected)
            np.testing.assert_allclose(found.curves["loss"][1], by_hand.losses, rtol=1e-4)
        assert one.average.kind == "none" or abs(trace.W[0] - by_hand.W[0]) > 1e-3


def test_runs_by_epochs_end_with_their_means():
    data, settings = make_pixels(), {"epochs": 3, "batch_size": 10, "validation": 0.2}
    lanes = make(AVERAGES[:-1], "cross_entropy", **settings)
    rows, _ = split_rows(len(data.y), 0.2, 7)
    orders = [order_rows(len(rows), 7, epoch) for epoch in (1, 2, 3)]
    X, y = data.X[rows] / 16.0, data.y[rows]
    (row,) = stacked.train(stacked.Stack(lanes, [data], [7]))
    for one, trace in zip(lanes, row, strict=True):
        by_hand = descend_softmax(one, X, y, *draw_init(one.init, 12, 3, 7), orders)
        assert len(by_hand.path) == 15
        expected = average(one, by_hand.path)
        for found in (trace, eager.train(one, data, 7)):
            assert_near(found, expected)
        logits = data.test_X / 16.0 @ expected[0] + expected[1]
        told = trace.predictions[""].classes
        assert np.mean(told == logits.argmax(1)) > 0.9


def test_a_mean_of_another_length_is_another_run_only_where_the_length_counts():
    short, long = (make(AVERAGES, steps=steps) for steps in (30, 60))
    shares = [one.course == other.course for one, other in zip(short, long, strict=True)]
    assert shares == [True, True, True, False, False, True]
    assert short[0].course == short[-1].course != short[1].course
    (row,) = stacked.train(stacked.Stack([*short, *long], LINE[:1], [5]))
    for one, trace in zip([*short, *long], row, strict=True):
        assert_near(trace, average(one, descend(one, LINE[0].X, LINE[0].y, [0.0], 0.0).path))


def test_no_program_contains_a_mean_that_no_lane_ends_with():
    plain = [recipe(), recipe(average="last_epoch")]
    assert list_kinds(plain).running == ()
    assert not [name for name in make_numbers(plain, (2,)) if "average" in name]
    assert len(list_kinds(make(AVERAGES, steps=9)).running) == 2


def test_diverged_runs_end_with_their_last_finite_parameters():
    settings = {"optimizer": {"kind": "sgd", "learning_rate": 1e6}, "steps": 99}
    lanes = [recipe(average=one, **settings) for one in AVERAGES[:2]]
    ((plain, mean),) = stacked.train(stacked.Stack(lanes, LINE[:1], [5]))
    assert plain.outcome == mean.outcome == "diverged"
    np.testing.assert_array_equal(plain.W, mean.W)


@pytest.mark.parametrize(
    "settings",
    [{"stopping": {"patience": 3}}, {"schedule": "halve_on_plateau"}],
    ids=str,
)
def test_tail_is_refused_where_the_run_may_end_early(settings):
    with pytest.raises(ValueError, match="needs to know how long the run is"):
        recipe(average="tail", **settings)
    recipe(average="ema", **settings)


def test_means_and_best_parameters_are_not_combined():
    with pytest.raises(ValueError, match="average = 'ema' and stopping"):
        recipe(average="ema", stopping={"restore_best": True})
