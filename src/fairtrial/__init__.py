"""All else equal, which training choice matters, by how much, and why.

The public names are loaded when they are first used: importing fairtrial does not import
TensorFlow, and neither does a study. Running one does.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fairtrial.errors import FairtrialError, InputError, MachineError
    from fairtrial.study import Study
    from fairtrial.trial.trial import Trial, run

__version__ = "0.1.0"

_PLACES = {
    "FairtrialError": "errors",
    "InputError": "errors",
    "MachineError": "errors",
    "Study": "study",
    "Trial": "trial.trial",
    "run": "trial.trial",
}
__all__ = ["FairtrialError", "InputError", "MachineError", "Study", "Trial", "run"]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'fairtrial' has no attribute {name!r}")
    return getattr(import_module(f"fairtrial.{_PLACES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_PLACES])
