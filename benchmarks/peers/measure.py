"""Timing: every system of a workload warms up, then the systems take turns; medians count."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from importlib.util import find_spec
from statistics import median

from benchmarks.peers.process import Call, TimedProcess
from fairtrial.progress import Progress, Status


@dataclass(frozen=True)
class System:
    """One way to train a workload's models.

    Attributes
    ----------
    name : str
        Unique in its workload.
    n_lanes : int or None
        Number of models that one run trains to the end; None for a matrix product.
    problem : Call
        Makes the data and the starts.
    prepare : Call
        Takes the problem and returns the function to time.
    share : float
        The share of the training that is timed; times are divided by it.
    package : str
        The package that must be installed. Its process imports it first.
    runs_per_turn : int
        Number of timed runs in each turn.
    """

    name: str
    n_lanes: int | None
    problem: Call
    prepare: Call
    share: float = 1.0
    package: str = "tensorflow"
    runs_per_turn: int = 1


@dataclass(frozen=True)
class Measurement:
    """A row of the results; values that it does not have are None.

    Attributes
    ----------
    workload, system : str
        The workload and the system.
    lanes : int or None
        Number of models; None for a matrix product.
    seconds : float or None
        For all lanes, scaled up from `share_timed`; the median of the timed runs.
    seconds_per_lane : float or None
        `seconds` divided by `lanes`.
    ratio_to_eager : float or None
        Seconds per lane of the plain eager loop, divided by those of this system.
    share_timed : float
        The share of the training that was timed.
    compile_seconds : float or None
        How much longer the first run took than the median one; not part of `seconds`.
    fastest, slowest : float or None
        The fastest and the slowest run, like `seconds`.
    peak_memory_bytes : int or None
        Peak memory of the system's process.
    gflops : float or None
        10^9 floating-point operations of the matrix products per second, if counted.
    share_of_peak : float or None
        `gflops` divided by the best of the matrix products on this machine.
    failure : str or None
        How the system's process ended, if it ended too early.
    """

    workload: str
    system: str
    lanes: int | None
    seconds: float | None = None
    seconds_per_lane: float | None = None
    ratio_to_eager: float | None = None
    share_timed: float = 1.0
    compile_seconds: float | None = None
    fastest: float | None = None
    slowest: float | None = None
    peak_memory_bytes: int | None = None
    gflops: float | None = None
    share_of_peak: float | None = None
    failure: str | None = None


def is_installed(system: System) -> bool:
    """Say whether the package of a system is installed, without importing it."""
    return find_spec(system.package) is not None


def measure_systems(
    workload: str, systems: Sequence[System], repeats: int, progress: Progress
) -> list[Measurement]:
    """Measure the systems of a workload in turns, so that other load affects all of them.

    Each system has a process of its own, which waits while the others run.

    Parameters
    ----------
    workload : str
        The name of the workload.
    systems : sequence of System
        Installed systems; the others are compared with the one named `eager`.
    repeats : int
        Number of turns of each after it has warmed up.
    progress : callable
        Called before each turn.

    Returns
    -------
    list of Measurement
        In the order of the systems. A system whose process ends early has a `failure`.
    """
    steps = len(systems) * (1 + repeats)
    processes: list[TimedProcess] = []
    with ExitStack() as stack:
        for number, system in enumerate(systems):
            progress(Status(f"{workload}: {system.name}, warming up", number / steps))
            processes.append(stack.enter_context(TimedProcess()))
            processes[-1].warm_up(system.package, system.problem, system.prepare)
        for number in range(len(systems), steps):
            turn, place = divmod(number, len(systems))
            system = systems[place]
            progress(Status(f"{workload}: {system.name}, {turn} of {repeats}", number / steps))
            processes[place].run(system.runs_per_turn)
    rows = [
        make_failure(workload, system, process.failure)
        if process.failure
        else make_measurement(workload, system, process.times, process.peak_memory_bytes)
        for system, process in zip(systems, processes, strict=True)
    ]
    return compare_with_eager(rows)


def make_failure(workload: str, system: System, failure: str) -> Measurement:
    """Make the row of a system whose process ended early."""
    return Measurement(
        workload, system.name, system.n_lanes, share_timed=system.share, failure=failure
    )


def make_measurement(
    workload: str, system: System, times: Sequence[float], peak_memory_bytes: int | None = None
) -> Measurement:
    """Make a row of results from timings.

    Parameters
    ----------
    workload : str
        The name of the workload.
    system : System
        The system.
    times : sequence of float
        Seconds of all runs; the first is the warm-up.
    peak_memory_bytes : int or None
        Peak memory of the process.

    Returns
    -------
    Measurement
        Without `ratio_to_eager`.

    Examples
    --------
    >>> nothing = Call("builtins:list")
    >>> system = System("x", 4, nothing, nothing, share=0.5)
    >>> row = make_measurement("w", system, [3.0, 1.0, 1.5, 1.0])
    >>> row.seconds, row.seconds_per_lane, row.compile_seconds, row.slowest
    (2.0, 0.5, 2.0, 3.0)
    """
    first, *rest = times
    seconds = median(rest) / system.share
    return Measurement(
        workload,
        system.name,
        system.n_lanes,
        seconds,
        seconds / system.n_lanes if system.n_lanes else None,
        share_timed=system.share,
        compile_seconds=max(first - median(rest), 0.0),
        fastest=min(rest) / system.share,
        slowest=max(rest) / system.share,
        peak_memory_bytes=peak_memory_bytes,
    )


def compare_with_eager(rows: Sequence[Measurement]) -> list[Measurement]:
    """Fill `ratio_to_eager`, if the system named `eager` is among the rows and was measured.

    Examples
    --------
    >>> rows = [Measurement("w", name, 1, seconds_per_lane=s) for name, s in
    ...         [("eager", 6.0), ("fast", 1.5), ("failed", None)]]
    >>> [row.ratio_to_eager for row in compare_with_eager(rows)]
    [1.0, 4.0, None]
    """
    (eager,) = [row.seconds_per_lane for row in rows if row.system == "eager"] or [None]
    return [
        replace(row, ratio_to_eager=eager / row.seconds_per_lane)
        if eager and row.seconds_per_lane
        else row
        for row in rows
    ]
