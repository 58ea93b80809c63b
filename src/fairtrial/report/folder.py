"""Reading the files of a results folder for the report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fairtrial.errors import InputError


def read_json(path: Path) -> Any:
    """Read a JSON file of a results folder; an `InputError` if it is missing or not JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise InputError(f"{path} is not valid JSON: {error}.") from None
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0].rstrip(".")
        raise InputError(f"{path} cannot be read: {reason}. Is this a results folder?") from None
