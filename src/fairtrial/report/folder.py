"""Reading the files of a results folder for the report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fairtrial.errors import InputError


def read_json(path: Path) -> Any:
    """Read a JSON file of a results folder.

    Raises
    ------
    InputError
        If it is missing or not JSON.
    """
    try:
        return json.loads(_read_text(path))
    except json.JSONDecodeError as error:
        raise InputError(f"{path} is not valid JSON: {error}.") from None


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path} cannot be read: {_say(error)}. Is this a results folder?"
        ) from None


def _say(error: Exception) -> str:
    reason = error.strerror if isinstance(error, OSError) else None
    return reason or str(error).splitlines()[0].rstrip(".")
