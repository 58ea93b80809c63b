"""Feature maps: what a linear model sees of each row. It stays linear in its features."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from fairtrial.study.settings import Count, NonNegative, Positive, Settings, expand_bare_name

# The most features that a map may make: beyond, a single model's weights fill the memory.
MOST_FEATURES = 200_000


class PixelFeatures(Settings):
    """The features as they come: pixels from 0 to 1, a table's columns, synthetic numbers.

    With `standardise` each pixel has mean 0 and standard deviation 1 over the training rows.
    """

    kind: Literal["pixels"] = "pixels"
    standardise: bool = False


class FourierFeatures(Settings):
    """Random Fourier features of the Gaussian kernel (Rahimi and Recht 2007).

    There are as many of them as `directions`. The kernel's `bandwidth` is in multiples of the
    median distance between training rows.
    """

    kind: Literal["fourier"]
    directions: Count = 2000
    bandwidth: Positive = 1.0


class HogFeatures(Settings):
    """Histograms of oriented gradients (Dalal and Triggs 2005), standardised.

    Over cells of `cell` x `cell` pixels; every block of `block` x `block` cells is normalised.
    """

    kind: Literal["hog"]
    orientations: Count = 9
    cell: Count = 4
    block: Count = 2


class PatchFeatures(Settings):
    """Responses to a dictionary of small whitened patches, pooled on a grid (Coates and Ng 2012).

    For each of `sizes`, in pixels a side, `patches` patches, learned by spherical k-means or drawn
    at random from training images. The response of a window to a patch, the cosine `c` of the
    angle between them, counts as `max(0, c - t)` and `max(0, -c - t)`, averaged over the cells of a
    `grid` x `grid`, raised to `power` and standardised; `t` is `threshold / size`, and `1 / size`
    the standard deviation of chance cosines. Before, each window has its mean taken off, is divided
    by `sqrt(variance + contrast)`, and whitened, with `whitening` added to the eigenvalues of the
    windows' covariance.
    """

    kind: Literal["patches"]
    sizes: Annotated[list[Annotated[int, Field(ge=2, lt=2**31)]], Field(min_length=1)] = [6]
    patches: Count = 400
    dictionary: Literal["kmeans", "random"] = "kmeans"
    grid: Count = 4
    threshold: NonNegative = 0.6
    power: Positive = 0.5
    contrast: Positive = 0.01
    whitening: NonNegative = 0.1


AnyFeatures = PixelFeatures | FourierFeatures | HogFeatures | PatchFeatures
Features = Annotated[
    AnyFeatures, Field(discriminator="kind"), BeforeValidator(expand_bare_name)
]  # fmt: skip

AS_THEY_COME = PixelFeatures()


def count_features(features: AnyFeatures, n_before: int) -> int:
    """Count the features that a map makes of `n_before`: of a square image, its pixels."""
    side = round(n_before**0.5)
    if isinstance(features, FourierFeatures):
        return features.directions
    if isinstance(features, HogFeatures):
        n_blocks = side // features.cell - features.block + 1
        return n_blocks**2 * features.block**2 * features.orientations
    if isinstance(features, PatchFeatures):
        return 2 * features.patches * features.grid**2 * len(features.sizes)
    return n_before


def find_misfits(
    features: AnyFeatures, task: str, side: int | None
) -> Iterator[tuple[str, str]]:  # fmt: skip
    """Yield what of a map a task cannot have.

    Parameters
    ----------
    features : PixelFeatures, FourierFeatures, HogFeatures or PatchFeatures
    task : str
        What sentences call it.
    side : int or None
        Pixels along a side of its images; None where it has none.

    Yields
    ------
    setting, sentence
    """
    if side is None:
        if isinstance(features, HogFeatures | PatchFeatures):
            yield (
                "kind",
                f"recipe.features = {features.kind!r} is made of images, and {task} has none: use "
                "'pixels' or 'fourier'.",
            )
        elif isinstance(features, PixelFeatures) and features.standardise:
            yield (
                "standardise",
                f"recipe.features.standardise = true is for images, and the features of {task} are "
                "of one size already: leave it out.",
            )
        return
    if isinstance(features, HogFeatures) and (most := side // features.cell) < features.block:
        yield (
            "block" if most else "cell",
            f"recipe.features.block = {features.block} cells of {features.cell} x {features.cell} "
            f"pixels do not fit in {task}'s images of {side} x {side}: take smaller cells"
            f"{f', or blocks of {most} at most' if most else ''}.",
        )
    if isinstance(features, PatchFeatures):
        yield from _find_misfit_patches(features, task, side)
    if (n_features := count_features(features, side**2)) > MOST_FEATURES:
        yield (
            "kind",
            f"recipe.features = {features.kind!r} makes {n_features:,} features: at most "
            f"{MOST_FEATURES:,} are allowed; take fewer or coarser ones.",
        )


def _find_misfit_patches(
    features: PatchFeatures, task: str, side: int
) -> Iterator[tuple[str, str]]:  # fmt: skip
    largest = max(features.sizes)
    if largest > side:
        yield (
            "sizes",
            f"recipe.features.sizes has {largest}, but {task}'s images are {side} x {side} pixels: "
            f"at most {side}.",
        )
    elif features.grid > (n_windows := side - largest + 1):
        yield (
            "grid",
            f"recipe.features.grid = {features.grid}, but patches of {largest} x {largest} pixels "
            f"have {n_windows} x {n_windows} places in {task}'s images: at most {n_windows}.",
        )
