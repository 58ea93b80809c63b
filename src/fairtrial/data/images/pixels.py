"""Conversion and checks of the pixels and labels of the user's images.

Messages count images from 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from fairtrial.data.tables.columns import FEWEST_CLASS_ROWS, find_too_few
from fairtrial.errors import InputError


def take_images(X: Any, y: Any, test: float) -> tuple[np.ndarray, np.ndarray]:
    """Convert images (N, H, W) and labels (N,) to the types that training uses, or refuse them.

    Pixels are grey: whole numbers from 0 to 255, or floats from 0 to 1. Classes are whole numbers,
    or text. The results are uint8 or float32, and int64 or str. `test` is the share of the images
    that is held out. Raises `InputError` if there are errors; it lists all.
    """
    pixels, labels = _as_array(X), _as_labels(y)
    problems = [*_find_in_pixels(pixels), *_find_in_labels(labels)]
    if not problems:
        problems = list(_find_in_rows(pixels, labels, test))
    if problems:
        raise InputError("\n  ".join(["These images cannot be used:", *problems]))
    whole = pixels.dtype.kind in "iu"
    return pixels.astype(np.uint8 if whole else np.float32), labels


def _as_array(X: Any) -> np.ndarray:
    try:
        return np.asarray(X)
    except ValueError:  # Rows of unequal lengths.
        return np.array([None])


def _as_labels(y: Any) -> np.ndarray:
    """Convert labels to NumPy's type for whole numbers or text."""
    labels = _as_array(y)
    if labels.dtype == object and labels.ndim == 1:
        if all(isinstance(label, str) for label in labels):
            return labels.astype(str)
        if all(_is_whole(label) for label in labels):
            return labels.astype(np.int64)
    return labels.astype(np.int64) if labels.dtype.kind in "iu" else labels


def _is_whole(label: object) -> bool:
    return isinstance(label, int | np.integer) and not isinstance(label, bool)


def _find_in_pixels(X: np.ndarray) -> Iterator[str]:
    if X.dtype == object:
        yield (
            "The images are not alike in size: one array (N, H, W) of numbers holds them all. Cut "
            "or scale them to one size."
        )
    elif X.ndim != 3:
        yield f"X has the shape {X.shape}: {_say_what_to_do(X)}"
    elif X.dtype.kind not in "biuf":
        yield f"X holds values of the type {X.dtype}: pixels are whole numbers or floats."
    elif X.size == 0:
        yield f"X has the shape {X.shape}: it has no pixels."
    else:
        yield from _find_beyond(X)


def _say_what_to_do(X: np.ndarray) -> str:
    if X.ndim == 4 and X.shape[-1] == 1:
        return "grey images are (N, H, W). Leave the last axis out: X[..., 0]."
    if X.ndim == 4 and X.shape[-1] in (3, 4):
        return (
            "these are colour images, and only grey ones can be used, (N, H, W). Make them grey: "
            "X[..., :3].mean(axis=-1), divided by 255 if the pixels are 0 to 255."
        )
    if X.ndim == 2:
        return "grey images are (N, H, W). Give each its two axes: X.reshape(-1, height, width)."
    return "grey images are (N, H, W)."


def _find_beyond(X: np.ndarray) -> Iterator[str]:
    """Yield the first value out of range; NaN is out of every range."""
    most = 255 if X.dtype.kind in "iu" else 1
    beyond = ~((X >= 0) & (most >= X))
    if not beyond.any():
        return
    first = np.unravel_index(int(beyond.argmax()), X.shape)
    image, row, column = (int(at) for at in first)
    rule = (
        "whole numbers are 0 to 255, black to white."
        if most == 255
        else "floats are 0 to 1, black to white, without NaN. Divide by the largest value that can "
        "be, or give whole numbers from 0 to 255: X.astype('uint8')."
    )
    yield f"The pixel at row {row}, column {column} of image {image} is {X[first]}: {rule}"


def _find_in_labels(y: np.ndarray) -> Iterator[str]:
    if y.ndim != 1:
        yield f"y has the shape {y.shape}: labels are (N,), one for each image."
    elif y.dtype.kind not in "iU" and y.size:
        wrong = [
            label for label in y.tolist() if not isinstance(label, str) and not _is_whole(label)
        ]
        such = f", such as {wrong[0]!r}" if wrong else ", text beside numbers"
        yield (
            f"y holds labels that are neither all whole numbers nor all text{such}: convert them "
            "with y.astype(int) or y.astype(str)."
        )


def _find_in_rows(X: np.ndarray, y: np.ndarray, test: float) -> Iterator[str]:
    n_rows = len(X)
    if len(y) != n_rows:
        yield f"There are {n_rows:,} images and {len(y):,} labels: each image needs one."
        return
    yield from find_too_few(n_rows, test, "images")
    classes, counts = np.unique(y, return_counts=True)
    if len(classes) == 1:
        yield f"All labels are {classes[0].item()!r}: at least two classes are needed."
    few = [
        pair for pair in zip(classes.tolist(), counts, strict=True) if pair[1] < FEWEST_CLASS_ROWS
    ]
    if few:
        listed = ", ".join(f"{label!r}: {count}" for label, count in few[:5])
        more = f", and {len(few) - 5} more" if len(few) > 5 else ""
        yield (
            f"There are classes with fewer than {FEWEST_CLASS_ROWS} images ({listed}{more}), which "
            "the training or the test images may lack: join them with others, or leave them out."
        )
