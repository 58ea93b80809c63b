"""Time mini-batches of numbers beside full-batch steps and the machine's matrix product.

A line moves memory: each step reads and writes a residual of every lane and row, so its measure is
residuals per second, beside those of full-batch steps. Many features multiply matrices, so their
measure is the share of NumPy's float32 product, beside that of softmax regression with products of
the same size. Times are processor times, medians of several turns, of epochs (steps) beyond those
of a shorter run: python -m benchmarks.batches
"""

import statistics
import time
from collections.abc import Callable

import numpy as np

from fairtrial.data.dataset import Dataset
from fairtrial.data.load import load_dataset
from fairtrial.kinds.data.tasks import line, linear
from fairtrial.study.recipe import Recipe
from fairtrial.training.stacked import Stack, train

LOSSES = ("mse", "mae", "huber", "hybrid")
N_ROWS, N_SEEDS, TURNS = 10_000, 8, 5
BATCHES = (32, 128, 1000, N_ROWS)
N_FEATURES, N_RATES, N_CLASSES = 512, 64, 8


def time_length(make: Callable[[int], Stack], short: int, more: int) -> float:
    """Return the processor time of `more` epochs (steps) beyond a run of `short` ones."""
    stacks = make(short), make(short + more)
    gaps = []
    for stack in stacks:
        train(stack)  # Compiles.
    for _ in range(TURNS):
        times = []
        for stack in stacks:
            began = time.process_time()
            train(stack)
            times.append(time.process_time() - began)
        gaps.append(times[1] - times[0])
    return statistics.median(gaps) / more


def make_lines(length: dict[str, int]) -> Stack:
    """Make the lanes of four losses on lines of several seeds."""
    task = line(rows=N_ROWS, test_rows=2)
    rate = {"kind": "sgd", "learning_rate": 1e-3}
    recipes = [
        Recipe.model_validate({"loss": loss, "optimizer": rate, **length}) for loss in LOSSES
    ]
    seeds = range(N_SEEDS)
    return Stack(recipes, [load_dataset(task, seed) for seed in seeds], list(seeds))


def make_planes(length: dict[str, int]) -> Stack:
    """Make lanes of many learning rates on many features."""
    dataset = load_dataset(linear(features=N_FEATURES, rows=N_ROWS, test_rows=2), 0)
    return Stack(_list_rates("mse", N_RATES, length), [dataset], [0])


def make_classes(length: dict[str, int]) -> Stack:
    """Make lanes whose products are as large: fewer of them, with scores of several classes."""
    stream = np.random.default_rng(0)
    X = stream.standard_normal((N_ROWS, N_FEATURES), np.float32)
    y = stream.integers(0, N_CLASSES, N_ROWS, np.int32)
    names = tuple(map(str, range(N_CLASSES)))
    dataset = Dataset(X, y, X[:2], y[:2], n_classes=N_CLASSES, class_names=names)
    return Stack(_list_rates("cross_entropy", N_RATES // N_CLASSES, length), [dataset], [0])


def _list_rates(loss: str, n_rates: int, length: dict[str, int]) -> list[Recipe]:
    return [
        Recipe.model_validate(
            {"loss": loss, "optimizer": {"kind": "sgd", "learning_rate": float(rate)}, **length}
        )
        for rate in np.geomspace(1e-5, 1e-3, n_rates)
    ]


def measure_product() -> float:
    """Return the processor time of one float32 operation in NumPy's matrix product."""
    stream = np.random.default_rng(0)
    X, W = (stream.random((2048, 2048), np.float32) for _ in range(2))
    times = []
    for _ in range(TURNS):
        began = time.process_time()
        np.matmul(X, W)
        times.append(time.process_time() - began)
    return statistics.median(times) / (2 * 2048**3)


def run() -> None:
    """Print both tables."""
    residuals = N_ROWS * N_SEEDS * len(LOSSES)
    full = time_length(lambda steps: make_lines({"steps": steps}), 20, 200)
    print(f"line, full batch: {residuals / full / 1e6:,.0f} million residuals per second")
    for size in BATCHES:
        spent = time_length(
            lambda epochs, size=size: make_lines({"epochs": epochs, "batch_size": size}), 2, 10
        )
        print(
            f"line, batches of {size:,}, evaluated: {residuals / spent / 1e6:,.0f} million, "
            f"{full / spent:.0%} of full batch"
        )
    operations, one = 4 * N_ROWS * N_FEATURES * N_RATES, measure_product()
    for what, make in (("numbers", make_planes), ("softmax", make_classes)):
        for size in BATCHES[1:]:
            spent = time_length(
                lambda epochs, size=size, make=make: make({"epochs": epochs, "batch_size": size}),
                2, 10,
            )  # fmt: skip
            share = operations * one / spent
            print(f"{what}, {N_FEATURES} features, batches of {size:,}: {share:.0%} of peak")


if __name__ == "__main__":
    from fairtrial.loading import load_tensorflow

    load_tensorflow()
    run()
