"""Features: what a linear model sees of each row. It stays linear in its features."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Annotated, Any, Concatenate, Literal, overload

import numpy as np
from pydantic import Field

from fairtrial.kinds.mechanism.kind import Fact, Kind, KindSettings, P
from fairtrial.kinds.mechanism.registry import Family, decorate
from fairtrial.kinds.mechanism.signature import refuse
from fairtrial.randomness import make_stream
from fairtrial.settings.base import Count, NonNegative, Positive, Settings

# From the features of rows, (N, D) float32, to mapped features, (N, D') float32, row by row.
Map = Callable[[np.ndarray], np.ndarray]
Fit = Callable[Concatenate[Any, np.random.Generator, P], Map]
# What a task cannot have of a map: the setting, and a sentence.
Misfits = Iterator[tuple[str, str]]

# The most features that a map may make: beyond, a single model's weights fill the memory.
MOST_FEATURES = 200_000


class FeatureSettings(KindSettings):
    """Settings of a feature map, and what is known of it."""

    def fit(self, rows: Any) -> Map:
        """Fit the map on the rows that training sees, which can be read in pieces."""
        stream = make_stream(rows.seed, f"features.{self.kind}")
        return self.call_function(rows if self.definition.in_pieces else rows.read(), stream)

    is_fitted = Fact[bool]()  # Whether the map depends on the training rows and the seed.

    def count_features(self, n_before: int) -> int:
        """Count the features that it makes of `n_before`: of a square image, its pixels."""
        kind = self.definition
        found = n_before if kind.n_features is None else self.ask(kind.n_features, n_before)
        # Our own maps give 0 for images that are too small, which is said of the recipe.
        if not isinstance(found, int | np.integer) or found < (0 if kind.is_own else 1):
            reason = f"its n_features returns {found!r}: return a whole number from 1"
            raise refuse(kind.function, reason)
        return int(found)

    def estimate_seconds(self, n_values: int) -> float:
        """Estimate how long it takes to make so many values."""
        return self.definition.seconds * n_values

    def find_misfits(self, task: str, shape: tuple[int, int] | None) -> Misfits:
        """Yield settings that a task, with images (H, W) or None, cannot have, and sentences."""
        problems = list(self._find_wrong_images(task, shape))
        problems = problems or list(self.ask(self.definition.misfits, task, shape) or [])
        yield from problems
        height, width = shape or (0, 0)
        if any(setting == "kind" for setting, _ in problems) or self.definition.n_features is None:
            return
        if (n_features := self.count_features(height * width)) > MOST_FEATURES:
            yield (
                "kind",
                f"recipe.features = {self.kind!r} makes {n_features:,} features: at most "
                f"{MOST_FEATURES:,} are allowed; take fewer or coarser ones.",
            )

    def _find_wrong_images(self, task: str, shape: tuple[int, int] | None) -> Misfits:
        if not self.definition.needs_images:
            return
        if shape is None:
            yield (
                "kind",
                f"recipe.features = {self.kind!r} is made of images, and {task} has none: use "
                "'pixels' or 'fourier'.",
            )
        elif shape[0] != shape[1]:
            yield (
                "kind",
                f"recipe.features = {self.kind!r} is made of square images, but those of {task} "
                f"have {shape[0]} x {shape[1]} pixels (height x width): cut, pad or scale them to "
                "one side, or use 'pixels' or 'fourier'.",
            )


FEATURES: Family[FeatureSettings] = Family("features", FeatureSettings)


@dataclass(frozen=True, eq=False, kw_only=True)
class Features(Kind[P]):
    """A feature map.

    Attributes
    ----------
    n_features : callable or None
        How many features there are, of the number before and of settings; None: as many as before.
    needs_images : bool
        Whether it is made of square images.
    misfits : callable or None
        What a task cannot have of it: of the task's name in sentences, of the pixels of its images
        (H, W) or None, and of settings. It yields settings, each with a sentence.
    is_fitted : bool
        Whether the map depends on the training rows and the seed; else it is stored once for all.
    in_pieces : bool
        Whether the function takes `TrainingRows`, which need not fit in memory, in place of `X`.
    seconds : float
        How long a feature of a row takes.
    """

    family = FEATURES
    data = ("X", "stream")
    given = frozenset({"n_before", "task", "shape"})

    n_features: Callable[..., int] | None = None
    needs_images: bool = False
    misfits: Callable[..., Misfits] | None = None
    is_fitted: bool = True
    in_pieces: bool = False
    seconds: float = 1e-8


@overload
def features(function: Fit[P], /) -> Features[P]: ...
@overload
def features(**facts: Any) -> Callable[[Fit[P]], Features[P]]: ...
def features(function: Any = None, /, **facts: Any) -> Any:
    """Make features of a function that fits a map; the facts are those of `Features`.

    Parameters
    ----------
    function : callable
        Of the rows that training sees, (N, D) float32, without labels, and of a NumPy generator. It
        returns a function from rows to their features, (M, D) to (M, D').
    """
    return decorate(Features, function, facts)


Size = Annotated[int, Field(ge=2, lt=2**31)]
Padding = Annotated[int, Field(ge=0, le=100)]
Overlap = Annotated[float, Field(ge=0, le=1)]
Stream = np.random.Generator


def _scale_images(task: str, shape: tuple[int, int] | None, standardise: bool) -> Misfits:
    if shape is None and standardise:
        yield (
            "standardise",
            f"recipe.features.standardise = true is for images, and the features of {task} are "
            "of one size already: leave it out.",
        )


@features(misfits=_scale_images, in_pieces=True, seconds=0.0)
def pixels(X: Any, stream: Stream, *, standardise: bool = False) -> Map:
    """Row itself: pixels from 0 to 1, a table's columns, synthetic numbers.

    With `standardise` each pixel has mean 0 and standard deviation 1 over the training rows.

    References
    ----------
    `StandardScaler` of scikit-learn.
    """
    from fairtrial.data.features.maps import fit_scale

    return fit_scale([X.read()])  # Without `standardise` no map is made.


def _brighten_images(task: str, shape: tuple[int, int] | None, gamma: float) -> Misfits:
    if shape is None and gamma != 1:
        yield (
            "gamma",
            f"recipe.features.gamma = {gamma:g} is for images, whose pixels lie between "
            f"0 and 1, and {task} has none: leave it out.",
        )


@features(
    n_features=lambda n_before, directions: directions,
    misfits=_brighten_images,
    in_pieces=True,
    seconds=2e-8,
)
def fourier(
    X: Any,
    stream: Stream,
    *,
    directions: Count = 2000,
    bandwidth: Positive = 1.0,
    gamma: Positive = 1.0,
) -> Map:
    """Random Fourier features of the Gaussian kernel.

    There are as many of them as `directions`. The kernel's `bandwidth` is in multiples of the
    median distance between training rows. Pixels, from 0 to 1, are raised to `gamma` before
    anything else; below 1 that brings out the darker ones.

    References
    ----------
    Rahimi and Recht (2007), "Random features for large-scale kernel machines".
    """
    from fairtrial.data.features.maps import fit_fourier

    given = SimpleNamespace(directions=directions, bandwidth=bandwidth, gamma=gamma)
    return fit_fourier(given, X)


def _count_blocks(n_before: int, orientations: int, cell: int, block: int) -> int:
    n_blocks = round(n_before**0.5) // cell - block + 1
    return n_blocks**2 * block**2 * orientations


def _fit_blocks_in(task: str, shape: tuple[int, int], cell: int, block: int) -> Misfits:
    height, width = shape
    if (most := width // cell) < block:
        yield (
            "block" if most else "cell",
            f"recipe.features.block = {block} cells of {cell} x {cell} pixels do not fit in the "
            f"images of {task}, {height} x {width}: take smaller cells"
            f"{f', or blocks of {most} at most' if most else ''}.",
        )


@features(
    reference="scikit-image",
    n_features=_count_blocks,
    needs_images=True,
    misfits=_fit_blocks_in,
    is_fitted=False,
    in_pieces=True,
    seconds=2e-7,
)
def hog(
    X: Any, stream: Stream, *, orientations: Count = 9, cell: Count = 4, block: Count = 2
) -> Map:
    """Histograms of oriented gradients.

    Over cells of `cell` x `cell` pixels; every block of `block` x `block` cells is normalised.

    References
    ----------
    Dalal and Triggs (2005), "Histograms of oriented gradients for human detection".
    """
    from fairtrial.data.features.maps import fit_hog

    return fit_hog(SimpleNamespace(orientations=orientations, cell=cell, block=block), X)


class FirstLayer(Settings):
    """A layer below another: `size` is that of its patches, in pixels a side.

    The next layer sees the first `channels` principal components of its responses; absent, it sees
    all of them, 2 `patches`.
    """

    patches: Count = 64
    dictionary: Literal["kmeans", "random"] = "kmeans"
    padding: Padding = 2
    contrast: NonNegative = 0.1
    whitening: NonNegative = 0.01
    dimensions: Count = 100
    threshold: NonNegative = 0.6
    grid: Count = 14
    overlap: Overlap = 0.25
    power: Positive = 0.5
    size: Size = 5
    channels: Count | None = None


def _fit_patches_in(
    task: str,
    shape: tuple[int, int],
    padding: int,
    grid: int,
    first: FirstLayer | None,
    sizes: list[int],
) -> Misfits:
    what, side = f"the images of {task}", shape[0]
    if first:
        yield from _fit_layer_in(
            what, side, first.padding, first.grid, first.size, ("first.size", "first.grid")
        )
        what, side = "the first layer's maps", first.grid
    yield from _fit_layer_in(what, side, padding, grid, max(sizes), ("sizes", "grid"))


def _fit_layer_in(
    what: str, side: int, padding: int, grid: int, size: int, names: tuple[str, str]
) -> Misfits:
    size_name, grid_name = names
    padded = side + 2 * padding
    if size > padded:
        yield (
            size_name,
            f"recipe.features.{size_name} has {size}, but {what} are {side} x {side}"
            f"{f', {padded} x {padded} with padding' if padding else ''}: at most {padded}.",
        )
    elif grid > (n_places := padded - size + 1):
        yield (
            grid_name,
            f"recipe.features.{grid_name} = {grid}, but patches of {size} x {size} have "
            f"{n_places} x {n_places} places in {what}: at most {n_places}.",
        )


@features(
    n_features=lambda n_before, patches, grid, sizes: 2 * patches * grid**2 * len(sizes),
    needs_images=True,
    misfits=_fit_patches_in,
    in_pieces=True,
    seconds=4e-8,
)
def patches(
    X: Any,
    stream: Stream,
    *,
    patches: Count = 400,
    dictionary: Literal["kmeans", "random"] = "kmeans",
    padding: Padding = 0,
    contrast: NonNegative = 0.1,
    whitening: NonNegative = 0.01,
    dimensions: Count = 100,
    threshold: NonNegative = 0.6,
    grid: Count = 4,
    overlap: Overlap = 0.0,
    power: Positive = 0.5,
    first: FirstLayer | None = None,
    sizes: Annotated[list[Size], Field(min_length=1)] = [6],  # noqa: B006 - settings are frozen.
    gamma: Positive = 1.0,
) -> Map:
    """Responses to small whitened patches, pooled on a grid and standardised.

    A dictionary of `patches` for each of `sizes`, a side in pixels, is learned by spherical k-means
    or drawn from training images. With `first` the patches are not of pixels but of what a first
    layer makes of them. Pixels, from 0 to 1, are raised to `gamma` before anything else; below 1
    that brings out the darker ones.

    Windows, of images with `padding` zeros around them, have their mean taken off and their
    contrast normalised: `contrast` is the share of the median contrast that counts as little. Then
    they are whitened: along their first `dimensions` principal components, with `whitening`, as a
    share of the largest eigenvalue, added to all. The cosine `c` of a window and a patch counts as
    `max(0, c - t)` and `max(0, -c - t)`; `t` is `threshold` times the standard deviation of chance
    cosines. Both are averaged over the cells of a `grid` x `grid`, which reach into their
    neighbours by the share `overlap`, and raised to `power`.

    References
    ----------
    Coates and Ng (2012), doi:10.1007/978-3-642-35289-8_30.
    """
    given = {name: value for name, value in locals().items() if name not in ("X", "stream")}
    from fairtrial.data.features.patches import fit_patches

    return fit_patches(SimpleNamespace(**given), X)
