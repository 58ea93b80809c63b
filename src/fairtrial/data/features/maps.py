"""The common parts of feature maps, and the maps that are fitted in a few lines."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import numpy as np
from joblib import Parallel, delayed

from fairtrial.cores import on_one_core, shared_cores
from fairtrial.kinds.data.features import Map
from fairtrial.randomness import make_stream

# The most rows that are mapped at a time, and the most values that are made of them: larger arrays
# take new memory of the system each time, which is slow.
CHUNK, CHUNK_VALUES = 250, 2_048_000
# The rows whose distances give the bandwidth.
N_COMPARED = 1000

# A context variable, so that functions that load data need not pass the callback on.
_watcher: ContextVar[Callable[[], None]] = ContextVar("watcher", default=lambda: None)


@contextlib.contextmanager
def watch(watcher: Callable[[], None]) -> Iterator[None]:
    """Call a function repeatedly while this thread computes features; an error stops the work."""
    before = _watcher.set(watcher)
    try:
        yield
    finally:
        _watcher.reset(before)


def check_in() -> None:
    """Call the watcher of this thread, if there is one."""
    _watcher.get()()


@dataclass(frozen=True, eq=False)
class TrainingRows:
    """The rows for fitting a map, (M, D), of which training sees `seen` (N,); without labels."""

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


def count_together(n_features: int) -> int:
    """Return how many rows are mapped at a time to so many features each."""
    return max(min(CHUNK, CHUNK_VALUES // n_features), 1)


def apply(
    feature_map: Map, X: np.ndarray, divisor: int, n_together: int = CHUNK
) -> Iterator[np.ndarray]:
    """Map rows (N, D) on `shared_cores`: at most `n_together` at a time, in their order."""
    watcher = _watcher.get()

    def map_chunk(first: int) -> np.ndarray:
        with watch(watcher):  # Context variables are per thread.
            check_in()
            return feature_map(scale_down(X[first : first + n_together], divisor))

    # One chunk per core, because products of this size are slower on several.
    with on_one_core:
        parallel: Any = Parallel(shared_cores.count(), "threading", return_as="generator")
        yield from parallel(delayed(map_chunk)(first) for first in range(0, len(X), n_together))


def fit_scale(chunks: Iterable[np.ndarray]) -> Map:
    """Standardise by chunks (N, D) of training rows; a constant feature becomes 0."""
    from sklearn.preprocessing import StandardScaler  # Slow to import.

    scaler = StandardScaler()
    for chunk in chunks:
        scaler.partial_fit(chunk)
    mean, size = (np.asarray(each, np.float32) for each in (scaler.mean_, scaler.scale_))
    return lambda X: (X - mean) / size


def fit_fourier(features: Any, rows: TrainingRows) -> Map:
    """Draw the directions and offsets of cosines (Rahimi and Recht 2007), of mean square about 1.

    The mean product of the features of two rows approaches `exp(-|x - x'|² / (2 bandwidth²))`.
    """
    gamma = np.float32(features.gamma)
    bandwidth = features.bandwidth * measure_distance(rows, gamma)
    shape = features.directions, rows.X.shape[1]
    directions = rows.open("directions").standard_normal(shape, np.float32).T / bandwidth
    offsets = rows.open("offsets").uniform(0.0, 2.0 * np.pi, features.directions)
    directions, offsets = directions.astype(np.float32), offsets.astype(np.float32)
    return lambda X: np.sqrt(np.float32(2.0)) * np.cos(X**gamma @ directions + offsets)


def measure_distance(rows: TrainingRows, gamma: np.float32) -> float:
    """Return the median distance between training rows raised to `gamma`; 1 if it is 0."""
    from scipy.spatial.distance import pdist  # Slow to import.

    distances = pdist((rows.draw(N_COMPARED, "distances") ** gamma).astype(np.float64))
    return float(np.median(distances)) or 1.0


def fit_hog(features: Any, rows: TrainingRows) -> Map:
    """Describe each image by itself (Dalal and Triggs 2005); nothing is fitted."""
    from skimage.feature import hog  # Slow to import.

    side = round(rows.X.shape[1] ** 0.5)
    cell, block = features.cell, features.block
    return lambda X: np.stack([
        hog(image, features.orientations, (cell, cell), (block, block))
        for image in X.reshape(-1, side, side)
    ])  # fmt: skip
