"""Features in one unit, against scikit-learn and where its own rule would not scale."""

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from fairtrial.data.scale import find_coarse_step, standardise


def test_agrees_with_scikit_learn():
    X = np.random.default_rng(0).normal([0.0, 5.0, -300.0], [1.0, 1e-3, 1e6], (50, 3))
    seen = np.arange(0, 50, 3)
    expected = StandardScaler().fit(X[seen]).transform(X)
    np.testing.assert_allclose(standardise(X, seen), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("value", [0.0, 0.1, 1.0 / 3.0, 1e-20, 1.7e9, -1e30])
@pytest.mark.parametrize("n_rows", [3, 1_000, 99_991])
def test_constant_features_become_zero(value, n_rows):
    """The mean of equal numbers is rounded: what is left of them must not be scaled up."""
    X = np.column_stack([np.full(n_rows, value), np.arange(n_rows)])
    assert not standardise(X, np.arange(n_rows))[:, 0].any()


def test_small_spread_on_a_large_offset():
    """scikit-learn takes such a column of many rows for constant, and does not scale it."""
    draws = np.random.default_rng(0).integers(-1000, 1000, 200_000) / 2.0**20
    X = (1e9 + draws)[:, None]
    made = standardise(X, np.arange(len(X)))
    assert made.std() == pytest.approx(1.0, rel=1e-6)
    assert np.corrcoef(made[:, 0], draws)[0, 1] == pytest.approx(1.0, abs=1e-9)


def test_coarse_step_is_that_of_float32():
    assert find_coarse_step(500.0, 1.0) is None
    assert find_coarse_step(2.0**24, 1.0) == 2.0
