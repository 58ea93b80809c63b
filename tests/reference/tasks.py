"""Data sets, written again in NumPy; or where their rows are checked against an outside source."""

import hashlib

import numpy as np


def open_stream(seed, purpose):
    """NumPy's Philox, keyed by the seed and the SHA-256 of the purpose."""
    number = int.from_bytes(hashlib.sha256(purpose.encode()).digest()[:8], "big")
    return np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, number])))


def draw_line(seed, n_rows):
    """Training rows at the default settings, float64."""
    x = open_stream(seed, "data.x").standard_normal((n_rows, 1))
    return x, 3.0 * x[:, 0] + 2.0 + open_stream(seed, "data.noise").standard_normal(n_rows)


def draw_linear(seed, n_rows):
    """Training rows at the default settings, float64."""
    X = open_stream(seed, "data.x").standard_normal((n_rows, 10))
    W = open_stream(seed, "truth.W").standard_normal(10)
    return X, X @ W + open_stream(seed, "data.noise").standard_normal(n_rows)


def load_digits(seed, n_rows):
    """All but the last 360 rows of scikit-learn's digits."""
    from sklearn import datasets

    X, y = datasets.load_digits(return_X_y=True)
    return X[:-360], y[:-360]


TASKS = {
    "line": draw_line,
    "linear": draw_linear,
    "digits": load_digits,
    # Read from files, and checked there.
    "fashion_mnist": "NumPy: tests/data/images/test_sets.py",
    "table": "NumPy: tests/data/tables/test_table.py",
    "images": "NumPy: tests/data/images/test_own_images.py",
}
