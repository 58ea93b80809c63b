"""The search for Fashion-MNIST in several places, and its download.

Environment
-----------
FAIRTRIAL_DATA
    A folder with the four files. If it is set, no other place is searched.
FAIRTRIAL_CACHE
    The folder for fetched data and computed features, instead of the user's cache.
FAIRTRIAL_DATA_URL
    The address for downloads, instead of the public home of the data set.
"""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NoReturn

from fairtrial.data.images import download, files
from fairtrial.errors import InputError, MachineError

Note = Callable[[str], None]

PACKAGE = "dataset-fashion-mnist"
SYSTEM_FOLDER = Path("/usr/share/datasets/fashion-mnist")
"""Where that package of Debian and Ubuntu puts the files."""
HOME_URL = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
FOLDER_NAME = "fashion-mnist"

_CACHE = "fairtrial's cache"
_PACKAGE = f"Debian's package {PACKAGE}"


class UnavailableError(Exception):
    """A place does not have the data; the message is a sentence with the reason."""


class UnwritableError(UnavailableError):
    """The data could be had, but its folder cannot be written."""


@dataclass(frozen=True)
class Found:
    """The data set in one place, with all files checked: the unpacked contents by file name.

    `source` names the place, as part of a sentence.
    """

    folder: Path
    source: str
    contents: dict[str, bytes]


def log_notice(sentence: str) -> None:
    """Write a sentence to the log, for callers that do not show progress."""
    logging.getLogger("fairtrial.data").warning(sentence)


def cache_folder(name: str = FOLDER_NAME) -> Path:
    """Return a folder below `FAIRTRIAL_CACHE`, or below the user's cache if that is not set.

    It may be absent. Raises `InputError` if `FAIRTRIAL_CACHE` is not a path.
    """
    named = os.environ.get("FAIRTRIAL_CACHE")
    if named:
        return _user_path(named, "FAIRTRIAL_CACHE") / name
    import pooch

    return Path(pooch.os_cache("fairtrial")) / name


def find_files() -> Found | None:
    """Find the data set in `FAIRTRIAL_DATA`; else in the cache, or the system's folder.

    None if no place has it. Nothing is fetched or removed. Raises `InputError` if the named folder
    lacks a file, or a file in it is refused.
    """
    if named := _find_named_folder():
        return _read_named_folder(*named)
    for place, source in ((cache_folder(), _CACHE), (SYSTEM_FOLDER, _PACKAGE)):
        reading = files.read_folder(place)
        if reading.is_complete:
            return Found(place, f"{source}, {place}", reading.contents)
    return None


def obtain_files(folder: str | Path | None = None, note: Note = log_notice) -> Found:
    """Find the data set, or fetch it: named folder, else cache, system, public home.

    The user names the folder, by default by `FAIRTRIAL_DATA`; then no other place is searched.
    `note` is called with each notice and each step as a sentence. Raises `InputError` if the named
    folder lacks a file, or a file in it is refused; `MachineError` if no place has it; the message
    has one sentence per place.
    """
    if named := _find_named_folder(folder):
        return _read_named_folder(*named)
    cache = cache_folder()
    return _first_found(
        lambda: _from_cache(cache, note),
        lambda: _from_system(note),
        lambda: _from_home(cache, note),
    )


def fill_folder(destination: str | Path, note: Note = log_notice) -> Path:
    """Put the data set into a folder, from this machine or from the public home.

    The folder is created if absent; files in it are never overwritten. `note` is called with each
    notice and each step as a sentence. Raises `InputError` if a file in the folder is refused, or
    the folder is a file; `MachineError` if no place has the data set, or the folder cannot be
    written.
    """
    target = _user_path(destination, "folder")
    present = files.read_folder(target)
    if present.refused or (target.exists() and not target.is_dir()):
        _refuse_folder(target, "folder", present)
    if present.is_complete:
        return target
    found = find_files() or _first_found(lambda: _from_home(target, note))
    if found.folder != target:
        note(f"Copying Fashion-MNIST from {found.folder} to {target}.")
        try:
            with _explain(f"The copy from {found.folder}", target):
                files.copy_files(found.folder, target)
        except UnavailableError as error:
            raise MachineError(str(error)) from None
    return target


def _find_named_folder(folder: str | Path | None = None) -> tuple[Path, str] | None:
    if folder is not None:
        return _user_path(folder, "folder"), "folder"
    named = os.environ.get("FAIRTRIAL_DATA")
    return (_user_path(named, "FAIRTRIAL_DATA"), "FAIRTRIAL_DATA") if named else None


def _user_path(path: str | Path, named_by: str) -> Path:
    try:
        if "\0" in str(path):
            raise ValueError("it holds a null character")
        return Path(path).expanduser()
    except (RuntimeError, ValueError) as error:
        raise InputError(
            f"{named_by} is {str(path)!r}, which is not a path ({error}). Name a folder."
        ) from None


