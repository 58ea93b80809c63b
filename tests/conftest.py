"""What tests of several folders share."""

from pathlib import Path

import pytest

from small_lab import make_lab


@pytest.fixture(scope="session")
def lab(tmp_path_factory) -> Path:
    """A small lab of three seeds, on the digits."""
    return make_lab(tmp_path_factory.mktemp("lab"), 3, "Fashion-MNIST could not be downloaded.")


@pytest.fixture(scope="session")
def lab_of_one(tmp_path_factory) -> Path:
    """A small lab of a single seed."""
    return make_lab(tmp_path_factory.mktemp("lab_of_one"), 1)


@pytest.fixture(scope="session")
def hostile_lab(tmp_path_factory) -> Path:
    """A small lab whose names mean harm."""
    return make_lab(tmp_path_factory.mktemp("hostile_lab"), 2, hostile=True)
