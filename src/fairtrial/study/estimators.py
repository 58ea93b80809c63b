"""Estimators of scikit-learn by name: which there are, and what settings they take.

A module of scikit-learn is imported when one of its estimators is asked for, and not before.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import Any

from fairtrial.settings.complaints import show
from fairtrial.settings.names import find_same, suggest

EXAMPLE = "linear_model.HuberRegressor"
# Modules below `sklearn` that are not there for its users.
HIDDEN = ("conftest", "externals", "tests")
# How names of regressors and classifiers differ.
TWINS = (("Regressor", "Classifier"), ("SVR", "SVC"))
MIXINS = {True: "ClassifierMixin", False: "RegressorMixin"}


@cache
def find_estimator(name: str) -> Any:
    """Find a public class of scikit-learn with `fit` and `predict`; None if there is no such one.

    Parameters
    ----------
    name : str
        Its module and its class, below `sklearn`.
    """
    *modules, last = name.split(".")
    is_public = all(one.isidentifier() and one[0] != "_" for one in (*modules, last))
    if not modules or not is_public or set(modules) & {*HIDDEN}:
        return None
    try:
        found = getattr(import_module(".".join(("sklearn", *modules))), last, None)
    except ImportError:
        return None
    # A module also holds what it imports from other packages.
    is_own = isinstance(found, type) and found.__module__.startswith("sklearn.")
    return found if is_own and hasattr(found, "fit") and hasattr(found, "predict") else None


def predicts(estimator: Any, on_classes: bool) -> bool:
    """Say whether an estimator is a classifier, or else a regressor."""
    return issubclass(estimator, getattr(import_module("sklearn.base"), MIXINS[on_classes]))


@cache
def list_estimators() -> tuple[str, ...]:
    """List all classifiers and regressors; this imports the whole of scikit-learn."""
    from sklearn.utils import all_estimators

    names = []
    for name, estimator in all_estimators(type_filter=["classifier", "regressor"]):
        modules = estimator.__module__.split(".")[1:]
        private = (at for at, one in enumerate(modules) if one.startswith("_"))
        names.append(".".join((*modules[: next(private, None)], name)))
    return tuple(names)


def gives_probabilities(name: str, settings: Mapping[str, Any]) -> bool:
    """Say whether an estimator with these settings has `predict_proba`."""
    try:
        return hasattr(find_estimator(name)(**settings), "predict_proba")
    except Exception:  # What is wrong with its settings is said where it is fitted.
        return False


def check_estimator(name: str) -> str:
    """Refuse the name of what is no classifier or regressor of scikit-learn."""
    found = find_estimator(name)
    if found is None:
        raise ValueError(
            f"{name!r} is not an estimator of scikit-learn{_suggest(name)}: write its module and "
            f"its class below sklearn, as in {EXAMPLE!r}"
        )
    if not predicts(found, True) and not predicts(found, False):
        raise ValueError(
            f"{name!r} is neither a classifier nor a regressor: take an estimator that predicts "
            f"classes or numbers, such as {EXAMPLE!r}"
        )
    return name


def _suggest(name: str) -> str:
    known = {one.rpartition(".")[2]: one for one in list_estimators()}
    last = name.rpartition(".")[2]
    same = find_same(last, known)
    nearest = [same] if same else difflib.get_close_matches(last, known, n=1)
    return f" (did you mean {known[nearest[0]]!r}?)" if nearest else ""


def find_misfit(name: str, on_classes: bool) -> str:
    """Say in a sentence that an estimator does not predict what a task asks; else an empty text."""
    if predicts(find_estimator(name), on_classes):
        return ""
    pairs = TWINS if on_classes else [pair[::-1] for pair in TWINS]
    twins = (name.replace(own, others) for own, others in pairs)
    twin = next((one for one in twins if one != name and find_estimator(one)), None)
    one, other = ("regressor", "classifier") if on_classes else ("classifier", "regressor")
    return (
        f"{name!r} is a {one}, but the targets of the task are "
        f"{'classes' if on_classes else 'numbers'}: take a {other}"
        + (f"; did you mean {twin!r}?" if twin else ".")
    )


def list_parameters(name: str) -> Mapping[str, inspect.Parameter]:
    """List the settings that an estimator takes, by the signature of its class."""
    return inspect.signature(find_estimator(name)).parameters


def find_wrong_settings(name: str, settings: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence, without its point, for each setting that an estimator cannot have."""
    known = list_parameters(name)
    for setting, value in settings.items():
        if setting not in known:
            yield f"settings.{setting} is not a setting of {name}{suggest(setting, known)}"
        elif not _is_plain(value):
            yield (
                f"settings.{setting} = {show(value)}: it must be a number, a text, true or false, "
                "a list or a table"
            )
    for setting, one in known.items():
        if one.default is one.empty and setting not in settings:
            yield (
                f"settings.{setting} is missing: {name} has no default for it; give it a value, "
                "or take another estimator"
            )


def _is_plain(value: object) -> bool:
    if isinstance(value, Mapping):
        return all(isinstance(key, str) and _is_plain(each) for key, each in value.items())
    if isinstance(value, list):
        return all(map(_is_plain, value))
    return isinstance(value, bool | int | float | str)
