"""The rows of data sets, by where they come from: drawn for each seed, fixed, or split by each."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from fairtrial.data.dataset import Dataset
from fairtrial.data.scale import OF_FEATURES, OF_TARGETS, find_coarse_step, standardise
from fairtrial.data.split import split_rows
from fairtrial.errors import InputError
from fairtrial.kinds.data.datasets import Content, Shape, Stream, TaskSettings
from fairtrial.kinds.mechanism.plugins import explained, find_kinds
from fairtrial.kinds.mechanism.signature import refuse
from fairtrial.kinds.noise.bounds import MOST, BoundsError
from fairtrial.settings.complaints import show

FARTHEST = 1e3  # Standard normals are nearer to 0 by far.
FEWEST_SPREAD = 10  # Rows: of fewer, two that are nearly equal say nothing of the spread.


def load_rows(task: TaskSettings, seed: int, validation: float | None) -> Dataset:
    """Load or draw the rows of a seed; features are prepared without validation rows."""
    if task.row_origin == "drawn":
        return _draw_rows(task, seed)
    content = read(task)
    X, y, n_rows, names = content.X, content.y, len(content.y), content.class_names
    if content.prepare is not None:
        is_alike = validation is None and task.row_origin == "fixed"
        seen = list_seen_rows(task, n_rows, seed, validation)
        X = _prepare_all(content) if is_alike else content.prepare(seen)
    if content.test_y is None:
        train, test = split_rows(n_rows, task.test, seed, f"{task.kind}.test")
        return _make_dataset(task, X[train], y[train], X[test], y[test], names=names)
    test_X = content.test_X
    if content.prepare is not None:
        X, test_X = X[:n_rows], X[n_rows:]
    return _make_dataset(task, X, y, test_X, content.test_y, names=names)


def measure_rows(task: TaskSettings) -> Shape:
    """Return the size of the data, which is the same for every seed."""
    if task.row_origin == "drawn":
        return _measure_draw(task, task.definition)  # pyright: ignore[reportArgumentType]
    content = read(task)
    n_rows, n_features = len(content.y), content.n_features
    if content.test_y is None:
        n_test_rows = round(n_rows * task.test)
        n_rows -= n_test_rows
    else:
        n_test_rows = len(content.test_y)
    n_features = content.X.shape[1] if n_features is None else n_features
    return Shape(n_rows, n_test_rows, n_features, _count_classes(task, content))


def list_seen_rows(
    task: TaskSettings, n_rows: int, seed: int, validation: float | None
) -> np.ndarray:
    """List which of the rows that are read training sees: no test rows, no validation rows."""
    train = np.arange(n_rows)
    if task.row_origin == "split":
        train = split_rows(n_rows, task.test, seed, f"{task.kind}.test")[0]
    return train[split_rows(len(train), validation, seed)[0]]


def _draw_rows(task: TaskSettings, seed: int) -> Dataset:
    stream = Stream(seed, "data")
    if task.definition.is_apart:
        X, y, *truth = _draw(task, stream, task.rows)
        test_X, test_y, *_ = _draw(task, Stream(seed, "test"), task.test_rows)
    else:
        X, y, *truth = _draw(task, stream, task.rows + task.test_rows)
        (X, test_X), (y, test_y) = ((one[: task.rows], one[task.rows :]) for one in (X, y))
    known = np.asarray(truth[0], float) if truth else None
    return _make_dataset(task, X, y, test_X, test_y, true_parameters=known)


def _draw(task: TaskSettings, stream: Stream, n_rows: int) -> list[np.ndarray]:
    parts = _take_arrays(task, call(task, stream, n_rows), 3 if task.has_truth else 2)
    if len(parts[1]) != n_rows:
        _refuse(task, f"it returns {len(parts[1]):,} rows, and {n_rows:,} are asked for")
    if task.has_truth and np.shape(parts[2]) != (parts[0].shape[1] + 1,):
        _refuse(task, "its third value must be the true weights, and the intercept last")
    return parts


@lru_cache(maxsize=64)
def _measure_draw(task: TaskSettings, kind: object) -> Shape:
    found = _draw_rows(task, 0)
    return Shape(task.rows, task.test_rows, found.X.shape[1], found.n_classes)


# ---------------------------------------------------------------------------------- what is read


def call(task: TaskSettings, *data: Any) -> Any:
    """Call the function of a data set; an error in a user's function is said in a sentence."""
    try:
        with explained(task, f"the data set {task.kind!r}"):
            return task.call_function(*data)
    except BoundsError as error:
        place = next((name for name, one in vars(task).items() if one is error.noise), "noise")
        raise InputError(error.describe(f"task.{place}")) from None


