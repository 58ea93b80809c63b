"""Noise on training rows in closed form: transitions of classes, distributions of features."""

import numpy as np
import scipy.stats


def symmetric(noise, n_classes):
    """The probability of each class (columns) where a row is of a class (rows): Patrini (2017)."""
    others = noise.share / (n_classes - 1)
    return (1 - noise.share - others) * np.eye(n_classes) + others


def pairwise(noise, n_classes):
    """As `symmetric`: Han et al. (2018), equation of the pair flip."""
    return (1 - noise.share) * np.eye(n_classes) + noise.share * np.roll(np.eye(n_classes), 1, 1)


LABEL_NOISES = {"symmetric": symmetric, "pairwise": pairwise}


class Mixture:
    """A distribution in some of the rows, and another one in the rest."""

    def __init__(self, share, one, other):
        self._share, self._one, self._other = share, one, other

    def cdf(self, x):
        return self._share * self._one.cdf(x) + (1 - self._share) * self._other.cdf(x)


# The distribution of a feature that is uniform from 0 to 1 without the noise.
UNIFORM = scipy.stats.uniform()


class Blurred:
    """A uniform number plus a normal one, by the integral of the normal distribution."""

    def __init__(self, scale):
        self._scale = scale

    def cdf(self, x):
        def integral(z):
            return z * scipy.stats.norm.cdf(z) + scipy.stats.norm.pdf(z)

        x = np.asarray(x)
        return self._scale * (integral(x / self._scale) - integral((x - 1) / self._scale))


class SaltOrPepper:
    def cdf(self, x):
        return 0.5 * (np.asarray(x) >= 0) + 0.5 * (np.asarray(x) >= 1)


INPUT_NOISES = {
    "normal": lambda noise: Blurred(noise.scale),
    "salt_and_pepper": lambda noise: Mixture(noise.share, SaltOrPepper(), UNIFORM),
    "leverage": lambda noise: Mixture(
        noise.share, scipy.stats.norm(0.5, noise.factor / np.sqrt(12)), UNIFORM
    ),
}
