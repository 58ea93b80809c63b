"""How far gradient descent can get where the slope of the loss is bounded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fairtrial.data.load import measure_data
from fairtrial.data.split import count_batch_rows, count_batches, count_kept
from fairtrial.evidence.optima import Minimum
from fairtrial.parameters import draw_init
from fairtrial.study.arm import Arm


@dataclass(frozen=True)
class Reach:
    """How far a parameter can get at most, as a share below 1 of how far it had to go.

    The sentence says what that means.
    """

    share: float
    sentence: str


def find_reach(arm: Arm, seeds: list[int], minima: list[Minimum]) -> Reach | None:
    """Find whether an arm's steps, all in one direction, would not have led to its minima.

    Where the slope of a loss is bounded, as that of MAE and of Huber's loss is, the slope of a
    weight is at most that bound times the mean absolute value of its feature, and the slope of the
    intercept at most the bound. So gradient descent moves no further than learning rate times steps
    times that.

    The reach is that of the parameter that falls shortest; None where the slope has no bound, noise
    or a penalty moves the weights too, a schedule may raise the rate, targets are standardised, or
    all parameters could have got there.
    """
    recipe = arm.trained
    bound = recipe.loss.slope_bound
    moved = recipe.noise.weights or recipe.noise.learning_rate
    moved = moved or any(schedule.raises_rate for schedule in recipe.schedules)
    if bound is None or moved or recipe.standardise or not recipe.penalty.is_none:
        return None
    most, steps = recipe.optimizer.moves_at_most, _count_steps(arm)
    if most is None or steps is None:
        return None
    rate = recipe.optimizer.learning_rate
    sizes = np.array([one.sizes for one in minima])
    reach = rate * steps * bound * sizes * most
    needed = np.abs(
        np.array([one.parameters for one in minima])
        - np.array([
            np.append(*draw_init(recipe.init, sizes.shape[1] - 1, 0, seed)) for seed in seeds
        ])
    )  # fmt: skip
    shares = reach.mean(0) / np.maximum(needed.mean(0), 1e-300)
    short = int(np.argmin(shares))
    if shares[short] >= 1.0:
        return None
    name = "b" if short == sizes.shape[1] - 1 else ("W" if sizes.shape[1] == 2 else f"W[{short}]")
    return Reach(
        float(shares[short]),
        f"With learning rate {rate:g} and {steps:,} steps of {recipe.loss.kind}, {name} cannot "
        f"move further than {reach.mean(0)[short]:.3g}, and had {needed.mean(0)[short]:.3g} to go "
        "(means over the seeds).",
    )


def _count_steps(arm: Arm) -> int | None:
    """Count the steps of an arm; None where its batches differ in size.

    Over an epoch of equal batches the mean of their mean feature sizes is that of all rows.
    """
    recipe = arm.trained
    if recipe.steps is not None:
        return recipe.steps
    n_rows = count_kept(measure_data(arm.task, recipe.features).n_rows, recipe.validation)
    if n_rows % count_batch_rows(recipe, n_rows):
        return None
    return recipe.length * count_batches(recipe, n_rows)
