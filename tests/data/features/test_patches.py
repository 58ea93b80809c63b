"""Patches against loops in float64: windows, whitening, dictionaries, responses."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.decomposition import PCA

from fairtrial.data.features import patches
from fairtrial.data.features.maps import TrainingRows
from fairtrial.data.images.sets import load_digits
from fairtrial.errors import InputError
from fairtrial.study.features import FirstLayer, PatchFeatures

ROWS = TrainingRows(load_digits().X, np.arange(0, 1437, 2), 16, 3)


IMAGES = patches.shape_images(ROWS.read())


def fit(features, size, maps=IMAGES, n_channels=None):
    return patches.fit_layer(features, size, maps, ROWS, "test", n_channels)


def weigh_slowly(n_places, grid, overlap):
    """A thousand points in each place: the share of a cell's points that lie in it."""
    points = (np.arange(1000 * n_places) + 0.5) / 1000
    width = n_places / grid
    weights = []
    for cell in range(grid):
        low, high = (cell - overlap) * width, (cell + 1 + overlap) * width
        inside = points[(points > low) & (points < high)]
        weights.append(np.histogram(inside, bins=np.arange(n_places + 1))[0] / len(inside))
    return np.array(weights)


def respond_slowly(maps, layer):
    """One image, one window and one patch at a time."""
    settings, size = layer.settings, layer.size
    edge = settings.padding
    maps = np.pad(maps.astype(float), ((edge, edge), (edge, edge), (0, 0)))
    n_places = len(maps) - size + 1
    n_patches, n_dimensions = layer.patches.shape
    responses = np.zeros((n_places, n_places, 2 * n_patches))
    for row in range(n_places):
        for column in range(n_places):
            window = maps[row : row + size, column : column + size].ravel()
            window = window - window.mean()
            window = window / np.sqrt(window @ window + layer.softness**2)
            window = window @ layer.whitening - layer.offset
            window = window / (np.linalg.norm(window) + 1e-3)
            least = settings.threshold / np.sqrt(n_dimensions)
            for number, patch in enumerate(layer.patches):
                responses[row, column, number] = max(0.0, window @ patch - least)
                responses[row, column, n_patches + number] = max(0.0, -window @ patch - least)
    weights = weigh_slowly(n_places, settings.grid, settings.overlap)
    pooled = np.einsum("gr,hc,rcp->ghp", weights, weights, responses) ** settings.power
    return pooled if layer.channels is None else pooled @ layer.channels


LAYERS = [
    {"grid": 2},
    {"grid": 3, "power": 1.0, "threshold": 0.0, "padding": 1},
    {"grid": 2, "overlap": 0.3, "contrast": 0.5, "whitening": 0.2, "dictionary": "random"},
    {"grid": 1, "dimensions": 3},
    {"grid": 2, "contrast": 0.0},
]


@pytest.mark.parametrize("settings", LAYERS, ids=str)
def test_layer_responses_agree_with_loops(settings):
    layer = fit(PatchFeatures(kind="patches", patches=6, **settings), 4)
    expected = np.stack([respond_slowly(image, layer) for image in IMAGES[:4]])
    assert expected.shape == (4, layer.settings.grid, layer.settings.grid, 12)
    np.testing.assert_allclose(layer(IMAGES[:4]), expected, atol=1e-3)


@pytest.mark.parametrize("channels", [None, 4])
def test_second_layer_sees_maps_of_the_first(channels):
    """The second layer sees the maps of the first: 4 x 4 places of 10 responses, or 4 channels."""
    first = FirstLayer(size=3, patches=5, grid=4, padding=1, channels=channels)
    features = PatchFeatures(kind="patches", first=first, sizes=[2], patches=6, grid=2)
    below = fit(first, 3, IMAGES, channels)
    above = fit(features, 2, patches.map_images(below, IMAGES[:100]))
    assert above.whitening.shape[0] == 2 * 2 * (channels or 10)
    expected = [respond_slowly(respond_slowly(image, below), above) for image in IMAGES[:3]]
    np.testing.assert_allclose(above(below(IMAGES[:3])), np.stack(expected), atol=1e-3)
    found = patches.fit_patches(features, ROWS)(ROWS.read())
    assert found.shape == (len(IMAGES), 2 * 2 * 12)


@pytest.mark.parametrize("n_channels", [4, 99])
def test_channels_are_principal_components_of_responses(n_channels):
    features = PatchFeatures(kind="patches", patches=3, grid=2)
    responses = patches.map_images(fit(features, 4), IMAGES).reshape(-1, 6)
    expected = PCA(svd_solver="full").fit(responses.astype(float)).components_[:n_channels].T
    found = patches.fit_channels(responses.reshape(-1, 2, 2, 6), n_channels)
    assert found.shape == expected.shape
    np.testing.assert_allclose(np.abs((found * expected).sum(0)), 1.0, atol=1e-4)


def test_patch_features_concatenate_sizes_and_are_standardised():
    features = PatchFeatures(kind="patches", sizes=[3, 5], patches=6, grid=2)
    layers = [patches.fit_layer(features, size, IMAGES, ROWS, f"patches.{size}") for size in (3, 5)]
    raw = np.concatenate([layer(IMAGES).reshape(len(IMAGES), -1) for layer in layers], axis=1)
    found = patches.fit_patches(features, ROWS)(ROWS.read())
    size = raw.std(0)
    expected = (raw - raw.mean(0)) / np.where(size > 0, size, 1)
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_gamma_is_applied_to_pixels_first():
    plain = PatchFeatures(kind="patches", sizes=[3], patches=6, grid=2)
    roots = TrainingRows(np.sqrt(ROWS.X / 16).astype(np.float32), ROWS.seen, 1, ROWS.seed)
    expected = patches.fit_patches(plain, roots)(roots.read())
    found = patches.fit_patches(plain.model_copy(update={"gamma": 0.5}), ROWS)(ROWS.read())
    np.testing.assert_allclose(found, expected, atol=2e-3)


