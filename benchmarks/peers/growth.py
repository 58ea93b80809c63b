"""Time and memory of fairtrial by number of lanes, and the share of the machine's peak.

`python -m benchmarks.peers.growth LANES ROWS REPEATS` measures one number of lanes in a separate
process, so that its peak memory is that of the training alone, and prints JSON.
"""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.peers.measure import Measurement, System, make_measurement, time_run
from benchmarks.peers.problems import N_CLASSES, N_FEATURES, make_softmax_problem

from fairtrial.errors import MachineError

BATCH_SIZE = 128
# Square products, which processors compute fastest, and the two of a step: forward, gradient.
SHAPES = (
    (1024, 1024, 1024),
    (2048, 2048, 2048),
    (BATCH_SIZE, N_FEATURES, 64 * N_CLASSES),
    (N_FEATURES, BATCH_SIZE, 64 * N_CLASSES),
)
Report = Callable[[str], None]


def measure_growth(
    lanes: Sequence[int], n_rows: int, repeats: int, report: Report
) -> list[Measurement]:
    """Measure one epoch of softmax regression at several numbers of lanes.

    Parameters
    ----------
    lanes : sequence of int
        The numbers of lanes, each measured in a separate process.
    n_rows : int
        Rows of training data.
    repeats : int
        Number of timed runs of each.
    report : callable
        Called with the progress.

    Returns
    -------
    list of Measurement
        First the machine's matrix products in float32 (workload `peak`), then fairtrial's
        training, with memory and share of the best of those products.

    Raises
    ------
    MachineError
        If a process ends before it has measured, for example without memory.
    """
    report("peak: matrix products")
    peaks = measure_peak(0.3 if repeats > 1 else 0.02)
    best = max(peak.gflops or 0.0 for peak in peaks)
    rows = []
    for n_lanes in lanes:
        report(f"growth: {n_lanes} lanes")
        figures = _measure_apart(n_lanes, n_rows, repeats)
        system = System("fairtrial", n_lanes, prepare=lambda: lambda: None)
        row = make_measurement("growth", system, figures["first"], figures["times"], None)
        # Two products per step, forward and gradient, with two operations per multiply-add.
        n_used = n_rows - n_rows % BATCH_SIZE
        gflops = 4e-9 * n_used * N_FEATURES * N_CLASSES * n_lanes / row.seconds
        rows.append(
            replace(
                row,
                peak_memory_bytes=figures["peak_memory_bytes"],
                gflops=gflops,
                share_of_peak=gflops / best,
            )
        )
    return [*(replace(peak, share_of_peak=(peak.gflops or 0.0) / best) for peak in peaks), *rows]


def measure_peak(seconds: float) -> list[Measurement]:
    """Time matrix products in float32 by NumPy and by TensorFlow, each of `SHAPES`.

    Parameters
    ----------
    seconds : float
        Time to repeat each product; the fastest counts.

    Returns
    -------
    list of Measurement
        With `gflops`.
    """
    import tensorflow as tf

    rows = []
    stream = np.random.default_rng(0)
    for n, m, k in SHAPES:
        A = stream.standard_normal((n, m), np.float32)
        B = stream.standard_normal((m, k), np.float32)
        A_there, B_there = tf.constant(A), tf.constant(B)
        products = {
            "NumPy": lambda A=A, B=B: A @ B,
            "TensorFlow": lambda A=A_there, B=B_there: tf.matmul(A, B).numpy(),  # pyright: ignore
        }
        for name, product in products.items():
            fastest = _time_fastest(product, seconds)
            rows.append(
                Measurement(
                    "peak",
                    f"{name}, {n} x {m} x {k}",
                    None,
                    fastest,
                    None,
                    fastest=fastest,
                    slowest=fastest,
                    gflops=2e-9 * n * m * k / fastest,
                )
            )
    return rows


def _time_fastest(run: Callable[[], Any], seconds: float) -> float:
    run()
    times, began = [], time.perf_counter()
    while not times or time.perf_counter() - began < seconds:
        before = time.perf_counter()
        run()
        times.append(time.perf_counter() - before)
    return min(times)


def _measure_apart(n_lanes: int, n_rows: int, repeats: int) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.peers.growth", *map(str, (n_lanes, n_rows, repeats))],
        capture_output=True,
        text=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        check=False,
    )
    if done.returncode:
        raise MachineError(
            f"The measurement with {n_lanes} lanes ended with code {done.returncode}"
            f"{' (it may be out of memory)' if done.returncode < 0 else ''}. {done.stderr[-500:]}"
        )
    return json.loads(done.stdout)


def read_peak_memory() -> int:
    """Return the peak memory of this process, in bytes."""
    status = Path("/proc/self/status")
    if status.exists():  # On Linux, ru_maxrss includes the parent process.
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text(encoding="ascii"))
        if found:
            return int(found[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024)


def main(n_lanes: int, n_rows: int, repeats: int) -> None:
    """Measure in this process and print JSON."""
    from benchmarks.peers.own import prepare_softmax

    run = prepare_softmax(make_softmax_problem(n_lanes, n_rows, BATCH_SIZE))
    first, *times = [time_run(run) for _ in range(1 + repeats)]
    print(json.dumps({"first": first, "times": times, "peak_memory_bytes": read_peak_memory()}))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
