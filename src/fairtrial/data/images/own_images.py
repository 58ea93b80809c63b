"""The user's images: an .npz file or a folder, read and checked once, split for each seed."""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from fairtrial.data.images.pixels import take_images
from fairtrial.errors import InputError, MachineError
from fairtrial.files import place_aside
from fairtrial.kinds.data import tasks
from fairtrial.kinds.data.datasets import Content, TaskSettings
from fairtrial.paths import locate
from fairtrial.settings.complaints import make_error, validate
from fairtrial.settings.document import Document

ENDING = ".npz"
MOST_TOLD = 5


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
    made: Any
    made, complaints = validate(
        tasks.images.settings, {"kind": "images", "path": str(path), "test": test}
    )
    if made is None:
        raise make_error(Document("images", {}), complaints)
    if not is_place:
        _keep(path, *take_images(X, y, test))
    read_own_images(made)
    return made


def _keep(path: Path, X: np.ndarray, y: np.ndarray) -> None:
    """Write images to a file, unless it already has the same images."""
    if path.suffix.lower() != ENDING:
        raise InputError(
            f"file = {str(path)!r} must end in {ENDING}, the format in which images are saved."
        )
    if path.exists():
        if not _holds(path, _make(X, y)):
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


def _holds(path: Path, expected: Content) -> bool:
    try:
        return _make(*_load_file(path)).fingerprint == expected.fingerprint
    except (InputError, OSError):
        return False


def read_own_images(task: TaskSettings) -> Content:
    """Read and check the images of a task; an unchanged file or folder is read once.

    Raises `InputError` if there are errors in them; it lists all.
    """
    path = Path(task.path).absolute()
    try:
        version = _describe(_list_files(path) if path.is_dir() else [path])
    except OSError as error:
        raise _refuse(path, error.strerror) from None
    except ValueError as error:  # A path with a null character.
        raise _refuse(path, str(error)) from None
    return _read_version(path, task.test, version)


def _refuse(path: Path, reason: str | None) -> InputError:
    return InputError(f"{path} cannot be read: {reason or 'it will not open'}. Check the path.")


def _describe(files: list[Path]) -> tuple[tuple[str, int, int], ...]:
    """Describe the version of files by their times and sizes."""
    states = [(str(file), file.stat()) for file in files]
    return tuple((name, state.st_mtime_ns, state.st_size) for name, state in states)


@lru_cache(maxsize=4)
def _read_version(path: Path, test: float, version: tuple) -> Content:
    """Read one version of a file or folder."""
    read = _load_folder if path.is_dir() else _load_file
    try:
        return _make(*take_images(*read(path), test))
    except OSError as error:
        raise _refuse(path, error.strerror) from None
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


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
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as arrays:
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
    problems: list[str] = []
    read = {file: _load_image(file, problems) for file in files}
    images = {file: pixels for file, pixels in read.items() if pixels is not None}
    problems += _find_unequal(images)
    if problems:
        more = [f"and {len(problems) - MOST_TOLD:,} more"] if len(problems) > MOST_TOLD else []
        told = "\n  ".join(["These files cannot be used:", *problems[:MOST_TOLD], *more])
        raise InputError(told)
    return list(images.values()), [file.parent.name for file in images]


def _load_image(file: Path, problems: list[str]) -> np.ndarray | None:
    from PIL import Image, UnidentifiedImageError

    name = f"{file.parent.name}/{file.name}"
    try:
        with Image.open(file) as image:
            if image.mode in ("1", "L"):
                return np.asarray(image.convert("L"))
            what = (
                "does not have 8 bits per pixel" if image.mode[0] in "IF" else "is a colour image"
            )
            problems.append(
                f"{name} {what} (mode {image.mode}): convert it to grey, 8 bits per pixel, for "
                "example with Pillow's image.convert('L')."
            )
    except UnidentifiedImageError:
        problems.append(f"{name} is not an image that Pillow can read: remove it.")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        problems.append(f"{name} cannot be read: {error}.")
    return None


def _find_unequal(images: dict[Path, np.ndarray]) -> Iterator[str]:
    shapes = {file: pixels.shape for file, pixels in images.items()}
    for file, (height, width) in shapes.items():
        first_height, first_width = next(iter(shapes.values()))
        if (height, width) != (first_height, first_width):
            yield (
                f"{file.parent.name}/{file.name} has {height} x {width} pixels (height x width), "
                f"and the first image {first_height} x {first_width}: scale them to one size."
            )
