"""Timing: warm up every system of a workload, then take turns, and keep the medians."""

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
        How many models one run of it trains to the end.
    prepare : callable
        Makes what is timed: data in place, nothing trained.
    share : float
        How much of the training is timed; times are scaled up by it.
    package : str
        What must be installed.
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
        What was done, and by what.
    lanes : int or None
        How many models; None for a plain matrix product.
    seconds : float
        For all lanes, scaled up from `share_timed`; the median of the repeats.
    seconds_per_lane : float or None
        For one of them.
    ratio_to_eager : float or None
        The plain eager loop's seconds per lane by this system's, where both were measured.
    share_timed : float
        How much of the training was timed.
    compile_seconds : float
        How much longer the first run took than the median one; not part of `seconds`.
    fastest, slowest : float
        Of the repeats, like `seconds`.
    peak_memory_bytes : int or None
        Of a process that does nothing else, where it was measured.
    gflops : float or None
        Floating-point operations of the matrix products alone in 10^9 a second, where counted.
    share_of_peak : float or None
        The same by the best that this machine's matrix products reached.
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
    """Say whether what a system needs is there, without loading it."""
    return find_spec(system.package) is not None


def time_run(run: Callable[[], Any]) -> float:
    """Run once; in seconds."""
    gc.collect()
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def measure_systems(
    workload: str, systems: Sequence[System], repeats: int, report: Callable[[str], None]
) -> list[Measurement]:
    """Measure the systems of a workload, in turns, so that a busy moment harms all alike.

    Parameters
    ----------
    workload : str
        Its name.
    systems : sequence of System
        Installed ones; the one named `eager` is what the others are compared with.
    repeats : int
        How often each is timed after it has warmed up.
    report : callable
        Told what is going on.

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
    """Make a row of what was timed.

    Parameters
    ----------
    workload : str
        Its name.
    system : System
        What was timed.
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
