"""The split of a difference, against scikit-learn's minimisers; the reach, by counting."""

import numpy as np
import pytest
import sklearn.linear_model

from fairtrial.data.load import load_dataset
from fairtrial.evidence.cause import find_cause, find_reach
from fairtrial.evidence.optima import OPTIMA, Optima
from fairtrial.evidence.pairs import pair_runs
from fairtrial.training import eager
from made_up import make_runs, make_study

SEEDS = [0, 1, 2, 3]
MSE_OVER_MAE = {"better": {"loss": "mse"}, "than": {"loss": "mae"}, "on": "parameter_error"}


def find(claim, measure, **others):
    study = make_study([claim], seeds=len(SEEDS), **others)
    runs = make_runs(study, measure)
    pairs = pair_runs(study.claims[0], study.list_arms(), runs, study.list_seeds())
    return find_cause(study.claims[0], pairs, Optima()), pairs


def fit_errors(model):
    """How far a scikit-learn model's parameters are from the truth, on each seed's rows."""
    errors = []
    for seed in SEEDS:
        task = make_study().list_arms()[0].task
        data = load_dataset(task, seed)
        fitted = model.fit(data.X.astype(float), data.y.astype(float))
        errors.append(np.hypot(fitted.coef_[0] - 3.0, fitted.intercept_ - 2.0))
    return np.array(errors)


def test_choice_is_the_difference_of_the_minima_and_the_rest_is_budget():
    values = {"mse": 0.5, "mae": 2.0}
    cause, pairs = find(
        MSE_OVER_MAE,
        lambda arm, seed: {"parameter_error": values[arm.recipe.loss.kind] + 0.1 * seed},
    )
    least_squares = fit_errors(sklearn.linear_model.LinearRegression())
    least_absolute = fit_errors(
        sklearn.linear_model.QuantileRegressor(quantile=0.5, alpha=0.0, solver="highs")
    )
    np.testing.assert_allclose(cause.choice, least_absolute - least_squares, atol=1e-6)
    np.testing.assert_allclose(cause.choice + cause.budget, pairs.differences, atol=1e-12)
    np.testing.assert_allclose(pairs.differences, 1.5)
    assert cause.is_budget
    assert cause.sentence.startswith("mae ends 1.50 worse in parameter_error;")
    assert f"{cause.choice.mean():.2f} of it is the loss" in cause.sentence
    assert f"{cause.budget.mean():.2f} is unfinished training" in cause.sentence


def test_runs_at_their_minima_differ_by_choice_alone():
    errors = {
        "mse": fit_errors(sklearn.linear_model.LinearRegression()),
        "mae": fit_errors(
            sklearn.linear_model.QuantileRegressor(quantile=0.5, alpha=0.0, solver="highs")
        ),
    }
    cause, _ = find(
        MSE_OVER_MAE, lambda arm, seed: {"parameter_error": errors[arm.recipe.loss.kind][seed]}
    )
    np.testing.assert_allclose(cause.budget, 0.0, atol=1e-6)
    assert not cause.is_budget


def test_the_sign_where_higher_is_better():
    """Choice is how much more of the variance the better side's minimum explains."""
    explained = {}
    for loss, model in (
        ("mse", sklearn.linear_model.LinearRegression()),
        ("mae", sklearn.linear_model.QuantileRegressor(quantile=0.5, alpha=0.0, solver="highs")),
    ):
        explained[loss] = []
        for seed in SEEDS:
            data = load_dataset(make_study().list_arms()[0].task, seed)
            fitted = model.fit(data.X.astype(float), data.y.astype(float))
            explained[loss].append(fitted.score(data.test_X.astype(float), data.test_y))
    cause, _ = find(MSE_OVER_MAE | {"on": "r2"}, lambda arm, seed: {"r2": 0.5})
    expected = np.subtract(explained["mse"], explained["mae"])
    np.testing.assert_allclose(cause.choice, expected, atol=1e-6)


def test_all_that_differs_is_named():
    claim = {
        "better": {"loss": "mse", "task.rows": 50}, "than": {"loss": "mae", "task.rows": 40},
        "on": "parameter_error",
    }  # fmt: skip
    cause, _ = find(
        claim, lambda arm, seed: {"parameter_error": 1.0 + (arm.recipe.loss.kind == "mae")},
        vary={"loss": ["mse", "mae"], "task.rows": [40, 50]},
    )  # fmt: skip
    assert "of it is the loss and the task's rows," in cause.sentence


def test_fewer_rows_than_parameters_have_no_one_minimum():
    task = {"kind": "linear", "features": 9, "rows": 10, "test_rows": 5}
    recipe = {"loss": "mse", "optimizer": "sgd", "steps": 9}
    claim = {"better": {"penalty.l2": 0.0}, "than": {"penalty.l2": 0.1}}
    study = {"task": task, "recipe": recipe, "vary": {"penalty.l2": [0.0, 0.1]}}
    cause, _ = find(claim, lambda arm, seed: {"mse": 1.0}, **study)
    assert cause.startswith("Not split: there are fewer rows than parameters")


