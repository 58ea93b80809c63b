"""Mapped data sets: the rows for fitting, the dependences, and the shapes."""

from dataclasses import replace

import numpy as np
import pytest
from skimage.feature import hog

import fairtrial as ft
from fairtrial.data.features import maps
from fairtrial.data.features.maps import watch
from fairtrial.data.features.store import map_features
from fairtrial.data.images.fetch import cache_folder
from fairtrial.data.load import fingerprint_data, load_dataset, measure_data
from fairtrial.data.split import split_rows
from fairtrial.kinds.data.features import FeatureSettings
from fairtrial.study.features import FourierFeatures, HogFeatures, PatchFeatures, PixelFeatures
from fairtrial.study.task import DigitsTask, LinearTask, TableTask

DIGITS = DigitsTask(kind="digits")
PATCHES = PatchFeatures(kind="patches", sizes=[3, 5], patches=7, grid=2)
MAPS = [
    PixelFeatures(standardise=True),
    FourierFeatures(kind="fourier", directions=9),
    HogFeatures(kind="hog", cell=2),
    PATCHES,
    PatchFeatures(kind="patches", sizes=[3], patches=7, grid=3, dictionary="random"),
]
FITTED = [each for each in MAPS if each.kind != "hog"]


@pytest.fixture
def small():
    """Two hundred of the digits, as one data set without a name in the cache."""
    whole = load_dataset(DIGITS, 0)
    return replace(
        whole, X=whole.X[:200], y=whole.y[:200], test_X=whole.test_X[:30], test_y=whole.test_y[:30]
    )


def name(features):
    return f"{features.kind} {getattr(features, 'dictionary', '')}"


@pytest.mark.parametrize("features", MAPS, ids=name)
def test_number_of_features_is_known_before_mapping(features):
    data = load_dataset(DIGITS, 3, 0.2, features)
    shape = measure_data(DIGITS, features)
    assert data.X.shape == (1437, shape.n_features)
    assert data.test_X.shape == (360, shape.n_features)
    assert (data.divisor, data.X.dtype) == (1, np.float32)


def test_default_features_are_unchanged():
    data = load_dataset(DIGITS, 0, None, PixelFeatures())
    assert data.X is load_dataset(DIGITS, 1).X


@pytest.mark.parametrize("features", MAPS, ids=name)
def test_features_do_not_depend_on_labels_test_or_validation_rows(features, small):
    seen, held_out = split_rows(200, 0.25, 5)
    expected = map_features(features, small, 5, 0.25)
    X = small.X.copy()
    X[held_out] = X[held_out][:, ::-1]
    other = replace(
        small, X=X, y=small.y[::-1], test_X=small.test_X[:, ::-1], test_y=small.test_y * 0
    )
    found = map_features(features, other, 5, 0.25)
    np.testing.assert_array_equal(found.X[seen], expected.X[seen])
    assert not np.array_equal(found.X[held_out], expected.X[held_out])
    assert not np.array_equal(found.test_X, expected.test_X)


@pytest.mark.parametrize("features", MAPS, ids=name)
def test_features_are_the_same_for_few_rows_at_a_time(features, small, monkeypatch):
    expected = map_features(features, small, 5, 0.25)
    monkeypatch.setattr(maps, "CHUNK_VALUES", 7 * expected.X.shape[1])
    sizes = []

    def read_few(X, divisor):
        sizes.append(len(X))
        return scale_down(X, divisor)

    scale_down = maps.scale_down
    monkeypatch.setattr(maps, "scale_down", read_few)
    found = map_features(features, small, 5, 0.25)
    assert sizes.count(7) == 200 // 7 + 30 // 7
    # Products of few rows may round otherwise, and a power below 1 magnifies that near 0.
    near = {"rtol": 1e-5, "atol": 1e-5 if getattr(features, "power", 1.0) == 1.0 else 2e-4}
    np.testing.assert_allclose(found.X, expected.X, **near)
    np.testing.assert_allclose(found.test_X, expected.test_X, **near)


@pytest.mark.parametrize("features", FITTED, ids=name)
def test_features_depend_on_training_rows(features, small):
    seen = split_rows(200, 0.25, 5)[0]
    X = small.X.copy()
    X[seen[:50]] = X[seen[:50]][:, ::-1]
    found = map_features(features, replace(small, X=X), 5, 0.25)
    expected = map_features(features, small, 5, 0.25)
    assert not np.allclose(found.test_X, expected.test_X)


@pytest.mark.parametrize("features", MAPS, ids=name)
def test_features_are_determined_by_the_seed(features, small):
    one, same, other = (map_features(features, small, seed, None).X for seed in (5, 5, 6))
    np.testing.assert_array_equal(one, same)
    # Without draws, and without validation rows, nothing differs.
    assert np.array_equal(one, other) == (features.kind in ("pixels", "hog"))


