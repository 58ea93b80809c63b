"""Minimisers of more losses against linear programs, scikit-learn and generic solvers of SciPy."""

import numpy as np
import pytest
import scipy.optimize
import scipy.special
from sklearn.linear_model import LogisticRegression, QuantileRegressor

from by_hand import recipe
from fairtrial.optimum import find_optimum, measure_objective, softmax
from reference.losses import LOSSES

QUANTILE = {"kind": "quantile", "tau": 0.8}
TUBE = {"kind": "epsilon_insensitive", "epsilon": 0.7}
SMOOTH = [
    "log_cosh",
    *({"kind": "barron", "shape": shape, "scale": 0.6} for shape in (1.0, 1.5, 2.0, 3.0)),
]
PENALTIES = [{}, {"l2": 0.1}, {"l1": 0.2}, {"elastic_net": 0.1, "l1_share": 0.3}]


def make_line(n_rows=200, n_features=3, seed=0, integers=False):
    draw = np.random.default_rng(seed)
    X = draw.normal(2.0, 3.0, (n_rows, n_features))
    y = X @ np.linspace(-1.0, 2.0, n_features) + 5.0 + draw.standard_t(2, n_rows)
    return (X.round(), y.round()) if integers else (X, y)


def find_certified(case, X, y, n_classes=0):
    optimum = find_optimum(case, X, y, n_classes)
    assert not optimum.problem
    assert optimum.certificate <= optimum.tolerance
    return optimum


def solve_program(loss, X, y, l1=0.0):
    """The least objective as a linear program: each loss is the largest of straight lines."""
    if loss["kind"] == "quantile":
        lines = [(loss["tau"], 0.0), (loss["tau"] - 1, 0.0)]  # slope and offset of the residual
    else:
        lines = [(1.0, -loss["epsilon"]), (-1.0, -loss["epsilon"]), (0.0, 0.0)]
    N, D = X.shape
    costs = np.concatenate([np.full(2 * D, l1), [0.0, 0.0], np.full(N, 1 / N)])
    A = np.hstack([X, -X, np.ones((N, 1)), -np.ones((N, 1))])
    # slope (y - A theta) + offset <= s
    rows = np.vstack([np.hstack([-slope * A, -np.eye(N)]) for slope, _ in lines])
    limits = np.concatenate([-slope * y - offset for slope, offset in lines])
    bounds = [(0, None)] * (2 * D + 2) + [(None, None)] * N
    return scipy.optimize.linprog(costs, A_ub=rows, b_ub=limits, bounds=bounds).fun


@pytest.mark.parametrize("l1", [0.0, 0.05, 3.0])
@pytest.mark.parametrize("integers", [False, True])
@pytest.mark.parametrize("loss", [QUANTILE, TUBE, {**QUANTILE, "tau": 0.05}], ids=str)
def test_piecewise_linear_loss_is_a_linear_program(loss, integers, l1):
    X, y = make_line(integers=integers)
    optimum = find_certified(recipe(loss, penalty={"l1": l1}), X, y)
    assert optimum.objective == pytest.approx(solve_program(loss, X, y, l1), rel=1e-9)


def test_quantile_is_that_of_scikit_learn():
    X, y = make_line()
    model = QuantileRegressor(quantile=0.8, alpha=0.0).fit(X, y)
    optimum = find_certified(recipe(QUANTILE), X, y)
    np.testing.assert_allclose(optimum.W, model.coef_, rtol=1e-7)
    np.testing.assert_allclose(optimum.b, model.intercept_, rtol=1e-7)


def test_quantile_of_a_constant_feature_is_the_quantile():
    y = np.arange(11.0) ** 2
    optimum = find_certified(recipe({"kind": "quantile", "tau": 0.25}), np.ones((11, 1)), y)
    assert optimum.W[0] + optimum.b == pytest.approx(np.quantile(y, 0.25, method="inverted_cdf"))


def test_other_minima_of_a_wide_tube_are_its_corners():
    """Each has all rows within the tube, and as many on its edge as there are parameters."""
    random = np.random.default_rng(0)
    X = random.normal(size=(1000, 20))
    y = X @ random.normal(size=20) + random.normal(size=1000)
    optimum = find_certified(recipe({**TUBE, "epsilon": 6.0}), X, y)
    assert len(optimum.others) == 16
    for W, b in optimum.others:
        sizes = np.abs(y - X @ W - b)
        assert sizes.max() <= 6.0 * (1 + 1e-9)
        assert np.count_nonzero(sizes >= 6.0 * (1 - 1e-6)) >= 21


def test_wide_tube_has_many_minima():
    X, y = make_line()
    assert not find_certified(recipe({**TUBE, "epsilon": 1e3}), X, y).is_unique
    assert find_certified(recipe(TUBE), X, y).is_unique


@pytest.mark.parametrize("penalty", PENALTIES, ids=str)
@pytest.mark.parametrize("loss", [QUANTILE, TUBE, *SMOOTH], ids=str)
def test_no_solver_and_no_nearby_point_has_a_lower_objective(loss, penalty):
    X, y = make_line(n_rows=60)
    case = recipe(loss, penalty=penalty)
    reference, net = LOSSES[case.loss.kind], penalty.get("elastic_net", 0.0)
    l2 = penalty.get("l2", 0.0) + net * 0.7 / 2
    l1 = penalty.get("l1", 0.0) + net * 0.3

    def measure(theta):
        residual = y - X @ theta[:-1] - theta[-1]
        value = reference.value(residual, case.loss).mean()
        return value + l2 * np.sum(theta[:-1] ** 2) + l1 * np.abs(theta[:-1]).sum()

    optimum = find_certified(case, X, y)
    there = np.append(optimum.W, optimum.b)
    assert optimum.objective == pytest.approx(measure(there), rel=1e-12)
    found = scipy.optimize.minimize(measure, there + 0.1, method="Powell", options={"ftol": 1e-13})
    assert optimum.objective <= found.fun + 1e-10
    draw = np.random.default_rng(1)
    for size in np.repeat([1.0, 1e-2, 1e-4], 100):
        assert measure(there + size * draw.normal(size=4)) >= optimum.objective - 1e-13


