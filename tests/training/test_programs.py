"""Longer runs contain shorter ones: a lane for both leaves what each leaves when trained alone."""

import logging

import numpy as np
import pytest
import tensorflow as tf

from by_hand import recipe
from fairtrial.kinds.optimizers.averages import last_epoch
from fairtrial.kinds.optimizers.schedules import SCHEDULES, schedule
from fairtrial.training import eager, stacked
from fairtrial.training.programs import compile_program, share_lanes
from ways_to_end import HALVED, LINE, assert_identical, make_epochs, make_pixels, make_steps


def test_tensorflow_advises_against_tracing_of_the_users_functions_alone():
    messages = []
    handler = logging.Handler()
    handler.emit = lambda record: messages.append(record.getMessage())
    tf.get_logger().addHandler(handler)
    try:
        for function in (compile_program(lambda ours: ours), tf.function(lambda theirs: theirs)):
            for n_values in range(1, 9):
                function(tf.zeros(n_values))
    finally:
        tf.get_logger().removeHandler(handler)
    assert any("retracing" in one for one in messages)
    assert not any("compile_program" in one or "fairtrial." in one for one in messages)


@pytest.mark.parametrize(
    ("make", "lengths", "sets", "seeds", "ways_to_end"),
    [
        (make_steps, (4, 30, 120), LINE, (3, 8), 4),
        (make_epochs, (2, 6, 14), [make_pixels()], (7,), 3),
    ],
)
def test_a_shorter_run_is_what_it_is_alone_to_the_last_bit(make, lengths, sets, seeds, ways_to_end):
    """Beside lanes of as many recipes: their number is what rounding depends on."""
    together = [one for length in reversed(lengths) for one in make(length)]
    found = stacked.train(stacked.Stack(together, sets, seeds))
    ends = set()
    for place, length in enumerate(reversed(lengths)):
        alone = make(length)
        expected = stacked.train(stacked.Stack(alone, sets, seeds))
        for ours, theirs in zip(found, expected, strict=True):
            own = ours[place * len(alone) : (place + 1) * len(alone)]
            for pair in zip(own, theirs, strict=True):
                assert_identical(*pair)
            ends |= {(trace.outcome, trace.ended_at) for trace in own}
    assert len({outcome for outcome, _ in ends}) == ways_to_end
    # Some end of themselves after the shortest length, and before the longest.
    assert any(end != "completed" and min(lengths) < at < max(lengths) - 1 for end, at in ends)


# Stacks of as many lanes on as many data sets share a program.
WAYS = pytest.mark.parametrize("make, sets, seeds, lengths", [
    (make_steps, LINE, (3, 8), (4, 40)), (make_epochs, [make_pixels()], (7,), (2, 5)),
])  # fmt: skip


@WAYS
def test_both_are_what_the_eager_driver_makes_of_them(make, sets, seeds, lengths):
    """Whatever ends a run, and whether means are kept or not."""
    recipes = [one for length in lengths for one in make(length)]
    without, keeping = (
        stacked.train(stacked.Stack(recipes, sets, seeds, averages))[0]
        for averages in (False, True)
    )
    n_compared = 0
    for one, plain, kept in zip(recipes, without, keeping, strict=True):
        expected = eager.train(one, sets[0], seeds[0])
        for found in (plain, kept):
            assert (found.outcome, found.ended_at) == (expected.outcome, expected.ended_at)
            np.testing.assert_allclose(found.W, expected.W, rtol=1e-3, atol=1e-3)
            assert found.scores == pytest.approx(expected.scores, abs=1e-3)
        if expected.outcome == "diverged" or one.restores_best:
            assert kept.average is None and expected.average is None
            continue
        n_compared += 1
        for value, other in (
            (kept.average.W, expected.average.W),
            (kept.average.b, expected.average.b),
        ):
            np.testing.assert_allclose(value, other, rtol=1e-3, atol=1e-3)
        assert kept.average.scores == pytest.approx(expected.average.scores, abs=1e-3)
    assert n_compared > len(recipes) / 2


@WAYS
def test_a_run_that_ends_with_its_mean_shares_the_lane_of_the_plain_one(make, sets, seeds, lengths):
    recipes = make(lengths[-1])
    places = [place for place, one in enumerate(recipes) if not one.restores_best]
    averaged = [recipes[place].model_copy(update={"average": last_epoch()}) for place in places]
    told = []
    row, *_ = stacked.train(
        stacked.Stack(recipes + averaged, sets, seeds), lambda lanes, at: told.append(lanes)
    )
    assert max(told) == len(recipes) * len(sets) < len(recipes + averaged) * len(sets)
    alone, *_ = stacked.train(stacked.Stack(recipes, sets, seeds, averages=True))
    for place, ended in zip(places, row[len(recipes) :], strict=True):
        found, kept = row[place], alone[place]
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


def test_a_lane_takes_no_more_steps_than_the_longest_run():
    told = []
    recipes = [recipe("mse", steps=steps) for steps in (5, 20, 10)]
    stacked.train(stacked.Stack(recipes, LINE, [3, 8]), lambda lanes, at: told.append((lanes, at)))
    lanes, at = zip(*told, strict=True)  # how often it is told is a matter of time
    assert set(lanes) == {2} and list(at) == sorted(set(at))
    assert {0, 5, 10} <= set(at) and max(at) < 20


def test_what_differs_in_more_than_its_length_has_a_lane_of_its_own():
    base = {"optimizer": "sgd", "schedule": HALVED | {"floor": 1e-3}}
    recipes = [
        recipe("mse", steps=5, **base),
        recipe("mse", steps=9, **base),
        recipe("mse", steps=9, **base, noise={"weights": {}}),
        recipe("mae", steps=9, **base),
        recipe("mse", steps=7, **base),
        recipe("mse", steps=5, **base, stopping={"patience": 2}),
        recipe("mse", steps=5, **base, penalty={"l2": 0.1}),
    ]
    longest, places = share_lanes(recipes)
    assert places == [0, 0, 1, 2, 0, 3, 4]
    assert [one.length for one in longest] == [9, 9, 9, 5, 5]


def test_a_batch_size_is_no_length():
    recipes = [
        recipe("cross_entropy", epochs=epochs, batch_size=size)
        for epochs, size in ((2, 8), (3, 16), (4, 8))
    ]
    assert share_lanes(recipes)[1] == [0, 1, 0]


def test_a_schedule_that_is_not_known_to_ignore_the_length_is_never_shared():
    @schedule
    def unknown(progress, step):
        """A factor of 1, which does not say so."""
        return 1.0

    try:
        short, long = (recipe("mse", steps=steps, schedule="unknown") for steps in (5, 9))
        assert short.schedule == long.schedule
        assert share_lanes([short, long])[1] == [0, 1]
    finally:
        SCHEDULES.forget(__name__)
