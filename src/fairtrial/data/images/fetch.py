"""The search for Fashion-MNIST in several places, and its download, with timeouts and a limit.

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
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO, NamedTuple, NoReturn

from fairtrial.data.images import files
from fairtrial.errors import InputError, MachineError

Note = Callable[[str], None]

PACKAGE = "dataset-fashion-mnist"
# Where that package of Debian and Ubuntu puts the files.
SYSTEM_FOLDER = Path("/usr/share/datasets/fashion-mnist")
HOME_URL = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
FOLDER_NAME = "fashion-mnist"
CONNECT_SECONDS, READ_SECONDS, GIVE_UP_SECONDS = 3, 20, 6


class UnavailableError(MachineError):
    """A place does not have the data; the message is a sentence with the reason."""


class Found(NamedTuple):
    """The data set in one place, with all files checked."""

    folder: Path
    source: str  # Names the place, as part of a sentence.
    contents: dict[str, bytes]  # Unpacked, by file name.


def log_notice(sentence: str) -> None:
    """Write a sentence to the log, for callers that do not show progress."""
    logging.getLogger("fairtrial.data").warning(sentence)


def cache_folder(name: str = FOLDER_NAME) -> Path:
    """Return a folder below `FAIRTRIAL_CACHE` or the user's cache; may raise `InputError`."""
    if named := os.environ.get("FAIRTRIAL_CACHE"):
        return _user_path(named, "FAIRTRIAL_CACHE") / name
    import pooch

    return Path(pooch.os_cache("fairtrial")) / name


def find_files() -> Found | None:
    """Find the data set in `FAIRTRIAL_DATA`, else cache, else system; may raise `InputError`."""
    if named := _find_named_folder():
        return _read_named_folder(*named)
    return _search()[0]


def obtain_files(folder: str | Path | None = None, note: Note = log_notice) -> Found:
    """Find the data set, or fetch it: named folder alone, else cache, system, public home.

    `note` is called with each notice and each step as a sentence. Raises `InputError` if the named
    folder cannot be used; `MachineError`, with a sentence per place, if no place has it.
    """
    if named := _find_named_folder(folder):
        return _read_named_folder(*named)
    found, reasons = _search(note)
    return found or _fetch(cache_folder(), note, reasons)


def fill_folder(destination: str | Path, note: Note = log_notice) -> Path:
    """Put the data set into a folder, from this machine or from the public home; overwrite nothing.

    Raises `InputError` if the folder cannot be used; `MachineError` if no place has the data set,
    or it cannot be written.
    """
    target = _user_path(destination, "folder")
    present = files.read_folder(target)
    if present.refused or (target.exists() and not target.is_dir()):
        _refuse_folder(target, "folder", present)
    if present.is_complete:
        return target
    found = find_files() or _fetch(target, note, [])
    if found.folder != target:
        note(f"Copying Fashion-MNIST from {found.folder} to {target}.")
        with _explain(f"The copy from {found.folder}", target):
            files.copy_files(found.folder, target, present.contents)
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


def _search(note: Note | None = None) -> tuple[Found | None, list[str]]:
    """Search this machine, or say of each place why not.

    With `note`, files of the cache that are refused are removed, and the user is told.
    """
    reasons = []
    for folder, source, name, held, dismiss in (
        (cache_folder(), "fairtrial's cache", "cache", "held a file that was", _remove),
        (SYSTEM_FOLDER, f"Debian's package {PACKAGE}", "system's folder", "holds a file that is",
         lambda _: f"It is not used: reinstall {PACKAGE}."),
    ):  # fmt: skip
        reading = files.read_folder(folder)
        if reading.is_complete:
            return Found(folder, f"{source}, {folder}", reading.contents), []
        if note is not None:
            for path, reason in reading.refused.items():
                note(f"{path} is refused: {reason}. {dismiss(path)}")
        has = f"{held} refused" if reading.refused else "does not hold it"
        reasons.append(f"The {name} {folder} {has}.")
    return None, reasons


def _remove(path: Path) -> str:
    try:
        path.unlink()
    except OSError as error:
        return f"It is not used, but cannot be removed ({error.strerror}): remove it by hand."
    return "It has been removed from the cache."


