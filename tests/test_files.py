"""Files are there whole or not at all, and a folder belongs to one process."""

import json
import os

import pytest

from fairtrial.errors import MachineError
from fairtrial.files import lock_folder, write_file, write_json, write_text


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_write_file_makes_folders_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "new" / "deep" / "file.txt"
    write_text(path, "é\n")
    assert path.read_bytes() == "é\n".encode()
    assert names_in(path.parent) == ["file.txt"]
    write_text(path, "other")
    assert path.read_text() == "other"


def test_contents_are_on_the_disk_before_the_name_is(tmp_path, monkeypatch):
    path, synced = tmp_path / "file.txt", []

    def sync(file):
        synced.append((os.fstat(file).st_ino, path.exists()))

    monkeypatch.setattr(os, "fsync", sync)
    write_text(path, "x")
    assert synced == [(path.stat().st_ino, False), (tmp_path.stat().st_ino, True)]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_writer_that_fails_leaves_what_was_there(tmp_path, error):
    path = tmp_path / "file.txt"
    write_text(path, "before")

    def write(aside):
        aside.write_text("half")
        raise error

    with pytest.raises((MachineError, KeyboardInterrupt)):
        write_file(path, write)
    assert path.read_text() == "before"
    assert names_in(tmp_path) == ["file.txt"]


def test_a_full_disk_is_told(tmp_path):
    def write(aside):
        raise OSError(28, "No space left on device")

    with pytest.raises(MachineError, match=r"file\.txt cannot be written: No space left on device"):
        write_file(tmp_path / "file.txt", write)
    assert names_in(tmp_path) == []


def test_a_file_in_place_of_the_folder(tmp_path):
    (tmp_path / "results").write_text("mine")
    with pytest.raises(MachineError, match="cannot be written"):
        write_text(tmp_path / "results" / "study.toml", "x")
    assert (tmp_path / "results").read_text() == "mine"


def test_a_folder_in_place_of_the_file(tmp_path):
    (tmp_path / "study.toml").mkdir()
    with pytest.raises(MachineError, match="cannot be written"):
        write_text(tmp_path / "study.toml", "x")
    assert names_in(tmp_path) == ["study.toml"]


@pytest.mark.skipif(os.geteuid() == 0, reason="permissions do not bind root")
def test_a_read_only_folder(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(MachineError, match="Permission denied"):
        write_text(tmp_path / "study.toml", "x")


def test_json_is_for_people_too(tmp_path):
    write_json(tmp_path / "a.json", {"say": "größer", "low": [1.5]})
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert "größer" in text and text.endswith("}\n")
    assert json.loads(text) == {"say": "größer", "low": [1.5]}


# ---------------------------------------------------------------------------------------- folders


def test_a_folder_belongs_to_one(tmp_path):
    with (
        lock_folder(tmp_path / "new"),
        pytest.raises(MachineError, match="is in use by another fairtrial"),
        lock_folder(tmp_path / "new"),
    ):
        pass
    with lock_folder(tmp_path / "new"):
        pass


def test_what_a_killed_process_left_half_written_is_cleared_away(tmp_path):
    for place in (tmp_path, tmp_path / "parts"):
        (place / ".writing-abc").mkdir(parents=True)
        (place / ".writing-abc" / "half").write_text("half")
        (place / "whole").write_text("whole")
    with lock_folder(tmp_path):
        assert names_in(tmp_path / "parts") == ["whole"]
        assert [name for name in names_in(tmp_path) if name.startswith(".writing")] == []
        assert (tmp_path / "whole").exists()


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(MachineError, match="cannot be written"), lock_folder(tmp_path / "file"):
        pass
