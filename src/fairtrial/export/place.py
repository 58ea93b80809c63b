"""The target folder of an export, and folder names that every system accepts."""

from __future__ import annotations

import contextlib
import re
import shutil
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path

from fairtrial.errors import InputError
from fairtrial.files import explain_write_errors

# In bytes: systems allow 255, and a number may follow.
LONGEST_NAME = 120


def check_place(place: Path) -> None:
    """Check that an export replaces nothing: no file, and no folder that is not empty."""
    with explain_write_errors(place):
        if place.exists() and not place.is_dir():
            raise InputError(f"{place} is a file: choose a new folder with --out.")
        if place.is_dir() and any(place.iterdir()):
            raise InputError(
                f"{place} is not empty, and an export replaces nothing: choose a new folder with "
                "--out."
            )


@contextlib.contextmanager
def fill(place: Path) -> Iterator[None]:
    """Make a folder to write to, and remove it if writing fails."""
    with explain_write_errors(place):
        place.mkdir(parents=True, exist_ok=True)
        try:
            yield
        except BaseException:  # Also after Ctrl-C: the next call must find an empty folder.
            shutil.rmtree(place, ignore_errors=True)
            raise


def name_folders(names: Iterable[str]) -> dict[str, str]:
    """Make a unique folder name for each name, as similar to it as possible.

    Letters of any script, digits, spaces and a few signs are kept; other characters become `_`.
    Equal results, and results that differ only in upper and lower case, are numbered.

    Examples
    --------
    >>> name_folders(["huber delta=1.0", "a/b", "A?b", ".."])
    {'huber delta=1.0': 'huber delta=1.0', 'a/b': 'a_b', 'A?b': 'A_b (2)', '..': '_'}
    """
    folders: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        clean = folder = _clean(name)
        number = 1
        while folder.casefold() in taken:
            number += 1
            folder = f"{clean} ({number})"
        taken.add(folder.casefold())
        folders[name] = folder
    return folders


def _clean(name: str) -> str:
    plain = re.sub(r"[^\w .,=+·-]+", "_", unicodedata.normalize("NFC", name))
    cut = plain.encode()[:LONGEST_NAME].decode(errors="ignore").strip(" ")
    # Names of dots alone are other folders, and a leading dot hides a folder.
    return re.sub(r"^\.+|\.+$", "_", cut) or "_"
