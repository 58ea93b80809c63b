"""Is the stack right? Lanes drawn at random are trained again by the eager driver."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from fairtrial.data.dataset import Dataset
from fairtrial.data.split import count_batch_rows
from fairtrial.errors import FairtrialError
from fairtrial.randomness import make_stream
from fairtrial.results.fingerprint import fingerprint_runs
from fairtrial.running.plan import StackPlan, plan_stacks
from fairtrial.running.stack import load_datasets, train_stack
from fairtrial.study import Run
from fairtrial.study.recipe import Recipe
from fairtrial.training import eager, stacked
from fairtrial.training.trace import Trace

# Enough to go through every part of a step. Longer runs cannot be held to a tolerance: where a loss
# has a kink, rounding turns the sign of single residuals, and the two drivers part for good.
MOST_STEPS, MOST_EPOCHS, MOST_STEPS_OF_CLASSES = 200, 1, 10
TOLERANCE_STEPS, TOLERANCE_EPOCHS = 1e-5, 1e-4
# A gradient over all rows may cancel exactly, as that of a bias whose class has its share of rows.
# Optimizers that divide by its size then move by what rounding has left of it, each driver its own:
# on the digits, NumPy in float32 is 2e-3 from float64 after six steps of Adam, and 3e-7 of SGD.
TOLERANCE_CANCELLING = 1e-2


class DeviationError(FairtrialError):
    """A stack's lane and the eager driver disagree."""


@dataclass(frozen=True)
class Verification:
    """One lane beside the eager driver."""

    # Which: its name, and what tells it from runs of other settings, data or code
    run: str
    fingerprint: str
    trained: int  # Steps (epochs) that both trained
    deviation: float  # Largest difference of a parameter, relative to the largest parameter
    tolerance: float  # What is allowed


def verify_runs(
    runs: Sequence[Run],
    n_lanes: int,
    progress: Callable[[int, int, str], None] = lambda done, of, run: None,
    memory: int | None = None,
) -> dict[str, Any]:
    """Train some runs again with the eager driver and compare the parameters.

    Each is trained in the stack that it belongs to, cut to 200 steps (with classes 10) or to one
    epoch of at most 200 batches. Where rounding makes the two drivers count a stall on different
    steps, they are compared just before. A stream draws which, the same for the same runs. `memory`
    is what a stack may take in bytes when the runs were trained, so that each is verified in its
    own stack. Returns `largest_deviation`, and `lanes`, the verifications.
    """
    places = [
        (plan, row, lane)
        for plan in plan_stacks(runs, memory or 2**30)
        if not plan.is_baseline
        for row in range(len(plan.runs))
        for lane in range(len(plan.runs[row]))
    ]
    stream = make_stream(0, "verify")
    drawn = stream.choice(len(places), min(n_lanes, len(places)), replace=False)
    checks = []
    for done, number in enumerate(drawn):
        plan, row, lane = places[number]
        progress(done, len(drawn), plan.runs[row][lane].name)
        checks.append(verify_lane(plan, row, lane))
    return {
        "largest_deviation": max((check.deviation for check in checks), default=0.0),
        "lanes": [asdict(check) for check in checks],
    }


def count_unlike_repeats(runs: Sequence[Run]) -> int:
    """Train some runs twice and count those that are not the same to the last bit."""
    n_unlike = 0
    for plan in plan_stacks(runs):
        first, second = (train_stack(plan, lambda lanes, at: None)[0] for _ in range(2))
        pairs = zip(first, second, strict=True)
        n_unlike += sum(not _is_alike(one.trace, other.trace) for one, other in pairs)
    return n_unlike


def _is_alike(one: Trace | None, other: Trace | None) -> bool:
    """Say whether two traces are the same to the last bit, curves and all."""
    if one is None or other is None:
        return one is other
    arrays = [
        [trace.W, trace.b, *(array for curve in trace.curves.values() for array in curve)]
        for trace in (one, other)
    ]
    ends = (one.outcome, one.ended_at) == (other.outcome, other.ended_at)
    return ends and all(map(np.array_equal, *arrays))


def refuse_deviation(verification: dict[str, Any]) -> None:
    """Raise a `DeviationError` where a verified lane is beyond its tolerance."""
    for lane in verification["lanes"]:
        if not lane["deviation"] <= lane["tolerance"]:
            raise DeviationError(
                f"The run {lane['run']!r} differs from the eager driver by "
                f"{lane['deviation']:.1e} (relative; allowed: {lane['tolerance']:.0e}). Do not "
                "trust these results. If the study has kinds of your own, `fairtrial check` of "
                "their file finds what is wrong; if not, please report this with study.toml and "
                "environment.json."
            )


def verify_lane(plan: StackPlan, row: int, lane: int) -> Verification:
    """Train a stack and, eagerly, one of its lanes, both cut short, and compare that lane."""
    seeds, recipes = [runs[0].seed for runs in plan.runs], plan.recipes
    datasets = load_datasets(plan)
    one = recipes[lane]
    in_epochs = one.epochs is not None
    if in_epochs:
        datasets = [_take_rows(dataset, one) for dataset in datasets]
    most = MOST_STEPS_OF_CLASSES if one.loss.on_classes else MOST_STEPS

    def train_both(most: int) -> tuple[Trace, Trace]:
        cut = [_shorten(recipe, most) for recipe in recipes]
        stack = stacked.train(stacked.Stack(cut, datasets, seeds))[row][lane]
        return stack, eager.train(cut[lane], datasets[row], seeds[row])

    stack, reference = train_both(MOST_EPOCHS if in_epochs else most)
    trained = reference.ended_at + (0 if in_epochs else 1)
    if not in_epochs and (together := count_steps_together(stack, reference)) < trained:
        stack, reference = train_both(together)
        trained = together
    ours, theirs = (np.append(trace.W, trace.b) for trace in (stack, reference))
    size = float(np.abs(theirs).max()) or 1.0
    deviation = float(np.abs(ours - theirs).max()) / size
    may_cancel = one.loss.on_classes and not recipes[lane].optimizer.is_gradient_step
    of_steps = TOLERANCE_CANCELLING if may_cancel else TOLERANCE_STEPS
    tolerance = TOLERANCE_EPOCHS if in_epochs else of_steps
    run = plan.runs[row][lane]
    (fingerprint,) = fingerprint_runs([run])
    return Verification(run.name, fingerprint, trained, deviation, tolerance)


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


def _take_rows(dataset: Dataset, recipe: Recipe) -> Dataset:
    """Take the first rows of a data set, so many that an epoch has no more than `MOST_STEPS`."""
    n_rows = MOST_STEPS * count_batch_rows(recipe, len(dataset.y))
    return replace(dataset, X=dataset.X[:n_rows], y=dataset.y[:n_rows])


def _shorten(recipe: Recipe, most: int) -> Recipe:
    name = "steps" if recipe.steps is not None else "epochs"
    return recipe.model_copy(update={name: min(getattr(recipe, name), most)})
