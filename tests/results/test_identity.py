"""Runs, their study, their data, their verdicts and their page: what fits, and what does not."""

import json
import shutil

import numpy as np
import polars as pl
import pytest
from PIL import Image

import fairtrial as ft
from fairtrial.errors import InputError
from fairtrial.evidence.judge import judge
from fairtrial.lab.report import write_page
from fairtrial.plots.trials import load_rows
from fairtrial.running.counterfactual import run_counterfactuals
from fairtrial.running.execute import Setup, recall_verification
from made_up import make_study

CLAIM = {"say": "old", "better": {"loss": "mse"}, "than": {"loss": "mae"}, "on": "mse"}
RECIPE = {"loss": "mse", "optimizer": {"kind": "sgd", "learning_rate": 0.1}, "steps": 30}
SMALL = {"recipe": RECIPE, "vary": {"loss": ["mse", "mae"]}}
CHANGED = {**SMALL, "recipe": {**RECIPE, "optimizer": {"kind": "sgd", "learning_rate": 0.05}}}


def read_rates(trial):
    return trial.runs["optimizer.learning_rate"].unique().to_list()


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    folder = tmp_path_factory.mktemp("identity") / "first"
    ft.run(make_study([CLAIM], seeds=3, **SMALL), folder)
    write_page(folder)
    return folder


@pytest.fixture
def folder(first, tmp_path):
    return shutil.copytree(first, tmp_path / "out")


# ------------------------------------------------------------------------------- changed studies


def test_a_changed_study_has_its_own_verdicts(folder):
    before = ft.Trial(folder)
    assert before.verdicts["say"].to_list() == ["old"]
    changed = make_study([{**CLAIM, "say": "new", "on": "mae"}], seeds=4, **CHANGED)
    Setup().run_missing(changed, folder)
    trial = ft.Trial(folder)
    assert trial.list_verdicts() == [], "those are on other runs"
    assert not (folder / "report.html").exists(), "so is the page"
    with pytest.raises(InputError, match="no judged claims"):
        ft.plots.differences(ft.Trial(folder), 1)
    assert trial.verdicts.select("say", "on").rows() == [("new", "mae")]
    (row,) = trial.list_verdicts()
    assert (row["seeds"], read_rates(trial)) == (4, [0.05])
    with pytest.raises(InputError, match="holds other runs than when it was opened"):
        _ = before.verdicts


@pytest.mark.parametrize("change", ["seeds", "rate", "claim"])
def test_each_change_alone_leaves_the_claims_unjudged(change, folder):
    claim = {**CLAIM, "say": "new"} if change == "claim" else CLAIM
    parts = CHANGED if change == "rate" else SMALL
    study = make_study([claim], seeds=4 if change == "seeds" else 3, **parts)
    trial = Setup().run_missing(study, folder)
    assert trial.list_verdicts() == []
    page = write_page(folder).read_text(encoding="utf-8")
    assert "There are no valid verdicts for the claims of this study" in page


def test_the_same_study_again_keeps_verdicts_and_page(folder):
    before = ft.Trial(folder)
    trial = ft.run(make_study([CLAIM], seeds=3, **SMALL), folder)
    assert (
        [row["say"] for row in trial.list_verdicts()] == ["old"] == before.verdicts["say"].to_list()
    )
    assert (folder / "report.html").exists()


def test_verdicts_of_another_folder_do_not_count(folder, tmp_path):
    other = tmp_path / "other"
    ft.run(make_study([CLAIM], seeds=3, **CHANGED), other)
    shutil.copy(other / "verdicts.json", folder)
    assert ft.Trial(folder).list_verdicts() == []
    judge(folder)
    shutil.copy(other / "pairs.parquet", folder)
    with pytest.raises(InputError, match="The pairs of claim 1 do not belong"):
        ft.plots.differences(ft.Trial(folder), 1)


