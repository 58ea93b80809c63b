"""What comes out of the files."""

import dataclasses
import gzip
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits as sklearn_digits

from fairtrial.data.images import sets as images
from fairtrial.errors import MachineError

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
with_debian = pytest.mark.skipif(not DEBIAN.is_dir(), reason="Debian's package is not installed")


def test_fashion_mnist_equals_the_files(tmp_path, tiny):
    loaded = images.load_fashion_mnist(tiny.write(tmp_path / "mine"))
    assert (loaded.image_shape, len(loaded.class_names)) == ((28, 28), 10)
    for part, got_images, got_labels in (
        ("train", loaded.X, loaded.y),
        ("t10k", loaded.test_X, loaded.test_y),
    ):
        expected = tiny.arrays[f"{part}-images-idx3-ubyte"]
        np.testing.assert_array_equal(got_images, expected.reshape(len(expected), 784))
        np.testing.assert_array_equal(got_labels, tiny.arrays[f"{part}-labels-idx1-ubyte"])
        assert got_images.dtype == np.uint8
        assert got_labels.dtype == np.int64
    assert str(tmp_path / "mine") in loaded.source


def test_fingerprint_of_images_depends_on_content_only(tmp_path, tiny):
    packed = images.load_fashion_mnist(tiny.write(tmp_path / "packed"))
    plain = images.load_fashion_mnist(tiny.write(tmp_path / "plain", packed=False))
    assert packed.fingerprint == plain.fingerprint
    assert packed.source != plain.source
    assert packed.fingerprint != images.load_digits().fingerprint
    assert len(packed.fingerprint) == 64


def test_image_arrays_are_read_only(tmp_path, tiny):
    for loaded in (images.load_fashion_mnist(tiny.write(tmp_path)), images.load_digits()):
        for name in ("X", "y", "test_X", "test_y"):
            with pytest.raises(ValueError, match="read-only"):
                getattr(loaded, name)[0] = 0
        with pytest.raises(dataclasses.FrozenInstanceError):
            loaded.image_shape = 1, 1


@with_debian
def test_published_fashion_mnist_from_a_server(home, cache):
    """Expected values: torchvision's mean and deviation, the paper's counts, a plain parse."""
    home.bodies = {path.name: path.read_bytes() for path in DEBIAN.glob("*.gz")}
    loaded = images.load_fashion_mnist()
    assert loaded.X.shape == (60_000, 784)
    assert loaded.test_X.shape == (10_000, 784)
    np.testing.assert_array_equal(np.bincount(loaded.y), [6_000] * 10)
    np.testing.assert_array_equal(np.bincount(loaded.test_y), [1_000] * 10)
    assert loaded.X.mean() / 255 == pytest.approx(0.2860, abs=5e-5)
    assert loaded.X.std() / 255 == pytest.approx(0.3530, abs=5e-5)
    first, last = loaded.y[0], loaded.test_y[0]
    assert (loaded.class_names[first], loaded.class_names[last]) == ("Ankle boot", "Ankle boot")
    raw = gzip.decompress((DEBIAN / "t10k-images-idx3-ubyte.gz").read_bytes())
    assert loaded.test_X.tobytes() == raw[16:]
    again = images.load_fashion_mnist()
    assert again.fingerprint == loaded.fingerprint
    assert str(cache) in again.source


def test_digits_have_the_last_360_rows_as_test_rows():
    loaded = images.load_digits()
    pixels, labels = sklearn_digits(return_X_y=True)
    np.testing.assert_array_equal(loaded.X, pixels[:1437])
    np.testing.assert_array_equal(loaded.test_X, pixels[1437:])
    np.testing.assert_array_equal(loaded.y, labels[:1437])
    np.testing.assert_array_equal(loaded.test_y, labels[1437:])
    assert (loaded.image_shape, loaded.source) == ((8, 8), "scikit-learn")
    assert loaded.class_names == tuple("0123456789")
    assert loaded.X.max() == 16
    assert loaded.X.dtype == np.uint8
    counts = np.bincount(loaded.test_y)
    assert (counts.min(), counts.max()) == (33, 37)


def test_unavailable_images_give_one_sentence(tiny):
    with pytest.raises(MachineError, match="use the data set digits"):
        images.load_fashion_mnist()
