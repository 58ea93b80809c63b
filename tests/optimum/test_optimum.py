"""Minimisers against closed forms, linear programs, scikit-learn and generic solvers of SciPy."""

import numpy as np
import pytest
import scipy.optimize
import scipy.special
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from sklearn.linear_model import Lasso, LogisticRegression, QuantileRegressor
from threadpoolctl import threadpool_limits

from by_hand import recipe
from fairtrial.optimum import find_optimum, measure_objective, softmax

LOSSES = [
    "mse",
    "mae",
    {"kind": "huber", "delta": 0.7},
    {"kind": "hybrid", "alpha": 0.3},
]
PENALTIES = [{}, {"l2": 0.1}, {"l1": 0.2}, {"l1": 0.05, "l2": 0.02}]


@pytest.fixture(autouse=True)
def on_one_core():
    """The solvers compared with make many small products, which are slow on several."""
    with threadpool_limits(1, user_api="blas"):
        yield


def make_line(n_rows=400, n_features=3, seed=0):
    draw = np.random.default_rng(seed)
    X = draw.normal(2.0, 3.0, (n_rows, n_features))
    y = X @ np.linspace(-1.0, 2.0, n_features) + 5.0 + draw.standard_t(2, n_rows)
    return X, y


def make_classes(n_rows=600, n_features=4, n_classes=3, seed=0):
    draw = np.random.default_rng(seed)
    X = draw.normal(1.0, 2.0, (n_rows, n_features))
    logits = X @ draw.normal(size=(n_features, n_classes)) + draw.gumbel(
        scale=3.0, size=(n_rows, n_classes)
    )
    return X, logits.argmax(1)


def expected_objective(loss, penalty, X, y, W, b):
    """The objective as the textbook has it."""
    e = y - X @ W - b
    kind = loss if isinstance(loss, str) else loss["kind"]
    if kind == "huber":
        losses = scipy.special.huber(loss["delta"], e)
    elif kind == "hybrid":
        losses = loss["alpha"] * e**2 + (1 - loss["alpha"]) * abs(e)
    else:
        losses = e**2 if kind == "mse" else abs(e)
    return (
        losses.mean()
        + penalty.get("l2", 0.0) * (W**2).sum()
        + penalty.get("l1", 0.0) * abs(W).sum()
    )


def solve_program(X, y, l1=0.0):
    """The least mean absolute residual plus l1 |W|, as a linear program of positive parts."""
    N, D = X.shape
    costs = np.concatenate([np.full(2 * D, l1), [0.0, 0.0], np.full(2 * N, 1 / N)])
    ones = np.ones((N, 1))
    rows = np.hstack([X, -X, ones, -ones, np.eye(N), -np.eye(N)])
    return scipy.optimize.linprog(costs, A_eq=rows, b_eq=y).fun


def solve_smoothly(loss, penalty, X, y):
    """The least objective by SLSQP, with every |.| a bounded variable of its own."""
    N, D = X.shape
    kind = loss if isinstance(loss, str) else loss["kind"]
    quadratic = {"mse": 1.0, "mae": 0.0, "huber": 0.5}.get(kind)
    linear = {"mse": 0.0, "mae": 1.0}.get(kind)
    if kind == "huber":
        linear = loss["delta"]
    if kind == "hybrid":
        quadratic, linear = loss["alpha"], 1 - loss["alpha"]
    A = np.hstack([X, np.ones((N, 1))])
    l1, l2 = penalty.get("l1", 0.0), penalty.get("l2", 0.0)
    # Huber's loss is the least e²/2 + delta |f| with e + f the residual; hybrid has e = f.
    shared = kind != "huber"

    def parts(v):
        theta, e, s, w = np.split(v, [D + 1, D + 1 + N, D + 1 + 2 * N])
        return theta, e, s, w

    def measure(v):
        theta, e, s, w = parts(v)
        return (quadratic * e**2 + linear * s).mean() + l2 * (theta[:-1] ** 2).sum() + l1 * w.sum()

    def slope(v):
        theta, e, _, _ = parts(v)
        by_theta = np.append(2 * l2 * theta[:-1], 0.0)
        return np.concatenate(
            [by_theta, 2 * quadratic * e / N, np.full(N, linear / N), np.full(D, l1)]
        )

    eye, none = np.eye(N), np.zeros((N, N))
    pick = np.eye(D, D + 1)
    wide = np.zeros((D, N))
    bounds = [
        # s is at least the size of the residual (of what of it exceeds e, for Huber).
        np.hstack([A, none if shared else eye, eye, np.zeros((N, D))]),
        np.hstack([-A, none if shared else -eye, eye, np.zeros((N, D))]),
        np.hstack([pick, wide, wide, np.eye(D)]),
        np.hstack([-pick, wide, wide, np.eye(D)]),
    ]
    least = np.vstack(bounds)
    offset = np.concatenate([-y, y, np.zeros(2 * D)])
    constraints = [
        {"type": "ineq", "fun": lambda v: least @ v + offset, "jac": lambda v: least},
    ]
    if shared:
        same = np.hstack([A, eye, none, np.zeros((N, D))])
        constraints.append({"type": "eq", "fun": lambda v: same @ v - y, "jac": lambda v: same})
    start = np.concatenate([np.zeros(D + 1), y, abs(y), np.zeros(D)])
    options = {"ftol": 1e-13, "maxiter": 500}
    return scipy.optimize.minimize(
        measure, start, jac=slope, constraints=constraints, method="SLSQP", options=options
    ).fun


