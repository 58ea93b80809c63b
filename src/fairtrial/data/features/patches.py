"""Responses to a dictionary of small whitened patches, pooled on a grid, in one or two layers.

References
----------
Coates and Ng (2012), "Learning feature representations with k-means".
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
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
# Values below this share of the largest are rounding errors.
ROUNDING = 1e-3
# A contrast below this share of the window's length is a rounding error of float32.
SHADE = 1e-6
# Far below the length of whitened windows, which is about the root of their dimensions.
SHORT = 1e-3

# From the maps of one image, (M, M, C) float32, to other maps.
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
        return np.concatenate([layer(maps).ravel() for layer in layers])

    scale = fit_scale([map_images(join, maps)])

    def respond(X: np.ndarray) -> np.ndarray:
        images = shape_images(X) ** gamma
        return scale(respond_each(lambda image: join(below(image)), images))

    return respond


def respond_each(image_map: ImageMap, images: np.ndarray) -> np.ndarray:
    """Map image by image, so that intermediate results stay in the processor's cache."""
    responses = []
    for image in images:
        check_in()
        responses.append(image_map(image))
    return np.stack(responses)


def map_images(image_map: ImageMap, images: np.ndarray) -> np.ndarray:
    """Map images on all processors."""
    return np.concatenate([*apply(lambda chunk: respond_each(image_map, chunk), images, 1)])


def shape_images(X: np.ndarray) -> np.ndarray:
    """Reshape rows of pixels, (N, D), to images, (N, M, M, 1)."""
    side = round(X.shape[1] ** 0.5)
    return X.reshape(-1, side, side, 1)


@dataclass(frozen=True, eq=False)
class Layer:
    """A dictionary of patches of one size, and the pooling of its responses.

    Patches have `size` s pixels per side. Each window is divided by the root of its squared length
    + `softness`², loses the mean of whitened windows, `offset` (R,), and is whitened by `whitening`
    (s² C, R). `patches` (P, R) are whitened, of length 1. The output is along `channels` (2 P, C'),
    principal components of the responses, if there are any. All arrays are float32.
    """

    settings: Any
    size: int
    softness: float
    whitening: np.ndarray
    offset: np.ndarray
    patches: np.ndarray
    channels: np.ndarray | None = None

    def __call__(self, maps: np.ndarray) -> np.ndarray:
        """Respond to the maps of one image, (M, M, C): (G, G, 2 P), or (G, G, C') by channels."""
        cosines = self.whiten(maps) @ self.patches.T
        n_places, n_dimensions = round(len(cosines) ** 0.5), self.whitening.shape[1]
        average = weigh_cells(n_places, self.settings.grid, self.settings.overlap)
        threshold = np.float32(self.settings.threshold / n_dimensions**0.5)
        towards = pool(rectify(cosines - threshold), average)
        away = pool(rectify(np.subtract(-threshold, cosines, out=cosines)), average)
        responses = np.concatenate([towards, away], axis=2) ** self.settings.power
        return responses if self.channels is None else responses @ self.channels

    def whiten(self, maps: np.ndarray) -> np.ndarray:
        """Whiten all windows of the maps of one image, and scale them to length 1; (places, R).

        The product is corrected for means and lengths, because it has far fewer values than the
        windows.
        """
        maps = pad(maps, self.settings.padding)
        mean, squares = measure_windows(maps, self.size)
        whitened = cut_windows(maps, self.size) @ self.whitening
        whitened -= np.outer(mean, self.whitening.sum(0))
        whitened /= np.sqrt(squares + np.float32(self.softness**2))[:, None]
        return lengthen(whitened - self.offset)


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
        windows = cut_windows(pad(each, padding), size)
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
    """Put zeros around maps, (M, M, C)."""
    return np.pad(maps, ((padding, padding), (padding, padding), (0, 0)))


def cut_windows(maps: np.ndarray, size: int) -> np.ndarray:
    """Cut all windows out of maps, (M, M, C), row by row; (places, s² C)."""
    windows = sliding_window_view(maps, (size, size), (0, 1)).transpose(0, 1, 3, 4, 2)
    return windows.reshape(-1, size**2 * maps.shape[2])


def measure_windows(maps: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Measure all windows of maps, (M, M, C): means and centred squared lengths, (places,)."""
    n_values = size**2 * maps.shape[2]
    mean = add_up(maps.sum(2), size) / np.float32(n_values)
    squares = add_up(np.einsum("rcd,rcd->rc", maps, maps), size)
    return mean, np.maximum(squares - n_values * mean**2, np.float32(0.0))


def add_up(values: np.ndarray, size: int) -> np.ndarray:
    """Add up values, (M, M), over all windows of s x s, row by row; (places,)."""
    band = make_band(len(values) - size + 1, size)
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


def rectify(values: np.ndarray) -> np.ndarray:
    """Set negative float32 values to 0, in place."""
    # Viewed as int32, values have the same signs as float32. NumPy's maximum is faster on integers,
    # which have no NaN.
    bits = values.view(np.int32)
    np.maximum(bits, 0, out=bits)
    return values


@cache
def weigh_cells(n_places: int, grid: int, overlap: float) -> np.ndarray:
    """Return the weights of M places in the averages over cells that overlap; (G, M) float32."""
    width, places = n_places / grid, np.arange(n_places)
    low = (np.arange(grid)[:, None] - overlap) * width
    high = low + width * (1.0 + 2.0 * overlap)
    shares = np.clip(np.minimum(high, places + 1) - np.maximum(low, places), 0.0, None)
    return (shares / shares.sum(1, keepdims=True)).astype(np.float32)


def pool(responses: np.ndarray, average: np.ndarray) -> np.ndarray:
    """Average responses, (M², P), over cells by the weights of rows and of columns: (G, G, P)."""
    n_cells, n_places = average.shape
    bands = average @ responses.reshape(n_places, -1)
    return average @ bands.reshape(n_cells, n_places, -1)
