"""Image data sets as arrays: Fashion-MNIST and scikit-learn's digits."""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from fairtrial.data.images.fetch import obtain_files
from fairtrial.kinds.data.datasets import Content

FASHION_MNIST_CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag",
    "Ankle boot",
)  # fmt: skip
DIGITS_TEST_ROWS = 360


@dataclass(frozen=True, eq=False)
class Images(Content):
    """Images with a fixed split, in read-only arrays; `source` says where they were found."""

    source: str = ""


@lru_cache(maxsize=2)
def load_images_once(name: str, folder: str | Path | None = None) -> Images:
    """Load a data set by its name; images are large and the same for every seed."""
    return load_digits() if name == "digits" else load_fashion_mnist(folder)


def load_fashion_mnist(folder: str | Path | None = None) -> Images:
    """Load Fashion-MNIST, 60,000 training and 10,000 test images; see `obtain_files`."""
    found = obtain_files(folder)
    arrays = [
        _read_idx(found.contents[f"{part}-{what}-idx{n_axes}-ubyte"], n_axes)
        for part in ("train", "t10k")
        for what, n_axes in (("images", 3), ("labels", 1))
    ]
    return _gather(*arrays, class_names=FASHION_MNIST_CLASSES, source=found.source)


def load_digits() -> Images:
    """Load scikit-learn's digits, which need no files and no network: 1,437 + 360 images, 8 x 8.

    Pixels are from 0 to 16. The last 360 of the 1,797 rows (a fifth, 33 to 37 of every class) are
    the test rows. Neighbouring rows tend to come from one writer: with a block at the end, the
    training rows contain little of the writers of the test rows, unlike with shuffled rows.
    """
    from sklearn import datasets

    pixels, classes = datasets.load_digits(return_X_y=True)
    images, labels = np.asarray(pixels, np.uint8).reshape(-1, 8, 8), np.asarray(classes)
    train, test = slice(None, -DIGITS_TEST_ROWS), slice(-DIGITS_TEST_ROWS, None)
    arrays = images[train], labels[train], images[test], labels[test]
    return _gather(*arrays, class_names=tuple("0123456789"), source="scikit-learn")


def _read_idx(content: bytes, n_axes: int) -> np.ndarray:
    """Read an IDX file of unsigned bytes: four bytes, lengths of axes, big-endian, then values."""
    start = 4 + 4 * n_axes
    shape = np.frombuffer(content[4:start], ">u4")
    return np.frombuffer(content[start:], np.uint8).reshape(shape)


def _gather(
    train_images: np.ndarray,
    train_labels: np.ndarray,
    test_images: np.ndarray,
    test_labels: np.ndarray,
    *,
    class_names: tuple[str, ...],
    source: str,
) -> Images:
    pairs = (train_images, train_labels), (test_images, test_labels)
    arrays = [
        array
        for images, labels in pairs
        for array in (images.reshape(len(images), -1), labels.astype(np.int64))
    ]
    digest = hashlib.sha256()
    for array in arrays:
        array.flags.writeable = False
        digest.update(repr(array.shape).encode())
        # Little-endian, so that the fingerprint is the same on every machine.
        digest.update(array.astype(array.dtype.newbyteorder("<")).tobytes())
    height, width = train_images.shape[1:]
    return Images(
        *arrays,
        class_names=class_names,
        image_shape=(height, width),
        fingerprint=digest.hexdigest(),
        source=source,
    )
