"""The lab in plain NumPy float64, written from the textbooks: what the tests expect."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fairtrial.study import recipe as recipes
from reference.injections import DATA, RATE, WEIGHTS
from reference.losses import LOSSES
from reference.optimizers import OPTIMIZERS, change
from reference.schedules import find_factor


@dataclass
class Judge:
    """The one stall count, and what it leads to."""

    recipe: Any
    last: int
    best: float = float("inf")
    stall: int = 0

    def decide(self, loss, rate, at):
        schedule, stopping = self.recipe.schedule, self.recipe.stopping
        if loss < self.best:
            self.best, self.stall = loss, 0
        else:
            self.stall += 1
        outcome = "completed" if at >= self.last else "training"
        halves = schedule.kind in ("halve_on_plateau", "reduce_on_plateau")
        if halves and self.stall >= schedule.patience:
            rate, self.stall = rate * getattr(schedule, "factor", 0.5), 0
        if stopping and self.stall >= stopping.patience:
            outcome = "stopped_early"
        if halves and rate < schedule.floor:
            outcome = "rate_floor"
        return outcome, rate


@dataclass
class Descent:
    """What a run leaves."""

    W: Any
    b: Any
    outcome: str = "training"
    ended_at: int = -1
    losses: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    path: list[tuple[Any, Any]] = field(default_factory=list)  # after each update

    def average(self, n_last):
        """The mean of the last iterates."""
        W, b = (np.array(values) for values in zip(*self.path[-n_last:], strict=True))
        return W.mean(0), b.mean(0)


class NoDraws:
    """For recipes without injected noise."""


def descend(recipe, X, y, W, b, draws: Any = NoDraws) -> Descent:
    """Full-batch gradient descent on a line or a plane.

    `draws` has `rows(step, n)`, `scale(step, low, high)`, `weights(name, step, shape)` and
    `rate(step, low, high)`.
    """
    X, y, W, b = (np.asarray(value, np.float64) for value in (X, y, W, b))
    run, loss, noise = Descent(W, b), LOSSES[recipe.loss.kind], recipe.noise
    rules = [OPTIMIZERS[recipe.optimizer.kind](recipe.optimizer) for _ in "Wb"]
    judge, rate, offset = Judge(recipe, recipe.steps - 1), recipe.optimizer.learning_rate, 0.0
    for step in range(recipe.steps):
        residual = y + offset - (X @ run.W + run.b)
        value = loss.value(residual, recipe.loss).mean()
        value += recipe.penalty.l2 * np.sum(run.W**2) + recipe.penalty.l1 * np.sum(np.abs(run.W))
        slope = loss.slope(residual, recipe.loss)
        pull = 2 * recipe.penalty.l2 * run.W + recipe.penalty.l1 * np.sign(run.W)
        gradients = pull - (X * slope[:, None]).mean(0), -slope.mean()
        run.losses.append(value)
        W, b = run.W, run.b
        if noise.data and step % noise.data.every == 0:
            scale = draws.scale(step, noise.data.low, noise.data.high)
            offset = DATA[noise.data.kind](noise.data, scale, draws.rows(step, len(y)))
        if noise.weights and step % noise.weights.every == 0:
            shake = WEIGHTS[noise.weights.kind]
            W = W + shake(noise.weights, None, draws.weights("W", step, W.shape))
            b = b + shake(noise.weights, None, draws.weights("b", step, ()))
        if noise.learning_rate and step % noise.learning_rate.every == 0:
            low, high = noise.learning_rate.low, noise.learning_rate.high
            drawn = draws.rate(step, low, high)
            rate = rate * RATE[noise.learning_rate.kind](noise.learning_rate, drawn, None)
        rate_used = rate * find_factor(recipe, step / recipe.steps, step)
        run.rates.append(rate_used)
        W = W + change(rules[0], gradients[0], rate_used, W)
        b = b + change(rules[1], gradients[1], rate_used, b)
        most = float(np.finfo(np.float32).max)
        total = value * len(y)  # float32 adds up before it divides
        if not all(np.all(np.abs(v) <= most) for v in (total, W, b)):
            run.outcome, run.ended_at = "diverged", step
            return run
        run.W, run.b = W, b
        run.path.append((W, b))
        run.outcome, rate = judge.decide(value, rate, step)
        if run.outcome != "training":
            run.ended_at = step
            return run
    raise AssertionError("unreachable: the last step completes")


def descend_batches(recipe, X, y, W, b, orders) -> Descent:
    """Mini-batch descent on a line or a plane; one order of the rows for each epoch."""
    X, y, W, b = (np.asarray(value, np.float64) for value in (X, y, W, b))
    run, loss = Descent(W, b), LOSSES[recipe.loss.kind]
    rules = [OPTIMIZERS[recipe.optimizer.kind](recipe.optimizer) for _ in "Wb"]
    size, step = recipe.batch_size, 0
    n_steps = recipe.epochs * -(-len(X) // size)
    for order in orders:
        losses = []
        for first in range(0, len(order), size):
            rows = order[first : first + size]
            residual = y[rows] - (X[rows] @ run.W + run.b)
            losses.append(loss.value(residual, recipe.loss).mean())
            slope = loss.slope(residual, recipe.loss)
            rate = recipe.optimizer.learning_rate * find_factor(recipe, step / n_steps, step)
            run.rates += [rate] if len(losses) == 1 else []
            run.W = run.W + rules[0].change(-(X[rows] * slope[:, None]).mean(0), rate)
            run.b = run.b + rules[1].change(-slope.mean(), rate)
            run.path.append((run.W, run.b))
            step += 1
        run.losses.append(float(np.mean(losses)))
    return run


def softmax(logits):
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def descend_softmax(recipe, X, y, W, b, orders) -> Descent:
    """Mini-batch descent of softmax regression; one order of the rows for each epoch."""
    X, W, b = (np.asarray(value, np.float64) for value in (X, W, b))
    run = Descent(W, b)
    rules = [OPTIMIZERS[recipe.optimizer.kind](recipe.optimizer) for _ in "Wb"]
    size, step = recipe.batch_size, 0
    n_steps = recipe.epochs * -(-len(X) // size)
    for order in orders:
        losses = []
        for first in range(0, len(order), size):
            rows = order[first : first + size]
            shares = softmax(X[rows] @ run.W + run.b)
            rate = recipe.optimizer.learning_rate * find_factor(recipe, step / n_steps, step)
            run.rates += [rate] if not losses else []
            step += 1
            losses.append(-np.log(shares[np.arange(len(rows)), y[rows]]).mean())
            gap = (shares - np.eye(len(run.b))[y[rows]]) / len(rows)
            run.W = run.W + change(rules[0], X[rows].T @ gap, rate, run.W)
            run.b = run.b + change(rules[1], gap.sum(0), rate, run.b)
            run.path.append((run.W, run.b))
        run.losses.append(float(np.mean(losses)))
    return run


def recipe(loss: Any = "mse", optimizer: Any = "sgd", **others: Any) -> recipes.Recipe:
    """A recipe from plain values, as a study file would give them."""
    length = {} if "epochs" in others else {"steps": 20}
    return recipes.Recipe.model_validate(
        {"loss": loss, "optimizer": optimizer} | length | others
    )  # fmt: skip