def _fetch(destination: Path, note: Note, reasons: list[str]) -> Found:
    """Download what is missing; `reasons` say why the places before do not have it."""
    try:
        return _from_home(destination, note)
    except UnavailableError as error:
        places = "\n".join(f"- {reason}" for reason in (*reasons, error))
        raise MachineError(
            f"Fashion-MNIST is not available. The places, in order:\n{places}\n"
            "Put its four files into a folder and name that folder (FAIRTRIAL_DATA), install "
            f"{PACKAGE} on Debian or Ubuntu, or use the data set digits, which needs no files."
        ) from None


def _from_home(destination: Path, note: Note) -> Found:
    url = os.environ.get("FAIRTRIAL_DATA_URL") or HOME_URL
    contents = files.read_folder(destination).contents
    missing = [expected for expected in files.FILES if expected.name not in contents]

    def write(expected: files.DataFile, aside: Path) -> None:
        if expected is missing[0]:  # First it is seen whether the folder can be written.
            check_answer(url)
        note(f"Downloading {aside.name} from {url}.")
        # gzip adds a few bytes per 16,384 to data that it cannot compress.
        download_file(url, aside.name, aside, expected.size + expected.size // 100 + 4096)

    with _explain(f"The download from {url}", destination):
        for expected in missing:
            name = f"{expected.name}.gz"
            contents[expected.name] = files.put_file(
                destination, name, expected, partial(write, expected)
            )
    return Found(destination, f"{url}, kept in {destination}", contents)


@contextmanager
def _explain(what: str, destination: Path) -> Iterator[None]:
    """Turn errors of a download or a copy into one sentence."""
    try:
        yield
    except DownloadError as error:
        raise UnavailableError(f"{what} failed: {error}.") from None
    except files.RefusedFileError as error:
        raise UnavailableError(f"{what} was refused and deleted: {error}.") from None
    except OSError as error:
        raise MachineError(
            f"{what} cannot be kept: {destination} cannot be written "
            f"({error.strerror or error}). Make room or change its rights, or name another folder "
            "(for the cache: FAIRTRIAL_CACHE)."
        ) from None


# --------------------------------------------------------------------------------------- downloads


class DownloadError(Exception):
    """A download failed; the message is the reason, without a full stop."""


class _CappedFile:
    """A file that refuses to grow beyond a limit."""

    def __init__(self, stream: BinaryIO, limit: int) -> None:
        self._stream = stream
        self._left = limit

    def write(self, chunk: bytes) -> None:
        self._left -= len(chunk)
        if self._left < 0:
            raise DownloadError("the server sends more bytes than the file can have")
        self._stream.write(chunk)

    def flush(self) -> None:
        self._stream.flush()


def check_answer(url: str) -> None:
    """Check that a server gives any answer at an address, or raise `DownloadError`.

    Without a network, the look-up of a name or connections to many addresses can take minutes, and
    no timeout of the connection covers that. A separate thread therefore sends the request.
    """
    import pooch

    reasons: list[str] = []

    def ask() -> None:
        try:
            pooch.HTTPDownloader(timeout=CONNECT_SECONDS)(url, None, None, check_only=True)
            reasons.append("")
        except Exception as error:
            reasons.append(_word_reason(error))

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(GIVE_UP_SECONDS)
    if reason := reasons[0] if reasons else f"nothing answers within {GIVE_UP_SECONDS} seconds":
        raise DownloadError(reason)


def download_file(url: str, name: str, path: Path, limit: int) -> None:
    """Download one file of the folder at an address to a path, which the caller removes on failure.

    Raises `DownloadError` if the server or the network fails, or the file has more than `limit`
    bytes; `OSError` if the path cannot be written.
    """
    import pooch
    import requests
    import urllib3

    downloader = pooch.HTTPDownloader(chunk_size=1 << 16, timeout=(CONNECT_SECONDS, READ_SECONDS))
    with path.open("wb") as stream:
        try:
            downloader(f"{url.rstrip('/')}/{name}", _CappedFile(stream, limit), None)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise DownloadError(f"{name}: {_word_reason(error)}") from None


def _word_reason(error: Exception) -> str:
    import requests

    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"the server answers {error.response.status_code} {error.response.reason}"
    reasons = {
        requests.Timeout: "the server does not answer in time",
        requests.exceptions.InvalidURL: "it is not a web address",
        requests.exceptions.MissingSchema: "it is not a web address",
        requests.exceptions.InvalidSchema: "only http and https addresses can be downloaded from",
        requests.exceptions.ChunkedEncodingError: "the connection broke off",
        requests.ConnectionError: "there is no connection to the server",
    }
    known = (reason for kind, reason in reasons.items() if isinstance(error, kind))
    return next(known, f"{type(error).__name__}: {error}")
