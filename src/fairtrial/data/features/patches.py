"""Responses to a dictionary of small whitened patches, pooled on a grid.

References
----------
Coates and Ng (2012), "Learning feature representations with k-means".
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy import linalg, sparse

from fairtrial.data.features.maps import Map, TrainingRows, apply, fit_scale
from fairtrial.study.features import PatchFeatures

# A dictionary is learned from so many windows, in so many images at most.
N_WINDOWS, N_IMAGES = 200_000, 20_000
# So many images, at most, say how large the features are.
N_SCALED = 10_000
N_ROUNDS = 20
# A length far below those of whitened windows, which are about s.
SHORT = 1e-3
BLOCK = 10_000


def fit_patches(features: PatchFeatures, rows: TrainingRows) -> Map:
    """Learn or draw a dictionary for each size of patches, and standardise the responses."""
    banks = [make_bank(features, size, rows) for size in features.sizes]

    def respond(X: np.ndarray) -> np.ndarray:
        return np.concatenate([bank.respond(X) for bank in banks], axis=1)

    scale = fit_scale(apply(respond, rows.draw(N_SCALED, "scale"), 1))
    return lambda X: scale(respond(X))


@dataclass(frozen=True, eq=False)
class Bank:
    """The dictionary of one size of patches.

    Attributes
    ----------
    features : PatchFeatures
        Says what becomes of responses.
    mean : (s²,) float32
    whitening : (s², s²) float32
        As of `fit_whitening`.
    patches : (P, s²) float32
        Whitened, of length 1.
    """

    features: PatchFeatures
    mean: np.ndarray
    whitening: np.ndarray
    patches: np.ndarray

    def respond(self, X: np.ndarray) -> np.ndarray:
        """Respond to images, (N, D) float32, on a grid of G x G cells: (N, 2 G² P) float32."""
        (n_patches, n_pixels), grid = self.patches.shape, self.features.grid
        windows = cut_windows(X, round(n_pixels**0.5))
        n_rows, n_places = windows.shape[:2]
        pooled = np.empty((n_rows, grid, grid, 2, n_patches), np.float32)
        shape = n_places, n_places, n_patches
        threshold = np.float32(self.features.threshold / n_pixels**0.5)
        # Image by image: the responses stay in the processor's cache.
        for image, cells in zip(windows, pooled, strict=True):
            flat = normalise_contrast(image.reshape(-1, n_pixels), self.features.contrast)
            response = lengthen((flat - self.mean) @ self.whitening) @ self.patches.T
            pool(rectify(response - threshold).reshape(shape), cells[:, :, 0])
            np.subtract(-threshold, response, out=response)
            pool(rectify(response).reshape(shape), cells[:, :, 1])
        return (pooled**self.features.power).reshape(n_rows, -1)


def make_bank(features: PatchFeatures, size: int, rows: TrainingRows) -> Bank:
    """Make the filters of one size from windows of training images."""
    windows = draw_windows(rows, size)
    windows = normalise_contrast(windows, features.contrast)
    mean, whitening = fit_whitening(windows, features.whitening)
    make = DICTIONARIES[features.dictionary]
    stream = rows.open(f"dictionary.{size}")
    whitened = lengthen((windows - mean) @ whitening)
    return Bank(features, mean, whitening, make(whitened, features.patches, stream))


def draw_windows(rows: TrainingRows, size: int) -> np.ndarray:
    """Draw windows of s x s pixels from training images, (about `N_WINDOWS`, s²) float32.

    Those of one shade only, of which backgrounds are full, have nothing to tell.
    """
    X = rows.draw(N_IMAGES, "images")
    windows = cut_windows(X, size)
    n_each = -(-N_WINDOWS // len(X))
    places = rows.open(f"windows.{size}").integers(windows.shape[1], size=(2, len(X), n_each))
    drawn = windows[np.arange(len(X))[:, None], *places].reshape(-1, size**2)
    return drawn[np.ptp(drawn, axis=1) > 0.0]


def cut_windows(X: np.ndarray, size: int) -> np.ndarray:
    """Cut images, (N, D), into all their windows, (N, M, M, s, s), without copying."""
    side = round(X.shape[1] ** 0.5)
    return sliding_window_view(X.reshape(-1, side, side), (size, size), (1, 2))


def normalise_contrast(windows: np.ndarray, contrast: float) -> np.ndarray:
    """Take the mean off each window, (N, s²), and divide by the root of variance + contrast."""
    centred = windows - windows.mean(1, keepdims=True)
    variance = np.einsum("nd,nd->n", centred, centred) / np.float32(windows.shape[1])
    centred /= np.sqrt(variance + np.float32(contrast))[:, None]
    return centred


def fit_whitening(windows: np.ndarray, more: float) -> tuple[np.ndarray, np.ndarray]:
    """Fit the symmetric whitening (ZCA) of windows, (N, D).

    Parameters
    ----------
    windows : (N, D)
    more : float
        Added to the eigenvalues of their covariance; what is still 0 then, such as the direction
        of the means that were taken off, stays 0.

    Returns
    -------
    mean : (D,) float32
    whitening : (D, D) float32
        `(windows - mean) @ whitening` has the identity as covariance where `more` is 0.
    """
    mean = windows.mean(0, dtype=np.float64)
    centred = windows - mean
    values, vectors = linalg.eigh(centred.T @ centred / len(windows))
    values += more
    # float32 windows: smaller eigenvalues are their rounding.
    there = values > 1e-6 * values.max()
    whitening = (vectors[:, there] / np.sqrt(values[there])) @ vectors[:, there].T
    return mean.astype(np.float32), whitening.astype(np.float32)


def draw_patches(windows: np.ndarray, n_patches: int, stream: np.random.Generator) -> np.ndarray:
    """Draw windows, (N, D), as patches, (P, D)."""
    return windows[stream.choice(len(windows), n_patches, replace=n_patches > len(windows))]


def learn_patches(windows: np.ndarray, n_patches: int, stream: np.random.Generator) -> np.ndarray:
    """Learn patches by spherical k-means: a window belongs to the patch it is most along.

    Parameters
    ----------
    windows : (N, D) float32
        Whitened, of length 1.
    n_patches : int
        P.
    stream : Generator
        Draws the windows to start from.

    Returns
    -------
    (P, D) float32
        Of length 1.
    """
    patches = draw_patches(windows, n_patches, stream)
    for _ in range(N_ROUNDS):
        total = patches.copy()  # It damps, and patches without windows stay.
        for first in range(0, len(windows), BLOCK):
            block = windows[first : first + BLOCK]
            along = block @ patches.T
            owner = np.abs(along).argmax(1)
            rows = np.arange(len(block))
            members = (along[rows, owner], (owner, rows))
            total += sparse.csr_matrix(members, shape=(n_patches, len(block))) @ block
        patches = lengthen(total)
    return patches


DICTIONARIES = {"kmeans": learn_patches, "random": draw_patches}


def lengthen(windows: np.ndarray) -> np.ndarray:
    """Give whitened windows, (N, D), length 1; very short ones stay short."""
    lengths = np.sqrt(np.einsum("nd,nd->n", windows, windows))
    return windows / (lengths + np.float32(SHORT))[:, None]


def rectify(values: np.ndarray) -> np.ndarray:
    """Set negative float32 values to 0, in place."""
    # As whole numbers they are negative just where they are as float32, and need no care for NaN:
    # NumPy is several times as fast with them.
    bits = values.view(np.int32)
    np.maximum(bits, 0, out=bits)
    return values


def pool(responses: np.ndarray, cells: np.ndarray) -> None:
    """Average responses (M, M, P) over a grid, into cells (G, G, P)."""
    edges = [round(edge) for edge in np.linspace(0, len(responses), len(cells) + 1)]
    for row, (top, bottom) in enumerate(pairwise(edges)):
        band = responses[top:bottom].mean(0)
        for column, (left, right) in enumerate(pairwise(edges)):
            band[left:right].mean(0, out=cells[row, column])
