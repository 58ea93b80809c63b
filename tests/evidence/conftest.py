"""What the tests of evidence share."""

import contextlib
import sys
from pathlib import Path

import pytest
from threadpoolctl import threadpool_limits

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def simulations():
    """`benchmarks/level_rows.py`, on one core, since threads slow small products down."""
    with _find_benchmarks():
        import level_rows

        yield level_rows


@pytest.fixture(scope="module")
def simulations_of_claims():
    """`benchmarks/level_claims.py`, on one core."""
    with _find_benchmarks():
        import level_claims

        yield level_claims


@pytest.fixture(scope="module")
def simulations_of_runs():
    """`benchmarks/level_runs.py`, on one core."""
    with _find_benchmarks():
        import level_runs

        yield level_runs


@contextlib.contextmanager
def _find_benchmarks():
    sys.path.insert(0, str(BENCHMARKS))
    try:
        with threadpool_limits(1):
            yield
    finally:
        sys.path.remove(str(BENCHMARKS))
