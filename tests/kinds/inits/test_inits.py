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
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_start_has_its_distribution(case):
    init = INITS.validate(case)
    start = draw_init(init, D, 0 if init.n_features else K, seed=3)
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


@pytest.mark.parametrize("task, n", [("line", 1), ({"kind": "linear", "features": 4}, 4)])
def test_given_start_of_another_length_is_refused(task, n, tmp_path):
    init = {"kind": "given", "weights": [0.0, 1.0]}
    recipe = {"loss": "mse", "optimizer": "sgd", "steps": 1, "init": init}
    study = make_study(seeds=1, vary={}, recipe=recipe, task=task)
    with pytest.raises(InputError, match=f"has 2 weights, but there are {n} features"):
        ft.run(study, tmp_path)


def test_given_start_of_classes_is_refused(tmp_path):
    recipe = {
        "loss": "cross_entropy", "optimizer": "sgd", "epochs": 1, "batch_size": 9,
        "init": {"kind": "given", "weights": [0.0]},
    }  # fmt: skip
    study = make_study(seeds=1, vary={}, recipe=recipe, task="digits")
    with pytest.raises(InputError, match="but the data has classes"):
        ft.run(study, tmp_path)


def test_every_start_has_a_case():
    assert {case["kind"] for case in CASES} == {kind.name for kind in INITS} == set(EXPECTED)
