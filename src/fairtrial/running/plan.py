"""Which runs train together, runs to stacks, and how long a stack should take."""

import itertools
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeVar

from fairtrial.data.load import measure_data
from fairtrial.data.split import count_batch_rows, count_batches
from fairtrial.kinds.metrics.monitors import list_watched
from fairtrial.study import Arm, Run
from fairtrial.study.features import UNMAPPED, AnyFeatures
from fairtrial.study.recipe import Recipe
from fairtrial.study.task import AnyTask
from fairtrial.training.programs import BLOCK, CHUNK, DRAWN_PIECE, PIECE, share_lanes
from fairtrial.training.trace import count_averaged

# Wider stacks cost more a lane: their parameters, or their residuals, leave the processor's cache.
USEFUL_LANES, USEFUL_RESIDUALS = 128, 2**20

# Measured costs in seconds on two cores of an AMD EPYC, by what the work grows with;
# `benchmarks/costs.py` measures them again. Other machines differ by a factor, which the clock of
# the progress bar finds out; the proportions are much the same.
# To load the data, to trace and to compile a program.
START = 3.0
# Of a full-batch step: by itself, and for each value of a lane's features and targets.
STEP, STEP_VALUE = 4e-5, 4e-10
# Of a mini-batch: by itself, and for each lane's product of a row's feature and a class.
BATCH, BATCH_VALUE = 2e-4, 6e-11
# Of a mini-batch of numbers by itself, and of an epoch: calling its programs, and what ends runs.
NUMBER_BATCH, EPOCH = 1e-5, 2e-2
# Of a feature of a row, as an epoch reads it from its file. Its kind says how long making it takes.
READ_VALUE = 2.5e-9

T = TypeVar("T")


