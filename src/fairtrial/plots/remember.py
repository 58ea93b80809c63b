"""What is read of a trial once, and then for all of its charts."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from fairtrial.trial.trial import Trial

Result = TypeVar("Result")


def remember(function: Callable[..., Result]) -> Callable[..., Result]:
    """Keep what a function of a trial returns for as long as there is the trial.

    A trial reads its tables once, so what is worked out from them stays true. Callers share one
    result: none may change it.
    """
    kept: WeakKeyDictionary[Trial, dict[tuple[Any, ...], Result]] = WeakKeyDictionary()

    @functools.wraps(function)
    def recall(trial: Trial, *rest: Any) -> Result:
        of_trial = kept.setdefault(trial, {})
        if rest not in of_trial:
            of_trial[rest] = function(trial, *rest)
        return of_trial[rest]

    return recall
