"""Image data sets as arrays: Fashion-MNIST and scikit-learn's digits."""

import hashlib
import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fairtrial.data.catalog import check_name, refuse_folder_for_digits
from fairtrial.data.images.fetch import Note, log_notice, obtain_files
from fairtrial.errors import InputError
from fairtrial.kinds.datasets import Content

FASHION_MNIST_CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
DIGITS_TEST_ROWS = 360

_IDX_UNSIGNED_BYTE = 0x08
_REPLACE = "Replace it by a correct copy of the file."


@dataclass(frozen=True, eq=False)
class Images:
    """Images and labels with a fixed split into training and test rows.

    The arrays are read-only.

    Parameters
    ----------
    name : str
        The name of the data set in study files.
    train_images : (N, D) uint8
        One flattened image per row, D = side * side, pixels from 0 to `pixel_range`.
    train_labels : (N,) int64
        Classes, 0 to K - 1.
    test_images : (M, D) uint8
        The M test rows.
    test_labels : (M,) int64
        Their classes.
    class_names : tuple of str
        K names.
    side : int
        Pixels along one side.
    pixel_range : int
        The largest possible pixel; divide by it for values from 0 to 1.
    source : str
        Where the data was found, as part of a sentence.
    fingerprint : str
        Hexadecimal sha256 of shapes and values of the four arrays; it does not depend on `source`.
    """

    name: str
    train_images: NDArray[np.uint8]
    train_labels: NDArray[np.int64]
    test_images: NDArray[np.uint8]
    test_labels: NDArray[np.int64]
    class_names: tuple[str, ...]
    side: int
    pixel_range: int
    source: str
    fingerprint: str

    def to_content(self) -> Content:
        """Return the rows, which are the same for every seed."""
        return Content(
            X=self.train_images,
            y=self.train_labels,
            test_X=self.test_images,
            test_y=self.test_labels,
            class_names=self.class_names,
            image_shape=(self.side, self.side),
            fingerprint=self.fingerprint,
        )


def load_images(name: str, folder: str | Path | None = None, note: Note = log_notice) -> Images:
    """Load a data set by its name, and fetch it if it is not on this machine.

    Parameters
    ----------
    name : str
        `fashion_mnist` or `digits`.
    folder : str or Path, optional
        A folder with the four files of Fashion-MNIST; digits uses none.
    note : callable, optional
        Called with each notice and each step of fetching as a sentence; by default the log.

    Returns
    -------
    Images

    Raises
    ------
    InputError
        If the name is unknown, or the named folder cannot be used.
    MachineError
        If Fashion-MNIST is not available.
    """
    check_name(name)
    if name == "digits":
        refuse_folder_for_digits(folder)
        return load_digits()
    return load_fashion_mnist(folder, note)


# Images are large and do not depend on the seed, so they are read once.
load_images_once = lru_cache(maxsize=2)(load_images)


def load_fashion_mnist(
    folder: str | Path | None = None,
    note: Note = log_notice,
    base_url: str | None = None,
) -> Images:
    """Load Fashion-MNIST from the named folder, or from the first place that has it.

    Without a named folder, the places are the cache, the system's folder and the public home.

    Parameters
    ----------
    folder : str or Path, optional
        A folder with the four files, packed or not; by default `FAIRTRIAL_DATA`.
    note : callable, optional
        Called with each notice and each step of fetching as a sentence; by default the log.
    base_url : str, optional
        Where to download from; by default `FAIRTRIAL_DATA_URL`, else the public home.

    Returns
    -------
    Images
        60,000 training and 10,000 test images, as published.

    Raises
    ------
    InputError
        If the named folder lacks a file, or a file in it is not the published one.
    MachineError
        If no place has it; the message has one sentence per place.

    References
    ----------
    Xiao, Rasul and Vollgraf (2017), arXiv:1708.07747.
    """
    found = obtain_files(folder, note, base_url)
    n_classes = len(FASHION_MNIST_CLASSES)
    division: dict[str, NDArray[np.uint8]] = {}
    for part in ("train", "t10k"):
        images_name, labels_name = f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte"
        images = parse_idx(found.contents[images_name], 3, images_name)
        labels = parse_idx(found.contents[labels_name], 1, labels_name)
        check_labels(labels, len(images), n_classes, labels_name)
        division[f"{part}_images"], division[f"{part}_labels"] = images, labels
    return _gather(
        "fashion_mnist",
        division["train_images"],
        division["train_labels"],
        division["t10k_images"],
        division["t10k_labels"],
        class_names=FASHION_MNIST_CLASSES,
        pixel_range=255,
        source=found.source,
    )


