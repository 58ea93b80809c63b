"""Baselines: models of scikit-learn that stand beside the arms, and are not trained by steps.

Each class says all that is known of its kind; whoever needs a fact asks it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator

from fairtrial.settings.base import Count, Line, Positive, Settings, expand_bare_name
from fairtrial.settings.complaints import write_value
from fairtrial.study.estimators import (
    check_estimator,
    find_misfit,
    find_wrong_settings,
    gives_probabilities,
    list_parameters,
)

if TYPE_CHECKING:
    from fairtrial.data.load import Shape


class BaselineSettings(Settings):
    """Settings of a baseline, and what is known of it.

    Attributes
    ----------
    classifier, regressor : str
        What scikit-learn calls it, below `sklearn`.
    is_iterative : bool
        Whether it takes steps, of which there may be too few.
    needs_two_classes : bool
        Whether it lays planes or surfaces between classes, and so must see two of them.
    """

    classifier: ClassVar[str]
    regressor: ClassVar[str]
    is_iterative: ClassVar[bool] = False
    needs_two_classes: ClassVar[bool] = False
    if TYPE_CHECKING:
        kind: Any

    @property
    def is_random(self) -> bool:
        """Whether it depends on the seed even where the rows do not."""
        return False

    @property
    def has_probabilities(self) -> bool:
        """Whether it gives the probabilities of classes."""
        return gives_probabilities(self.name_estimator(True), self.list_parameters(True))

    @property
    def least_rows(self) -> int:
        """How many training rows it needs at least."""
        return 1

    def name_estimator(self, on_classes: bool) -> str:
        """Name scikit-learn's class."""
        return self.classifier if on_classes else self.regressor

    def list_parameters(self, on_classes: bool) -> dict[str, Any]:
        """List what is set, by scikit-learn's names."""
        raise NotImplementedError

    def find_misfit(self, on_classes: bool) -> str:
        """Say in a sentence why it cannot predict classes, or numbers; an empty text if it can."""
        return ""

    def estimate_seconds(self, shape: Shape) -> float:
        """Estimate how long it takes to be fitted and to predict the test rows."""
        raise NotImplementedError

    def describe(self) -> dict[str, Any]:
        """Describe it by its settings, for tables of runs."""
        return self.model_dump()


class RandomForest(BaselineSettings):
    """Random forest (Breiman 2001); each seed grows its own."""

    classifier = "ensemble.RandomForestClassifier"
    regressor = "ensemble.RandomForestRegressor"

    kind: Literal["random_forest"]
    trees: Count = 100

    @property
    def is_random(self) -> bool:
        """It draws rows and features for each tree."""
        return True

    def list_parameters(self, on_classes: bool) -> dict[str, Any]:
        """Set how many trees there are."""
        return {"n_estimators": self.trees}

    def estimate_seconds(self, shape: Shape) -> float:
        """Allow for trees that are deeper where there are more rows."""
        return 9e-8 * self.trees * shape.n_rows**1.1 * shape.n_features**0.5


class Svm(BaselineSettings):
    """Support vector machine with the RBF kernel, gamma = 1 / (D variance of X)."""

    classifier, regressor = "svm.SVC", "svm.SVR"
    needs_two_classes = True

    kind: Literal["svm"]
    C: Positive = 1.0

    def list_parameters(self, on_classes: bool) -> dict[str, Any]:
        """Set the penalty, and more memory for the kernel than by default."""
        return {"C": self.C, "cache_size": 1000}

    def estimate_seconds(self, shape: Shape) -> float:
        """Allow for the kernel of all pairs of rows."""
        return 1.2e-11 * shape.n_rows**2 * shape.n_features


class LinearSvm(BaselineSettings):
    """Linear support vector machine: the squared hinge loss, one class against the rest.

    For numbers, the absolute error.
    """

    classifier, regressor = "svm.LinearSVC", "svm.LinearSVR"
    is_iterative = needs_two_classes = True

    kind: Literal["linear_svm"]
    C: Positive = 1.0

    def list_parameters(self, on_classes: bool) -> dict[str, Any]:
        """Set the penalty. It shuffles, on the way to one and the same minimum."""
        return {"C": self.C, "dual": "auto", "random_state": 0}

    def estimate_seconds(self, shape: Shape) -> float:
        """Allow for passes over all values."""
        return 2e-6 * shape.n_rows * shape.n_features


