"""Noise on the targets of synthetic tasks: the draws and the density of each kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import laplace, norm, t, uniform


class Noise(NamedTuple):
    """The draws and the density of a kind of noise, given the noise settings of the task."""

    draw: Callable[[np.random.Generator, int, Any], np.ndarray]
    density: Callable[[np.ndarray, Any], np.ndarray]


def draw_normal(stream: np.random.Generator, n_rows: int, noise: Any) -> np.ndarray:
    """Draw Gaussian noise with standard deviation `scale`; (N,), in target units."""
    return noise.scale * stream.standard_normal(n_rows)


def draw_uniform(stream: np.random.Generator, n_rows: int, noise: Any) -> np.ndarray:
    """Draw uniform noise on [-scale, scale]; (N,), in target units."""
    return noise.scale * stream.uniform(-1.0, 1.0, n_rows)


def draw_laplace(stream: np.random.Generator, n_rows: int, noise: Any) -> np.ndarray:
    """Draw Laplace noise with scale `scale` (variance 2 scale²); (N,), in target units."""
    return noise.scale * stream.laplace(size=n_rows)


def draw_student_t(stream: np.random.Generator, n_rows: int, noise: Any) -> np.ndarray:
    """Draw Student's t noise times `scale`; (N,), in target units."""
    return noise.scale * stream.standard_t(noise.degrees_of_freedom, n_rows)


def draw_contaminated(stream: np.random.Generator, n_rows: int, noise: Any) -> np.ndarray:
    """Draw Gaussian noise; a `share` of it is `factor` times as wide. (N,), in target units.

    References
    ----------
    Tukey (1960), "A survey of sampling from contaminated distributions".
    """
    normal = stream.standard_normal(n_rows)
    wide = stream.random(n_rows) < noise.share
    return noise.scale * np.where(wide, noise.factor, 1.0) * normal


def draw_compressed_normal(stream: np.random.Generator, n_rows: int, noise: Any) -> np.ndarray:
    """Draw `sign(n) log(1 + |n|)` of a standard normal, times `scale`; (N,), in target units."""
    normal = stream.standard_normal(n_rows)
    return noise.scale * np.sign(normal) * np.log1p(np.abs(normal))


def density_of_normal(at: np.ndarray, noise: Any) -> np.ndarray:
    """Return the normal density; (N,), per target unit."""
    return norm.pdf(at, scale=noise.scale)


def density_of_uniform(at: np.ndarray, noise: Any) -> np.ndarray:
    """Return the density on [-scale, scale]; (N,), per target unit."""
    return uniform.pdf(at, -noise.scale, 2.0 * noise.scale)


def density_of_laplace(at: np.ndarray, noise: Any) -> np.ndarray:
    """Return the Laplace density; (N,), per target unit."""
    return laplace.pdf(at, scale=noise.scale)


def density_of_student_t(at: np.ndarray, noise: Any) -> np.ndarray:
    """Return the density of Student's t times `scale`; (N,), per target unit."""
    return t.pdf(at, noise.degrees_of_freedom, scale=noise.scale)


def density_of_contaminated(at: np.ndarray, noise: Any) -> np.ndarray:
    """Return the density of the mixture of two normal ones; (N,), per target unit."""
    wide = norm.pdf(at, scale=noise.factor * noise.scale)
    return (1.0 - noise.share) * norm.pdf(at, scale=noise.scale) + noise.share * wide


def density_of_compressed_normal(at: np.ndarray, noise: Any) -> np.ndarray:
    """Return the density of `scale sign(n) log(1 + |n|)`, by change of variable; (N,)."""
    size = np.abs(at) / noise.scale
    return norm.pdf(np.expm1(size)) * np.exp(size) / noise.scale


NOISES: dict[str, Noise] = {
    "normal": Noise(draw_normal, density_of_normal),
    "uniform": Noise(draw_uniform, density_of_uniform),
    "laplace": Noise(draw_laplace, density_of_laplace),
    "student_t": Noise(draw_student_t, density_of_student_t),
    "contaminated": Noise(draw_contaminated, density_of_contaminated),
    "compressed_normal": Noise(draw_compressed_normal, density_of_compressed_normal),
}
