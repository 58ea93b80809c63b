"""Train one stack, from its plan to the parts that it leaves."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import tensorflow as tf

from fairtrial.data.load import load_dataset
from fairtrial.errors import InputError, MachineError
from fairtrial.training.stacked import Stack, train
from fairtrial.training.trace import thin_curves
from fairtrial.trial.fingerprint import fingerprint_runs
from fairtrial.trial.fit import fit_parts
from fairtrial.trial.parts import Part, Result, make_part
from fairtrial.trial.plan import StackPlan
from fairtrial.trial.scoreboard import Scoreboard

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
    MachineError
        If the memory does not hold a single run, or the data cannot be had.
    """
    if plan.is_baseline:
        progress(1, 0)
        return fit_parts(plan)
    try:
        results = train_stack(plan, progress)
    except (MemoryError, tf.errors.ResourceExhaustedError):
        pass  # Go on outside this clause, which holds on to all that the attempt has filled.
    else:
        return [make_part(results, notes)]
    name = plan.runs[0][0].name
    halves = plan.halve()
    if len(halves) == 1:
        raise MachineError(
            f"The memory does not hold the run {name!r}, alone: take fewer rows or features, or a "
            "machine with more memory."
        )
    note = f"The memory did not hold a stack of {plan.n_runs} runs ({name!r} and on): halved it."
    first, second = halves
    return train_parts(first, progress, (*notes, note)) + train_parts(second, progress)


def train_stack(plan: StackPlan, progress: Progress) -> list[Result]:
    """Load a stack's data, train it, and put every run on the scoreboard.

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
        board = Scoreboard(dataset, run.seed, validation)
        for fingerprint, recipe, trace in zip(keys, recipes, row, strict=True):
            kept = replace(trace, curves=thin_curves(trace.curves))
            results.append(
                Result(
                    fingerprint,
                    kept,
                    seconds,
                    board.measure_run(trace, recipe),
                    board.mark_test_rows(trace),
                    board.measure_end(trace.average) if trace.average else None,
                    board.mark_test_rows(trace.average) if trace.average else None,
                )
            )
    return results
