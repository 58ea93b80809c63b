"""Every start against its distribution."""

import numpy as np
import pytest
import scipy.stats

import fairtrial as ft
from fairtrial.errors import InputError
from fairtrial.kinds.inits.common import INITS
from fairtrial.parameters import draw_init
from made_up import make_study
from reference.inits import INITS as EXPECTED
from reference.inits import D, K

CASES = [
    {"kind": "normal"},
    {"kind": "normal", "scale": 0.1, "bias_scale": 2.0},
    {"kind": "constant", "value": 0.25},
    {"kind": "uniform", "scale": 0.5},
    {"kind": "glorot_uniform"},
    {"kind": "glorot_normal"},
    {"kind": "he_uniform"},
    {"kind": "he_normal"},
    {"kind": "lecun_normal"},
    {"kind": "given", "weights": [0.5] * D, "intercept": -2.0},
    {
        "kind": "given",
        "weights": [[0.5, -1.0], [2.0, 3.0], [0.0, 1.0]],
        "intercept": [1.0, 2.0, -4.0],
    },
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_start_has_its_distribution(case):
    init = INITS.validate(case)
    n_features, *n_classes = init.shape or (D, K)
    start = draw_init(init, n_features, *(n_classes or [0]), seed=3)
    for found, expected in zip(start, EXPECTED[init.kind](init), strict=True):
        if isinstance(expected, np.ndarray):
            np.testing.assert_array_equal(found, expected)
        elif isinstance(expected, float):
            assert np.unique(found).tolist() == [expected]
        else:
            assert scipy.stats.kstest(found.ravel()[:5000], expected.cdf).pvalue > 0.01


def test_given_start_is_where_a_run_begins(tmp_path):
    """Of 0 steps' worth of change: a rate so small that nothing moves."""
    study = make_study(
        seeds=2, vary={"init.weights": [[1.5], [-2.0]]},
        recipe={
            "loss": "mse", "optimizer": {"kind": "sgd", "learning_rate": 1e-20}, "steps": 1,
            "init": {"kind": "given", "weights": [0.0], "intercept": 0.25},
        },
    )  # fmt: skip
    table = ft.run(study, tmp_path).parameters
    values = {name: rows["values"].explode().to_list() for (name,), rows in
              table.sort("run").group_by("parameter", maintain_order=True)}  # fmt: skip
    assert values["b"] == [0.25] * 4
    assert sorted(values["W"]) == [-2.0, -2.0, 1.5, 1.5]


def test_given_start_of_classes_is_where_a_run_begins(tmp_path):
    """Batches at a rate of almost 0: the model has the weights and intercepts that were given."""
    W, b = np.arange(1.0, 641.0).reshape(10, 64) / 640, np.arange(1.0, 11.0)
    study = make_study(
        seeds=1, vary={}, task="digits",
        recipe={
            "loss": "cross_entropy", "optimizer": {"kind": "sgd", "learning_rate": 1e-20},
            "epochs": 1, "batch_size": 500, "init": ft.inits.given(weights=W, intercept=b),
        },
    )  # fmt: skip
    model = ft.run(study, tmp_path).model("recipe")
    np.testing.assert_allclose(model.coef_, W / 16, rtol=1e-6)  # Pixels are from 0 to 16.
    np.testing.assert_allclose(model.intercept_, b, rtol=1e-6)


@pytest.mark.parametrize(
    "task, weights, sentence",
    [
        ("line", [0.0, 1.0], "2 features and no classes, but the data has 1 feature and no"),
        ({"kind": "linear", "features": 4}, [0.0], "has 4 features and no classes: give 4 weights"),
        ("line", [[0.0], [1.0]], "weights for 1 feature and 2 classes, but the data has 1 feature"),
        ("digits", [0.0] * 64, "give a list of 64 weights for each of the 10 classes"),
        ("digits", [[0.0] * 64] * 9, "weights for 64 features and 9 classes"),
    ],
)
def test_given_start_of_another_shape_is_refused(task, weights, sentence, tmp_path):
    length = {"epochs": 1, "batch_size": 9}
    loss = "cross_entropy" if task == "digits" else "mse"
    init = {"kind": "given", "weights": weights}
    recipe = {"loss": loss, "optimizer": "sgd", "init": init, **length}
    study = make_study(seeds=1, vary={}, recipe=recipe, task=task)
    with pytest.raises(InputError, match=sentence):
        ft.run(study, tmp_path)


@pytest.mark.parametrize(
    "settings, sentence",
    [
        ({"weights": [[1.0, 2.0], [3.0]]}, "weights has lists of 2 and of 1 numbers"),
        ({"weights": [[1.0], 2.0]}, r"weights\[1\] = 2.0: it must be a valid list"),
        ({"weights": [[1.0]]}, "at least 2 items"),
        ({"weights": []}, "at least 1 item"),
        ({"weights": [[1.0], ["a"]]}, r"weights\[1\]\[0\] = 'a': it must be a valid number"),
        (
            {"weights": [1.0], "intercept": [1.0, 2.0]},
            "lists 2 numbers, but weights is for targets",
        ),
        ({"weights": [[1.0]] * 3, "intercept": [1.0, 2.0]}, "but weights is for 3 classes"),
    ],
)
def test_given_start_that_does_not_match_itself_is_refused(settings, sentence):
    with pytest.raises(InputError, match=sentence):
        ft.inits.given(**settings)


def test_every_start_has_a_case():
    assert {case["kind"] for case in CASES} == {kind.name for kind in INITS} == set(EXPECTED)
