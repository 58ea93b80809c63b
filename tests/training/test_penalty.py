"""Penalties: elastic net in one number, and proximal steps that give exact zeros."""

import numpy as np
import pytest
from sklearn.linear_model import ElasticNet, Lasso

from by_hand import recipe
from fairtrial.data.load import load_dataset
from fairtrial.errors import InputError
from fairtrial.results.scoring import Scorer, keep_objective
from fairtrial.study import Study
from fairtrial.study.metrics import list_metrics
from fairtrial.study.recipe import Penalty
from fairtrial.study.task import LinearTask
from fairtrial.training import eager
from fairtrial.training.hyperparameters import list_kinds, make_numbers
from fairtrial.training.stacked import Stack, train

TASK = LinearTask(kind="linear", features=5, weights=[2.0, 0.0, -1.0, 0.0, 0.1], intercept=0.5,
                  rows=200, test_rows=50)  # fmt: skip
DATA = load_dataset(TASK, 3)
SGD = {"kind": "sgd", "learning_rate": 0.1}
LASSO = {"l1": 0.4, "proximal": True}
NET = {"elastic_net": 0.6, "l1_share": 0.75, "proximal": True}


def fit(model):
    model.set_params(tol=1e-12, max_iter=100_000).fit(DATA.X.astype(float), DATA.y.astype(float))
    return model.coef_, model.intercept_


# scikit-learn halves the squared error, so its penalty is half of ours.
CASES = [(LASSO, lambda: Lasso(alpha=0.2)), (NET, lambda: ElasticNet(alpha=0.3, l1_ratio=0.75))]


def test_proximal_steps_end_at_the_minimum_of_scikit_learn():
    """Both penalties side by side, and each alone."""
    lanes = [recipe("mse", SGD, steps=300, penalty=penalty) for penalty, _ in CASES]
    (row,) = train(Stack(lanes, [DATA], [3]))
    for one, (_, model), lane in zip(lanes, CASES, row, strict=True):
        W, b = fit(model())
        for trace in (eager.train_in_graphs(one, DATA, 3), lane):
            np.testing.assert_allclose(trace.W, W, atol=2e-6)
            np.testing.assert_allclose(trace.b, b, atol=2e-6)
            np.testing.assert_array_equal(trace.W == 0, W == 0)
        assert (W == 0).any()
        metrics = Scorer(DATA, 3, None).measure_run(lane, one)
        assert metrics["n_zeros"] == np.sum(W == 0)
        assert sorted(metrics) == sorted(list_metrics(TASK, one))


@pytest.mark.parametrize(("penalty", "model"), CASES, ids=["lasso", "elastic net"])
def test_exact_minimiser_is_that_of_scikit_learn(penalty, model):
    W, b = fit(model())
    found = Scorer(DATA, 3, None).find_optimum(recipe("mse", SGD, penalty=penalty))
    assert found.problem == ""
    np.testing.assert_allclose(found.W, W, atol=1e-8)
    np.testing.assert_allclose(found.b, b, atol=1e-8)


def descend(n_steps, rate, l1):
    """Proximal gradient descent on the mean squared error in float64: losses, then weights."""
    X, y, W, b, losses = DATA.X.astype(float), DATA.y.astype(float), np.zeros(5), 0.0, []
    for _ in range(n_steps):
        residual = y - X @ W - b
        losses.append(np.mean(residual**2) + l1 * np.abs(W).sum())
        W, b = W + 2 * rate * X.T @ residual / len(y), b + 2 * rate * residual.mean()
        W = np.where(rate * l1 < W, W - rate * l1, np.where(-rate * l1 > W, W + rate * l1, 0.0))
    return losses, W


@pytest.mark.usefixtures("compiled")
def test_proximal_lane_beside_others_is_as_alone():
    recipes = [
        recipe("mse", SGD, steps=15, penalty=penalty)
        for penalty in ({}, {"l1": 0.4}, LASSO, {"l2": 0.1})
    ]
    (beside,) = train(Stack(recipes, [DATA], [3]))
    for one, found in zip(recipes, beside, strict=True):
        np.testing.assert_allclose(found.W, eager.train(one, DATA, 3).W, rtol=1e-5, atol=1e-7)
    losses, W = descend(15, 0.1, 0.4)
    for trace in (beside[2], eager.train_in_graphs(recipes[2], DATA, 3)):
        np.testing.assert_allclose(trace.curves["loss"][1], losses, rtol=1e-5)
        np.testing.assert_allclose(trace.W, W, rtol=1e-4, atol=1e-6)


def test_programs_have_only_the_penalties_that_lanes_use():
    assert list_kinds([recipe(penalty=NET)]).penalties == {"l2", "proximal"}
    assert list_kinds([recipe(penalty={"elastic_net": 1.0, "l1_share": 0.0})]).penalties == {"l2"}
    numbers = make_numbers([recipe(penalty=NET), recipe(penalty={"l2": 0.5})], (2,))
    np.testing.assert_allclose(numbers["penalty.l2"], [0.6 * 0.25 / 2, 0.5])
    np.testing.assert_allclose(numbers["penalty.proximal"], [0.6 * 0.75, 0.0])
    assert not [name for name in make_numbers([recipe()], ()) if name.startswith("penalty")]


def test_proximal_steps_share_the_objective():
    one, other = (recipe(penalty={"l1": 0.4, "proximal": each}) for each in (True, False))
    assert keep_objective(one) == keep_objective(other)
    assert keep_objective(recipe()).penalty == Penalty()


@pytest.mark.parametrize(
    ("optimizer", "penalty", "sentence"),
    [
        ("adam", LASSO, "penalty.proximal = true, but optimizer = 'adam' with these settings does"),
        ({"kind": "sgd", "momentum": 0.9}, LASSO, "use 'sgd' without momentum"),
        ("sgd", {"proximal": True}, "proximal needs a penalty on absolute weights: set l1 or"),
        ("sgd", {"l1_share": 0.2}, "l1_share is the share of elastic_net"),
    ],
)
def test_what_is_refused(optimizer, penalty, sentence):
    with pytest.raises(InputError, match=sentence):
        Study(
            name="x", seeds=1, task="line",
            recipe={"loss": "mse", "optimizer": optimizer, "steps": 3, "penalty": penalty},
        )  # fmt: skip
