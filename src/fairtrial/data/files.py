"""The four files of Fashion-MNIST: what each must hold, and the check that every file passes.

The compressed bytes of a file differ between Debian's package and the data set's public home; the
content does not. So a file is known by the sha256 of its content, whatever it is packed in.
"""

import gzip
import hashlib
import os
import shutil
import tempfile
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class DataFile:
    """One file of a data set, known by its content.

    Parameters
    ----------
    name : str
        The file's name without `.gz`.
    size : int
        Bytes of the content, unpacked.
    sha256 : str
        Of the content, unpacked.
    """

    name: str
    size: int
    sha256: str


# Smallest first, so that a place that does not answer is found out early.
FILES = (
    DataFile(
        "t10k-labels-idx1-ubyte",
        10_008,
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
    DataFile(
        "train-labels-idx1-ubyte",
        60_008,
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    ),
    DataFile(
        "t10k-images-idx3-ubyte",
        7_840_016,
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    ),
    DataFile(
        "train-images-idx3-ubyte",
        47_040_016,
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    ),
)

_GZIP_MAGIC = b"\x1f\x8b"
_IDX_MAGIC = b"\x00\x00\x08"
_WORKSHOP_PREFIX = ".fairtrial-fetch-"
_ABANDONED_SECONDS = 24 * 60 * 60


class RefusedFileError(Exception):
    """A file is not what its name says; the message is the reason, to follow "it is refused:"."""


@dataclass(frozen=True)
class Reading:
    """What a folder holds of the data set.

    Parameters
    ----------
    contents : dict of str to bytes
        The checked files, unpacked, by name.
    missing : tuple of str
        The names that are not there.
    refused : dict of Path to str
        The files that are not what they should be, with the reason.
    """

    contents: dict[str, bytes]
    missing: tuple[str, ...]
    refused: dict[Path, str]

    @property
    def is_complete(self) -> bool:
        """Whether all files are there and sound."""
        return not self.missing and not self.refused


def read_content(path: Path, expected: DataFile) -> bytes:
    """Read a file, packed or not, and return its content if it is the expected one.

    Parameters
    ----------
    path : Path
        A gzip file or a plain one; its first bytes decide, not its name.
    expected : DataFile
        What it must hold.

    Returns
    -------
    bytes
        Exactly `expected.size` bytes.

    Raises
    ------
    RefusedFileError
        When it holds anything else.
    OSError
        When it cannot be read.
    """
    with path.open("rb") as stream:
        start = stream.read(len(_IDX_MAGIC))
    if not start.startswith((_GZIP_MAGIC, _IDX_MAGIC)):
        raise RefusedFileError("it is neither a gzip file nor an IDX file")
    is_packed = start.startswith(_GZIP_MAGIC)
    try:
        with gzip.open(path) if is_packed else path.open("rb") as stream:
            # One byte more than expected tells a longer file, and no bomb unpacks further.
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
    if len(content) > expected.size:
        raise RefusedFileError(f"its content is longer than the {expected.size:,} bytes it must be")
    if len(content) < expected.size:
        raise RefusedFileError(
            f"its content is {len(content):,} bytes long, and must be {expected.size:,}"
        )
    raise RefusedFileError(
        f"the sha256 of its content is {digest[:16]}..., and must be {expected.sha256[:16]}..."
    )


def read_folder(folder: Path) -> Reading:
    """Read and check the four files in a folder, packed (`.gz`) or not.

    Parameters
    ----------
    folder : Path
        It need not exist.

    Returns
    -------
    Reading
    """
    contents: dict[str, bytes] = {}
    missing: list[str] = []
    refused: dict[Path, str] = {}
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


@contextmanager
def open_workshop(folder: Path) -> Iterator[Path]:
    """Give a temporary folder inside a folder, so that a checked file can be renamed into place.

    Parameters
    ----------
    folder : Path
        Made when absent.

    Yields
    ------
    Path
        Removed at the end with all that is in it, however it ends.

    Raises
    ------
    OSError
        When the folder cannot be made or written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _sweep(folder)
    with tempfile.TemporaryDirectory(
        prefix=_WORKSHOP_PREFIX, dir=folder, ignore_cleanup_errors=True
    ) as workshop:
        yield Path(workshop)


def _sweep(folder: Path) -> None:
    """Remove what a killed process left behind, but nothing that may still be at work."""
    for workshop in folder.glob(f"{_WORKSHOP_PREFIX}*"):
        with suppress(OSError):
            if workshop.stat().st_mtime < time.time() - _ABANDONED_SECONDS:
                shutil.rmtree(workshop)


def adopt_file(path: Path, expected: DataFile, folder: Path) -> bytes:
    """Check a file in the workshop and only then rename it into its folder.

    Parameters
    ----------
    path : Path
        On the same file system as the folder, or the rename would not be one step.
    expected : DataFile
        What it must hold.
    folder : Path
        Where it goes, under its own name.

    Returns
    -------
    bytes
        The unpacked content.

    Raises
    ------
    RefusedFileError
        When it holds anything else; the message names it.
    OSError
        When it cannot be read or renamed.
    """
    try:
        content = read_content(path, expected)
    except RefusedFileError as error:
        raise RefusedFileError(f"{path.name}: {error}") from None
    path.replace(folder / path.name)
    return content


def copy_files(source: Path, folder: Path) -> dict[str, bytes]:
    """Copy the four files into a folder, each checked before it takes its place.

    Parameters
    ----------
    source : Path
        Holds the four files, packed or not.
    folder : Path
        Made when absent; sound files in it are kept.

    Returns
    -------
    dict of str to bytes
        The unpacked content by file name.

    Raises
    ------
    RefusedFileError
        When a file is absent or not what it should be; the message names it.
    OSError
        When the disk does not allow it.
    """
    contents = read_folder(folder).contents
    with open_workshop(folder) as workshop:
        for expected in FILES:
            if expected.name in contents:
                continue
            path = _packed_or_plain(source, expected)
            try:
                copied = Path(shutil.copyfile(path, workshop / path.name))
            except FileNotFoundError:
                raise RefusedFileError(f"{expected.name}: it is missing") from None
            contents[expected.name] = adopt_file(copied, expected, folder)
    return contents


def _packed_or_plain(folder: Path, expected: DataFile) -> Path:
    packed = folder / f"{expected.name}.gz"
    return packed if os.path.lexists(packed) else folder / expected.name
