"""The page of one study: what it says of the study before anything else."""

from types import SimpleNamespace

import pytest

import fairtrial as ft
from fairtrial.report.study_page import describe_study


@pytest.mark.parametrize(
    ("validation", "baselines", "is_said"),
    [(0.2, ["nearest_neighbours"], True), (None, ["nearest_neighbours"], False), (0.2, [], False)],
)
def test_baselines_that_see_validation_rows_are_said(validation, baselines, is_said):
    study = ft.Study(
        name="Baselines",
        task="digits",
        recipe={
            "loss": "cross_entropy",
            "optimizer": "adam",
            "epochs": 1,
            "batch_size": 64,
            "validation": validation,
        },
        baselines=[{"name": one, "model": one} for one in baselines],
    )
    said = describe_study(SimpleNamespace(arms={arm.name: arm for arm in study.list_arms()}))
    assert ("Baselines are fitted on the validation rows too." in said) == is_said


def test_settings_that_some_arms_do_not_have_count_as_varied():
    study = ft.Study(
        name="With and without",
        task="line",
        recipe={"loss": "mse", "optimizer": "sgd", "steps": 5},
        vary={
            "clip": ["none", {"norm": 1.0}],
            "noise.weights": ["none", {"every": 2}],
            "loss": ["mse", "mae", {"kind": "huber", "delta": 2.0}],
        },
        baselines=[
            {"name": "Lasso", "model": {"kind": "sklearn", "estimator": "linear_model.Lasso"}}
        ],
    )
    said = describe_study(SimpleNamespace(arms={arm.name: arm for arm in study.list_arms()}))
    assert said.startswith("Varied: clip (2), loss (3), noise.weights (2). Task: line.")
