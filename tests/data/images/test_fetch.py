"""The order of the places, and errors in each of them."""

import errno
import os
import threading
from pathlib import Path

import pytest

from fairtrial.data.images import fetch
from fairtrial.errors import InputError, MachineError

LABELS = "train-labels-idx1-ubyte.gz"
TEST_LABELS = "t10k-labels-idx1-ubyte.gz"
IMAGES = "train-images-idx3-ubyte.gz"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def test_places_are_searched_in_order(tmp_path, monkeypatch, tiny, full_home, cache, system):
    found = fetch.obtain_files()
    assert found.folder == cache
    assert full_home.url in found.source
    assert len(full_home.asked) == 4

    tiny.write(system)
    (cache / LABELS).unlink()
    found = fetch.obtain_files()
    assert found.folder == system
    assert "Debian" in found.source
    assert len(full_home.asked) == 4

    tiny.write(cache)
    assert fetch.obtain_files().folder == cache

    by_variable, by_parameter = tiny.write(tmp_path / "variable"), tiny.write(tmp_path / "given")
    monkeypatch.setenv("FAIRTRIAL_DATA", str(by_variable))
    assert fetch.obtain_files().folder == by_variable
    assert fetch.obtain_files(by_parameter).folder == by_parameter


def test_download_is_stored_without_temporary_files(monkeypatch, tiny, full_home, cache):
    monkeypatch.setenv("FAIRTRIAL_DATA_URL", full_home.url + "/")
    said = []
    found = fetch.obtain_files(note=said.append)
    assert found.contents == tiny.contents
    assert names(cache) == sorted(full_home.bodies)
    assert {(cache / name).read_bytes() for name in full_home.bodies} == set(
        full_home.bodies.values()
    )
    assert len(said) == 4
    assert all(sentence.startswith("Downloading ") for sentence in said)


def test_only_missing_files_are_downloaded(tiny, full_home, cache):
    tiny.write(cache)
    (cache / LABELS).unlink()
    assert fetch.obtain_files().contents == tiny.contents
    assert full_home.asked == [LABELS]


def cut(home):
    home.bodies[LABELS] = home.bodies[LABELS][:-9]


def flip(home):
    body = bytearray(home.bodies[LABELS])
    body[-6] ^= 0xFF
    home.bodies[LABELS] = bytes(body)


def swap(home):
    home.bodies[LABELS], home.bodies[TEST_LABELS] = home.bodies[TEST_LABELS], home.bodies[LABELS]


def break_off(home):
    home.promised_lengths[LABELS] = len(home.bodies[LABELS]) + 1000


def lose(home):
    del home.bodies[LABELS]


def show_log_in(home):
    home.bodies[LABELS] = b"<html>Please log in</html>"


def pour(home):
    home.bodies[LABELS] = bytes(1_000_000)


def hang_up(home):
    home.hangs_up = True


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (cut, f"was refused and deleted: {LABELS}: it is truncated"),
        (flip, f"was refused and deleted: {LABELS}: it is corrupt"),
        (swap, f"was refused and deleted: {TEST_LABELS}: its content is longer"),
        (show_log_in, f"was refused and deleted: {LABELS}: it is neither a gzip file"),
        (break_off, f"failed: {LABELS}: the connection broke off"),
        (lose, f"failed: {LABELS}: the server answers 404 Not Found"),
        (pour, "failed: the server sends more bytes than the file can have"),
        (hang_up, "failed: there is no connection to the server"),
    ],
)
def test_bad_download_is_reported_and_not_stored(full_home, cache, harm, reason):
    harm(full_home)
    with pytest.raises(MachineError, match=reason) as raised:
        fetch.obtain_files(note=lambda _: None)
    sentences = str(raised.value).splitlines()
    assert len([sentence for sentence in sentences if sentence.startswith("- ")]) == 3
    assert "digits" in sentences[-1]
    # The labels of the test part come first, and are sound unless they are the swapped ones.
    assert set(names(cache)) <= {TEST_LABELS}
    assert fetch.find_files() is None


def test_download_gives_up_without_an_answer(monkeypatch, tiny, cache):
    monkeypatch.setattr(fetch, "GIVE_UP_SECONDS", 0)
    over = threading.Event()
    monkeypatch.setattr("pooch.HTTPDownloader.__call__", lambda *_, **__: over.wait())
    with pytest.raises(MachineError, match="nothing answers within 0 seconds"):
        fetch.obtain_files()
    over.set()
    assert names(cache) == []


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("nowhere", "not a web address"),
        ("file:///etc", "only http and https"),
        ("http://127.0.0.1:9", "no connection"),
        ("http://:::", "not a web address"),
    ],
)
def test_bad_address_gives_one_sentence(monkeypatch, tiny, url, reason):
    monkeypatch.setenv("FAIRTRIAL_DATA_URL", url)
    with pytest.raises(MachineError, match=reason):
        fetch.obtain_files()


@pytest.mark.parametrize("path", ["~nobody-of-this-name/data", "a\0b"])
def test_invalid_path_is_refused(path):
    with pytest.raises(InputError, match=r"folder is .* which is not a path"):
        fetch.obtain_files(path)
    with pytest.raises(InputError, match=r"folder is .* which is not a path"):
        fetch.fill_folder(path)


def test_too_long_path_gives_one_sentence(tiny):
    with pytest.raises(InputError, match="File name too long"):
        fetch.obtain_files("x" * 5000)


