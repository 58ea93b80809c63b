"""Newton's method against NumPy float64, least squares and SciPy."""

import numpy as np
import pytest
import scipy.optimize

from by_hand import recipe
from fairtrial.data.dataset import Dataset
from fairtrial.training import eager, stacked
from fairtrial.training.updates import solve
from ways_to_end import LINE

RANDOM = np.random.default_rng(4)


def make_plane():
    """Columns of different scales, two of them almost alike, with heavy tails in the targets."""
    X = RANDOM.normal(size=(200, 4)) * [1.0, 5.0, 0.2, 1.0] + [0.0, 3.0, 0.0, 1.0]
    X[:, 3] = X[:, 0] + 0.1 * X[:, 3]
    y = X @ [1.0, -0.5, 4.0, 0.3] + 2.0 + RANDOM.standard_t(2, size=200)
    X, y = X.astype(np.float32), y.astype(np.float32)
    return Dataset(X, y, X[:2], y[:2])


PLANE = make_plane()
# First and second derivative of each loss by the residual.
DERIVATIVES = {
    "mse": (lambda r: 2 * r, lambda r: 2.0 + 0 * r),
    "huber": (lambda r: np.clip(r, -3, 3), lambda r: 1.0 * (np.abs(r) <= 3)),
    "log_cosh": (np.tanh, lambda r: 1 - np.tanh(r) ** 2),
    "hybrid": (lambda r: r + 0.5 * np.sign(r), lambda r: 1.0 + 0 * r),
}


def descend(loss, data, start, rate, n_steps, damping=1e-6, l2=0.0):
    X = np.column_stack([data.X, np.ones(len(data.y))]).astype(float)
    w, path = np.array(start, float), []
    slope, curve = DERIVATIVES[loss]
    on_weights = np.append(np.ones(X.shape[1] - 1), 0.0)
    for _ in range(n_steps):
        r = data.y - X @ w
        gradient = -X.T @ slope(r) / len(X) + 2 * l2 * on_weights * w
        H = (X.T * curve(r)) @ X / len(X) + damping * np.eye(len(w)) + 2 * l2 * np.diag(on_weights)
        w = w - rate * np.linalg.solve(H, gradient)
        path.append(w)
    return np.array(path)


def make(loss="mse", steps=1, rate=1.0, damping=1e-6, **others):
    loss = {"kind": "huber", "delta": 3.0} if loss == "huber" else loss
    newton = {"kind": "newton", "learning_rate": rate, "damping": damping}
    return recipe(loss, newton, steps=steps, **others)


def join(trace):
    return np.append(trace.W, trace.b)


@pytest.mark.parametrize("data", [LINE[0], PLANE], ids=["line", "plane"])
def test_one_step_reaches_the_least_squares(data):
    X = np.column_stack([data.X, np.ones(len(data.y))]).astype(float)
    expected = np.linalg.lstsq(X, data.y.astype(float), rcond=None)[0]
    np.testing.assert_allclose(join(eager.train(make(), data, 3)), expected, rtol=1e-3)
    found = join(eager.train(make(steps=3), data, 3))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


