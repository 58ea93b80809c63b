"""How much of a difference comes from rows that all seeds share."""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from fairtrial.evidence.pairs import SIDES, WITHOUT
from fairtrial.randomness import make_stream

# As if at least so many rows differed: of N rows that are all alike, 95 % intervals of the share
# that differs end at 3.7 / N (Clopper and Pearson), which is 1.96 standard errors of four rows.
FEWEST_ROWS = 4

# By run: which test rows it has right, a bit each; how many.
Marks = Mapping[str, tuple[bytes, int]]
NO_MARKS: Marks = {}


def estimate_row_variance(differences: np.ndarray) -> float:
    """Estimate what the rows add to the variance of the grand mean, in a crossed design (S, N).

    That is the rows' variance component over N; 0 where it would be negative, or S or N is 1.

    References
    ----------
    Searle, Casella and McCulloch (1992), "Variance Components", chapter 4: the analysis of variance
    of two crossed random factors without replication.
    """
    n_seeds, n_rows = differences.shape
    if min(n_seeds, n_rows) < 2:
        return 0.0
    of_row = differences.mean(0)
    rest = differences - of_row - differences.mean(1, keepdims=True) + differences.mean()
    residual = float(np.sum(rest**2)) / ((n_seeds - 1) * (n_rows - 1))
    return max(0.0, float(np.var(of_row, ddof=1)) - residual / n_seeds) / n_rows


def find_least_variance(n_rows: int) -> float:
    """Return the variance of a mean over so many rows of which four differ by 1."""
    return FEWEST_ROWS / n_rows**2


def draw_row_means(row_means: Sequence[np.ndarray], n_draws: int) -> np.ndarray:
    """Draw what other rows may add to the means of several claims; (claims, n_draws).

    The draws are normal, of variance 1, and always the same. They are correlated as the differences
    by row are; claims with other numbers of rows are independent.
    """
    correlations = np.eye(len(row_means))
    for n_rows in {len(one) for one in row_means}:
        places = [place for place, one in enumerate(row_means) if len(one) == n_rows]
        centred = np.stack([row_means[place] - row_means[place].mean() for place in places])
        norms = np.linalg.norm(centred, axis=1, keepdims=True)
        units = np.divide(centred, norms, out=np.zeros_like(centred), where=norms > 0.0)
        correlations[np.ix_(places, places)] = units @ units.T
    np.fill_diagonal(correlations, 1.0)
    values, vectors = np.linalg.eigh(correlations)
    normals = make_stream(len(row_means), "evidence.rows").normal(size=(len(row_means), n_draws))
    return (vectors * np.sqrt(np.maximum(values, 0.0))) @ normals


def index_marks(test_rows: pl.DataFrame) -> Marks:
    """Index `test_rows.parquet` by run."""
    columns = (test_rows[name] for name in ("run", "right", "n_test_rows"))
    return {run: (right, n_rows) for run, right, n_rows in zip(*columns, strict=True)}


def unpack_marks(packed: bytes, n_rows: int) -> np.ndarray:
    """Unpack which of its test rows a run has right; (N,) of 0 and 1."""
    return np.unpackbits(np.frombuffer(packed, np.uint8), count=n_rows)


def subtract_rows(pairs: pl.DataFrame, marks: Marks, size: str | None = None) -> np.ndarray | None:
    """Subtract which rows each pair of runs has right, `better` minus `than`; (S, N).

    A seed may have several pairs, whose mean counts. Pairs of a claim on effects also have
    `better_against` and `than_against`; `size` is `smaller` or `larger` of a claim on their sizes.
    None where a run has no marks, or not all have the same number of test rows.
    """
    runs = {
        f"{arm} #{seed}"
        for side in (*SIDES, *WITHOUT)
        if side in pairs.columns
        for arm, seed in pairs.select(side, "seed").iter_rows()
    }
    if not runs <= marks.keys() or len({marks[run][1] for run in runs}) != 1:
        return None
    read = {run: unpack_marks(*marks[run]).astype(np.int32) for run in runs}
    n_rows = marks[next(iter(runs))][1]
    differences = []
    for (seed,), rows in pairs.group_by("seed", maintain_order=True):
        total = np.zeros(n_rows, np.int64)
        for row in rows.iter_rows(named=True):
            own = {side: read[f"{row[side]} #{seed}"] for side in (*SIDES, *WITHOUT) if side in row}
            total += _subtract_pair(own, size)
        differences.append(total / rows.height)
    return np.array(differences)


def _subtract_pair(right: Mapping[str, np.ndarray], size: str | None) -> np.ndarray:
    """Subtract one pair of runs, or the effects of a change on two sides."""
    better, than = (
        right[side] - right[against] if against in right else right[side]
        for side, against in zip(SIDES, WITHOUT, strict=True)
    )
    if size is None:
        return better - than
    # The size of an effect changes with its rows as the effect does, or against it.
    sizes = np.sign(better.sum()) * better - np.sign(than.sum()) * than
    return sizes if size == "larger" else -sizes
