"""Results that are computed once per trial and shared by its charts."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from fairtrial.results.results import Results

Result = TypeVar("Result")


def remember(function: Callable[..., Result]) -> Callable[..., Result]:
    """Keep the results of a function of a trial as long as the trial exists.

    A trial reads its tables once, so the results stay valid. Callers share a result and must not
    change it.
    """
    kept: WeakKeyDictionary[Results, dict[tuple[Any, ...], Result]] = WeakKeyDictionary()

    @functools.wraps(function)
    def recall(trial: Results, *rest: Any) -> Result:
        of_trial = kept.setdefault(trial, {})
        if rest not in of_trial:
            of_trial[rest] = function(trial, *rest)
        return of_trial[rest]

    return recall