@pytest.mark.parametrize("packed", [True, False])
def test_named_folder_can_have_packed_or_plain_files(tmp_path, tiny, packed):
    folder = tiny.write(tmp_path / "mine", packed=packed)
    assert fetch.obtain_files(folder).contents == tiny.contents
    assert fetch.obtain_files(str(folder)).folder == folder


def test_bad_named_folder_is_refused_and_unchanged(tmp_path, monkeypatch, tiny, full_home, cache):
    tiny.write(cache)
    folder = tiny.write(tmp_path / "mine")
    truncate(folder / LABELS)
    (folder / IMAGES).unlink()
    with pytest.raises(InputError) as raised:
        fetch.obtain_files(folder)
    message = str(raised.value)
    assert f"folder names {folder}" in message
    assert f"{LABELS} is refused: it is truncated" in message
    assert f"{IMAGES} is missing" in message
    assert full_home.asked == []
    assert len(names(folder)) == 3

    monkeypatch.setenv("FAIRTRIAL_DATA", str(folder))
    with pytest.raises(InputError, match="FAIRTRIAL_DATA names"):
        fetch.find_files()
    with pytest.raises(InputError, match="not a folder"):
        fetch.obtain_files(tmp_path / "absent")


def test_bad_file_in_the_cache_is_removed_and_fetched_again(tiny, full_home, cache):
    tiny.write(cache)
    truncate(cache / LABELS)
    assert fetch.find_files() is None
    assert LABELS in names(cache), "finding removes nothing"
    said = []
    found = fetch.obtain_files(note=said.append)
    assert found.contents == tiny.contents
    assert str(cache / LABELS) in said[0]
    assert "truncated" in said[0]
    assert "removed from the cache" in said[0]
    assert full_home.asked == [LABELS]


def test_bad_file_in_the_cache_is_removed_without_a_replacement(tiny, cache):
    tiny.write(cache)
    truncate(cache / LABELS)
    with pytest.raises(MachineError, match="held a file that was refused"):
        fetch.obtain_files(note=lambda _: None)
    assert LABELS not in names(cache)


def test_bad_system_file_is_skipped(tiny, full_home, cache, system):
    tiny.write(system)
    truncate(system / LABELS)
    said = []
    assert fetch.obtain_files(note=said.append).folder == cache
    assert str(system / LABELS) in said[0]
    assert "not used" in said[0]
    assert LABELS in names(system)


def test_notices_go_to_the_log_by_default(caplog, full_home):
    fetch.obtain_files()
    assert f"Downloading {LABELS} from {full_home.url}." in caplog.messages


def test_cache_that_cannot_be_created_gives_one_sentence(tmp_path, full_home):
    (tmp_path / "cache").write_text("a file where the folder should be")
    sentence = r"The download from [^\n]* cannot be written \([^\n]*\).*FAIRTRIAL_CACHE\)\."
    with pytest.raises(MachineError, match=rf"^{sentence}$"):
        fetch.obtain_files()


@pytest.mark.parametrize(
    ("code", "reason"), [(errno.EACCES, "Permission denied"), (errno.ENOSPC, "No space left")]
)
@pytest.mark.parametrize("step", ["replace", "mkdir"])
def test_full_or_protected_disk_gives_one_sentence(
    monkeypatch, full_home, cache, step, code, reason
):
    def refuse(*_, **__):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(Path, step, refuse)
    with pytest.raises(MachineError, match=reason):
        fetch.obtain_files()
    assert names(cache) == []


def test_full_disk_during_download_gives_one_sentence(monkeypatch, full_home, cache):
    def refuse(self, chunk):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(fetch._CappedFile, "write", refuse)
    with pytest.raises(MachineError, match="No space left on device"):
        fetch.obtain_files()
    assert names(cache) == []


def test_bad_cache_file_that_cannot_be_removed_is_reported(monkeypatch, tiny, cache, system):
    tiny.write(cache)
    tiny.write(system)
    truncate(cache / LABELS)

    def refuse(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refuse)
    said = []
    assert fetch.obtain_files(note=said.append).folder == system
    assert "cannot be removed (Permission denied)" in said[0]


def test_fill_folder_from_the_network(tmp_path, tiny, full_home, cache):
    target = tmp_path / "new" / "place"
    assert fetch.fill_folder(target) == target
    assert fetch.obtain_files(target).contents == tiny.contents
    assert names(cache) == []
    asked = len(full_home.asked)
    assert fetch.fill_folder(target) == target
    assert len(full_home.asked) == asked


@pytest.mark.parametrize("packed", [True, False])
def test_fill_folder_from_this_machine(tmp_path, tiny, system, packed):
    tiny.write(system, packed=packed)
    target = tmp_path / "mine"
    assert fetch.fill_folder(target) == target
    assert fetch.obtain_files(target).contents == tiny.contents


def test_fill_folder_overwrites_nothing(tmp_path, tiny, system):
    tiny.write(system)
    target = tmp_path / "mine"
    target.mkdir()
    (target / LABELS).write_bytes(b"mine")
    with pytest.raises(InputError, match=f"{LABELS} is refused"):
        fetch.fill_folder(target)
    assert names(target) == [LABELS]
    with pytest.raises(InputError, match="not a folder"):
        fetch.fill_folder(target / LABELS)


def test_fill_folder_that_cannot_be_written(monkeypatch, tmp_path, tiny, system):
    tiny.write(system)
    (tmp_path / "file").write_text("")
    with pytest.raises(MachineError, match="cannot be written"):
        fetch.fill_folder(tmp_path / "file" / "below")