def load_digits() -> Images:
    """Load scikit-learn's digits, which need no files and no network.

    The last 360 of the 1,797 rows (a fifth, 33 to 37 of every class) are the test rows, the others
    the training rows. Neighbouring rows tend to come from one writer. With a block at the end,
    the training rows contain little of the writers of the test rows, unlike with shuffled rows. The
    split does not depend on a random generator.

    Returns
    -------
    Images
        1,437 training and 360 test images of 8 x 8 pixels, 0 to 16.

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
        "digits",
        images[:-DIGITS_TEST_ROWS],
        labels[:-DIGITS_TEST_ROWS],
        images[-DIGITS_TEST_ROWS:],
        labels[-DIGITS_TEST_ROWS:],
        class_names=tuple("0123456789"),
        pixel_range=16,
        source="scikit-learn",
    )


def parse_idx(content: bytes, n_axes: int, name: str) -> NDArray[np.uint8]:
    r"""Parse the content of an IDX file of unsigned bytes.

    Parameters
    ----------
    content : bytes
        Two zero bytes, the type, the number of axes, one big-endian length per axis, the values.
    n_axes : int
        The expected number of axes: 3 for images, 1 for labels.
    name : str
        The file's name, for messages.

    Returns
    -------
    (length of axis 1, ..., length of axis `n_axes`) uint8
        Read-only.

    Raises
    ------
    InputError
        If it is not such a file, or its header and its length disagree.

    Examples
    --------
    >>> parse_idx(b"\0\0\x08\1" + b"\0\0\0\3" + b"\7\0\2", 1, "labels").tolist()
    [7, 0, 2]
    """
    magic = bytes((0, 0, _IDX_UNSIGNED_BYTE, n_axes))
    if content[:4] != magic:
        raise InputError(
            f"{name} starts with the bytes {content[:4].hex(' ') or 'of nothing'}; an IDX file of "
            f"{n_axes} axes of unsigned bytes starts with {magic.hex(' ')}. {_REPLACE}"
        )
    start = 4 + 4 * n_axes
    header, values = content[4:start], content[start:]
    if len(header) < 4 * n_axes:
        raise InputError(f"{name} ends inside its header. {_REPLACE}")
    shape = tuple(int.from_bytes(header[at : at + 4], "big") for at in range(0, 4 * n_axes, 4))
    if math.prod(shape) != len(values):
        sizes = " x ".join(f"{size:,}" for size in shape)
        raise InputError(
            f"{name} says in its header that it holds {sizes} = {math.prod(shape):,} values, and "
            f"holds {len(values):,}. {_REPLACE}"
        )
    return np.frombuffer(values, dtype=np.uint8).reshape(shape)


def check_labels(labels: NDArray[np.uint8], n_rows: int, n_classes: int, name: str) -> None:
    """Refuse labels that do not fit their images.

    Parameters
    ----------
    labels : (N,)
        Classes.
    n_rows : int
        The number of images.
    n_classes : int
        Labels must be from 0 to `n_classes` - 1.
    name : str
        The file's name, for messages.

    Raises
    ------
    InputError
        If the numbers of labels and images differ, or a label is out of range.
    """
    if len(labels) != n_rows:
        raise InputError(f"{name} holds {len(labels):,} labels for {n_rows:,} images. {_REPLACE}")
    if n_rows and labels.max() >= n_classes:
        row = int(labels.argmax())
        raise InputError(
            f"{name} holds the label {labels[row]} in row {row:,}; labels are 0 to "
            f"{n_classes - 1}. {_REPLACE}"
        )


def _gather(
    name: str,
    train_images: NDArray[np.uint8],
    train_labels: NDArray[np.integer],
    test_images: NDArray[np.uint8],
    test_labels: NDArray[np.integer],
    *,
    class_names: tuple[str, ...],
    pixel_range: int,
    source: str,
) -> Images:
    side = train_images.shape[1]
    if train_images.shape[1:] != (side, side) or test_images.shape[1:] != (side, side):
        raise InputError(
            f"The images of {name} are {train_images.shape[1:]} pixels in training and "
            f"{test_images.shape[1:]} in the test; they must be square and alike."
        )
    arrays = (
        train_images.reshape(len(train_images), side * side),
        train_labels.astype(np.int64),
        test_images.reshape(len(test_images), side * side),
        test_labels.astype(np.int64),
    )
    for array in arrays:
        array.flags.writeable = False
    return Images(
        name,
        *arrays,
        class_names=class_names,
        side=side,
        pixel_range=pixel_range,
        source=source,
        fingerprint=_fingerprint(arrays),
    )


def _fingerprint(arrays: tuple[NDArray, ...]) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(repr(array.shape).encode())
        # Little-endian, so that the fingerprint is the same on every machine.
        digest.update(array.astype(array.dtype.newbyteorder("<")).tobytes())
    return digest.hexdigest()
