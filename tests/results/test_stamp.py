"""Whether a folder is current: what changes a stamp, and what does not."""

import os

import pytest

from fairtrial.results import stamp
from fairtrial.results.stamp import digest_inputs, is_current, write_stamp
from fairtrial.study import Study

TABLE = """
name = "Table"
seeds = 2
task = { kind = "table", path = "rows.csv", target = "y", problem = "regression" }
recipe = { loss = "mse", optimizer = "sgd", steps = 5 }
"""


@pytest.fixture
def study(tmp_path):
    (tmp_path / "rows.csv").write_text("x,y\n1,2\n2,4\n")
    (tmp_path / "study.toml").write_text(TABLE)
    return Study.load(tmp_path / "study.toml")


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "results"
    (folder / "parts").mkdir(parents=True)
    (folder / "runs.parquet").write_bytes(b"runs")
    (folder / "parts" / "one.parquet").write_bytes(b"part")
    return folder


def test_a_folder_is_current_until_an_input_changes(study, folder):
    inputs = digest_inputs([study], {"verify": 0})
    assert not is_current(folder, inputs)
    write_stamp(folder, inputs)
    assert is_current(folder, digest_inputs([study.replace()], {"verify": 0}))
    assert not is_current(folder, digest_inputs([study], {"verify": 1}))
    assert not is_current(folder, digest_inputs([study.replace(seeds=3)], {"verify": 0}))


def test_a_data_file_is_an_input_by_its_contents(study, folder, tmp_path):
    write_stamp(folder, digest_inputs([study], {}))
    os.utime(tmp_path / "rows.csv", (1, 1))
    assert is_current(folder, digest_inputs([study], {}))
    (tmp_path / "rows.csv").write_text("x,y\n1,2\n2,5\n")
    assert not is_current(folder, digest_inputs([study], {}))
    (tmp_path / "rows.csv").unlink()
    assert not is_current(folder, digest_inputs([study], {}))


def test_a_library_is_an_input(study, folder, monkeypatch):
    write_stamp(folder, digest_inputs([study], {}))
    stamp._list_software.cache_clear()
    monkeypatch.setattr(stamp, "find_version", lambda name: "0.0")
    assert not is_current(folder, digest_inputs([study], {}))
    stamp._list_software.cache_clear()


@pytest.mark.parametrize("name", ["runs.parquet", "parts/one.parquet"])
@pytest.mark.parametrize("harm", ["changed", "removed"])
def test_a_result_that_was_touched_is_not_current(name, harm, study, folder):
    write_stamp(folder, inputs := digest_inputs([study], {}))
    if harm == "removed":
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(b"other")
    assert not is_current(folder, inputs)


def test_a_file_of_the_users_own_changes_nothing(study, folder):
    write_stamp(folder, inputs := digest_inputs([study], {}))
    (folder / "notes.txt").write_text("mine")
    assert is_current(folder, inputs)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"inputs": 1, "files": []}', "null"])
def test_a_damaged_stamp_is_none(text, study, folder):
    write_stamp(folder, inputs := digest_inputs([study], {}))
    (folder / "stamp.json").write_text(text)
    assert not is_current(folder, inputs)
