"""The lab in small: digits for Fashion-MNIST, one seed, the real replay left to its own test."""

import json

import polars as pl
import pytest

from fairtrial.data.images.sets import load_images_once
from fairtrial.errors import MachineError
from fairtrial.evidence.judge import find_undecidable
from fairtrial.lab import run as lab_module
from fairtrial.lab.run import (
    Lab,
    check_challenge,
    prepare_lab,
    read_earlier_seconds,
    run_lab,
)
from fairtrial.lab.shipped import FULL_SEEDS, is_lab_done, list_studies, open_shipped, stamp_lab
from fairtrial.results.fingerprint import fingerprint_runs
from fairtrial.results.results import Results
from fairtrial.study import Study


def shorten(lab):
    line, models = lab.studies["line"], lab.studies["models"]
    entries = [
        entry.model_copy(update={"set": {**entry.set, "steps": 40}}) for entry in line.arms[:2]
    ]
    # Those of the first two settings.
    claims = [claim for claim in line.claims if claim.say.startswith(("1. ", "2. ", "3. ", "4. "))]
    line = line.replace(arms=entries, claims=claims)
    return Lab({"line": line, "models": models}, lab.data)


@pytest.mark.parametrize(
    ("name", "seeds", "arms"),
    [
        ("line", 20, 80),
        ("fashion", 8, 23),
        ("models", 6, 3),
        ("grid", 20, 30),
        ("features", 7, 10),
    ],
)
def test_shipped_studies_are_sound(name, seeds, arms):
    study = Study.load(open_shipped(name))
    assert len(study.list_seeds()) == seeds
    assert len(study.list_arms()) == arms
    assert find_undecidable(study) == ""


def test_the_lab_in_full_adds_studies_and_seeds():
    short, full = list_studies(), list_studies(full=True)
    assert short.keys() < full.keys()
    assert [len(full[name].list_seeds()) for name in ("line", "fashion")] == [FULL_SEEDS] * 2
    assert {len(study.list_seeds()) for study in list_studies(2, full=True).values()} == {2}


