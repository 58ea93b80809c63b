"""Time and memory of fairtrial by number of lanes, and the share of the machine's peak."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.peers.measure import Measurement, System
from benchmarks.peers.problems import N_CLASSES, N_FEATURES
from benchmarks.peers.process import Call

Shape = tuple[int, int, int]
LIBRARIES = {"NumPy": "numpy", "TensorFlow": "tensorflow"}


def list_growth(lanes: Sequence[int], n_rows: int, batch_size: int) -> list[System]:
    """List fairtrial's softmax regression at several numbers of lanes."""
    return [
        System(
            "fairtrial",
            n_lanes,
            Call(
                "benchmarks.peers.problems:make_softmax_problem",
                {"n_lanes": n_lanes, "n_rows": n_rows, "batch_size": batch_size},
            ),
            Call("benchmarks.peers.own:prepare_softmax"),
        )
        for n_lanes in lanes
    ]


def list_products(shapes: Sequence[Shape], n_runs: int) -> list[System]:
    """List products of float32 matrices by NumPy and by TensorFlow.

    Parameters
    ----------
    shapes : sequence of (n, m, k)
        The products are (n, m) times (m, k).
    n_runs : int
        How often each is timed in a turn.
    """
    return [
        System(
            f"{name}, {' x '.join(map(str, shape))}",
            None,
            Call("benchmarks.peers.growth:make_factors", {"shape": shape}),
            Call("benchmarks.peers.growth:prepare_product", {"package": package}),
            package=package,
            runs_per_turn=n_runs,
        )
        for shape in shapes
        for name, package in LIBRARIES.items()
    ]


def make_factors(shape: Shape) -> tuple[np.ndarray, np.ndarray]:
    """Draw the factors of a product, (n, m) and (m, k) in float32."""
    n, m, k = shape
    stream = np.random.default_rng(0)
    return stream.standard_normal((n, m), np.float32), stream.standard_normal((m, k), np.float32)


def prepare_product(factors: tuple[np.ndarray, np.ndarray], package: str) -> Callable[[], Any]:
    """Return a function that multiplies two matrices."""
    A, B = factors
    if package == "numpy":
        return lambda: A @ B
    import tensorflow as tf

    A_there, B_there = tf.constant(A), tf.constant(B)
    return lambda: tf.matmul(A_there, B_there).numpy()  # pyright: ignore


def rate_products(rows: Sequence[Measurement], shapes: Sequence[Shape]) -> list[Measurement]:
    """Take the fastest run of each product, and compute its rate.

    Parameters
    ----------
    rows : sequence of Measurement
        Of `list_products`.
    shapes : sequence of (n, m, k)
        The shapes of the same list.
    """
    each = [shape for shape in shapes for _ in LIBRARIES]
    rated = [
        replace(
            row,
            seconds=row.fastest,
            compile_seconds=None,
            gflops=2e-9 * n * m * k / row.fastest,
        )
        if row.fastest
        else row
        for row, (n, m, k) in zip(rows, each, strict=True)
    ]
    return compare_with_peak(rated, rated)


def rate_growth(
    rows: Sequence[Measurement], n_rows: int, batch_size: int, peaks: Sequence[Measurement]
) -> list[Measurement]:
    """Compute the rate of the matrix products in training, and its share of the peak.

    Each step has two products, forward and gradient, with two operations per multiply-add.

    Parameters
    ----------
    rows : sequence of Measurement
        Of `list_growth`.
    n_rows, batch_size : int
        N and B; rows beyond a whole number of batches are not used.
    peaks : sequence of Measurement
        Of `rate_products`.
    """
    operations = 4e-9 * (n_rows - n_rows % batch_size) * N_FEATURES * N_CLASSES
    rated = [
        replace(row, gflops=operations / row.seconds_per_lane) if row.seconds_per_lane else row
        for row in rows
    ]
    return compare_with_peak(rated, peaks)


def compare_with_peak(
    rows: Sequence[Measurement], peaks: Sequence[Measurement]
) -> list[Measurement]:
    """Fill `share_of_peak`, relative to the best of the products that were measured."""
    best = max((peak.gflops for peak in peaks if peak.gflops), default=None)
    return [
        replace(row, share_of_peak=row.gflops / best) if best and row.gflops else row
        for row in rows
    ]
