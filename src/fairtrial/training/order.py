"""In which order an epoch takes its rows."""

from __future__ import annotations

import numpy as np

from fairtrial.data.split import Part, order_blocks, order_rows
from fairtrial.training.sizes import PIECE


def order_epoch(part: Part, seed: int, epoch: int) -> np.ndarray:
    """Shuffle the training rows for one epoch, the same for every recipe on these features.

    Features in a file that is larger than `PIECE` are shuffled in blocks: a piece of the epoch then
    has whole blocks of the file, which is read in long stretches.

    Parameters
    ----------
    part : Part
        The N training rows.
    seed : int
        The run's seed.
    epoch : int
        Counted from 1.

    Returns
    -------
    (N,) of int
        Positions in the part.
    """
    most = PIECE // (part.source.dtype.itemsize * part.source.shape[1])
    if not isinstance(part.source, np.memmap) or len(part) <= most:
        return order_rows(len(part), seed, epoch)
    return order_blocks(len(part), most, seed, epoch)
