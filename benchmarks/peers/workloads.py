"""The workloads of the benchmarks, and the systems of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from benchmarks.peers import jax_lanes, pytorch
from benchmarks.peers.growth import BATCH_SIZE, measure_growth
from benchmarks.peers.measure import Measurement, System, is_installed, measure_systems
from benchmarks.peers.problems import (
    SoftmaxProblem,
    has_fashion_mnist,
    make_line_problem,
    make_softmax_problem,
)
from joblib import cpu_count

from fairtrial.data.split import order_rows
from fairtrial.errors import InputError

Report = Callable[[str], None]


@dataclass(frozen=True)
class Sizes:
    """The sizes of the workloads.

    Attributes
    ----------
    line_rows, line_steps, line_seeds : int
        Size of the line problem; each seed is trained with four losses.
    line_steps_timed : int
        Number of timed steps of slow systems.
    rows : int
        Rows of the images.
    lanes : int
        Lanes of softmax regression.
    lanes_apart : int
        Lanes of softmax regression if each lane has its own batches.
    batches_timed : int
        Number of timed batches of slow systems.
    growth_lanes : tuple of int
        The numbers of lanes of `growth`.
    """

    line_rows: int = 10_000
    line_steps: int = 2_000
    line_seeds: int = 8
    line_steps_timed: int = 200
    rows: int = 48_000
    lanes: int = 64
    lanes_apart: int = 16
    batches_timed: int = 200
    growth_lanes: tuple[int, ...] = (1, 4, 16, 64, 256)


FULL = Sizes()
QUICK = Sizes(
    line_rows=1_000,
    line_steps=200,
    line_steps_timed=20,
    rows=5_120,
    lanes=16,
    lanes_apart=4,
    batches_timed=20,
    growth_lanes=(1, 16),
)


def list_line(sizes: Sizes) -> list[System]:
    """List the systems that train a line."""
    problem = make_line_problem(sizes.line_seeds, sizes.line_rows, sizes.line_steps)
    timed = min(sizes.line_steps_timed, sizes.line_steps)
    share, n_losses = timed / sizes.line_steps, len(problem.recipes)
    n_lanes = n_losses * sizes.line_seeds
    return [
        System("eager", n_losses, lambda: _own_eager_loop().prepare_line(problem, timed), share),
        System(
            "fairtrial eager", n_losses, lambda: _own().prepare_line_eager(problem, timed), share
        ),
        System("JAX, vmap and scan", n_lanes, lambda: jax_lanes.prepare_line(problem), 1.0, "jax"),
        System("fairtrial", n_lanes, lambda: _own().prepare_line(problem)),
    ]


def list_softmax(sizes: Sizes) -> list[System]:
    """List the systems that train softmax regression at batch 128."""
    problem = make_softmax_problem(sizes.lanes, sizes.rows, BATCH_SIZE)
    n_lanes, n_apart = sizes.lanes, sizes.lanes_apart
    orders = np.stack([order_rows(len(problem.y), seed, 1) for seed in range(n_apart)])
    return [
        _list_eager(problem, sizes),
        System("PyTorch, loop", 1, lambda: pytorch.prepare_loop(problem), 1.0, "torch"),
        System(
            "PyTorch, stacked by hand, shared batch",
            n_lanes,
            lambda: pytorch.prepare_stacked(problem),
            package="torch",
        ),
        System(
            "JAX, vmap, a batch per lane",
            n_apart,
            lambda: jax_lanes.prepare_softmax(problem, orders),
            package="jax",
        ),
        *_list_shared(problem, n_lanes),
    ]


def list_small_batches(sizes: Sizes) -> list[System]:
    """List the systems that train softmax regression at batch 32."""
    problem = make_softmax_problem(sizes.lanes, sizes.rows, 32)
    return [_list_eager(problem, sizes), *_list_shared(problem, sizes.lanes)]


def list_few_lanes(sizes: Sizes) -> list[System]:
    """List the systems that train three lanes of softmax regression."""
    problem = make_softmax_problem(3, sizes.rows, BATCH_SIZE)
    n_stacks = cpu_count()
    return [
        _list_eager(problem, sizes),
        *_list_shared(problem, 3),
        System(
            "fairtrial, a stack for each processor",
            3 * n_stacks,
            lambda: _own().prepare_softmax_at_once(problem, n_stacks),
        ),
    ]


def _list_eager(problem: SoftmaxProblem, sizes: Sizes) -> System:
    n_batches = len(problem.y) // problem.batch_size
    timed = min(sizes.batches_timed, n_batches)
    prepare = lambda: _own_eager_loop().prepare_softmax(problem, timed)  # noqa: E731
    return System("eager", 1, prepare, timed / n_batches)


def _list_shared(problem: SoftmaxProblem, n_lanes: int) -> list[System]:
    return [
        System(
            "JAX, stacked by hand, shared batch",
            n_lanes,
            lambda: jax_lanes.prepare_softmax_shared(problem),
            package="jax",
        ),
        System("fairtrial", n_lanes, lambda: _own().prepare_softmax(problem)),
    ]


WORKLOADS: dict[str, Callable[[Sizes], list[System]]] = {
    "line": list_line,
    "softmax": list_softmax,
    "softmax-batch-32": list_small_batches,
    "softmax-3-lanes": list_few_lanes,
}
NAMES = (*WORKLOADS, "growth")


def run_bench(
    only: str | None,
    sizes: Sizes,
    repeats: int,
    say: Report,
    progress: Report = lambda what: None,
) -> list[Measurement]:
    """Measure fairtrial beside the systems that are installed.

    Parameters
    ----------
    only : str or None
        One of `NAMES`; None for all.
    sizes : Sizes
        `FULL` or `QUICK`.
    repeats : int
        Number of timed runs of each system.
    say : callable
        Called with notes on missing systems or data.
    progress : callable
        Called with the progress.

    Returns
    -------
    list of Measurement

    Raises
    ------
    InputError
        If the workload is unknown.
    """
    if only is not None and only not in NAMES:
        raise InputError(f"There is no workload {only!r}; there are: {', '.join(NAMES)}.")
    if only != "line" and not has_fashion_mnist():
        say("Fashion-MNIST is not on this machine; the bench uses random pixels of the same shape.")
    rows, missing = [], set()
    for name, list_systems in WORKLOADS.items():
        if only in (None, name):
            systems = list_systems(sizes)
            missing |= {system.package for system in systems if not is_installed(system)}
            installed = [system for system in systems if is_installed(system)]
            rows += measure_systems(name, installed, repeats, progress)
    for package in sorted(missing):
        say(f"{package} is not installed, so it was left out: pip install 'fairtrial[bench]'")
    if only in (None, "growth"):
        rows += measure_growth(sizes.growth_lanes, sizes.rows, repeats, progress)
    return rows


def summarise(rows: Sequence[Measurement]) -> list[dict[str, object]]:
    """Make the rows of a printed table: times per lane, and their ratios."""
    return [
        {
            "workload": row.workload,
            "system": row.system,
            "lanes": _write(row.lanes, "{}"),
            "seconds per lane": _write(row.seconds_per_lane, "{:.4g}"),
            "times eager's speed": _write(row.ratio_to_eager, "{:.3g}"),
            "compile seconds": "" if row.lanes is None else f"{row.compile_seconds:.1f}",
            "GFLOP/s": _write(row.gflops, "{:.0f}"),
            "of peak": _write(row.share_of_peak, "{:.0%}"),
            "peak memory, bytes": _write(row.peak_memory_bytes, "{:,}"),
            "timed": f"{row.share_timed:.0%}",
        }
        for row in rows
    ]  # fmt: skip


def _write(value: object, form: str) -> str:
    return "" if value is None else form.format(value)


def _own() -> Any:
    """Import fairtrial's drivers, and TensorFlow with them, when they are needed."""
    from benchmarks.peers import own

    return own


def _own_eager_loop() -> Any:
    from benchmarks.peers import tensorflow_eager

    return tensorflow_eager
