"""Patches against loops in float64: windows, whitening, dictionaries, responses."""

import numpy as np
import pytest

from fairtrial.data.features import patches
from fairtrial.data.features.maps import TrainingRows
from fairtrial.data.images import load_digits
from fairtrial.study.features import PatchFeatures

ROWS = TrainingRows(load_digits().train_images, np.arange(0, 1437, 2), 16, 3)


def respond_slowly(image, bank, features):
    """One image, one window and one patch at a time."""
    n_patches, n_pixels = bank.patches.shape
    size, grid = round(n_pixels**0.5), features.grid
    n_places = len(image) - size + 1
    responses = np.zeros((2, n_places, n_places, n_patches))
    for row in range(n_places):
        for column in range(n_places):
            window = image[row : row + size, column : column + size].ravel().astype(float)
            window = (window - window.mean()) / np.sqrt(window.var() + features.contrast)
            window = (window - bank.mean) @ bank.whitening
            window = window / (np.linalg.norm(window) + 1e-3)
            for number, patch in enumerate(bank.patches):
                cosine, least = window @ patch, features.threshold / size
                responses[0, row, column, number] = max(0.0, cosine - least)
                responses[1, row, column, number] = max(0.0, -cosine - least)
    edges = np.round(np.linspace(0, n_places, grid + 1)).astype(int)
    cells = [
        responses[sign, edges[i] : edges[i + 1], edges[j] : edges[j + 1]].mean((0, 1))
        for i in range(grid)
        for j in range(grid)
        for sign in (0, 1)
    ]
    return np.concatenate(cells) ** features.power


@pytest.mark.parametrize(
    "settings",
    [
        {"grid": 2},
        {"grid": 3, "power": 1.0, "threshold": 0.0},
        {"grid": 1, "contrast": 0.5, "whitening": 0.0, "dictionary": "random"},
    ],
)
def test_responses(settings):
    features = PatchFeatures(kind="patches", sizes=[4], patches=6, **settings)
    bank = patches.make_bank(features, 4, ROWS)
    X = ROWS.read()[:5]
    found = bank.respond(X)
    expected = [respond_slowly(image.reshape(8, 8), bank, features) for image in X]
    assert found.shape == (5, 2 * 6 * features.grid**2)
    np.testing.assert_allclose(found, expected, atol=2e-4)


def test_features_are_the_sizes_side_by_side_standardised():
    features = PatchFeatures(kind="patches", sizes=[3, 5], patches=6, grid=2)
    X = ROWS.read()
    banks = [patches.make_bank(features, size, ROWS) for size in (3, 5)]
    raw = np.concatenate([bank.respond(X) for bank in banks], axis=1).astype(float)
    found = patches.fit_patches(features, ROWS)(X)
    size = raw.std(0)
    np.testing.assert_allclose(found, (raw - raw.mean(0)) / np.where(size > 0, size, 1), atol=1e-3)


def test_whitened_windows_are_uncorrelated_and_of_one_size():
    random = np.random.default_rng(0)
    windows = random.normal(2.0, 1.0, (20_000, 4)) @ random.normal(size=(4, 4))
    mean, whitening = patches.fit_whitening(windows.astype(np.float32), 0.0)
    np.testing.assert_allclose(
        np.cov((windows - mean) @ whitening, rowvar=False), np.eye(4), atol=0.01
    )
    np.testing.assert_allclose(whitening, whitening.T, atol=1e-5)


def test_whitening_leaves_out_a_direction_without_variance():
    windows = patches.normalise_contrast(patches.draw_windows(ROWS, 3), 0.01)
    mean, whitening = patches.fit_whitening(windows, 0.0)
    covariance = np.cov((windows - mean) @ whitening, rowvar=False)
    # The mean of each window has been taken off: that direction has none.
    flat = np.full((9, 9), 1 / 9)
    np.testing.assert_allclose(covariance, np.eye(9) - flat, atol=0.02)


def test_windows_are_of_seen_images_and_not_flat():
    X = np.zeros((4, 64), np.uint8)
    X[1] = np.arange(64)
    X[2] = 100 + np.arange(64)
    rows = TrainingRows(X, np.array([0, 1, 3]), 1, 0)
    windows = patches.draw_windows(rows, 3)
    assert 0 < len(windows) < patches.N_WINDOWS
    starts = {row * 8 + column for row in range(6) for column in range(6)}
    offsets = np.add.outer(np.arange(3) * 8, np.arange(3)).ravel()
    assert set(windows[:, 0]) == starts
    np.testing.assert_array_equal(windows, windows[:, :1] + offsets)


def test_learned_patches_are_nearer_to_windows_than_random_ones():
    windows = patches.normalise_contrast(patches.draw_windows(ROWS, 4), 0.01)
    mean, whitening = patches.fit_whitening(windows, 0.1)
    whitened = patches.lengthen((windows - mean) @ whitening)
    nearest = {}
    for kind, make in patches.DICTIONARIES.items():
        made = make(whitened, 20, np.random.default_rng(2))
        np.testing.assert_allclose(np.linalg.norm(made, axis=1), 1.0, atol=1e-3)
        nearest[kind] = np.abs(whitened @ made.T).max(1).mean()
    assert nearest["kmeans"] > nearest["random"] + 0.05


def test_two_directions_are_found():
    """Windows along two axes, either way, with a little noise: the patches are the axes."""
    random = np.random.default_rng(0)
    axes = np.eye(5)[[0, 3]]
    signs = random.choice([-1.0, 1.0], (500, 1))
    windows = signs * axes[random.integers(0, 2, 500)] + 0.05 * random.normal(size=(500, 5))
    found = patches.learn_patches(windows.astype(np.float32), 8, random)
    nearest = np.abs(axes @ found.T).max(1)
    np.testing.assert_allclose(nearest, 1.0, atol=0.02)


@pytest.mark.parametrize("n_patches", [3, 50])
def test_more_patches_than_windows(n_patches):
    windows = np.eye(4, dtype=np.float32)
    drawn = patches.draw_patches(windows, n_patches, np.random.default_rng(0))
    assert drawn.shape == (n_patches, 4)
    np.testing.assert_array_equal(drawn.sum(1), 1.0)


def test_rectified():
    values = np.array([-0.0, -1e-30, -5.0, 0.0, 1e-30, 2.5], np.float32)
    np.testing.assert_array_equal(
        patches.rectify(values), np.array([0, 0, 0, 0, 1e-30, 2.5], np.float32)
    )
