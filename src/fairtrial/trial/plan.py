"""Which runs train together: runs to stacks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from fairtrial.settings import LinearTask, LineTask, Recipe
from fairtrial.study import Run

# Values of all lanes' rows at once in a full-batch stack; keeps a stack's arrays near 256 MiB.
MOST_VALUES = 2**26


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


def plan_stacks(runs: Sequence[Run]) -> list[StackPlan]:
    """Arrange runs in stacks.

    Runs on the same rows share a data set; data sets that carry the same recipes share a stack.
    Runs of different length part, so that short ones do not wait, and so do runs with noise on
    their data, which each need targets of their own.

    Parameters
    ----------
    runs : sequence of Run
        In any order.

    Returns
    -------
    list of StackPlan
        Every run in exactly one of them.
    """
    datasets: dict[tuple, list[Run]] = defaultdict(list)
    for run in runs:
        datasets[_shares(run)].append(run)
    stacks: dict[tuple, list[tuple[Run, ...]]] = defaultdict(list)
    for row in datasets.values():
        stacks[_shape(row)].append(tuple(row))
    return [
        StackPlan(tuple(rows[first : first + size]))
        for rows in stacks.values()
        for size in [_rows_per_stack(rows[0])]
        for first in range(0, len(rows), size)
    ]


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


def _rows_per_stack(row: Sequence[Run]) -> int:
    task = row[0].arm.task
    if not isinstance(task, LineTask | LinearTask):
        return 1  # Mini-batches of one seed are shared by its lanes alone.
    return max(1, MOST_VALUES // (len(row) * task.rows))
