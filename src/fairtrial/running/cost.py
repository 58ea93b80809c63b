"""How long a stack should take: measured costs, by what the work grows with.

The figures are seconds on two cores of an AMD EPYC; `benchmarks/costs.py` measures them again.
Other machines differ by a factor, which the clock of the progress bar finds out; the proportions
are much the same.
"""

from __future__ import annotations

from fairtrial.data.load import measure_data
from fairtrial.data.split import count_batches
from fairtrial.study.baseline import BaselineSettings
from fairtrial.study.features import UNMAPPED, AnyFeatures
from fairtrial.study.recipe import Recipe
from fairtrial.study.task import AnyTask

# To load the data, to trace and to compile a program.
START = 3.0
# Of a full-batch step: by itself, and for each value of a lane's features and targets.
STEP, STEP_VALUE = 4e-5, 4e-10
# Of a mini-batch: by itself, and for each lane's product of a row's feature and a class.
BATCH, BATCH_VALUE = 2e-4, 6e-11
# Of a mini-batch of numbers by itself, and of an epoch: calling its programs, and what ends runs.
NUMBER_BATCH, EPOCH = 1e-5, 2e-2
# Of a feature of a row, as an epoch reads it from its file. Its kind says how long making it takes.
READ_VALUE = 7e-9


def estimate_seconds(
    task: AnyTask, recipes: list[Recipe], n_datasets: int
) -> float:  # fmt: skip
    """Estimate how long a stack of runs trains: one recipe a lane, on each data set.

    The recipes are alike in features and batch size.
    """
    shape = measure_data(task, recipes[0].features)
    steps = sum(recipe.length for recipe in recipes) * n_datasets
    longest = max(recipe.length for recipe in recipes)
    n_batches = count_batches(recipes[0], shape.n_rows) * longest
    if not shape.n_classes:
        values = STEP_VALUE * steps * shape.n_rows * (shape.n_features + 1)
        if not recipes[0].is_evaluated:
            return START + STEP * longest + values
        return START + EPOCH * longest + NUMBER_BATCH * n_batches + 2 * values
    values = (shape.n_rows + shape.n_test_rows) * shape.n_features * shape.n_classes
    made = estimate_mapping(task, recipes[0].features)
    if made:
        n_rows = shape.n_rows + shape.n_test_rows
        made += READ_VALUE * longest * n_rows * shape.n_features
    return START + made + EPOCH * longest + BATCH * n_batches + BATCH_VALUE * steps * values


def estimate_mapping(task: AnyTask, features: AnyFeatures) -> float:
    """Estimate how long it takes to fit a feature map and to map all rows of a task."""
    if features == UNMAPPED:
        return 0.0
    shape = measure_data(task, features)
    n_rows = shape.n_rows + shape.n_test_rows
    return features.estimate_seconds(n_rows * shape.n_features)


def estimate_fit(task: AnyTask, baseline: BaselineSettings) -> float:
    """Estimate how long a baseline takes to be fitted and to predict the test rows."""
    return baseline.estimate_seconds(measure_data(task))
