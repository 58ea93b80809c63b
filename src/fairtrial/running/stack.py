"""Train one stack, or fit one baseline, from its plan to the parts that it leaves."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import tensorflow as tf

from fairtrial.baselines import predict_test_rows
from fairtrial.cores import shared_cores
from fairtrial.data.dataset import Dataset
from fairtrial.data.load import load_dataset
from fairtrial.data.targets import standardise_targets
from fairtrial.errors import FairtrialError, InputError, MachineError
from fairtrial.kinds.mechanism.failures import describe_failure
from fairtrial.kinds.mechanism.plugins import explain_failure, find_kinds
from fairtrial.results.fingerprint import fingerprint_defaults, fingerprint_runs
from fairtrial.results.predictions import describe_baseline, score
from fairtrial.results.saved_stacks import Part, Result, make_part
from fairtrial.results.scoring import Scorer, score_sparsity
from fairtrial.running.plan import StackPlan
from fairtrial.study import Run
from fairtrial.study.baseline import BaselineSettings
from fairtrial.study.metrics import list_defaults
from fairtrial.training.stacked import Stack, train
from fairtrial.training.trace import DIVERGED, OUTCOMES, Trace, thin_curves

# Shares of the residuals beyond Huber's delta at which its loss is another one.
MOST_BEYOND, LEAST_BEYOND = 0.95, 0.01

# The largest sum of the probabilities of a row, which float32 has rounded.
MOST = 1.001

Progress = Callable[[int, int], None]


def train_parts(
    plan: StackPlan, progress: Progress = lambda lanes, at: None, notes: tuple[str, ...] = ()
) -> list[Part]:
    """Train a stack, or fit a baseline; `notes` go to the first part.

    A stack that the memory does not hold is halved, and each half tried again; a single run that it
    does not hold is a `MachineError`. An error of a kind from outside is an `InputError`.
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
    """Load a stack's data, train it, and measure every run; with notes for the user.

    It is an `InputError` if a table changes while it is loaded.
    """
    firsts, recipes = [row[0] for row in plan.runs], plan.recipes
    fingerprints = [fingerprint_runs(row) for row in plan.runs]
    began = time.perf_counter()
    datasets = load_datasets(plan)
    if fingerprints != [fingerprint_runs(row) for row in plan.runs]:
        raise InputError("A table changed while it was loaded.")
    stack = Stack(recipes, datasets, [run.seed for run in firsts], plan.averages)
    with shared_cores:
        traces = train(stack, progress)
    seconds = (time.perf_counter() - began) / plan.n_runs
    results = []
    for keys, run, dataset, row in zip(fingerprints, firsts, datasets, traces, strict=True):
        scorer = Scorer(dataset, run.seed, recipes[0].validation)
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


def load_datasets(plan: StackPlan) -> list[Dataset]:
    """Load the data set of each row of a stack; its lanes share validation rows and features."""
    one, firsts = plan.recipes[0], [row[0] for row in plan.runs]
    return [load_dataset(run.arm.task, run.seed, one.validation, one.features) for run in firsts]


def describe_knee(run: Run, dataset: Dataset, trace: Trace) -> Iterator[str]:
    """Say where the knee of the loss lies outside of the residuals that training ends with.

    Only losses such as Huber's have such a knee, and one relative to the data fits it.
    """
    recipe, name = run.arm.recipe, run.arm.name
    loss, knee = recipe.loss, recipe.loss.knee
    if knee is None or trace.outcome == OUTCOMES[DIVERGED]:
        return
    unit = standardise_targets(recipe, dataset, run.seed).unit
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


def fit_parts(plan: StackPlan) -> list[Part]:
    """Fit one baseline on the data of each of its seeds; on the same rows only once."""
    results, notes = [], []
    known: tuple[Dataset, np.ndarray, np.ndarray | None, float] | None = None
    for (run,) in plan.runs:
        baseline, dataset = run.arm.baseline, load_dataset(run.arm.task, run.seed)
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
    except (Exception, SystemExit) as error:  # Each estimator has its own.
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
    if fault := _find_fault(predicted, shares, dataset):
        raise InputError(f"The baseline {run.arm.name!r} {fault}: take another estimator.")
    return predicted, shares, said


def _find_fault(predicted: np.ndarray, shares: np.ndarray | None, dataset: Dataset) -> str:
    """Find what is wrong with what a baseline predicts, as a clause; "" if nothing."""
    if predicted.shape != dataset.test_y.shape:
        return (
            f"predicts an array of shape {predicted.shape}, but there is one value for each of "
            f"{len(dataset.test_y):,} test rows"
        )
    targets = "classes are whole numbers" if dataset.n_classes else "targets are numbers"
    if predicted.dtype.kind not in "biuf":
        return f"predicts values such as {predicted.tolist()[0]!r}, but {targets}"
    if not dataset.n_classes:
        odd = predicted[~np.isfinite(predicted)]
        return f"predicts {odd[0]}, but targets are finite numbers" if odd.size else ""
    if (odd := np.setdiff1d(predicted, range(dataset.n_classes))).size:
        return f"predicts the class {odd[0]}, but {targets} from 0 to {dataset.n_classes - 1}"
    if shares is not None and not np.all((shares >= 0) & (shares.sum(1, keepdims=True) < MOST)):
        return "gives probabilities that are negative or NaN, or whose sum in a row is above 1"
    return ""


def _has_same_rows(one: Dataset, other: Dataset) -> bool:
    """Say whether two data sets are one and the same in memory, as images are for every seed."""
    same_images = one.X is other.X and one.test_X is other.test_X
    return same_images and np.array_equal(one.y, other.y)
