"""Which runs train together: runs to stacks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import psutil

from fairtrial.settings import IMAGE_TASKS, LinearTask, LineTask, Recipe
from fairtrial.study import Run
from fairtrial.training.evaluation import BLOCK

# Rows and pixels, known before any image is loaded.
IMAGE_SHAPES = {"fashion_mnist": (70_000, 784), "digits": (1_797, 64)}
N_CLASSES = 10


@dataclass(frozen=True)
class StackPlan:
    """Runs that train as one program: a row of runs for each data set, alike in their recipes.

    Attributes
    ----------
    runs : tuple of tuple of Run
        S rows of L runs: one task and seed in each row, one recipe in each column.
    """

    runs: tuple[tuple[Run, ...], ...]

    @property
    def n_runs(self) -> int:
        """S times L."""
        return len(self.runs) * len(self.runs[0])

    @property
    def work(self) -> int:
        """Steps (epochs) of all runs together, if none ends early."""
        recipes = [run.arm.recipe for run in self.runs[0]]
        return len(self.runs) * sum(recipe.steps or recipe.epochs or 0 for recipe in recipes)


def plan_stacks(runs: Sequence[Run], memory: int | None = None) -> list[StackPlan]:
    """Arrange runs in stacks that fit in memory.

    Runs on the same rows share a data set; data sets that carry the same recipes share a stack.
    Full-batch runs of different length part, so that short ones do not wait, and so do runs with
    noise on their data, which each need targets of their own.

    Parameters
    ----------
    runs : sequence of Run
        In any order.
    memory : int, optional
        What a stack may take, in bytes, by `estimate_memory`; half of what is free if absent.

    Returns
    -------
    list of StackPlan
        Every run in exactly one of them. A run that alone takes more than `memory` stands alone.
    """
    memory = memory or psutil.virtual_memory().available // 2
    datasets: dict[tuple, list[Run]] = defaultdict(list)
    for run in runs:
        datasets[_shares(run)].append(run)
    stacks: dict[tuple, list[tuple[Run, ...]]] = defaultdict(list)
    for row in datasets.values():
        for piece in _cut_row(row, memory):
            stacks[_shape(piece)].append(piece)
    return [
        StackPlan(tuple(rows[first : first + size]))
        for rows in stacks.values()
        for size in [_rows_per_stack(rows[0], memory)]
        for first in range(0, len(rows), size)
    ]


def estimate_memory(row: Sequence[Run]) -> tuple[int, int]:
    """Estimate what a data set takes, and what each of its lanes adds.

    Parameters
    ----------
    row : sequence of Run
        The runs on the data set.

    Returns
    -------
    dataset, lane : int
        Bytes, both on the generous side: every copy that is alive at once, counted.
    """
    task, recipe = row[0].arm.task, row[0].arm.recipe
    if isinstance(task, LineTask | LinearTask):
        n_features = task.features if isinstance(task, LinearTask) else 1
        values = (3 * task.rows + 2 * task.test_rows) * (n_features + 1)
        arrays = 1 + 3 * (n_features > 1) + 4 * (recipe.noise.data is not None)
        lane = arrays * task.rows + 6 * 3 * (recipe.steps or 0) + 10 * n_features
        return 4 * values, 4 * lane
    n_rows, n_features = IMAGE_SHAPES[task.kind]
    # Pixels: as loaded, split, as tensors, and in the epoch's order. Parameters: the state before
    # and after the step with two slots each, gradient, start and best.
    block = BLOCK + (recipe.batch_size or 0)
    lane = 4 * N_CLASSES * (10 * (n_features + 1) + 6 * block)
    return 5 * n_rows * n_features + 4 * block * n_features, lane


def _shares(run: Run) -> tuple:
    """Return what runs must have in common to be lanes of one data set."""
    recipe = run.arm.recipe
    has_data_noise = recipe.noise.data is not None
    return (
        run.arm.task, run.seed, recipe.steps, recipe.batch_size, recipe.validation, has_data_noise,
    )  # fmt: skip


def _shape(row: Sequence[Run]) -> tuple[object, tuple[Recipe, ...]]:
    """Return what data sets must have in common to be rows of one stack."""
    task = row[0].arm.task
    synthetic = isinstance(task, LineTask | LinearTask)
    shape = (task.rows, getattr(task, "features", 1)) if synthetic else task
    return shape, tuple(run.arm.recipe for run in row)


def _cut_row(row: Sequence[Run], memory: int) -> list[tuple[Run, ...]]:
    """Cut the runs on one data set into pieces that each fit."""
    dataset, lane = estimate_memory(row)
    size = max(1, (memory - dataset) // lane)
    return [tuple(row[first : first + size]) for first in range(0, len(row), size)]


def _rows_per_stack(row: Sequence[Run], memory: int) -> int:
    if row[0].arm.task.kind in IMAGE_TASKS:
        return 1  # Mini-batches of one seed are shared by its lanes alone.
    dataset, lane = estimate_memory(row)
    return max(1, memory // (dataset + len(row) * lane))
