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
    """Images with a fixed split into training and test rows, in read-only arrays.

    `source` says where the data was found, as part of a sentence.
    """

    source: str = ""


@lru_cache(maxsize=2)
def load_images_once(name: str, folder: str | Path | None = None) -> Images:
    """Load a data set by its name; images are large and the same for every seed.

    The folder is one with the four files of Fashion-MNIST; digits uses none. Raises `InputError` if
    the named folder cannot be used; `MachineError` if Fashion-MNIST is not available.
    """
    return load_digits() if name == "digits" else load_fashion_mnist(folder)


def load_fashion_mnist(folder: str | Path | None = None) -> Images:
    """Load Fashion-MNIST: 60,000 training and 10,000 test images, as published.

    It is in the named folder, by default `FAIRTRIAL_DATA`. Without one, the places are the cache,
    the system's folder and the public home. Raises `InputError` if the named folder lacks a file,
    or a file in it is not the published one; `MachineError` if no place has it; the message has one
    sentence per place.

    References
    ----------
    Xiao, Rasul and Vollgraf (2017), arXiv:1708.07747.
    """
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
    the test rows, the others the training rows. Neighbouring rows tend to come from one writer.
    With a block at the end, the training rows contain little of the writers of the test rows,
    unlike with shuffled rows. The split does not depend on a random generator.

    References
    ----------
    Alpaydin and Kaynak (1998), Optical Recognition of Handwritten Digits, UCI Machine Learning
    Repository, doi:10.24432/C50P49.
    """
    from sklearn import datasets

    pixels, classes = datasets.load_digits(return_X_y=True)
    images = np.asarray(pixels, dtype=np.uint8).reshape(-1, 8, 8)
    labels = np.asarray(classes, dtype=np.int64)
    return _gather(
        images[:-DIGITS_TEST_ROWS],
        labels[:-DIGITS_TEST_ROWS],
        images[-DIGITS_TEST_ROWS:],
        labels[-DIGITS_TEST_ROWS:],
        class_names=tuple("0123456789"),
        source="scikit-learn",
    )


def _read_idx(content: bytes, n_axes: int) -> np.ndarray:
    r"""Read an IDX file of unsigned bytes, whose checksum says that it is the published one.

    After four bytes come the lengths of the axes, big-endian, and then the values.

    Examples
    --------
    >>> _read_idx(b"\0\0\x08\1" + b"\0\0\0\3" + b"\7\0\2", 1).tolist()
    [7, 0, 2]
    """
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
    arrays = (
        train_images.reshape(len(train_images), -1),
        train_labels.astype(np.int64),
        test_images.reshape(len(test_images), -1),
        test_labels.astype(np.int64),
    )
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
