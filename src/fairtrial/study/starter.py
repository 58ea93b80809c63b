"""A commented study file to start from, with the schema that editors read."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from fairtrial.errors import InputError
from fairtrial.kinds.kind import FAMILIES
from fairtrial.kinds.reference import list_names
from fairtrial.study.schema import write_schema

SCHEMA_NAME = "fairtrial.schema.json"  # The first line of starter.toml names it.


def read_starter() -> str:
    """Read the study file that `write_starter` writes, with the names of all kinds."""
    text = (resources.files("fairtrial.study") / "starter.toml").read_text(encoding="utf-8")
    for family in FAMILIES:
        text = text.replace(f"{{{family}}}", list_names(family))
    return text


def write_starter(path: Path) -> Path:
    """Write a study file to start from, and the schema beside it.

    Parameters
    ----------
    path : Path
        Where; nothing may be there yet.

    Returns
    -------
    Path
        The schema.

    Raises
    ------
    InputError
        If there is something already, or it cannot be written.
    """
    schema = path.parent / SCHEMA_NAME
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(read_starter())
    except FileExistsError:
        raise InputError(f"{path} is there already, and stays: name another file.") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path.
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path} cannot be written: {reason}. Name another file.") from None
    write_schema(schema)
    return schema
