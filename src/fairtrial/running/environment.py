"""What the results were made with: versions and machine."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from fairtrial.results.fingerprint import fingerprint_code

LIBRARIES = ("tensorflow", "numpy", "polars", "scikit-learn", "altair")


def describe_environment() -> dict[str, Any]:
    """Describe versions and machine, and the time now in UTC, ready for JSON.

    `xla` says whether programs are compiled by XLA here or run as plain graphs.
    """
    from fairtrial.training.programs import has_xla

    return {
        "fairtrial": version("fairtrial"),
        "training_code": fingerprint_code(),
        "python": platform.python_version(),
        **{library: version(library) for library in LIBRARIES},
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
        "xla": has_xla(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }
