"""Rows as tensors: held in memory, or read piece by piece."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from fairtrial.data.split import Part, order_blocks, order_rows
from fairtrial.training.noise import draw_feature_noise
from fairtrial.training.programs import DRAWN_PIECE, PIECE, count_block_rows

# Gives the features and labels of a part of the data, piece by piece, each time that it is called.
# A piece is overwritten by the next one.
Read = Callable[[], Iterable[tuple[Any, Any]]]
# TensorFlow uses the memory of NumPy where it is if it begins at a multiple of so many bytes.
ALIGNMENT = 64


class Held(list[tuple[Any, Any]]):
    """All pieces of a part of the data, in memory; calling it returns itself."""

    def __call__(self) -> "Held":
        """Return the pieces."""
        return self


def hold(part: Part) -> Read:
    """Hold a part of the data as tensors; where it is too large, read its pieces every time."""
    row = part.source.dtype.itemsize * part.source.shape[1]
    size = max(PIECE // row, 1)
    block = count_block_rows(part.source.shape[1])
    size -= size % block if size > block else 0
    pieces = [slice(first, first + size) for first in range(0, len(part), size)]

    def read() -> Iterator[tuple[Any, Any]]:
        read_features = open_part(part, min(size, len(part)))
        return ((read_features(piece), tf.constant(part.y[piece])) for piece in pieces)

    return read if len(pieces) > 1 else Held(read())


def open_part(part: Part, n_rows: int) -> Callable[[slice | np.ndarray], Any]:
    """Return a function that reads at most so many rows at a time as a tensor, (N, D).

    Rows are read into one piece of memory, which TensorFlow uses where it is: each call overwrites
    the tensor of the call before. Copies of a file's rows, and new memory for each piece, took
    longer than training.
    """
    buffer = make_aligned((n_rows, part.source.shape[1]), part.source.dtype)

    def read(which: slice | np.ndarray) -> Any:
        return use_in_place(part.read(which, buffer[: len(part.rows[which])]))

    return read


def open_noise(stream: np.random.Generator, n_rows: int, n_features: int) -> Callable[[int], Any]:
    """Return a function that draws noise for the next rows, at most so many, as a tensor (N, D).

    Each call overwrites the tensor of the call before.
    """
    buffer = make_aligned((n_rows, n_features), np.dtype(np.float32))
    return lambda n: use_in_place(draw_feature_noise(stream, buffer[:n]))


def use_in_place(values: np.ndarray) -> Any:
    """Return a tensor in the memory of an array that `make_aligned` has made."""
    return tf.experimental.dlpack.from_dlpack(values.__dlpack__())


def make_aligned(shape: tuple[int, int], dtype: np.dtype) -> np.ndarray:
    """Make an array, not filled, that begins at a multiple of `ALIGNMENT` bytes."""
    n_bytes = dtype.itemsize * shape[0] * shape[1]
    memory = np.empty(n_bytes + ALIGNMENT, np.uint8)
    first = -memory.ctypes.data % ALIGNMENT
    return memory[first : first + n_bytes].view(dtype).reshape(shape)


def hold_sets(parts: Sequence[Part]) -> Read:
    """Hold the same part of several data sets: X (S, 1, N, D) and y (S, 1, N)."""
    X, y = (
        np.stack(values)[:, None] for values in zip(*((p.read(), p.y) for p in parts), strict=True)
    )
    return Held([(tf.constant(X), tf.constant(y))])


def order_epoch(part: Part, seed: int, epoch: int) -> np.ndarray:
    """Shuffle the N training rows for one epoch, alike for every recipe on these features; (N,).

    Features in a file that is larger than `PIECE` are shuffled in blocks, so that the file is
    read in long stretches.
    """
    most = PIECE // (part.source.dtype.itemsize * part.source.shape[1])
    if not isinstance(part.source, np.memmap) or len(part) <= most:
        return order_rows(len(part), seed, epoch)
    return order_blocks(len(part), most, seed, epoch)


def lay_out_epoch(
    parts: Sequence[Part],
    orders: Sequence[np.ndarray],
    batch_size: int,
    noise: np.random.Generator | None = None,
    *,
    has_sets: bool = False,
    is_numbered: bool = False,
    are_kept: bool = False,
) -> Iterator[tuple[Any, ...]]:
    """Yield rows in the epoch's order, in whole batches: all at once, or in pieces if too much.

    Rows of weight 0 fill up the last batch. Each piece is overwritten by the next one, unless
    `are_kept`.

    Yields
    ------
    X, y, weights, *more
        (B, D), (B,) and (B,), with data sets (S, 1, B, D), (S, 1, B) and (B,); then the noise on
        the features (B, D), or if `is_numbered` the positions among the training rows, like y.
    """
    n_rows, n_features = len(orders[0]), parts[0].source.shape[1]
    n_filled = -n_rows % batch_size
    rows = [np.concatenate([order, order[:1].repeat(n_filled)]) for order in orders]
    weights = np.ones(n_rows + n_filled, np.float32)
    weights[n_rows:] = 0.0
    if noise is None:
        source = parts[0].source
        most = PIECE // (len(parts) * source.dtype.itemsize * n_features)
    else:
        most = DRAWN_PIECE // (4 * n_features)
    size = min(batch_size * max(most // batch_size, 1), len(weights))

    def join(values: list[np.ndarray]) -> Any:
        return tf.constant(np.stack(values)[:, None] if has_sets else values[0])

    read_in_place = None if has_sets or are_kept else open_part(parts[0], size)
    draw = None if noise is None else open_noise(noise, size, n_features)

    def read(piece: slice) -> Any:
        if read_in_place:
            return read_in_place(rows[0][piece])
        return join([part.read(own[piece]) for part, own in zip(parts, rows, strict=True)])

    for first in range(0, len(weights), size):
        piece = slice(first, first + size)
        y = [part.y[own[piece]] for part, own in zip(parts, rows, strict=True)]
        more = []
        if draw:
            more = [draw(len(y[0]))]
        elif is_numbered:
            more = [join([own[piece] for own in rows])]
        yield read(piece), join(y), tf.constant(weights[piece]), *more
