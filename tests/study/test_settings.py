"""Every kind that a study may name is one that can be trained, and every rule has its edge."""

import pytest
from pydantic import ValidationError

from by_hand import recipe
from fairtrial.errors import InputError
from fairtrial.kinds.inits import common as inits
from fairtrial.kinds.losses import numbers as losses
from fairtrial.kinds.optimizers import common as optimizers
from fairtrial.study import task as tasks

# Settings of a recipe that are just allowed, and just not.
ALLOWED = [
    {"loss": {"kind": "hybrid", "alpha": 0.0}},
    {"loss": {"kind": "hybrid", "alpha": 1.0}},
    {"loss": {"kind": "huber", "delta": 1e-9}},
    {"loss": {"kind": "huber", "delta": 1}},
    {"optimizer": {"kind": "sgd", "momentum": 0.0}},
    {"optimizer": {"kind": "adam", "beta1": 0.0, "beta2": 0.0}},
    {"steps": 1},
    {"steps": 2**31 - 1},
    {"steps": None, "epochs": 1, "batch_size": 1},
    {"stopping": {"patience": 1}},
    {"validation": 0.99},
    {"init": {"kind": "normal", "scale": 0.0}},
    {"penalty": {"l2": 0.0, "l1": 1}},
    {"validation": 0.2, "stopping": {"monitor": "validation_accuracy"}},
    {"noise": {"data": {"low": 0.0, "high": 0.0}}},
    {"noise": {"learning_rate": {"low": 1.0, "high": 1.0}}},
]
REFUSED = [
    {"loss": {"kind": "hybrid", "alpha": 1.0001}},
    {"loss": {"kind": "hybrid", "alpha": -0.0001}},
    {"loss": {"kind": "huber", "delta": 0.0}},
    {"loss": {"kind": "huber", "delta": "1"}},
    {"loss": {"kind": "huber", "delta": float("inf")}},
    {"loss": {"kind": "huber", "delta": float("nan")}},
    {"loss": {"kind": "mse", "delta": 1.0}},
    {"loss": "MSE"},
    {"loss": None},
    {"optimizer": {"kind": "sgd", "momentum": 1.0}},
    {"optimizer": {"kind": "sgd", "learning_rate": 0.0}},
    {"optimizer": {"kind": "sgd", "learning_rate": True}},
    {"optimizer": {"kind": "adam", "beta2": 1.0}},
    {"optimizer": {"kind": "rmsprop", "epsilon": 0.0}},
    {"optimizer": {"learning_rate": 0.1}},
    {"schedule": {"kind": "halve_on_plateau", "floor": 0.0}},
    {"steps": 0},
    {"steps": 2**31},
    {"steps": 1.0},
    {"steps": True},
    {"steps": None},
    {"steps": 5, "epochs": 1, "batch_size": 1},
    {"steps": None, "epochs": 1},
    {"batch_size": 1},
    {"stopping": {"patience": 0}},
    {"validation": 0.0},
    {"validation": 1.0},
    {"init": {"kind": "normal", "scale": -1.0}},
    {"noise": {"data": {"low": 2.0, "high": 1.0}}},
    {"noise": {"learning_rate": {"low": 0.0}}},
    {"noise": {"weights": {"every": 0}}},
    {"noise": {"bias": {}}},
    {"penalty": {"l2": -0.1}},
    {"stopping": {"monitor": "validation_accuracy"}},
    {"stopping": {"monitor": "accuracy"}},
    {"speed": 1},
]


@pytest.mark.parametrize("changes", ALLOWED, ids=str)
def test_allowed(changes):
    assert recipe(**changes).loss


@pytest.mark.parametrize("changes", REFUSED, ids=str)
def test_refused(changes):
    with pytest.raises(ValidationError):
        recipe(**changes)


@pytest.mark.parametrize("rows", [2, 2**31 - 1])
def test_rows_allowed(rows):
    assert tasks.LineTask(kind="line", rows=rows).rows == rows


@pytest.mark.parametrize("rows", [1, 2**31, 10.0])
def test_rows_refused(rows):
    with pytest.raises(InputError):
        tasks.LineTask(kind="line", rows=rows)


TABLE = {"kind": "table", "path": "a.csv", "target": "y", "problem": "regression"}


@pytest.mark.parametrize("changes", [{}, {"test": 0.5}, {"missing": "drop"}, {"exclude": ["a"]}])
def test_tables_allowed(changes):
    task = tasks.TableTask.model_validate(TABLE | changes)
    assert hash(task) == hash(tasks.TableTask.model_validate(TABLE | changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"path": ""},
        {"path": None},
        {"problem": "ranking"},
        {"missing": "mean"},
        {"test": 0.0},
        {"test": 1.0},
        {"categorical": "town"},
        {"categorical": ["y"]},
        {"categorical": ["a"], "exclude": ["b", "a"]},
        {"exclude": ["a", "a"]},
    ],
    ids=str,
)
def test_tables_refused(changes):
    with pytest.raises(ValidationError):
        tasks.TableTask.model_validate(TABLE | changes)


def test_which_tasks_have_classes():
    listed = [tasks.LineTask(kind="line"), tasks.LinearTask(kind="linear")]
    listed += [tasks.FashionMnistTask(kind="fashion_mnist"), tasks.DigitsTask(kind="digits")]
    listed += [
        tasks.TableTask.model_validate(TABLE | {"problem": problem})
        for problem in ("regression", "classification")
    ]
    assert [task.has_classes for task in listed] == [False, False, True, True, False, True]


def test_a_bare_kind_has_its_defaults():
    assert recipe("huber").loss == losses.huber(delta=1.0)
    assert recipe(optimizer="adam").optimizer == optimizers.adam()
    assert recipe(init="normal").init == inits.normal()


def test_defaults_of_the_report():
    """Adam and RMSProp as the lab report has them, beside TensorFlow's own epsilon."""
    adam, rmsprop = optimizers.adam(), optimizers.rmsprop()
    assert (adam.beta1, adam.beta2, adam.epsilon) == (0.9, 0.999, 1e-7)
    assert (rmsprop.rho, rmsprop.epsilon) == (0.9, 1e-7)
    assert losses.huber().delta == 1.0
    assert losses.hybrid().alpha == 0.5


def test_settings_cannot_change():
    with pytest.raises(ValidationError):
        recipe().steps = 3