def find_certified(case, X, y, n_classes=0):
    optimum = find_optimum(case, X, y, n_classes)
    assert not optimum.problem
    assert optimum.certificate <= optimum.tolerance
    assert optimum.W.dtype == optimum.b.dtype == np.float64
    return optimum


def test_mse_is_least_squares():
    X, y = make_line()
    theta = np.linalg.lstsq(np.column_stack([X, np.ones(len(X))]), y)[0]
    optimum = find_certified(recipe("mse"), X, y)
    np.testing.assert_allclose(optimum.W, theta[:-1], rtol=1e-10)
    np.testing.assert_allclose(optimum.b, theta[-1], rtol=1e-10)
    assert optimum.b.shape == ()


def test_mse_with_l2_is_ridge():
    X, y = make_line()
    centred = X - X.mean(0)
    W = np.linalg.solve(centred.T @ centred / len(X) + 0.3 * np.eye(3), centred.T @ y / len(X))
    optimum = find_certified(recipe("mse", penalty={"l2": 0.3}), X, y)
    np.testing.assert_allclose(optimum.W, W, rtol=1e-10)
    np.testing.assert_allclose(optimum.b, y.mean() - X.mean(0) @ W, rtol=1e-10)


def test_mse_with_l1_is_lasso():
    X, y = make_line(n_features=6)
    lasso = Lasso(alpha=0.5 / 2, tol=1e-14, max_iter=100_000).fit(X, y)
    optimum = find_certified(recipe("mse", penalty={"l1": 0.5}), X, y)
    np.testing.assert_allclose(optimum.W, lasso.coef_, atol=1e-7)
    np.testing.assert_array_equal(optimum.W == 0.0, lasso.coef_ == 0.0)


def test_mae_is_median_regression():
    X, y = make_line()
    median = QuantileRegressor(quantile=0.5, alpha=0.0).fit(X, y)
    optimum = find_certified(recipe("mae"), X, y)
    np.testing.assert_allclose(optimum.W, median.coef_, rtol=1e-7)
    np.testing.assert_allclose(optimum.b, median.intercept_, rtol=1e-7)
    assert optimum.objective == pytest.approx(solve_program(X, y), rel=1e-9)


def test_mae_without_features_is_the_median():
    y = np.array([3.0, 1.0, 10.0, 2.0, 2.5])
    assert find_certified(recipe("mae"), np.ones((5, 1)), y).objective == pytest.approx(
        abs(y - np.median(y)).mean()
    )


@pytest.mark.parametrize("l1", [0.01, 0.5, 3.0, 100.0])
@pytest.mark.parametrize("integers", [False, True])
def test_mae_with_l1_is_a_linear_program(l1, integers):
    X, y = make_line(n_rows=120)
    if integers:
        X, y = X.round(), y.round()
    optimum = find_certified(recipe("mae", penalty={"l1": l1}), X, y)
    assert optimum.objective == pytest.approx(solve_program(X, y, l1), rel=1e-9)


@pytest.mark.parametrize("delta", [1e-3, 0.3, 1.0, 100.0])
def test_huber_agrees_with_a_generic_solver(delta):
    X, y = make_line()

    def measure(theta):
        e = y - X @ theta[:-1] - theta[-1]
        pull = np.clip(e, -delta, delta)
        return scipy.special.huber(delta, e).mean(), -np.append(pull @ X, pull.sum()) / len(y)

    optimum = find_certified(recipe({"kind": "huber", "delta": delta}), X, y)
    start = np.append(optimum.W + 0.1, optimum.b - 0.1)
    found = scipy.optimize.minimize(measure, start, jac=True, method="BFGS", options={"gtol": 1e-9})
    value, slope = measure(np.append(optimum.W, optimum.b))
    assert abs(slope).max() <= 1e-10 * max(delta, 1.0)
    assert optimum.objective == pytest.approx(value, rel=1e-13)
    assert value <= found.fun * (1 + 1e-12)


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("loss", LOSSES)
def test_every_objective_is_a_quadratic_program(loss, penalty):
    X, y = make_line(n_rows=14, n_features=2)
    optimum = find_certified(recipe(loss, penalty=penalty), X, y)
    expected = solve_smoothly(loss, penalty, X, y)
    assert optimum.objective == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("loss", LOSSES)
