"""The examples of these pages run in a folder of their own."""

import pytest

from compiling import plain_graphs
from fairtrial.kinds.mechanism.kind import FAMILIES


@pytest.fixture(autouse=True)
def _stand_in_a_new_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def _train_in_plain_graphs():
    """Train without compiling, which takes seconds and changes nothing that pages print."""
    with plain_graphs():
        yield


@pytest.fixture(autouse=True)
def _forget_the_kinds_of_a_page():
    before = {name: {*family} for name, family in FAMILIES.items()}
    yield
    for name, family in FAMILIES.items():
        for kind in {*family} - before[name]:
            family.forget(kind.function.__module__)
