"""The list of data sets, and their fetching."""

from pathlib import Path

import pytest

from fairtrial.data import catalog
from fairtrial.data.images import sets as images
from fairtrial.errors import InputError


def test_list_datasets_says_where_each_is(tiny, system):
    fashion, digits = catalog.list_datasets()
    assert (fashion.name, fashion.found) == ("fashion_mnist", "not fetched")
    assert (fashion.n_train_rows, fashion.n_test_rows) == (60_000, 10_000)
    assert digits.name == "digits"
    assert Path(digits.found).is_file()
    tiny.write(system)
    assert catalog.list_datasets()[0].found == str(system)


def test_list_datasets_counts_the_rows_of_digits():
    loaded, listed = images.load_digits(), catalog.list_datasets()[1]
    assert len(loaded.y) == listed.n_train_rows
    assert len(loaded.test_y) == listed.n_test_rows


def test_find_and_fetch_data_sets(tmp_path, tiny, full_home, cache):
    assert catalog.find("fashion_mnist") is None
    assert full_home.asked == []
    assert catalog.fetch("fashion_mnist") == cache
    assert catalog.find("fashion_mnist") == cache
    assert catalog.fetch("fashion_mnist", tmp_path / "mine") == tmp_path / "mine"
    assert len(full_home.asked) == 4
    assert catalog.fetch("digits") == catalog.find("digits")


@pytest.mark.parametrize("act", [catalog.find, catalog.fetch])
def test_unknown_data_set_is_refused_with_the_nearest_name(act):
    with pytest.raises(InputError, match=r"'digit' is not a data set.*Did you mean digits"):
        act("digit")
    with pytest.raises(InputError, match=r"The data sets are fashion_mnist, digits\.$"):
        act("cifar")


def test_digits_refuse_a_folder(tmp_path):
    with pytest.raises(InputError, match="uses no folder"):
        catalog.fetch("digits", tmp_path)
