"""Where a run would end with all the steps there are, and how far it can get at most."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
from polars.exceptions import PolarsError

from fairtrial.cores import on_one_core
from fairtrial.data.load import load_dataset, measure_data
from fairtrial.data.split import count_batch_rows, count_batches, count_kept, split_rows
from fairtrial.digits import show_number
from fairtrial.errors import FairtrialError
from fairtrial.evidence.statistics.crossing import unpack_marks
from fairtrial.files import write_file
from fairtrial.kinds.metrics.numbers import MetricSettings, read_metric
from fairtrial.parameters import draw_init
from fairtrial.results.fingerprint import fingerprint_arm, fingerprint_metric, fingerprint_run
from fairtrial.results.scoring import Scorer, keep_objective, score_sparsity
from fairtrial.study.arm import Arm
from fairtrial.study.metrics import list_defaults
from fairtrial.study.recipe import Recipe
from fairtrial.study.task import AnyTask

OPTIMA = "optima.parquet"
# Rows times features, times classes where there are any: so many take a gigabyte as float64. With
# classes a search on more takes minutes, and without it takes several gigabytes.
MOST_VALUES = 2**27

# What float32 may have changed of features, as a share.
ROUNDED = 1e-6
NOT_UNIQUE = "it is not unique, because other parameters have the same loss"
NOT_DECIDED = (
    "no training row decides a parameter that a test row asks for, such as the weight of a category"
)
Metrics = dict[str, float]

SCHEMA = pl.Schema(
    {
        "key": pl.String,
        "problem": pl.String,
        "is_general": pl.Boolean,
        "certificate": pl.Float64,
        "tolerance": pl.Float64,
        "parameters": pl.List(pl.Float64),
        "others": pl.List(pl.List(pl.Float64)),
        "free": pl.List(pl.List(pl.Float64)),
        "sizes": pl.List(pl.Float64),
        "metric": pl.List(pl.String),
        "metric_value": pl.List(pl.Float64),
        "metric_range": pl.List(pl.Float64),
        "metric_source": pl.List(pl.String),
        "n_test_rows": pl.Int64,
        "right": pl.Binary,
    }
)

NOTHING = {
    "is_general": True, "certificate": np.inf, "tolerance": 0.0, "parameters": [], "others": [],
    "free": [], "sizes": [], "metric": [], "metric_value": [], "metric_range": [],
    "metric_source": [], "n_test_rows": None, "right": None,
}  # fmt: skip
"""What is kept of a search that was not begun."""


@dataclass(frozen=True)
class Minimum:
    """The minimiser of an arm's objective on one seed's training rows."""

    problem: str  # Why it is not known, as a sentence; "" if it is
    # (D + 1,) or (D K + K,): weights row by row, then the intercept or those of the classes
    parameters: np.ndarray
    sizes: np.ndarray  # (D + 1,), of regression: mean absolute value of each feature, then 1
    metrics: Metrics  # Those that parameters alone decide
    # By how much other minimisers change a metric at most, as far as they were looked for: 0 where
    # this is the only one
    ranges: Metrics = field(default_factory=dict)
    # (N,): which test rows it predicts correctly, 0 and 1; None for regression
    right: np.ndarray | None = None
    is_general: bool = False  # Whether other seeds would have the same problem
    # (., D + 1), of regression without a penalty: directions that no training row decides
    free: np.ndarray = field(default_factory=lambda: np.empty((0, 0)))
    lacks_data: bool = False  # Whether the problem is that the data is not at hand


class Optima:
    """Exact minimisers, found when asked for; what a folder has is not searched again.

    Without a folder nothing is kept.
    """

    def __init__(self, folder: Path | None = None):
        self._path = None if folder is None else folder / OPTIMA
        self._rows: dict[str, dict] = {}
        self._is_kept = True
        if self._path and self._path.is_file():
            try:
                kept = pl.read_parquet(self._path, glob=False)
            except (OSError, PolarsError):
                return  # Damaged: what it held is found again.
            if kept.schema == SCHEMA:  # Else another version wrote it.
                self._rows = {row["key"]: row for row in kept.iter_rows(named=True)}

    def find(self, arm: Arm, seeds: Sequence[int], metric: str = "") -> list[Minimum]:
        """Find the minimisers of an arm's objective, one a seed.

        They are measured by the named metric too, beside those that every run has. After a
        problem that all seeds share, no other seed is searched, since each would take as long; nor
        are others where more than half have a problem. Then all have the last one.
        """
        objective = keep_objective(arm.recipe)
        try:
            fingerprint = fingerprint_arm(arm.task, objective)
        except FairtrialError as error:
            reason = " ".join(str(error).split()).rstrip(".")
            problem = f"the data is not at hand ({reason})"
            nothing = np.array([])
            return [Minimum(problem, nothing, nothing, {}, lacks_data=True)] * len(seeds)
        found = []
        with on_one_core:  # Here too, since beginning to hold it takes milliseconds.
            for seed in seeds:
                key = fingerprint_run(fingerprint, seed)
                if key not in self._rows:
                    self._rows[key] = _search(key, arm.task, objective, seed)
                    self._is_kept = False
                self._measure(key, metric, arm.task, objective, seed)
                found.append(_read(self._rows[key]))
                n_lacking = sum(bool(one.problem) for one in found)
                if found[-1].is_general or 2 * n_lacking > len(seeds):
                    return found[-1:] * len(seeds)
        return found

    def _measure(self, key: str, name: str, task: AnyTask, objective: Recipe, seed: int) -> None:
        """Measure a minimiser by a metric, unless that is known, as the metric is now."""
        row, metric = self._rows[key], read_metric(name)
        if row["problem"] or metric is None:
            return
        known = dict(zip(row["metric"], row["metric_source"], strict=True))
        if known.get(metric.column) == fingerprint_metric(metric.definition):
            return
        dataset = load_dataset(task, seed, objective.validation, objective.features)
        scorer = Scorer(dataset, seed, objective.validation)
        points = [_shape(one, dataset.n_classes) for one in (row["parameters"], *row["others"])]
        of_predictions = [*list_defaults(dataset.n_classes > 0), metric]
        found, ranges = _measure_points(scorer, objective, points, [metric])
        found = dict(zip(row["metric"], row["metric_value"], strict=True)) | found
        ranges = dict(zip(row["metric"], row["metric_range"], strict=True)) | ranges
        described = _describe_metrics(found, ranges, of_predictions)
        measured = zip(described["metric"], described["metric_source"], strict=True)
        sources = [source or known.get(name, "") for name, source in measured]
        self._rows[key] = row | described | {"metric_source": sources}
        self._is_kept = False

    def write(self) -> None:
        """Keep what was found."""
        if self._path and not self._is_kept:
            table = pl.DataFrame(list(self._rows.values()), schema=SCHEMA, orient="row")
            write_file(self._path, table.write_parquet)
            self._is_kept = True


def _search(key: str, task: AnyTask, objective: Recipe, seed: int) -> dict:
    n_rows, _, n_features, n_classes = measure_data(task, objective.features)
    if n_rows * n_features * max(n_classes, 1) > MOST_VALUES:
        problem = f"{n_rows:,} rows of {n_features:,} features are too many to search on"
        return NOTHING | {"key": key, "problem": problem}
    dataset = load_dataset(task, seed, objective.validation, objective.features)
    scorer = Scorer(dataset, seed, objective.validation)
    optimum = scorer.find_optimum(objective)
    is_number, metrics, ranges, right = not dataset.n_classes, Metrics(), Metrics(), None
    X, free, problem = dataset.X, np.empty((0, 0)), optimum.problem
    if is_number and objective.validation is not None:
        X = X[split_rows(len(X), objective.validation, seed)[0]]
    if not (problem or optimum.is_unique or optimum.others):
        problem = NOT_UNIQUE
    if not problem and is_number and objective.penalty.is_none:
        free = _find_free(X)
        problem = NOT_DECIDED if _asks_for(free, dataset.test_X) else ""
    if not problem:
        points = [(optimum.W, optimum.b), *optimum.others]
        metrics, ranges = _measure_points(scorer, objective, points)
        right = scorer.mark_parameters(optimum.W, optimum.b)
    sizes = np.append(np.abs(X).mean(0, dtype=np.float64), 1.0) if is_number else []
    return {
        "key": key,
        "problem": problem,
        "is_general": optimum.is_general,
        "certificate": float(optimum.certificate),
        "tolerance": float(optimum.tolerance),
        "parameters": np.append(optimum.W, optimum.b).tolist(),
        "others": [np.append(*other).tolist() for other in optimum.others],
        "free": free.tolist(),
        "sizes": list(sizes),
        **_describe_metrics(metrics, ranges, list_defaults(not is_number)),
        "n_test_rows": None if right is None else len(right),
        "right": None if right is None else np.packbits(right).tobytes(),
    }


def _shape(parameters: Sequence[float], n_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return W and b of parameters as `Minimum` has them."""
    n_outputs = max(n_classes, 1)
    W, b = np.split(np.array(parameters), [-n_outputs])
    return (W.reshape(-1, n_outputs), b) if n_classes else (W, b)


