"""Features: what a linear model sees of each row. It stays linear in its features."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Concatenate, ParamSpec, overload

import numpy as np

from fairtrial.kinds.mechanism.kind import Fact, Kind, KindSettings
from fairtrial.kinds.mechanism.registry import Family, decorate
from fairtrial.kinds.mechanism.signature import refuse
from fairtrial.randomness import make_stream

P = ParamSpec("P")
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
        kind = self.definition
        stream = make_stream(rows.seed, f"features.{self.kind}")
        return kind.function(rows if kind.in_pieces else rows.read(), stream, **self.own)

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
        """Yield what of the map a task cannot have: the setting, and a sentence with its name.

        The shape is that of the task's images (H, W), in pixels; None where it has none.
        """
        problems = list(self._find_wrong_images(task, shape))
        if not problems and self.definition.misfits is not None:
            problems = list(self.ask(self.definition.misfits, task, shape))
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
def features(
    *,
    n_features: Callable[..., int] | None = ...,
    needs_images: bool = ...,
    misfits: Callable[..., Misfits] | None = ...,
    is_fitted: bool = ...,
    in_pieces: bool = ...,
    seconds: float = ...,
    label: str = ...,
    also: str = ...,
    reference: str = ...,
    rule: Callable[..., str] | None = ...,
) -> Callable[[Fit[P]], Features[P]]: ...
def features(function: Any = None, /, **facts: Any) -> Any:
    """Make features of a function that fits a map; the facts are those of `Features`.

    Parameters
    ----------
    function : callable
        Of the rows that training sees, (N, D) float32, without labels, and of a NumPy generator. It
        returns a function from rows to their features, (M, D) to (M, D').
    """
    return decorate(Features, function, facts)
