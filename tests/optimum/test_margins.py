"""Minimisers of the hinge loss against linear programs, scikit-learn and a solver of SciPy."""

import numpy as np
import pytest
import scipy.optimize
from sklearn.svm import LinearSVC

from by_hand import recipe
from fairtrial.optimum import find_optimum, measure_objective

LOSSES = ["hinge", "squared_hinge"]
PENALTIES = [{}, {"l2": 0.01}, {"l1": 0.02}, {"elastic_net": 0.05, "l1_share": 0.5}]


def make_classes(n_rows=300, seed=0, integers=False):
    draw = np.random.default_rng(seed)
    X = draw.normal(1.0, 2.0, (n_rows, 4))
    logits = X @ draw.normal(size=(4, 3))
    y = (logits + draw.gumbel(scale=3.0, size=logits.shape)).argmax(1)
    return (X.round(), y) if integers else (X, y)


def state(loss, weights=None, **penalty):
    return recipe(
        loss, steps=None, epochs=1, batch_size=9, class_weights=weights, penalty=penalty
    )  # fmt: skip


def find_certified(case, X, y, n_classes=3):
    optimum = find_optimum(case, X, y, n_classes)
    assert not optimum.problem
    assert optimum.certificate <= optimum.tolerance
    return optimum


def solve_program(X, y, weights, l1):
    """The least hinge loss, from the margins of Crammer and Singer as a linear program."""
    (N, D), K = X.shape, 3
    n = (D + 1) * K
    A = np.column_stack([X, np.ones(N)])
    rows, limits = [], []
    for i in range(N):
        for k in set(range(K)) - {y[i]}:
            theta = np.zeros((D + 1, K))
            theta[:, k], theta[:, y[i]] = A[i], -A[i]
            rows.append(np.concatenate([theta.ravel(), -theta.ravel(), -np.eye(N)[i]]))
            limits.append(-1.0)
    sizes = np.repeat(np.append(np.full(D, l1), 0.0), K)
    costs = np.concatenate([sizes, sizes, np.array(weights)[y] / N])
    found = scipy.optimize.linprog(costs, np.array(rows), limits, bounds=[(0, None)] * (2 * n + N))
    return found.fun


@pytest.mark.parametrize("weights", [[1.0, 1.0, 1.0], [0.5, 1.0, 3.0]])
@pytest.mark.parametrize("integers", [False, True])
@pytest.mark.parametrize("l1", [0.0, 0.02, 1.0])
def test_hinge_is_a_linear_program(l1, integers, weights):
    X, y = make_classes(integers=integers)
    optimum = find_certified(state("hinge", weights, l1=l1), X, y)
    assert optimum.objective == pytest.approx(solve_program(X, y, weights, l1), rel=1e-9)


def test_hinge_with_l2_is_that_of_scikit_learn():
    # LinearSVC penalises intercepts. Rows turned by a third of a circle make all of them equal.
    draw = np.random.default_rng(0)
    angles = 2 * np.pi * np.arange(3)[:, None] / 3 + draw.normal(0.3, 0.8, 50)
    sizes = draw.uniform(0.2, 1.5, 50)
    X = np.stack([sizes * np.cos(angles), sizes * np.sin(angles)], -1).reshape(-1, 2)
    y = np.repeat(np.arange(3), 50)
    l2 = 0.05
    model = LinearSVC(
        multi_class="crammer_singer",
        C=1 / (2 * l2 * len(X)),
        fit_intercept=False,
        tol=1e-9,
        max_iter=1_000_000,
    ).fit(X, y)
    optimum = find_certified(state("hinge", l2=l2), X, y)
    np.testing.assert_allclose(optimum.W.T, model.coef_, atol=1e-6)
    np.testing.assert_allclose(optimum.b, optimum.b[0], atol=1e-6)


def measure(theta, case, X, y, weights, penalty):
    """The objective by its definition, one row at a time."""
    theta = theta.reshape(-1, 3)
    total = 0.0
    for row, label in zip(X, y, strict=True):
        logits = row @ theta[:-1] + theta[-1]
        others = max(logits[k] for k in range(3) if k != label)
        missed = max(0.0, 1.0 + others - logits[label])
        total += weights[label] * missed ** (2 if case.loss.kind == "squared_hinge" else 1)
    net = penalty.get("elastic_net", 0.0) / 2
    W = theta[:-1]
    total = total / len(y) + (penalty.get("l2", 0.0) + net / 2) * np.sum(W**2)
    return total + (penalty.get("l1", 0.0) + net) * np.abs(W).sum()


