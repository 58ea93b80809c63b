"""Timing: every system of a workload warms up, then the systems take turns; medians count."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from statistics import median
from typing import Any


@dataclass(frozen=True)
class System:
    """One way to train a workload's models.

    Attributes
    ----------
    name : str
        Unique in its workload.
    n_lanes : int
        Number of models that one run trains to the end.
    prepare : callable
        Prepares the data and returns the function to time.
    share : float
        The share of the training that is timed; times are divided by it.
    package : str
        The package that must be installed.
    """

    name: str
    n_lanes: int
    prepare: Callable[[], Callable[[], Any]]
    share: float = 1.0
    package: str = "tensorflow"


@dataclass(frozen=True)
class Measurement:
    """A row of the results.

    Attributes
    ----------
    workload, system : str
        The workload and the system.
    lanes : int or None
        Number of models; None for a matrix product.
    seconds : float
        For all lanes, scaled up from `share_timed`; the median of the repeats.
    seconds_per_lane : float or None
        `seconds` divided by `lanes`.
    ratio_to_eager : float or None
        Seconds per lane of the plain eager loop, divided by those of this system.
    share_timed : float
        The share of the training that was timed.
    compile_seconds : float
        How much longer the first run took than the median one; not part of `seconds`.
    fastest, slowest : float
        The fastest and the slowest repeat, like `seconds`.
    peak_memory_bytes : int or None
        Peak memory of a process that only trains, if measured.
    gflops : float or None
        10^9 floating-point operations of the matrix products per second, if counted.
    share_of_peak : float or None
        `gflops` divided by the best of the matrix products on this machine.
    """

    workload: str
    system: str
    lanes: int | None
    seconds: float
    seconds_per_lane: float | None
    ratio_to_eager: float | None = None
    share_timed: float = 1.0
    compile_seconds: float = 0.0
    fastest: float = 0.0
    slowest: float = 0.0
    peak_memory_bytes: int | None = None
    gflops: float | None = None
    share_of_peak: float | None = None


def is_installed(system: System) -> bool:
    """Say whether the package of a system is installed, without importing it."""
    return find_spec(system.package) is not None


def time_run(run: Callable[[], Any]) -> float:
    """Run once, and return the seconds."""
    gc.collect()
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def measure_systems(
    workload: str, systems: Sequence[System], repeats: int, report: Callable[[str], None]
) -> list[Measurement]:
    """Measure the systems of a workload in turns, so that other load affects all of them.

    Parameters
    ----------
    workload : str
        The name of the workload.
    systems : sequence of System
        Installed systems; the others are compared with the one named `eager`.
    repeats : int
        Number of timed runs of each after it has warmed up.
    report : callable
        Called with the progress.

    Returns
    -------
    list of Measurement
        In the order of the systems.
    """
    runs, firsts = [], []
    for system in systems:
        report(f"{workload}: {system.name}, warming up")
        runs.append(system.prepare())
        firsts.append(time_run(runs[-1]))
    times: list[list[float]] = [[] for _ in systems]
    for repeat in range(repeats):
        for system, run, own in zip(systems, runs, times, strict=True):
            report(f"{workload}: {system.name}, {repeat + 1} of {repeats}")
            own.append(time_run(run))
    eager = next(
        (
            median(own) / system.share / system.n_lanes
            for system, own in zip(systems, times, strict=True)
            if system.name == "eager"
        ),
        None,
    )
    return [
        make_measurement(workload, system, first, own, eager)
        for system, first, own in zip(systems, firsts, times, strict=True)
    ]


def make_measurement(
    workload: str, system: System, first: float, times: Sequence[float], eager: float | None
) -> Measurement:
    """Make a row of results from timings.

    Parameters
    ----------
    workload : str
        The name of the workload.
    system : System
        The system.
    first : float
        Seconds of the first run.
    times : sequence of float
        Seconds of the other runs.
    eager : float or None
        Seconds per lane of the plain eager loop.

    Returns
    -------
    Measurement

    Examples
    --------
    >>> system = System("x", 4, prepare=lambda: lambda: None, share=0.5)
    >>> row = make_measurement("w", system, 3.0, [1.0, 1.5, 1.0], eager=2.0)
    >>> row.seconds, row.seconds_per_lane, row.ratio_to_eager, row.compile_seconds
    (2.0, 0.5, 4.0, 2.0)
    """
    seconds = median(times) / system.share
    per_lane = seconds / system.n_lanes
    return Measurement(
        workload,
        system.name,
        system.n_lanes,
        seconds,
        per_lane,
        ratio_to_eager=None if eager is None else eager / per_lane,
        share_timed=system.share,
        compile_seconds=max(first - median(times), 0.0),
        fastest=min(times) / system.share,
        slowest=max(times) / system.share,
    )
