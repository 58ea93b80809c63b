"""Estimators: those of scikit-learn by name, imported when needed, and objects of a program."""

import hashlib
import inspect
import pickle
import re
import threading
from collections import ChainMap
from collections.abc import Iterator, Mapping
from copy import deepcopy
from functools import cache
from importlib import import_module
from typing import Any

from fairtrial.loading import find_version
from fairtrial.settings.complaints import show
from fairtrial.settings.names import find_nearest, suggest

# scikit-learn-intelex fits the same models, faster.
PACKAGES = ("sklearnex", "sklearn")
_importing = threading.Lock()
EXAMPLE = "linear_model.HuberRegressor"
# Modules below `sklearn` that are not there for its users.
HIDDEN = ("conftest", "externals", "tests")
# How names of regressors and classifiers differ.
TWINS = (("Regressor", "Classifier"), ("SVR", "SVC"))
MIXINS = {True: "ClassifierMixin", False: "RegressorMixin"}


def find_class(module: str, name: str) -> Any:
    """Find a model in the first of the packages that has it."""
    with _importing:  # Two threads that import parts of one package may wait for each other.
        for package in PACKAGES:
            try:
                return getattr(import_module(f"{package}.{module}"), name)
            except (ImportError, AttributeError):
                continue
    raise ImportError(f"scikit-learn has no {module}.{name}")


@cache
def find_estimator(name: str) -> Any:
    """Find a public class of scikit-learn with `fit` and `predict`, below `sklearn`; or None."""
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
    nearest = find_alike(name)
    return f" (did you mean {nearest!r}?)" if nearest else ""


def find_alike(name: str) -> str:
    """Return the classifier or regressor of scikit-learn that is spelt most alike; "" if none."""
    known = {one.rpartition(".")[2]: one for one in list_estimators()}
    nearest = find_nearest(name.rpartition(".")[2], known, cutoff=0.6)
    return known[nearest] if nearest else ""


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


# ------------------------------------------------------------------------ objects of a program

_objects: dict[str, Any] = {}  # by their digest


def is_estimator(value: object) -> bool:
    """Say whether a value is an object that can be fitted and can predict."""
    try:
        methods = [getattr(value, name, None) for name in ("fit", "predict")]
    except Exception:  # Its own `__getattr__` is called.
        return False
    return not isinstance(value, type) and all(map(callable, methods))


def check_object(value: object) -> None:
    """Refuse an object that cannot be fitted, by `ValueError`; never what a study file can say."""
    if not isinstance(value, Mapping | list | bool | int | float | str | None):
        raise ValueError("it needs fit and predict: pass an object that has both, and no class")


def remember_object(value: Any) -> dict[str, Any]:
    """Remember an object, and return what it is known by: the settings of `python_object`."""
    kind = type(value)
    name = f"{kind.__module__}.{kind.__qualname__}"
    package = kind.__module__.partition(".")[0]
    known = {"estimator": name, "version": _find_version(package)}
    given = sorted(_list_parameters(value).items())
    texts = [*known.values(), _read_source(kind), _digest(dict(given))]
    digest = hashlib.sha256("\0".join(texts).encode()).hexdigest()[:32]
    text = repr(value if hasattr(value, "get_params") else _list_parameters(value))
    known["parameters"] = _leave_out_addresses(" ".join(text.split()))  # For readers.
    _objects[digest] = deepcopy(value)  # What a program does to it afterwards is not meant.
    return {
        **known,
        "digest": digest,
        "predicts": _find_targets(value),
        "has_random_state": bool(_list_free_states(value)),
    }


def copy_object(digest: str) -> Any:
    """Return an unfitted copy of an object that was remembered; None where it was not."""
    if digest not in _objects:
        return None
    value = _objects[digest]
    if not hasattr(value, "get_params"):
        return deepcopy(value)
    from sklearn.base import clone

    return clone(value)