def test_no_nearby_point_has_a_lower_objective(loss, penalty):
    X, y = make_line()
    optimum = find_certified(recipe(loss, penalty=penalty), X, y)
    draw = np.random.default_rng(1)
    for size in np.repeat([1.0, 1e-2, 1e-4, 1e-6], 250):
        W = optimum.W + size * draw.normal(size=3)
        b = optimum.b + size * draw.normal()
        assert expected_objective(loss, penalty, X, y, W, b) >= optimum.objective - 1e-14


@pytest.mark.parametrize("loss", LOSSES)
def test_optimum_of_ten_thousand_rows_is_certified(loss):
    X, y = make_line(n_rows=10_000, n_features=1)
    optimum = find_certified(recipe(loss), X.astype(np.float32), y.astype(np.float32))
    np.testing.assert_allclose(optimum.W, [-1.0], atol=0.05)


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("loss", LOSSES)
def test_optimum_of_degenerate_rows(loss, penalty):
    draw = np.random.default_rng(2)
    X = draw.integers(-1, 2, (200, 2)).astype(float)
    X = np.column_stack([X, X[:, 0], np.full(200, 7.0)])
    for y in (draw.integers(-2, 3, 200).astype(float), X @ [1.0, 2.0, 3.0, 4.0], np.full(200, 0.1)):
        find_certified(recipe(loss, penalty=penalty), X, y)
        find_certified(recipe(loss, penalty=penalty), X[:3], y[:3])
        find_certified(recipe(loss, penalty=penalty), X[:1], y[:1])


@settings(deadline=None, max_examples=150)
@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(st.integers(1, 25), st.integers(1, 4)),
    loss=st.sampled_from(LOSSES),
    penalty=st.sampled_from(PENALTIES),
    integers=st.booleans(),
)
def test_optimum_of_small_data_agrees_with_other_solvers(seed, shape, loss, penalty, integers):
    draw = np.random.default_rng(seed)
    X, y = draw.normal(size=shape), draw.normal(size=shape[0])
    if integers:
        X, y = (2 * X).round(), (2 * y).round()
    case = recipe(loss, penalty=penalty)
    optimum = find_certified(case, X, y)
    D = shape[1]

    def measure(theta):
        return expected_objective(loss, penalty, X, y, theta[:D], theta[D])

    assert optimum.objective == pytest.approx(measure(np.append(optimum.W, optimum.b)), abs=1e-13)
    rounding = 1e-12 * (1 + optimum.objective)
    for theta in draw.normal(size=(50, D + 1)):
        assert measure(theta) >= optimum.objective - rounding
    best = scipy.optimize.minimize(measure, np.zeros(D + 1), method="Powell").fun
    assert best >= optimum.objective - rounding
    # Shifting y shifts b, and nothing else; where there is one minimiser, exactly that one.
    shifted = find_certified(case, X, y + 8.0)
    assert shifted.objective == pytest.approx(optimum.objective, abs=rounding)
    there = measure_objective(case, X, y, shifted.W, shifted.b - 8.0)
    assert there == pytest.approx(optimum.objective, abs=rounding)


@pytest.mark.parametrize("loss", LOSSES)
def test_shift_of_y_shifts_b(loss):
    X, y = make_line()
    optimum, shifted = (find_certified(recipe(loss), X, y + shift) for shift in (0.0, 64.0))
    np.testing.assert_allclose(shifted.W, optimum.W, rtol=1e-9)
    np.testing.assert_allclose(shifted.b, optimum.b + 64.0, rtol=1e-9)


@pytest.mark.parametrize("l2", [1e-4, 1e-2, 1.0])
def test_cross_entropy_with_l2_agrees_with_scikit_learn(l2):
    X, y = make_classes()
    # Theirs is half the sum of squares against C times the sum over rows.
    model = LogisticRegression(C=1 / (2 * len(X) * l2), tol=1e-10, max_iter=10_000).fit(X, y)
    optimum = find_certified(recipe("cross_entropy", penalty={"l2": l2}), X, y, 3)
    np.testing.assert_allclose(optimum.W, model.coef_.T, atol=1e-5)
    np.testing.assert_allclose(optimum.b - optimum.b.mean(), model.intercept_, atol=1e-5)


