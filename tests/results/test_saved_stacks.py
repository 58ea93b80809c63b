"""Parts: found again, and never trusted when damaged."""

import numpy as np
import polars as pl
import pytest

from fairtrial.results.saved_stacks import (
    PARTS,
    Result,
    copy_parts,
    find_parts,
    make_part,
    write_part,
)
from fairtrial.training.trace import Trace

TRACE = Trace(
    np.float32([1.5]), np.float32(0.5), "completed", 7, {"loss": (np.arange(8), np.ones(8))}, {}
)


def write(folder, *fingerprints):
    return write_part(folder, make_part([Result(one, TRACE, 0.1, {}) for one in fingerprints]))


def never(sentence):
    raise AssertionError(sentence)


def test_nothing_is_found_where_nothing_is(tmp_path):
    assert find_parts(tmp_path, ["a"], never) == ({}, 0)


def test_wanted_runs_are_found(tmp_path):
    first, second = write(tmp_path, "a", "b"), write(tmp_path, "c")
    write(tmp_path, "d")
    assert find_parts(tmp_path, ["b", "c", "x"], never) == (
        {first: ["b"], second: ["c"]},
        2,
    )


def test_no_run_twice(tmp_path):
    write(tmp_path, "a", "b"), write(tmp_path, "b", "a")
    found, _ = find_parts(tmp_path, ["a", "b"], never)
    assert sorted(one for here in found.values() for one in here) == ["a", "b"]


@pytest.mark.parametrize("damage", ["truncate", "flip", "empty", "append"])
def test_a_damaged_part_is_named_and_removed(tmp_path, damage):
    good, bad = write(tmp_path, "a"), write(tmp_path, "b")
    contents = bytearray(bad.read_bytes())
    match damage:
        case "truncate":
            contents = contents[:-1]
        case "flip":
            contents[len(contents) // 2] ^= 1
        case "empty":
            contents = bytearray()
        case "append":
            contents += b"\0"
    bad.write_bytes(contents)
    told = []
    assert find_parts(tmp_path, ["a", "b"], told.append) == ({good: ["a"]}, 0)
    (sentence,) = told
    assert str(bad) in sentence and "damaged" in sentence
    assert list((tmp_path / PARTS).iterdir()) == [good]


def test_the_same_runs_have_the_same_name_but_for_the_checksum(tmp_path):
    path, other = write(tmp_path, "a", "b"), write(tmp_path, "b", "a")
    assert write(tmp_path, "a", "b") == path
    assert path.stem.partition("-")[0] != other.stem.partition("-")[0]


def test_files_that_are_not_parts_are_left_alone(tmp_path):
    (tmp_path / PARTS).mkdir()
    (tmp_path / PARTS / "mine.parquet").write_text("mine")
    assert find_parts(tmp_path, ["a"], never) == ({}, 0)
    assert (tmp_path / PARTS / "mine.parquet").exists()


def test_a_copied_part_is_not_counted_as_another(tmp_path):
    write(tmp_path, "a", "b"), write(tmp_path, "b", "a")
    assert find_parts(tmp_path, ["a", "b"], never)[1] == 0


def test_runs_that_another_folder_has_are_copied(tmp_path):
    source, folder = tmp_path / "source", tmp_path / "folder"
    first = write(source, "a", "b", "c")
    write(folder, "a")
    copy_parts(source, folder, ["a", "b", "d"], never)
    found, n_others = find_parts(folder, ["a", "b", "c", "d"], never)
    assert sorted(one for here in found.values() for one in here) == ["a", "b"] and not n_others
    whole = pl.read_parquet(first)
    (copied,) = (path for path, here in found.items() if here == ["b"])
    assert pl.read_parquet(copied).equals(whole.filter(pl.col("fingerprint") == "b"))
    copy_parts(tmp_path / "nowhere", folder, ["d"], never)
    assert find_parts(folder, ["d"], never) == ({}, 2)