def read(task: TaskSettings) -> Content:
    """Read the rows of a fixed or split data set, once for each version, or raise `InputError`."""
    path, is_known = getattr(task, "path", None), not find_kinds(task)
    if is_known and not path:  # What comes with fairtrial is kept already.
        return call(task)
    version: tuple[object, ...] = ()
    if path:
        try:
            files = [Path(path).absolute(), *sorted(Path(path).glob("*/*"))]
            states = [(file, file.stat()) for file in files]
            version = tuple((file, state.st_mtime_ns, state.st_size) for file, state in states)
        except OSError as error:
            if not is_known:  # Data sets that fairtrial brings say it themselves.
                reason = error.strerror
                raise InputError(f"{path} cannot be read: {reason}. Check the path.") from None
    task = task.model_copy(
        update={"input_noise": None, "label_noise": None}
    )  # That is added later.
    return _read_version(task, task.definition, version)  # pyright: ignore[reportArgumentType]


@lru_cache(maxsize=8)
def _read_version(task: TaskSettings, kind: object, version: tuple[object, ...]) -> Content:
    if not find_kinds(task):  # Those that fairtrial brings check what they return.
        return call(task)
    found, is_fixed, facts = call(task), task.row_origin == "fixed", Content(None, np.empty(0))
    if isinstance(found, Content):
        facts = found
        if found.prepare is not None:
            _refuse(task, "its Content has prepare, which is for data sets that fairtrial brings")
        of_test = (found.test_X, found.test_y) if is_fixed else ()
        found = (found.X, found.y, *of_test)
    # Views, so that the user's own arrays stay writeable; rows, so that they can be read fast.
    arrays = _take_arrays(task, found, 4 if is_fixed else 2)
    X, y, *test = (np.ascontiguousarray(one).view() for one in arrays)
    if is_fixed and test[0].shape[1:] != X.shape[1:]:
        _refuse(task, "its training and test rows must have the same features")
    digest = hashlib.sha256()
    for one in (X, y, *test):
        digest.update(repr((one.shape, one.dtype.str)).encode())
        digest.update(np.ascontiguousarray(one).data)
        one.flags.writeable = False
    test_X, test_y = test if is_fixed else (None, None)
    names, highest = facts.class_names, max(int(one.max()) for one in (X, y, *test)[1::2])
    if names and not task.has_classes:
        _refuse(task, "its Content names classes, but its targets are numbers")
    if names and highest >= len(names):
        _refuse(task, f"its Content names {len(names)} classes, and its y has the class {highest}")
    digest.update("\0".join(names).encode())
    content = Content(
        X, y, test_X, test_y, class_names=names, image_shape=facts.image_shape,
        fingerprint=digest.hexdigest(),
    )  # fmt: skip
    if not task.is_prepared:
        return content
    whole = np.concatenate([X, test[0]]) if is_fixed else X
    return replace(content, prepare=lambda seen: standardise(whole, seen).astype(np.float32))


@lru_cache(maxsize=2)
def _prepare_all(content: Content) -> np.ndarray:
    """Prepare features from all training rows: every seed has the same."""
    assert content.prepare is not None
    return content.prepare(np.arange(len(content.y)))


def _make_dataset(
    task: TaskSettings,
    X: np.ndarray,
    y: np.ndarray,
    test_X: np.ndarray,
    test_y: np.ndarray,
    *,
    names: tuple[str, ...] = (),
    true_parameters: np.ndarray | None = None,
) -> Dataset:
    names = names or _name_classes(task, y, test_y)
    kind = np.int32 if task.has_classes else np.float32
    pixel_range = task.definition.pixel_range if task.has_images else 1
    # Images with classes stay bytes, which take a quarter of the memory.
    are_bytes = task.has_images and task.has_classes and X.dtype == test_X.dtype == np.uint8
    if not are_bytes:
        X, test_X = (_to_floats(one, pixel_range) for one in (X, test_X))
    return Dataset(
        X=X,
        y=y.astype(kind, copy=False),
        test_X=test_X,
        test_y=test_y.astype(kind, copy=False),
        true_parameters=true_parameters,
        n_classes=len(names),
        divisor=pixel_range if are_bytes else 1,
        class_names=names,
    )


def _to_floats(X: np.ndarray, pixel_range: int) -> np.ndarray:
    """Return features as a model sees them: numbers, and pixels from 0 to 1."""
    values = X.astype(np.float32, order="C", copy=False)
    return values / np.float32(pixel_range) if X.dtype == np.uint8 else values


def _count_classes(task: TaskSettings, content: Content) -> int:
    if content.class_names or not task.has_classes:
        return len(content.class_names)
    targets = [content.y] if content.test_y is None else [content.y, content.test_y]
    return len(_name_classes(task, *targets))


def _name_classes(task: TaskSettings, *targets: np.ndarray) -> tuple[str, ...]:
    """Return the names of the classes; their numbers where they have none."""
    classes = task.classes
    if classes is True:
        classes, n_rows = 1 + int(max(y.max() for y in targets)), sum(map(len, targets))
        if classes > n_rows:
            _refuse(
                task,
                f"its y has the class {classes - 1}, so {classes:,} classes for {n_rows:,} rows: "
                "number the classes from 0 without gaps",
            )
    names = classes if isinstance(classes, tuple | list) else range(classes)
    if len(names) == 1:
        _refuse(task, "its targets are all of one class: two at least are needed")
    return tuple(map(str, names))


