"""The best rate of each side: chosen by other rows than those that judge, edges told."""

import numpy as np
import pytest

from fairtrial.evidence.pairs import pair_runs
from fairtrial.evidence.tuning import tune
from made_up import make_runs, make_study

RATES = [0.01, 0.1, 1.0]
VARY = {"loss": ["mse", "mae"], "optimizer.learning_rate": RATES}
AT_THE_LOWEST = {
    "better": {"loss": "mse"},
    "than": {"loss": "mae"},
    "where": {"optimizer.learning_rate": 0.01},
}


def tune_made_up(values, claim=AT_THE_LOWEST, seeds=6, **others):
    """`values[loss][rate]` is the metric of every seed, or one for each."""
    study = make_study([claim], seeds=seeds, **{"vary": VARY} | others)

    def measure(arm, seed):
        value = values[arm.recipe.loss.kind][arm.recipe.optimizer.learning_rate]
        found = value[seed] if isinstance(value, list) else value
        return {"mse": found, "outcome": "completed" if found is not None else "diverged"}

    runs, arms = make_runs(study, measure), study.list_arms()
    pairs = pair_runs(study.claims[0], arms, runs, study.list_seeds())
    return tune(study.claims[0], pairs, arms, runs)


def test_each_side_gets_its_best_rate():
    """MAE looks worse at 0.01, and is better at the rate that suits it."""
    tuned = tune_made_up(
        {"mse": {0.01: 2.0, 0.1: 1.5, 1.0: 9.0}, "mae": {0.01: 5.0, 0.1: 1.0, 1.0: 4.0}}
    )
    assert (tuned.better_rates, tuned.than_rates) == ((0.1,), (0.1,))
    assert tuned.differences.tolist() == [-0.5] * 6
    assert (tuned.chosen_on, tuned.warning) == ("the other seeds", "")


def test_where_higher_is_better():
    """The signs of both the choice and the difference turn."""
    study = make_study([AT_THE_LOWEST | {"on": "r2"}], seeds=6, vary=VARY)
    explained = {"mse": {0.01: 0.5, 0.1: 0.8, 1.0: 0.1}, "mae": {0.01: 0.6, 0.1: 0.2, 1.0: 0.3}}

    def measure(arm, seed):
        value = explained[arm.recipe.loss.kind][arm.recipe.optimizer.learning_rate]
        return {"r2": value, "mse": 1.0 - value}

    runs, arms = make_runs(study, measure), study.list_arms()
    pairs = pair_runs(study.claims[0], arms, runs, study.list_seeds())
    tuned = tune(study.claims[0], pairs, arms, runs)
    assert (tuned.better_rates, tuned.than_rates) == ((0.1,), (0.01,))
    np.testing.assert_allclose(tuned.differences, 0.2)


def test_seeds_that_some_arms_alone_have_do_not_choose():
    """Seeds added to two arms of the grid leave the choice among all of its rates."""
    study = make_study([AT_THE_LOWEST], seeds=4, vary=VARY)
    values = {"mse": {0.01: 2.0, 0.1: 1.0, 1.0: 9.0}, "mae": {0.01: 5.0, 0.1: 1.5, 1.0: 4.0}}

    def measure(arm, seed):
        return {"mse": values[arm.recipe.loss.kind][arm.recipe.optimizer.learning_rate]}

    runs, arms = make_runs(study, measure, seeds=range(9)), study.list_arms()
    added = (runs["seed"] >= 4) & runs["arm"].str.contains("0.1|=1")
    runs = runs.filter(~added)
    pairs = pair_runs(study.claims[0], arms, runs, study.list_seeds())
    assert len(pairs.differences) == 9
    tuned = tune(study.claims[0], pairs, arms, runs)
    assert tuned.differences.tolist() == [0.5] * 4
    assert (tuned.better_rates, tuned.than_rates) == ((0.1,), (0.1,))


def test_an_edge_is_told():
    tuned = tune_made_up(
        {"mse": {0.01: 1.0, 0.1: 2.0, 1.0: 3.0}, "mae": {0.01: 3.0, 0.1: 1.0, 1.0: 4.0}}
    )
    assert "0.01 of 0.01, 0.1, 1 for sgd on mse" in tuned.warning
    assert "mae" not in tuned.warning


def test_a_rate_that_lost_a_run_is_not_chosen():
    lost = [0.1, 0.1, None, 0.1, 0.1, 0.1]
    tuned = tune_made_up(
        {"mse": {0.01: 1.0, 0.1: 2.0, 1.0: lost}, "mae": {0.01: 3.0, 0.1: 1.0, 1.0: 4.0}}
    )
    assert tuned.better_rates == (0.01,)


def test_a_seed_does_not_choose_its_own_rate():
    """Each rate is lucky on one seed. Chosen by that seed, the luck would be counted as skill."""
    lucky = {
        rate: [0.0 if seed == place else 1.0 for seed in range(3)]
        for place, rate in enumerate(RATES)
    }
    tuned = tune_made_up({"mse": lucky, "mae": {0.01: 2.0, 0.1: 1.0, 1.0: 2.0}}, seeds=3)
    assert np.mean(tuned.differences) == 0.0


@pytest.mark.parametrize(
    ("claim", "others"),
    [
        (AT_THE_LOWEST, {"vary": {"loss": ["mse", "mae"]}}),
        (
            {"better": {"optimizer.learning_rate": 0.1}, "than": {"optimizer.learning_rate": 1.0}},
            {},
        ),
    ],
)
def test_without_a_grid_or_another_kind_there_is_nothing_to_tune(claim, others):
    values = {loss: dict.fromkeys(RATES, 1.0) for loss in ("mse", "mae")}
    assert tune_made_up(values, claim, **others) is None


def test_images_are_chosen_on_validation_rows():
    """The rate that is best on test is not the one that is best on validation."""
    claim = {"better": {"optimizer": "adam"}, "than": {"optimizer": "sgd"}, "on": "accuracy"}
    study = make_study(
        [claim | {"where": {"optimizer.learning_rate": 0.1}}],
        task="digits",
        recipe={
            "loss": "cross_entropy", "optimizer": "sgd", "epochs": 1, "batch_size": 9,
            "validation": 0.2,
        },
        vary={"optimizer.kind": ["sgd", "adam"], "optimizer.learning_rate": RATES},
    )  # fmt: skip
    on_validation = {0.01: 0.9, 0.1: 0.8, 1.0: 0.7}

    def measure(arm, seed):
        rate = arm.recipe.optimizer.learning_rate
        return {"accuracy": 1.0 - on_validation[rate], "validation_accuracy": on_validation[rate]}

    runs, arms = make_runs(study, measure), study.list_arms()
    pairs = pair_runs(study.claims[0], arms, runs, study.list_seeds())
    tuned = tune(study.claims[0], pairs, arms, runs)
    assert tuned.better_rates == tuned.than_rates == (0.01,)
    assert tuned.chosen_on == "validation_accuracy"
    assert tune(study.claims[0], pairs, arms, runs.drop("validation_accuracy")) is None
