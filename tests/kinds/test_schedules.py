"""Halving on plateaus, early stopping, and their one stall count, against plain Python."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from by_hand import Judge, recipe
from fairtrial.kinds.schedules import SCHEDULES, linear, schedule_rate
from fairtrial.parameters import Parameters
from fairtrial.training.hyperparameters import list_kinds, make_numbers
from fairtrial.training.step import init_state, judge
from fairtrial.training.trace import OUTCOMES
from reference.schedules import FACTORS, find_factor


def halving(patience, floor=1e-9):
    return {"kind": "halve_on_plateau", "patience": patience, "floor": floor}


def follow(recipes, losses):
    """Judge a sequence of losses that all lanes share; (outcome, step, rates) of each lane."""
    shape = (len(recipes),)
    numbers = make_numbers(recipes, shape)
    at = Parameters(tf.zeros((1, *shape)), tf.zeros(shape))
    kinds = list_kinds(recipes)
    state, rates = init_state(kinds, at, numbers, 1), []
    for step, loss in enumerate(losses):
        last = numbers["steps"] - 1
        state = judge(kinds, state, tf.fill(shape, np.float32(loss)), numbers, step, last, at)
        rates.append(state.learning_rate.numpy())
    return [
        (OUTCOMES[outcome], int(ended_at), [float(rate[lane]) for rate in rates])
        for lane, (outcome, ended_at) in enumerate(zip(state.outcome, state.ended_at, strict=True))
    ]


def expected_following(recipe, losses):
    judge_, rate, rates = Judge(recipe, recipe.steps - 1), recipe.optimizer.learning_rate, []
    outcome, ended_at = "training", -1
    for step, loss in enumerate(losses):
        if outcome == "training":
            outcome, rate = judge_.decide(loss, rate, step)
            ended_at = step if outcome != "training" else -1
        rates.append(rate)
    return outcome, ended_at, rates


def assert_follows(recipes, losses):
    for recipe_, found in zip(recipes, follow(recipes, losses), strict=True):
        outcome, ended_at, rates = expected_following(recipe_, losses)
        assert found[:2] == (outcome, ended_at), recipe_
        np.testing.assert_allclose(found[2], rates, rtol=1e-6)


def test_every_schedule_has_its_row():
    assert {kind.name for kind in SCHEDULES} == set(FACTORS)


def test_lanes_decay_for_themselves():
    """A lane for each schedule, and for a product of two, of different lengths."""
    schedules = [*FACTORS, ["linear", "cosine"]]
    lanes = [recipe(steps=10 + 5 * place, schedule=one) for place, one in enumerate(schedules)]
    kinds, numbers = list_kinds(lanes), make_numbers(lanes, (len(lanes),))
    rate = numbers["optimizer.learning_rate"]
    found = np.stack([schedule_rate(kinds.schedules, rate, numbers, step) for step in range(10)])
    for lane, one in enumerate(lanes):
        share = np.array([find_factor(one, step / one.steps, step) for step in range(10)])
        np.testing.assert_allclose(found[:, lane], 0.01 * share, rtol=1e-5)


def test_the_steps_of_an_epoch_count():
    one = recipe("cross_entropy", epochs=4, batch_size=8, schedule="linear")
    numbers = make_numbers([one], (), n_batches=5)
    rate = schedule_rate((linear().variant,), numbers["optimizer.learning_rate"], numbers, 15)
    assert float(rate) == pytest.approx(0.01 / 4)


def test_without_decays_the_rate_is_left_alone():
    assert schedule_rate((), 0.3, {}, 7) == 0.3


def test_halves_after_exactly_its_patience():
    """Written out: the lowest loss is at step 1; stalls are counted from there."""
    losses = [3.0, 2.0, 2.0, 2.5, 2.1, 2.0, 1.0, 1.0, 1.0, 1.0]
    ((outcome, _, rates),) = follow([recipe(schedule=halving(3), steps=99)], losses)
    assert outcome == "training"
    np.testing.assert_allclose(np.array(rates) / 0.01, [1] * 4 + [0.5] * 5 + [0.25], rtol=1e-6)


def test_stops_after_exactly_its_patience():
    losses = [3.0, 2.0, 2.0, 1.9, 1.9, 1.9, 1.9, 0.1]
    assert follow([recipe(stopping={"patience": 3}, steps=99)], losses)[0][:2] == (
        "stopped_early",
        6,
    )


def test_an_equal_loss_is_no_new_lowest():
    assert follow([recipe(stopping={"patience": 2}, steps=99)], [1.0, 1.0, 1.0])[0][1] == 2


def test_halving_wins_over_stopping_at_the_same_patience():
    """0.01 halves to below 0.002 after three halvings of two steps each."""
    one = recipe(schedule=halving(2, 0.002), stopping={"patience": 2}, steps=99)
    outcome, ended_at, rates = follow([one], [1.0] * 12)[0]
    assert (outcome, ended_at) == ("rate_floor", 6)
    assert rates[-1] == pytest.approx(0.01 / 8)


def test_stopping_before_the_schedule_is_patient():
    one = recipe(schedule=halving(5), stopping={"patience": 3}, steps=99)
    assert follow([one], [1.0] * 12)[0][:2] == ("stopped_early", 3)


def test_halving_restarts_the_count_of_stopping():
    """Stopping that is more patient than the schedule never comes to act."""
    one = recipe(schedule=halving(3), stopping={"patience": 4}, steps=30)
    assert follow([one], [1.0] * 30)[0][:2] == ("completed", 29)


def test_a_rate_that_starts_below_the_floor_is_refused():
    with pytest.raises(ValueError, match=r"0\.01 is below schedule\.floor = 0\.02"):
        recipe(schedule=halving(3, 0.02), steps=9)


def test_a_rate_at_the_floor_is_not_below_it():
    one = recipe(
        optimizer={"kind": "sgd", "learning_rate": 0.5}, schedule=halving(1, 0.25), steps=99
    )
    outcome, ended_at, rates = follow([one], [1.0] * 4)[0]
    assert (outcome, ended_at) == ("rate_floor", 2)
    assert rates == [0.5, 0.25, 0.125, 0.125]


def test_completes_at_its_last_step():
    assert follow([recipe(steps=3)], [3.0, 2.0, 1.0, 0.5])[0][:2] == ("completed", 2)


def test_lanes_judge_for_themselves():
    recipes = [
        recipe(steps=25),
        recipe(steps=40, stopping={"patience": 4}),
        recipe(steps=40, schedule=halving(4)),
        recipe(steps=40, schedule=halving(2, 0.003)),
        recipe(steps=40, schedule=halving(2, 0.003), stopping={"patience": 2}),
    ]
    losses = np.round(np.random.default_rng(5).uniform(1, 3, 40), 1)
    assert_follows(recipes, losses.tolist())


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    losses=st.lists(st.sampled_from([0.5, 1.0, 1.5, 2.0]), min_size=1, max_size=24),
    patiences=st.lists(st.tuples(*[st.integers(0, 4)] * 2), min_size=4, max_size=4),
    steps=st.integers(1, 24),
)
def test_any_losses_and_patiences(losses, patiences, steps):
    recipes = [
        recipe(
            steps=steps,
            schedule=halving(of_schedule, 0.002) if of_schedule else "constant",
            stopping={"patience": of_stopping} if of_stopping else None,
        )
        for of_schedule, of_stopping in patiences
    ]
    assert_follows(recipes, losses)
