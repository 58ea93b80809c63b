"""Features of all rows, mapped in memory or on disk, where they are computed once."""

import contextlib
import errno
import hashlib
import itertools
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import cache, partial
from importlib import resources
from importlib.metadata import version
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout

from fairtrial.cores import on_one_core, shared_cores
from fairtrial.data.dataset import Dataset
from fairtrial.data.features.maps import TrainingRows, apply, check_in, count_together
from fairtrial.data.images.fetch import cache_folder
from fairtrial.data.split import split_rows
from fairtrial.errors import MachineError
from fairtrial.files import clear_abandoned, place_aside
from fairtrial.kinds.data.features import FeatureSettings, Map
from fairtrial.kinds.mechanism.plugins import digest_source, explained, find_kinds
from fairtrial.kinds.mechanism.signature import refuse

FOLDER_NAME = "features"
# float32 up to this size, in bytes; float16 beyond.
MOST_FLOAT32 = 2**30
# The most bytes of all files together; the least recently used files are removed first.
MOST_KEPT = 8 * 2**30
# What is made in memory where the folder cannot be written, in bytes.
MOST_IN_MEMORY = 2**30
# Values that are rounded together, which stay in the processor's cache.
ROUNDED_TOGETHER = 32_768
UNWRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.ENOSPC)


def map_features(
    features: FeatureSettings,
    dataset: Dataset,
    seed: int,
    validation: float | None,
    keeps: bool = False,
) -> Dataset:
    """Replace the features of a data set; the rows stay, the true parameters do not.

    `keeps` says whether they are stored on disk, as for images. Raises `MachineError` if they
    cannot be written there.
    """
    seen = split_rows(len(dataset.y), validation, seed)[0]
    rows = TrainingRows(dataset.X, seen, dataset.divisor, seed)
    n_rows = len(dataset.y)
    shape = n_rows + len(dataset.test_y), features.count_features(dataset.X.shape[1])
    dtype = choose_dtype(shape) if keeps else np.dtype(np.float32)

    def make() -> Iterator[np.ndarray]:
        check_in()
        with on_one_core, explained(features, f"features {features.kind!r}"):
            fitted = features.fit(rows)
        feature_map = partial(_map_rows, features, fitted, shape[1], dtype)
        n_together = count_together(shape[1])
        parts = [
            apply(feature_map, X, dataset.divisor, n_together) for X in (dataset.X, dataset.test_X)
        ]
        return itertools.chain(*parts)

    if keeps:
        # Where nothing is fitted, seeds with the same rows have the same features.
        given = (str(seed), repr(validation)) if features.is_fitted else ()
        sources = map(digest_source, find_kinds(features))
        settings = features.model_dump_json()
        name = name_features(settings, fingerprint_rows(dataset), *given, *sources)
        mapped = keep(name, shape, make)
    else:
        mapped = np.concatenate([*make()])
    return replace(
        dataset, X=mapped[:n_rows], test_X=mapped[n_rows:], divisor=1, true_parameters=None
    )


def _map_rows(
    features: FeatureSettings, feature_map: Map, n_features: int, dtype: np.dtype, X: np.ndarray
) -> np.ndarray:
    """Map some rows; refuse what is not one finite number per row and feature.

    The precision is changed here, where the cores share the work, not where rows are written.
    """
    if not callable(feature_map):
        reason = f"it returns a {type(feature_map).__name__}, and must return a map of rows"
        raise refuse(features.definition.function, reason)
    with explained(features, f"the map of {features.kind!r}"):
        made = np.asarray(feature_map(X), np.float32)
    reason = ""
    if made.shape != (len(X), n_features):
        reason = (
            f"its map returns an array of shape {made.shape} for {len(X)} rows, and each row must "
            f"have {n_features:,} features, as its n_features says"
        )
    elif not np.isfinite(made).all():
        reason = "its map returns features that are missing or infinite"
    if reason:
        raise refuse(features.definition.function, reason)
    return _limit(made, dtype)


def fingerprint_rows(dataset: Dataset) -> str:
    """Fingerprint the rows of a data set by their content and order, without labels."""
    digest = hashlib.sha256()
    for X in (dataset.X, dataset.test_X):
        digest.update(repr((X.shape, X.dtype.str, dataset.divisor)).encode())
        digest.update(np.ascontiguousarray(X).data)
    return digest.hexdigest()


# ------------------------------------------------------------------------------------------ on disk


def choose_dtype(shape: tuple[int, int]) -> np.dtype:
    """Choose the precision of stored features: float32, or float16 for large arrays."""
    small = 4 * shape[0] * shape[1] <= MOST_FLOAT32
    return np.dtype(np.float32 if small else np.float16)


