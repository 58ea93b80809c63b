"""Each map against NumPy float64, scikit-learn, scikit-image."""

import contextlib
import itertools
import threading

import numpy as np
import pytest
from skimage.feature import hog
from sklearn.kernel_approximation import RBFSampler
from sklearn.metrics.pairwise import euclidean_distances, rbf_kernel
from sklearn.preprocessing import StandardScaler

from fairtrial.cores import shared_cores
from fairtrial.data.features.maps import (
    CHUNK,
    TrainingRows,
    apply,
    count_together,
    fit_fourier,
    fit_hog,
    fit_scale,
    measure_distance,
)
from fairtrial.study.features import FourierFeatures, HogFeatures, PixelFeatures


def make_rows(n_rows=300, n_features=16, divisor=16, seed=4):
    random = np.random.default_rng(1)
    X = random.integers(0, 17, (n_rows, n_features), dtype=np.uint8)
    return TrainingRows(X, np.arange(n_rows), divisor, seed)


def test_pixels_are_standardised():
    rows = make_rows()
    rows.X[:, 3] = 7  # Always the same.
    found = PixelFeatures(standardise=True).fit(rows)(rows.read())
    expected = StandardScaler().fit_transform(rows.X.astype(np.float64))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_fit_scale_does_not_depend_on_chunks():
    whole = np.random.default_rng(0).normal(3.0, 2.0, (1000, 5)).astype(np.float32)
    found = fit_scale(whole[first : first + 300] for first in range(0, 1000, 300))(whole)
    np.testing.assert_allclose(found, (whole - whole.mean(0)) / whole.std(0), atol=1e-5)


@pytest.mark.parametrize("gamma", [1.0, 0.5])
def test_fourier_features_approach_the_kernel(gamma):
    rows = make_rows()
    features = FourierFeatures(kind="fourier", directions=40_000, bandwidth=0.7, gamma=gamma)
    Z = fit_fourier(features, rows)(rows.read()[:60])
    X = (rows.X / 16.0) ** gamma
    # All training rows are compared, as there are fewer than a thousand.
    distances = euclidean_distances(X)[np.triu_indices(len(X), 1)]
    expected = rbf_kernel(X[:60], gamma=0.5 / (0.7 * np.median(distances)) ** 2)
    np.testing.assert_allclose(Z @ Z.T / 40_000, expected, atol=0.03)


def test_fourier_features_have_the_moments_of_scikit_learns():
    """Same mean square and same mean fourth power of each row, over many directions."""
    rows = make_rows()
    gamma = 0.5 / measure_distance(rows, np.float32(1.0)) ** 2
    features = FourierFeatures(kind="fourier", directions=50_000)
    found = fit_fourier(features, rows)(rows.read()[:5])
    sampler = RBFSampler(gamma=gamma, n_components=50_000, random_state=0)
    expected = sampler.fit_transform(rows.X[:5] / 16.0) * 50_000**0.5
    for power in (2, 4):
        np.testing.assert_allclose(
            (found**power).mean(1), (expected**power).mean(1), rtol=0.05
        )  # fmt: skip


def test_more_fourier_directions_extend_the_same_draws():
    rows = make_rows()
    few, many = (
        fit_fourier(FourierFeatures(kind="fourier", directions=n), rows)(rows.read())
        for n in (5, 9)
    )
    np.testing.assert_allclose(many[:, :5], few, atol=1e-5)


@pytest.mark.parametrize("settings", [(9, 4, 2), (5, 2, 3)])
def test_hog_agrees_with_scikit_image(settings):
    orientations, cell, block = settings
    rows = make_rows(20, 144)
    features = HogFeatures(kind="hog", orientations=orientations, cell=cell, block=block)
    found = fit_hog(features, rows)(rows.read())
    for row, image in zip(found, rows.X, strict=True):
        expected = hog(
            image.reshape(12, 12) / 16.0, orientations, (cell, cell), (block, block)
        )  # fmt: skip
        np.testing.assert_allclose(row, expected, atol=1e-5)


def test_apply_keeps_the_order_of_rows_for_any_chunks():
    X = np.arange(2 * CHUNK + 3, dtype=np.float32)[:, None]
    found = np.concatenate([*apply(lambda rows: 2 * rows, X, 1)])
    np.testing.assert_array_equal(found, 2 * X)


@pytest.mark.parametrize(
    ("n_features", "n_rows"), [(1, 250), (8192, 250), (25_600, 80), (10**7, 1)]
)
def test_wide_features_are_made_of_few_rows_at_a_time(n_features, n_rows):
    assert count_together(n_features) == n_rows
    sizes = []

    def measure(rows):
        sizes.append(len(rows))
        return rows

    list(apply(measure, np.zeros((300, 1), np.float32), 1, n_rows))
    assert max(sizes) == n_rows and sum(sizes) == 300


def test_training_rows_are_drawn_from_seen_rows_without_repeats():
    rows = make_rows(50, 1)
    rows.X[:, 0] = np.arange(50)
    some = TrainingRows(rows.X, np.arange(0, 50, 2), 1, 0)
    drawn = some.draw(10, "x")[:, 0]
    assert len(set(drawn)) == 10
    assert set(drawn) <= set(range(0, 50, 2))
    np.testing.assert_array_equal(some.draw(99, "x")[:, 0], np.arange(0, 50, 2))


@pytest.mark.parametrize(("n_stacks", "n_threads"), [(1, 4), (2, 2), (5, 1)])
def test_stacks_that_make_features_at_once_share_the_cores(n_stacks, n_threads, monkeypatch):
    names, calls, all_threads = set(), itertools.count(), threading.Barrier(n_threads)

    def name_thread(X):
        names.add(threading.current_thread().name)
        if next(calls) < n_threads:  # Each of the first chunks waits for the other threads.
            all_threads.wait(60)
        return X

    monkeypatch.setattr("fairtrial.cores.cpu_count", lambda: 4)
    with contextlib.ExitStack() as stacks:
        for _ in range(n_stacks):
            stacks.enter_context(shared_cores)
        X = np.zeros((40 * CHUNK, 1), np.float32)
        assert sum(map(len, apply(name_thread, X, 1))) == len(X)
    assert len(names) == n_threads