def _measure_points(
    scorer: Scorer,
    objective: Recipe,
    points: Sequence[tuple[np.ndarray, np.ndarray]],
    more: Sequence[MetricSettings] = (),
) -> tuple[Metrics, Metrics]:
    """Measure the first of some minimisers, W and b each, and by how much the others differ."""
    first, *others = (
        scorer.measure_parameters(W, b, more) | score_sparsity(objective, W) for W, b in points
    )
    ranges = {
        name: float(np.max([abs(other[name] - value) for other in others], initial=0.0))
        for name, value in first.items()
    }
    return first, ranges


def _describe_metrics(
    metrics: Metrics, ranges: Metrics, of_predictions: Sequence[MetricSettings]
) -> dict[str, list]:
    """Describe metrics in a row: names, values, ranges, and sources of metrics of predictions."""
    sources = {one.column: fingerprint_metric(one.definition) for one in of_predictions}
    return {
        "metric": list(metrics),
        "metric_value": list(metrics.values()),
        "metric_range": [ranges[name] for name in metrics],
        "metric_source": [sources.get(name, "") for name in metrics],
    }


def _find_free(X: np.ndarray) -> np.ndarray:
    """Find the directions (., D + 1) of weights and intercept that no row (N, D) decides.

    Examples
    --------
    >>> np.abs(_find_free(np.array([[1.0, 0.0], [2.0, 0.0]]))).tolist()
    [[0.0, 1.0, 0.0]]
    """
    A = np.column_stack([X, np.ones(len(X))]).astype(np.float64)
    _, sizes, directions = np.linalg.svd(np.linalg.qr(A, mode="r"))
    return directions[np.count_nonzero(sizes > ROUNDED * sizes[0]) :]


