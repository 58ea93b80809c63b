"""The user's images: an .npz file or a folder, read and checked once, split for each seed."""

import contextlib
import hashlib
import io
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from fairtrial.data.sources import read
from fairtrial.data.tables.columns import FEWEST_CLASS_ROWS, find_too_few
from fairtrial.errors import InputError, MachineError
from fairtrial.files import place_aside
from fairtrial.kinds.data import tasks
from fairtrial.kinds.data.datasets import Content, TaskSettings
from fairtrial.paths import locate, read_file
from fairtrial.settings.complaints import check
from fairtrial.settings.document import Document

ENDING = ".npz"
MOST_LISTED = 5


def images(
    X: Any, y: Any = None, *, file: str | Path | None = None, test: float = 0.2
) -> TaskSettings:
    """Make a task of grey images of your own.

    Parameters
    ----------
    X : (N, H, W) array, or str or Path
        Pixels: whole numbers from 0 to 255, or floats from 0 to 1. Or the path of saved images: a
        folder with one folder of image files per class, or a file that an earlier call wrote.
    y : (N,) array, optional
        The class of each image, whole numbers or text; not with a path.
    file : str or Path, optional
        The .npz file to save arrays to, so that the study can be run again without this call. A
        file with other content is never overwritten.
    test : float
        The share of images that is held out as test images, drawn for each seed.

    Returns
    -------
    TaskSettings
        For `Study(task=...)`.

    Raises
    ------
    InputError
        If there are errors in images or labels (it lists all), or the file has other content.
    MachineError
        If the file cannot be written.

    Examples
    --------
    >>> import numpy as np, tempfile
    >>> X = np.random.default_rng(0).integers(0, 256, (40, 6, 6))
    >>> task = images(X, ["dark", "light"] * 20, file=tempfile.mkdtemp() + "/mine.npz")
    >>> task.kind, task.test
    ('images', 0.2)
    """
    is_place = isinstance(X, str | Path)
    if is_place and (y is not None or file is not None):
        raise InputError(
            f"images({str(X)!r}) reads images and classes from this path: leave out y and file."
        )
    if not is_place and (y is None or file is None):
        raise InputError(
            "Arrays of images need labels y, and a file to save them to, so that the study can be "
            "run again: images(X, y, file='mine.npz')."
        )
    path = locate(X if is_place or file is None else file)
    values = {"kind": "images", "path": str(path), "test": test}
    made: Any = check(tasks.images.settings, Document("images", values))
    if not is_place:
        _keep(path, *take_images(X, y, test))
    read(made)
    return made


def _keep(path: Path, X: np.ndarray, y: np.ndarray) -> None:
    """Write images to a file, unless it already has the same images."""
    if path.suffix.lower() != ENDING:
        raise InputError(
            f"file = {str(path)!r} must end in {ENDING}, the format in which images are saved."
        )
    if path.exists():
        kept = None
        with contextlib.suppress(InputError, OSError):
            kept = _make(*_load_file(path)).fingerprint
        if kept != _make(X, y).fingerprint:
            raise InputError(
                f"{path} already exists and holds something else. It is not overwritten: name "
                "another file, or remove this one."
            )
        return
    try:
        # Through an open file, because NumPy would append its ending to .NPZ in capitals.
        with place_aside(path) as aside, aside.open("wb") as file:
            np.savez_compressed(file, X=X, y=y)
    except OSError as error:
        raise MachineError(
            f"{path} cannot be written: {error.strerror or error}. Name another file."
        ) from None


def read_own_images(task: TaskSettings) -> Content:
    """Read and check the images of a task, or raise `InputError`."""
    path = Path(task.path).absolute()
    try:
        load = _load_folder if path.is_dir() else _load_file
        return _make(*take_images(*load(path), task.test))
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except OSError as error:
        reason = error.strerror or "it will not open"
        raise InputError(f"{path} cannot be read: {reason}. Check the path.") from None


