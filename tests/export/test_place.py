"""Folders of exports: names that every system accepts, and no replaced files."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairtrial.errors import InputError, MachineError
from fairtrial.export.event_files import name_folders
from fairtrial.export.formats import check_place, fill

NAMES = st.text(st.characters(exclude_categories=["Cs"])) | st.text("aA/._ (2)", max_size=9)


@given(st.lists(NAMES, unique=True))
def test_folder_names_are_safe_and_unique(names):
    folders = name_folders(names)
    assert list(folders) == names
    assert len({folder.casefold() for folder in folders.values()}) == len(names)
    for folder in folders.values():
        assert Path(folder).name == folder and not folder.startswith(".")
        assert folder == folder.strip() and len(folder.encode()) <= 200
        assert not set(folder) & set("/\\:*?\"'<>|\0\n")


def test_export_never_replaces_files(tmp_path):
    (tmp_path / "file").touch()
    for place, said in ((tmp_path, "is not empty"), (tmp_path / "file", "is a file")):
        with pytest.raises(InputError, match=said):
            check_place(place)
    check_place(tmp_path / "new")
    (tmp_path / "empty").mkdir()
    check_place(tmp_path / "empty")


def test_failed_export_removes_its_folder(tmp_path):
    place = tmp_path / "deep" / "place"
    with pytest.raises(MachineError, match="No space left"), fill(place):
        (place / "half").touch()
        raise OSError(28, "No space left on device")
    assert not place.exists()
    with pytest.raises(KeyboardInterrupt), fill(place):
        raise KeyboardInterrupt
    assert not place.exists()
