"""JAX in the benchmarks: lanes by `vmap`, and lanes stacked by hand."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

from benchmarks.peers.problems import BETA1, BETA2, EPSILON, LineProblem, SoftmaxProblem
from fairtrial.data.split import order_rows

Run = Callable[[], tuple[Any, Any]]


def prepare_line(problem: LineProblem) -> Run:
    """Train all lanes: `vmap` over seeds and losses, `scan` over steps; W and b are (S, L).

    The losses are one formula with coefficients per lane; the losses of all steps are kept.
    """
    jax: Any = import_module("jax")
    jnp: Any = import_module("jax.numpy")

    def loss_of(parameters: Any, x: Any, y: Any, coefficients: Any) -> Any:
        W, b = parameters
        squared, absolute, huber = coefficients
        error = y - (W * x + b)
        size = jnp.abs(error)
        within = jnp.minimum(size, 1.0)
        return jnp.mean(
            squared * error * error + absolute * size + huber * within * (size - 0.5 * within)
        )

    def train(x: Any, y: Any, start: Any, coefficients: Any) -> Any:
        def step(parameters: Any, _: Any) -> Any:
            loss, gradient = jax.value_and_grad(loss_of)(parameters, x, y, coefficients)
            moved = [
                p - problem.learning_rate * g for p, g in zip(parameters, gradient, strict=True)
            ]
            return tuple(moved), loss

        return jax.lax.scan(step, start, None, length=problem.n_steps)

    lanes = jax.vmap(train, in_axes=(None, None, None, 0))
    train_all = jax.jit(jax.vmap(lanes, in_axes=(0, 0, 0, None)))
    x, y, W, b = (jnp.asarray(v) for v in (problem.x, problem.y, problem.W, problem.b))
    coefficients = tuple(jnp.asarray(v) for v in (problem.squared, problem.absolute, problem.huber))

    def run() -> tuple[Any, Any]:
        (end_W, end_b), losses = train_all(x, y, (W, b), coefficients)
        np.asarray(losses)
        return np.asarray(end_W), np.asarray(end_b)

    return run


def prepare_softmax(problem: SoftmaxProblem, n_lanes: int) -> Run:
    """Train the first lanes by `vmap`, each on the batches of another seed; (D, K, L), (K, L)."""
    jax: Any = import_module("jax")
    jnp: Any = import_module("jax.numpy")
    X = jnp.asarray(problem.X.astype(np.float32) / problem.pixel_range)
    y = jnp.asarray(problem.y)

    def loss_of(parameters: Any, batch_X: Any, batch_y: Any) -> Any:
        W, b = parameters
        logs = jax.nn.log_softmax(batch_X @ W + b)
        return -jnp.mean(jnp.take_along_axis(logs, batch_y[:, None], 1))

    def train(rate: Any, batches: Any, X: Any, y: Any) -> Any:
        start = (jnp.asarray(problem.W), jnp.asarray(problem.b))
        zeros = tuple(jnp.zeros_like(value) for value in start)

        def step(carry: Any, rows: Any) -> Any:
            loss, gradients = jax.value_and_grad(loss_of)(carry[0], X[rows], y[rows])
            return _adam(jnp, carry, gradients, rate), loss

        carry, losses = jax.lax.scan(step, (start, zeros, zeros, 0), batches)
        return carry[0], losses

    train_all = jax.jit(jax.vmap(train, in_axes=(0, 0, None, None), out_axes=-1))
    rates = jnp.asarray(problem.learning_rate[:n_lanes])
    orders = np.stack([order_rows(len(problem.y), seed, 1) for seed in range(n_lanes)])
    batches = orders.reshape(n_lanes, -1, problem.batch_size).astype(np.int32)

    def run() -> tuple[Any, Any]:
        (W, b), _ = train_all(rates, jnp.asarray(batches), X, y)
        return np.asarray(W), np.asarray(b)

    return run


def prepare_softmax_shared(problem: SoftmaxProblem) -> Run:
    """Train all lanes on shared batches, one wide product; (D, K, L) and (K, L)."""
    jax: Any = import_module("jax")
    jnp: Any = import_module("jax.numpy")
    size, (n_features, n_classes) = problem.batch_size, problem.W.shape
    rates = jnp.asarray(problem.learning_rate)
    n_lanes = len(rates)

    def loss_of(parameters: Any, batch_X: Any, batch_y: Any) -> Any:
        W, b = parameters
        product = batch_X @ W.reshape(n_features, -1)
        logs = jax.nn.log_softmax(product.reshape(size, n_classes, n_lanes) + b, axis=1)
        one_hot = jax.nn.one_hot(batch_y, n_classes)[..., None]
        losses = -jnp.sum(logs * one_hot, (0, 1)) / size
        return jnp.sum(losses), losses

    @jax.jit
    def train(start: Any, X: Any, y: Any) -> Any:
        zeros = tuple(jnp.zeros_like(value) for value in start)

        def step(carry: Any, batch: Any) -> Any:
            batch_X = batch[0].astype(jnp.float32) / problem.pixel_range
            gradients, losses = jax.grad(loss_of, has_aux=True)(carry[0], batch_X, batch[1])
            return _adam(jnp, carry, gradients, rates), losses

        carry, losses = jax.lax.scan(step, (start, zeros, zeros, 0), (X, y))
        return carry[0], losses

    start = tuple(
        jnp.asarray(np.repeat(value[..., None], n_lanes, -1)) for value in (problem.W, problem.b)
    )

    def run() -> tuple[Any, Any]:
        X = problem.X[problem.order].reshape(-1, size, n_features)
        y = problem.y[problem.order].reshape(-1, size)
        (W, b), _ = train(start, jnp.asarray(X), jnp.asarray(y))
        return np.asarray(W), np.asarray(b)

    return run


def _adam(jnp: Any, carry: Any, gradients: Any, rate: Any) -> Any:
    """Take one step of Adam; `carry` holds parameters, first and second moments, and the count."""
    parameters, firsts, seconds, count = carry
    count = count + 1
    firsts = tuple(BETA1 * m + (1 - BETA1) * g for m, g in zip(firsts, gradients, strict=True))
    seconds = tuple(
        BETA2 * v + (1 - BETA2) * g * g for v, g in zip(seconds, gradients, strict=True)
    )
    scale = rate * jnp.sqrt(1 - jnp.float32(BETA2) ** count) / (1 - jnp.float32(BETA1) ** count)
    moved = tuple(
        p - scale * m / (jnp.sqrt(v) + EPSILON)
        for p, m, v in zip(parameters, firsts, seconds, strict=True)
    )
    return moved, firsts, seconds, count
