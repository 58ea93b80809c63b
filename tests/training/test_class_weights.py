"""Class weights: scikit-learn's balanced ones, lists, lanes with and without them."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from by_hand import recipe
from fairtrial.data.load import check_data, load_dataset
from fairtrial.data.split import order_rows, split_rows
from fairtrial.data.targets import resolve_recipe
from fairtrial.errors import InputError
from fairtrial.study import Study
from fairtrial.study.task import DigitsTask
from fairtrial.training import eager
from fairtrial.training.hyperparameters import list_kinds, make_numbers
from fairtrial.training.stacked import Stack, train

DIGITS = load_dataset(DigitsTask(kind="digits"), 0)
# Few rows of the high classes, and none of the last.
RARE = np.flatnonzero(np.random.default_rng(0).random(len(DIGITS.y)) < 1 - DIGITS.y / 9)
DATA = replace(DIGITS, X=DIGITS.X[RARE], y=DIGITS.y[RARE])


def weighed(weights, **more):
    return recipe("cross_entropy", {"kind": "sgd", "learning_rate": 0.5}, steps=None, epochs=2,
                  batch_size=64, class_weights=weights, **more)  # fmt: skip


def test_balanced_weights_are_those_of_scikit_learn():
    one = weighed("balanced", validation=0.3)
    labels = DATA.y[split_rows(len(DATA.y), 0.3, 4)[0]]
    seen = np.unique(labels)
    wanted = np.zeros(10)
    wanted[seen] = compute_class_weight("balanced", classes=seen, y=labels)
    np.testing.assert_allclose(resolve_recipe(one, DATA, 4).class_weights, wanted)
    assert wanted[9] == 0.0


def descend(weights, seed):
    """Mini-batch descent of weighted softmax regression in float64: mean losses, weights."""
    X, y, W, b, epochs = DATA.X / 16.0, DATA.y, np.zeros((64, 10)), np.zeros(10), []
    for epoch in (1, 2):
        order, losses = order_rows(len(y), seed, epoch), []
        for first in range(0, len(y), 64):
            rows = order[first : first + 64]
            logits = X[rows] @ W + b
            p = np.exp(logits - logits.max(1, keepdims=True))
            p /= p.sum(1, keepdims=True)
            w, hot = weights[y[rows]], np.eye(10)[y[rows]]
            losses.append(np.mean(-w * np.log((p * hot).sum(1))))
            gap = w[:, None] * (p - hot) / len(rows)
            W, b = W - 0.5 * X[rows].T @ gap, b - 0.5 * gap.sum(0)
        epochs.append(np.mean(losses))
    return epochs, W


@pytest.mark.usefixtures("compiled")
def test_weights_multiply_the_losses_of_their_lanes():
    given = (np.arange(10) / 4 + 0.5).tolist()
    recipes = [weighed(None), weighed(given), weighed("balanced")]
    ((plain, listed, balanced),) = train(Stack(recipes, [DATA], [3]))
    weights = np.array(resolve_recipe(recipes[2], DATA, 3).class_weights)
    for trace, own in ((plain, np.ones(10)), (listed, np.array(given)), (balanced, weights)):
        losses, W = descend(own, 3)
        np.testing.assert_allclose(trace.curves["loss"][1], losses, rtol=1e-4)
        np.testing.assert_allclose(trace.W, W, atol=1e-4)
    alone = eager.train(recipes[1], DATA, 3)
    np.testing.assert_allclose(listed.W, alone.W, atol=1e-5)


def test_programs_weigh_classes_only_where_a_lane_does():
    assert not list_kinds([weighed(None)]).weighs_classes
    assert "class_weights" not in make_numbers([weighed(None)], ())
    numbers = make_numbers([weighed(None), weighed([1.0, 2.0, 3.0])], (2,))
    np.testing.assert_array_equal(numbers["class_weights"], [[1, 1], [1, 2], [1, 3]])


@pytest.mark.parametrize("weights", ["even", [1.0], [1.0, -2.0], [1.0, "2"], 3.0, [True, True]])
def test_other_values_are_refused(weights):
    sentence = r"class_weights: .* must be 'balanced', 'none', or a list with a positive number"
    with pytest.raises(InputError, match=sentence):
        Study(name="x", seeds=1, task="digits", recipe=weighed("balanced").model_dump(
            exclude_none=True) | {"class_weights": weights})  # fmt: skip


def test_another_number_of_classes_is_refused_before_training():
    study = Study(name="x", seeds=1, task="digits", recipe=weighed([1.0, 2.0]))
    with pytest.raises(InputError, match="lists 2 numbers, and there are 10 classes"):
        check_data(study.list_arms())


def test_numbers_have_no_class_weights():
    with pytest.raises(
        InputError, match="class_weights is set, but the targets of line are numbers"
    ):
        Study(name="x", seeds=1, task="line", recipe=recipe(class_weights="balanced"))
