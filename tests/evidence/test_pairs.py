"""Which runs are compared, and what becomes of those that cannot be."""

import numpy as np
import pytest

from fairtrial.evidence.pairs import Bounds, pair_runs
from made_up import make_runs, make_study

RATE = {"kind": "sgd", "learning_rate": 0.1}
MAE_OVER_MSE = {"better": {"loss": "mae"}, "than": {"loss": "mse"}}


def pair(claim, measure, seeds=None, **study):
    made = make_study([claim], **study)
    runs = make_runs(made, measure, seeds)
    return pair_runs(made.claims[0], made.list_arms(), runs, made.list_seeds())


def rate(arm):
    return arm.recipe.optimizer.learning_rate


def test_pairs_of_a_seed_are_averaged_and_kept():
    """MAE is worse by 1 at the low rate and better by 3 at the high one: better by 1."""

    def measure(arm, seed):
        worse = {0.01: 1.0, 0.1: -3.0}[rate(arm)]
        return {"mse": seed + (worse if arm.recipe.loss.kind == "mae" else 0.0)}

    pairs = pair(MAE_OVER_MSE, measure)
    assert len(pairs.arms) == 2 and pairs.table.height == 16
    assert pairs.differences.tolist() == [1.0] * 8
    assert sorted(set(pairs.table["difference"])) == [-1.0, 3.0]
    assert pairs.by_seed["than_value"].to_list() == list(range(8))
    assert (pairs.problem, pairs.remarks) == ("", "")


@pytest.mark.parametrize(("on", "sign"), [("mse", -1.0), ("r2", 1.0)])
def test_positive_means_better(on, sign):
    pairs = pair(
        {"on": on, **MAE_OVER_MSE}, lambda arm, seed: {on: float(arm.recipe.loss.kind == "mae")}
    )
    assert pairs.differences.tolist() == [sign] * 8


def test_where_narrows():
    where = {"optimizer.learning_rate": 0.1}
    pairs = pair({"where": where, **MAE_OVER_MSE}, lambda arm, seed: {"mse": rate(arm)})
    assert [(one.name, other.name) for one, other in pairs.arms] == [
        ("mae, optimizer.learning_rate=0.1", "mse, optimizer.learning_rate=0.1")
    ]


def test_a_diverged_run_without_a_worst_value_cannot_be_judged():
    def measure(arm, seed):
        diverged = seed == 3 and arm.recipe.loss.kind == "mae"
        return {"mse": 1.0, "outcome": "diverged" if diverged else "completed"}

    pairs = pair(MAE_OVER_MSE, measure)
    assert "a run diverged in 2 of 16 pairs" in pairs.problem
    assert "no worst value" in pairs.problem


def test_a_diverged_run_counts_as_the_worst_where_there_is_one():
    def measure(arm, seed):
        diverged = seed == 3 and arm.recipe.optimizer.kind == "adam"
        return {"accuracy": 0.75, "outcome": "diverged" if diverged else "completed"}

    pairs = pair(
        {"better": {"optimizer": "adam"}, "than": {"optimizer": "sgd"}, "on": "accuracy"},
        measure,
        task="digits",
        recipe={"loss": "cross_entropy", "optimizer": RATE, "epochs": 1, "batch_size": 9},
        vary={"optimizer.kind": ["sgd", "adam"]},
    )
    assert pairs.differences.tolist() == [0.0, 0.0, 0.0, -0.75, 0.0, 0.0, 0.0, 0.0]
    assert "A run diverged in 1 of 8 pairs, counted as 0" in pairs.remarks


@pytest.mark.parametrize("value", [None, float("nan"), float("inf")])
def test_a_metric_that_is_not_there_is_said(value):
    pairs = pair(MAE_OVER_MSE, lambda arm, seed: {"mse": value if seed == 7 else 1.0})
    assert "mse is missing in 2 of 16 pairs" in pairs.problem