def solve_generic(case, X, y, weights, l1, l2):
    """The least objective by SLSQP, over weights' positive and negative parts and margins."""
    (N, D), K = X.shape, 3
    n = (D + 1) * K
    A = np.column_stack([X, np.ones(N)])
    rows = np.array([(i, k) for i in range(N) for k in range(K) if k != y[i]])
    limits = np.zeros((len(rows), 2 * n + N))
    for place, (i, k) in enumerate(rows):
        theta = np.zeros((D + 1, K))
        theta[:, y[i]], theta[:, k] = A[i], -A[i]
        limits[place] = np.concatenate([theta.ravel(), -theta.ravel(), np.eye(N)[i]])
    power, rows_weight = (2 if case.loss.kind == "squared_hinge" else 1), np.array(weights)[y] / N
    on_weights = np.repeat(np.append(np.ones(D), 0.0), K)

    def objective(x):
        theta, missed = x[:n] - x[n : 2 * n], x[2 * n :]
        value = rows_weight @ missed**power + l2 * on_weights @ theta**2
        slope = 2 * l2 * on_weights * theta
        both = l1 * on_weights
        value += both @ (x[:n] + x[n : 2 * n])
        return value, np.concatenate(
            [slope + both, both - slope, rows_weight * power * missed ** (power - 1)]
        )

    found = scipy.optimize.minimize(
        objective,
        np.concatenate([np.zeros(2 * n), np.ones(N)]),
        jac=True,
        method="SLSQP",
        bounds=[(0, None)] * (2 * n + N),
        constraints={"type": "ineq", "fun": lambda x: limits @ x - 1.0, "jac": lambda x: limits},
        options={"ftol": 1e-13, "maxiter": 1000},
    )
    return found.fun


@pytest.mark.parametrize("weights", [[1.0, 1.0, 1.0], [0.5, 1.0, 3.0]])
@pytest.mark.parametrize("penalty", PENALTIES, ids=str)
@pytest.mark.parametrize("loss", LOSSES)
def test_no_solver_and_no_nearby_point_has_a_lower_objective(loss, penalty, weights):
    X, y = make_classes(n_rows=40)
    case = state(loss, weights, **penalty)
    optimum = find_certified(case, X, y)
    there = np.vstack([optimum.W, optimum.b]).ravel()
    given = case, X, y, weights, penalty
    assert optimum.objective == pytest.approx(measure(there, *given), rel=1e-12)
    assert measure_objective(case, X, y, optimum.W, optimum.b) == optimum.objective
    draw = np.random.default_rng(1)
    for size in np.repeat([1.0, 1e-2, 1e-4], 30):
        assert measure(there + size * draw.normal(size=15), *given) >= optimum.objective - 1e-12
    net = penalty.get("elastic_net", 0.0) / 2
    l1, l2 = penalty.get("l1", 0.0) + net, penalty.get("l2", 0.0) + net / 2
    found = solve_generic(case, X, y, weights, l1, l2)
    assert optimum.objective == pytest.approx(found, abs=1e-8)


@pytest.mark.parametrize("loss", LOSSES)
def test_hinge_of_separable_classes_is_0_at_many_parameters(loss):
    y = np.arange(60) % 3
    X = np.eye(3)[y] + np.random.default_rng(4).uniform(-0.4, 0.4, (60, 3))
    optimum = find_certified(state(loss), X, y)
    assert optimum.objective == pytest.approx(0.0, abs=1e-12)
    assert not optimum.is_unique
    assert find_certified(state(loss, l2=0.01), X, y).is_unique


def test_hinge_without_penalty_may_have_several_minimisers():
    # By symmetry the objective of a bias difference is flat between -1 and 1.
    X, y = np.zeros((4, 1)), np.array([0, 0, 1, 1])
    optimum = find_certified(state("hinge"), X, y, 2)
    assert optimum.objective == pytest.approx(1.0)
    assert not optimum.is_unique
    squared = find_certified(state("squared_hinge"), X, y, 2)
    assert squared.is_unique
    np.testing.assert_allclose(squared.b[0] - squared.b[1], 0.0, atol=1e-9)


@pytest.mark.parametrize("penalty", PENALTIES, ids=str)
@pytest.mark.parametrize("loss", LOSSES)
def test_hinge_of_degenerate_rows(loss, penalty):
    X, y = make_classes()
    plain = find_certified(state(loss, **penalty), X, y)
    constant = find_certified(state(loss, **penalty), np.column_stack([X, np.full(300, 7.0)]), y)
    assert constant.objective == pytest.approx(plain.objective)
    np.testing.assert_allclose(constant.W[4], 0.0, atol=1e-12)
    more = find_certified(state(loss, **penalty), X, y, 5)
    assert more.objective == pytest.approx(plain.objective)
    assert not more.is_unique
    one = find_certified(state(loss, **penalty), X, np.zeros(300, int), 3)
    assert one.objective == pytest.approx(0.0, abs=1e-12)
    find_certified(state(loss, **penalty), np.column_stack([X, X[:, 0]])[:5], y[:5])


def test_hinge_of_many_parameters_is_not_searched_for():
    X, y = np.random.default_rng(0).normal(size=(50, 700)), np.arange(50) % 3
    problem = find_optimum(state("hinge", l2=0.1), X, y, 3).problem
    assert problem == "it is not searched for with more than 2,000 parameters, and there are 2,103"


def test_hinge_that_takes_too_long_has_a_sentence():
    X, y = make_classes()
    problem = find_optimum(state("hinge", l2=0.1), X, y, 3, budget=0.0).problem
    assert problem == "takes longer than 0 seconds"
