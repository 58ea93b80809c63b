"""The plain TensorFlow loop: one run at a time, one operation at a time, as in a course report."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow

from benchmarks.peers.problems import BETA1, BETA2, EPSILON, LineProblem, SoftmaxProblem

Run = Callable[[], tuple[Any, Any]]

tf: Any = tensorflow  # Its stubs know no arithmetic on gradients.


def mse(error: Any) -> Any:
    """Mean squared error."""
    return tf.reduce_mean(tf.square(error))


def mae(error: Any) -> Any:
    """Mean absolute error."""
    return tf.reduce_mean(tf.abs(error))


def huber(error: Any) -> Any:
    """Huber's loss with delta 1."""
    size = tf.abs(error)
    return tf.reduce_mean(tf.where(size <= 1.0, 0.5 * tf.square(error), size - 0.5))


def hybrid(error: Any) -> Any:
    """Half MSE, half MAE."""
    return 0.5 * mse(error) + 0.5 * mae(error)


def prepare_line(problem: LineProblem, n_steps: int) -> Run:
    """Train the first seed's four lanes one after another; W and b are (L,)."""
    x, y = tf.constant(problem.x[0]), tf.constant(problem.y[0])

    def train(loss_of: Callable[[Any], Any]) -> tuple[float, float]:
        W, b = tf.Variable(problem.W[0]), tf.Variable(problem.b[0])
        losses = []
        for _ in range(n_steps):
            with tf.GradientTape() as tape:
                loss = loss_of(y - (W * x + b))
            W_gradient, b_gradient = tape.gradient(loss, [W, b])
            W.assign_sub(problem.learning_rate * W_gradient)
            b.assign_sub(problem.learning_rate * b_gradient)
            losses.append(float(loss))
        return float(W), float(b)

    def run() -> tuple[Any, Any]:
        ends = np.array([train(loss_of) for loss_of in (mse, mae, huber, hybrid)])
        return ends[:, 0], ends[:, 1]

    return run


def prepare_softmax(problem: SoftmaxProblem, n_batches: int) -> Run:
    """Train the first lane for some batches of the epoch; (D, K) and (K,)."""
    X = tf.constant(problem.X.astype(np.float32) / problem.pixel_range)
    y = tf.one_hot(problem.y, problem.W.shape[1])
    size, rate = problem.batch_size, float(problem.learning_rate[0])

    def run() -> tuple[Any, Any]:
        parameters = [tf.Variable(problem.W), tf.Variable(problem.b)]
        firsts = [tf.Variable(tf.zeros_like(value)) for value in parameters]
        seconds = [tf.Variable(tf.zeros_like(value)) for value in parameters]
        W, b = parameters
        losses = []
        for number in range(n_batches):
            rows = problem.order[number * size : (number + 1) * size]
            batch_X, batch_y = tf.gather(X, rows), tf.gather(y, rows)
            with tf.GradientTape() as tape:
                logits = tf.matmul(batch_X, W) + b
                loss = tf.reduce_mean(
                    tf.nn.softmax_cross_entropy_with_logits(labels=batch_y, logits=logits)
                )
            gradients = tape.gradient(loss, parameters)
            count = number + 1
            scale = rate * (1.0 - BETA2**count) ** 0.5 / (1.0 - BETA1**count)
            for value, gradient, first, second in zip(
                parameters, gradients, firsts, seconds, strict=True
            ):
                first.assign(BETA1 * first + (1.0 - BETA1) * gradient)
                second.assign(BETA2 * second + (1.0 - BETA2) * tf.square(gradient))
                value.assign_sub(scale * first / (tf.sqrt(second) + EPSILON))
            losses.append(float(loss))
        return W.numpy(), b.numpy()

    return run
