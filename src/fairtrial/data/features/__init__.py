"""Feature maps: fitted on training rows without labels, and applied to all rows."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from fairtrial.data.dataset import Dataset
from fairtrial.data.features.maps import TrainingRows, apply, check_in, on_one_core
from fairtrial.data.features.store import keep, name_features
from fairtrial.data.split import split_rows
from fairtrial.kinds.data.features import FeatureSettings, Map
from fairtrial.kinds.mechanism.plugins import digest_source, explained, find_kinds
from fairtrial.kinds.mechanism.signature import refuse


def map_features(
    features: FeatureSettings,
    dataset: Dataset,
    seed: int,
    validation: float | None,
    keeps: bool = False,
) -> Dataset:
    """Replace the features of a data set; the rows stay, the true parameters do not.

    The map depends neither on labels and test rows nor on the rows that the share `validation`
    holds out. `keeps` says whether the features are stored on disk, as for images, or held in
    memory. Raises `MachineError` if the features cannot be written to disk.
    """
    seen = split_rows(len(dataset.y), validation, seed)[0]
    rows = TrainingRows(dataset.X, seen, dataset.divisor, seed)
    n_rows = len(dataset.y)
    shape = n_rows + len(dataset.test_y), features.count_features(dataset.X.shape[1])

    def make() -> Iterator[np.ndarray]:
        check_in()
        with on_one_core, explained(features, f"features {features.kind!r}"):
            fitted = features.fit(rows)
        feature_map = partial(_map_rows, features, fitted, shape[1])
        parts = [apply(feature_map, X, dataset.divisor) for X in (dataset.X, dataset.test_X)]
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
    features: FeatureSettings, feature_map: Map, n_features: int, X: np.ndarray
) -> np.ndarray:
    """Map some rows; refuse what is not one finite number per row and feature."""
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
    return made


def fingerprint_rows(dataset: Dataset) -> str:
    """Fingerprint the rows of a data set by their content and order, without labels."""
    digest = hashlib.sha256()
    for X in (dataset.X, dataset.test_X):
        digest.update(repr((X.shape, X.dtype.str, dataset.divisor)).encode())
        digest.update(np.ascontiguousarray(X).data)
    return digest.hexdigest()
