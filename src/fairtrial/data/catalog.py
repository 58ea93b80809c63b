"""The image data sets by name: their descriptions, their places, and their fetching."""

import importlib.util
from pathlib import Path
from typing import NamedTuple

from fairtrial.data.images.fetch import Note, fill_folder, find_files, log_notice, obtain_files
from fairtrial.errors import InputError, MachineError
from fairtrial.kinds.data import tasks  # noqa: F401 - registers them
from fairtrial.kinds.data.datasets import TASKS, DataSet
from fairtrial.settings.names import find_nearest

NOT_FETCHED = "not fetched"


class Entry(NamedTuple):
    """An entry in the list of data sets: the sizes are those of its fixed split into rows.

    `what` is a short description, `licence` names the licence and its holder, and `found` is the
    folder or file on this machine, or `"not fetched"`.
    """

    name: str
    what: str
    n_train_rows: int
    n_test_rows: int
    licence: str
    found: str


def _list_kinds() -> list[DataSet[...]]:
    """List the data sets that fairtrial brings, as they say under what licence."""
    return [kind for kind in TASKS if kind.licence]  # pyright: ignore[reportAttributeAccessIssue, reportReturnType]


def list_datasets() -> list[Entry]:
    """List the data sets and their places, without network access; errors are those of `find`."""
    return [
        Entry(
            name=kind.name,
            what=kind.description.partition("\n")[0].rstrip("."),
            n_train_rows=kind.shape[0],
            n_test_rows=kind.shape[1],
            licence=kind.licence,
            found=str(find(kind.name) or NOT_FETCHED),
        )
        for kind in _list_kinds()
    ]


def _check_name(name: str) -> None:
    """Refuse a name that no data set has, with all names and the nearest one."""
    names = [kind.name for kind in _list_kinds()]
    if name in names:
        return
    nearest = find_nearest(str(name), names, cutoff=0.6)
    hint = f" Did you mean {nearest}?" if nearest else ""
    raise InputError(f"{name!r} is not a data set. The data sets are {', '.join(names)}.{hint}")


def find(name: str) -> Path | None:
    """Find the folder of a data set (for digits, the file), or None; may raise `InputError`."""
    _check_name(name)
    if name == "digits":
        return _find_digits()
    found = find_files()
    return found.folder if found else None


def fetch(name: str, folder: str | Path | None = None, note: Note = log_notice) -> Path:
    """Find or fetch a data set, and return what `find` does; errors as of `obtain_files`."""
    _check_name(name)
    if name == "digits":
        if folder is not None:
            raise InputError(
                f"folder is {folder}, but digits comes inside scikit-learn and uses no folder. "
                "Leave it out."
            )
        return _find_digits()
    if folder is None:
        return obtain_files(note=note).folder
    return fill_folder(folder, note)


def _find_digits() -> Path:
    # Without importing scikit-learn, which takes a second.
    package = importlib.util.find_spec("sklearn")
    if package is None or not package.submodule_search_locations:
        raise MachineError("scikit-learn is not installed. Reinstall fairtrial with pip.")
    return Path(package.submodule_search_locations[0]) / "datasets" / "data" / "digits.csv.gz"
