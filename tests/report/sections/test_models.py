"""The parts about data and models ask what there is to show, and show what keeps them from it."""

import pytest

import fairtrial as ft
from fairtrial import plots
from fairtrial.errors import MachineError
from fairtrial.report.sections.models import build_data, build_models
from fairtrial.report.sections.training import build_curves

TABLE = """
name = "Classes"
seeds = 2
task = {{ kind = "table", path = "{path}", target = "y", problem = "classification" }}
recipe = {{ loss = "cross_entropy", optimizer = "sgd", epochs = 2, batch_size = 8 }}
"""


def refuse(*_):
    raise MachineError("There is no room.")


def test_failure_of_the_samples_is_shown(lab, monkeypatch):
    trial = ft.Trial(lab / "fashion")
    assert [block.name for block in build_data(trial).blocks] == ["samples", "targets"]
    monkeypatch.setattr(plots, "samples", refuse)
    (block,) = build_data(trial).blocks
    assert block.text == "The data cannot be shown: There is no room."


def test_failure_of_a_chart_of_training_is_not_swallowed(lab, monkeypatch):
    monkeypatch.setattr(plots, "train_and_validation", refuse)
    build_curves(ft.Trial(lab / "line"))  # It has no such curves.
    with pytest.raises(MachineError):
        build_curves(ft.Trial(lab / "fashion"))


def test_table_of_classes_has_targets_and_no_images(tmp_path):
    rows = "\n".join(f"{number % 7},{number % 5},{'ab'[number % 2]}" for number in range(40))
    path = tmp_path / "t.csv"
    path.write_text(f"u,v,y\n{rows}\n")
    trial = ft.run(ft.Study.from_toml(TABLE.format(path=path)), tmp_path / "out")
    assert [block.name for block in build_data(trial).blocks] == ["targets"]
    assert build_models(trial) == []