def _make(X: np.ndarray, y: np.ndarray) -> Content:
    """Give each class a number, and fingerprint pixels and labels, wherever they lie."""
    labels, codes = np.unique(y, return_inverse=True)
    names = tuple(str(label) for label in labels.tolist())
    codes = codes.astype(np.int32)
    digest = hashlib.sha256(repr((X.shape, X.dtype.kind, names)).encode())
    for array in (X, codes):  # Little-endian on every machine.
        digest.update(np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes())
    height, width = X.shape[1:]
    X = X.reshape(len(X), -1)
    X.flags.writeable = codes.flags.writeable = False
    return Content(
        X, codes, class_names=names, image_shape=(height, width), fingerprint=digest.hexdigest()
    )


def _load_file(path: Path) -> tuple[np.ndarray, np.ndarray]:
    wrong = "it is not a file that images(X, y, file=...) has written"
    try:
        with np.load(io.BytesIO(read_file(path)), allow_pickle=False) as arrays:
            return arrays["X"], arrays["y"]
    except KeyError:
        raise InputError(f"{wrong}: it lacks an array X or y.") from None
    except (ValueError, EOFError, TypeError, RuntimeError, zipfile.BadZipFile, zlib.error):
        raise InputError(f"{wrong}, nor a folder with a folder of images for each class.") from None


# ---------------------------------------------------------------------------------------- folders


def _list_files(folder: Path) -> list[Path]:
    """List the files in the subfolders of a folder by name, without hidden ones."""
    return [
        file
        for place in sorted(folder.iterdir())
        if place.is_dir() and not place.name.startswith(".")
        for file in sorted(place.iterdir())
        if file.is_file() and not file.name.startswith(".")
    ]


def _load_folder(folder: Path) -> tuple[list[np.ndarray], list[str]]:
    files = _list_files(folder)
    if not files:
        raise InputError(
            "it has no images: put the images of each class into a folder named after the class."
        )
    read = {file: _load_image(file) for file in files}
    images = {file: found for file, found in read.items() if not isinstance(found, str)}
    problems = [f"{_name(file)} {found}" for file, found in read.items() if isinstance(found, str)]
    problems += _find_unequal(images)
    if problems:
        n_more = len(problems) - MOST_LISTED
        more = [f"and {n_more:,} more"] if n_more > 0 else []
        sentences = ["These files cannot be used:", *problems[:MOST_LISTED], *more]
        raise InputError("\n  ".join(sentences))
    return list(images.values()), [file.parent.name for file in images]


def _load_image(file: Path) -> np.ndarray | str:
    """Load the pixels of an image, or say why they cannot be used."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(file) as image:
            if image.mode in ("1", "L"):
                return np.asarray(image.convert("L"))
            is_deep = image.mode[0] in "IF"
            return (
                f"{'does not have 8 bits per pixel' if is_deep else 'is a colour image'} (mode "
                f"{image.mode}): convert it to grey, 8 bits per pixel, for example with Pillow's "
                "image.convert('L')."
            )
    except UnidentifiedImageError:
        return "is not an image that Pillow can read: remove it."
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        return f"cannot be read: {error}."


def _name(file: Path) -> str:
    return f"{file.parent.name}/{file.name}"


def _find_unequal(images: dict[Path, np.ndarray]) -> Iterator[str]:
    sizes = {file: " x ".join(map(str, pixels.shape)) for file, pixels in images.items()}
    first = next(iter(sizes.values()), "")
    for file, size in sizes.items():
        if size != first:
            yield (
                f"{_name(file)} has {size} pixels (height x width), and the first image {first}: "
                "scale them to one size."
            )


# --------------------------------------------------------------------------------- pixels, labels


def take_images(X: Any, y: Any, test: float) -> tuple[np.ndarray, np.ndarray]:
    """Convert images (N, H, W) and labels (N,) to uint8 or float32, and int64 or str.

    `test` is the share of rows that is held out. Raises `InputError` with all errors at once.
    """
    pixels, labels = _as_array(X), _as_labels(y)
    problems = [*_find_in_pixels(pixels), *_find_in_labels(labels)]
    if not problems:
        problems = list(_find_in_rows(pixels, labels, test))
    if problems:
        raise InputError("\n  ".join(["These images cannot be used:", *problems]))
    whole = pixels.dtype.kind in "iu"
    return pixels.astype(np.uint8 if whole else np.float32), labels


def _as_array(X: Any) -> np.ndarray:
    try:
        return np.asarray(X)
    except ValueError:  # Rows of unequal lengths.
        return np.array([None])


def _as_labels(y: Any) -> np.ndarray:
    """Convert labels to NumPy's type for whole numbers or text."""
    labels = _as_array(y)
    if labels.dtype == object and labels.ndim == 1:
        if all(isinstance(label, str) for label in labels):
            return labels.astype(str)
        if all(_is_whole(label) for label in labels):
            return labels.astype(np.int64)
    return labels.astype(np.int64) if labels.dtype.kind in "iu" else labels


