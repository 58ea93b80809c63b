"""The export of results folders, and its formats."""

import contextlib
import importlib.util
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from fairtrial.errors import InputError
from fairtrial.export.event_files import write_event_files
from fairtrial.export.tables import write_csv
from fairtrial.export.tracking import write_store
from fairtrial.files import explain_write_errors
from fairtrial.progress import Progress
from fairtrial.results.results import Results
from fairtrial.settings.names import suggest


@dataclass(frozen=True)
class Format:
    """A format of exports: what writes a trial to an empty folder, and needs which packages.

    `write` raises OSError if the folder cannot be written; `packages` are names to import.
    """

    write: Callable[[Results, Path, Progress], None]
    packages: tuple[str, ...] = ()
    on_tensorflow: bool = False


FORMATS = {
    "tensorboard": Format(write_event_files, ("tensorboard",), on_tensorflow=True),
    "mlflow": Format(write_store, ("mlflow", "sqlalchemy", "alembic")),
    "csv": Format(write_csv),
}


@dataclass(frozen=True)
class Export:
    """A checked export, from `prepare_export`."""

    trial: Results
    format: Format
    place: Path

    def write(self, progress: Progress = lambda status: None) -> Path:
        """Write the export, and return its folder."""
        with fill(self.place):
            self.format.write(self.trial, self.place, progress)
        return self.place


def export(folder: str | Path, to: str, out: str | Path | None = None) -> Path:
    """Export a results folder.

    Parameters
    ----------
    folder : str or Path
        The results folder.
    to : str
        `tensorboard`, `mlflow` or `csv`.
    out : str or Path, optional
        A new or empty folder; by default a folder in the results folder, named after the format.

    Returns
    -------
    Path
        The folder of the export.

    Raises
    ------
    InputError
        If there is no such format, its package is not installed, the folder is not a results
        folder or has a damaged table, or the target folder is not empty.
    MachineError
        If the target folder cannot be read or written.
    """
    return prepare_export(Path(folder), to, None if out is None else Path(out)).write()


def prepare_export(folder: Path, to: str, out: Path | None = None) -> Export:
    """Check everything that an export needs, before slow imports; parameters as of `export`."""
    if to not in FORMATS:
        raise InputError(f"--to {to!r} is not a known format{suggest(to, FORMATS)}.")
    if not all(map(_is_installed, FORMATS[to].packages)):
        raise InputError(
            f"Exporting to {to} needs packages that are not installed. Install them with: "
            f"pip install 'fairtrial[{to}]'"
        )
    trial = Results(folder)
    _ = trial.study, trial.runs, trial.curves, trial.parameters  # Damage is found early.
    place = folder / to if out is None else out
    check_place(place)
    return Export(trial, FORMATS[to], place)


def _is_installed(package: str) -> bool:
    spec = importlib.util.find_spec(package)
    # A plain folder of that name, such as an earlier export, is also found, but has no origin.
    return spec is not None and spec.origin is not None


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
