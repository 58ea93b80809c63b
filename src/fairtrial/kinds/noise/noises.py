"""Noise on the targets of synthetic tasks: the draws and the density of each kind."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Concatenate, overload

import numpy as np
from numpy.random import Generator

from fairtrial.kinds.mechanism.kind import Kind, KindSettings, P
from fairtrial.kinds.mechanism.registry import Family, decorate
from fairtrial.kinds.mechanism.signature import refuse
from fairtrial.kinds.mechanism.tensors import tf
from fairtrial.kinds.noise.bounds import check_bounds
from fairtrial.settings.base import NonNegative, Positive, Share

Draw = Callable[Concatenate[Generator, int, P], np.ndarray]


class NoiseSettings(KindSettings):
    """Settings of the noise on the targets of a task."""

    def draw(self, stream: Generator, n_rows: int, X: np.ndarray) -> np.ndarray:
        """Draw the noise of rows with features X (N, D); (N,), in target units."""
        rows = X if self.definition.sees_features else n_rows
        # Of its own noise, fairtrial says what NumPy warns of.
        with np.errstate(all="ignore") if self.definition.is_own else nullcontext():
            drawn = self.call_function(stream, rows)
        if np.shape(drawn) != (n_rows,):
            found = f"it draws {np.shape(drawn)} for {n_rows:,} rows"
            raise refuse(self.definition.function, f"{found}, and must draw one number per row")
        check_bounds(self, drawn, lambda other: other.call_function(stream, rows))
        return drawn

    def measure_density(self, at: np.ndarray) -> np.ndarray | None:
        """Return the density at some noises, (N,), per target unit; None where it is not known."""
        return self.ask(self.definition.density, at)

    @property
    def is_replayed(self) -> bool:
        """Whether the lab report drew it, from TensorFlow's stateful generator."""
        return self.definition.replay is not None

    def replay(self, n_rows: int) -> Any:
        """Draw it from TensorFlow's stateful generator, as the lab report did; (N,)."""
        return self.ask(self.definition.replay, n_rows)


NOISES: Family[NoiseSettings] = Family("noise", NoiseSettings)