@dataclass(frozen=True, eq=False)  # Equal only to itself: comparing plans is slow.
class StackPlan:
    """Runs that train as one program: a row of R runs, alike in their recipes, for each data set.

    A row has one task and seed, a column one recipe. `averages` says whether the means of the runs'
    last iterates are kept.
    """

    runs: tuple[tuple[Run, ...], ...]
    averages: bool = False

    @property
    def n_runs(self) -> int:
        """S times R."""
        return len(self.runs) * len(self.runs[0])

    @property
    def is_baseline(self) -> bool:
        """Whether its runs are fits of one baseline."""
        return not self.runs[0][0].arm.is_trained

    @property
    def recipes(self) -> list[Recipe]:
        """The R recipes of its columns."""
        return [run.arm.recipe for run in self.runs[0]]

    @cached_property
    def lanes(self) -> tuple[list[Recipe], list[int]]:
        """What each of its L lanes trains, and the lane of each column; see `share_lanes`."""
        return share_lanes(self.recipes)

    @property
    def length(self) -> int:
        """The most steps (epochs) that a lane takes."""
        return 1 if self.is_baseline else max(recipe.length for recipe in self.lanes[0])

    @cached_property
    def seconds(self) -> float:
        """How long it should take, on two cores of an AMD EPYC."""
        arm = self.runs[0][0].arm
        if arm.is_trained:
            return estimate_seconds(arm.task, self.lanes[0], len(self.runs))
        n_fits = len(self.runs) if arm.baseline.is_random else 1
        return n_fits * arm.baseline.estimate_seconds(measure_data(arm.task))

    @property
    def waits_for(self) -> object:
        """What it may have to wait for while another stack uses or makes it; None if nothing.

        Fits whose warnings are recorded run one at a time, and features are made once.
        """
        run = self.runs[0][0]
        if self.is_baseline:
            return "warnings" if run.arm.baseline.is_iterative else None
        task, recipe = run.arm.task, run.arm.recipe
        if not task.has_images or recipe.features == UNMAPPED:
            return None
        of_split = (run.seed, recipe.validation) if recipe.features.is_fitted else None
        return task, recipe.features, of_split

    def halve(self) -> "tuple[StackPlan, ...]":
        """Part the data sets; where there is one, its lanes; a single lane is not parted."""
        row, *others = self.runs
        if others:
            middle = -(-len(self.runs) // 2)
            halves = self.runs[:middle], self.runs[middle:]
            return tuple(replace(self, runs=half) for half in halves)
        longest, places = self.lanes
        middle = -(-len(longest) // 2)
        first = tuple(run for run, lane in zip(row, places, strict=True) if lane < middle)
        second = tuple(run for run, lane in zip(row, places, strict=True) if lane >= middle)
        return tuple(replace(self, runs=(half,)) for half in (first, second) if half)


def plan_stacks(
    runs: Sequence[Run], memory: int = 2**30, *, averages: bool = False
) -> list[StackPlan]:
    """Arrange runs in stacks that take at most `memory` bytes, by `estimate_memory`.

    Runs on the same rows share a data set; data sets that carry the same recipes share a stack.
    Runs of a seed that take the same steps are one lane, trained once. Full-batch lanes of
    different length part, so that short ones do not wait, and so do lanes with noise on their data,
    which each need targets of their own. Baselines are fitted apart. Stacks are not wider than
    pays: several of them train at once.

    What is left after some stacks have been trained is arranged in the same stacks again. A run
    that alone takes more than `memory` stands alone.
    """
    fits = [run for run in runs if not run.arm.is_trained]
    runs = [run for run in runs if run.arm.is_trained]
    shares = _remember_per_arm(runs, _shares)
    recipes = _remember_per_arm(runs, lambda arm: arm.recipe)
    datasets: dict[tuple, list[list[Run]]] = defaultdict(list)
    for lane in _gather_lanes(runs):
        steps = max(run.arm.recipe.steps or 0 for run in lane)
        datasets[shares[lane[0].arm.name], lane[0].seed, steps].append(lane)
    stacks: dict[tuple, list[tuple[Run, ...]]] = defaultdict(list)
    for lanes in datasets.values():
        together = list(itertools.chain(*lanes))
        for piece in _cut(lanes, _lanes_per_dataset(together, memory)):
            row = tuple(itertools.chain(*piece))
            columns = tuple(recipes[run.arm.name] for run in row)
            stacks[_shape(row[0].arm.task), columns].append(row)
    trained = [
        StackPlan(rows, averages)
        for alike in stacks.values()
        for rows in _cut(alike, _datasets_per_stack(alike[0], memory))
    ]
    return trained + plan_fits(fits)


def plan_fits(runs: Sequence[Run]) -> list[StackPlan]:
    """Plan the fits of baselines: one by one, but for those that every seed shares."""
    plans: dict[object, list[tuple[Run, ...]]] = defaultdict(list)
    for run in runs:
        task, baseline = run.arm.task, run.arm.baseline
        plans[(task, baseline) if run.arm.is_fitted_once else run.name].append((run,))
    return [StackPlan(tuple(rows)) for rows in plans.values()]


def estimate_memory(row: Sequence[Run]) -> tuple[int, int]:
    """Estimate what a data set takes, and what each of its lanes adds, in bytes.

    Both are on the generous side: every copy that is alive at once, counted.
    """
    task, recipe = row[0].arm.task, row[0].arm.recipe
    n_train_rows, n_test_rows, n_features, n_classes = measure_data(task, recipe.features)
    n_rows, value_bytes = n_train_rows + n_test_rows, task.definition.value_bytes
    n_columns = measure_data(task).n_features
    # Columns, as of a table: as read, imputed, standardised, and side by side, in float64.
    source = 4 * 8 * n_rows * n_columns if task.is_prepared else 0
    recipes = [run.arm.recipe for run in row]
    if not n_classes:
        # In batches also the rows in the epoch's order, and the validation rows.
        n_copies = 5 if recipe.is_evaluated else 3
        values = (n_copies * n_train_rows + 2 * n_test_rows) * (n_features + 1)
        return 4 * values + source, _estimate_lane(recipes, n_train_rows, n_features)
    # Features: as loaded, split, as tensors, and in the epoch's order. Parameters: the state before
    # and after the step with their slots, gradient, start, best and mean.
    block = BLOCK + count_batch_rows(recipe, n_train_rows)
    # A mean of the way is remembered like a slot.
    n_slots = max(len(one.optimizer.slots) + one.average.is_running for one in recipes)
    n_slots = max(2, n_slots)
    lane = 4 * n_classes * ((8 + 2 * n_slots) * (n_features + 1) + 8 * block)
    # Logits of the validation rows, where runs watch a metric of them.
    if any(list_watched(one.monitors.values()) for one in recipes):
        lane += 4 * n_classes * int(n_train_rows * (recipe.validation or 0.0))
    # The iterates that a mean may need.
    n_steps = max(one.steps or 0 for one in recipes)
    lane += 4 * n_classes * (n_features + 1) * (count_averaged(n_steps) if n_steps else 0)
    is_mapped = task.has_images and recipe.features != UNMAPPED
    features = 5 * n_rows * n_features * (4 if is_mapped else value_bytes)
    if is_mapped:
        # They stay in their file, but for a piece of each part, one more in order, and a batch.
        batch = 4 * count_batch_rows(recipe, n_train_rows) * n_features
        features = min(features, 4 * PIECE + 5 * batch)
        # What they are made of: images as read, and split.
        source = 2 * n_rows * n_columns * value_bytes
    # Noise on the features of a piece.
    noise = DRAWN_PIECE * (recipe.noise.data is not None)
    return features + source + 4 * block * n_features + noise, lane


def _estimate_lane(recipes: Sequence[Recipe], n_rows: int, n_features: int) -> int:
    """Estimate what a lane on numbers takes at most, in bytes, whichever of the recipes it has."""
    # Residuals and what is made of them; measured, see docs/speed.md.
    arrays = 3 + (n_features > 1) + 4 * (recipes[0].noise.data is not None)
    if any(recipe.optimizer.needs_curvature for recipe in recipes):
        arrays += 2 * (n_features + 2)
    # Curves, and the iterates that a mean may need: of one call, and the last tenth.
    n_points = max(recipe.length for recipe in recipes)
    n_steps = max(recipe.steps or 0 for recipe in recipes)
    values = arrays * n_rows + 6 * 3 * n_points + 10 * n_features
    return 4 * (values + (n_features + 1) * (2 * CHUNK + n_steps // 10))


def _gather_lanes(runs: Sequence[Run]) -> list[list[Run]]:
    """Gather the runs of a seed that take the same steps: one lane trains them."""
    courses = _remember_per_arm(runs, lambda arm: (arm.task, arm.recipe.course))
    lanes: dict[tuple[int, int], list[Run]] = defaultdict(list)
    for run in runs:
        lanes[courses[run.arm.name], run.seed].append(run)
    return list(lanes.values())


def _remember_per_arm(runs: Sequence[Run], describe: Callable[[Arm], Any]) -> dict[str, int]:
    """Give a number to what arms share, by their names, once per arm: comparing is slow."""
    numbers: dict[Any, int] = {}
    arms = {run.arm.name: run.arm for run in runs}
    return {name: numbers.setdefault(describe(arm), len(numbers)) for name, arm in arms.items()}


def _shares(arm: Arm) -> tuple:
    """Return what runs of one seed must have in common, beside steps, to share a data set."""
    recipe = arm.recipe
    has_data_noise = recipe.noise.data is not None
    rows = arm.task, recipe.validation, recipe.features, recipe.standardise
    return *rows, recipe.batch_size, has_data_noise


def _shape(task: AnyTask) -> object:
    """Return what data sets must have in common, beside their recipes, to share a stack."""
    return (measure_data(task), task.has_truth) if task.row_origin == "drawn" else task


def _lanes_per_dataset(row: Sequence[Run], memory: int) -> int:
    dataset, lane = estimate_memory(row)
    return max(1, min(_count_useful_lanes(row[0].arm), (memory - dataset) // lane))


def _datasets_per_stack(row: Sequence[Run], memory: int) -> int:
    task = row[0].arm.task
    if task.has_classes:
        return 1  # Mini-batches of one seed are shared by its lanes alone.
    dataset, lane = estimate_memory(row)
    n_lanes = len(StackPlan((tuple(row),)).lanes[0])
    useful = _count_useful_lanes(row[0].arm) // n_lanes
    return max(1, min(useful, memory // (dataset + n_lanes * lane)))


def _count_useful_lanes(arm: Arm) -> int:
    """Return how many lanes a stack may have before more of them stop to pay (docs/speed.md)."""
    if arm.task.has_classes:
        return USEFUL_LANES
    n_rows = count_batch_rows(arm.recipe, measure_data(arm.task).n_rows)
    return max(USEFUL_LANES, min(8 * USEFUL_LANES, USEFUL_RESIDUALS // n_rows))


def _cut(items: Sequence[T], most: int) -> list[tuple[T, ...]]:
    """Cut a sequence into as few pieces of at most `most` as can be, as even as can be."""
    n_pieces = -(-len(items) // most)
    size, n_longer = divmod(len(items), n_pieces)
    ends = [number * size + min(number, n_longer) for number in range(n_pieces + 1)]
    return [tuple(items[first:last]) for first, last in itertools.pairwise(ends)]


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
