"""Why two sides differ: the exact split of a difference into choice and budget.

With A* and B* the exact minimisers of the two objectives on the same training rows,
m(A) - m(B) = [m(A*) - m(B*)] + {[m(A) - m(A*)] - [m(B) - m(B*)]}: what the choice would make of it
if both were trained to the end, and what is owed to how far each has got.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from fairtrial.data.load import measure_data
from fairtrial.errors import FairtrialError
from fairtrial.evidence.optima import ABSENT, Minimum, Optima
from fairtrial.evidence.pairs import Pairs
from fairtrial.study.arms import Arm
from fairtrial.study.claims import Claim
from fairtrial.study.complaints import write_bare
from fairtrial.study.metrics import METRICS
from fairtrial.study.recipe import FeatureNoise, Recipe
from fairtrial.training.parameters import draw_init
from fairtrial.trial.scoreboard import keep_objective

NOT_SPLIT = "Not split: "
DATA_ABSENT = f"{NOT_SPLIT}{ABSENT}"


@dataclass(frozen=True)
class Cause:
    """A difference as choice + budget, seed by seed.

    Attributes
    ----------
    choice, budget : (n,)
        One a seed, positive where they favour `better`; their sum is the difference.
    sentence : str
        What they say.
    """

    choice: np.ndarray
    budget: np.ndarray
    sentence: str

    @property
    def is_budget(self) -> bool:
        """Whether the budget dominates."""
        return bool(abs(self.budget.mean()) > abs(self.choice.mean()))


def find_cause(claim: Claim, pairs: Pairs, optima: Optima) -> Cause | str:
    """Split a claim's difference into choice and budget.

    Parameters
    ----------
    claim : Claim
        What is claimed.
    pairs : Pairs
        Its matched runs, without a problem.
    optima : Optima
        Finds exact minimisers.

    Returns
    -------
    Cause or str
        A sentence where it cannot be split.
    """
    if obstacle := _find_obstacle(claim, pairs):
        return obstacle
    seeds = pairs.by_seed["seed"].to_list()
    sign = 1.0 if METRICS[claim.on].higher_is_better else -1.0
    choices, reaches = [], []
    for better, than in pairs.arms:
        if _is_same_objective(better, than):
            choices.append(np.zeros(len(seeds)))
            continue
        sides = [optima.find(arm, seeds) for arm in (better, than)]
        for arm, minima in zip((better, than), sides, strict=True):
            if minima[0].problem:
                if minima[0].problem.startswith(ABSENT):
                    return f"{NOT_SPLIT}{minima[0].problem}."
                return f"{NOT_SPLIT}no minimum of {arm.name!r} is known: {minima[0].problem}."
        values = [np.array([one.metrics[claim.on] for one in minima]) for minima in sides]
        choices.append(sign * (values[0] - values[1]))
        for arm, minima in zip((better, than), sides, strict=True):
            reaches.append(find_reach(arm, seeds, minima))
    choice = np.mean(choices, 0)
    budget = pairs.differences - choice
    sentence = _tell(claim, pairs, float(choice.mean()), float(budget.mean()))
    shortest = min(
        (reach for reach in reaches if reach), key=lambda reach: reach.share, default=None
    )
    if shortest and abs(budget.mean()) > abs(choice.mean()):
        sentence += f" {shortest.sentence}"
    return Cause(choice, budget, sentence)


def _find_obstacle(claim: Claim, pairs: Pairs) -> str:
    """Say why a claim cannot be split, before any minimum is looked for; "" if nothing is known."""
    if claim.effect is not None:
        return "A claim on effects compares four arms: each of its two effects has a cause."
    if not METRICS[claim.on].of_the_end:
        return f"{claim.on} is about the way, not the end: it has no minimum to be split at."
    if not all(isinstance(arm.recipe, Recipe) for pair in pairs.arms for arm in pair):
        return "A baseline is fitted by scikit-learn: it has no budget that could be short."
    if pairs.n_diverged:
        return f"{NOT_SPLIT}{pairs.n_diverged} pairs have a run that diverged, and left no end."
    if any(isinstance(arm.trained.noise.data, FeatureNoise) for p in pairs.arms for arm in p):
        return f"{NOT_SPLIT}noise on the features is part of what an arm minimises."
    if any(has_many_minima(arm) for pair in pairs.arms for arm in pair):
        return f"{NOT_SPLIT}there are fewer rows than parameters, and so many minima."
    return ""


def has_many_minima(arm: Arm) -> bool:
    """Say whether an arm has fewer training rows than parameters, and nothing that chooses."""
    if arm.trained.penalty.l2:
        return False
    try:
        shape = measure_data(arm.task, arm.trained.features)
    except FairtrialError:  # The data is not at hand; `Optima` says so.
        return False
    n_rows = shape.n_rows * (1.0 - (arm.trained.validation or 0.0))
    return n_rows <= shape.n_features + 1


def _is_same_objective(one: Arm, other: Arm) -> bool:
    objectives = [keep_objective(arm.trained) for arm in (one, other)]
    return one.task == other.task and objectives[0] == objectives[1]


# --------------------------------------------------------------------- the reach of a bounded slope


@dataclass(frozen=True)
class Reach:
    """How far a parameter can get at most, and how far it had to go.

    Attributes
    ----------
    share : float
        The one over the other, below 1.
    sentence : str
        What that means.
    """

    share: float
    sentence: str


def find_reach(arm: Arm, seeds: list[int], minima: list[Minimum]) -> Reach | None:
    """Find whether an arm's steps, all in one direction, would not have led to its minimum.

    The slope of MAE and of Huber's loss is bounded: that of a weight by the mean absolute value of
    its feature (times delta), that of the intercept by 1 (times delta). So gradient descent moves
    no further than learning rate times steps times that bound.

    Parameters
    ----------
    arm : Arm
        The recipe.
    seeds : list of int
        For each of which there is a minimum.
    minima : list of Minimum
        Of its objective.

    Returns
    -------
    Reach or None
        Of the parameter that falls shortest; None where the slope has no bound, noise or a penalty
        moves the weights too, or all parameters could have got there.
    """
    recipe = arm.trained
    bound = {"mae": 1.0, "huber": getattr(recipe.loss, "delta", None)}.get(recipe.loss.kind)
    moved = recipe.noise.weights or recipe.noise.learning_rate
    if bound is None or moved or recipe.penalty.l1 or recipe.penalty.l2 or recipe.steps is None:
        return None
    if recipe.optimizer.kind != "sgd":
        return None
    rate, steps = recipe.optimizer.learning_rate, recipe.steps
    sizes = np.array([one.sizes for one in minima])
    reach = rate * steps * bound * sizes / (1.0 - recipe.optimizer.momentum)
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


# --------------------------------------------------------------------------------------- sentences


def _tell(claim: Claim, pairs: Pairs, choice: float, budget: float) -> str:
    difference = choice + budget
    if np.all(pairs.differences == 0.0):
        return f"No run's {claim.on} differs from that of the run that it is compared with."
    better, than = name_sides(claim)
    loser, sign = (than, 1.0) if difference >= 0.0 else (better, -1.0)
    # Three digits of the largest, and all three figures to the same place.
    largest = max(abs(difference), abs(choice), abs(budget))
    digits = max(0, 2 - math.floor(math.log10(largest or 1.0)))
    # Adding 0 makes -0 plain.
    show = [f"{round(sign * one, digits) + 0.0:.{digits}f}" for one in (difference, choice, budget)]
    start = f"{loser} ends {show[0]} worse in {claim.on}"
    if all(_is_same_objective(*pair) for pair in pairs.arms):
        noise = any(one.trained.noise != other.trained.noise for one, other in pairs.arms)
        differ = "in the noise put in while they train" if noise else "in how far they get"
        return (
            f"{start}; all of it is budget: both sides minimise the same objective on the same "
            f"rows, and differ {differ}."
        )
    return (
        f"{start}; {show[1]} of it is {_name_choice(pairs)}, {show[2]} is unfinished training."
    )  # fmt: skip


def _name_choice(pairs: Pairs) -> str:
    """Name all that decides the two sides' minima and differs between them in any pair."""
    names = {
        "loss": "the loss",
        "penalty": "the penalty",
        "validation": "the split",
        "features": "the features",
    }
    differ: dict[str, None] = {}
    for one, other in pairs.arms:
        for setting in sorted(one.settings.keys() | other.settings.keys()):
            if one.settings.get(setting) == other.settings.get(setting):
                continue
            table, _, rest = setting.partition(".")
            if table == "task":
                noise = rest.partition(".")[0] == "noise"
                differ["the noise" if noise else f"the task's {rest}"] = None
            elif table in names:
                differ[names[table]] = None
    return " and ".join(differ) or "the choice"


def name_sides(claim: Claim) -> tuple[str, str]:
    """Name the two sides of a claim by what their selectors say.

    Examples
    --------
    >>> name_sides(Claim(say="-", better={"loss": "mse"}, than={"loss": "mae"}, on="mse"))
    ('mse', 'mae')
    >>> name_sides(Claim(say="-", better={"epochs": 20}, than={"epochs": 10}, on="accuracy"))
    ('epochs=20', 'epochs=10')
    """
    better, than = _name_side(claim.better), _name_side(claim.than)
    return (better, than) if better != than else (f"better ({better})", f"than ({than})")


def _name_side(selector: Mapping[str, Any]) -> str:
    words = []
    for name, value in selector.items():
        if isinstance(value, str):
            words.append(value)
        elif isinstance(value, Mapping):
            words.append(_name_side(value))
        else:
            words.append(f"{name.rpartition('.')[2]}={write_bare(value)}")
    return ", ".join(words)