def test_an_absent_run_is_said():
    pairs = pair(MAE_OVER_MSE, lambda arm, seed: {"mse": 1.0}, seeds=range(7))
    assert "mse is missing in 2 of 16 pairs" in pairs.problem


def test_further_seeds_count_where_all_arms_have_them():
    made = make_study([MAE_OVER_MSE], seeds=2)
    runs = make_runs(made, lambda arm, seed: {"mse": 1.0}, seeds=[0, 1, 7, 5, 6])
    lacks = (runs["seed"] == 6) & (runs["arm"] == runs["arm"][0])
    pairs = pair_runs(made.claims[0], made.list_arms(), runs.filter(~lacks), made.list_seeds())
    assert pairs.by_seed["seed"].to_list() == [0, 1, 5, 7]
    assert not pairs.problem


# ------------------------------------------------------------------- runs that never arrive

ARRIVAL = {"on": "steps_to_tolerance", **MAE_OVER_MSE}


def test_a_run_that_never_arrives_counts_as_its_length():
    def measure(arm, seed):
        return {"steps_to_tolerance": None if arm.recipe.loss.kind == "mae" else 30.0}

    pairs = pair(ARRIVAL, measure)
    assert pairs.differences.tolist() == [-70.0] * 8
    assert "In 16 of 16 pairs a run never arrives" in pairs.remarks
    assert "at most this" in pairs.remarks
    assert pairs.bounds == Bounds(at_most=True, better_share=0.0, than_share=1.0)


def test_absent_runs_on_either_side_leave_no_bound():
    """MAE never arrives with even seeds, and MSE with odd ones."""

    def measure(arm, seed):
        return {"steps_to_tolerance": None if (arm.recipe.loss.kind == "mae") != seed % 2 else 30.0}

    pairs = pair(ARRIVAL, measure)
    assert pairs.bounds == Bounds(at_least=True, at_most=True, better_share=0.5, than_share=0.5)
    assert "which side it favours is not known" in pairs.remarks


def test_two_runs_that_never_arrive_tell_nothing():
    pairs = pair(ARRIVAL, lambda arm, seed: {"steps_to_tolerance": None if seed else 5.0})
    assert "14 of 16 pairs, neither run of which arrives" in pairs.problem


def test_a_shorter_run_that_does_not_arrive_has_not_lost():
    """It was given 40 steps, and the other arrived after 70."""
    arms = [{"name": "short", "set": {"steps": 40}}, {"name": "long"}]

    def measure(arm, seed):
        return {"steps_to_tolerance": None if arm.name == "short" else 70.0}

    claim = {"on": "steps_to_tolerance", "better": {"arm": "long"}, "than": {"arm": "short"}}
    pairs = pair(claim, measure, vary={}, arms=arms)
    assert "8 of 8 pairs, that do not tell" in pairs.problem


def test_a_diverged_run_never_arrives():
    def measure(arm, seed):
        lost = arm.recipe.loss.kind == "mae"
        return {"steps_to_tolerance": 10.0, "outcome": "diverged" if lost else "completed"}

    np.testing.assert_array_equal(pair(ARRIVAL, measure).differences, [-90.0] * 8)


HALVED = {"on": "first_rate_halving", **MAE_OVER_MSE}


def test_a_run_that_never_halves_its_rate_is_the_later_one():
    def measure(arm, seed):
        return {"first_rate_halving": None if arm.recipe.loss.kind == "mae" else 30.0}

    pairs = pair(HALVED, measure)
    assert pairs.differences.tolist() == [70.0] * 8
    assert "In 16 of 16 pairs a run never lowers its rate" in pairs.remarks
    assert pairs.bounds == Bounds(at_least=True, better_share=0.0, than_share=1.0)


def test_two_runs_that_never_halve_tell_nothing():
    pairs = pair(HALVED, lambda arm, seed: {"first_rate_halving": None if seed else 5.0})
    assert "14 of 16 pairs, neither run of which lowers its rate" in pairs.problem


