"""Train one stack, from its plan to the parts that it leaves."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import tensorflow as tf

from fairtrial.data.dataset import Dataset
from fairtrial.data.load import load_dataset
from fairtrial.data.targets import standardise_targets
from fairtrial.errors import FairtrialError, InputError, MachineError
from fairtrial.kinds.mechanism.plugins import explain_failure, find_kinds
from fairtrial.results.fingerprint import fingerprint_defaults, fingerprint_runs
from fairtrial.results.saved_stacks import Part, Result, make_part
from fairtrial.results.scoring import Scorer, score_sparsity
from fairtrial.running.fit import fit_parts
from fairtrial.running.plan import StackPlan
from fairtrial.study import Run
from fairtrial.training.stacked import Stack, train
from fairtrial.training.trace import DIVERGED, OUTCOMES, Trace, thin_curves

# Shares of the residuals beyond Huber's delta at which its loss is another one.
MOST_BEYOND, LEAST_BEYOND = 0.95, 0.01

Progress = Callable[[int, int], None]


def train_parts(
    plan: StackPlan, progress: Progress = lambda lanes, at: None, notes: tuple[str, ...] = ()
) -> list[Part]:
    """Train a stack, or fit a baseline.

    A stack that the memory does not hold is halved, and each half tried again.

    Parameters
    ----------
    plan : StackPlan
        What to train.
    progress : callable
        Told how many lanes are still training, and the step or epoch.
    notes : tuple of str
        What the first part should say of how it came about.

    Raises
    ------
    InputError
        If a kind from outside has an error.
    MachineError
        If the memory does not hold a single run, or the data cannot be had.
    """
    if plan.is_baseline:
        progress(1, 0)
        return fit_parts(plan)
    try:
        results, said = train_stack(plan, progress)
    except (MemoryError, tf.errors.ResourceExhaustedError):
        pass  # Go on outside this clause, which holds on to all that the attempt has filled.
    except (FairtrialError, OSError):
        raise
    except Exception as error:
        kinds = find_kinds([part for row in plan.runs for part in (row[0].arm.task, *plan.recipes)])
        if not kinds:
            raise
        raise InputError(explain_failure(error, kinds)) from None
    else:
        return [make_part(results, (*notes, *said))]
    name = plan.runs[0][0].name
    halves = plan.halve()
    if len(halves) == 1:
        raise MachineError(
            f"The memory does not hold the run {name!r} alone: take fewer rows or features, or "
            "a machine with more memory."
        )
    note = f"The memory did not hold a stack of {plan.n_runs} runs ({name!r} and on): halved it."
    first, second = halves
    return train_parts(first, progress, (*notes, note)) + train_parts(second, progress)


def train_stack(plan: StackPlan, progress: Progress) -> tuple[list[Result], list[str]]:
    """Load a stack's data, train it, and measure every run.

    Returns
    -------
    results : list of Result
        One for each run.
    notes : list of str
        What the user should know of them.

    Raises
    ------
    InputError
        If a table cannot be used, or changes while it is loaded.
    MachineError
        If images cannot be had.
    """
    firsts = [row[0] for row in plan.runs]
    fingerprints = [fingerprint_runs(row) for row in plan.runs]
    recipes = plan.recipes
    # The lanes of a data set share both.
    validation, features = recipes[0].validation, recipes[0].features
    began = time.perf_counter()
    datasets = [load_dataset(run.arm.task, run.seed, validation, features) for run in firsts]
    if fingerprints != [fingerprint_runs(row) for row in plan.runs]:
        raise InputError(
            "A table changed while it was loaded: run the same command again when nothing writes "
            "to it."
        )
    stack = Stack(recipes, datasets, [run.seed for run in firsts], plan.averages)
    traces = train(stack, progress)
    seconds = (time.perf_counter() - began) / plan.n_runs
    results = []
    for keys, run, dataset, row in zip(fingerprints, firsts, datasets, traces, strict=True):
        scorer = Scorer(dataset, run.seed, validation)
        for fingerprint, recipe, trace in zip(keys, recipes, row, strict=True):
            kept = replace(trace, curves=thin_curves(trace.curves, recipe.lowers_by))
            results.append(
                Result(
                    fingerprint,
                    kept,
                    seconds,
                    scorer.measure_run(trace, recipe),
                    scorer.mark_test_rows(trace),
                    scorer.measure_end(trace.average) | score_sparsity(recipe, trace.average.W)
                    if trace.average
                    else None,
                    scorer.mark_test_rows(trace.average) if trace.average else None,
                    {prefix: predicted.classes for prefix, predicted in trace.predictions.items()},
                    metric_source=fingerprint_defaults(dataset.n_classes > 0),
                )
            )
    notes = [
        note
        for place, run in enumerate(plan.runs[0])
        for note in describe_knee(run, datasets[0], traces[0][place])
    ]
    return results, notes


def describe_knee(run: Run, dataset: Dataset, trace: Trace) -> Iterator[str]:
    """Say where the knee of the loss lies outside of the residuals that training ends with.

    Parameters
    ----------
    run : Run
        Any; only losses such as Huber's have such a knee, and one relative to the data fits it.
    dataset, trace : Dataset, Trace
        Its training rows, and what it left.
    """
    recipe, name = run.arm.trained, run.arm.name
    loss, knee = recipe.loss, recipe.loss.knee
    if knee is None or trace.outcome == OUTCOMES[DIVERGED]:
        return
    _, unit = standardise_targets(recipe, dataset, run.seed)
    residuals = dataset.y - np.asarray(dataset.X, np.float64) @ trace.W - trace.b
    share = float(np.mean(np.abs(residuals) > knee * unit.size))
    if share > MOST_BEYOND:
        which, same = "nearly all", loss.far
    elif share < LEAST_BEYOND:
        which, same = "hardly any", loss.near
    else:
        return
    if not same:
        return
    length = next(iter(loss.definition.lengths), "knee")
    relative = ""
    if length in loss.definition.lengths:
        relative = f", or relative to the data, as in {length} = {{ times_mad = 1.345 }}"
    yield (
        f"Note: {which} residuals of {name!r} are larger than the {length} of its loss, {knee:g}, "
        f"so its loss is {same}. Choose a {length} of the size of the residuals, in "
        f"{'standard deviations' if recipe.standardise else 'the unit of the target'}{relative}."
    )
