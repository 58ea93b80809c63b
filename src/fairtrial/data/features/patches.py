"""Responses to a dictionary of small whitened patches, pooled on a grid, in one or two layers.

References
----------
Coates and Ng (2012), "Learning feature representations with k-means".
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from math import isqrt
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.random import Generator
from scipy import linalg, sparse

from fairtrial.data.features.maps import TrainingRows, apply, check_in, fit_scale
from fairtrial.errors import InputError
from fairtrial.kinds.data.features import Map

# Windows and images from which a dictionary is learned; large windows are fewer (`MOST_VALUES`).
# The same images give mean and scale of the features.
N_WINDOWS, N_IMAGES, MOST_VALUES = 50_000, 2000, 2**26
# Images that give the principal components of a layer's responses.
N_IMAGES_FOR_CHANNELS = 500
N_ROUNDS = 10
BLOCK = 5000
# Pixels of the images that are mapped together; few, so that intermediate results stay in the
# processor's cache.
PIXELS_TOGETHER = 8 * 28 * 28
# Cells that are averaged in one product, which leaves out the places that none of them sees.
CELLS_TOGETHER = 4
# Values below this share of the largest are rounding errors.
ROUNDING = 1e-3
# A contrast below this share of the window's length is a rounding error of float32.
SHADE = 1e-6
# Far below the length of whitened windows, which is about the root of their dimensions.
SHORT = 1e-3
# The largest relative rounding error of the average of equal float32 values, up to 500 x 500 of
# them: a cosine must pass its threshold by this share.
EXCESS = 4e-6

# From maps of images, (N, M, M, C) float32, to other maps, or to rows of features.
ImageMap = Callable[[np.ndarray], np.ndarray]


def fit_patches(features: Any, rows: TrainingRows) -> Map:
    """Learn or draw the dictionaries, and standardise the responses by training rows."""
    gamma = np.float32(features.gamma)
    maps = shape_images(rows.draw(N_IMAGES, "images")) ** gamma
    below: ImageMap = lambda image: image  # noqa: E731
    if first := features.first:
        below = fit_layer(first, first.size, maps, rows, "first", first.channels)
        maps = map_images(below, maps)
    layers = [fit_layer(features, size, maps, rows, f"patches.{size}") for size in features.sizes]

    def join(maps: np.ndarray) -> np.ndarray:
        return np.concatenate([layer(maps).reshape(len(maps), -1) for layer in layers], axis=1)

    scale = fit_scale([map_images(join, maps)])
    respond_to: ImageMap = lambda maps: scale(join(below(maps)))  # noqa: E731
    return lambda X: respond_by_blocks(respond_to, shape_images(X) ** gamma)


def respond_by_blocks(image_map: ImageMap, images: np.ndarray) -> np.ndarray:
    """Map a few images at a time; how many may decide the last bits of the result."""
    responses = []
    n_together = max(PIXELS_TOGETHER // images[0].size, 1)
    for first in range(0, len(images), n_together):
        check_in()
        responses.append(image_map(images[first : first + n_together]))
    return np.concatenate(responses)


def map_images(image_map: ImageMap, images: np.ndarray) -> np.ndarray:
    """Map images on `shared_cores`."""
    return np.concatenate([*apply(lambda chunk: respond_by_blocks(image_map, chunk), images, 1)])


def shape_images(X: np.ndarray) -> np.ndarray:
    """Reshape rows of pixels, (N, D), to images, (N, M, M, 1)."""
    side = round(X.shape[1] ** 0.5)
    return X.reshape(-1, side, side, 1)


@dataclass(frozen=True, eq=False)
class Layer:
    """A dictionary of patches of one size, and the pooling of its responses.

    Patches have `size` s pixels per side. Each window loses its mean, is divided by the root of its
    squared length + `softness`², is whitened by `whitening` (s² C, R), and loses the mean of
    whitened windows, `offset` (R,). `patches` (P, R) are whitened, of length 1. The output is along
    `channels` (2 P, C'), principal components of the responses, if there are any. All arrays are
    float32.
    """

    settings: Any
    size: int
    softness: float
    whitening: np.ndarray
    offset: np.ndarray
    patches: np.ndarray
    channels: np.ndarray | None = None

    def __call__(self, maps: np.ndarray) -> np.ndarray:
        """Respond to the maps of images, (N, M, M, C): (N, G, G, 2 P), or (N, G, G, C')."""
        cosines = self.whiten(maps) @ self.patches.T
        n_places = isqrt(len(cosines) // len(maps))
        average = weigh_cells(n_places, self.settings.grid, self.settings.overlap)
        threshold = np.float32(self.settings.threshold / self.whitening.shape[1] ** 0.5)
        # The average of max(0, c - t) is the average of max(c, t), minus t. NumPy's clip is several
        # times as fast as its maximum.
        clipped, least = np.empty_like(cosines), threshold * np.float32(1 + EXCESS)
        towards = pool(np.clip(cosines, threshold, np.inf, out=clipped), average)
        away = pool(np.clip(cosines, -np.inf, -threshold, out=clipped), average)
        responses = np.concatenate([towards - least, -least - away], axis=3)
        responses = np.clip(responses, 0, np.inf, out=responses) ** self.settings.power
        return responses if self.channels is None else responses @ self.channels

    def whiten(self, maps: np.ndarray) -> np.ndarray:
        """Whiten all windows of the maps of images, and scale them to length 1; (places, R).

        Lengths divide the products instead of the windows, which have far more values.
        """
        maps = pad(maps, self.settings.padding)
        squares = measure_windows(maps, self.size)
        whitened = cut_windows(maps, self.size) @ self.whitening
        whitened /= np.sqrt(squares + np.float32(self.softness**2))[:, None]
        whitened -= self.offset
        return lengthen(whitened)


def fit_layer(
    settings: Any,
    size: int,
    maps: np.ndarray,
    rows: TrainingRows,
    name: str,
    n_channels: int | None = None,
) -> Layer:
    """Fit a layer, which names its streams, on windows of training images or maps, (N, M, M, C)."""
    windows = draw_windows(maps, size, settings.padding, rows.open(f"{name}.windows"))
    # Without a softness, windows of one shade would be divided by 0.
    softness = max(settings.contrast, ROUNDING) * float(np.median(measure_contrast(windows)))
    normalised = normalise_contrast(windows, softness)
    mean, whitening = fit_whitening(normalised, settings.whitening, settings.dimensions)
    whitening -= whitening.mean(0)  # So windows need not lose their means before the product.
    offset = mean @ whitening
    make = DICTIONARIES[settings.dictionary]
    whitened = lengthen(normalised @ whitening - offset)
    patches = make(whitened, settings.patches, rows.open(f"{name}.dictionary"))
    layer = Layer(settings, size, softness, whitening, offset, patches)
    if n_channels is None:
        return layer
    responses = map_images(layer, maps[:N_IMAGES_FOR_CHANNELS])
    return replace(layer, channels=fit_channels(responses, n_channels))


def fit_channels(responses: np.ndarray, n_channels: int) -> np.ndarray:
    """Fit principal components of responses, (N, G, G, 2 P), at each place; (2 P, C')."""
    at_places = responses.reshape(-1, responses.shape[-1])
    return _find_components(at_places, n_channels)[2].astype(np.float32)


def draw_windows(maps: np.ndarray, size: int, padding: int, stream: Generator) -> np.ndarray:
    """Draw windows of s x s from maps, (N, M, M, C), without those of one shade; (N', s² C)."""
    n_windows = min(N_WINDOWS, MOST_VALUES // (size**2 * maps.shape[3]))
    n_each = -(-n_windows // len(maps))
    drawn: list[np.ndarray] = []
    for each in maps:
        check_in()
        windows = cut_windows(pad(each[None], padding), size)
        drawn.append(windows[stream.integers(len(windows), size=n_each)])
    together = np.concatenate(drawn)
    contrast = measure_contrast(together)
    if contrast.max() <= SHADE * measure_length(together).max():
        raise InputError(
            "recipe.features = 'patches' finds nothing to learn: the training images have "
            f"{size} x {size} windows of one shade each. Take larger 'sizes', or 'pixels'."
        )
    return together[contrast > ROUNDING * contrast.max()]


def pad(maps: np.ndarray, padding: int) -> np.ndarray:
    """Put zeros around maps, (N, M, M, C)."""
    if not padding:
        return maps
    n_images, side, _, n_channels = maps.shape
    wide = side + 2 * padding
    padded = np.zeros((n_images, wide, wide, n_channels), maps.dtype)
    padded[:, padding:-padding, padding:-padding] = maps
    return padded


def cut_windows(maps: np.ndarray, size: int) -> np.ndarray:
    """Cut all windows out of maps, (N, M, M, C), row by row; (N places, s² C)."""
    windows = sliding_window_view(maps, (size, size), (1, 2)).transpose(0, 1, 2, 4, 5, 3)
    return windows.reshape(-1, size**2 * maps.shape[3])


def measure_windows(maps: np.ndarray, size: int) -> np.ndarray:
    """Measure the centred squared length of all windows of maps, (N, M, M, C); (N places,)."""
    n_values = size**2 * maps.shape[3]
    mean = add_up(maps.sum(3), size) / np.float32(n_values)
    squares = add_up(np.einsum("nrcd,nrcd->nrc", maps, maps), size)
    return np.maximum(squares - n_values * mean**2, np.float32(0.0))


def add_up(values: np.ndarray, size: int) -> np.ndarray:
    """Add up values, (N, M, M), over all windows of s x s, row by row; (N places,)."""
    band = make_band(values.shape[1] - size + 1, size)
    return (band @ values @ band.T).ravel()


@cache
def make_band(n_places: int, size: int) -> np.ndarray:
    """Make the matrix that adds up s neighbours at each place, (places, M) float32."""
    side = n_places + size - 1
    return np.tri(n_places, side, size - 1, np.float32) - np.tri(n_places, side, -1, np.float32)


def measure_contrast(windows: np.ndarray) -> np.ndarray:
    """Return the length of each window, (N, D), after subtracting its mean; (N,)."""
    return measure_length(windows - windows.mean(1, keepdims=True))


def normalise_contrast(windows: np.ndarray, softness: float) -> np.ndarray:
    """Centre each window, and divide it by the root of its squared length + softness²."""
    centred = windows - windows.mean(1, keepdims=True)
    centred /= np.hypot(measure_length(centred), np.float32(softness))[:, None]
    return centred


def measure_length(windows: np.ndarray) -> np.ndarray:
    """Return the length of each window, (N, D); (N,)."""
    return np.sqrt(np.einsum("nd,nd->n", windows, windows))


def lengthen(windows: np.ndarray) -> np.ndarray:
    """Scale whitened windows, (N, R), to length 1; very short ones stay short."""
    return windows / (measure_length(windows) + np.float32(SHORT))[:, None]


def fit_whitening(windows: np.ndarray, more: float, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Fit the whitening of windows (N, D) by their principal components: mean (D,), map (D, R).

    `more` is added to the eigenvalues, as a share of the largest. At most `most` components are
    kept, and none without variance.
    """
    mean, values, vectors = _find_components(windows, most)
    there = values > ROUNDING**2 * values[0]
    values, vectors = values[there], vectors[:, there]
    return mean, (vectors / np.sqrt(values + more * values[0])).astype(np.float32)


def _find_components(values: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find the first principal components of values, (N, D): mean, variances, (D, R) components."""
    n_values = values.shape[1]
    mean = values.mean(0, dtype=np.float64).astype(np.float32)
    covariance = np.zeros((n_values, n_values))
    for first in range(0, len(values), BLOCK):
        check_in()
        centred = values[first : first + BLOCK] - mean
        covariance += centred.T @ centred / len(values)
    last = max(n_values - most, 0), n_values - 1
    variances, components = linalg.eigh(covariance, subset_by_index=last)
    return mean, variances[::-1], components[:, ::-1]


def draw_patches(windows: np.ndarray, n_patches: int, stream: Generator) -> np.ndarray:
    """Draw windows, (N, R), as patches, (P, R)."""
    return windows[stream.choice(len(windows), n_patches, replace=n_patches > len(windows))]


def learn_patches(windows: np.ndarray, n_patches: int, stream: Generator) -> np.ndarray:
    """Learn patches (P, R) of windows (N, R) by spherical k-means, by the largest |cosine|."""
    patches = draw_patches(windows, n_patches, stream)
    for _ in range(N_ROUNDS):
        total = patches.copy()  # This damps, and keeps patches without windows.
        for first in range(0, len(windows), BLOCK):
            check_in()
            block = windows[first : first + BLOCK]
            along = block @ patches.T
            owner = np.abs(along).argmax(1)
            rows = np.arange(len(block))
            members = (along[rows, owner], (owner, rows))
            total += sparse.csr_matrix(members, shape=(n_patches, len(block))) @ block
        patches = lengthen(total)
    return patches


DICTIONARIES = {"kmeans": learn_patches, "random": draw_patches}


@cache
def weigh_cells(n_places: int, grid: int, overlap: float) -> np.ndarray:
    """Return the weights of M places in the averages over cells that overlap; (G, M) float32."""
    width, places = n_places / grid, np.arange(n_places)
    low = (np.arange(grid)[:, None] - overlap) * width
    high = low + width * (1.0 + 2.0 * overlap)
    shares = np.clip(np.minimum(high, places + 1) - np.maximum(low, places), 0.0, None)
    return (shares / shares.sum(1, keepdims=True)).astype(np.float32)


def pool(responses: np.ndarray, average: np.ndarray) -> np.ndarray:
    """Average responses, (N M², P), over cells by the weights of rows and columns: (N, G, G, P)."""
    n_cells, n_places = average.shape
    n_patches = responses.shape[1]
    bands = average_cells(average, responses.reshape(-1, n_places, n_places * n_patches))
    pooled = average_cells(average, bands.reshape(-1, n_places, n_patches))
    return pooled.reshape(-1, n_cells, n_cells, n_patches)


def average_cells(average: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Average values, (N, M, V), by the weights of places, (G, M): (N, G, V)."""
    found = np.empty((len(values), len(average), values.shape[2]), values.dtype)
    for first in range(0, len(average), CELLS_TOGETHER):
        weights = average[first : first + CELLS_TOGETHER]
        seen = np.flatnonzero(weights.any(0))
        near = slice(seen[0], seen[-1] + 1)
        cells = slice(first, first + len(weights))
        np.matmul(weights[:, near], values[:, near], out=found[:, cells])
    return found