def _asks_for(free: np.ndarray, test: np.ndarray) -> bool:
    """Say whether test rows, (N, D), ask for directions (., D + 1) that no training row decides.

    Such is the weight of a category that only test rows have. Parameters that no row of either
    tells apart, as of categories that sum to 1, do not count.

    Examples
    --------
    >>> _asks_for(_find_free(np.array([[1.0, 0.0], [2.0, 0.0]])), np.array([[1.0, 1.0]]))
    True
    >>> _asks_for(_find_free(np.array([[1.0, 2.0], [2.0, 4.0]])), np.array([[3.0, 6.0]]))
    False
    """
    rows = np.column_stack([test, np.ones(len(test))]).astype(np.float64)
    return bool(np.abs(rows @ free.T).max(initial=0.0) > ROUNDED**0.5 * np.abs(rows).max())


def _read(row: dict) -> Minimum:
    metrics, ranges = (
        dict(zip(row["metric"], row[name], strict=True))
        for name in ("metric_value", "metric_range")
    )
    parameters = np.array(row["parameters"])
    return Minimum(
        row["problem"],
        parameters,
        np.array(row["sizes"]),
        metrics,
        ranges,
        row["right"] and unpack_marks(row["right"], row["n_test_rows"]),
        row["is_general"],
        np.array(row["free"]).reshape(len(row["free"]), len(parameters)),
    )


@dataclass(frozen=True)
class Reach:
    """How far a parameter can get at most, as a share below 1 of how far it had to go.

    The sentence says what that means.
    """

    share: float
    sentence: str


def find_reach(arm: Arm, seeds: Sequence[int], minima: Sequence[Minimum]) -> Reach | None:
    """Find whether an arm's steps, all in one direction, would not have led to its known minima.

    Where the slope of a loss is bounded, as that of MAE and of Huber's loss is, the slope of a
    weight is at most that bound times the mean absolute value of its feature, and the slope of the
    intercept at most the bound. So gradient descent moves no further than learning rate times steps
    times that.

    The reach is that of the parameter that falls shortest; None where the slope has no bound, noise
    or a penalty moves the weights too, a schedule may raise the rate, targets are standardised, or
    all parameters could have got there.
    """
    recipe = arm.recipe
    bound = recipe.loss.slope_bound
    moved = recipe.noise.weights or recipe.noise.learning_rate
    moved = moved or any(schedule.raises_rate for schedule in recipe.schedules)
    if bound is None or moved or recipe.standardise or not recipe.penalty.is_none:
        return None
    most, steps = recipe.optimizer.moves_at_most, _count_steps(arm)
    if most is None or steps is None:
        return None
    rate = recipe.optimizer.learning_rate
    known = [(seed, one) for seed, one in zip(seeds, minima, strict=True) if not one.problem]
    sizes = np.array([one.sizes for _, one in known])
    ends = np.array([one.parameters for _, one in known])
    n_features = sizes.shape[1] - 1
    begins = [np.append(*draw_init(recipe.init, n_features, 0, seed)) for seed, _ in known]
    reach = (rate * steps * bound * sizes * most).mean(0)
    ways = ends - np.array(begins)
    # No step leads where no row decides, such as all weights of categories up and b down.
    ways -= [one.free.T @ (one.free @ way) for (_, one), way in zip(known, ways, strict=True)]
    needed = np.abs(ways).mean(0)
    shares = reach / np.maximum(needed, 1e-300)
    short = int(np.argmin(shares))
    if shares[short] >= 1.0:
        return None
    name = "b" if short == n_features else ("W" if n_features == 1 else f"W[{short}]")
    return Reach(
        float(shares[short]),
        f"With learning rate {rate:g} and {steps:,} steps of {recipe.loss.kind}, {name} cannot "
        f"move further than {show_number(reach[short], 3)}, and had "
        f"{show_number(needed[short], 3)} to go (means over the seeds).",
    )


def _count_steps(arm: Arm) -> int | None:
    """Count the steps of an arm; None where its batches differ in size.

    Over an epoch of equal batches the mean of their mean feature sizes is that of all rows.
    """
    recipe = arm.recipe
    if recipe.steps is not None:
        return recipe.steps
    n_rows = count_kept(measure_data(arm.task, recipe.features).n_rows, recipe.validation)
    if n_rows % count_batch_rows(recipe, n_rows):
        return None
    return recipe.length * count_batches(recipe, n_rows)
