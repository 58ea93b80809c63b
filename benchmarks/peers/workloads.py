"""The workloads of the benchmarks, and the systems of each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from joblib import cpu_count

from benchmarks.peers.growth import (
    Shape,
    list_growth,
    list_products,
    rate_growth,
    rate_products,
)
from benchmarks.peers.measure import Measurement, System, is_installed, measure_systems
from benchmarks.peers.problems import LOSSES, N_CLASSES, N_FEATURES, has_fashion_mnist
from benchmarks.peers.process import Call
from fairtrial.errors import InputError
from fairtrial.progress import Phases, Progress

BATCH_SIZE = 128
# Square products, which processors compute fastest, and the two of a step: forward, gradient.
SHAPES: tuple[Shape, ...] = (
    (1024, 1024, 1024),
    (2048, 2048, 2048),
    (BATCH_SIZE, N_FEATURES, 64 * N_CLASSES),
    (N_FEATURES, BATCH_SIZE, 64 * N_CLASSES),
)


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
    products : tuple of (n, m, k)
        The shapes of the matrix products of `peak`.
    product_runs : int
        How often each product is timed.
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
    products: tuple[Shape, ...] = SHAPES
    product_runs: int = 20


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
    products=SHAPES[:1],
    product_runs=3,
)


def list_line(sizes: Sizes) -> list[System]:
    """List the systems that train a line."""
    timed = min(sizes.line_steps_timed, sizes.line_steps)
    share, n_losses = timed / sizes.line_steps, len(LOSSES)
    n_lanes = n_losses * sizes.line_seeds
    problem = call(
        "problems:make_line_problem",
        n_seeds=sizes.line_seeds,
        n_rows=sizes.line_rows,
        n_steps=sizes.line_steps,
    )
    eager = call("tensorflow_eager:prepare_line", n_steps=timed)
    own_eager = call("own:prepare_line_eager", n_steps=timed)
    return [
        System("eager", n_losses, problem, eager, share),
        System("fairtrial eager", n_losses, problem, own_eager, share),
        System(
            "JAX, vmap and scan", n_lanes, problem, call("jax_lanes:prepare_line"), package="jax"
        ),
        System("fairtrial", n_lanes, problem, call("own:prepare_line")),
    ]


def list_softmax(sizes: Sizes) -> list[System]:
    """List the systems that train softmax regression at batch 128."""
    n_lanes, n_apart = sizes.lanes, sizes.lanes_apart
    problem = call_softmax(sizes, n_lanes)
    apart = call("jax_lanes:prepare_softmax", n_lanes=n_apart)
    return [
        list_eager(sizes, n_lanes),
        System("PyTorch, loop", 1, problem, call("pytorch:prepare_loop"), package="torch"),
        System(
            "PyTorch, stacked by hand, shared batch",
            n_lanes,
            problem,
            call("pytorch:prepare_stacked"),
            package="torch",
        ),
        System("JAX, vmap, a batch per lane", n_apart, problem, apart, package="jax"),
        *list_shared(sizes, n_lanes),
    ]


def list_small_batches(sizes: Sizes) -> list[System]:
    """List the systems that train softmax regression at batch 32."""
    return [list_eager(sizes, sizes.lanes, 32), *list_shared(sizes, sizes.lanes, 32)]


def list_few_lanes(sizes: Sizes) -> list[System]:
    """List the systems that train three lanes of softmax regression."""
    n_stacks = cpu_count()
    at_once = call("own:prepare_softmax_at_once", n_stacks=n_stacks)
    return [
        list_eager(sizes, 3),
        *list_shared(sizes, 3),
        System(
            "fairtrial, a stack for each processor", 3 * n_stacks, call_softmax(sizes, 3), at_once
        ),
    ]


def list_eager(sizes: Sizes, n_lanes: int, batch_size: int = BATCH_SIZE) -> System:
    """List the plain loop, which trains the first lane of the problem."""
    n_batches = sizes.rows // batch_size
    timed = min(sizes.batches_timed, n_batches)
    loop = call("tensorflow_eager:prepare_softmax", n_batches=timed)
    return System("eager", 1, call_softmax(sizes, n_lanes, batch_size), loop, timed / n_batches)


def list_shared(sizes: Sizes, n_lanes: int, batch_size: int = BATCH_SIZE) -> list[System]:
    """List the systems that train many lanes on shared batches."""
    problem = call_softmax(sizes, n_lanes, batch_size)
    return [
        System(
            "JAX, stacked by hand, shared batch",
            n_lanes,
            problem,
            call("jax_lanes:prepare_softmax_shared"),
            package="jax",
        ),
        System("fairtrial", n_lanes, problem, call("own:prepare_softmax")),
    ]


def call_softmax(sizes: Sizes, n_lanes: int, batch_size: int = BATCH_SIZE) -> Call:
    """Return the call that makes a softmax problem."""
    return call(
        "problems:make_softmax_problem", n_lanes=n_lanes, n_rows=sizes.rows, batch_size=batch_size
    )


def call(function: str, **settings: int) -> Call:
    """Return the call of a function of this package."""
    return Call(f"benchmarks.peers.{function}", settings)


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
    progress: Progress,
    note: Callable[[str], None],
) -> list[Measurement]:
    """Measure fairtrial beside the systems that are installed.

    Parameters
    ----------
    only : str or None
        One of `NAMES`; None for all.
    sizes : Sizes
        `FULL` or `QUICK`.
    repeats : int
        Number of turns of each system.
    progress : callable
        Called with how far the work is.
    note : callable
        Called with sentences about missing systems or data.

    Returns
    -------
    list of Measurement

    Raises
    ------
    InputError
        If the workload is unknown.
    """
    if only is not None and only not in NAMES:
        raise InputError(f"There is no workload {only!r}. Choose one of: {', '.join(NAMES)}.")
    if only != "line" and not has_fashion_mnist():
        note("Fashion-MNIST is not on this machine. Random pixels of the same shape replace it.")
    listed = {
        name: list_systems(sizes)
        for name, list_systems in WORKLOADS.items()
        if only in (None, name)
    }
    missing = {
        system.package
        for systems in listed.values()
        for system in systems
        if not is_installed(system)
    }
    for package in sorted(missing):
        note(f"{package} is not installed, so it is not measured. To install it: make bench-peers")
    installed = {name: list(filter(is_installed, systems)) for name, systems in listed.items()}
    weights = {name: float(len(systems)) for name, systems in installed.items()}
    if only in (None, "growth"):
        weights |= {"peak": float(len(sizes.products)), "growth": float(len(sizes.growth_lanes))}
    phases = Phases(progress, weights)
    rows = []
    for name, systems in installed.items():
        rows += measure_systems(name, systems, repeats, phases.begin(name))
    if "growth" in weights:
        rows += measure_growth(sizes, repeats, phases)
    return rows


def measure_growth(sizes: Sizes, repeats: int, phases: Phases) -> list[Measurement]:
    """Measure matrix products and fairtrial at several numbers of lanes, one after another.

    Returns
    -------
    list of Measurement
        First the products (workload `peak`), then the training, with its share of their best.
    """
    products = list_products(sizes.products, sizes.product_runs)
    trainings = list_growth(sizes.growth_lanes, sizes.rows, BATCH_SIZE)
    peaks = rate_products(measure_alone("peak", products, 1, phases.begin("peak")), sizes.products)
    rows = measure_alone("growth", trainings, repeats, phases.begin("growth"))
    return [*peaks, *rate_growth(rows, sizes.rows, BATCH_SIZE, peaks)]


def measure_alone(
    workload: str, systems: Sequence[System], repeats: int, progress: Progress
) -> list[Measurement]:
    """Measure each system while no other waits, so that the machine's memory is free for it."""
    phases = Phases(progress, {str(number): 1.0 for number in range(len(systems))})
    return [
        row
        for number, system in enumerate(systems)
        for row in measure_systems(workload, [system], repeats, phases.begin(str(number)))
    ]


def summarise(rows: Sequence[Measurement]) -> list[dict[str, object]]:
    """Make the rows of a printed table: times per lane, their ratios, and failures if any."""
    failed = any(row.failure for row in rows)
    return [
        {
            "workload": row.workload,
            "system": row.system,
            "lanes": _write(row.lanes, "{}"),
            "seconds per lane": _write(row.seconds_per_lane, "{:.4g}"),
            "times eager's speed": _write(row.ratio_to_eager, "{:.3g}"),
            "compile seconds": _write(row.compile_seconds, "{:.1f}"),
            "GFLOP/s": _write(row.gflops, "{:.0f}"),
            "of peak": _write(row.share_of_peak, "{:.0%}"),
            "peak memory, bytes": _write(row.peak_memory_bytes, "{:,}"),
            "timed": f"{row.share_timed:.0%}",
            **({"failure": row.failure or ""} if failed else {}),
        }
        for row in rows
    ]  # fmt: skip


def _write(value: object, form: str) -> str:
    return "" if value is None else form.format(value)
