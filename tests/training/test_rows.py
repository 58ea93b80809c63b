"""The order of an epoch's rows, and how they are read: in place, and in pieces."""

import numpy as np
import pytest

from fairtrial.data.load import load_dataset
from fairtrial.data.split import NEIGHBOURS, Part, order_blocks, order_rows
from fairtrial.study.recipe import Recipe
from fairtrial.study.task import LineTask
from fairtrial.training import eager
from fairtrial.training import rows as training_rows
from fairtrial.training.rows import order_epoch


@pytest.mark.parametrize(("n_rows", "n_together"), [(1000, 256), (640, 64), (70, 1000), (65, 1)])
def test_blocks_hold_every_row_once(n_rows, n_together):
    found = order_blocks(n_rows, n_together, 3, 1)
    np.testing.assert_array_equal(np.sort(found), np.arange(n_rows))


def test_rows_that_come_together_are_whole_blocks_of_neighbours():
    found = order_blocks(1024, 256, 3, 1)
    for together in found.reshape(4, 256):
        blocks, counts = np.unique(together // NEIGHBOURS, return_counts=True)
        assert (len(blocks), set(counts)) == (4, {NEIGHBOURS})
        assert len(np.unique(together[:NEIGHBOURS] // NEIGHBOURS)) > 1  # Shuffled among each other.


def test_blocks_differ_between_seeds_and_epochs():
    orders = {tuple(order_blocks(256, 128, seed, epoch)) for seed in (1, 2) for epoch in (1, 2)}
    assert len(orders) == 4
    np.testing.assert_array_equal(order_blocks(256, 128, 1, 2), order_blocks(256, 128, 1, 2))


def test_only_large_files_are_taken_in_blocks(tmp_path, monkeypatch):
    X = np.arange(4000.0, dtype=np.float32).reshape(1000, 4)
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    rows, y = np.arange(0, 1000, 2), np.zeros(500)
    plain = order_rows(500, 7, 2)
    np.testing.assert_array_equal(order_epoch(Part(mapped, rows, y), 7, 2), plain)
    monkeypatch.setattr(training_rows, "PIECE", 128 * 16)
    np.testing.assert_array_equal(order_epoch(Part(X, rows, y), 7, 2), plain)
    found = order_epoch(Part(mapped[:1000], rows, y), 7, 2)
    np.testing.assert_array_equal(found, order_blocks(500, 128, 7, 2))


def test_rows_of_a_file_come_as_named(tmp_path):
    X = np.random.default_rng(0).normal(size=(50, 3))
    np.save(tmp_path / "X.npy", X)
    rows = np.arange(0, 50, 2)
    part = Part(np.load(tmp_path / "X.npy", mmap_mode="r"), rows, np.zeros(25))
    which = np.array([7, 0, 24, 7, 3])
    np.testing.assert_array_equal(part.read(which), X[rows[which]])
    np.testing.assert_array_equal(part.read(slice(4, 9)), X[rows[4:9]])


def test_rows_are_read_in_place():
    """Into one piece of memory, which TensorFlow does not copy."""
    X = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float16)
    part = Part(np.asfortranarray(X), np.arange(50), np.zeros(50))
    read = training_rows.open_part(part, 20)
    first = read(slice(0, 20))
    np.testing.assert_array_equal(first, X[:20])
    second = read(np.array([30, 7]))
    np.testing.assert_array_equal(second, X[[30, 7]])
    np.testing.assert_array_equal(first[:2], X[[30, 7]])
    np.testing.assert_array_equal(first[2:], X[2:20])


@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32, np.float64])
def test_memory_is_aligned(dtype):
    for n_rows in (1, 3, 7):
        made = training_rows.make_aligned((n_rows, 5), np.dtype(dtype))
        assert (made.shape, made.dtype) == ((n_rows, 5), dtype)
        assert made.ctypes.data % training_rows.ALIGNMENT == 0


def test_numbers_in_pieces_have_the_same_metrics(monkeypatch):
    """Of one run without lanes; the last batch is filled up with rows of weight 0."""
    data = load_dataset(LineTask(kind="line", rows=130), 3)
    settings = {"loss": "mse", "optimizer": "sgd", "epochs": 3, "batch_size": 16}
    recipe = Recipe.model_validate(settings)
    whole = eager.train(recipe, data, 3)
    monkeypatch.setattr(training_rows, "PIECE", 40 * 4)
    found = eager.train(recipe, data, 3)
    np.testing.assert_array_equal(found.W, whole.W)
    for name, (_, values) in whole.curves.items():
        np.testing.assert_allclose(found.curves[name][1], values, rtol=1e-5, err_msg=name)
