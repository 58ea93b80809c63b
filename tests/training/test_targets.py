"""Targets standardised for training, and losses whose lengths are relative to the data."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from scipy import optimize, stats

import fairtrial as ft
from by_hand import recipe
from fairtrial.data.load import load_dataset
from fairtrial.data.split import split_rows
from fairtrial.data.targets import resolve_recipe, standardise_targets
from fairtrial.errors import InputError
from fairtrial.results.scoring import Scorer
from fairtrial.study import Study
from fairtrial.study.task import LinearTask
from fairtrial.training import eager
from fairtrial.training.stacked import Stack, train

TASK = LinearTask(kind="linear", features=2, weights=[3e4, -1e4], intercept=2e5, rows=300,
                  test_rows=50, noise={"kind": "laplace", "scale": 5e3})  # fmt: skip
DATA = {seed: load_dataset(TASK, seed) for seed in (3, 4)}
SGD = {"kind": "sgd", "learning_rate": 0.1}


def huber(delta, **more):
    return recipe({"kind": "huber", "delta": delta}, SGD, steps=20, **more)


def measure_mad(seed, W=(0.0, 0.0), b=0.0):
    residual = DATA[seed].y - DATA[seed].X.astype(float) @ np.array(W) - b
    return stats.median_abs_deviation(residual, scale="normal")


@pytest.mark.parametrize("driver", [eager.train, eager.train_in_graphs])
def test_relative_delta_is_that_number_in_target_units(driver):
    start = {"kind": "constant", "value": 0.5}
    delta = 1.345 * measure_mad(3, (0.5, 0.5), 0.5)
    relative = driver(huber({"times_mad": 1.345}, init=start), DATA[3], 3)
    given = driver(huber(float(delta), init=start), DATA[3], 3)
    np.testing.assert_allclose(relative.W, given.W, rtol=1e-6)
    np.testing.assert_allclose(relative.curves["loss"][1], given.curves["loss"][1], rtol=1e-6)


@pytest.mark.usefixtures("compiled")
def test_each_data_set_of_a_stack_has_its_own_delta():
    recipes = [huber({"times_mad": 1.345}), huber({"times_mad": 0.5}), huber(1e4)]
    found = train(Stack(recipes, [DATA[3], DATA[4]], [3, 4]))
    for seed, row in zip((3, 4), found, strict=True):
        mad = measure_mad(seed)
        for factor, trace in zip((1.345, 0.5, 1e4 / mad), row, strict=True):
            alone = eager.train(huber(float(factor * mad)), DATA[seed], seed)
            np.testing.assert_allclose(trace.W, alone.W, rtol=1e-4)


def test_residuals_without_spread_are_one_sentence():
    flat = replace(DATA[3], y=np.zeros(300, np.float32))
    with pytest.raises(InputError, match="median absolute deviation is 0: give the loss a number"):
        resolve_recipe(huber({"times_mad": 1.0}), flat, 3)


def descend(X, y, n_steps, rate):
    """Gradient descent on the mean squared error, in float64."""
    W, b, path = np.zeros(X.shape[1]), 0.0, []
    for _ in range(n_steps):
        residual = y - X @ W - b
        path.append((np.mean(residual**2), W, b))
        W, b = W + 2 * rate * X.T @ residual / len(y), b + 2 * rate * residual.mean()
    return W, b, path


@pytest.mark.parametrize("driver", ["eager", "graph", "stacked"])
def test_standardised_run_is_reported_in_target_units(driver):
    one, data = recipe("mse", SGD, steps=20, standardise=True), DATA[3]
    if driver == "stacked":
        ((trace,), _) = train(Stack([one], [data, DATA[4]], [3, 4], averages=True))
    else:
        trace = {"eager": eager.train, "graph": eager.train_in_graphs}[driver](one, data, 3)
    y, X = data.y.astype(float), data.X.astype(float)
    W, b, path = descend(X, (y - y.mean()) / y.std(), 20, 0.1)
    np.testing.assert_allclose(trace.W, W * y.std(), rtol=1e-5)
    np.testing.assert_allclose(trace.b, b * y.std() + y.mean(), rtol=1e-5)
    np.testing.assert_allclose(trace.curves["loss"][1], [loss for loss, *_ in path], rtol=1e-4)
    errors = [
        np.linalg.norm([*(W * y.std() - TASK.weights), b * y.std() + y.mean() - TASK.intercept])
        for _, W, b in path
    ]
    np.testing.assert_allclose(trace.curves["parameter_error"][1], errors, rtol=1e-4)
    mean = np.mean([W for _, W, _ in path[1:]] + [W], 0) * y.std()
    np.testing.assert_allclose(trace.average.W, mean, rtol=1e-5)


def test_standardised_lengths_are_in_standard_deviations():
    one = huber({"times_mad": 1.0}, standardise=True)
    data = standardise_targets(one, DATA[3], 3)
    unit = data.unit
    assert unit.size == pytest.approx(DATA[3].y.std(dtype=float))
    expected = measure_mad(3) / unit.size
    assert resolve_recipe(one, data, 3).loss.delta == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("standardise", [False, True])
def test_minimiser_of_a_relative_loss_is_that_of_the_number(standardise):
    X, y = DATA[3].X.astype(float), DATA[3].y.astype(float)
    delta = 0.5 * measure_mad(3)

    def measure(theta):
        residual = y - X @ theta[:2] * 1e4 - theta[2] * 1e5
        size = np.abs(residual)
        return np.where(size < delta, size**2 / 2, delta * (size - delta / 2)).mean() / delta**2

    expected = optimize.minimize(measure, [3, -1, 2], method="Nelder-Mead", tol=1e-12,
                                 options={"maxiter": 10_000}).x * [1e4, 1e4, 1e5]  # fmt: skip
    found = Scorer(DATA[3], 3, None).find_optimum(
        huber({"times_mad": 0.5}, standardise=standardise)
    )
    assert found.problem == ""
    np.testing.assert_allclose([*found.W, found.b], expected, rtol=1e-5)


def test_study_of_relative_losses_and_standardised_targets(tmp_path):
    study = Study(
        name="Prices",
        seeds=2,
        task=TASK,
        recipe=huber({"times_mad": 1.345}),
        vary={"standardise": [False, True], "loss": ["mse", ft.huber(delta={"times_mad": 1.345})]},
        claims=[
            {
                "say": "Standardised targets are learned sooner",
                "better": {"standardise": True},
                "than": {"standardise": False},
                "on": "rmse",
            }
        ],
    )
    trial = ft.run(study, tmp_path / "out")
    runs = trial.runs.filter(pl.col("standardise"))
    assert runs["outcome"].unique().to_list() == ["completed"]
    assert runs["rmse"].max() < 2e4


def test_classes_are_not_standardised():
    with pytest.raises(InputError, match="standardise = true, but digits has classes"):
        Study(
            name="x", seeds=1, task="digits",
            recipe=recipe("cross_entropy", steps=None, epochs=1, batch_size=10, standardise=True),
        )  # fmt: skip


def test_batches_of_standardised_targets_are_reported_in_target_units():
    one = recipe(
        {"kind": "huber", "delta": {"times_mad": 1.0}}, SGD, steps=None, epochs=3, batch_size=32,
        validation=0.25, standardise=True,
    )  # fmt: skip
    (beside, *_), _ = train(Stack([one], [DATA[3], DATA[4]], [3, 4]))
    alone = eager.train(one, DATA[3], 3)
    np.testing.assert_allclose(beside.W, alone.W, rtol=1e-4)
    kept, held_out = split_rows(300, 0.25, 3)
    for rows, prefix in ((kept, "train_"), (held_out, "validation_")):
        residual = DATA[3].y[rows] - DATA[3].X[rows].astype(float) @ alone.W - float(alone.b)
        for trace in (beside, alone):
            for name, value in (("mse", np.mean(residual**2)), ("mae", np.abs(residual).mean())):
                if prefix + name in trace.curves:
                    assert trace.curves[prefix + name][1][-1] == pytest.approx(value, rel=1e-3)
    assert "validation_mse" in alone.curves
    residual = DATA[3].y[kept] - DATA[3].y[kept].mean(dtype=float)
    expected = stats.median_abs_deviation(residual / residual.std(), scale="normal")
    data = standardise_targets(one, DATA[3], 3)
    assert resolve_recipe(one, data, 3).loss.delta == pytest.approx(expected, rel=1e-5)
