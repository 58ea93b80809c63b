"""Noise of tasks: the distribution of each kind at scale 1."""

import numpy as np
import scipy.stats


class Contaminated:
    """The mixture's closed form."""

    def __init__(self, share, factor):
        self._share, self._factor = share, factor

    def cdf(self, x):
        wide = scipy.stats.norm.cdf(x, scale=self._factor)
        return (1 - self._share) * scipy.stats.norm.cdf(x) + self._share * wide

    def std(self):
        return np.sqrt(1 - self._share + self._share * self._factor**2)


class CompressedNormal:
    """`|y| = log(1 + |n|)`, so `n = sign(y) (exp|y| - 1)`."""

    def cdf(self, x):
        return scipy.stats.norm.cdf(np.sign(x) * np.expm1(np.abs(x)))

    def std(self):
        grid = np.linspace(-10, 10, 200_001)
        density = scipy.stats.norm.pdf(grid)
        square = np.log1p(np.abs(grid)) ** 2
        return np.sqrt(np.sum(square * density) * (grid[1] - grid[0]))


NOISES = {
    "normal": lambda noise: scipy.stats.norm(),
    "uniform": lambda noise: scipy.stats.uniform(-1, 2),
    "laplace": lambda noise: scipy.stats.laplace(),
    "student_t": lambda noise: scipy.stats.t(noise.degrees_of_freedom),
    "contaminated": lambda noise: Contaminated(noise.share, noise.factor),
    "compressed_normal": lambda noise: CompressedNormal(),
    "exponential": lambda noise: scipy.stats.expon(-1),
    # Beside features of size 0; `tests/data/test_noise.py` has the others.
    "growing": lambda noise: scipy.stats.norm(),
}
