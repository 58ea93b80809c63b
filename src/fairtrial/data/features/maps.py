"""The common parts of feature maps: the rows for fitting, and the application to rows."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from joblib import Parallel, cpu_count, delayed
from threadpoolctl import threadpool_limits

from fairtrial.data.features.watch import check_in, find_watcher, watch
from fairtrial.kinds.data.features import Map
from fairtrial.randomness import make_stream

# The number of rows that are mapped at a time.
CHUNK = 250


@dataclass(frozen=True, eq=False)
class TrainingRows:
    """The rows for fitting a map: those that training sees, without labels.

    `X` (M, D) has all training rows of the data set, including validation rows; `seen` (N,) are the
    rows that training sees.
    """

    X: np.ndarray
    seen: np.ndarray
    divisor: int
    seed: int

    def read(self) -> np.ndarray:
        """Read all rows that training sees, (N, D) float32."""
        return scale_down(self.X[self.seen], self.divisor)

    def draw(self, most: int, purpose: str) -> np.ndarray:
        """Draw at most `most` of these rows without replacement."""
        if len(self.seen) <= most:
            return self.read()
        drawn = self.open(purpose).choice(len(self.seen), most, replace=False)
        return scale_down(self.X[self.seen[drawn]], self.divisor)

    def open(self, purpose: str) -> np.random.Generator:
        """Open the stream of the seed for one purpose."""
        return make_stream(self.seed, f"features.{purpose}")


def scale_down(X: np.ndarray, divisor: int) -> np.ndarray:
    """Divide features as training does; float32."""
    return X.astype(np.float32) / np.float32(divisor)


class OneCore:
    """Limit matrix products to one core, so that results do not depend on the number of cores.

    The limit applies to the whole process. It ends when the last thread that needs it is done.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._n_holding = 0

    def __enter__(self) -> None:
        with self._guard:
            if not self._n_holding:
                self._limits = threadpool_limits(1, user_api="blas")
            self._n_holding += 1

    def __exit__(self, *error: object) -> None:
        with self._guard:
            self._n_holding -= 1
            if not self._n_holding:
                self._limits.restore_original_limits()


on_one_core = OneCore()


def fit_scale(chunks: Iterable[np.ndarray]) -> Map:
    """Standardise: mean 0 and standard deviation 1 over chunks (N, D) of training rows.

    A constant feature becomes 0.
    """
    from sklearn.preprocessing import StandardScaler  # Slow to import.

    scaler = StandardScaler()
    for chunk in chunks:
        scaler.partial_fit(chunk)
    mean, size = (np.asarray(each, np.float32) for each in (scaler.mean_, scaler.scale_))
    return lambda X: (X - mean) / size


def apply(feature_map: Map, X: np.ndarray, divisor: int) -> Iterator[np.ndarray]:
    """Map rows (N, D) on all processors: chunks of at most `CHUNK` rows, in their order."""
    watcher = find_watcher()

    def map_chunk(first: int) -> np.ndarray:
        with watch(watcher):  # Context variables are per thread.
            check_in()
            return feature_map(scale_down(X[first : first + CHUNK], divisor))

    # One chunk per processor, because products of this size are slower on several.
    with on_one_core:
        parallel: Any = Parallel(cpu_count(), "threading", return_as="generator")
        yield from parallel(delayed(map_chunk)(first) for first in range(0, len(X), CHUNK))
