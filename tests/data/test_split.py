"""Splits and orders of rows."""

import sys

import numpy as np
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairtrial.data.split import Part, order_rows, split_rows


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.integers(2, 500), st.floats(0.01, 0.99), st.integers(0, 2**62))
def test_split_rows_assigns_every_row_once(n_rows, share, seed):
    train, validation = split_rows(n_rows, share, seed)
    assert sorted([*train, *validation]) == list(range(n_rows))
    # The share to the nearest row, but a row on each side at least.
    assert abs(len(validation) - np.clip(share * n_rows, 1, n_rows - 1)) <= 0.5
    assert len(train) and len(validation)
    assert np.all(np.diff(train) > 0) and np.all(np.diff(validation) > 0)


def test_split_rows_without_validation():
    train, validation = split_rows(10, None, 3)
    assert train.tolist() == list(range(10))
    assert len(validation) == 0


def test_a_larger_share_holds_out_the_same_rows_and_more():
    parts = [set(split_rows(1000, share, 3)[1]) for share in (0.1, 0.2, 0.5)]
    assert parts[0] < parts[1] < parts[2]


def test_held_out_rows_are_spread_over_all_rows():
    """Of 60,000 rows the mean place of 12,000 at random is within four standard errors."""
    _, validation = split_rows(60_000, 0.2, 3)
    error = np.sqrt((60_000**2 - 1) / 12 / 12_000 * (48_000 / 59_999))
    assert np.mean(validation) == pytest.approx(29_999.5, abs=4 * error)


def test_purposes_split_differently():
    one, other = (set(split_rows(1000, 0.5, 1, purpose)[1]) for purpose in ("split", "other"))
    assert 200 < len(one & other) < 300
    assert set(split_rows(1000, 0.5, 1)[1]) == one


def test_seeds_split_differently():
    one, other = (set(split_rows(1000, 0.5, seed)[1]) for seed in (1, 2))
    assert 200 < len(one & other) < 300


def test_each_epoch_has_a_new_order_of_rows():
    orders = [order_rows(1000, seed, epoch) for seed in (1, 2) for epoch in (1, 2)]
    for order in orders:
        assert sorted(order) == list(range(1000))
    for first in range(4):
        for second in range(first):
            same = np.mean(orders[first] == orders[second])
            assert same < 0.01
    np.testing.assert_array_equal(orders[0], order_rows(1000, 1, 1))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts the pages of files apart")
def test_rows_read_from_a_file_do_not_stay_in_memory(tmp_path):
    n_rows, n_features = 2000, 2**14  # 128 MB of float32
    path = tmp_path / "features.npy"
    written = np.lib.format.open_memmap(path, "w+", np.float32, (n_rows, n_features))
    written[:, 0] = np.arange(n_rows)
    del written
    source = np.load(path, mmap_mode="r")
    part = Part(source, np.arange(n_rows)[::-1], np.zeros(n_rows))
    before = psutil.Process().memory_info().shared
    read = [part.read(slice(first, first + 100))[:, 0] for first in range(0, n_rows, 100)]
    assert np.concatenate(read).tolist() == [*range(n_rows)][::-1]
    assert psutil.Process().memory_info().shared - before < 2**25
