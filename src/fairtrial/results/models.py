"""The trained model of a run, which predicts new rows in the units of the data."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from scipy.special import softmax

from fairtrial.data.scale import measure_scale
from fairtrial.data.sources import list_seen_rows, read
from fairtrial.data.tables.table import Table, find_medians
from fairtrial.errors import InputError, show_object
from fairtrial.results.frames import read_frame
from fairtrial.results.results import Results
from fairtrial.settings.complaints import show
from fairtrial.settings.names import end, suggest
from fairtrial.study.arm import Arm
from fairtrial.study.features import UNMAPPED


@dataclass(frozen=True)
class Units:
    """How features of the data become those that training saw: (x - centre) / scale.

    All are (D,), in the units of the data; centre and scale are 0 and 1 for categories; `fill`
    stands for a missing value, NaN where none may be missing. `names` is empty where features have
    none; `table` is the table that they are columns of.
    """

    centre: np.ndarray
    scale: np.ndarray
    fill: np.ndarray
    names: tuple[str, ...] = ()
    table: Table | None = field(default=None, repr=False)


@dataclass(frozen=True, eq=False)
class LinearModel:
    """A trained linear model, in the units of the data that it was trained on.

    Attributes
    ----------
    arm : str
        The arm that it was trained as.
    seed : int
        The seed of its run.
    coef_ : (D,) or (K, D)
        Weights: of numbers in target units per unit of the feature; of classes one row per class.
    intercept_ : float or (K,)
        The prediction, or the score of each class, where all features are 0.
    classes_ : (K,) or None
        The classes as the data has them; None for targets that are numbers.
    feature_names_in_ : tuple of str
        The names of the features; for categories `column=category`. Empty where they have none.
    """

    arm: str
    seed: int
    coef_: np.ndarray
    intercept_: Any
    classes_: np.ndarray | None
    feature_names_in_: tuple[str, ...]
    _units: Units = field(repr=False)

    def predict(self, rows: Any) -> np.ndarray:
        """Predict numbers in target units, or classes.

        Parameters
        ----------
        rows : DataFrame, mapping of str to sequence, or array (N, D)
            For a table, its columns by name; others are left alone. For other data an array of
            features in the units of the data; images may be (N, H, W).

        Returns
        -------
        (N,)

        Raises
        ------
        InputError
            If a column is missing, or holds a value that training had no place for.
        """
        scores = self.decide(rows)
        return scores if self.classes_ is None else self.classes_[scores.argmax(1)]

    def predict_proba(self, rows: Any) -> np.ndarray:
        """Predict the probability of each class by softmax: (N, K); classes only."""
        if self.classes_ is None:
            raise InputError(f"The arm {show(self.arm)} predicts numbers, which have no classes.")
        return softmax(self.decide(rows), axis=1)

    def decide(self, rows: Any) -> np.ndarray:
        """Compute numbers (N,), or the scores of the classes (N, K)."""
        X = _read_rows(rows, self._units)
        return X @ self.coef_.T + self.intercept_


def read_model(trial: Results, arm: str, seed: int | None = None) -> LinearModel:
    """Read the model of a run; see `Trial.model`."""
    found = trial.find_arm(arm)
    seed = trial.study.list_seeds()[0] if seed is None else seed
    if not found.is_trained:
        raise InputError(
            f"{show(arm)} is a baseline: fairtrial keeps what it predicts, not the fitted model."
        )
    if found.features != UNMAPPED:
        raise InputError(
            f"The arm {show(arm)} trains on features = {found.features.kind!r}, which are made of "
            "its training rows: a model is offered for arms that train on the data itself."
        )
    parameters = trial.read_parameters(f"{arm} #{seed}")
    if parameters.keys() != {"W", "b"}:
        raise InputError(f"{trial.folder} has no run of the arm {show(arm)} with seed {seed}.")
    W, b = (parameters[name].astype(np.float64) for name in ("W", "b"))
    if not (np.isfinite(W).all() and np.isfinite(b).all()):
        raise InputError(f"The run of {show(arm)} with seed {seed} diverged: it has no model.")
    trial.refuse_changed_data(found)
    units = _find_units(found, seed, len(W))
    coef = (W.T / units.scale).T
    intercept = b - units.centre @ coef
    return LinearModel(
        arm, seed, coef.T, intercept if intercept.ndim else float(intercept),
        _list_classes(found, units, len(b)) if b.ndim else None, units.names, units,
    )  # fmt: skip


def _find_units(arm: Arm, seed: int, n_features: int) -> Units:
    """Find what the features of an arm were divided by and what was subtracted."""
    task, nothing = arm.task, np.full(n_features, np.nan)
    centre, scale = np.zeros(n_features), np.ones(n_features)
    if task.kind == "table":
        table = read(task)
        assert isinstance(table, Table)
        return _find_units_of_table(table, arm, seed)
    if task.has_images:
        return Units(centre, scale * task.definition.pixel_range, nothing)
    if task.is_prepared:
        X = read(task).X
        seen = list_seen_rows(task, len(X), seed, arm.recipe.validation)
        measured = measure_scale(X[seen])
        return Units(measured.first + measured.mean, measured.spread, nothing)
    return Units(centre, scale, nothing)


def _find_units_of_table(table: Table, arm: Arm, seed: int) -> Units:
    seen = list_seen_rows(arm.task, len(table.y), seed, arm.recipe.validation)
    n, n_words = table.n_numbers, sum(map(len, table.categories))
    centre, scales, fill = (np.full(n + n_words, value) for value in (0.0, 1.0, np.nan))
    if n:
        numbers = table.X[seen, :n]
        medians = find_medians(numbers)
        measured = measure_scale(np.where(np.isnan(numbers), medians, numbers))
        centre[:n], scales[:n] = measured.first + measured.mean, measured.spread
        if arm.task.missing == "impute":
            fill[:n] = medians
    words = zip(table.columns[n:], table.categories, strict=True)
    of_words = (f"{name}={one}" for name, categories in words for one in categories)
    return Units(centre, scales, fill, (*table.columns[:n], *of_words), table)


def _list_classes(arm: Arm, units: Units, n_classes: int) -> np.ndarray:
    """List the classes as the data has them."""
    if units.table is not None:
        return np.array(units.table.class_values)
    names = arm.task.classes
    names = names if isinstance(names, tuple | list) else ()
    if not names and arm.task.row_origin != "drawn":
        names = read(arm.task).class_names
    numbers = np.arange(n_classes)
    # Digits are called by their numbers, and are numbers in the data.
    return np.array(names) if names and list(names) != [*map(str, numbers)] else numbers


# -------------------------------------------------------------------------------------- new rows


def _read_rows(rows: Any, units: Units) -> np.ndarray:
    """Make features of new rows, in the units of the data: (N, D) float64."""
    if units.table is None:
        X = _read_array(rows)
        if X.shape[1] != len(units.centre):
            raise InputError(
                f"The rows have {X.shape[1]} features, and the model has {len(units.centre)}."
            )
        return _refuse_missing(X, [str(number) for number in range(X.shape[1])])
    if (frame := read_frame(rows)) is None:
        raise InputError("The rows of a table have columns by name: give a frame or a dict.")
    table = units.table
    numbers, words = table.columns[: table.n_numbers], table.columns[table.n_numbers :]
    for name in table.columns:
        if name not in frame.columns:
            raise InputError(
                end(f"The rows have no column {show(name)}{suggest(name, frame.columns)}")
            )
    read_numbers = np.array([_read_numbers(frame[name]) for name in numbers])
    X = read_numbers.T.reshape(frame.height, len(numbers))
    X = np.where(np.isnan(X), units.fill[: len(numbers)], X)
    coded = [
        np.eye(len(categories))[_number(frame[name], categories)]
        for name, categories in zip(words, table.categories, strict=True)
    ]
    return np.column_stack([_refuse_missing(X, numbers), *coded])


def _read_array(rows: Any) -> np.ndarray:
    """Make an array (N, D) of rows of numbers; a list of numbers has one feature."""
    try:
        X = np.asarray(rows, np.float64)
        return X.reshape(len(X), math.prod(X.shape[1:]))
    except (TypeError, ValueError, OverflowError):  # No numbers, unlike rows, or one number.
        raise InputError(
            f"{show_object(rows)} is not an array of numbers: give the features of each row, as in "
            "[[0.5, 1.0], [1.5, 2.0]] for two rows of two features."
        ) from None


def _read_numbers(column: pl.Series) -> np.ndarray:
    try:
        return column.cast(pl.Float64).to_numpy()
    except pl.exceptions.PolarsError:
        raise InputError(
            f"The column {show(column.name)} holds values of the type {column.dtype}, and the "
            "model was trained on numbers."
        ) from None


def _number(column: pl.Series, categories: Sequence[str]) -> np.ndarray:
    """Return the numbers of categories as in training; a missing value may have one too."""
    values = column.cast(pl.String).replace("", None).fill_null("missing").to_list()
    places = {name: place for place, name in enumerate(categories)}
    for value in values:
        if value not in places:
            raise InputError(
                f"The column {show(column.name)} holds {show(value)}, which the model was not "
                f"trained on (known: {', '.join(categories)})."
            )
    return np.array([places[value] for value in values], int)


def _refuse_missing(X: np.ndarray, names: Sequence[str]) -> np.ndarray:
    wrong = ~np.isfinite(X)
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise InputError(
            f"The feature {names[column]!r} is missing or not finite in row {row}: give it a "
            "value; only tables with missing = 'impute' fill one in."
        )
    return X
