"""Feature maps: what a linear model sees of each row. It stays linear in its features."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from fairtrial.settings.base import Count, NonNegative, Positive, Settings, expand_bare_name

Size = Annotated[int, Field(ge=2, lt=2**31)]
Padding = Annotated[int, Field(ge=0, le=100)]
Overlap = Annotated[float, Field(ge=0, le=1)]

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
    median distance between training rows. Pixels, from 0 to 1, are raised to `gamma` before
    anything else; below 1 that brings out the darker ones.
    """

    kind: Literal["fourier"]
    directions: Count = 2000
    bandwidth: Positive = 1.0
    gamma: Positive = 1.0


class HogFeatures(Settings):
    """Histograms of oriented gradients (Dalal and Triggs 2005).

    Over cells of `cell` x `cell` pixels; every block of `block` x `block` cells is normalised.
    """

    kind: Literal["hog"]
    orientations: Count = 9
    cell: Count = 4
    block: Count = 2


class PatchLayer(Settings):
    """A dictionary of `patches`, learned by spherical k-means or drawn from training images.

    Windows, of images with `padding` zeros around them, have their mean taken off and their
    contrast normalised: `contrast` is the share of the median contrast that counts as little. Then
    they are whitened: along their first `dimensions` principal components, with `whitening`, as a
    share of the largest eigenvalue, added to all. The cosine `c` of a window and a patch counts as
    `max(0, c - t)` and `max(0, -c - t)`; `t` is `threshold` times the standard deviation of chance
    cosines. Both are averaged over the cells of a `grid` x `grid`, which reach into their
    neighbours by the share `overlap`, and raised to `power`.
    """

    patches: Count = 400
    dictionary: Literal["kmeans", "random"] = "kmeans"
    padding: Padding = 0
    contrast: NonNegative = 0.1
    whitening: NonNegative = 0.01
    dimensions: Count = 100
    threshold: NonNegative = 0.6
    grid: Count = 4
    overlap: Overlap = 0.0
    power: Positive = 0.5


class FirstLayer(PatchLayer):
    """A layer below another: `size` is that of its patches, in pixels a side.

    The next layer sees the first `channels` principal components of its responses; absent, it sees
    all of them, 2 `patches`.
    """

    size: Size = 5
    channels: Count | None = None
    patches: Count = 64
    padding: Padding = 2
    grid: Count = 14
    overlap: Overlap = 0.25


class PatchFeatures(PatchLayer):
    """Responses to small whitened patches, pooled on a grid and standardised (Coates and Ng 2012).

    For each of `sizes`, a side in pixels, a dictionary of its own. With `first` the patches are not
    of pixels but of what a first layer makes of them. Pixels, from 0 to 1, are raised to `gamma`
    before anything else; below 1 that brings out the darker ones.
    """

    kind: Literal["patches"]
    first: FirstLayer | None = None
    sizes: Annotated[list[Size], Field(min_length=1)] = [6]
    gamma: Positive = 1.0


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
    features: AnyFeatures, task: str, shape: tuple[int, int] | None
) -> Iterator[tuple[str, str]]:  # fmt: skip
    """Yield what of a map a task cannot have.

    Parameters
    ----------
    features : PixelFeatures, FourierFeatures, HogFeatures or PatchFeatures
    task : str
        What sentences call it.
    shape : (H, W) or None
        Pixels of its images, down and across; None where it has none.

    Yields
    ------
    setting, sentence
    """
    needs_squares = isinstance(features, HogFeatures | PatchFeatures)
    if shape is None and needs_squares:
        yield (
            "kind",
            f"recipe.features = {features.kind!r} is made of images, and {task} has none: use "
            "'pixels' or 'fourier'.",
        )
        return
    if shape is None and isinstance(features, PixelFeatures) and features.standardise:
        yield (
            "standardise",
            f"recipe.features.standardise = true is for images, and the features of {task} are "
            "of one size already: leave it out.",
        )
    if shape is None and isinstance(features, FourierFeatures) and features.gamma != 1:
        yield (
            "gamma",
            f"recipe.features.gamma = {features.gamma:g} is for images, whose pixels lie between "
            f"0 and 1, and {task} has none: leave it out.",
        )
    height, width = shape or (0, 0)
    if height != width and needs_squares:
        yield (
            "kind",
            f"recipe.features = {features.kind!r} is made of square images, but those of {task} "
            f"have {height} x {width} pixels (height x width): cut, pad or scale them to one side, "
            "or use 'pixels' or 'fourier'.",
        )
        return
    if isinstance(features, HogFeatures) and (most := width // features.cell) < features.block:
        yield (
            "block" if most else "cell",
            f"recipe.features.block = {features.block} cells of {features.cell} x {features.cell} "
            f"pixels do not fit in the images of {task}, {height} x {width}: take smaller cells"
            f"{f', or blocks of {most} at most' if most else ''}.",
        )
    if isinstance(features, PatchFeatures):
        yield from _find_misfit_patches(features, task, width)
    made = not isinstance(features, PixelFeatures)
    if made and (n_features := count_features(features, height * width)) > MOST_FEATURES:
        yield (
            "kind",
            f"recipe.features = {features.kind!r} makes {n_features:,} features: at most "
            f"{MOST_FEATURES:,} are allowed; take fewer or coarser ones.",
        )


def _find_misfit_patches(
    features: PatchFeatures, task: str, side: int
) -> Iterator[tuple[str, str]]:  # fmt: skip
    what = f"the images of {task}"
    if first := features.first:
        yield from _find_misfit_layer(first, first.size, what, side, "first.size", "first.grid")
        what, side = "the first layer's maps", first.grid
    yield from _find_misfit_layer(features, max(features.sizes), what, side, "sizes", "grid")


def _find_misfit_layer(
    layer: PatchLayer, size: int, what: str, side: int, size_name: str, grid_name: str
) -> Iterator[tuple[str, str]]:
    padded = side + 2 * layer.padding
    if size > padded:
        yield (
            size_name,
            f"recipe.features.{size_name} has {size}, but {what} are {side} x {side}"
            f"{f', {padded} x {padded} with padding' if layer.padding else ''}: at most {padded}.",
        )
    elif layer.grid > (n_places := padded - size + 1):
        yield (
            grid_name,
            f"recipe.features.{grid_name} = {layer.grid}, but patches of {size} x {size} have "
            f"{n_places} x {n_places} places in {what}: at most {n_places}.",
        )
