"""The lab in small: digits for Fashion-MNIST, one seed, the real replay left to its own test."""

import json

import polars as pl
import pytest

from fairtrial import lab as lab_module
from fairtrial.data.load import load_images_once
from fairtrial.errors import MachineError
from fairtrial.evidence.judge import find_undecidable
from fairtrial.lab import Lab, open_shipped, prepare_lab, run_lab
from fairtrial.study import Study


@pytest.fixture
def without_fashion_mnist(monkeypatch):
    def load(name):
        if name == "fashion_mnist":
            raise MachineError("No source had it.")
        return load_images_once(name)

    monkeypatch.setattr(lab_module, "load_images_once", load)


def shorten(lab):
    line, fashion = lab.studies["line"], lab.studies["fashion"]
    entries = [
        entry.model_copy(update={"set": {**entry.set, "steps": 40}}) for entry in line.arms[:2]
    ]
    recipe = fashion.recipe.model_copy(update={"epochs": 2})
    # Those of the first two settings.
    claims = [claim for claim in line.claims if claim.say.startswith(("1. ", "2. ", "3. ", "4. "))]
    line = line.replace(arms=entries, claims=claims)
    return Lab({"line": line, "fashion": fashion.replace(recipe=recipe)}, lab.data)


@pytest.mark.parametrize(
    ("name", "seeds", "arms"),
    [("line", 20, 80), ("fashion", 11, 20), ("models", 7, 4), ("grid", 20, 30), ("features", 7, 9)],
)
def test_shipped_studies_are_sound(name, seeds, arms):
    study = Study.load(open_shipped(name))
    assert len(study.list_seeds()) == seeds
    assert len(study.list_arms()) == arms
    assert find_undecidable(study) == ""


def test_digits_stand_in_and_it_is_said(without_fashion_mnist, tmp_path, monkeypatch):
    monkeypatch.setattr(lab_module, "replay", lambda file, report: [])
    lab = shorten(prepare_lab(seeds=1))
    assert "digits" in lab.data["fallback"] and "No source had it." in lab.data["fallback"]
    page = run_lab(lab, tmp_path, lambda status: None, lambda sentence: None, n_verified=1)
    text = page.read_text(encoding="utf-8")
    assert "digits stand in for Fashion-MNIST" in text
    assert "What has become of the report&#39;s conclusions" in text
    runs = pl.read_parquet(tmp_path / "runs.parquet")
    assert runs.group_by("study").len().sort("study").rows() == [("fashion", 41), ("line", 8)]
    assert set(runs.filter(pl.col("study") == "fashion")["task.kind"]) == {"digits"}
    curves = pl.read_parquet(tmp_path / "curves.parquet")
    trained = runs.filter(~pl.col("arm").is_in(["Random Forest", "SVM"]))
    assert set(curves["run"]) == set(trained["run"])
    rows = json.loads((tmp_path / "conclusions.json").read_text())
    assert [row["number"] for row in rows] == sorted(row["number"] for row in rows)
    check = next(row for row in rows if row["number"] == 11)
    assert check["verdict"] == "holds" and "4 runs trained twice: 4 the same" in check["note"]
    assert {row["verdict"] for row in rows if row["number"] != 11} <= {"undecided", "equivalent"}
    environment = json.loads((tmp_path / "environment.json").read_text())
    assert environment["data"]["name"] == "digits"
    assert len(environment["verification"]["lanes"]) == 1