def test_a_diverged_run_is_not_the_later_one():
    def measure(arm, seed):
        lost = arm.recipe.loss.kind == "mae"
        value = None if lost else 30.0
        return {"first_rate_halving": value, "outcome": "diverged" if lost else "completed"}

    pairs = pair(HALVED, measure)
    np.testing.assert_array_equal(pairs.differences, [-30.0] * 8)
    assert "A run diverged in 16 of 16 pairs, counted as 0." in pairs.remarks


def test_runs_too_short_for_a_metric():
    claim = {"on": "early_fluctuation", **MAE_OVER_MSE}
    pairs = pair(claim, lambda arm, seed: {"early_fluctuation": None if seed else 0.5})
    assert (
        "early_fluctuation is missing in 14 of 16 pairs. Such short runs have no value"
        in pairs.problem
    )


# --------------------------------------------------------------------------------------- effects

EFFECT = {
    "of": {"optimizer.learning_rate": 0.1},
    "against": {"optimizer.learning_rate": 0.01},
}
GAINS = {"mae": [0.5, -2.0], "mse": [1.0, -1.0]}  # What the higher rate takes off the error.


@pytest.mark.parametrize(
    ("effect", "differences"),
    [
        ({}, [0.5 - 1.0, -2.0 + 1.0]),
        ({"size": "smaller"}, [1.0 - 0.5, 1.0 - 2.0]),
        ({"size": "larger"}, [0.5 - 1.0, 2.0 - 1.0]),
    ],
)
def test_effects_are_compared_seed_by_seed(effect, differences):
    def measure(arm, seed):
        gain = GAINS[arm.recipe.loss.kind][seed]
        return {"mse": 7.0 + seed - (gain if rate(arm) == 0.1 else 0.0)}

    claim = MAE_OVER_MSE | {"effect": EFFECT | effect}
    made = make_study([claim], seeds=2)
    runs = make_runs(made, measure)
    pairs = pair_runs(made.claims[0], made.list_arms(), runs, made.list_seeds())
    assert pairs.problem == ""
    np.testing.assert_allclose(pairs.differences, differences)
    assert pairs.table.row(0, named=True)["than_against"] == "mse, optimizer.learning_rate=0.01"


def test_an_effect_with_a_diverged_run_cannot_be_judged():
    def measure(arm, seed):
        lost = seed == 1 and rate(arm) == 0.01 and arm.recipe.loss.kind == "mse"
        return {"mse": None if lost else 1.0, "outcome": "diverged" if lost else "completed"}

    pairs = pair(MAE_OVER_MSE | {"effect": EFFECT}, measure)
    assert "a run diverged in 1 of 8 pairs" in pairs.problem


def test_r2_of_equal_test_targets_is_not_defined():
    pairs = pair({"on": "r2", **MAE_OVER_MSE}, lambda arm, seed: {"r2": None if seed == 2 else 0.5})
    assert (
        "r2 is missing in 2 of 16 pairs. It is not defined where all test targets" in pairs.problem
    )


@pytest.mark.parametrize(
    ("measure", "is_judged"),
    [
        (lambda is_mae, seed: 1.0 + is_mae + seed / 100.0, True),
        (lambda is_mae, seed: 1.0 + is_mae, False),  # The seeds of each arm are one stack.
        (lambda is_mae, seed: 1.0 + is_mae + seed // 2, False),  # Two seeds are one stack.
        (lambda is_mae, seed: 1.0 + seed / 100.0, False),  # Both arms are one stack.
    ],
)
def test_times_are_judged_where_each_run_trained_alone(measure, is_judged):
    pairs = pair(
        {"on": "seconds", **MAE_OVER_MSE},
        lambda arm, seed: {"seconds": measure(arm.recipe.loss.kind == "mae", seed)},
        vary={"loss": ["mse", "mae"]},
    )
    assert ("trained together in one program" in pairs.problem) is not is_judged
