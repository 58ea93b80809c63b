"""Halving on plateaus, early stopping, and their one stall count, against plain Python."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from by_hand import Judge, recipe
from fairtrial.kinds.optimizers.schedules import SCHEDULES, linear, schedule_rate
from fairtrial.parameters import Parameters
from fairtrial.training.hyperparameters import list_kinds, make_numbers
from fairtrial.training.step import init_state, judge
from fairtrial.training.trace import OUTCOMES
from reference.schedules import FACTORS, ReduceLROnPlateau, find_factor


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


@pytest.mark.parametrize(
    "schedule",
    [
        {"kind": "one_cycle"},
        {"kind": "one_cycle", "rise": 0.55, "start": 0.1, "end": 0.01, "along": "line"},
        {"kind": "one_cycle", "rise": 0.13, "start": 0.5},
        {"kind": "cosine_restarts", "first": 7},
        {"kind": "cosine_restarts", "first": 5, "stretch": 1.0, "shrink": 0.9},
        {"kind": "cosine_restarts", "first": 9, "stretch": 1.5, "shrink": 0.5, "end": 0.1},
        {"kind": "cosine_restarts", "first": 1, "stretch": 3.0},
    ],
    ids=str,
)
def test_schedules_follow_their_published_formulas(schedule):
    lanes = [recipe(steps=steps, schedule=schedule) for steps in (120, 400)]
    kinds, numbers = list_kinds(lanes), make_numbers(lanes, (2,))
    ones = tf.ones(2)
    follow = tf.function(
        lambda step: schedule_rate(kinds.schedules, ones, numbers, step), jit_compile=True
    )
    for step in range(120):
        expected = [find_factor(one, step / one.steps, step) for one in lanes]
        np.testing.assert_allclose(follow(tf.constant(step)), expected, rtol=1e-4, atol=2e-6)


def test_one_cycle_peaks_at_the_optimizers_rate_and_ends_almost_at_0():
    one = recipe(steps=100, schedule="one_cycle")
    kinds, numbers = list_kinds([one]), make_numbers([one], ())
    rates = [float(schedule_rate(kinds.schedules, 1.0, numbers, step)) for step in range(100)]
    assert rates[0] == pytest.approx(1 / 25, rel=1e-3) and rates[-1] == pytest.approx(
        4e-6, rel=0.01
    )
    assert np.argmax(rates) == 29 and rates[29] == pytest.approx(1.0)


PLATEAUS = [
    {"factor": 0.8, "patience": 1},
    {"factor": 0.7, "patience": 3, "cooldown": 4},
    {"factor": 0.5, "patience": 2, "threshold": 0.05},
    {"factor": 0.9, "patience": 2, "threshold": 0.02, "cooldown": 2},
]


@pytest.mark.parametrize("monitor", ["loss", "validation_accuracy", "validation_cross_entropy"])
def test_reduce_on_plateau_is_pytorchs_with_a_step_less_of_patience(monitor):
    """Side by side with a lane that halves; accuracies must rise."""
    stream = np.random.default_rng(2)
    values = np.float32(np.round(1.0 + np.exp(-np.arange(80) / 20) + stream.normal(0, 0.03, 80), 2))
    length = {"epochs": 80, "batch_size": 8, "validation": 0.5}
    floor = {"kind": "reduce_on_plateau", "floor": 1e-30, "monitor": monitor}
    lanes = [
        recipe("cross_entropy", **length, schedule=one)
        for one in (*(floor | each for each in PLATEAUS), halving(3))
    ]
    shape, kinds = (len(lanes),), list_kinds(lanes)
    numbers = make_numbers(lanes, shape)
    at = Parameters(tf.zeros((1, *shape)), tf.zeros(shape))
    state, rates = init_state(kinds, at, numbers, 1), []
    sign = -1.0 if monitor == "validation_accuracy" else 1.0
    for epoch, value in enumerate(values):
        # What is not monitored never stalls.
        losses = tf.constant(np.where(np.arange(len(lanes)) < len(PLATEAUS), -epoch, value))
        losses = tf.cast(tf.fill(shape, value) if monitor == "loss" else losses, tf.float32)
        state = judge(
            kinds, state, losses, numbers, epoch, numbers["epochs"], at,
            losses, tf.fill(shape, sign * value) if monitor != "loss" else losses,
        )  # fmt: skip
        rates.append(state.learning_rate.numpy())
    mode = "max" if sign < 0 else "min"
    for lane, one in enumerate(PLATEAUS):
        settings = {"threshold": 0.0, "cooldown": 0} | one
        settings["patience"] -= 1
        expected = ReduceLROnPlateau(0.01, mode, **settings)
        steps = [expected.step(float(value)) for value in values]
        np.testing.assert_allclose(np.array(rates)[:, lane], steps, rtol=1e-5)
    assert rates[-1].max() < 0.004, "all were lowered"


def test_halving_is_reducing_by_a_half():
    losses = np.round(np.random.default_rng(5).uniform(1, 3, 40), 1).tolist()
    reduced = {"kind": "reduce_on_plateau", "factor": 0.5, "patience": 4, "floor": 0.003}
    one, other = (
        follow([recipe(steps=40, schedule=schedule, stopping={"patience": 7})], losses)
        for schedule in (halving(4, 0.003), reduced)
    )
    assert one == other


def test_a_count_of_its_own_leaves_lanes_that_count_stalls_of_the_loss_alone():
    """Their rates and ends are those that they have without it, to the last bit."""
    losses = np.round(np.random.default_rng(6).uniform(1, 3, 40), 1).tolist()
    lanes = [
        recipe(steps=40, schedule=halving(2, 0.003), stopping={"patience": 2}),
        recipe(steps=40, schedule=halving(4)),
        recipe(steps=40, stopping={"patience": 4}),
    ]
    cooled = recipe(steps=40, schedule=halving(2) | {"cooldown": 3, "threshold": 0.01})
    assert not list_kinds(lanes).plateaus and list_kinds([cooled]).plateaus
    assert follow([*lanes, cooled], losses)[:3] == follow(lanes, losses)
    assert not [name for name in make_numbers(lanes, (3,)) if name.startswith("plateau")]


def test_lowering_the_rate_starts_the_count_of_stopping_on_the_same_metric():
    losses = [1.0] * 20
    schedule = halving(3) | {"cooldown": 2}
    one = recipe(steps=99, schedule=schedule, stopping={"patience": 4})
    assert follow([one], losses)[0][:2] == ("stopped_early", 7)
    assert follow([recipe(steps=99, stopping={"patience": 4})], losses)[0][:2] == (
        "stopped_early", 4,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            {"schedule": halving(3) | {"monitor": "validation_accuracy"}},
            "schedule.monitor = 'validation_accuracy' needs validation rows",
        ),
        ({"schedule": ["halve_on_plateau", "reduce_on_plateau"]}, "both act on stalls"),
        ({"schedule": halving(3) | {"threshold": 1.0}}, "less than 1"),
    ],
    ids=["validation", "two", "threshold"],
)
def test_plateaus_that_cannot_be_are_refused(settings, sentence):
    with pytest.raises(ValueError, match=sentence):
        recipe(**settings)


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
