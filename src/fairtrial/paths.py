"""The paths that users give: where they lead, whatever becomes of the working directory."""

import errno
import os
import re
import stat
from pathlib import Path

from fairtrial.errors import InputError, show_object

DEVICES = {
    stat.S_ISFIFO: "a pipe", stat.S_ISSOCK: "a socket", stat.S_ISCHR: "a device",
    stat.S_ISBLK: "a device",
}  # fmt: skip
ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


def expand_path(path: str | Path) -> Path:
    """Return the path that a user means, with `~` replaced by the home folder.

    It is an `InputError` if there is no such home folder, or it is no path, but an address for
    example.
    """
    if not isinstance(path, str | os.PathLike):
        raise InputError(f"{show_object(path)} is no path: give the path of a file or folder.")
    text = str(path)
    if ADDRESS.match(text):
        raise InputError(f"{text!r} is an address and no path: name what is on this machine.")
    if "\0" in text:
        raise InputError(f"{text!r} has a null character, which no path has.")
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise InputError(
            f"{text!r} begins with the home folder of a user who is not known: write the "
            "whole path."
        ) from None


def locate(path: str | Path) -> Path:
    """Return the absolute path that a user means; a relative one is in the working directory.

    Errors are those of `expand_path`, and an `InputError` if there is no working directory any
    more.
    """
    expanded = expand_path(path)
    try:
        return expanded.absolute()
    except OSError:
        raise InputError(
            f"{str(path)!r} is relative, but the working directory is gone: change to another "
            "folder, or write the whole path."
        ) from None


def read_file(path: Path) -> bytes:
    """Read a file of the user's; an `OSError` as of `refuse_device`, or of the system."""
    refuse_device(path)
    return path.read_bytes()


def refuse_device(path: Path) -> None:
    """Refuse, by an `OSError`, what would be read without an end: a pipe, a socket, a device.

    A pipe without a name, as of a shell's `<(...)`, is read like a file.
    """
    mode = path.stat().st_mode
    what = next((word for is_kind, word in DEVICES.items() if is_kind(mode)), "")
    if what and (what != "a pipe" or path.resolve().exists()):
        raise OSError(errno.EINVAL, f"it is {what} and no file", str(path))
