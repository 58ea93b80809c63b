"""Feature maps: fitted on training rows without labels, and applied to all rows."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from fairtrial.data.dataset import Dataset
from fairtrial.data.features.fourier import fit_fourier
from fairtrial.data.features.hog import fit_hog
from fairtrial.data.features.maps import Map, TrainingRows, apply, on_one_core
from fairtrial.data.features.patches import fit_patches
from fairtrial.data.features.pixels import fit_pixels
from fairtrial.data.features.store import keep, name_features
from fairtrial.data.features.watch import check_in
from fairtrial.data.split import split_rows
from fairtrial.study.features import AnyFeatures, HogFeatures, count_features

FITS: dict[str, Callable[[Any, TrainingRows], Map]] = {
    "pixels": fit_pixels,
    "fourier": fit_fourier,
    "hog": fit_hog,
    "patches": fit_patches,
}


def map_features(
    features: AnyFeatures,
    dataset: Dataset,
    seed: int,
    validation: float | None,
    keeps: bool = False,
) -> Dataset:
    """Replace the features of a data set.

    Parameters
    ----------
    features : PixelFeatures, FourierFeatures, HogFeatures or PatchFeatures
        The map.
    dataset : Dataset
        The map does not depend on its labels and test rows.
    seed : int
        The seed of the run, for all draws and the validation rows.
    validation : float or None
        Share of the training rows that the recipe holds out; the map is not fitted on them.
    keeps : bool
        Whether the features are stored on disk, as for images; else they are computed and held in
        memory.

    Returns
    -------
    Dataset
        The same rows with the new features, without true parameters.

    Raises
    ------
    MachineError
        If the features cannot be written to disk.
    """
    seen = split_rows(len(dataset.y), validation, seed)[0]
    rows = TrainingRows(dataset.X, seen, dataset.divisor, seed)

    def make() -> Iterator[np.ndarray]:
        check_in()
        with on_one_core:
            feature_map = FITS[features.kind](features, rows)
        parts = [apply(feature_map, X, dataset.divisor) for X in (dataset.X, dataset.test_X)]
        return itertools.chain(*parts)

    n_rows = len(dataset.y)
    if keeps:
        # HOG fits nothing, so seeds with the same rows have the same features.
        given = () if isinstance(features, HogFeatures) else (str(seed), repr(validation))
        name = name_features(features.model_dump_json(), fingerprint_rows(dataset), *given)
        shape = n_rows + len(dataset.test_y), count_features(features, dataset.X.shape[1])
        mapped = keep(name, shape, make)
    else:
        mapped = np.concatenate([*make()])
    return replace(
        dataset,
        X=mapped[:n_rows],
        test_X=mapped[n_rows:],
        divisor=1,
        true_parameters=None,
    )


def fingerprint_rows(dataset: Dataset) -> str:
    """Fingerprint the rows of a data set by their content and order, without labels.

    If the rows are split for every seed, each split has another fingerprint.
    """
    digest = hashlib.sha256()
    for X in (dataset.X, dataset.test_X):
        digest.update(repr((X.shape, X.dtype.str, dataset.divisor)).encode())
        digest.update(np.ascontiguousarray(X).data)
    return digest.hexdigest()
