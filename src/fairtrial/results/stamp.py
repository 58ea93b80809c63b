"""Whether a results folder already holds all that a command would make.

A finished command leaves a stamp: a digest of all that its results depend on, and the size and
the time of every file that it has left. Neither TensorFlow nor the results are loaded to read it.
"""

import hashlib
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from fairtrial.files import write_json
from fairtrial.loading import find_version
from fairtrial.study import Study

STAMP = "stamp.json"
# The libraries that results depend on; one that is not installed counts as absent.
LIBRARIES = (
    "altair", "joblib", "numpy", "pillow", "polars", "scikit-image", "scikit-learn",
    "scikit-learn-intelex", "scipy", "statsmodels", "tensorflow", "vl-convert-python",
)  # fmt: skip


def digest_inputs(studies: Iterable[Study], options: Mapping[str, Any]) -> str:
    """Digest all that the results of studies depend on, as a hexadecimal SHA-256.

    That is the studies, the options of the command, ready for JSON, the contents of data files that
    the studies name, the whole package, and the versions of the libraries that it stands on.
    """
    studies = list(studies)
    texts = [
        json.dumps(options, sort_keys=True),
        *(study.to_toml() for study in studies),
        *(line for study in studies for line in _list_data(study)),
        *_list_software(),
    ]
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()


def is_current(folder: Path, inputs: str) -> bool:
    """Say whether a folder holds what a command with these inputs has left, untouched."""
    try:
        stamp = json.loads((folder / STAMP).read_text(encoding="utf-8"))
        return stamp["inputs"] == inputs and all(
            _describe_file(folder / name) == seen for name, seen in stamp["files"].items()
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def write_stamp(folder: Path, inputs: str) -> None:
    """Note that a command with these inputs has left what the folder holds now."""
    names = [path.relative_to(folder) for path in _list_files(folder)]
    files = {str(name): _describe_file(folder / name) for name in sorted(names)}
    write_json(folder / STAMP, {"inputs": inputs, "files": files})


def _list_data(study: Study) -> Iterator[str]:
    """List the data files that a study names: each path with a digest of what is there."""
    tasks = [arm.task for arm in study.list_arms()]
    for path in dict.fromkeys(str(path) for task in tasks if (path := getattr(task, "path", ""))):
        yield f"{path} {_digest_data(Path(path))}"
    for path in study.plugins:
        yield f"{path} {_digest_data(Path(path))}"


def _digest_data(path: Path) -> str:
    try:
        if path.is_dir():
            there = [(str(one), _describe_file(one)) for one in sorted(path.rglob("*"))]
            return hashlib.sha256(repr(there).encode()).hexdigest()
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return "cannot be read"


@cache
def _list_software() -> list[str]:
    package = hashlib.sha256()
    for file in sorted(Path(str(resources.files("fairtrial"))).rglob("*")):
        if file.is_file() and file.suffix != ".pyc":
            package.update(file.read_bytes())
    libraries = [f"{name} {find_version(name)}" for name in LIBRARIES]
    return [f"python {sys.version}", package.hexdigest(), *libraries]


def _list_files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.is_file() and path.name != STAMP and not path.name.startswith("."):
            yield path


def _describe_file(path: Path) -> list[int]:
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]
