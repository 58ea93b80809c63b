"""Features of a user: functions that are fitted on rows and return a map."""

import numpy as np
import pytest

import fairtrial as ft
from fairtrial.data.features.maps import TrainingRows
from fairtrial.data.load import load_dataset, measure_data
from fairtrial.kinds.data.features import FEATURES as FAMILY
from fairtrial.kinds.data.features import features, pixels
from fairtrial.laws import find_breaches
from fairtrial.study import Study
from fairtrial.study.task import DigitsTask, LinearTask
from reference.features import FEATURES

LINEAR = LinearTask(kind="linear", features=3, rows=50, test_rows=20)


@pytest.fixture(autouse=True)
def forget():
    yield
    FAMILY.forget(__name__)


def test_standardised_pixels_are_those_of_the_reference():
    X = np.random.default_rng(0).random((30, 5)).astype(np.float32)
    X[:, 2] = 0.5
    rows = TrainingRows(X, np.arange(20), 1, 0)
    found = pixels(standardise=True).fit(rows)(X)
    np.testing.assert_allclose(found, FEATURES["pixels"](X, X[:20]), rtol=1e-4, atol=1e-5)


def make_squares():
    @features(n_features=lambda n_before: 2 * n_before)
    def squares(X, stream):
        """Each feature about its mean, and the square of that."""
        mean = X.mean(0)
        return lambda X: np.hstack([X - mean, (X - mean) ** 2])

    return squares


def test_map_is_fitted_on_what_training_sees():
    squares = make_squares()
    assert find_breaches(squares) == []
    assert measure_data(LINEAR, squares()).n_features == 6
    plain = load_dataset(LINEAR, 2, 0.3)
    found = load_dataset(LINEAR, 2, 0.3, squares())
    from fairtrial.data.split import split_rows

    mean = plain.X[split_rows(50, 0.3, 2)[0]].mean(0)
    for X, mapped in ((plain.X, found.X), (plain.test_X, found.test_X)):
        expected = np.hstack([X - mean, (X - mean) ** 2])
        np.testing.assert_allclose(mapped, expected, rtol=1e-4, atol=1e-5)


def test_stream_is_that_of_the_seed():
    @features(n_features=lambda n_before, count: count)
    def projected(X, stream, *, count: int = 4):
        """Random directions."""
        W = stream.standard_normal((X.shape[1], count)).astype(np.float32)
        return lambda X: X @ W

    assert find_breaches(projected) == []
    one, same, other = (load_dataset(LINEAR, seed, None, projected(count=2)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one.X, same.X)
    assert one.X.shape == (50, 2) and not np.array_equal(one.X, other.X)


def test_it_stands_in_a_recipe_beside_others(tmp_path, monkeypatch):
    monkeypatch.setenv("FAIRTRIAL_CACHE", str(tmp_path / "cache"))
    squares = make_squares()
    study = Study(
        name="Squares", seeds=1, task="digits",
        recipe={"loss": "cross_entropy", "optimizer": "adam", "epochs": 1, "batch_size": 256},
        vary={"features": ["pixels", squares]},
    )  # fmt: skip
    assert [arm.name for arm in study.list_arms()] == ["pixels", "squares"]
    data = load_dataset(DigitsTask(kind="digits"), 0, None, squares())
    assert data.X.shape == (1437, 128)
    runs = ft.run(study, tmp_path / "out").runs
    assert runs["outcome"].to_list() == ["completed"] * 2


def test_wrong_number_of_features_gives_a_sentence():
    @features
    def doubled(X, stream):
        """More features than it says."""
        return lambda X: np.hstack([X, X])

    sentence = r"test_own_features\.py, line \d+: doubled: its map returns an array of shape"
    with pytest.raises(ft.InputError, match=sentence):
        load_dataset(LINEAR, 0, None, doubled())
    assert any("its n_features says" in one for one in find_breaches(doubled))


@pytest.mark.parametrize(
    ("feature_map", "sentence"),
    [
        (lambda X: X[: len(X) // 2], r"its map returns an array of shape \(25, 3\) for 50 rows"),
        (lambda X: X * np.nan, "missing or infinite"),
        (lambda X: X[:, 9], "the map of 'made' fails with IndexError"),
        (None, "it returns a NoneType, and must return a map"),
    ],
)
def test_map_that_cannot_be_used_gives_a_sentence(feature_map, sentence):
    @features
    def made(X, stream):
        """A map with a mistake."""
        return feature_map

    with pytest.raises(ft.InputError, match=rf"test_own_features\.py.*{sentence}"):
        load_dataset(LINEAR, 0, None, made())


def test_map_may_return_a_list():
    @features
    def listed(X, stream):
        """Features as they are, in lists."""
        return lambda X: X.tolist()

    expected = load_dataset(LINEAR, 0).X
    np.testing.assert_array_equal(load_dataset(LINEAR, 0, None, listed()).X, expected)


def test_laws():
    @features
    def centred(X, stream):
        """Each row about the mean of those beside it."""
        return lambda X: X - X.mean(0)

    @features(is_fitted=False)
    def shuffled(X, stream):
        """Features in another order for each seed."""
        order = stream.permutation(X.shape[1])
        return lambda X: X[:, order]

    assert any("depend on the rows beside it" in one for one in find_breaches(centred))
    assert any("depend on the seed" in one for one in find_breaches(shuffled))
