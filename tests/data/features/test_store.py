"""Features on disk: complete files, half precision for large ones, a limit of size."""

import os
import threading
import time

import numpy as np
import pytest
from filelock import FileLock

from fairtrial.data.features import store
from fairtrial.data.features.maps import watch
from fairtrial.errors import InputError, MachineError
from fairtrial.files import ABANDONED_SECONDS

TABLE = np.arange(12.0, dtype=np.float32).reshape(4, 3)


def make():
    yield TABLE[:3]
    yield TABLE[3:]


def fail():
    yield TABLE[:3]
    raise InputError("no")


@pytest.fixture
def folder():
    return store.cache_folder("features")


def test_stored_features_are_computed_once(folder):
    first = store.keep("a", (4, 3), make)
    again = store.keep("a", (4, 3), fail)
    for found in (first, again):
        np.testing.assert_array_equal(found, TABLE)
        assert isinstance(found, np.memmap)
        assert not found.flags.writeable
    assert [path.name for path in folder.glob("*.npy")] == ["a.npy"]


@pytest.mark.parametrize("error", [InputError("no"), InterruptedError(), KeyboardInterrupt()])
def test_failed_features_leave_no_partial_file(folder, error):
    def fail():
        yield TABLE[:3]
        raise error

    with pytest.raises(type(error)):
        store.keep("a", (4, 3), fail)
    assert [path.name for path in folder.iterdir()] == ["a.lock"]


def test_partial_feature_file_is_computed_again(folder):
    (folder / ".writing-x").mkdir(parents=True)
    (folder / ".writing-x" / "a.npy").write_bytes(b"half, and then the power went")
    np.testing.assert_array_equal(store.keep("a", (4, 3), make), TABLE)


def test_wait_for_the_feature_lock_can_be_stopped(folder):
    def stop():
        raise InterruptedError

    folder.mkdir(parents=True)
    with FileLock(folder / "a.lock"), watch(stop), pytest.raises(InterruptedError):
        store.keep("a", (4, 3), make)


def test_large_features_are_stored_in_half_precision(monkeypatch):
    monkeypatch.setattr(store, "MOST_FLOAT32", 4 * 12)
    assert store.keep("a", (4, 3), make).dtype == np.float32
    monkeypatch.setattr(store, "MOST_FLOAT32", 4 * 12 - 1)
    found = store.keep("b", (4, 3), make)
    assert found.dtype == np.float16
    np.testing.assert_array_equal(found, TABLE)


def test_rounding_to_half_precision_is_that_of_numpy():
    """Every finite float16, the middle between it and the next, and what lies beside both."""
    halves = np.arange(2**16, dtype=np.uint16).view(np.float16)
    exact = np.sort(halves[np.isfinite(halves)].astype(np.float32))
    middles = (exact[1:] + exact[:-1]) / 2
    values = np.concatenate([exact, middles, np.nextafter(middles, 9e9), np.nextafter(middles, 0)])
    found = store.round_to_half(np.stack([values, values[::-1]]))
    np.testing.assert_array_equal(found[0], found[1][::-1])
    expected = values.astype(np.float16)
    is_normal = np.abs(values) >= 2.0**-14
    np.testing.assert_array_equal(found[0][is_normal], expected[is_normal])
    np.testing.assert_allclose(found[0], expected, rtol=0, atol=2.0**-24)


def test_half_precision_features_are_clipped(monkeypatch):
    monkeypatch.setattr(store, "MOST_FLOAT32", 0)
    found = store.keep("a", (1, 3), lambda: iter([np.float32([[1e7, -1e7, 1.0]])]))
    np.testing.assert_array_equal(found, [[65504.0, -65504.0, 1.0]])


@pytest.mark.parametrize("damage", ["empty", "cut", "another shape"])
def test_damaged_feature_file_is_computed_again(folder, damage):
    store.keep("a", (4, 3), make)
    path = folder / "a.npy"
    if damage == "another shape":
        np.save(path, np.ones((1, 1), np.float32))
    else:
        path.write_bytes(path.read_bytes()[: 150 if damage == "cut" else 0])
    np.testing.assert_array_equal(store.keep("a", (4, 3), make), TABLE)


def test_least_recently_used_features_are_removed_first(folder, monkeypatch):
    size = 128 + TABLE.nbytes  # With the header of the file.
    for age, name in enumerate(["new", "old", "older"]):
        store.keep(name, (4, 3), make)
        then = time.time() - 100 * (age + 1)
        os.utime(folder / f"{name}.npy", (then, then))
    store.keep("older", (4, 3), fail)  # It is used again.
    monkeypatch.setattr(store, "MOST_KEPT", 3 * size)
    kept = store.keep("newest", (4, 3), make)
    assert {path.stem for path in folder.glob("*.npy")} == {"newest", "new", "older"}
    monkeypatch.setattr(store, "MOST_KEPT", 1)
    store.keep("last", (4, 3), make)
    assert {path.stem for path in folder.glob("*.npy")} == {"last"}
    np.testing.assert_array_equal(kept, TABLE)  # Its readers go on.


def test_abandoned_feature_files_are_removed(folder):
    for name, age in [("killed", 2), ("busy", 0)]:
        aside = folder / f".writing-{name}"
        aside.mkdir(parents=True)
        (aside / "b.npy").write_bytes(b"half")
        then = time.time() - age * ABANDONED_SECONDS
        os.utime(aside, (then, then))
    store.keep("a", (4, 3), make)
    assert [path.name for path in folder.glob(".writing-*")] == [".writing-busy"]


def test_feature_files_removed_by_others_are_ignored(folder, monkeypatch):
    """As when another process finishes its file after the files were listed."""
    listed = [folder / ".writing-gone", folder / "gone.npy"]
    monkeypatch.setattr(store.Path, "glob", lambda *_: iter(listed))
    np.testing.assert_array_equal(store.keep("a", (4, 3), make), TABLE)


def test_second_process_waits_for_the_features():
    made, started = [], threading.Event()

    def make_slowly():
        started.set()
        made.append(1)
        time.sleep(0.2)
        yield TABLE

    def keep():
        np.testing.assert_array_equal(store.keep("a", (4, 3), make_slowly), TABLE)

    threads = [threading.Thread(target=keep) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [1]


def test_a_folder_that_cannot_be_written_keeps_nothing(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FAIRTRIAL_CACHE", str(tmp_path / "file"))
    found = store.keep("a", (4, 3), make)
    np.testing.assert_array_equal(found, TABLE)
    assert not found.flags.writeable and found.dtype == np.float32


def test_features_too_large_for_memory_need_a_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "MOST_IN_MEMORY", 47)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FAIRTRIAL_CACHE", str(tmp_path / "file"))
    with pytest.raises(MachineError, match=r"the features take 0\.0 GiB\. Make room, or name"):
        store.keep("a", (4, 3), make)


def test_feature_names_depend_on_all_parts():
    names = {
        store.name_features(*parts) for parts in [("a", "b"), ("ab", ""), ("a",), ("a", "b", "c")]
    }
    assert len(names) == 4
    assert store.name_features("a", "b") in names