class LinearModel(BaselineSettings):
    """Logistic regression by L-BFGS, with an L2 penalty; for numbers, ridge regression."""

    classifier, regressor = "linear_model.LogisticRegression", "linear_model.Ridge"
    is_iterative = needs_two_classes = True

    kind: Literal["linear_model"]
    C: Positive = 1.0

    def list_parameters(self, on_classes: bool) -> dict[str, Any]:
        """Set the penalty, of which logistic regression has the inverse."""
        return {"C": self.C, "max_iter": 1000} if on_classes else {"alpha": 1.0 / self.C}

    def estimate_seconds(self, shape: Shape) -> float:
        """Allow for passes over all values."""
        return 1e-6 * shape.n_rows * shape.n_features


class NearestNeighbours(BaselineSettings):
    """Vote (or mean) of the nearest training rows, by Euclidean distance."""

    classifier = "neighbors.KNeighborsClassifier"
    regressor = "neighbors.KNeighborsRegressor"

    kind: Literal["nearest_neighbours"]
    neighbours: Count = 5

    @property
    def least_rows(self) -> int:
        """Its neighbours."""
        return self.neighbours

    def list_parameters(self, on_classes: bool) -> dict[str, Any]:
        """Set how many neighbours there are."""
        return {"n_neighbors": self.neighbours}

    def estimate_seconds(self, shape: Shape) -> float:
        """Allow for the distance of each test row from each training row."""
        return 2e-11 * shape.n_rows * shape.n_test_rows * shape.n_features


class SklearnModel(BaselineSettings):
    """Any classifier or regressor of scikit-learn, by its module and class below `sklearn`.

    `settings` are arguments of the class. `random_state` is the run's seed, where the class has it
    and `settings` do not.
    """

    # Infinity and NaN are told apart in fingerprints.
    model_config = ConfigDict(ser_json_inf_nan="strings")
    is_iterative = True

    kind: Literal["sklearn"]
    estimator: Annotated[str, AfterValidator(check_estimator)]
    settings: dict[str, Any] = {}

    @model_validator(mode="after")
    def _check_settings(self) -> SklearnModel:
        if wrong := list(find_wrong_settings(self.estimator, self.settings)):
            raise ValueError(". ".join(wrong))
        return self

    # To scikit-learn, 1 and 1.0 and true are different settings: one row, all rows.
    def __eq__(self, other: object) -> bool:
        return isinstance(other, SklearnModel) and self.describe() == other.describe()

    def __hash__(self) -> int:
        return hash(self.estimator)

    @property
    def is_random(self) -> bool:
        """The class has a random state, which is not set."""
        name = "random_state"
        return name in list_parameters(self.estimator) and name not in self.settings

    def name_estimator(self, on_classes: bool) -> str:
        """Name it as the study does."""
        return self.estimator

    def list_parameters(self, on_classes: bool) -> dict[str, Any]:
        """List the settings: they have scikit-learn's names already."""
        return dict(self.settings)

    def find_misfit(self, on_classes: bool) -> str:
        """Refuse a regressor for classes, and a classifier for numbers."""
        return find_misfit(self.estimator, on_classes)

    def estimate_seconds(self, shape: Shape) -> float:
        """Estimate it roughly, as that of a linear model."""
        return 1e-6 * shape.n_rows * shape.n_features

    def describe(self) -> dict[str, Any]:
        """Write the settings as one text: one name may hold numbers here and text there."""
        settings = write_value(self.settings) if self.settings else None
        return {"kind": self.kind, "estimator": self.estimator, "settings": settings}


AnyBaseline = RandomForest | Svm | LinearSvm | LinearModel | NearestNeighbours | SklearnModel
Baseline = Annotated[AnyBaseline, Field(discriminator="kind"), BeforeValidator(expand_bare_name)]


class BaselineEntry(Settings):
    """A named baseline of a study, fitted on all training rows of its task."""

    name: Line
    model: Baseline
