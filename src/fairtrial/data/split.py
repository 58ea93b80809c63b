"""The split into training and validation rows, and the order of rows in an epoch."""

import mmap
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fairtrial.data.dataset import Dataset
from fairtrial.kinds.metrics.numbers import HELD_OUT, TRAIN
from fairtrial.randomness import make_stream

if TYPE_CHECKING:
    from fairtrial.study.recipe import Recipe

# Rows of a block that stays together when a large file is shuffled.
NEIGHBOURS = 64


@dataclass(frozen=True, eq=False)
class Part:
    """Some rows of a data set; their features are not copied before they are read.

    `source` (M, D) has the features, maybe mapped from a file; `rows` (N,) are the selected rows,
    and `y` (N,) their targets.
    """

    source: np.ndarray
    rows: np.ndarray
    y: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    def read(
        self, which: slice | np.ndarray = slice(None), out: np.ndarray | None = None
    ) -> np.ndarray:
        """Read the features of all rows or of those at some positions, (N, D); maybe to `out`."""
        source, rows = np.asarray(self.source), self.rows[which]
        # In any other mode, NumPy reads into memory of its own, and copies that to `out`.
        features = source[rows] if out is None else np.take(source, rows, 0, out, mode="clip")
        if isinstance(self.source, np.memmap):
            _release(self.source)
        return features


def _release(source: np.memmap) -> None:
    """Let go of the pages of a file that were read, which the system still holds in its cache.

    Otherwise they count as memory of this process, gigabytes of them.
    """
    pages = getattr(source, "_mmap", None)
    # Windows has no such advice, and changes that are not in the file would be lost.
    if pages is not None and source.mode == "r" and hasattr(mmap, "MADV_DONTNEED"):
        pages.madvise(mmap.MADV_DONTNEED)


def count_batch_rows(recipe: "Recipe", n_rows: int) -> int:
    """Count the rows of a batch, where so many rows train."""
    return min(recipe.batch_size or n_rows, n_rows)


def count_batches(recipe: "Recipe", n_rows: int) -> int:
    """Count the batches of an epoch, where so many rows train; 1 for runs by steps."""
    return -(-n_rows // count_batch_rows(recipe, n_rows))


def split_rows(
    n_rows: int, share: float | None, seed: int, purpose: str = "split"
) -> tuple[np.ndarray, np.ndarray]:
    """Split N rows at random, without stratification: those kept, and a share held out.

    Row numbers ascend. A larger share holds out the same rows and more; None holds out no row.
    `purpose` names the stream of the draws.
    """
    shuffled = make_stream(seed, purpose).permutation(n_rows)
    n_held_out = n_rows - count_kept(n_rows, share)
    return np.sort(shuffled[n_held_out:]), np.sort(shuffled[:n_held_out])


def count_kept(n_rows: int, share: float | None) -> int:
    """Count the rows that stay where a share of them is held out: at least one on each side."""
    return n_rows if share is None else n_rows - min(max(round(n_rows * share), 1), n_rows - 1)


def split_parts(dataset: Dataset, validation: float | None, seed: int) -> dict[str, Part]:
    """Split a data set by the prefix of its metrics: `train_`, maybe `validation_`, and none."""
    train_rows, validation_rows = split_rows(len(dataset.y), validation, seed)
    parts = {TRAIN: Part(dataset.X, train_rows, dataset.y[train_rows])}
    if len(validation_rows):
        parts[HELD_OUT] = Part(dataset.X, validation_rows, dataset.y[validation_rows])
    return parts | {"": Part(dataset.test_X, np.arange(len(dataset.test_y)), dataset.test_y)}


def order_rows(n_rows: int, seed: int, epoch: int) -> np.ndarray:
    """Shuffle the training rows for one epoch (counted from 1); (N,) of int."""
    return make_stream(seed, f"order.{epoch}").permutation(n_rows)


def order_blocks(n_rows: int, n_together: int, seed: int, epoch: int) -> np.ndarray:
    """Shuffle blocks of neighbouring rows, then the rows within groups of blocks; (N,) of int.

    A group has about `n_together` rows. Epochs are counted from 1.
    """
    stream = make_stream(seed, f"order.{epoch}")
    firsts = NEIGHBOURS * stream.permutation(-(-n_rows // NEIGHBOURS))
    rows = np.add.outer(firsts, np.arange(NEIGHBOURS)).ravel()
    rows = rows[rows < n_rows]
    step = max(n_together // NEIGHBOURS, 1) * NEIGHBOURS
    for first in range(0, n_rows, step):
        stream.shuffle(rows[first : first + step])
    return rows
