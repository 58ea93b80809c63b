"""Only the published content passes, however it is packed."""

import gzip
import hashlib
import os
import time

import pytest

from fairtrial.data.images import files

CONTENT = b"\x00\x00\x08\x01" + b"\x00\x00\x00\x64" + bytes(range(100))
EXPECTED = files.DataFile("labels", len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
PACKED = gzip.compress(CONTENT, mtime=0)


def flip(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


@pytest.mark.parametrize("level", [0, 1, 9])
def test_content_decides_not_the_packing(tmp_path, level):
    path = tmp_path / "labels.gz"
    path.write_bytes(gzip.compress(CONTENT, level, mtime=level))
    assert files.read_content(path, EXPECTED) == CONTENT
    path.write_bytes(CONTENT)
    assert files.read_content(path, EXPECTED) == CONTENT


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "neither a gzip file nor an IDX file"),
        (b"<html>Please log in</html>", "neither a gzip file nor an IDX file"),
        (flip(PACKED, 0), "neither a gzip file nor an IDX file"),
        (PACKED[:5], "truncated"),
        (PACKED[: len(PACKED) // 2], "truncated"),
        (PACKED[:-1], "truncated"),
        (flip(PACKED, len(PACKED) - 5), "corrupt"),
        (flip(PACKED, 12), "corrupt"),
        (CONTENT[:-1], "is 107 bytes long, and must be 108"),
        (CONTENT + b"\0", "longer than the 108 bytes"),
        (gzip.compress(CONTENT + b"\0", mtime=0), "longer than the 108 bytes"),
        (flip(CONTENT, 50), "sha256"),
        (gzip.compress(flip(CONTENT, 50), mtime=0), "sha256"),
    ],
    ids=[
        "empty",
        "a web page",
        "first byte flipped",
        "cut in the header",
        "cut in half",
        "last byte missing",
        "checksum flipped",
        "content flipped, packed",
        "unpacked, a byte short",
        "unpacked, a byte long",
        "packed, a byte long",
        "unpacked, a byte flipped",
        "packed again, a byte flipped",
    ],
)
def test_anything_else_is_refused_with_its_reason(tmp_path, data, reason):
    path = tmp_path / "labels.gz"
    path.write_bytes(data)
    with pytest.raises(files.RefusedFileError, match=reason):
        files.read_content(path, EXPECTED)


def test_a_bomb_is_not_unpacked(tmp_path, monkeypatch):
    path = tmp_path / "labels.gz"
    path.write_bytes(gzip.compress(bytes(50_000_000)))
    asked = []
    read = gzip.GzipFile.read
    monkeypatch.setattr(
        gzip.GzipFile, "read", lambda self, size=-1: asked.append(size) or read(self, size)
    )
    with pytest.raises(files.RefusedFileError, match="longer than the 108 bytes"):
        files.read_content(path, EXPECTED)
    assert asked == [109]


def test_swapped_files_are_called_swapped(tmp_path, tiny):
    tiny.write(tmp_path)
    first, second = (tmp_path / f"{part}-labels-idx1-ubyte.gz" for part in ("train", "t10k"))
    swapped = first.read_bytes(), second.read_bytes()
    second.write_bytes(swapped[0]), first.write_bytes(swapped[1])
    refused = files.read_folder(tmp_path).refused
    assert set(refused) == {first, second}
    assert "holds the content of t10k-labels-idx1-ubyte" in refused[first]
    # A longer file is not read to its end, so its name stays unknown.
    assert "longer than" in refused[second]


def test_a_folder_tells_missing_from_refused(tmp_path, tiny):
    assert len(files.read_folder(tmp_path / "absent").missing) == 4
    tiny.write(tmp_path)
    (tmp_path / "train-images-idx3-ubyte.gz").unlink()
    (tmp_path / "t10k-images-idx3-ubyte.gz").unlink()
    (tmp_path / "t10k-images-idx3-ubyte.gz").mkdir()
    reading = files.read_folder(tmp_path)
    assert reading.missing == ("train-images-idx3-ubyte",)
    assert list(reading.refused.values()) == ["it cannot be read (Is a directory)"]
    assert not reading.is_complete
    assert len(reading.contents) == 2


def test_nothing_is_left_of_a_file_that_is_interrupted(tmp_path, tiny):
    def write(aside):
        aside.write_bytes(b"half")
        raise KeyboardInterrupt

    folder = tmp_path / "a" / "b"
    with pytest.raises(KeyboardInterrupt):
        files.put_file(folder, "half.gz", EXPECTED, write)
    assert list(folder.iterdir()) == []


def test_what_a_killed_process_left_is_swept_away_a_day_later(tmp_path):
    old, young, other = (tmp_path / name for name in (".writing-a", ".writing-b", "c"))
    for folder in (old, young, other):
        folder.mkdir()
        (folder / "half.gz").write_bytes(b"half")
    two_days_ago = time.time() - 2 * 86_400
    for folder in (old, other):
        os.utime(folder, (two_days_ago, two_days_ago))
    files.put_file(tmp_path, "whole.gz", EXPECTED, lambda aside: aside.write_bytes(PACKED))
    assert set(tmp_path.iterdir()) == {young, other, tmp_path / "whole.gz"}


def test_a_bad_file_is_never_adopted(tmp_path, tiny):
    expected = next(known for known in files.FILES if known.name == "train-labels-idx1-ubyte")
    name = f"{expected.name}.gz"
    with pytest.raises(files.RefusedFileError, match=r"^train-labels-idx1-ubyte\.gz: "):
        files.put_file(tmp_path, name, expected, lambda aside: aside.write_bytes(PACKED))
    assert list(tmp_path.iterdir()) == []