@pytest.mark.parametrize("loss", SMOOTH, ids=str)
def test_smooth_loss_has_no_slope_at_its_minimum(loss):
    X, y = make_line(n_rows=10_000, n_features=2)
    case = recipe(loss)
    optimum = find_certified(case, X, y)
    slopes = LOSSES[case.loss.kind].slope(y - X @ optimum.W - optimum.b, case.loss)
    A = np.column_stack([X, np.ones(len(X))])
    assert np.abs(A.T @ slopes).max() / len(y) < 1e-5


def test_smooth_loss_of_degenerate_rows():
    X, y = make_line()
    X = np.column_stack([X, X[:, 0], np.full(len(X), 7.0)])
    plain = find_certified(recipe("log_cosh"), X, y)
    assert plain.objective == pytest.approx(
        find_certified(recipe("log_cosh"), X[:, :3], y).objective
    )
    for penalty in PENALTIES:
        find_certified(recipe("log_cosh", penalty=penalty), X, y)
        find_certified(recipe("log_cosh", penalty=penalty), X[:3], y[:3])


def test_barron_below_one_has_no_certificate():
    X, y = make_line()
    case = recipe({"kind": "barron", "shape": 0.5})
    assert find_optimum(case, X, y, 0).problem == "its loss may have several minima"
    assert not case.loss.has_minimiser


# ------------------------------------------------------------------------- cross-entropy


def make_classes(n_rows=600, n_features=4, n_classes=3, seed=0):
    draw = np.random.default_rng(seed)
    X = draw.normal(1.0, 2.0, (n_rows, n_features))
    logits = X @ draw.normal(size=(n_features, n_classes))
    return X, (logits + draw.gumbel(scale=3.0, size=logits.shape) + [2.0, 0.0, 0.0]).argmax(1)


def smoothed(smoothing, weights=None, **penalty):
    loss = {"kind": "cross_entropy", "label_smoothing": smoothing}
    return recipe(
        loss, steps=None, epochs=1, batch_size=9, class_weights=weights, penalty=penalty
    )  # fmt: skip


def test_balanced_cross_entropy_is_that_of_scikit_learn():
    X, y = make_classes()
    weights = (len(y) / (3 * np.bincount(y))).tolist()
    model = LogisticRegression(
        C=1 / (2 * len(X) * 1e-2), tol=1e-10, max_iter=10_000, class_weight="balanced"
    ).fit(X, y)
    optimum = find_certified(smoothed(0.0, weights, l2=1e-2), X, y, 3)
    np.testing.assert_allclose(optimum.W, model.coef_.T, atol=1e-5)
    plain = find_certified(smoothed(0.0, l2=1e-2), X, y, 3)
    assert np.abs(plain.W - optimum.W).max() > 1e-3


@pytest.mark.parametrize("weights", [None, [0.5, 1.0, 3.0]])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("penalty", [{}, {"l2": 0.01}, {"l1": 0.01}], ids=str)
def test_cross_entropy_with_smoothing_and_weights(smoothing, weights, penalty):
    X, y = make_classes()
    case = smoothed(smoothing, weights, **penalty)
    optimum = find_certified(case, X, y, 3)
    wanted = np.eye(3)[y] * (1 - smoothing) + smoothing / 3
    rows = np.ones(len(y)) if weights is None else np.array(weights)[y]

    def measure(theta):
        theta = theta.reshape(5, 3)
        logs = scipy.special.log_softmax(X @ theta[:-1] + theta[-1], 1)
        value = -(rows * (wanted * logs).sum(1)).mean()
        value += penalty.get("l2", 0.0) * np.sum(theta[:-1] ** 2)
        return value + penalty.get("l1", 0.0) * np.abs(theta[:-1]).sum()

    there = np.vstack([optimum.W, optimum.b]).ravel()
    assert optimum.objective == pytest.approx(measure(there), rel=1e-12)
    assert measure_objective(case, X, y, optimum.W, optimum.b) == optimum.objective
    draw = np.random.default_rng(1)
    for size in np.repeat([1.0, 1e-2, 1e-4], 50):
        assert measure(there + size * draw.normal(size=15)) >= optimum.objective - 1e-13
    if "l1" not in penalty:
        found = scipy.optimize.minimize(measure, there + 0.05, method="BFGS")
        assert optimum.objective == pytest.approx(found.fun, abs=1e-7)


def test_smoothed_labels_of_separable_classes_have_a_minimiser():
    y = np.arange(60) % 3
    X = np.eye(3)[y] + np.random.default_rng(4).uniform(-0.4, 0.4, (60, 3))
    assert find_optimum(smoothed(0.0), X, y, 3).problem == softmax.SEPARABLE
    find_certified(smoothed(0.1), X, y, 3)
    find_certified(smoothed(0.1), X, y, 4)  # A class without rows is as probable as it is wanted.
