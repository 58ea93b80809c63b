"""Noise on the training rows of a task: on their features, and on their labels."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Concatenate, overload

import numpy as np
from numpy.random import Generator

from fairtrial.kinds.mechanism.kind import Fact, Kind, KindSettings, P
from fairtrial.kinds.mechanism.registry import Family, decorate
from fairtrial.settings.base import NonNegative, Positive, Share

Disturb = Callable[Concatenate[Generator, np.ndarray, P], np.ndarray]
Mislabel = Callable[Concatenate[Generator, np.ndarray, int, P], np.ndarray]


class InputNoiseSettings(KindSettings):
    """Settings of the noise on the features of training rows."""

    # Whether it is for images (True), or for features without bounds (False); None: both.
    on_images = Fact[bool | None]()


class LabelNoiseSettings(KindSettings):
    """Settings of the noise on the labels of training rows."""


INPUT_NOISES: Family[InputNoiseSettings] = Family("input_noise", InputNoiseSettings)
LABEL_NOISES: Family[LabelNoiseSettings] = Family("label_noise", LabelNoiseSettings)


@dataclass(frozen=True, eq=False, kw_only=True)
class InputNoise(Kind[P]):
    """Noise on the features of training rows.

    Attributes
    ----------
    on_images : bool or None
        Whether it is for images (True), or for features without bounds (False); None: for both.
    """

    family = INPUT_NOISES
    data = ("stream", "X")

    reference: str = "SciPy"
    on_images: bool | None = None


class LabelNoise(Kind[P]):
    """Noise on the labels of training rows."""

    family = LABEL_NOISES
    data = ("stream", "labels", "n_classes")


@overload
def input_noise(function: Disturb[P], /) -> InputNoise[P]: ...
@overload
def input_noise(**facts: Any) -> Callable[[Disturb[P]], InputNoise[P]]: ...
def input_noise(function: Any = None, /, **facts: Any) -> Any:
    """Make noise on the features of training rows; the facts are those of `InputNoise`.

    Its function takes a NumPy generator and the features as a model sees them, (N, D): pixels are
    from 0 to 1. It returns the features with noise.
    """
    return decorate(InputNoise, function, facts)


@overload
def label_noise(function: Mislabel[P], /) -> LabelNoise[P]: ...
@overload
def label_noise(**facts: Any) -> Callable[[Mislabel[P]], LabelNoise[P]]: ...
def label_noise(function: Any = None, /, **facts: Any) -> Any:
    """Make noise on the labels of training rows.

    Its function takes a NumPy generator, the labels (N,), classes from 0, and the number of
    classes. It returns the labels, some of which are wrong.
    """
    return decorate(LabelNoise, function, facts)


@input_noise(also="gaussian")
def normal(stream: Generator, X: np.ndarray, *, scale: NonNegative = 0.1) -> np.ndarray:
    """Gaussian noise on every feature of the training rows.

    `scale` is its standard deviation, in units of the features as the model sees them: pixels are
    from 0 to 1, and stay there.

    References
    ----------
    Hendrycks and Dietterich (2019), arXiv:1903.12261; for numbers, Fuller (1987), "Measurement
    error models".
    """
    return X + scale * stream.standard_normal(X.shape)


@input_noise(on_images=True, also="impulse saltpepper")
def salt_and_pepper(stream: Generator, X: np.ndarray, *, share: Share = 0.1) -> np.ndarray:
    """Pixels of the training rows that are 0 or 1 with equal probability, a `share` of them.

    References
    ----------
    Hendrycks and Dietterich (2019), arXiv:1903.12261; `random_noise` of scikit-image.
    """
    drawn = stream.random(X.shape)
    return np.where(drawn < share / 2, 0.0, np.where(drawn < share, 1.0, X))


@input_noise(on_images=False, also="outliers leveragepoints badleverage")
def leverage(
    stream: Generator, X: np.ndarray, *, share: Share = 0.05, factor: Positive = 10.0
) -> np.ndarray:
    """Outliers in x: a `share` of the training rows has other features, and keeps its target.

    These features are normal, about the mean of the feature and `factor` times as wide as it is.

    References
    ----------
    Rousseeuw and Leroy (1987), "Robust regression and outlier detection", chapter 1.
    """
    far = stream.random(len(X)) < share
    drawn = X.mean(0) + factor * X.std(0) * stream.standard_normal(X.shape)
    return np.where(far[:, None], drawn, X)


@label_noise(also="uniform flips random")
def symmetric(
    stream: Generator, labels: np.ndarray, n_classes: int, *, share: Share = 0.2
) -> np.ndarray:
    """Wrong training labels, a `share` of them: each of the other classes is as probable.

    A larger share has the same wrong labels, and more.

    References
    ----------
    Patrini et al. (2017), arXiv:1609.03683, section 6.
    """
    wrong, shift = stream.random(len(labels)) < share, stream.integers(1, n_classes, len(labels))
    return np.where(wrong, (labels + shift) % n_classes, labels)


@label_noise(also="pairflip pairflips asymmetric")
def pairwise(
    stream: Generator, labels: np.ndarray, n_classes: int, *, share: Share = 0.2
) -> np.ndarray:
    """Wrong training labels, a `share` of them: the next class; after the last comes the first.

    A larger share has the same wrong labels, and more.

    References
    ----------
    Han et al. (2018), arXiv:1804.06872, section 4.
    """
    wrong = stream.random(len(labels)) < share
    return np.where(wrong, (labels + 1) % n_classes, labels)
