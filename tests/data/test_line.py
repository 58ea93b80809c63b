"""The line's rows: distributions against SciPy, and what rows of one seed share."""

import numpy as np
import pytest
import scipy.stats

from fairtrial.data.load import load_dataset
from fairtrial.kinds.noise.noises import NOISES as REGISTERED
from fairtrial.study.task import LinearTask, LineTask
from reference.noises import NOISES

N = 20_000


# One row for each kind of noise, or more: its settings at scale 1, and its distribution.
CASES = [
    (case, NOISES[case["kind"]](LineTask(kind="line", noise=case).noise))
    for case in (
        {"kind": "normal"},
        {"kind": "uniform"},
        {"kind": "laplace"},
        {"kind": "student_t", "degrees_of_freedom": 5.0},
        {"kind": "student_t", "degrees_of_freedom": 3.0},
        {"kind": "contaminated"},
        {"kind": "contaminated", "share": 0.3, "factor": 4.0},
        {"kind": "compressed_normal"},
        {"kind": "exponential"},
    )
]
NAMES = [str(case[0]) for case in CASES]


def draw(noise, seed=11, **others):
    """Rows and their noise: what is left of y when the line is taken off."""
    task = LineTask(kind="line", noise=noise, **{"rows": N, "test_rows": N} | others)
    data = load_dataset(task, seed)
    return data, data.y - (task.slope * data.X[:, 0].astype(float) + task.intercept)


@pytest.mark.parametrize(("noise", "expected"), CASES, ids=NAMES)
def test_distribution_of_noise(noise, expected):
    _, found = draw(noise)
    assert scipy.stats.kstest(found, expected.cdf).pvalue > 0.01
    if noise.get("degrees_of_freedom", 9) > 4:  # else the deviation itself is too noisy
        assert np.std(found) == pytest.approx(expected.std(), rel=0.03)
    assert abs(np.mean(found)) < 4 * expected.std() / np.sqrt(N)


@pytest.mark.parametrize(("noise", "expected"), CASES, ids=NAMES)
def test_density_of_noise_is_the_slope_of_the_distribution(noise, expected):
    scale, step = 2.5, 1e-4
    settings = LineTask(kind="line", noise=noise | {"scale": scale}).noise
    at = np.array([-3.1, -1.7, -0.4, 0.3, 1.2, 2.2])
    slope = (expected.cdf((at + step) / scale) - expected.cdf((at - step) / scale)) / (2 * step)
    got = settings.measure_density(at)
    np.testing.assert_allclose(got, slope, rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize("noise", [case[0] for case in CASES], ids=NAMES)
def test_scale_of_noise_multiplies_the_same_draws(noise):
    data, one = draw(noise)
    wide, four = draw(noise | {"scale": 4.0})
    np.testing.assert_array_equal(data.X, wide.X)
    np.testing.assert_allclose(four, 4 * one, rtol=1e-4, atol=1e-4)
    _, none = draw(noise | {"scale": 0.0})
    np.testing.assert_allclose(none, 0, atol=1e-5)


@pytest.mark.parametrize(("noise", "expected"), CASES, ids=NAMES)
def test_test_rows_have_new_draws_of_the_same_distribution(noise, expected):
    data, _ = draw(noise)
    found = data.test_y - (3 * data.test_X[:, 0].astype(float) + 2)
    assert scipy.stats.kstest(found, expected.cdf).pvalue > 0.01
    assert abs(np.corrcoef(data.X[:, 0], data.test_X[:, 0])[0, 1]) < 4 / np.sqrt(N)
    assert not np.any(data.test_X == data.X)


def test_x_is_standard_normal_and_independent_of_the_kind_of_noise():
    first, _ = draw("normal")
    assert scipy.stats.kstest(first.X[:, 0], "norm").pvalue > 0.01
    for noise, _ in CASES:
        other, _ = draw(noise)
        np.testing.assert_array_equal(other.X, first.X)
        np.testing.assert_array_equal(other.test_X, first.test_X)


def test_fewer_rows_are_the_first_of_more():
    few, some_noise = draw("normal", rows=100, test_rows=50)
    many, more_noise = draw("normal")
    np.testing.assert_array_equal(few.X, many.X[:100])
    np.testing.assert_array_equal(few.test_X, many.test_X[:50])
    np.testing.assert_array_equal(some_noise, more_noise[:100])


def test_noise_and_x_are_independent():
    data, noise = draw("normal")
    assert abs(np.corrcoef(data.X[:, 0], noise)[0, 1]) < 4 / np.sqrt(N)


def test_line_data():
    data, _ = draw({"kind": "normal", "scale": 0.0}, slope=-1.5, intercept=4.0, rows=7)
    np.testing.assert_allclose(data.y, 4 - 1.5 * data.X[:, 0].astype(float), rtol=1e-6)
    assert data.true_parameters is not None
    assert data.true_parameters.tolist() == [-1.5, 4.0]
    assert (data.X.shape, data.y.shape, data.n_classes) == ((7, 1), (7,), 0)
    assert {array.dtype for array in (data.X, data.y, data.test_X, data.test_y)} == {
        np.dtype(np.float32)
    }


def test_seeds_give_different_lines():
    one, noise = draw("normal", seed=1)
    other, other_noise = draw("normal", seed=2)
    assert not np.any(one.X == other.X)
    assert abs(np.corrcoef(noise, other_noise)[0, 1]) < 4 / np.sqrt(N)


def test_every_kind_of_noise_is_registered():
    known = {kind.name for kind in REGISTERED if not kind.sees_features}  # See test_noise.py.
    assert {noise["kind"] for noise, _ in CASES} == known


# ---------------------------------------------------------------------------------- many features


def test_linear_data():
    task = LinearTask(
        kind="linear",
        features=3,
        weights=[1.0, -2.0, 0.5],
        intercept=4.0,
        rows=N,
        test_rows=9,
        noise={"kind": "normal", "scale": 0.0},
    )
    data = load_dataset(task, 1)
    np.testing.assert_allclose(data.y, data.X.astype(float) @ [1.0, -2.0, 0.5] + 4, atol=1e-5)
    np.testing.assert_allclose(data.test_y, data.test_X @ [1.0, -2.0, 0.5] + 4, atol=1e-5)
    assert data.true_parameters is not None
    assert data.true_parameters.tolist() == [1.0, -2.0, 0.5, 4.0]
    for feature in data.X.T:
        assert scipy.stats.kstest(feature, "norm").pvalue > 0.01


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.95])
def test_correlation_of_features(correlation):
    task = LinearTask(kind="linear", features=4, correlation=correlation, rows=N)
    X = load_dataset(task, 1).X.astype(float)
    pairs = np.corrcoef(X.T)[np.triu_indices(4, 1)]
    np.testing.assert_allclose(pairs, correlation, atol=4 / np.sqrt(N))
    np.testing.assert_allclose(X.std(0), 1, atol=0.03)


def test_weights_are_drawn_for_each_seed_and_shared_by_noises():
    tasks = [LinearTask(kind="linear", features=500, rows=2, noise=kind()) for kind in REGISTERED]
    truths = [load_dataset(task, 1).true_parameters for task in tasks]
    for truth in truths:
        np.testing.assert_array_equal(truth, truths[0])
    assert scipy.stats.kstest(truths[0][:-1], "norm").pvalue > 0.01
    assert not np.any(load_dataset(tasks[0], 2).true_parameters[:-1] == truths[0][:-1])
