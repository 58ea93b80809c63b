"""Studies of batches, validation rows and steps, from the file to the page."""

import numpy as np
import pytest

import fairtrial as ft
from fairtrial.data.load import load_dataset
from fairtrial.data.split import split_rows
from fairtrial.evidence.optima import Optima, find_reach
from fairtrial.plots.trials import find_unit
from made_up import make_study

CLAIM = {"better": {"batch_size": 8}, "than": {"batch_size": 40}}
RECIPE = {
    "loss": "mse", "optimizer": {"kind": "sgd", "learning_rate": 0.05}, "epochs": 4,
    "batch_size": 8, "validation": 0.2,
}  # fmt: skip


@pytest.fixture(scope="module")
def batches(tmp_path_factory):
    study = make_study(
        [CLAIM | {"on": "parameter_error"}, CLAIM | {"on": "validation_mse"}],
        seeds=3, recipe=RECIPE, vary={"batch_size": [8, 40]},
    )  # fmt: skip
    return ft.run(study, tmp_path_factory.mktemp("batches"), verify=2)


def test_batch_size_is_a_claim_like_any_other(batches):
    near, held_out = batches.list_verdicts()
    for row in (near, held_out):
        assert row["difference"] > 0.0  # Five times as many steps get further.
        assert row["objective"] == 0.0
        parts = row["objective"] + row["unfinished"] + row["noise_floor"]
        assert parts == pytest.approx(row["difference"])


def test_validation_rows_have_the_metrics_of_test_rows(batches):
    for row in batches.runs.to_dicts():
        data = load_dataset(batches.study.task, row["seed"], 0.2)
        _, held_out = split_rows(50, 0.2, row["seed"])
        values = batches.parameters.filter(run=row["run"])
        W, b = (np.reshape(one["values"], one["shape"]) for one in values.iter_rows(named=True))
        truth = data.y[held_out].astype(float)
        residual = truth - (data.X[held_out].astype(float) @ W + b)
        assert row["validation_mse"] == pytest.approx(np.mean(residual**2))
        assert row["validation_mae"] == pytest.approx(np.mean(np.abs(residual)))
        assert row["validation_rmse"] == pytest.approx(np.mean(residual**2) ** 0.5)
        share = 1 - np.mean(residual**2) / np.var(truth)
        assert row["validation_r2"] == pytest.approx(share)
        assert row["ended_at"] == 4


def test_arrival_is_counted_in_epochs(tmp_path):
    recipe = RECIPE | {"epochs": 12, "optimizer": {"kind": "sgd", "learning_rate": 0.1}}
    study = make_study(seeds=2, recipe=recipe, vary={}, task={"kind": "line", "rows": 400})
    trial = ft.run(study, tmp_path)
    for row in trial.runs.to_dicts():
        curve = trial.curves.filter(run=row["run"], quantity="parameter_error").sort("at")
        far = curve.filter(curve["value"] > 0.05 * np.hypot(3.0, 2.0))["at"]
        arrived = far.max() + 1 if len(far) else 1
        assert row["epochs_to_tolerance"] == (arrived if arrived <= 12 else None)
    assert "steps_to_tolerance" not in trial.runs.columns


def test_report_of_batches_shows_epochs_and_validation_rows(batches):
    batches.report()
    assert find_unit(batches.runs) == "epoch"
    page = (batches.folder / "report.html").read_text(encoding="utf-8")
    assert "Training and validation MSE per epoch" in page
    assert batches.plot.train_and_validation("mae")


def test_reach_of_batches_is_that_of_as_many_steps():
    recipe = {"loss": "mae", "optimizer": {"kind": "sgd", "learning_rate": 1e-4}}
    lengths = [{"steps": 30}, {"epochs": 6, "batch_size": 10}]
    found = []
    for length in lengths:
        (arm,) = make_study(recipe=recipe | length, vary={}).list_arms()
        found.append(find_reach(arm, [0, 1], Optima().find(arm, [0, 1])))
    assert found[0] is not None and found[0] == found[1]
    (uneven,) = make_study(recipe=recipe | {"epochs": 6, "batch_size": 8}, vary={}).list_arms()
    assert find_reach(uneven, [0, 1], Optima().find(uneven, [0, 1])) is None


def test_settings_are_chosen_by_validation_rows_of_numbers(tmp_path):
    rates = {"optimizer.learning_rate": [0.01, 0.2]}
    claim = {"better": {"loss": "mse"}, "than": {"loss": "mae"}, "on": "mse"}
    study = make_study([claim], seeds=3, recipe=RECIPE, vary={"loss": ["mse", "mae"]} | rates)
    (row,) = ft.run(study, tmp_path).list_verdicts()
    assert "validation_mse" in str(row)


def test_classes_take_steps_with_all_rows(tmp_path):
    recipe = {
        "loss": "cross_entropy", "optimizer": {"kind": "adam", "learning_rate": 0.05}, "steps": 6,
        "validation": 0.2, "penalty": {"l2": 0.01},
    }  # fmt: skip
    claim = {"better": {"optimizer": "adam"}, "than": {"optimizer": "sgd"}, "on": "accuracy"}
    study = make_study(
        [claim], seeds=2, recipe=recipe, task="digits", vary={"optimizer.kind": ["adam", "sgd"]}
    )  # fmt: skip
    trial = ft.run(study, tmp_path, verify=1)
    assert find_unit(trial.runs) == "step"
    assert trial.runs["ended_at"].to_list() == [5] * 4
    (row,) = trial.list_verdicts()
    assert row["difference"] > 0.0 and row["objective"] == 0.0
    trial.report()
    curve = trial.curves.filter(run="adam #0", quantity="validation_accuracy")
    assert curve["at"].to_list() == [0, 1, 2, 3, 4, 5]
    page = (trial.folder / "report.html").read_text(encoding="utf-8")
    assert "Training and validation accuracy per step" in page
