"""Fit the baselines of one plan, and measure them."""

from __future__ import annotations

import time

import numpy as np

from fairtrial.baselines import predict_test_rows
from fairtrial.data.dataset import Dataset
from fairtrial.data.load import load_dataset
from fairtrial.errors import FairtrialError, InputError
from fairtrial.kinds.mechanism.failures import describe_failure
from fairtrial.kinds.mechanism.plugins import explain_failure
from fairtrial.results.fingerprint import fingerprint_defaults, fingerprint_runs
from fairtrial.results.predictions import describe_baseline, score
from fairtrial.results.saved_stacks import Part, Result, make_part
from fairtrial.running.plan import StackPlan
from fairtrial.study import Run
from fairtrial.study.baseline import BaselineSettings
from fairtrial.study.metrics import list_defaults


def fit_parts(plan: StackPlan) -> list[Part]:
    """Fit one baseline on the data of each of its seeds; on the same rows only once."""
    results, notes = [], []
    known: tuple[Dataset, np.ndarray, np.ndarray | None, float] | None = None
    for (run,) in plan.runs:
        baseline, dataset = run.arm.fitted, load_dataset(run.arm.task, run.seed)
        if known is None or baseline.is_random or not _has_same_rows(known[0], dataset):
            began = time.perf_counter()
            predicted, shares, said = _predict(run, baseline, dataset)
            known = dataset, predicted, shares, time.perf_counter() - began
            notes += [f"{run.name}: {sentence}" for sentence in said]
        _, predicted, shares, seconds = known
        on_classes = dataset.n_classes > 0
        forms = describe_baseline(predicted, shares, on_classes)
        (fingerprint,) = fingerprint_runs([run])
        results.append(
            Result(
                fingerprint,
                None,
                seconds / plan.n_runs,
                {**score(list_defaults(on_classes), dataset.test_y, forms)},
                predicted == dataset.test_y if on_classes else None,
                predicted={"": predicted},
                probabilities=shares,
                metric_source=fingerprint_defaults(on_classes),
            )
        )
    return [make_part(results, tuple(notes))]


def _predict(
    run: Run, baseline: BaselineSettings, dataset: Dataset
) -> tuple[np.ndarray, np.ndarray | None, list[str]]:
    """Fit the baseline of a run; what scikit-learn refuses is said in a sentence."""
    try:
        predicted, shares, said = predict_test_rows(baseline, dataset, run.seed)
    except (FairtrialError, MemoryError):
        raise
    except Exception as error:  # Each estimator has its own.
        if not (kind := baseline.definition).is_own:
            what = f"the baseline {run.arm.name!r}"
            raise InputError(explain_failure(error, [kind], what)) from error
        author, text = baseline.author, str(error).strip()
        # One word, such as the key of a KeyError, says nothing alone.
        last = text.splitlines()[-1].strip() if " " in text else describe_failure(error)
        raise InputError(
            f"The baseline {run.arm.name!r} cannot be fitted with seed {run.seed}. {author} says: "
            f"{last.rstrip('.')}. Change its settings, or take another baseline."
        ) from error
    if predicted.shape != dataset.test_y.shape:
        raise InputError(
            f"The baseline {run.arm.name!r} predicts an array of shape {predicted.shape}, but "
            f"there is one value for each of {len(dataset.test_y):,} test rows: take another "
            "estimator."
        )
    if predicted.dtype.kind not in "biuf":
        targets = "classes are whole numbers" if dataset.n_classes else "targets are numbers"
        raise InputError(
            f"The baseline {run.arm.name!r} predicts values such as {predicted.tolist()[0]!r}, but "
            f"{targets}: take another estimator."
        )
    if dataset.n_classes and (odd := np.setdiff1d(predicted, range(dataset.n_classes))).size:
        raise InputError(
            f"The baseline {run.arm.name!r} predicts the class {odd[0]}, but classes are whole "
            f"numbers from 0 to {dataset.n_classes - 1}: take another estimator."
        )
    return predicted, shares, said


def _has_same_rows(one: Dataset, other: Dataset) -> bool:
    """Say whether two data sets are one and the same in memory, as images are for every seed."""
    same_images = one.X is other.X and one.test_X is other.test_X
    return same_images and np.array_equal(one.y, other.y)
