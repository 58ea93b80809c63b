"""The examples of these pages run in a folder of their own."""

import pytest


@pytest.fixture(autouse=True)
def _stand_in_a_new_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
