"""Downloads with timeouts, a limit of size, and errors that are sentences."""

import threading
from pathlib import Path
from typing import BinaryIO

CONNECT_SECONDS = 3
READ_SECONDS = 20
GIVE_UP_SECONDS = 6

_CHUNK_BYTES = 1 << 16


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
    """Check within seconds whether a server answers at an address.

    Without a network, the look-up of a name or connections to many addresses can take minutes, and
    no timeout of the connection covers that. A separate thread therefore sends the request. Raises
    `DownloadError` if no server answers within `GIVE_UP_SECONDS`, or the connection fails. Any
    answer counts.
    """
    import pooch

    answers: list[Exception | None] = []

    def ask() -> None:
        try:
            pooch.HTTPDownloader(timeout=CONNECT_SECONDS)(url, None, None, check_only=True)
            answers.append(None)
        except Exception as error:
            answers.append(error)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(GIVE_UP_SECONDS)
    if not answers:
        raise DownloadError(f"nothing answers within {GIVE_UP_SECONDS} seconds")
    if answers[0] is not None:
        raise DownloadError(_reason(answers[0]))


def download_file(url: str, name: str, path: Path, limit: int) -> None:
    """Download one file of the folder at an address to a path, which the caller removes on failure.

    A download of more than `limit` bytes is aborted. Raises `DownloadError` if the server or the
    network fails, or the limit is exceeded; `OSError` if the path cannot be written.
    """
    import pooch
    import requests
    import urllib3

    downloader = pooch.HTTPDownloader(
        chunk_size=_CHUNK_BYTES, timeout=(CONNECT_SECONDS, READ_SECONDS)
    )
    with path.open("wb") as stream:
        try:
            downloader(f"{url.rstrip('/')}/{name}", _CappedFile(stream, limit), None)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise DownloadError(f"{name}: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    import requests

    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"the server answers {error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.Timeout):
        return "the server does not answer in time"
    if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.MissingSchema):
        return "it is not a web address"
    if isinstance(error, requests.exceptions.InvalidSchema):
        return "only http and https addresses can be downloaded from"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection broke off"
    if isinstance(error, requests.ConnectionError):
        return "there is no connection to the server"
    return f"{type(error).__name__}: {error}"