def test_baselines_that_two_studies_share_are_fitted_once():
    full = list_studies(full=True)
    made = {*fingerprint_runs(full["models"].list_runs())}
    shared = [
        run for run in full["features"].list_runs() if run.arm.name in ("Random Forest", "SVM")
    ]
    assert shared and {*fingerprint_runs(shared)} <= made


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A short lab with digits, and what it has told on the way."""
    folder, told, pages = tmp_path_factory.mktemp("lab"), [], []
    with pytest.MonkeyPatch.context() as patch:

        def load(name, path):
            if name == "fashion_mnist":
                raise MachineError("No source had it.")
            return load_images_once(name, path)

        def write_page(folder, pending):
            page = write(folder, pending)
            pages.append((pending, page.read_text(encoding="utf-8")))
            return page

        write = lab_module.write_page
        patch.setattr(lab_module, "load_images_once", load)
        patch.setattr(lab_module, "replay", lambda file, report: [])
        patch.setattr(lab_module, "write_page", write_page)
        lab = shorten(prepare_lab(list_studies(seeds=1)))
        run_lab(lab, folder, told.append, lambda sentence: None)
    return lab, folder, told, pages


def test_digits_stand_in_and_it_is_said(finished):
    lab, folder, _, _pages = finished
    assert "digits" in lab.data["fallback"] and "No source had it." in lab.data["fallback"]
    text = (folder / "report.html").read_text(encoding="utf-8")
    assert "digits stand in for Fashion-MNIST" in text
    assert "The report&#39;s statements, tested" in text
    runs = pl.read_parquet(folder / "runs.parquet")
    assert runs.group_by("study").len().sort("study").rows() == [("line", 8), ("models", 3)]
    assert set(runs.filter(pl.col("study") == "models")["task.kind"]) == {"digits"}
    environment = json.loads((folder / "environment.json").read_text())
    assert environment["data"]["name"] == "digits"
    assert [Results(folder / name).environment["xla"] for name in lab.studies]


def test_lanes_of_the_line_are_verified(finished):
    _, folder, _, _ = finished
    environment = json.loads((folder / "environment.json").read_text())
    lanes = Results(folder / "line").environment["verification"]["lanes"]
    assert environment["verification"]["lanes"] == lanes and len(lanes) == 1


def test_every_statement_has_a_row(finished):
    _, folder, _, _ = finished
    rows = json.loads((folder / "conclusions.json").read_text())
    by_number = {row["number"]: row for row in rows}
    assert sorted(by_number) == list(range(1, 43)) and len(rows) == 42
    assert by_number[11]["verdict"] == "holds"
    assert "4 runs trained twice: 4 the same" in by_number[11]["checked"]


def test_the_page_grows_and_renews_itself_until_the_end(finished):
    lab, _, _, pages = finished
    (pending, after_line), (nothing, whole) = pages
    assert [name for name, _ in pending] == [lab.studies["models"].name] and nothing == []
    assert pending[0][1].startswith("about ")
    assert 'http-equiv="refresh"' in after_line and 'http-equiv="refresh"' not in whole
    assert 'id="problem-1"' in after_line and "Still to come" in after_line


def test_a_stopped_lab_leaves_a_page_that_does_not_reload(monkeypatch, tmp_path):
    def stop(*arguments, **options):
        (tmp_path / "report.html").write_text('<meta http-equiv="refresh" content="10">left')
        raise KeyboardInterrupt

    monkeypatch.setattr(lab_module.Setup, "run_missing", stop)
    lab = Lab({"line": Study.load(open_shipped("line"))}, {})
    with pytest.raises(KeyboardInterrupt):
        run_lab(lab, tmp_path, lambda status: None, lambda sentence: None)
    assert (tmp_path / "report.html").read_text() == "left"


def test_the_lab_is_one_progress(finished):
    _, _, told, _ = finished
    shares = [status.share for status in told]
    assert shares == sorted(shares) and shares[0] == 0.0
    assert len(shares) > 10


def test_a_finished_lab_is_known_again(finished, monkeypatch, tmp_path):
    lab, folder, _, _ = finished
    studies = lab.studies
    assert not is_lab_done(studies, folder, 1)
    stamp_lab(studies, folder, 1, has_fallback=False)
    assert is_lab_done(studies, folder, 1)
    assert not is_lab_done(studies, folder, 2)
    assert not is_lab_done({"line": studies["line"]}, folder, 1)


@pytest.mark.parametrize("is_there", [True, False])
def test_where_digits_stood_in_the_lab_is_done_until_the_images_are_there(
    is_there, finished, monkeypatch
):
    lab, folder, _, _ = finished
    stamp_lab(lab.studies, folder, 1, has_fallback=True)
    monkeypatch.setattr("fairtrial.lab.shipped.find_files", lambda: object() if is_there else None)
    assert is_lab_done(lab.studies, folder, 1) == (not is_there)


@pytest.mark.parametrize(
    ("n_right", "verdict"), [(9300, "reversed"), (8700, "holds"), (9010, "undecided")]
)
def test_the_challenge_is_decided_by_an_interval_over_test_images(n_right, verdict, monkeypatch):
    """Wald's interval is about 0.005 on either side, of 10,000 images."""
    share = n_right / 10_000
    half = 1.96 * (share * (1 - share) / 10_000) ** 0.5
    table = pl.DataFrame(
        {"arm": ["a"], "accuracy": [share], "low": [share - half], "high": [share + half],
         "seeds": [1], "seconds": [1.0], "over": ["test rows"]}
    )  # fmt: skip
    monkeypatch.setattr(lab_module, "measure_accuracies", lambda trial: table)
    check = check_challenge(None)
    assert check["verdict"] == verdict
    assert check["why"].startswith(f"{share:.4f} [")
    assert "(1 seed; 95 % interval over test rows)" in check["note"]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [('{"seconds": 12.5}', 12.5), (None, 0.0), ("{}", 0.0), ("[", 0.0), ('{"seconds": []}', 0.0)],
)
def test_the_time_of_earlier_calls_is_counted(text, seconds, tmp_path):
    if text is not None:
        (tmp_path / "environment.json").write_text(text)
    assert read_earlier_seconds(tmp_path) == seconds