def test_verdicts_with_other_means_of_iterates_do_not_count(folder, tmp_path):
    """The parts of a difference are made of them."""
    other = tmp_path / "other"
    ft.run(make_study([CLAIM], seeds=3, **CHANGED), other)
    shutil.copy(other / "averages.parquet", folder)
    assert ft.Trial(folder).list_verdicts() == []


@pytest.mark.parametrize("name", ["curves", "parameters", "averages"])
def test_a_table_of_another_study_is_not_read(name, folder, tmp_path):
    """The other study has runs of the same names and shapes, trained at another rate."""
    other = tmp_path / "other"
    ft.run(make_study([CLAIM], seeds=3, **CHANGED), other)
    shutil.copy(other / f"{name}.parquet", folder)
    with pytest.raises(InputError, match=rf"{name}\.parquet is not of the runs beside it"):
        getattr(ft.Trial(folder), name)
    ft.run(make_study([CLAIM], seeds=3, **SMALL), folder)
    assert getattr(ft.Trial(folder), name)["run"].n_unique() > 1


def test_verdicts_of_an_older_version_are_refused_until_they_are_judged_again(folder):
    rows = json.loads((folder / "verdicts.json").read_text())
    for row in rows:
        del row["fingerprint"]
    (folder / "verdicts.json").write_text(json.dumps(rows))
    with pytest.raises(InputError, match="another version of fairtrial has written it"):
        ft.Trial(folder).list_verdicts()
    told = []
    judge(folder, note=told.append)
    assert "is damaged, or of another version: it is written again" in told[0]
    assert ft.Trial(folder).verdicts["say"].to_list() == ["old"]


@pytest.mark.parametrize("name", ["runs.parquet", "test_rows.parquet", "averages.parquet"])
def test_a_folder_in_the_place_of_a_table_is_named(name, folder):
    (folder / name).unlink()
    (folder / name).mkdir()
    with pytest.raises(InputError, match=name.replace(".", r"\.")):
        ft.Trial(folder).verdicts  # noqa: B018


def test_figures_of_earlier_runs_are_named(folder):
    (folder / "figures").mkdir()
    told = []
    ft.run(make_study([CLAIM], seeds=2, **SMALL), folder, note=told.append)
    assert f"{folder / 'figures'} show the runs before" in told[-1]


def test_a_study_file_that_is_not_that_of_the_runs_is_refused(folder):
    path = folder / "study.toml"
    path.write_text(path.read_text().replace("learning_rate = 0.1", "learning_rate = 0.2"))
    with pytest.raises(InputError, match=r"optimizer\.learning_rate = 0\.2 for the arm 'mse'"):
        _ = ft.Trial(folder).study
    with pytest.raises(InputError, match=r"and the runs had 0\.1"):
        judge(folder)


def test_verified_lanes_are_those_of_these_runs(tmp_path):
    study = make_study(seeds=1, **SMALL)
    lanes = ft.run(study, tmp_path, verify=1).environment["verification"]["lanes"]
    assert ft.run(study, tmp_path).environment["verification"]["lanes"] == lanes
    more = ft.run(make_study(seeds=2, **SMALL), tmp_path).environment["verification"]
    assert more == {"largest_deviation": lanes[0]["deviation"], "lanes": lanes}
    other = ft.run(make_study(seeds=1, **CHANGED), tmp_path)
    assert other.environment["verification"] == {"largest_deviation": 0.0, "lanes": []}
    assert recall_verification(tmp_path / "nowhere", []) == {"largest_deviation": 0.0, "lanes": []}


# -------------------------------------------------------------------------------- changed data


def write_table(path, slope):
    random = np.random.default_rng(0)
    x = random.normal(size=40)
    pl.DataFrame({"a": x, "y": slope * x + random.normal(size=40)}).write_csv(path)


def make_table_study(path):
    task = {"kind": "table", "path": str(path), "target": "y", "problem": "regression"}
    return make_study([CLAIM], seeds=3, task=task, **SMALL)