@pytest.mark.parametrize("l1", [1e-3, 1e-2, 0.1])
def test_cross_entropy_with_l1_agrees_with_scikit_learn(l1):
    X, y = make_classes()
    model = LogisticRegression(
        C=1 / (len(X) * l1), l1_ratio=1.0, solver="saga", tol=1e-9, max_iter=20_000
    ).fit(X, y)
    case = recipe("cross_entropy", penalty={"l1": l1})
    optimum = find_certified(case, X, y, 3)
    theirs = measure_objective(case, X, y, model.coef_.T, model.intercept_)
    assert optimum.objective == pytest.approx(theirs, abs=1e-7)
    assert optimum.objective <= theirs + 1e-12
    np.testing.assert_allclose(optimum.W, model.coef_.T, atol=1e-3)


def test_cross_entropy_with_large_l1_predicts_frequencies():
    X, y = make_classes()
    optimum = find_certified(recipe("cross_entropy", penalty={"l1": 10.0}), X, y, 3)
    assert not optimum.W.any()
    np.testing.assert_allclose(scipy.special.softmax(optimum.b), np.bincount(y) / len(y), atol=1e-7)


def test_cross_entropy_of_digits_with_both_penalties():
    X, y = load_digits(return_X_y=True)
    case = recipe("cross_entropy", penalty={"l1": 1e-3, "l2": 1e-3})
    optimum = find_certified(case, X / 16, y, 10)
    draw = np.random.default_rng(3)
    for size in np.repeat([1e-1, 1e-3, 1e-5], 10):
        W = optimum.W + size * draw.normal(size=optimum.W.shape)
        assert measure_objective(case, X / 16, y, W, optimum.b) > optimum.objective


def test_cross_entropy_without_penalty():
    X, y = make_classes()
    optimum = find_certified(recipe("cross_entropy"), X, y, 3)
    theta = np.vstack([optimum.W, optimum.b])
    A = np.column_stack([X, np.ones(len(X))])
    slope = A.T @ (scipy.special.softmax(A @ theta, 1) - np.eye(3)[y]) / len(X)
    assert abs(slope).max() < 1e-7
    model = LogisticRegression(C=np.inf, tol=1e-10, max_iter=10_000).fit(X, y)
    np.testing.assert_allclose(
        optimum.W - optimum.W.mean(1, keepdims=True), model.coef_.T, atol=1e-5
    )


def test_cross_entropy_of_constant_features_is_the_entropy_of_frequencies():
    y = np.array([0, 0, 0, 1, 2, 2])
    optimum = find_certified(recipe("cross_entropy"), np.ones((6, 2)), y, 3)
    shares = np.array([3, 1, 2]) / 6
    assert optimum.objective == pytest.approx(-(shares * np.log(shares)).sum(), abs=1e-13)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_separable_classes_have_no_minimiser(n_classes):
    y = np.arange(60) % n_classes
    X = np.eye(n_classes)[y] + np.random.default_rng(4).uniform(-0.4, 0.4, (60, n_classes))
    optimum = find_optimum(recipe("cross_entropy"), X, y, n_classes)
    assert optimum.problem == softmax.SEPARABLE
    logits = X @ optimum.W + optimum.b
    own = logits[np.arange(60), y]
    logits[np.arange(60), y] = -np.inf
    assert (own > logits.max(1)).all()
    find_certified(recipe("cross_entropy", penalty={"l2": 1e-3}), X, y, n_classes)


def test_one_separable_class_has_no_proven_minimiser():
    draw = np.random.default_rng(5)
    X, y = draw.normal(size=(300, 2)), draw.integers(1, 3, 300)
    X[:100, 0] += 50.0
    y[:100] = 0
    assert find_optimum(recipe("cross_entropy"), X, y, 3).problem == softmax.UNPROVEN


@pytest.mark.parametrize("penalty", PENALTIES)
def test_class_without_rows_has_no_minimiser(penalty):
    X, y = make_classes()
    optimum = find_optimum(recipe("cross_entropy", penalty=penalty), X, y, 4)
    assert optimum.problem == softmax.ABSENT
    assert optimum.W.shape == (4, 4)


@pytest.mark.parametrize(("loss", "n_classes"), [("mae", 0), ("cross_entropy", 3)])
def test_spent_time_budget_gives_one_sentence(loss, n_classes):
    X, y = make_classes()
    optimum = find_optimum(recipe(loss), X, y, n_classes, budget=0.0)
    assert optimum.problem == "takes longer than 0 seconds"
    assert optimum.W.shape == ((4, 3) if n_classes else (4,))