CASES = list(zip(DERIVATIVES, (0.0, 0.05, 0.0, 0.05), strict=True))
ALL_CASES = [(loss, l2) for loss in DERIVATIVES for l2 in (0.0, 0.05)]


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("cases", [CASES, pytest.param(ALL_CASES, marks=pytest.mark.long)], ids=len)
def test_steps_are_newtons(cases):
    """Damped steps from 0, by every driver, beside lanes of other optimizers."""
    lanes = [make(loss, steps=6, rate=0.5, damping=0.3, penalty={"l2": l2}) for loss, l2 in cases]
    others = [recipe("mae", "adam", steps=6), recipe("mse", "sgd", steps=6)]
    (row,) = stacked.train(stacked.Stack([*lanes, *others], [PLANE], [3]))
    for (loss, l2), one, lane in zip(cases, lanes, row, strict=False):
        expected = descend(loss, PLANE, np.zeros(5), 0.5, 6, 0.3, l2)[-1]
        for trace in (lane, eager.train(one, PLANE, 3), eager.train_in_graphs(one, PLANE, 3)):
            np.testing.assert_allclose(join(trace), expected, 1e-3, 1e-4, err_msg=f"{loss}, {l2}")
    for one, lane in zip(others, row[len(lanes) :], strict=True):
        alone = join(eager.train(one, PLANE, 3))
        np.testing.assert_allclose(join(lane), alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("loss", ["huber", "log_cosh"])
def test_newton_arrives_at_the_minimum_of_curved_losses(loss):
    X = np.column_stack([PLANE.X, np.ones(len(PLANE.y))]).astype(float)
    slope = DERIVATIVES[loss][0]
    value = {
        "huber": lambda r: np.where(np.abs(r) <= 3, r**2 / 2, 3 * (np.abs(r) - 1.5)),
        "log_cosh": lambda r: np.logaddexp(r, -r) - np.log(2),
    }[loss]
    expected = scipy.optimize.minimize(
        lambda w: value(PLANE.y - X @ w).mean(), np.zeros(5), method="BFGS",
        jac=lambda w: -X.T @ slope(PLANE.y - X @ w) / len(X), options={"gtol": 1e-9},
    )  # fmt: skip
    found = join(eager.train_in_graphs(make(loss, steps=80, rate=0.5, damping=1e-3), PLANE, 3))
    np.testing.assert_allclose(found, expected.x, rtol=2e-3, atol=2e-3)


def test_lanes_of_several_data_sets_have_their_own_curvature():
    (first, second) = stacked.train(stacked.Stack([make("log_cosh", 4)], LINE, [3, 8]))
    for data, row in zip(LINE, (first, second), strict=True):
        expected = descend("log_cosh", data, np.zeros(2), 1.0, 4)[-1]
        if np.isfinite(expected).all() and np.abs(expected).max() < 1e3:
            np.testing.assert_allclose(join(row[0]), expected, rtol=1e-2, atol=1e-3)


def test_solve_is_that_of_linear_algebra():
    A = RANDOM.normal(size=(3, 7, 7))
    H, g = A @ A.transpose(0, 2, 1) + np.eye(7), RANDOM.normal(size=(3, 7))
    found = solve(np.moveaxis(H, 0, -1), np.moveaxis(g, 0, -1))
    expected = np.linalg.solve(H, g[..., None])[..., 0]
    np.testing.assert_allclose(np.moveaxis(found, -1, 0), expected, rtol=1e-9)


def test_a_run_without_curvature_diverges_and_keeps_finite_parameters():
    """Far from every target Huber's loss is a straight line, and nothing dampens the step."""
    one = make("huber", steps=5, damping=0.0, init={"kind": "constant", "value": 1e4})
    trace = eager.train(one, LINE[0], 3)
    assert trace.outcome == "diverged" and np.isfinite(join(trace)).all()


@pytest.mark.parametrize(
    ("loss", "others", "sentence"),
    [
        ("mae", {}, "loss = 'mae' has none"),
        ("quantile", {}, "loss = 'quantile' has none"),
        ("epsilon_insensitive", {}, "has none"),
        ({"kind": "hybrid", "alpha": 0.0}, {}, "loss = 'hybrid' has none"),
        ("welsch", {}, "below 0 for large residuals of loss = 'welsch'"),
        ("tukey", {}, "below 0"),
        ("cauchy", {}, "below 0"),
        ({"kind": "barron", "shape": 0.5}, {}, "below 0"),
        ("mse", {"penalty": {"l1": 0.1}}, "penalty on absolute weights has none"),
        ("mse", {"epochs": 2, "batch_size": 8}, "needs all rows at each step"),
        ("cross_entropy", {"epochs": 2, "batch_size": 8}, "for targets that are numbers"),
    ],
    ids=str,
)
def test_newton_is_refused_where_there_is_no_curvature(loss, others, sentence):
    with pytest.raises(ValueError, match=sentence):
        recipe(loss, "newton", **others)


def test_convex_shapes_of_barrons_loss_are_newtons():
    assert recipe({"kind": "barron", "shape": 1.0}, "newton").loss.is_convex