def _read_named_folder(folder: Path, named_by: str) -> Found:
    reading = files.read_folder(folder)
    if not reading.is_complete:
        _refuse_folder(folder, named_by, reading)
    return Found(folder, f"the folder {folder}", reading.contents)


def _refuse_folder(folder: Path, named_by: str, reading: files.Reading) -> NoReturn:
    if not reading.refused and not folder.is_dir():
        raise InputError(
            f"{named_by} names {folder}, which is not a folder. It must be the folder with "
            "the four files of Fashion-MNIST. Correct it, or leave it out: fairtrial then searches "
            "other places."
        )
    problems = [f"{path.name} is refused: {reason}." for path, reason in reading.refused.items()]
    problems += [f"{name}.gz is missing." for name in reading.missing]
    raise InputError(
        f"{named_by} names {folder}, which cannot be used for Fashion-MNIST. "
        + " ".join(problems)
        + " The four files must be there as published, packed (.gz) or not. Replace them by "
        "correct copies, or leave the folder out: fairtrial then searches other places."
    )


def _first_found(*places: Callable[[], Found]) -> Found:
    reasons, unwritable = [], ""
    for place in places:
        try:
            return place()
        except UnwritableError as error:
            unwritable = unwritable or str(error)
        except UnavailableError as error:
            reasons.append(f"- {error}")
    if unwritable:  # Where else it is not does not matter then.
        raise MachineError(unwritable)
    raise MachineError(
        "Fashion-MNIST is not available. The places, in order:\n"
        + "\n".join(reasons)
        + "\nPut its four files into a folder and name that folder (FAIRTRIAL_DATA), install "
        f"{PACKAGE} on Debian or Ubuntu, or use the data set digits, which needs no files."
    )


def _from_cache(cache: Path, note: Note) -> Found:
    reading = files.read_folder(cache)
    if reading.is_complete:
        return Found(cache, f"{_CACHE}, {cache}", reading.contents)
    for path, reason in reading.refused.items():
        note(f"{path} is refused: {reason}. {_remove(path)}")
    what = "held a file that was refused" if reading.refused else "does not hold it"
    raise UnavailableError(f"The cache {cache} {what}.")


def _remove(path: Path) -> str:
    try:
        path.unlink()
    except OSError as error:
        return f"It is not used, but cannot be removed ({error.strerror}): remove it by hand."
    return "It has been removed from the cache."


def _from_system(note: Note) -> Found:
    reading = files.read_folder(SYSTEM_FOLDER)
    if reading.is_complete:
        return Found(SYSTEM_FOLDER, f"{_PACKAGE}, {SYSTEM_FOLDER}", reading.contents)
    for path, reason in reading.refused.items():
        note(f"{path} is refused: {reason}. It is not used: reinstall {PACKAGE}.")
    what = "holds a file that is refused" if reading.refused else "does not hold it"
    raise UnavailableError(f"The system's folder {SYSTEM_FOLDER} {what}.")


def _from_home(destination: Path, note: Note) -> Found:
    url = os.environ.get("FAIRTRIAL_DATA_URL") or HOME_URL
    contents = files.read_folder(destination).contents
    missing = [expected for expected in files.FILES if expected.name not in contents]

    def write(expected: files.DataFile, aside: Path) -> None:
        if expected is missing[0]:  # First it is seen whether the folder can be written.
            download.check_answer(url)
        note(f"Downloading {aside.name} from {url}.")
        download.download_file(url, aside.name, aside, _packed_limit(expected))

    with _explain(f"The download from {url}", destination):
        for expected in missing:
            name = f"{expected.name}.gz"
            contents[expected.name] = files.put_file(
                destination, name, expected, partial(write, expected)
            )
    return Found(destination, f"{url}, kept in {destination}", contents)


def _packed_limit(expected: files.DataFile) -> int:
    # gzip adds a few bytes per 16,384 to data that it cannot compress.
    return expected.size + expected.size // 100 + 4096


@contextmanager
def _explain(what: str, destination: Path) -> Iterator[None]:
    """Turn errors of a download or a copy into one sentence."""
    try:
        yield
    except download.DownloadError as error:
        raise UnavailableError(f"{what} failed: {error}.") from None
    except files.RefusedFileError as error:
        raise UnavailableError(f"{what} was refused and deleted: {error}.") from None
    except OSError as error:
        raise UnwritableError(
            f"{what} cannot be kept: {destination} cannot be written "
            f"({error.strerror or error}). Make room or change its rights, or name another folder "
            "(for the cache: FAIRTRIAL_CACHE)."
        ) from None