@pytest.mark.parametrize("features", MAPS, ids=name)
def test_watcher_can_stop_features_at_any_time(features, small):
    """Called again and again, from the first moment to the last rows."""
    calls = []

    def stop_at(last):
        def watcher():
            calls.append(None)
            if len(calls) == last:
                raise InterruptedError

        calls.clear()
        with watch(watcher):
            map_features(features, small, 5, None)

    stop_at(0)
    n_calls = len(calls)
    assert n_calls >= 3
    for last in (1, n_calls // 2, n_calls):
        with pytest.raises(InterruptedError):
            stop_at(last)
    calls.clear()
    map_features(features, small, 5, None)  # Nobody watches any more.
    assert not calls


def test_stored_features_equal_computed_ones(monkeypatch):
    made = load_dataset(DIGITS, 1, 0.2, PATCHES)
    monkeypatch.setattr(FeatureSettings, "fit", None)  # Now none can be made.
    kept = load_dataset(DIGITS, 1, 0.2, PATCHES)
    np.testing.assert_array_equal(kept.X, made.X)
    np.testing.assert_array_equal(kept.test_X, made.test_X)
    for seed, validation, change in [(2, 0.2, {}), (1, 0.3, {}), (1, 0.2, {"power": 1.0})]:
        with pytest.raises(TypeError):
            load_dataset(DIGITS, seed, validation, PATCHES.model_copy(update=change))


def test_stored_and_recomputed_features_agree():
    whole = load_dataset(DIGITS, 0)
    kept = load_dataset(DIGITS, 4, 0.2, PATCHES)
    made = map_features(PATCHES, whole, 4, 0.2)
    assert fingerprint_data(DIGITS)
    np.testing.assert_array_equal(kept.X, made.X)


def test_hog_is_computed_once_for_all_seeds(monkeypatch):
    features = HogFeatures(kind="hog", cell=2)
    one = load_dataset(DIGITS, 1, 0.2, features)
    monkeypatch.setattr(FeatureSettings, "fit", None)
    np.testing.assert_array_equal(load_dataset(DIGITS, 2, None, features).X, one.X)


@pytest.mark.parametrize("scale", [1, 1 / 255])
def test_features_of_own_images_are_stored_per_split(tmp_path, scale):
    """Described by scikit-image in the order of the split, which the seed and the share decide."""
    X = np.random.default_rng(0).integers(0, 256, (40, 8, 8)) * scale
    expected = np.stack([hog(image / (255 * scale), 9, (2, 2), (2, 2)) for image in X])
    task = ft.images(X, np.arange(40) % 2, file=tmp_path / "mine.npz")
    features = HogFeatures(kind="hog", cell=2)
    for each in (task, task.model_copy(update={"test": 0.3})):
        for seed in (1, 2, 1):
            data = load_dataset(each, seed, None, features)
            train, test = split_rows(40, each.test, seed, "images.test")
            np.testing.assert_allclose(data.X, expected[train], atol=1e-5)
            np.testing.assert_allclose(data.test_X, expected[test], atol=1e-5)
            shape = measure_data(each, features)
            assert (shape.n_rows, shape.n_features) == data.X.shape
    assert len(list(cache_folder("features").glob("*.npy"))) == 4


@pytest.mark.parametrize("features", MAPS, ids=name)
def test_features_of_own_images_are_fitted_on_training_rows_of_the_seed(tmp_path, features):
    X = np.random.default_rng(0).integers(0, 256, (60, 8, 8))
    task = ft.images(X, np.arange(60) % 2, file=tmp_path / "mine.npz")
    for seed in (1, 2):
        made = map_features(features, load_dataset(task, seed), seed, 0.25)
        kept = load_dataset(task, seed, 0.25, features)
        np.testing.assert_array_equal(kept.X, made.X)
        np.testing.assert_array_equal(kept.test_X, made.test_X)
        assert kept.X.shape[1] == measure_data(task, features).n_features


def test_features_of_a_table(tmp_path):
    path = tmp_path / "table.csv"
    rows = "\n".join(f"{row % 7},{'abc'[row % 3]},{row}" for row in range(60))
    path.write_text(f"x,letter,y\n{rows}\n")
    task = TableTask(
        kind="table", path=str(path), target="letter", problem="classification", test=0.2
    )  # fmt: skip
    features = FourierFeatures(kind="fourier", directions=11)
    data = load_dataset(task, 3, 0.25, features)
    assert (data.X.shape, data.test_X.shape) == ((48, 11), (12, 11))
    assert measure_data(task, features).n_features == 11


def test_mapped_data_has_no_true_parameters():
    task = LinearTask(kind="linear", features=3, rows=40, test_rows=10)
    data = load_dataset(task, 0, None, FourierFeatures(kind="fourier", directions=5))
    assert data.true_parameters is None
    assert data.X.shape == (40, 5)