@pytest.fixture
def table(tmp_path):
    write_table(tmp_path / "t.csv", 2.0)
    ft.run(make_table_study(tmp_path / "t.csv"), tmp_path / "out")
    return tmp_path / "t.csv", tmp_path / "out"


def test_runs_know_their_data(table):
    import hashlib

    path, folder = table
    known = ft.Trial(folder).runs["data_sha256"].unique().to_list()
    assert known == [hashlib.sha256(path.read_bytes()).hexdigest()]


def test_a_table_that_changed_is_not_mixed_with_its_runs(table):
    path, folder = table
    (before,) = ft.Trial(folder).list_verdicts()
    original = path.read_bytes()
    write_table(path, -5.0)
    assert judge(folder) == [before], "what was known of the same difference stays"
    (folder / "verdicts.json").unlink()
    (row,) = judge(folder)
    assert row["difference"] == before["difference"] and row["objective"] is None
    assert "t.csv has changed since these runs were trained on it" in row["cause"]
    trial = ft.Trial(folder)
    for draw in (trial.plot.residuals, trial.plot.predicted_against_true, trial.plot.targets):
        with pytest.raises(InputError, match=r"t\.csv has changed since"):
            draw()
    page = write_page(folder).read_text(encoding="utf-8")
    assert "The models cannot be shown" in page and "The data cannot be shown" in page
    path.write_bytes(original)
    assert judge(folder)[0]["objective"] == before["objective"]
    assert trial.plot.residuals() is not None


def test_a_table_that_changed_is_not_trained_on_further(table):
    path, folder = table
    rows = json.loads((folder / "verdicts.json").read_text())
    rows[0]["offers_counterfactual"] = True
    (folder / "verdicts.json").write_text(json.dumps(rows))
    write_table(path, -5.0)
    with pytest.raises(InputError, match=r"t\.csv has changed since"):
        run_counterfactuals(folder, Setup())


def test_runs_on_the_new_table_show_its_rows(table):
    """The same task, in the same process: rows that were read before must not be shown."""
    path, folder = table
    load_rows(ft.Trial(folder), "mse", 0)
    write_table(path, -5.0)
    ft.run(make_table_study(path), folder)
    data = load_rows(ft.Trial(folder), "mse", 0)
    there = pl.read_csv(path)["y"].to_numpy().astype(np.float32)
    assert set(data.y.tolist()) <= set(there.tolist())


def test_a_table_may_move(table, tmp_path):
    path, folder = table
    path.rename(tmp_path / "moved.csv")
    study = folder / "study.toml"
    study.write_text(study.read_text().replace("t.csv", "moved.csv"))
    (folder / "verdicts.json").unlink()
    assert judge(folder)[0]["objective"] is not None


def test_runs_of_an_older_version_do_not_know_their_data(table):
    _, folder = table
    runs = pl.read_parquet(folder / "runs.parquet").drop("data_sha256")
    runs.write_parquet(folder / "runs.parquet")
    with pytest.raises(InputError, match=r"did not note what .*t\.csv held"):
        ft.Trial(folder).plot.residuals()


def test_images_that_changed_are_not_shown_with_old_weights(tmp_path):
    random, folder = np.random.default_rng(0), tmp_path / "images"
    for name in ("a", "b"):
        (folder / name).mkdir(parents=True)
        for number in range(25):
            pixels = random.integers(0, 256, (4, 4), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    recipe = {
        "loss": "cross_entropy", "optimizer": "sgd", "epochs": 2, "batch_size": 4,
    }  # fmt: skip
    task = {"kind": "images", "path": str(folder)}
    ft.run(make_study(seeds=1, task=task, recipe=recipe, vary={}), tmp_path / "out")
    trial = ft.Trial(tmp_path / "out")
    assert trial.plot.predictions() is not None
    Image.fromarray(np.full((4, 4), 7, np.uint8)).save(folder / "a" / "0.png")
    for draw in (trial.plot.predictions, trial.plot.samples, trial.plot.mistakes):
        with pytest.raises(InputError, match="has changed since these runs were trained on it"):
            draw()