def test_one_seed_without_a_minimum_ends_the_search(monkeypatch):
    searched = []

    def search(key, task, objective, seed):
        searched.append(seed)
        row = {name: [] for name in ("parameters", "sizes", "metric", "metric_value")}
        return row | {"key": key, "problem": "takes long", "certificate": 1.0, "tolerance": 0.0}

    monkeypatch.setattr("fairtrial.evidence.optima._search", search)
    (only,) = Optima().find(make_study().list_arms()[0], SEEDS)
    assert (only.problem, searched) == ("takes long", [0])


def test_the_same_objective_leaves_no_choice():
    claim = {"better": {"optimizer.learning_rate": 0.1}, "than": {"optimizer.learning_rate": 0.01}}
    cause, pairs = find(claim, lambda arm, seed: {"mse": arm.recipe.optimizer.learning_rate + seed})
    assert cause.choice.tolist() == [0.0] * 4
    np.testing.assert_array_equal(cause.budget, pairs.differences)
    assert "0.1" in cause.sentence and "all of it is budget" in cause.sentence


def test_what_is_about_the_way_is_not_split():
    cause, _ = find(
        MSE_OVER_MAE | {"on": "steps_to_tolerance"}, lambda arm, seed: {"steps_to_tolerance": 5.0}
    )
    assert cause == (
        "steps_to_tolerance is about the way, not the end: it has no minimum to be split at."
    )


def test_where_there_is_no_minimum_it_is_said():
    """The digits can be told apart by planes, so cross-entropy falls for ever."""
    claim = {"better": {"validation": 0.1}, "than": {"validation": 0.5}, "on": "accuracy"}
    recipe = {"loss": "cross_entropy", "optimizer": "sgd", "epochs": 1, "batch_size": 9}
    cause, _ = find(
        claim, lambda arm, seed: {"accuracy": 0.5}, task="digits", recipe=recipe,
        vary={"validation": [0.1, 0.5]},
    )  # fmt: skip
    assert cause.startswith("Not split: no minimum of 'validation=0.1' is known: ")


def test_minima_are_kept_in_the_folder(tmp_path, monkeypatch):
    arm = make_study().list_arms()[0]
    optima = Optima(tmp_path)
    found = optima.find(arm, SEEDS)
    optima.write()
    assert (tmp_path / OPTIMA).is_file()
    monkeypatch.setattr("fairtrial.evidence.optima._search", None)
    again = Optima(tmp_path).find(arm, SEEDS)
    assert [one.metrics for one in again] == [one.metrics for one in found]
    np.testing.assert_array_equal(again[0].parameters, found[0].parameters)


# ------------------------------------------------------------------------------------------ reach


def reach(recipe, seeds=(0, 1, 2)):
    study = make_study(recipe=recipe, vary={}, arms=[{"name": "it"}], seeds=len(seeds))
    arm = study.list_arms()[0]
    return arm, find_reach(arm, list(seeds), Optima().find(arm, seeds))


@pytest.mark.parametrize("loss", ["mae", {"kind": "huber", "delta": 0.5}])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_no_run_moves_further_than_its_reach(loss, momentum):
    optimizer = {"kind": "sgd", "learning_rate": 0.001, "momentum": momentum}
    arm, found = reach({"loss": loss, "optimizer": optimizer, "steps": 40})
    data = load_dataset(arm.task, 0)
    moved = np.abs(eager.train(arm.recipe, data, 0).W[0])
    bound = 40 * 0.001 * np.abs(data.X).mean() / (1.0 - momentum)
    bound *= 0.5 if loss != "mae" else 1.0
    assert 0.3 * bound < moved <= bound * 1.0001
    factor = (0.5 if loss != "mae" else 1.0) / (1.0 - momentum)
    sizes = np.mean([np.abs(load_dataset(arm.task, seed).X).mean() for seed in range(3)])
    assert f"cannot move further than {40 * 0.001 * sizes * factor:.3g}," in found.sentence
    assert found.share < 1.0
    assert "and 40 steps" in found.sentence and "W cannot move further than" in found.sentence


@pytest.mark.parametrize(
    "others",
    [
        {"loss": "mse"},
        {"loss": "hybrid"},
        {"loss": "mae", "optimizer": "adam"},
        {"loss": "mae", "noise": {"weights": {"every": 5}}},
        {"loss": "mae", "steps": 100_000},
    ],
)
def test_no_reach_where_nothing_bounds_the_way_or_it_is_far_enough(others):
    recipe = {"optimizer": {"kind": "sgd", "learning_rate": 0.001}, "steps": 40} | others
    assert reach(recipe)[1] is None
