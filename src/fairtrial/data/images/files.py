"""The four files of Fashion-MNIST, and the check of their content.

The compressed bytes of a file differ between Debian's package and the public home of the data set,
but the content does not. A file is therefore identified by the sha256 of its unpacked content.
"""

import gzip
import hashlib
import os
import shutil
import zlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from fairtrial.files import clear_abandoned, place_aside
from fairtrial.paths import refuse_device


@dataclass(frozen=True)
class DataFile:
    """One file of a data set: its name without `.gz`, size in bytes and sha256, both unpacked."""

    name: str
    size: int
    sha256: str


# Smallest first, so that a place that does not answer is noticed early.
_TABLE = """
t10k-labels-idx1-ubyte 10_008 0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34
train-labels-idx1-ubyte 60_008 bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9
t10k-images-idx3-ubyte 7_840_016 5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b
train-images-idx3-ubyte 47_040_016 c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888
"""
FILES = tuple(
    DataFile(name, int(size), sha256)
    for name, size, sha256 in map(str.split, _TABLE.strip().splitlines())
)

_GZIP_MAGIC = b"\x1f\x8b"
_IDX_MAGIC = b"\x00\x00\x08"


class RefusedFileError(Exception):
    """A file is not the expected one; the message completes "it is refused: ..."."""


@dataclass(frozen=True)
class Reading:
    """The files in a folder: contents by name if checked, and reasons of refusal by path."""

    contents: dict[str, bytes]
    missing: tuple[str, ...]
    refused: dict[Path, str]

    @property
    def is_complete(self) -> bool:
        """Whether all files are there and pass the check."""
        return not self.missing and not self.refused


def read_content(path: Path, expected: DataFile) -> bytes:
    """Read a file, packed or not, and return its content after checking it.

    Raises `RefusedFileError` if the content is another one; `OSError` if it cannot be read.
    """
    refuse_device(path)
    with path.open("rb") as stream:
        start = stream.read(len(_IDX_MAGIC))
    if not start.startswith((_GZIP_MAGIC, _IDX_MAGIC)):
        raise RefusedFileError("it is neither a gzip file nor an IDX file")
    is_packed = start.startswith(_GZIP_MAGIC)
    try:
        with gzip.open(path) if is_packed else path.open("rb") as stream:
            # One byte more than expected detects a longer file and stops a zip bomb.
            content = stream.read(expected.size + 1)
    except EOFError:
        raise RefusedFileError("it is truncated: the gzip stream ends too early") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise RefusedFileError(f"it is corrupt: gzip says {error}") from None
    _check_content(content, expected)
    return content


def _check_content(content: bytes, expected: DataFile) -> None:
    digest = hashlib.sha256(content).hexdigest()
    if digest == expected.sha256:
        return
    for other in FILES:
        if digest == other.sha256:
            raise RefusedFileError(f"it holds the content of {other.name}: files are swapped")
    reason = f"its content is {len(content):,} bytes long, and must be {expected.size:,}"
    if len(content) > expected.size:
        reason = f"its content is longer than the {expected.size:,} bytes it must be"
    elif len(content) == expected.size:
        must = expected.sha256
        reason = f"the sha256 of its content is {digest[:16]}..., and must be {must[:16]}..."
    raise RefusedFileError(reason)


def read_folder(folder: Path) -> Reading:
    """Read and check the four files in a folder, packed (`.gz`) or not; it may be absent."""
    contents, missing, refused = dict[str, bytes](), list[str](), dict[Path, str]()
    for expected in FILES:
        path = _packed_or_plain(folder, expected)
        try:
            contents[expected.name] = read_content(path, expected)
        except (FileNotFoundError, NotADirectoryError):
            missing.append(expected.name)
        except RefusedFileError as error:
            refused[path] = str(error)
        except OSError as error:
            refused[path] = f"it cannot be read ({error.strerror})"
    return Reading(contents, tuple(missing), refused)


def put_file(folder: Path, name: str, expected: DataFile, write: Callable[[Path], object]) -> bytes:
    """Put a file, which `write` writes, into a folder once its content is the expected one.

    The result is the unpacked content. Raises `RefusedFileError`, which names the file, or
    `OSError`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    clear_abandoned(folder)
    with place_aside(folder / name) as aside:
        write(aside)
        try:
            return read_content(aside, expected)
        except RefusedFileError as error:
            raise RefusedFileError(f"{name}: {error}") from None


def copy_files(source: Path, folder: Path, present: Collection[str]) -> None:
    """Copy the files that are not present from a folder that has all four; see `put_file`."""
    for expected in FILES:
        if expected.name not in present:
            path = _packed_or_plain(source, expected)
            put_file(folder, path.name, expected, partial(shutil.copyfile, path))


def _packed_or_plain(folder: Path, expected: DataFile) -> Path:
    packed = folder / f"{expected.name}.gz"
    return packed if os.path.lexists(packed) else folder / expected.name
