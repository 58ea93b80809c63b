"""Baselines: models that stand beside the arms, and are fitted instead of trained by steps."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Concatenate, Literal, overload

from pydantic import AfterValidator, ConfigDict

from fairtrial.errors import InputError, describe_object
from fairtrial.kinds.baselines.estimators import (
    EXAMPLE,
    check_estimator,
    check_object,
    copy_object,
    find_alike,
    find_class,
    find_misfit,
    find_wrong_settings,
    is_estimator,
    list_parameters,
    remember_object,
)
from fairtrial.kinds.data.datasets import Shape
from fairtrial.kinds.mechanism.failures import describe_failure
from fairtrial.kinds.mechanism.kind import Fact, Kind, KindSettings, P
from fairtrial.kinds.mechanism.registry import Family, decorate
from fairtrial.kinds.mechanism.signature import refuse
from fairtrial.settings.base import Count, Positive
from fairtrial.settings.complaints import write_value
from fairtrial.settings.hints import say
from fairtrial.settings.names import find_nearest, suggest


class BaselineSettings(KindSettings):
    """Settings of a baseline, and what is known of it."""

    # Infinity and NaN are told apart in fingerprints.
    model_config = ConfigDict(ser_json_inf_nan="strings")

    # To scikit-learn, 1 and 1.0 and true are different settings: one row, all rows.
    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and repr(self) == repr(other)

    def __hash__(self) -> int:
        return hash(repr(self))

    is_random = Fact[bool]()  # Whether it depends on the seed even where the rows do not.
    is_iterative = Fact[bool]()  # Whether it takes steps, of which there may be too few.
    needs_two_classes = Fact[bool]()  # Whether it must see two classes.

    @property
    def has_probabilities(self) -> bool:
        """Whether it gives the probabilities of classes."""
        if self.definition.has_probabilities is not None:
            return self.definition.has_probabilities
        try:
            return hasattr(self.make_estimator(True), "predict_proba")
        except Exception:  # What is wrong with its settings is said where it is fitted.
            return False

    least_rows = Fact[int]()  # How many training rows it needs at least.

    def make_estimator(self, on_classes: bool) -> Any:
        """Make what is fitted."""
        found = self.call_function(on_classes)
        if not is_estimator(found):
            reason = f"it returns {describe_object(found)}: return an object with fit and predict"
            raise refuse(self.definition.function, reason)
        return found

    def find_misfit(self, on_classes: bool) -> str:
        """Say in a sentence why it cannot predict classes, or numbers; an empty text if it can."""
        return self.ask(self.definition.misfit, on_classes) or ""

    def estimate_seconds(self, shape: Shape) -> float:
        """Estimate how long it takes to be fitted and to predict the test rows."""
        return self.ask(self.definition.seconds, shape)

    @property
    def author(self) -> str:
        """Who refuses to fit it, in sentences."""
        own = "scikit-learn" if self.definition.function.__module__ == __name__ else self.kind
        return self.ask(self.definition.author) or own

    def describe(self) -> dict[str, Any]:
        """Describe it by its settings, for tables of runs; tables in them become texts."""
        return {
            name: (write_value(value) if value else None) if isinstance(value, Mapping) else value
            for name, value in self.model_dump().items()
        }


class _Baselines(Family[BaselineSettings]):
    """Baselines by name; in Python also an object with `fit` and `predict`."""

    def validate(self, value: Any) -> Any:
        """Make settings of a table, a bare name, a kind, settings or an object."""
        if is_estimator(value):
            try:
                return python_object(**remember_object(value))
            except Exception as error:  # Its own methods are called.
                raise ValueError(
                    f"the object of the type {type(value).__name__} cannot be described and copied "
                    f"({describe_failure(error)}): pass another one"
                ) from None
        if not isinstance(value, BaselineSettings | Kind):
            check_object(value)
        name = value.get("kind") if isinstance(value, Mapping) else value
        if isinstance(name, str) and (name == value or not self.get(name)):
            known = [kind.name for kind in self if getattr(kind, "in_files", True)]
            if name not in known:
                raise ValueError(f"{name!r} is not a known kind{_hint_kind(name, known)}")
        return super().validate(value)


def _hint_kind(name: str, known: Sequence[str]) -> str:
    if find_nearest(name, known):
        return suggest(name, known)
    table = {"kind": "sklearn", "estimator": find_alike(name) or EXAMPLE}
    return (
        f"{suggest(name, known)}. Estimators of scikit-learn are there by their module and class: "
        f"{say(write_value(table), describe_object(table))}"
    )


BASELINES = _Baselines("baseline", BaselineSettings)


def _like_a_linear_model(shape: Shape) -> float:
    return 1e-6 * shape.n_rows * shape.n_features


@dataclass(frozen=True, eq=False, kw_only=True)
class Baseline(Kind[P]):
    """A baseline.

    Attributes
    ----------
    is_random : bool or callable
        Whether it depends on the seed, which becomes its `random_state`.
    is_iterative : bool
        Whether it takes steps, of which there may be too few: its warnings are told.
    has_probabilities : bool or None
        Whether it gives the probabilities of classes; None to ask the estimator, whose library is
        then loaded as soon as a study is read.
    needs_two_classes : bool
        Whether it lays planes or surfaces between classes, and so must see two of them.
    least_rows : int or callable
        How many training rows it needs at least.
    author : str or callable
        Who refuses to fit it, in sentences.
    in_files : bool
        Whether study files name it.
    seconds : callable
        Of the numbers of rows, test rows, features and classes, and of settings: how long it takes.
    misfit : callable or None
        Of whether the targets are classes, and of settings: the sentence that it cannot predict
        them, or "".
    """

    family = BASELINES
    data = ("on_classes",)
    given = frozenset({"shape", "on_classes"})

    reference: str = "scikit-learn"
    is_random: Any = False
    is_iterative: bool = False
    has_probabilities: bool | None = None
    needs_two_classes: bool = False
    least_rows: Any = 1
    author: Any = ""
    in_files: bool = True
    seconds: Callable[..., float] = _like_a_linear_model
    misfit: Callable[..., str] | None = None


@overload
def baseline(function: Callable[Concatenate[bool, P], Any], /) -> Baseline[P]: ...
@overload
def baseline(**facts: Any) -> Callable[[Callable[Concatenate[bool, P], Any]], Baseline[P]]: ...
def baseline(function: Any = None, /, **facts: Any) -> Any:
    """Make a baseline of a function that returns an estimator; the facts are those of `Baseline`.

    Parameters
    ----------
    function : callable
        Of whether the targets are classes. It returns an object with `fit(X, y)` and `predict(X)`.
    """
    return decorate(Baseline, function, facts)


@baseline(
    has_probabilities=True,
    is_random=True,
    # Trees are deeper where there are more rows.
    seconds=lambda shape, trees: 9e-8 * trees * shape.n_rows**1.1 * shape.n_features**0.5,
    also="rf forest",
)
def random_forest(on_classes: bool, *, trees: Count = 100) -> Any:
    """Random forest; each seed grows its own.

    References
    ----------
    Breiman (2001), doi:10.1023/A:1010933404324.
    """
    name = "RandomForestClassifier" if on_classes else "RandomForestRegressor"
    return find_class("ensemble", name)(n_estimators=trees)


@baseline(
    has_probabilities=False,
    needs_two_classes=True,
    # The kernel of all pairs of rows.
    seconds=lambda shape: 1.2e-11 * shape.n_rows**2 * shape.n_features,
    also="svc",
)
def svm(on_classes: bool, *, C: Positive = 1.0) -> Any:
    """Support vector machine with the RBF kernel, gamma = 1 / (D variance of X).

    References
    ----------
    Cortes and Vapnik (1995), doi:10.1007/BF00994018.
    """
    make = find_class("svm", "SVC" if on_classes else "SVR")
    return make(C=C, cache_size=1000)  # More memory for the kernel than by default.


@baseline(
    has_probabilities=False,
    is_iterative=True,
    needs_two_classes=True,
    seconds=lambda shape: 2e-6 * shape.n_rows * shape.n_features,
)
def linear_svm(on_classes: bool, *, C: Positive = 1.0, tolerance: Positive = 1e-4) -> Any:
    """Linear support vector machine: the squared hinge loss, one class against the rest.

    For numbers, the absolute error. A larger `tolerance` ends the search earlier; LIBLINEAR's own
    is 0.01 for classes.

    References
    ----------
    Fan et al. (2008), "LIBLINEAR", JMLR 9.
    """
    make = find_class("svm", "LinearSVC" if on_classes else "LinearSVR")
    # It shuffles, on the way to one minimum.
    return make(C=C, tol=tolerance, dual="auto", random_state=0)


@baseline(has_probabilities=True, is_iterative=True, needs_two_classes=True)
def linear_model(on_classes: bool, *, C: Positive = 1.0) -> Any:
    """Logistic regression by L-BFGS, with an L2 penalty; for numbers, ridge regression.

    References
    ----------
    `LogisticRegression` and `Ridge` of scikit-learn.
    """
    if on_classes:
        return find_class("linear_model", "LogisticRegression")(C=C, max_iter=1000)
    return find_class("linear_model", "Ridge")(alpha=1.0 / C)  # C is the inverse of a penalty.


@baseline(
    has_probabilities=True,
    least_rows=lambda neighbours: neighbours,
    # The distance of each test row from each training row.
    seconds=lambda shape: 2e-11 * shape.n_rows * shape.n_test_rows * shape.n_features,
    also="knn nearestneighbors",
)
def nearest_neighbours(on_classes: bool, *, neighbours: Count = 5) -> Any:
    """Vote (or mean) of the nearest training rows, by Euclidean distance.

    References
    ----------
    Cover and Hart (1967), doi:10.1109/TIT.1967.1053964.
    """
    name = "KNeighborsClassifier" if on_classes else "KNeighborsRegressor"
    return find_class("neighbors", name)(n_neighbors=neighbours)


def _has_free_state(estimator: str, settings: dict[str, Any]) -> bool:
    name = "random_state"
    return name in list_parameters(estimator) and name not in settings


@baseline(
    is_random=_has_free_state,
    is_iterative=True,
    misfit=lambda on_classes, estimator: find_misfit(estimator, on_classes),
    rule=lambda estimator, settings: ". ".join(find_wrong_settings(estimator, settings)),
)
def sklearn(
    on_classes: bool,
    *,
    estimator: Annotated[str, AfterValidator(check_estimator)],
    settings: dict[str, Any] = {},  # noqa: B006 - settings are frozen.
) -> Any:
    """Any classifier or regressor of scikit-learn, by its module and class below `sklearn`.

    `settings` are arguments of the class. `random_state` is the run's seed, where the class has it
    and `settings` do not.

    References
    ----------
    Pedregosa et al. (2011), "Scikit-learn", JMLR 12.
    """
    module, _, name = estimator.rpartition(".")
    found = find_class(module, name)(**settings)
    if not is_estimator(found):  # One that is made of others, and lacks them.
        raise InputError(
            f"{estimator} cannot predict with these settings: in Python pass the object itself, or "
            "take another estimator."
        )
    return found


@baseline(
    is_random=lambda has_random_state: has_random_state,
    is_iterative=True,
    author=lambda estimator: estimator,
    in_files=False,
    misfit=lambda on_classes, estimator, predicts: (
        ""
        if predicts in ("any", "classes" if on_classes else "numbers")
        else f"{estimator} predicts {predicts}, but the targets of the task are "
        f"{'classes' if on_classes else 'numbers'}: take another estimator."
    ),
)
def python_object(
    on_classes: bool,
    *,
    estimator: str,
    parameters: str,
    version: str,
    digest: str,
    predicts: Literal["classes", "numbers", "any"],
    has_random_state: bool,
) -> Any:
    """Object of a Python program with `fit` and `predict`, copied for each seed.

    `ft.Study(baselines=[...])` makes these settings: the class of the object, its parameters, the
    version of its package and a digest of all of them. Each `random_state` that is not set is the
    run's seed.

    References
    ----------
    The user's own.
    """
    found = copy_object(digest)
    if found is None:
        raise InputError(
            f"The baseline {estimator} is an object of a Python program, and this program does not "
            "have it: pass it again, as in ft.Study(baselines=[...])."
        )
    return found