def keep(name: str, shape: tuple[int, int], make: Callable[[], Iterable[np.ndarray]]) -> np.ndarray:
    """Return the features (N, D) of a name, read-only, float32 or float16; make and store new ones.

    `make` returns some rows at a time. Raises `MachineError` if they cannot be written;
    `InterruptedError` if the watcher has stopped the work.
    """
    dtype = choose_dtype(shape)
    folder = cache_folder(FOLDER_NAME)
    path = folder / f"{name}.npy"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Wait for another thread or process that computes the same features.
        with _take_turn(folder / f"{name}.lock"):
            if (found := _open(path, shape, dtype)) is not None:
                return found
            with shared_cores, place_aside(path) as aside:
                _write(aside, shape, dtype, make())
            made = np.load(path, mmap_mode="r")  # Readable even if the file is removed.
            _make_room(path)
            return made
    except InterruptedError:  # The watcher stopped the work.
        raise
    except OSError as error:
        if error.errno in UNWRITABLE and dtype.itemsize * shape[0] * shape[1] <= MOST_IN_MEMORY:
            return _make_without(path, shape, dtype, make)
        size = dtype.itemsize * shape[0] * shape[1] / 2**30
        raise MachineError(
            f"{path} cannot be written ({error.strerror or error}): the features take {size:.1f} "
            "GiB. Make room, or name another folder with FAIRTRIAL_CACHE."
        ) from None


def _make_without(
    path: Path, shape: tuple[int, int], dtype: np.dtype, make: Callable[[], Iterable[np.ndarray]]
) -> np.ndarray:
    """Make features in memory, where the folder of kept ones takes none; or read what it has."""
    with contextlib.suppress(OSError):
        if (found := _open(path, shape, dtype)) is not None:
            return found
    made, row = np.empty(shape, dtype), 0
    for chunk in make():
        made[row : row + len(chunk)] = _limit(chunk, dtype)
        row += len(chunk)
    made.flags.writeable = False
    return made


def _open(path: Path, shape: tuple[int, int], dtype: np.dtype) -> np.ndarray | None:
    """Map a complete file and record its use; None if it is missing or damaged."""
    try:
        found = np.load(path, mmap_mode="r")
        with contextlib.suppress(PermissionError):  # The file of another user.
            os.utime(path)
    except (FileNotFoundError, ValueError, EOFError):  # Not written, removed, or damaged.
        return None
    return found if (found.shape, found.dtype) == (shape, dtype) else None


@contextlib.contextmanager
def _take_turn(path: Path) -> Iterator[None]:
    """Hold a lock; the watcher can stop the wait for it."""
    lock = FileLock(path)
    while not lock.is_locked:
        check_in()
        with contextlib.suppress(Timeout):
            lock.acquire(timeout=0.5)
    try:
        yield
    finally:
        lock.release()


def _write(
    path: Path, shape: tuple[int, int], dtype: np.dtype, chunks: Iterable[np.ndarray]
) -> None:
    header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    # Not through a memory map: on a full disk that would kill the process.
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for chunk in chunks:
            file.write(_limit(chunk, dtype).data)


def _limit(chunk: np.ndarray, dtype: np.dtype) -> np.ndarray:
    if chunk.dtype == dtype:
        return np.ascontiguousarray(chunk)
    # float16 ends at 65,504. Larger values, such as a response that is rare in training rows, are
    # clipped instead of becoming infinite.
    end = np.finfo(dtype).max
    return round_to_half(np.clip(chunk, -end, end))


def round_to_half(values: np.ndarray) -> np.ndarray:
    """Round float32 values in the range of float16 as `astype` does, in 3/5 of its time.

    After division by 2¹¹² the exponents of float16 are those of float32, and 13 bits are rounded
    off, to even where two values are equally near. Below 2⁻¹⁴, where the division rounds too, the
    last bit may differ. NumPy's `astype` takes one value at a time.
    """
    flat, rounded = values.reshape(-1), np.empty(values.size, np.uint16)
    for first in range(0, values.size, ROUNDED_TOGETHER):
        block = slice(first, first + ROUNDED_TOGETHER)
        bits = (flat[block] * np.float32(2.0**-112)).view(np.uint32)
        kept = (bits + ((bits >> 13) & 1) + 0xFFF) >> 13
        rounded[block] = (kept & 0x7FFF) | ((bits >> 16) & 0x8000)
    return rounded.view(np.float16).reshape(values.shape)


def _make_room(newest: Path) -> None:
    """Remove the least recently used files until the total is at most `MOST_KEPT`."""
    ages: dict[Path, os.stat_result] = {}
    clear_abandoned(newest.parent)
    for path in set(newest.parent.glob("*.npy")) - {newest}:
        with contextlib.suppress(FileNotFoundError):  # Another process has finished or removed it.
            ages[path] = path.stat()
    room = MOST_KEPT - newest.stat().st_size
    for path, status in sorted(ages.items(), key=lambda pair: -pair[1].st_mtime):
        room -= status.st_size
        if room < 0:
            path.unlink(missing_ok=True)  # Processes that have mapped it can still read it.


def name_features(*parts: str) -> str:
    """Name features by a hash of everything that they depend on, including the code."""
    whole = hashlib.sha256()
    for part in (*parts, _fingerprint_code()):  # Lengths separate the parts.
        whole.update(len(part).to_bytes(8, "big") + part.encode())
    return whole.hexdigest()[:32]


@cache
def _fingerprint_code() -> str:
    package = resources.files("fairtrial")
    files = [
        *(file for file in (package / "data" / "features").iterdir() if file.name.endswith(".py")),
        package / "cores.py",
        package / "data" / "split.py",
        package / "randomness.py",
    ]
    code = [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
    libraries = ("numpy", "scipy", "scikit-image", "scikit-learn")
    return " ".join([*sorted(code), *map(version, libraries)])