def list_objects(digests: Iterator[str]) -> dict[str, Any]:
    """List objects by their digests, to be sent to a worker."""
    return {one: _objects[one] for one in digests if one in _objects}


def add_objects(objects: Mapping[str, Any]) -> None:
    """Have objects that were sent."""
    _objects.update(objects)


def set_random_state(value: Any, seed: int) -> None:
    """Give an estimator the seed, wherever a `random_state` is not set."""
    state = seed % 2**32  # scikit-learn takes no larger ones.
    names = _list_free_states(value)
    if hasattr(value, "set_params"):
        value.set_params(**dict.fromkeys(names, state))
    elif names:
        value.random_state = state


def _list_free_states(value: Any) -> list[str]:
    if not hasattr(value, "get_params"):
        return ["random_state"] if getattr(value, "random_state", 0) is None else []
    found = value.get_params(deep=True)
    names = [name for name in found if name.rpartition("__")[2] == "random_state"]
    return [name for name in names if found[name] is None]


def _find_version(package: str) -> str:
    """Return the version of a package; "" for code of no package."""
    distributions = {"sklearn": "scikit-learn", "sklearnex": "scikit-learn-intelex"}
    found = find_version(distributions.get(package, package))
    return "" if found == "absent" else f"{package} {found}"


def _read_source(kind: Any) -> str:
    """Read the source of a class or function of no package: it has no version."""
    if _find_version((kind.__module__ or "__main__").partition(".")[0]):
        return ""
    try:
        return inspect.getsource(kind)
    except (OSError, TypeError):  # Typed at a prompt.
        return ""


def _list_parameters(value: Any) -> dict[str, Any]:
    """List the parameters of an object by name; those of any class are its attributes."""
    if hasattr(value, "get_params"):
        return value.get_params(deep=True)
    state: Any = object.__getstate__(value)
    return dict(ChainMap(*filter(None, state if isinstance(state, tuple) else [state])))


def _leave_out_addresses(text: str) -> str:
    """Leave out addresses in memory, which are others in every process."""
    return re.sub(r" at 0x\w+", "", text)


def _digest(value: Any, above: tuple[int, ...] = ()) -> str:
    """Digest a value by its content, also where it has parts that cannot be pickled."""
    from joblib import hash as digest_values  # Slow to load, and seldom needed.

    try:
        return str(digest_values(value))
    except (pickle.PicklingError, AttributeError, TypeError):  # Such as a function without a name.
        pass
    parts = [] if id(value) in above else _take_apart(value)
    above = (*above, id(value))
    content = [_digest(one, above) for one in parts] or [_leave_out_addresses(repr(value))]
    return hashlib.sha256("\0".join(content).encode()).hexdigest()


def _take_apart(value: Any) -> list[Any]:
    """List what makes a value what it is, where that cannot be pickled."""
    if isinstance(value, Mapping):
        return [part for item in value.items() for part in item]
    if isinstance(value, list | tuple):
        return [*value]
    if isinstance(value, type):
        return [value.__qualname__, _read_source(value)]
    if inspect.isfunction(value):
        # Two functions may stand in one line of source, and one function have other free values.
        code, free = value.__code__, [one.cell_contents for one in value.__closure__ or ()]
        plain = [_leave_out_addresses(repr(one)) for one in (code.co_consts, code.co_names)]
        return [_read_source(value), code.co_code, *plain, value.__defaults__, free]
    try:
        return [[*one] if isinstance(one, Iterator) else one for one in value.__reduce_ex__(2)]
    except TypeError:  # Such as a lock.
        return []


def _find_targets(value: Any) -> str:
    """Find what an object predicts: classes, numbers, or any."""
    if not hasattr(value, "__sklearn_tags__"):
        return "any"
    from sklearn.base import is_classifier, is_regressor

    known = {(True, False): "classes", (False, True): "numbers"}
    return known.get((is_classifier(value), is_regressor(value)), "any")