@pytest.mark.parametrize("sizes", [(6, 3, 0.0), (23, 4, 0.0), (28, 14, 0.25), (5, 2, 1.0)])
def test_weigh_cells(sizes):
    found = patches.weigh_cells(*sizes)
    np.testing.assert_allclose(found.sum(1), 1.0, rtol=1e-6)
    np.testing.assert_allclose(found, weigh_slowly(*sizes), atol=2e-3)


def draw(size, images=IMAGES):
    return patches.draw_windows(images, size, 0, np.random.default_rng(1))


def test_whitened_windows_are_uncorrelated_with_equal_variance():
    random = np.random.default_rng(0)
    windows = random.normal(2.0, 1.0, (20_000, 4)) @ random.normal(size=(4, 4))
    mean, whitening = patches.fit_whitening(windows.astype(np.float32), 0.0, 9)
    whitened = (windows - mean) @ whitening
    np.testing.assert_allclose(np.cov(whitened, rowvar=False), np.eye(4), atol=1e-3)
    _, fewer = patches.fit_whitening(windows.astype(np.float32), 0.0, 2)
    np.testing.assert_allclose(fewer, whitening[:, :2], rtol=1e-5)


def test_whitening_drops_a_direction_without_variance():
    """The mean of each window has been taken off: one of nine directions has none."""
    windows = patches.normalise_contrast(draw(3), 0.1)
    mean, whitening = patches.fit_whitening(windows, 0.0, 100)
    assert whitening.shape == (9, 8)
    np.testing.assert_allclose(
        np.cov((windows - mean) @ whitening, rowvar=False), np.eye(8), atol=0.01
    )


def test_normalise_contrast():
    windows = draw(4)[:50]
    found = patches.normalise_contrast(windows, 0.3)
    for window, one in zip(windows.astype(float), found, strict=True):
        centred = window - window.mean()
        np.testing.assert_allclose(one, centred / np.sqrt((centred**2).sum() + 0.09), atol=1e-6)


@pytest.mark.parametrize("size", [1, 2, 5])
def test_measure_windows_agrees_with_windows_cut_one_by_one(size):
    maps = np.random.default_rng(0).normal(1.0, 1.0, (2, 6, 6, 3)).astype(np.float32)
    squares = patches.measure_windows(maps, size)
    n_places = 7 - size
    assert squares.shape == (2 * n_places**2,)
    for place, (image, row, column) in enumerate(np.ndindex(2, n_places, n_places)):
        window = maps[image, row : row + size, column : column + size].astype(float)
        assert squares[place] == pytest.approx(
            ((window - window.mean()) ** 2).sum(), rel=1e-4, abs=1e-5
        )


def test_drawn_windows_come_from_images_and_are_not_flat():
    images = np.zeros((3, 8, 8, 1), np.float32)
    images[1, :, :, 0] = np.arange(64).reshape(8, 8)
    windows = draw(3, images)
    assert 0 < len(windows) <= patches.N_WINDOWS / 3 + 1
    starts = {row * 8 + column for row in range(6) for column in range(6)}
    offsets = np.add.outer(np.arange(3) * 8, np.arange(3)).ravel()
    assert set(windows[:, 0]) == starts
    np.testing.assert_array_equal(windows, windows[:, :1] + offsets)


def test_learned_patches_are_nearer_to_windows_than_random_ones():
    windows = patches.normalise_contrast(draw(4), 0.1)
    mean, whitening = patches.fit_whitening(windows, 0.01, 100)
    whitened = patches.lengthen((windows - mean) @ whitening)
    nearest = {}
    for kind, make in patches.DICTIONARIES.items():
        made = make(whitened, 20, np.random.default_rng(2))
        np.testing.assert_allclose(np.linalg.norm(made, axis=1), 1.0, atol=2e-3)
        nearest[kind] = np.abs(whitened @ made.T).max(1).mean()
    assert nearest["kmeans"] > nearest["random"] + 0.05


def test_learn_patches_finds_two_directions():
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


@pytest.mark.parametrize("power", [0.5, 1.0])
def test_cosines_below_the_threshold_count_for_nothing(power):
    """A rounding error would be a large number after its root and its standardisation."""
    features = PatchFeatures(kind="patches", patches=6, grid=3, overlap=0.3, power=power)
    layer = fit(features, 4)
    assert np.count_nonzero(layer(IMAGES)) > 0.5 * layer(IMAGES).size
    for threshold in np.linspace(4.5, 9.0, 20):
        settings = features.model_copy(update={"threshold": threshold})
        np.testing.assert_array_equal(replace(layer, settings=settings)(IMAGES[:5]), 0.0)


@pytest.mark.parametrize("shades", [np.zeros(20), np.linspace(0.1, 1.0, 20)])
def test_patches_refuse_images_of_one_shade(shades):
    X = np.repeat(shades.astype(np.float32)[:, None], 64, axis=1)
    with pytest.raises(InputError, match="windows of one shade each"):
        patches.fit_patches(
            PatchFeatures(kind="patches", sizes=[3]), TrainingRows(X, np.arange(20), 1, 0)
        )
