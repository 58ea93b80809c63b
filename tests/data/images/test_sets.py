"""What comes out of the files, and that the files are parsed safely."""

import dataclasses
import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits as sklearn_digits

from fairtrial.data.images import sets as images
from fairtrial.errors import InputError, MachineError

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
with_debian = pytest.mark.skipif(not DEBIAN.is_dir(), reason="Debian's package is not installed")


def test_fashion_mnist_equals_the_files(tmp_path, tiny):
    loaded = images.load_images("fashion_mnist", tiny.write(tmp_path / "mine"))
    assert loaded.name == "fashion_mnist"
    assert (loaded.side, loaded.pixel_range, len(loaded.class_names)) == (28, 255, 10)
    for part, got_images, got_labels in (
        ("train", loaded.train_images, loaded.train_labels),
        ("t10k", loaded.test_images, loaded.test_labels),
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
        for name in ("train_images", "train_labels", "test_images", "test_labels"):
            with pytest.raises(ValueError, match="read-only"):
                getattr(loaded, name)[0] = 0
        with pytest.raises(dataclasses.FrozenInstanceError):
            loaded.side = 1


@with_debian
def test_published_fashion_mnist_from_a_server(home, cache):
    """Expected values: torchvision's mean and deviation, the paper's counts, a plain parse."""
    home.bodies = {path.name: path.read_bytes() for path in DEBIAN.glob("*.gz")}
    loaded = images.load_fashion_mnist(note=lambda _: None, base_url=home.url)
    assert loaded.train_images.shape == (60_000, 784)
    assert loaded.test_images.shape == (10_000, 784)
    np.testing.assert_array_equal(np.bincount(loaded.train_labels), [6_000] * 10)
    np.testing.assert_array_equal(np.bincount(loaded.test_labels), [1_000] * 10)
    assert loaded.train_images.mean() / 255 == pytest.approx(0.2860, abs=5e-5)
    assert loaded.train_images.std() / 255 == pytest.approx(0.3530, abs=5e-5)
    first, last = loaded.train_labels[0], loaded.test_labels[0]
    assert (loaded.class_names[first], loaded.class_names[last]) == ("Ankle boot", "Ankle boot")
    raw = gzip.decompress((DEBIAN / "t10k-images-idx3-ubyte.gz").read_bytes())
    assert loaded.test_images.tobytes() == raw[16:]
    again = images.load_fashion_mnist()
    assert again.fingerprint == loaded.fingerprint
    assert str(cache) in again.source


def test_digits_have_the_last_360_rows_as_test_rows():
    loaded = images.load_images("digits")
    pixels, labels = sklearn_digits(return_X_y=True)
    np.testing.assert_array_equal(loaded.train_images, pixels[:1437])
    np.testing.assert_array_equal(loaded.test_images, pixels[1437:])
    np.testing.assert_array_equal(loaded.train_labels, labels[:1437])
    np.testing.assert_array_equal(loaded.test_labels, labels[1437:])
    assert (loaded.side, loaded.pixel_range, loaded.source) == (8, 16, "scikit-learn")
    assert loaded.class_names == tuple("0123456789")
    assert loaded.train_images.max() == 16
    assert loaded.train_images.dtype == np.uint8
    counts = np.bincount(loaded.test_labels)
    assert (counts.min(), counts.max()) == (33, 37)


def test_unavailable_or_unknown_images_give_one_sentence(tmp_path, tiny):
    with pytest.raises(MachineError, match="use the data set digits"):
        images.load_images("fashion_mnist")
    with pytest.raises(InputError, match=r"'fashion-mnist' is not a data set.*mean fashion_mnist"):
        images.load_images("fashion-mnist")
    with pytest.raises(InputError, match="uses no folder"):
        images.load_images("digits", tmp_path)


def idx(*shape: int, values: bytes, kind: int = 8) -> bytes:
    return struct.pack(f">4B{len(shape)}I", 0, 0, kind, len(shape), *shape) + values


def test_parse_idx():
    np.testing.assert_array_equal(
        images.parse_idx(idx(2, 1, 3, values=bytes(range(6))), 3, "file"),
        [[[0, 1, 2]], [[3, 4, 5]]],
    )
    assert images.parse_idx(idx(0, values=b""), 1, "file").shape == (0,)


@pytest.mark.parametrize(
    ("content", "n_axes", "reason"),
    [
        (b"", 1, "starts with the bytes of nothing"),
        (b"\0\0", 1, "starts with the bytes 00 00"),
        (idx(3, values=b"abc"), 3, "starts with 00 00 08 03"),
        (idx(3, values=b"abc", kind=0x0D), 1, "starts with 00 00 08 01"),
        (idx(3, values=b"")[:6], 1, "ends inside its header"),
        (idx(4, values=b"abc"), 1, "holds 4 = 4 values, and holds 3"),
        (idx(2, values=b"abc"), 1, "holds 2 = 2 values, and holds 3"),
        (idx(0, 28, 28, values=b"abc"), 3, "= 0 values, and holds 3"),
        (idx(2**32 - 1, 2**32 - 1, 2**32 - 1, values=b"abc"), 3, "and holds 3"),
        # 2^16 * 2^16 * 2^32 is 2^64, which is 0 where integers wrap around.
        (idx(2**16, 2**16, 2**31, values=b""), 3, "and holds 0"),
    ],
)
def test_wrong_idx_header_is_refused(content, n_axes, reason):
    with pytest.raises(InputError, match=f"^file .*{reason}"):
        images.parse_idx(content, n_axes, "file")


def test_labels_must_fit_the_images():
    labels = np.array([0, 9, 10, 3], dtype=np.uint8)
    images.check_labels(labels[:2], 2, 10, "file")
    with pytest.raises(InputError, match="the label 10 in row 2; labels are 0 to 9"):
        images.check_labels(labels, 4, 10, "file")
    with pytest.raises(InputError, match="4 labels for 3 images"):
        images.check_labels(labels, 3, 10, "file")