# ------------------------------------------------------------------------- what cannot be used


def _take_arrays(task: TaskSettings, found: Any, n_values: int) -> list[np.ndarray]:
    """Take what a function returns as arrays, checked; images become rows of pixels."""
    form = ("X, y", "X, y and the true parameters", "X, y, test_X and test_y")[n_values - 2]
    if not isinstance(found, tuple | list) or len(found) != n_values:
        _refuse(task, f"it must return {form}")
    try:
        parts = [np.asarray(one) for one in found]
    except ValueError:
        parts = []
    if not parts or any(one.dtype.kind not in "biuf" for one in parts):
        _refuse(task, f"it must return {form} as arrays of numbers")
    for at in range(0, n_values - n_values % 2, 2):
        X, y = parts[at], parts[at + 1]
        for reason in _find_faults(task, X, y):
            _refuse(task, reason)
        parts[at] = X.reshape(len(X), -1)
    return parts


def _find_faults(task: TaskSettings, X: np.ndarray, y: np.ndarray) -> Iterator[str]:
    if y.ndim != 1:
        yield f"its y must have one value per row, and it has the shape {y.shape}"
    elif X.ndim < 2:
        yield f"its X must have rows and columns, and it has the shape {X.shape}"
    elif 0 in X.shape[1:]:
        yield f"its X has no columns: its shape is {X.shape}"
    elif len(X) != len(y) or len(y) < 2:
        yield f"its X has {len(X):,} rows and its y {len(y):,}: give both as many, two at least"
    elif not np.isfinite(X).all():
        yield "its X has values that are missing or infinite"
    elif not np.isfinite(y).all():
        yield "its y has values that are missing or infinite"
    elif np.abs(X).max() > MOST or np.abs(y).max() > MOST:
        yield f"it has values above 1e30, and training is in float32{_advise_smaller(task)}"
    else:
        yield from _find_wrong_values(task, X, y)


def _advise_smaller(task: TaskSettings) -> str:
    """Say which settings of a data set that fairtrial brings are too large."""
    if not task.definition.is_own:
        return ""
    # They multiply draws about 0 of spread 1, or are added to them.
    large = [
        f"task.{name} = {show(value)}"
        for name, value in vars(task).items()
        for one in (value if isinstance(value, list) else [value])[:1]
        if isinstance(one, float) and np.abs(value).max() > MOST / FARTHEST
    ]
    return f": make {' and '.join(large)} smaller" if large else ""


def _find_wrong_values(task: TaskSettings, X: np.ndarray, y: np.ndarray) -> Iterator[str]:
    if task.has_images:
        yield from _find_wrong_pixels(task, X)
    elif find_kinds(task) and not task.is_prepared:  # Others are draws about 0, or of one unit.
        yield from _find_coarse(X, "X", OF_FEATURES)
    if task.has_classes:
        yield from _find_wrong_labels(task, y)
    else:
        yield from _find_coarse(y[:, None], "y", OF_TARGETS)


def _find_coarse(columns: np.ndarray, name: str, most: float) -> Iterator[str]:
    """Yield a fault for the first column that float32 would round too much."""
    if len(columns) < FEWEST_SPREAD:
        return
    largest, spreads = np.abs(columns).max(0), columns.std(0, dtype=np.float64)
    for column, large, spread in zip(columns.T, largest.tolist(), spreads.tolist(), strict=True):
        if step := find_coarse_step(large, spread, most):
            yield (
                f"its {name} has values near {np.median(column):.6g} that differ by about "
                f"{spread:.3g}, and training is in float32, whose numbers there are {step:.1g} "
                "apart: subtract a constant from them"
            )
            return


def _find_wrong_pixels(task: TaskSettings, X: np.ndarray) -> Iterator[str]:
    pixel_range, n_values = task.definition.pixel_range, prod(X.shape[1:])
    if (shape := task.image_shape) and n_values != prod(shape):
        size = f"{shape[0]} x {shape[1]}"
        yield f"its X has {n_values} values per row, and its images are {size} pixels"
    highest = pixel_range if X.dtype == np.uint8 else 1
    if not task.is_prepared and (X.min() < 0 or X.max() > highest):
        yield (
            f"its pixels are from {X.min():g} to {X.max():g}: give bytes (uint8) up to pixel_range "
            f"= {pixel_range}, or numbers from 0 to 1"
        )


def _find_wrong_labels(task: TaskSettings, y: np.ndarray) -> Iterator[str]:
    if (y != np.round(y)).any() or y.min() < 0:
        yield "its y must be whole numbers from 0, as its targets are classes"
    elif task.classes is not True and y.max() >= len(_name_classes(task, y)):
        n_classes = len(_name_classes(task, y))
        yield f"its y has the class {int(y.max())}, and the last one is {n_classes - 1}"


def _refuse(task: TaskSettings, reason: str) -> None:
    if task.definition.is_own:  # Its code is not the user's, its settings are.
        raise InputError(f"The data set {task.kind!r}, as the task sets it: {reason}.")
    raise refuse(task.definition.function, reason)
