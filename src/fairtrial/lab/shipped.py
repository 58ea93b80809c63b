"""The studies that the lab runs, and what its folder holds; loads no TensorFlow."""

import json
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from fairtrial.data.images.fetch import find_files
from fairtrial.errors import InputError
from fairtrial.results.stamp import digest_inputs, is_current, write_stamp
from fairtrial.study import Study

STUDIES = ("line", "fashion", "models", "challenge")
"""What the report did, and its challenge; in the order in which the lab runs them."""
MORE_STUDIES = ("grid", "features")
"""What takes long, and goes beyond the report."""
FULL_SEEDS = 20
CONCLUSIONS, REPLAY = "conclusions.json", "replay.json"


def open_shipped(name: str) -> Path:
    """Return the path of a shipped study or replay file."""
    return Path(str(resources.files("fairtrial") / "lab" / "studies" / f"{name}.toml"))


def list_studies(seeds: int | None = None, full: bool = False) -> dict[str, Study]:
    """Load the shipped studies that the lab runs, with so many seeds instead of what they say.

    `full` adds the studies that take long, gives those of the two problems 20 seeds, and fits the
    baselines of `models` for all seeds of `features`, which shares them: an SVM is fitted once.
    """
    names = STUDIES + MORE_STUDIES if full else STUDIES
    studies = {name: Study.load(open_shipped(name)) for name in names}
    if full:
        studies |= {name: studies[name].take_seeds(FULL_SEEDS) for name in ("line", "fashion")}
        n_shared = len(studies["features"].list_seeds())
        studies["models"] = studies["models"].take_seeds(n_shared)
    if seeds is not None:
        studies = {name: study.take_seeds(seeds) for name, study in studies.items()}
    return studies


def read_json(path: Path) -> Any:
    """Read a JSON file of a results folder; an `InputError` if it is missing or not JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise InputError(f"{path} is not valid JSON: {error}.") from None
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0].rstrip(".")
        raise InputError(f"{path} cannot be read: {reason}. Is this a results folder?") from None


def count_matches(replay: Sequence[Mapping[str, Any]]) -> int:
    """Count the reported figures that a replay matches."""
    return sum(bool(entry["match"]) for entry in replay)


def is_lab_done(studies: dict[str, Study], folder: Path, n_verified: int) -> bool:
    """Say whether a folder holds all that the lab would make; loads nothing to find out."""
    if is_current(folder, _digest(studies, n_verified, False)):
        return True
    # Digits have stood in: that counts for as long as Fashion-MNIST is nowhere on this machine.
    return is_current(folder, _digest(studies, n_verified, True)) and find_files() is None


def stamp_lab(
    studies: dict[str, Study], folder: Path, n_verified: int, has_fallback: bool
) -> None:  # fmt: skip
    """Note that the folder holds all that the lab makes of these studies."""
    write_stamp(folder, _digest(studies, n_verified, has_fallback))


def _digest(studies: dict[str, Study], n_verified: int, has_fallback: bool) -> str:
    options = {"lab": list(studies), "verify": n_verified, "fallback": has_fallback}
    return digest_inputs(studies.values(), options)
