"""The paths that users give: where they lead, whatever becomes of the working directory."""

from __future__ import annotations

from pathlib import Path

from fairtrial.errors import InputError


def expand_path(path: str | Path) -> Path:
    """Return the path that a user means, with `~` replaced by the home folder.

    Raises
    ------
    InputError
        If there is no such home folder, or it is no path.

    Examples
    --------
    >>> expand_path("~/results") == Path.home() / "results"
    True
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise InputError(
            f"{str(path)!r} begins with the home folder of a user who is not known: write the "
            "whole path."
        ) from None
    except TypeError:
        raise InputError(f"{path!r} is no path: give the path of a file or folder.") from None


def locate(path: str | Path) -> Path:
    """Return the absolute path that a user means; a relative one is in the working directory.

    Raises
    ------
    InputError
        As `expand_path`.
    """
    return expand_path(path).absolute()
