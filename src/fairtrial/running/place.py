"""Which folders results may go to: new or empty ones, and those that fairtrial made."""

import itertools
import tomllib
from pathlib import Path

import tomli_w

from fairtrial.errors import InputError
from fairtrial.files import explain_write_errors
from fairtrial.results.design import DESIGN
from fairtrial.results.saved_stacks import PARTS
from fairtrial.results.store import CURVES, RUNS, STUDY

PLAN = f"{PARTS}/plan.json"
MOST_NAMES = 3
WITH_OUT = "with --out, or out in Python"
# What Windows puts into folders by itself.
OF_WINDOWS = ("desktop.ini", "thumbs.db")


def is_made(folder: Path) -> bool:
    """Say whether fairtrial made a folder, to hold the results of a study."""
    older = all((folder / name).is_file() for name in (STUDY, RUNS, CURVES))
    return older or any((folder / name).is_file() for name in (DESIGN, PLAN))


def check_place(folder: Path, parts: tuple[str, ...] = ()) -> None:
    """See that results replace nothing that fairtrial did not write.

    Hidden files and empty folders do not count; `parts` are the names of a lab's results folders.
    """
    with explain_write_errors(folder):
        if not folder.is_dir():
            _refuse_file(folder)
            return
        names = _list_names(folder)
    made = any(is_made(folder / part) for part in parts) if parts else is_made(folder)
    if names and (not made or (parts and is_made(folder))):
        more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
        there = ", ".join(names[:MOST_NAMES]) + more
        kind = "the lab" if parts else "a study"
        raise InputError(
            f"{folder.absolute()} is not a folder that fairtrial made for the results of {kind}: "
            f"it holds {there}. Nothing there is replaced. Choose a new or an empty folder "
            f"{WITH_OUT}."
        )


def _refuse_file(path: Path) -> None:
    """Refuse a file, or a link that leads nowhere, in the place of a folder."""
    if path.exists():
        what = "is a file"
    elif path.is_symlink():
        what = f"is a link to {path.readlink()}, which does not exist"
    else:
        return
    raise InputError(f"{path.absolute()} {what}: choose a new or an empty folder {WITH_OUT}.")


def _list_names(folder: Path) -> list[str]:
    seen = [
        path
        for path in sorted(folder.iterdir())
        if not (path.name.startswith(".") or path.name.lower() in OF_WINDOWS)
    ]
    is_empty = (path.is_dir() and not path.is_symlink() and not _list_names(path) for path in seen)
    return [path.name for path, empty in zip(seen, is_empty, strict=True) if not empty]


def keep_edited_study(folder: Path) -> Path | None:
    """Keep a `study.toml` that was edited by hand under another name, before it is replaced.

    Returns where; None where the file is as fairtrial wrote it, or there is none.
    """
    path = folder / STUDY
    with explain_write_errors(path):
        if not path.is_file() or _is_written(path):
            return None
        places = (folder / f"edited-{number}-{STUDY}" for number in itertools.count(1))
        kept = next(place for place in places if not place.exists())
        path.rename(kept)
    return kept


def _is_written(path: Path) -> bool:
    """Say whether a study file is written as fairtrial writes one; none of its code runs."""
    try:
        text = path.read_text(encoding="utf-8")
        return tomli_w.dumps(tomllib.loads(text)) == text
    except ValueError:  # It is no TOML, or not in UTF-8.
        return False
