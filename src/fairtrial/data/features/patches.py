"""Responses to a dictionary of small whitened patches, pooled on a grid; of one layer or two.

References
----------
Coates and Ng (2012), "Learning feature representations with k-means".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy import linalg, sparse

from fairtrial.data.features.maps import Map, TrainingRows, apply, fit_scale
from fairtrial.data.features.watch import check_in
from fairtrial.errors import InputError
from fairtrial.study.features import PatchFeatures, PatchLayer

# A dictionary is learned from so many windows, in so many images; of large windows from fewer.
N_WINDOWS, N_IMAGES, MOST_VALUES = 100_000, 4000, 2**26
# So many images, at most, say how large the features are.
N_SCALED = 10_000
N_ROUNDS = 10
BLOCK = 5000
# What is this share of the largest is rounding.
ROUNDING = 1e-3
# A contrast below this share of the window's length is float32's rounding.
SHADE = 1e-6
# A length far below those of whitened windows, which are about the root of their dimensions.
SHORT = 1e-3

# One image's maps, (M, M, C) float32, to others.
ImageMap = Callable[[np.ndarray], np.ndarray]


def fit_patches(features: PatchFeatures, rows: TrainingRows) -> Map:
    """Learn or draw the dictionaries, and standardise the responses by training rows."""
    gamma = np.float32(features.gamma)
    images = shape_images(rows.draw(N_IMAGES, "images")) ** gamma
    below: ImageMap = lambda image: image  # noqa: E731
    if features.first:
        below = fit_layer(features.first, features.first.size, images, below, rows, "first")
    layers = [
        fit_layer(features, size, images, below, rows, f"patches.{size}") for size in features.sizes
    ]  # fmt: skip

    def describe(image: np.ndarray) -> np.ndarray:
        check_in()
        maps = below(image)
        return np.concatenate([layer(maps).ravel() for layer in layers])

    def respond(X: np.ndarray) -> np.ndarray:
        # Image by image: what lies between stays in the processor's cache.
        return np.stack([describe(image) for image in shape_images(X) ** gamma])

    scale = fit_scale(apply(respond, rows.draw(N_SCALED, "scale"), 1))
    return lambda X: scale(respond(X))


def shape_images(X: np.ndarray) -> np.ndarray:
    """Give rows of pixels, (N, D), the shape of images, (N, M, M, 1)."""
    side = round(X.shape[1] ** 0.5)
    return X.reshape(-1, side, side, 1)


@dataclass(frozen=True, eq=False)
class Layer:
    """A dictionary of one size of patches, and what becomes of the responses to it.

    Attributes
    ----------
    settings : PatchLayer
    size : int
        s, along a side of a patch.
    softness : float
        The length of a window that its own is set off against.
    whitening : (s² C, R) float32
    offset : (R,) float32
        Taken off whitened windows, whose mean is 0 then.
    patches : (P, R) float32
        Whitened, of length 1.
    """

    settings: PatchLayer
    size: int
    softness: float
    whitening: np.ndarray
    offset: np.ndarray
    patches: np.ndarray

    def __call__(self, maps: np.ndarray) -> np.ndarray:
        """Respond to one image's maps, (M, M, C): (G, G, 2 P), towards patches, then away."""
        windows = cut_windows(maps, self.size, self.settings.padding)
        cosines = self.whiten(windows) @ self.patches.T
        n_places, n_dimensions = round(len(windows) ** 0.5), self.whitening.shape[1]
        average = weigh_cells(n_places, self.settings.grid, self.settings.overlap)
        threshold = np.float32(self.settings.threshold / n_dimensions**0.5)
        towards = pool(rectify(cosines - threshold), average)
        away = pool(rectify(np.subtract(-threshold, cosines, out=cosines)), average)
        return np.concatenate([towards, away], axis=2) ** self.settings.power

    def whiten(self, windows: np.ndarray) -> np.ndarray:
        """Whiten windows, (N, s² C), and give them length 1; (N, R)."""
        return lengthen(normalise_contrast(windows, self.softness) @ self.whitening - self.offset)


def fit_layer(
    settings: PatchLayer,
    size: int,
    images: np.ndarray,
    below: ImageMap,
    rows: TrainingRows,
    name: str,
) -> Layer:
    """Fit a layer on windows of training images.

    Parameters
    ----------
    settings : PatchLayer
    size : int
        Along a side of its patches.
    images : (N, M, M, 1)
        Of training.
    below : callable
        What the layer sees of an image.
    rows : TrainingRows
        Has the streams to draw from.
    name : str
        Of the layer, for the streams.
    """
    windows = draw_windows(images, below, size, settings.padding, rows.open(f"{name}.windows"))
    softness = settings.contrast * float(np.median(measure_contrast(windows)))
    normalised = normalise_contrast(windows, softness)
    mean, whitening = fit_whitening(normalised, settings.whitening, settings.dimensions)
    offset = mean @ whitening
    make = DICTIONARIES[settings.dictionary]
    whitened = lengthen(normalised @ whitening - offset)
    patches = make(whitened, settings.patches, rows.open(f"{name}.dictionary"))
    return Layer(settings, size, softness, whitening, offset, patches)