@pytest.mark.parametrize(("loss", "n_classes"), [("mse", 0), ("cross_entropy", 3)])
def test_values_that_are_not_finite_give_one_sentence(loss, n_classes):
    X, y = make_classes()
    X[3, 1] = np.inf
    assert "not finite" in find_optimum(recipe(loss), X, y, n_classes).problem


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("loss", LOSSES)
def test_measure_objective(loss, penalty):
    X, y = make_line()
    W, b = np.array([0.3, -1.0, 2.0]), np.array(0.5)
    expected = expected_objective(loss, penalty, X, y, W, b)
    measured = measure_objective(recipe(loss, penalty=penalty), X, y, W, b)
    assert measured == pytest.approx(expected, rel=1e-14)


def test_measure_objective_of_classes():
    X, y = make_classes()
    W, b = np.random.default_rng(6).normal(size=(4, 3)), np.array([0.1, 0.2, 1000.0])
    log_shares = scipy.special.log_softmax(X @ W + b, 1)
    expected = -log_shares[np.arange(len(y)), y].mean() + 0.5 * (W**2).sum() + abs(W).sum()
    case = recipe("cross_entropy", penalty={"l1": 1.0, "l2": 0.5})
    assert measure_objective(case, X, y, W, b) == pytest.approx(expected, rel=1e-13)


# ----------------------------------------------------------------------------- several minimisers

PHONES = np.array([
    4.4, 4.7, 4.7, 5.9, 6.6, 7.3, 8.1, 8.8, 10.6, 12.0, 13.5, 14.9, 16.1, 21.2, 119.0, 124.0, 142.0,
    159.0, 182.0, 212.0, 43.0, 24.0, 27.0, 29.0,
])  # fmt: skip
"""Calls from Belgium in tens of millions, 1950 to 1973 (Rousseeuw and Leroy 1987, table 2)."""


def measure_face(X, y):
    """How far a parameter can move between minimisers of the sum of absolute residuals."""
    A = np.column_stack([X, np.ones(len(y))])
    n, p = A.shape
    cost = np.concatenate([np.zeros(p), np.ones(n)])
    rows = np.vstack([np.hstack([A, -np.eye(n)]), np.hstack([-A, -np.eye(n)])])
    sides = np.concatenate([y, -y])
    bounds = [*[(None, None)] * p, *[(0.0, None)] * n]
    least = scipy.optimize.linprog(cost, rows, sides, bounds=bounds).fun
    rows, sides = np.vstack([rows, cost]), np.append(sides, least * (1 + 1e-12))
    extents = []
    for place in range(p):
        only = np.eye(n + p)[place]
        ends = [
            scipy.optimize.linprog(sign * only, rows, sides, bounds=bounds).x[place]
            for sign in (1.0, -1.0)
        ]
        extents.append(ends[1] - ends[0])
    return max(extents)


def round_line(n_rows, n_features, n_values, seed):
    draw = np.random.default_rng(seed)
    X = draw.integers(0, 3, (n_rows, n_features)).astype(float)
    return X, draw.integers(0, n_values, n_rows).astype(float)


@pytest.mark.parametrize(
    ("X", "y"),
    [
        (np.arange(50.0, 74.0)[:, None], PHONES),
        (np.repeat([[0.0], [1.0]], 2, axis=0), np.array([1.0, 3.0, 2.0, 8.0])),
        *(round_line(20, 2, 5, seed) for seed in range(12)),
        make_line(200),
    ],
)
def test_mae_with_several_minimisers_is_noticed(X, y):
    """Against linear programs that move each parameter as far as the loss allows."""
    assert find_optimum(recipe("mae"), X, y, 0).is_unique == (measure_face(X, y) < 1e-6)


def test_the_face_of_the_phones_has_a_length():
    assert measure_face(np.arange(50.0, 74.0)[:, None], PHONES) > 0.1


@pytest.mark.parametrize("loss", LOSSES)
def test_a_line_has_one_minimiser(loss):
    assert find_optimum(recipe(loss), *make_line(), 0).is_unique


def test_huber_without_rows_within_delta_has_several_minimisers():
    """Targets 0 and 10, as many of each: every b from delta to 10 - delta has the same loss."""
    X, y = np.zeros((4, 1)), np.array([0.0, 0.0, 10.0, 10.0])
    assert not find_optimum(recipe({"kind": "huber", "delta": 1.0}), X, y, 0).is_unique
    assert find_optimum(recipe({"kind": "huber", "delta": 6.0}), X, y, 0).is_unique
