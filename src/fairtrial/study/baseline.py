"""Baselines: models of scikit-learn that stand beside the arms, and are not trained by steps."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from fairtrial.settings.base import Count, Line, Positive, Settings, expand_bare_name


class RandomForest(Settings):
    """Random forest (Breiman 2001); each seed grows its own."""

    kind: Literal["random_forest"]
    trees: Count = 100


class Svm(Settings):
    """Support vector machine with the RBF kernel, gamma = 1 / (D variance of X)."""

    kind: Literal["svm"]
    C: Positive = 1.0


class LinearSvm(Settings):
    """Linear support vector machine: the squared hinge loss, one class against the rest.

    For numbers, the absolute error.
    """

    kind: Literal["linear_svm"]
    C: Positive = 1.0


class LinearModel(Settings):
    """Logistic regression by L-BFGS, with an L2 penalty; for numbers, ridge regression."""

    kind: Literal["linear_model"]
    C: Positive = 1.0


class NearestNeighbours(Settings):
    """Vote (or mean) of the nearest training rows, by Euclidean distance."""

    kind: Literal["nearest_neighbours"]
    neighbours: Count = 5


AnyBaseline = RandomForest | Svm | LinearSvm | LinearModel | NearestNeighbours
Baseline = Annotated[AnyBaseline, Field(discriminator="kind"), BeforeValidator(expand_bare_name)]


class BaselineEntry(Settings):
    """A named baseline of a study, fitted on all training rows of its task."""

    name: Line
    model: Baseline
