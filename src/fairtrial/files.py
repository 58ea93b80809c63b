"""Files that are there whole or not at all, and folders that only one process works on."""

import contextlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import FileLock, Timeout
from polars.exceptions import PolarsError

from fairtrial.errors import MachineError

ASIDE = ".writing-"
ABANDONED_SECONDS = 24 * 60 * 60


def write_json(path: Path, value: object) -> None:
    """Write JSON for people to read as well; see `write_file`."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8; see `write_file`."""
    write_file(path, lambda aside: aside.write_text(text, encoding="utf-8"))


def write_bytes(path: Path, contents: bytes) -> None:
    """Write bytes; see `write_file`."""
    write_file(path, lambda aside: aside.write_bytes(contents))


def write_file(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file aside and rename it, so that it is there whole or not at all.

    `write` writes the contents to the path that it is given; missing folders are made. Contents and
    name are on the disk when this returns, as far as the system's `fsync` goes. It is a
    `MachineError` if the disk is full or the folder cannot be written.
    """
    with explain_write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with place_aside(path) as aside:
            write(aside)


@contextlib.contextmanager
def place_aside(path: Path) -> Iterator[Path]:
    """Yield a path beside a file; what is written there becomes the file at the end.

    The folder is there. Nothing changes if an error is raised meanwhile. Errors are `OSError`s; for
    sentences see `write_file`.
    """
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=ASIDE) as folder:
        aside = Path(folder) / path.name
        yield aside
        _sync(aside)
        aside.replace(path)
    _sync(path.parent)


def clear_abandoned(folder: Path) -> None:
    """Remove what killed processes have left half-written, but nothing that may be in use."""
    for left in folder.glob(f"{ASIDE}*"):
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > ABANDONED_SECONDS:
                shutil.rmtree(left)


@contextlib.contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Hold a folder for this process alone, cleared of what is half-written, or `MachineError`."""
    with explain_write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".lock", timeout=0)
        try:
            lock.acquire()
        except Timeout:
            raise MachineError(
                f"{folder} is in use by another fairtrial: wait until it has ended, or choose "
                "another folder."
            ) from None
    try:
        for left in (*folder.glob(f"{ASIDE}*"), *folder.glob(f"*/{ASIDE}*")):
            shutil.rmtree(left, ignore_errors=True)
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def explain_write_errors(path: Path) -> Iterator[None]:
    """Turn what the system, or Polars, says of a write into a `MachineError` with a sentence."""
    try:
        yield
    except (OSError, PolarsError) as error:  # Polars words some of the system's errors itself.
        reason = getattr(error, "strerror", None) or error
        full = "No space left" in str(error)
        raise MachineError(
            f"{path} cannot be written: {reason}. "
            f"{'Make room, or take' if full else 'Take'} another folder."
        ) from None


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
