"""Where results may go: nothing of the user's is ever replaced."""

import pytest

import fairtrial as ft
from fairtrial.errors import InputError
from fairtrial.lab.run import Lab, run_lab
from fairtrial.running.execute import Setup
from fairtrial.running.place import check_place, keep_edited_study
from made_up import make_study

STUDY = make_study(seeds=1, vary={}, recipe={"loss": "mse", "optimizer": "sgd", "steps": 5})


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("place") / "out"
    Setup().run_missing(STUDY, folder)
    return folder


def test_the_users_own_study_is_never_replaced(tmp_path, monkeypatch):
    text = f"# My own words.\n{STUDY.to_toml()}"
    (tmp_path / "study.toml").write_text(text)
    monkeypatch.chdir(tmp_path)
    for out in (".", "", tmp_path):
        with pytest.raises(InputError, match="not a folder that fairtrial made") as refused:
            ft.run(STUDY, out)
        assert "it holds study.toml" in str(refused.value)
    assert [path.name for path in tmp_path.iterdir()] == ["study.toml"]
    assert (tmp_path / "study.toml").read_text() == text


@pytest.mark.parametrize("name", ["report.html", "runs.parquet", "parts/mine.txt", "stamp.json"])
def test_a_folder_with_foreign_files_is_refused(name, tmp_path):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("mine")
    with pytest.raises(InputError, match="Nothing there is replaced"):
        Setup().run_missing(STUDY, tmp_path)
    assert (tmp_path / name).read_text() == "mine"


def test_many_foreign_files_are_counted(tmp_path):
    for number in range(9):
        (tmp_path / f"{number}.csv").touch()
    with pytest.raises(InputError, match=r"holds 0\.csv, 1\.csv, 2\.csv and 6 more"):
        check_place(tmp_path)


@pytest.mark.parametrize(("name", "said"), [("file", "is a file"), ("link", "is a link to gone, ")])
def test_what_is_no_folder_is_refused(name, said, tmp_path):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to("gone")
    with pytest.raises(InputError, match=f"{name} {said}.*: choose a new or an empty folder"):
        check_place(tmp_path / name)
    check_place(tmp_path / "new")


def test_new_and_empty_folders_will_do(tmp_path):
    check_place(tmp_path / "new")
    check_place(tmp_path)
    (tmp_path / ".lock").touch()  # Left by a call that was killed at once.
    (tmp_path / "Thumbs.db").touch()
    (tmp_path / "parts").mkdir()
    check_place(tmp_path)


def test_a_results_folder_will_do_with_notes_of_the_users(made):
    (made / "notes.txt").write_text("mine")
    check_place(made)
    Setup().run_missing(STUDY, made)
    assert (made / "notes.txt").read_text() == "mine"


def test_a_folder_of_an_older_version_will_do(made, tmp_path):
    for name in ("study.toml", "runs.parquet", "curves.parquet"):
        (tmp_path / name).write_bytes((made / name).read_bytes())
    check_place(tmp_path)


def test_a_lab_and_a_study_do_not_mix(made, tmp_path):
    with pytest.raises(InputError, match="for the results of the lab"):
        run_lab(Lab({"line": STUDY}, {}), made, lambda status: None, lambda sentence: None)
    lab = tmp_path / "lab"
    Setup().run_missing(STUDY, lab / "line")
    (lab / "report.html").touch()
    check_place(lab, ("line", "fashion"))
    with pytest.raises(InputError, match="for the results of a study"):
        Setup().run_missing(STUDY, lab)


def test_a_study_that_was_edited_in_its_results_folder_is_kept(tmp_path):
    folder, told = tmp_path / "out", []
    Setup().run_missing(STUDY, folder)
    assert keep_edited_study(folder) is None
    written = (folder / "study.toml").read_text()
    for number in (1, 2):
        text = f"# Remark {number}.\n{written}"
        (folder / "study.toml").write_text(text)
        Setup(note=told.append).run_missing(ft.Study.load(folder / "study.toml"), folder)
        assert (folder / f"edited-{number}-study.toml").read_text() == text
        assert (folder / "study.toml").read_text() == written
        assert f"it is kept as {folder / f'edited-{number}-study.toml'}" in told[-1]


def test_no_advice_to_remove_results(made):
    from fairtrial.export.formats import check_place as check_export

    with pytest.raises(InputError, match="an export replaces nothing: choose a new folder"):
        check_export(made)
