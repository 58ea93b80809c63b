"""All else equal, which training choice matters, by how much, and why.

The public names are loaded when they are first used: importing fairtrial does not import
TensorFlow, and neither does a study. Running one does.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # To import `typing` takes a moment in which Ctrl-C is not heard yet.
if TYPE_CHECKING:
    from typing import Any

    from fairtrial import plots
    from fairtrial.data.images.own_images import images
    from fairtrial.errors import FairtrialError, InputError, MachineError
    from fairtrial.evidence.judge import judge
    from fairtrial.running.cluster import connect, start_workers
    from fairtrial.running.run import run
    from fairtrial.running.trial import Trial
    from fairtrial.study.claims import Claim
    from fairtrial.study.recipe import Recipe
    from fairtrial.study.study import Study

if sys.flags.optimize > 1:
    from fairtrial.loading import keep_docstrings

    keep_docstrings("altair")

__version__ = "0.1.0"

_PLACES = {
    "Claim": "study.claims",
    "FairtrialError": "errors",
    "InputError": "errors",
    "MachineError": "errors",
    "Recipe": "study.recipe",
    "Study": "study.study",
    "Trial": "running.trial",
    "connect": "running.cluster",
    "images": "data.images.own_images",
    "judge": "evidence.judge",
    "run": "running.run",
    "start_workers": "running.cluster",
}
__all__ = [
    "Claim", "FairtrialError", "InputError", "MachineError", "Recipe", "Study", "Trial",
    "connect", "images", "judge", "plots", "run", "start_workers",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name == "plots":
        return import_module("fairtrial.plots")
    if name not in _PLACES:
        raise AttributeError(f"module 'fairtrial' has no attribute {name!r}")
    return getattr(import_module(f"fairtrial.{_PLACES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
