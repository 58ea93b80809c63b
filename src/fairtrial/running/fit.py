"""Fit the baselines of one plan, and put them on the scoreboard."""

from __future__ import annotations

import time

import numpy as np

from fairtrial.baselines import is_random, predict_test_rows
from fairtrial.data.dataset import Dataset
from fairtrial.data.load import load_dataset
from fairtrial.results.fingerprint import fingerprint_runs
from fairtrial.results.saved_stacks import Part, Result, make_part
from fairtrial.results.scoring import score_told
from fairtrial.running.plan import StackPlan
from fairtrial.study.baseline import AnyBaseline


def fit_parts(plan: StackPlan) -> list[Part]:
    """Fit one baseline on the data of each of its seeds; on the same rows only once.

    Raises
    ------
    InputError
        If a table cannot be used.
    MachineError
        If images cannot be had.
    """
    results, notes = [], []
    known: tuple[Dataset, np.ndarray, float] | None = None
    for (run,) in plan.runs:
        baseline, dataset = run.arm.recipe, load_dataset(run.arm.task, run.seed)
        assert isinstance(baseline, AnyBaseline)
        if known is None or is_random(baseline) or not _has_same_rows(known[0], dataset):
            began = time.perf_counter()
            told, said = predict_test_rows(baseline, dataset, run.seed)
            known = dataset, told, time.perf_counter() - began
            notes += [f"{run.name}: {sentence}" for sentence in said]
        _, told, seconds = known
        right = told == dataset.test_y if dataset.n_classes else None
        (fingerprint,) = fingerprint_runs([run])
        metrics = score_told(dataset, told)
        results.append(Result(fingerprint, None, seconds / plan.n_runs, metrics, right))
    return [make_part(results, tuple(notes))]


def _has_same_rows(one: Dataset, other: Dataset) -> bool:
    """Say whether two data sets are one and the same in memory, as images are for every seed."""
    return one.X is other.X and one.test_X is other.test_X
