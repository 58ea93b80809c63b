"""The Python interface: studies from objects, results as frames, errors as sentences."""

import polars as pl
import pytest

import fairtrial as ft
from fairtrial.kinds.optimizers.common import sgd
from fairtrial.study.task import LineTask

OBJECTS = {
    "name": "From objects",
    "seeds": 2,
    "task": LineTask(kind="line", rows=50, test_rows=20),
    "recipe": ft.Recipe(loss="mse", optimizer=sgd(learning_rate=0.1), steps=20),
    "vary": {"loss": ["mse", "huber"]},
}
CLAIM = ft.Claim(say="H", better={"loss": "huber"}, than={"loss": "mse"}, on="mse")


def test_a_study_from_objects_is_what_its_file_says(tmp_path):
    study = ft.Study(**OBJECTS, claims=[CLAIM])
    trial = ft.run(study, out=tmp_path / "out", verify=1)
    assert isinstance(trial.runs, pl.DataFrame) and isinstance(trial.curves, pl.DataFrame)
    assert trial.runs["run"].to_list() == [run.name for run in study.list_runs()]
    assert set(trial.curves["run"]) == set(trial.runs["run"]) == set(trial.parameters["run"])
    assert trial.study == study == ft.Study.load(tmp_path / "out" / "study.toml")
    assert len(trial.environment["verification"]["lanes"]) == 1
    assert "From objects, 4 runs" in repr(ft.Trial(tmp_path / "out"))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"vary": {"loss": ["mse", "cross_entropy"]}}, "the targets of line are numbers"),
        ({"claims": [CLAIM.model_copy(update={"on": "accuracy"})]}, "accuracy"),
    ],
)
def test_what_is_wrong_with_objects_is_told_before_anything_runs(tmp_path, changes, expected):
    with pytest.raises(ft.InputError, match=expected):
        ft.run(ft.Study(**OBJECTS | changes), out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_no_trial(tmp_path):
    with pytest.raises(ft.InputError, match=r"has no study\.toml"):
        ft.Trial(tmp_path)


def test_public_names():
    assert set(ft.__all__) <= set(dir(ft))
    for name in ft.__all__:
        assert getattr(ft, name).__doc__
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = ft.nonsense
