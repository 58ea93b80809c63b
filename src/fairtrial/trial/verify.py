"""Is the stack right? Lanes drawn at random are trained again by the eager driver."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from fairtrial.data.load import load_dataset
from fairtrial.errors import FairtrialError
from fairtrial.randomness import make_stream
from fairtrial.settings import Recipe
from fairtrial.study import Run
from fairtrial.training import eager, stacked
from fairtrial.training.trace import Trace
from fairtrial.trial.plan import plan_stacks

MOST_STEPS, MOST_EPOCHS = 2000, 1
TOLERANCE_STEPS, TOLERANCE_EPOCHS = 1e-5, 1e-4


class DeviationError(FairtrialError):
    """A stack's lane and the eager driver disagree."""

    exit_code = 1


@dataclass(frozen=True)
class Verification:
    """One lane beside the eager driver.

    Attributes
    ----------
    run : str
        Which.
    trained : int
        Steps (epochs) that both trained.
    deviation : float
        Largest difference of a parameter, relative to the largest parameter.
    tolerance : float
        What is allowed.
    """

    run: str
    trained: int
    deviation: float
    tolerance: float


def verify_runs(
    runs: Sequence[Run],
    n_lanes: int,
    report: Callable[[int, int, str], None] = lambda done, of, run: None,
) -> dict[str, Any]:
    """Train some runs again with the eager driver and compare the parameters.

    Each is trained in the stack row that it belongs to, cut to 2,000 steps or one epoch. Where
    rounding makes the two drivers count a stall on different steps, which on a plateau no
    tolerance can rule out, they are compared just before.

    Parameters
    ----------
    runs : sequence of Run
        All runs.
    n_lanes : int
        How many to draw, by a stream of their own.
    report : callable
        Told before each lane how many are done, how many there are, and its name.

    Returns
    -------
    dict
        `largest_deviation`, and `lanes`: the verifications.

    Raises
    ------
    DeviationError
        If a lane is beyond its tolerance.
    """
    rows = [row for plan in plan_stacks(runs) for row in plan.runs]
    places = [(row, lane) for row in rows for lane in range(len(row))]
    drawn = make_stream(0, "verify").choice(
        len(places), min(n_lanes, len(places)), replace=False
    )  # fmt: skip
    checks = []
    for done, place in enumerate(drawn):
        row, lane = places[place]
        report(done, len(drawn), row[lane].name)
        checks.append(verify_lane(row, lane))
    for check in checks:
        if not check.deviation <= check.tolerance:
            raise DeviationError(
                f"The run {check.run!r} differs from the eager driver by {check.deviation:.1e} "
                f"(relative; allowed: {check.tolerance:.0e}). Do not trust its results; please "
                "report this with the study file and environment.json."
            )
    return {
        "largest_deviation": max((check.deviation for check in checks), default=0.0),
        "lanes": [asdict(check) for check in checks],
    }


def verify_lane(row: Sequence[Run], lane: int) -> Verification:
    """Train one row of runs as a stack and one of them eagerly, and compare that one."""
    task, seed = row[0].arm.task, row[0].seed
    dataset = load_dataset(task, seed)
    recipes = [run.arm.recipe for run in row]
    in_epochs = recipes[lane].epochs is not None

    def train_both(most: int) -> tuple[Trace, Trace, int]:
        cut = [_shorten(recipe, most) for recipe in recipes]
        stack = stacked.train(stacked.Stack(cut, [dataset], [seed]))[0][lane]
        reference = eager.train(cut[lane], dataset, seed)
        return stack, reference, cut[lane].steps or cut[lane].epochs or 0

    stack, reference, trained = train_both(MOST_EPOCHS if in_epochs else MOST_STEPS)
    if not in_epochs and (together := count_steps_together(stack, reference)) < trained:
        stack, reference, trained = train_both(together)
    ours, theirs = (np.append(trace.W, trace.b) for trace in (stack, reference))
    size = float(np.abs(theirs).max()) or 1.0
    deviation = float(np.abs(ours - theirs).max()) / size
    tolerance = TOLERANCE_EPOCHS if in_epochs else TOLERANCE_STEPS
    return Verification(row[lane].name, trained, deviation, tolerance)


def count_steps_together(stack: Trace, reference: Trace) -> int:
    """Count the steps before the first at which one trace ends or changes its rate alone."""
    at, rates = stack.curves["learning_rate"]
    reference_rates = reference.curves["learning_rate"][1]
    shared = at[at < len(reference_rates)]
    # A halving shows; the last digit of a rate that noise was multiplied to does not.
    differ = ~np.isclose(rates[: len(shared)], reference_rates[shared], rtol=1e-4, atol=0.0)
    ends = [stack.ended_at, reference.ended_at] if stack.ended_at != reference.ended_at else []
    changes = [_last_before(at, shared[differ][0])] if differ.any() else []
    whole = max(stack.ended_at, reference.ended_at) + 1
    return max(1, min([*ends, *changes, whole]))


def _last_before(at: np.ndarray, step: int) -> int:
    """Return the kept point before a step: the rate may have changed anywhere between."""
    earlier = at[at < step]
    return int(earlier[-1]) if len(earlier) else 1


def _shorten(recipe: Recipe, most: int) -> Recipe:
    name = "steps" if recipe.steps is not None else "epochs"
    return recipe.model_copy(update={name: min(getattr(recipe, name), most)})
