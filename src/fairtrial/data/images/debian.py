"""Fashion-MNIST from the package of Debian and Ubuntu, through apt.

apt checks the signature of the package. `fairtrial.data.images.fetch` checks each file in it.
"""

import os
import shutil
import subprocess
from pathlib import Path

PACKAGE = "dataset-fashion-mnist"
DATA_PATH = Path("usr/share/datasets/fashion-mnist")
UPDATE_SECONDS = 180
DOWNLOAD_SECONDS = 900

_OPTIONS = (
    "-q",
    "-o=Acquire::Languages=none",
    "-o=Acquire::Retries=0",
    "-o=Acquire::http::Timeout=10",
    "-o=Acquire::https::Timeout=10",
    "-o=DPkg::Lock::Timeout=60",
)
_ENVIRONMENT = {"LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_SUSPEND": "1"}


class AptError(Exception):
    """apt failed; the message is a sentence that says why."""


def has_apt() -> bool:
    """Say whether this machine has apt and dpkg, as Debian and Ubuntu do.

    Returns
    -------
    bool
    """
    return all(shutil.which(program) for program in ("apt-get", "dpkg-deb"))


def is_root() -> bool:
    """Say whether this process may install packages.

    Returns
    -------
    bool
    """
    return os.geteuid() == 0


def install_package() -> None:
    """Install the package system-wide, as root.

    Raises
    ------
    AptError
        If apt fails with the present package lists and with updated ones.
    """
    install = ("apt-get", *_OPTIONS, "install", "--yes", "--no-install-recommends", PACKAGE)
    try:
        _run(install, DOWNLOAD_SECONDS)
    except AptError:
        # A new container has no lists; the lists of an old one name files that no longer exist.
        _update_then(install, ())


def unpack_package(folder: Path) -> Path:
    """Download the package and unpack it into a folder, without installing it.

    This needs no privileges and no package lists: apt uses its own lists and cache in the folder.

    Parameters
    ----------
    folder : Path
        An existing working folder; the caller removes it.

    Returns
    -------
    Path
        The folder that holds the four files.

    Raises
    ------
    AptError
        If apt or dpkg-deb fails.
    OSError
        If the folder cannot be written.
    """
    # An absolute path, because apt reads a relative path as relative to its root.
    folder = folder.resolve()
    lists, cache = folder / "lists", folder / "cache"
    (lists / "partial").mkdir(parents=True)
    (cache / "archives" / "partial").mkdir(parents=True)
    private = (f"-o=Dir::State::lists={lists}", f"-o=Dir::Cache={cache}")
    if is_root():
        # Otherwise apt switches to a user who may not enter the folder.
        private += ("-o=APT::Sandbox::User=root",)
    _update_then(("apt-get", *_OPTIONS, *private, "download", PACKAGE), private, folder)
    packages = sorted(folder.glob(f"{PACKAGE}_*.deb"))
    if not packages:
        raise AptError(f"apt-get download {PACKAGE} left no package behind")
    unpacked = folder / "unpacked"
    _run(("dpkg-deb", "-x", str(packages[0]), str(unpacked)), DOWNLOAD_SECONDS)
    return unpacked / DATA_PATH


def _update_then(
    command: tuple[str, ...], options: tuple[str, ...], folder: Path | None = None
) -> None:
    """Update the package lists and run a command; if it fails, report errors of the update too.

    The command runs even if the update fails, because one of several sources may be broken.
    """
    try:
        output = _run(("apt-get", *_OPTIONS, *options, "update"), UPDATE_SECONDS)
        # apt reports success even if it reached no source.
        failures = [line[2:].strip() for line in output.splitlines() if "Failed to fetch" in line]
    except AptError as error:
        failures = [str(error)]
    try:
        _run(command, DOWNLOAD_SECONDS, folder)
    except AptError as error:
        raise AptError(f"{error}; before that, {failures[0]}" if failures else str(error)) from None


def _run(command: tuple[str, ...], seconds: float, folder: Path | None = None) -> str:
    name = " ".join(word for word in command if not word.startswith(("-", "/")))
    environment = os.environ | _ENVIRONMENT
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise AptError(f"{name} did not end within {seconds:.0f} seconds") from None
    except OSError as error:
        raise AptError(f"{name} cannot be started ({error.strerror})") from None
    if done.returncode != 0:
        raise AptError(f"{name} failed ({_first_error(done.stderr)})")
    return done.stderr


def _first_error(output: str) -> str:
    r"""Return the first error line of apt, which has the cause; the last one is a summary.

    >>> _first_error("W: slow\nE: Failed to fetch x\nE: Some files failed to download\n")
    'Failed to fetch x'
    """
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("E:")] or lines or ["it says nothing"]
    return errors[0].removeprefix("E:").strip()
