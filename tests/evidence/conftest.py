"""What the tests of evidence share."""

import sys
from pathlib import Path

import pytest
from threadpoolctl import threadpool_limits

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def simulations():
    """`benchmarks/level_rows.py`, on one core, since threads slow small products down."""
    sys.path.insert(0, str(BENCHMARKS))
    try:
        import level_rows

        with threadpool_limits(1):
            yield level_rows
    finally:
        sys.path.remove(str(BENCHMARKS))
