"""Where an export goes: a folder of its own, and names in it that any system takes."""

from __future__ import annotations

import contextlib
import re
import shutil
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path

from fairtrial.errors import InputError
from fairtrial.trial.files import explain_write_errors

# In bytes: systems allow 255, and a number may follow.
LONGEST_NAME = 120


def check_place(place: Path) -> None:
    """See that an export replaces nothing.

    Raises
    ------
    InputError
        If the place is a file, or a folder that is not empty.
    MachineError
        If it cannot be looked into.
    """
    with explain_write_errors(place):
        if place.exists() and not place.is_dir():
            raise InputError(f"{place} is a file: choose a new folder with --out.")
        if place.is_dir() and any(place.iterdir()):
            raise InputError(
                f"{place} is not empty, and an export replaces nothing: remove it, or choose a "
                "new folder with --out."
            )


@contextlib.contextmanager
def fill(place: Path) -> Iterator[None]:
    """Make a folder to be filled; where filling it fails, nothing is left of it.

    Raises
    ------
    MachineError
        If it cannot be written.
    """
    with explain_write_errors(place):
        place.mkdir(parents=True, exist_ok=True)
        try:
            yield
        except BaseException:  # A stop by the user too: the next call must find the place empty.
            shutil.rmtree(place, ignore_errors=True)
            raise


def name_folders(names: Iterable[str]) -> dict[str, str]:
    """Give each name a folder's name, as like it as may be, no two alike.

    Letters of any script, digits, spaces and a few signs stay; runs of anything else become `_`.
    Names that are alike then, or differ by upper and lower case alone, are numbered.

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
    # Names of dots alone lead elsewhere, and a dot in front hides a folder.
    return re.sub(r"^\.+|\.+$", "_", cut) or "_"