@dataclass(frozen=True, eq=False, kw_only=True)
class Noise(Kind[P]):
    """Noise on the targets of a task.

    Attributes
    ----------
    density : callable or None
        The density at some noises, (N,), as a function of them and of settings.
    replay : callable or None
        How the lab report drew it from TensorFlow's generator: of the number of rows and settings.
    sees_features : bool
        Whether it is a function of the features of the rows, in place of their number.
    """

    family = NOISES
    given = frozenset({"at", "n_rows"})

    reference: str = "SciPy"
    density: Callable[..., np.ndarray] | None = None
    replay: Callable[..., Any] | None = None
    sees_features: bool = False

    @property
    def data(self) -> tuple[str, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """What the function is called with, beside settings."""
        return ("stream", "X" if self.sees_features else "n_rows")


@overload
def noise(function: Draw[P], /) -> Noise[P]: ...
@overload
def noise(**facts: Any) -> Callable[[Callable[..., np.ndarray]], Noise[...]]: ...
def noise(function: Any = None, /, **facts: Any) -> Any:
    """Make noise of a task of a function that draws it; the facts are those of `Noise`.

    Parameters
    ----------
    function : callable
        Of a NumPy generator and a number of rows, or with `sees_features` their features X, (N, D).
        It returns the noise on their targets, (N,), in target units.
    """
    return decorate(Noise, function, facts)


def _load_stats() -> Any:
    from scipy import stats  # It takes a second to load, and only charts ask for densities.

    return stats


@noise(
    density=lambda at, scale: _load_stats().norm.pdf(at, scale=scale),
    replay=lambda n_rows, scale: tf.random.normal([n_rows], stddev=scale),
    also="gaussian randomnormal",
)
def normal(stream: Generator, n_rows: int, *, scale: NonNegative = 1.0) -> np.ndarray:
    """Gaussian noise; `scale` is its standard deviation, in target units.

    References
    ----------
    Johnson, Kotz and Balakrishnan (1994), "Continuous univariate distributions", chapter 13.
    """
    return scale * stream.standard_normal(n_rows)


@noise(
    density=lambda at, scale: _load_stats().uniform.pdf(at, -scale, 2.0 * scale),
    replay=lambda n_rows, scale: tf.random.uniform([n_rows], -scale, scale),
)
def uniform(stream: Generator, n_rows: int, *, scale: NonNegative = 1.0) -> np.ndarray:
    """Uniform noise on [-scale, scale], in target units.

    References
    ----------
    Johnson, Kotz and Balakrishnan (1995), "Continuous univariate distributions", chapter 26.
    """
    return scale * stream.uniform(-1.0, 1.0, n_rows)


@noise(density=lambda at, scale: _load_stats().laplace.pdf(at, scale=scale))
def laplace(stream: Generator, n_rows: int, *, scale: NonNegative = 1.0) -> np.ndarray:
    """Laplace noise with density exp(-|e| / scale) / (2 scale), in target units.

    Its variance is 2 scale².

    References
    ----------
    Johnson, Kotz and Balakrishnan (1995), "Continuous univariate distributions", chapter 24.
    """
    return scale * stream.laplace(size=n_rows)


@noise(
    density=lambda at, scale, degrees_of_freedom: _load_stats().t.pdf(
        at, degrees_of_freedom, scale=scale
    )
)
def student_t(
    stream: Generator, n_rows: int, *, scale: NonNegative = 1.0, degrees_of_freedom: Positive = 3.0
) -> np.ndarray:
    """Student's t noise with `degrees_of_freedom`, times `scale`, in target units.

    References
    ----------
    Student (1908), "The probable error of a mean", doi:10.2307/2331554.
    """
    return scale * stream.standard_t(degrees_of_freedom, n_rows)


def _contaminated_density(at: np.ndarray, scale: float, share: float, factor: float) -> np.ndarray:
    wide = _load_stats().norm.pdf(at, scale=factor * scale)
    return (1.0 - share) * _load_stats().norm.pdf(at, scale=scale) + share * wide


@noise(density=_contaminated_density)
def contaminated(
    stream: Generator,
    n_rows: int,
    *,
    scale: NonNegative = 1.0,
    share: Share = 0.1,
    factor: Positive = 10.0,
) -> np.ndarray:
    """Gaussian noise, a `share` of which is `factor` times as wide (Tukey's contamination).

    `scale` is the standard deviation of the rest, in target units.

    References
    ----------
    Tukey (1960), "A survey of sampling from contaminated distributions".
    """
    drawn = stream.standard_normal(n_rows)
    wide = stream.random(n_rows) < share
    return scale * np.where(wide, factor, 1.0) * drawn


def _compressed_density(at: np.ndarray, scale: float) -> np.ndarray:
    size = np.abs(at) / scale  # By change of variable.
    return _load_stats().norm.pdf(np.expm1(size)) * np.exp(size) / scale


def _replay_compressed(n_rows: int, scale: float) -> Any:
    drawn = tf.random.normal([n_rows])
    return scale * (tf.sign(drawn) * tf.math.log(1 + tf.abs(drawn)))


@noise(density=_compressed_density, replay=_replay_compressed)
def compressed_normal(stream: Generator, n_rows: int, *, scale: NonNegative = 1.0) -> np.ndarray:
    """`sign(n) log(1 + |n|)` of a standard normal n, times `scale`: lighter-tailed than normal.

    In target units.

    References
    ----------
    The lab report, which draws its third kind of noise so.
    """
    drawn = stream.standard_normal(n_rows)
    return scale * np.sign(drawn) * np.log1p(np.abs(drawn))


@noise(density=lambda at, scale: _load_stats().expon.pdf(at, -scale, scale), also="skewed expon")
def exponential(stream: Generator, n_rows: int, *, scale: NonNegative = 1.0) -> np.ndarray:
    """Skewed noise: exponential minus its mean, so never below -scale; in target units.

    `scale` is its standard deviation.

    References
    ----------
    Johnson, Kotz and Balakrishnan (1994), "Continuous univariate distributions", chapter 19.
    """
    return scale * (stream.exponential(size=n_rows) - 1.0)


@noise(sees_features=True, also="heteroscedastic heteroskedastic")
def growing(
    stream: Generator, X: np.ndarray, *, scale: NonNegative = 1.0, growth: Positive = 1.0
) -> np.ndarray:
    """Gaussian noise that grows with the features, in target units.

    Its standard deviation is scale (1 + growth |x|), where |x| is the root mean square of the
    features of the row; with one feature that is its size.

    References
    ----------
    Koenker and Bassett (1982), doi:10.2307/1912528.
    """
    size = np.sqrt(np.mean(np.square(X), 1))
    return scale * (1.0 + growth * size) * stream.standard_normal(len(X))
