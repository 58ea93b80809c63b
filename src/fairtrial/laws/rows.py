"""The laws of what is drawn or fitted outside of programs: starts, noise, and all of rows."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from fairtrial.baselines import predict_test_rows
from fairtrial.data.dataset import Dataset
from fairtrial.data.features.maps import TrainingRows
from fairtrial.data.load import take_noisy
from fairtrial.data.sources import call, load_rows, measure_rows
from fairtrial.errors import MachineError
from fairtrial.kinds.baselines.models import BaselineSettings
from fairtrial.kinds.data.datasets import Content, TaskSettings
from fairtrial.kinds.data.features import FeatureSettings
from fairtrial.kinds.inits.common import InitSettings
from fairtrial.kinds.noise.corruptions import InputNoiseSettings, LabelNoiseSettings
from fairtrial.kinds.noise.noises import NoiseSettings
from fairtrial.randomness import make_stream

FEW_ROWS = {"rows": 200, "test_rows": 100}
SIDE = 28  # Pixels of the images that features are made of.
N_ROWS, N_TEST_ROWS = 60, 20
N_DRAWS = 20_000


# ---------------------------------------------------------------------------- starts and noise


def _compare_draws(
    draw: Callable[..., Any],
    *data: Any,
    what: str = "it draws other numbers when it is called again",
) -> Iterator[str]:
    """Yield a sentence where a function draws something else from the same stream."""
    one, same = (draw(make_stream(3, "law"), *data) for _ in range(2))
    if not np.array_equal(one, same):
        yield f"{what} with the same stream"


def find_breaches_of_init(settings: InitSettings) -> Iterator[str]:
    """Yield what breaks the laws of a start."""
    for shape in [settings.shape] if settings.shape else [(5,), (5, 3)]:
        again = "differ when they are drawn again"
        yield from _compare_draws(settings.draw_weights, shape, what=f"its weights {again}")
        yield from _compare_draws(settings.draw_biases, shape[1:], what=f"its biases {again}")


def find_breaches_of_noise(settings: NoiseSettings) -> Iterator[str]:
    """Yield what breaks the laws of noise."""
    X = make_stream(3, "law.X").standard_normal((N_DRAWS, 2))
    yield from _compare_draws(settings.draw, N_DRAWS, X)
    if settings.definition.density is not None:
        drawn = np.asarray(settings.draw(make_stream(3, "law"), N_DRAWS, X), float)
        yield from _compare_density(settings, drawn)


def _draw_noisy(settings: Any, stream: Any, rows: np.ndarray, *n_classes: int) -> np.ndarray:
    return take_noisy(settings, settings.call_function(stream, rows, *n_classes), rows, *n_classes)


def find_breaches_of_input_noise(settings: InputNoiseSettings) -> Iterator[str]:
    """Yield what breaks the laws of noise on features."""
    X = make_stream(3, "law.X").random((500, 4))
    yield from _compare_draws(partial(_draw_noisy, settings), X)


def find_breaches_of_label_noise(settings: LabelNoiseSettings) -> Iterator[str]:
    """Yield what breaks the laws of noise on labels."""
    labels = np.arange(900, dtype=np.int32) % 3
    what = "it draws other labels when it is called again"
    yield from _compare_draws(partial(_draw_noisy, settings), labels, 3, what=what)


def _compare_density(settings: NoiseSettings, drawn: np.ndarray) -> Iterator[str]:
    """Yield a sentence where the shares of draws in bins are not what the density says."""
    edges = np.quantile(drawn, np.linspace(0.01, 0.99, 21))
    for low, high in pairwise(edges):
        at = np.linspace(low, high, 201)
        share = float(np.trapezoid(np.asarray(settings.measure_density(at)), at))
        found = float(np.mean((drawn > low) & (drawn <= high)))
        if abs(share - found) > 6 * np.sqrt(0.05 / len(drawn)):
            yield (
                f"its density says that {share:.3f} of the draws lie between {low:.3g} and "
                f"{high:.3g}, and {found:.3f} do"
            )
            return


# ---------------------------------------------------------- data sets, features and baselines


def find_breaches_of_dataset(task: TaskSettings) -> Iterator[str]:
    """Yield what breaks the laws of a data set."""
    if task.row_origin == "drawn":
        task = task.model_copy(update=FEW_ROWS)
    try:
        one = load_rows(task, 3, None)
        found = task.known_shape, measure_rows(task)
    except MachineError:  # What is not on this machine cannot be checked on it.
        return
    if found[0] not in (None, found[1]):
        yield f"its shape says {tuple(found[0])}, and its rows are {tuple(found[1])}"
    yield from _compare(task, one)
    if task.has_classes and len(np.unique(one.y)) < 2:
        yield "its training rows are all of one class"


def _compare(task: TaskSettings, one: Dataset) -> Iterator[str]:
    """Yield a sentence where rows differ that must not, or do not differ and must."""
    if task.row_origin != "drawn":
        first, second = (_list_arrays(call(task)) for _ in range(2))
        if not _are_equal(first, second):
            yield (
                "it returns other rows when it is called again: draw with a seed, or declare "
                "rows='drawn'"
            )
        return
    same, other = (load_rows(task, seed, None) for seed in (3, 4))
    if not _are_equal([one.X, one.y, one.test_X], [same.X, same.y, same.test_X]):
        yield "it draws other rows when it is called again: draw from the stream alone"
    if np.array_equal(one.X, other.X) and np.array_equal(one.y, other.y):
        yield "it draws the same rows for two seeds: draw from the stream, or declare rows='fixed'"
    if np.array_equal(one.X[:100], one.test_X) and np.array_equal(one.y[:100], one.test_y):
        yield "its test rows are its training rows"


def _list_arrays(found: Any) -> list[Any]:
    return [found.X, found.y] if isinstance(found, Content) else list(found)


def _are_equal(one: list[Any], other: list[Any]) -> bool:
    return all(np.array_equal(*pair) for pair in zip(one, other, strict=True))


def find_breaches_of_features(settings: FeatureSettings) -> Iterator[str]:
    """Yield what breaks the laws of features."""
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
    if not settings.is_fitted and not np.array_equal(one, other):
        yield "its features depend on the seed: declare is_fitted=True"
    if not np.allclose(one[10:20], maps[0](X[10:20]), rtol=1e-4, atol=1e-4):
        yield "its features of a row depend on the rows beside it: rows are mapped some at a time"


def find_breaches_of_baseline(settings: BaselineSettings) -> Iterator[str]:
    """Yield what breaks the laws of a baseline."""
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
