"""The laws of baselines: fitted on rows, they predict one value for each row, again the same."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fairtrial.baselines import predict_test_rows
from fairtrial.data.dataset import Dataset
from fairtrial.errors import InputError
from fairtrial.kinds.baselines.models import Baseline
from fairtrial.laws.examples import make_example
from fairtrial.randomness import make_stream

N_ROWS, N_TEST_ROWS = 60, 20


def find_breaches(kind: Baseline[...]) -> Iterator[str]:
    """Yield what breaks the laws of a baseline."""
    try:
        settings = make_example(kind)
    except InputError:
        return  # It needs the name of a model: it is checked where a study gives one.
    targets = [on_classes for on_classes in (False, True) if not settings.find_misfit(on_classes)]
    if not targets:
        yield "its misfit refuses both classes and numbers"
    for on_classes in targets:
        what = "classes" if on_classes else "numbers"
        data = _make_rows(on_classes)
        predicted, same = (predict_test_rows(settings, data, 3)[0] for _ in range(2))
        if predicted.shape != (N_TEST_ROWS,):
            shape = predicted.shape
            yield f"for {what} it predicts an array of shape {shape}, not one value per row"
        elif (
            not np.isin(predicted, data.y).all() if on_classes else not np.isfinite(predicted).all()
        ):
            yield (
                f"for {what} it predicts values that are no {what}; say misfit=lambda on_classes: "
                'a sentence if it cannot predict them, else ""'
            )
        elif not np.array_equal(predicted, same):
            yield (
                f"for {what} it predicts other values when it is fitted again with the same seed: "
                "take the seed as random_state, and declare is_random=True"
            )


def _make_rows(on_classes: bool) -> Dataset:
    stream = make_stream(3, "law")
    X = stream.standard_normal((N_ROWS + N_TEST_ROWS, 3)).astype(np.float32)
    y = X.sum(1) + 0.1 * stream.standard_normal(len(X)).astype(np.float32)
    if on_classes:
        y = (y > 0).astype(np.int32)
    names = ("low", "high") if on_classes else ()
    first, last = slice(N_ROWS), slice(N_ROWS, None)
    return Dataset(X[first], y[first], X[last], y[last], n_classes=len(names), class_names=names)