def draw_windows(
    images: np.ndarray, below: ImageMap, size: int, padding: int, stream: np.random.Generator
) -> np.ndarray:
    """Draw windows of s x s from what a layer sees of images; (N, s² C) float32.

    Those of one shade only, of which backgrounds are full, have nothing to tell.
    """
    drawn: list[np.ndarray] = []
    for image in images:
        check_in()
        windows = cut_windows(below(image), size, padding)
        n_windows = min(N_WINDOWS, MOST_VALUES // windows.shape[1])
        drawn.append(windows[stream.integers(len(windows), size=-(-n_windows // len(images)))])
    together = np.concatenate(drawn)
    contrast = measure_contrast(together)
    if contrast.max() <= SHADE * measure_length(together).max():
        raise InputError(
            "recipe.features = 'patches' finds nothing to learn: the training images have "
            f"{size} x {size} windows of one shade each. Take larger 'sizes', or 'pixels'."
        )
    return together[contrast > ROUNDING * contrast.max()]


def cut_windows(maps: np.ndarray, size: int, padding: int) -> np.ndarray:
    """Cut maps, (M, M, C), into all their windows, row by row, (places, s² C)."""
    if padding:
        maps = np.pad(maps, ((padding, padding), (padding, padding), (0, 0)))
    windows = sliding_window_view(maps, (size, size), (0, 1)).transpose(0, 1, 3, 4, 2)
    return windows.reshape(-1, size**2 * maps.shape[2])


def measure_contrast(windows: np.ndarray) -> np.ndarray:
    """Return the length of each window, (N, D), without its mean; (N,)."""
    return measure_length(windows - windows.mean(1, keepdims=True))


def normalise_contrast(windows: np.ndarray, softness: float) -> np.ndarray:
    """Take the mean off each window, and divide by the root of its squared length + softness²."""
    centred = windows - windows.mean(1, keepdims=True)
    centred /= np.hypot(measure_length(centred), np.float32(softness))[:, None]
    return centred


def measure_length(windows: np.ndarray) -> np.ndarray:
    """Return the length of each window, (N, D); (N,)."""
    return np.sqrt(np.einsum("nd,nd->n", windows, windows))


def lengthen(windows: np.ndarray) -> np.ndarray:
    """Give whitened windows, (N, R), length 1; very short ones stay short."""
    return windows / (measure_length(windows) + np.float32(SHORT))[:, None]


def fit_whitening(windows: np.ndarray, more: float, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Fit the whitening of windows by their principal components.

    Parameters
    ----------
    windows : (N, D)
    more : float
        Added to the eigenvalues of their covariance, as a share of the largest.
    most : int
        How many components are kept, at most. Those without variance are not.

    Returns
    -------
    mean : (D,) float32
    whitening : (D, R) float32
        `(windows - mean) @ whitening` has the identity as covariance where `more` is 0.
    """
    mean = windows.mean(0, dtype=np.float64).astype(np.float32)
    covariance = np.zeros((windows.shape[1],) * 2)
    for first in range(0, len(windows), BLOCK):
        check_in()
        centred = windows[first : first + BLOCK] - mean
        covariance += centred.T @ centred / len(windows)
    values, vectors = linalg.eigh(covariance)
    values, vectors = values[::-1][:most], vectors[:, ::-1][:, :most]
    there = values > ROUNDING**2 * values[0]
    values, vectors = values[there], vectors[:, there]
    return mean, (vectors / np.sqrt(values + more * values[0])).astype(np.float32)


def draw_patches(windows: np.ndarray, n_patches: int, stream: np.random.Generator) -> np.ndarray:
    """Draw windows, (N, R), as patches, (P, R)."""
    return windows[stream.choice(len(windows), n_patches, replace=n_patches > len(windows))]


def learn_patches(windows: np.ndarray, n_patches: int, stream: np.random.Generator) -> np.ndarray:
    """Learn patches by spherical k-means: a window belongs to the patch it is most along.

    Parameters
    ----------
    windows : (N, R) float32
        Whitened, of length 1.
    n_patches : int
        P.
    stream : Generator
        Draws the windows to start from.

    Returns
    -------
    (P, R) float32
        Of length 1.
    """
    patches = draw_patches(windows, n_patches, stream)
    for _ in range(N_ROUNDS):
        total = patches.copy()  # It damps, and patches without windows stay.
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
    # As whole numbers they are negative just where they are as float32, and need no care for NaN:
    # NumPy is several times as fast with them.
    bits = values.view(np.int32)
    np.maximum(bits, 0, out=bits)
    return values


def weigh_cells(n_places: int, grid: int, overlap: float) -> np.ndarray:
    """Weigh places, in a row, for their averages over cells; (G, M) float32.

    Parameters
    ----------
    n_places, grid : int
        M and G. A place that two cells share counts in both by its share.
    overlap : float
        How far a cell reaches into its neighbours, as a share of its width.
    """
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
