"""The laws of features: fitted on rows, a map makes of each row as many numbers as it says."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fairtrial.data.features.maps import TrainingRows
from fairtrial.kinds.data.features import Features
from fairtrial.laws.examples import make_example
from fairtrial.randomness import make_stream

SIDE, N_ROWS = 28, 60


def find_breaches(kind: Features[...]) -> Iterator[str]:
    """Yield what breaks the laws of features."""
    settings = make_example(kind)
    X = make_stream(3, "law").random((N_ROWS, SIDE**2)).astype(np.float32)
    if misfits := list(settings.find_misfits("the law", (SIDE, SIDE))):
        yield f"with its defaults it cannot be used on images of {SIDE} x {SIDE}: {misfits[0][1]}"
        return
    rows = [TrainingRows(X, np.arange(40), 1, seed) for seed in (3, 3, 4)]
    maps = [settings.fit(each) for each in rows]
    one, same, other = (np.asarray(each(X)) for each in maps)
    shape = N_ROWS, settings.count_features(SIDE**2)
    if one.shape != shape:
        yield (
            f"its map returns an array of shape {one.shape} for {N_ROWS} rows, and its n_features "
            f"says {shape}"
        )
        return
    if not np.isfinite(one).all():
        yield "its features are not finite"
    if not np.array_equal(one, same):
        yield "its features differ when it is fitted again with the same seed: draw from stream"
    if not kind.is_fitted and not np.array_equal(one, other):
        yield "its features depend on the seed: declare is_fitted=True"
    if not np.allclose(one[10:20], maps[0](X[10:20]), rtol=1e-4, atol=1e-4):
        yield "its features of a row depend on the rows beside it: rows are mapped some at a time"