def _is_whole(label: object) -> bool:
    return isinstance(label, int | np.integer) and not isinstance(label, bool)


def _find_in_pixels(X: np.ndarray) -> Iterator[str]:
    if X.dtype == object:
        yield (
            "The images are not alike in size: one array (N, H, W) of numbers holds them all. Cut "
            "or scale them to one size."
        )
    elif X.ndim != 3:
        yield f"X has the shape {X.shape}: {_say_what_to_do(X)}"
    elif X.dtype.kind not in "biuf":
        yield f"X holds values of the type {X.dtype}: pixels are whole numbers or floats."
    elif X.size == 0:
        yield f"X has the shape {X.shape}: it has no pixels."
    else:
        yield from _find_beyond(X)


def _say_what_to_do(X: np.ndarray) -> str:
    if X.ndim == 4 and X.shape[-1] == 1:
        return "grey images are (N, H, W). Leave the last axis out: X[..., 0]."
    if X.ndim == 4 and X.shape[-1] in (3, 4):
        return (
            "these are colour images, and only grey ones can be used, (N, H, W). Make them grey: "
            "X[..., :3].mean(axis=-1), divided by 255 if the pixels are 0 to 255."
        )
    if X.ndim == 2:
        return "grey images are (N, H, W). Give each its two axes: X.reshape(-1, height, width)."
    return "grey images are (N, H, W)."


def _find_beyond(X: np.ndarray) -> Iterator[str]:
    """Yield the first value out of range; NaN is out of every range."""
    most = 255 if X.dtype.kind in "iu" else 1
    beyond = ~((X >= 0) & (most >= X))
    if not beyond.any():
        return
    first = np.unravel_index(int(beyond.argmax()), X.shape)
    image, row, column = (int(at) for at in first)
    rule = (
        "whole numbers are 0 to 255, black to white."
        if most == 255
        else "floats are 0 to 1, black to white, without NaN. Divide by the largest value that can "
        "be, or give whole numbers from 0 to 255: X.astype('uint8')."
    )
    yield f"The pixel at row {row}, column {column} of image {image} is {X[first]}: {rule}"


def _find_in_labels(y: np.ndarray) -> Iterator[str]:
    if y.ndim != 1:
        yield f"y has the shape {y.shape}: labels are (N,), one for each image."
    elif y.dtype.kind not in "iU" and y.size:
        wrong = [
            label for label in y.tolist() if not isinstance(label, str) and not _is_whole(label)
        ]
        such = f", such as {wrong[0]!r}" if wrong else ", text beside numbers"
        yield (
            f"y holds labels that are neither all whole numbers nor all text{such}: convert them "
            "with y.astype(int) or y.astype(str)."
        )


def _find_in_rows(X: np.ndarray, y: np.ndarray, test: float) -> Iterator[str]:
    n_rows = len(X)
    if len(y) != n_rows:
        yield f"There are {n_rows:,} images and {len(y):,} labels: each image needs one."
        return
    yield from find_too_few(n_rows, test, "images")
    classes, counts = np.unique(y, return_counts=True)
    if len(classes) == 1:
        yield f"All labels are {classes[0].item()!r}: at least two classes are needed."
    few = [
        pair for pair in zip(classes.tolist(), counts, strict=True) if pair[1] < FEWEST_CLASS_ROWS
    ]
    if few:
        listed = ", ".join(f"{label!r}: {count}" for label, count in few[:5])
        more = f", and {len(few) - 5} more" if len(few) > 5 else ""
        yield (
            f"There are classes with fewer than {FEWEST_CLASS_ROWS} images ({listed}{more}), which "
            "the training or the test images may lack: join them with others, or leave them out."
        )
