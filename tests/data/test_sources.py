"""Data sets of a user: functions that return rows, drawn, fixed or split; and their errors."""

import numpy as np
import pytest

import fairtrial as ft
from fairtrial.data.load import check_data, fingerprint_data, load_dataset, measure_data
from fairtrial.data.split import split_rows
from fairtrial.kinds.data.datasets import TASKS as FAMILY
from fairtrial.kinds.data.datasets import Content, dataset
from fairtrial.kinds.mechanism.plugins import activate
from fairtrial.laws import find_breaches
from fairtrial.running.cluster import pack, train_packed
from fairtrial.running.plan import plan_stacks
from reference.tasks import TASKS


@pytest.fixture(autouse=True)
def forget():
    yield
    FAMILY.forget(__name__)
    activate([])


@pytest.mark.parametrize("name", ["line", "linear", "digits"])
def test_built_in_rows_are_those_of_the_reference(name):
    kind = FAMILY.get(name)
    task = kind.settings(kind=name, **({"rows": 50} if name != "digits" else {}))
    data = load_dataset(task, 7)
    X, y = TASKS[name](7, 50)
    np.testing.assert_allclose(data.X, X, rtol=1e-6)
    np.testing.assert_allclose(data.y, y, rtol=1e-5, atol=1e-5)


def make_numbers(n_rows=60):
    rng = np.random.default_rng(5)
    X = rng.normal([10.0, -3.0, 0.0], [5.0, 0.1, 0.0], (n_rows, 3))
    return X, 100.0 * X[:, 1] + rng.normal(size=n_rows)


def test_split_rows_are_standardised_by_what_training_sees():
    @dataset(rows="split")
    def houses():
        """Made-up houses."""
        return make_numbers()

    assert find_breaches(houses) == []
    task = houses(test=0.25)
    assert measure_data(task) == (45, 15, 3, 0)
    X, y = make_numbers()
    train, test = split_rows(60, 0.25, 4, "houses.test")
    for validation in (None, 0.2):
        seen = train[split_rows(len(train), validation, 4)[0]]
        data = load_dataset(task, 4, validation)
        expected = (X[:, :2] - X[seen, :2].mean(0)) / X[seen, :2].std(0)
        np.testing.assert_allclose(data.X[:, :2], expected[train], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(data.test_X[:, :2], expected[test], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(data.y, y[train], rtol=1e-6)
        assert not data.X[:, 2].any()  # A constant feature.
        assert (data.X.dtype, data.y.dtype) == (np.float32, np.float32)


def test_fixed_rows_are_the_same_arrays_for_every_seed():
    @dataset(rows="fixed", classes=("low", "high"), standardise=False)
    def halves():
        """The sign of a number."""
        X = np.arange(40.0)[:, None] - 19.5
        y = (X[:, 0] > 0).astype(int)
        return X[::2], y[::2], X[1::2], y[1::2]

    assert find_breaches(halves) == []
    one, other = (load_dataset(halves(), seed) for seed in (0, 1))
    assert np.shares_memory(one.X, other.X) or np.array_equal(one.X, other.X)
    assert (one.class_names, one.n_classes, one.y.dtype) == (("low", "high"), 2, np.int32)
    assert measure_data(halves()) == (20, 20, 1, 2)
    assert fingerprint_data(halves()) == fingerprint_data(halves())


def test_drawn_rows_share_what_is_drawn_once_with_test_rows():
    @dataset(rows="drawn", has_truth=True)
    def planes(stream, n_rows, *, n_features: int = 3):
        """Numbers without noise, with weights that the seed draws."""
        weights = stream.standard_normal(n_features)
        X = stream.standard_normal((n_rows, n_features))
        return X, X @ weights + 1.0, np.append(weights, 1.0)

    assert find_breaches(planes) == []
    data = load_dataset(planes(rows=30, test_rows=20), 2)
    assert data.true_parameters is not None
    for X, y in ((data.X, data.y), (data.test_X, data.test_y)):
        np.testing.assert_allclose(X @ data.true_parameters[:3] + 1.0, y, rtol=1e-4, atol=1e-4)
    assert measure_data(planes(rows=30, test_rows=20, n_features=5)) == (30, 20, 5, 0)
    assert fingerprint_data(planes()) == ""


def test_arrays_of_the_user_stay_writeable():
    X, y = make_numbers()

    @dataset(rows="split")
    def kept():
        """Arrays that the user keeps."""
        return X, y

    assert measure_data(kept()).n_rows == 48
    assert X.flags.writeable and y.flags.writeable


def test_images_are_rows_of_pixels():
    @dataset(rows="split", classes=True, images=(3, 4))
    def dots():
        """Bytes."""
        X = np.arange(10 * 12).reshape(10, 3, 4).astype(np.uint8)
        return X, np.arange(10) % 3

    data = load_dataset(dots(), 0)
    assert (data.X.shape, data.X.dtype, data.divisor, data.n_classes) == ((8, 12), np.uint8, 255, 3)
    assert dots().has_images and dots().image_shape == (3, 4)


@pytest.mark.parametrize(
    ("facts", "divisor"),
    [({}, 1), ({"classes": 3}, 1), ({"images": (2, 2), "pixel_range": 100}, 100)],
)
def test_bytes_are_numbers_unless_they_are_pixels(facts, divisor):
    X, y = np.arange(80).reshape(20, 4).astype(np.uint8), np.arange(20) % 3

    @dataset(rows="fixed", standardise=False, **facts)
    def counts():
        """Counts, or pixels."""
        return X, y, X, y

    data = load_dataset(counts(), 0)
    assert (data.X.dtype, data.test_X.dtype, data.divisor) == (np.float32, np.float32, 1)
    np.testing.assert_allclose(data.X, X / divisor, rtol=1e-6)
    np.testing.assert_allclose(data.test_X, X / divisor, rtol=1e-6)


def make_images(dtype, **facts):
    """Make images of one shade each, as bytes up to 16 or as numbers up to 1."""
    pixels = np.arange(17)[:, None] * np.ones((1, 4))

    @dataset(rows="split", classes=2, images=(2, 2), pixel_range=16, **facts)
    def shades():
        """Shades of grey."""
        return (pixels.astype(dtype) if dtype == np.uint8 else pixels / 16), np.arange(17) % 2

    return shades


def test_noise_keeps_pixels_in_their_range_and_standardised_ones_free():
    for dtype in (np.uint8, float):
        data = load_dataset(make_images(dtype)(input_noise={"kind": "normal", "scale": 5.0}), 0)
        assert (data.X.min(), data.X.max()) == (0, data.divisor)
        FAMILY.forget(__name__)
    free = make_images(float, standardise=True)(input_noise={"kind": "normal", "scale": 5.0})
    assert load_dataset(free, 0).X.min() < -2.0


def refuse_split(function, **facts):
    kind = dataset(rows="split", **facts)(function)
    with pytest.raises(ft.InputError) as error:
        measure_data(kind())
    assert __file__ in str(error.value) and function.__name__ in str(error.value)
    return str(error.value)


def one_value():
    """An array alone."""
    return np.ones((5, 2))


def names():
    """Text."""
    return np.array([["a"], ["b"]]), np.ones(2)


def unequal():
    """Rows without targets."""
    return np.ones((5, 2)), np.ones(4)


def holes():
    """A missing value."""
    return np.array([[1.0], [np.nan]]), np.ones(2)


def no_columns():
    """Rows without features."""
    return np.ones((60, 0)), np.ones(60)


def halves_of_classes():
    """Classes that are no whole numbers."""
    return np.ones((3, 1)), np.array([0.0, 0.5, 1.0])


def fourth():
    """A class too many."""
    return np.ones((3, 1)), np.array([0, 1, 3])


def shades_to_16():
    """Pixels that are neither bytes nor from 0 to 1."""
    return np.arange(17.0)[:, None], np.zeros(17)


def one_class():
    """A class alone."""
    return np.ones((9, 1)), np.zeros(9)


def gaps():
    """A class with a large number."""
    return np.ones((9, 1)), np.array([0] * 8 + [1_000_000])


def failing():
    """An error."""
    return np.ones((3, 1)), [][1]


@pytest.mark.parametrize(
    ("function", "facts", "sentence"),
    [
        (one_value, {}, "it must return X, y"),
        (names, {}, "as arrays of numbers"),
        (unequal, {}, "its X has 5 rows and its y 4"),
        (holes, {}, "missing or infinite"),
        (no_columns, {}, "its X has no columns: its shape is (60, 0)"),
        (halves_of_classes, {"classes": 2}, "whole numbers from 0"),
        (fourth, {"classes": 3}, "its y has the class 3, and the last one is 2"),
        (shades_to_16, {"images": (1, 1)}, "its pixels are from 0 to 16: give bytes (uint8)"),
        (one_class, {"classes": True}, "its targets are all of one class"),
        (gaps, {"classes": True}, "so 1,000,001 classes for 9 rows"),
        (failing, {}, "the data set 'failing' fails with IndexError: list index out of range"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_rows_that_cannot_be_used_give_a_sentence(function, facts, sentence):
    assert sentence in refuse_split(function, **facts)
    assert any(sentence in one for one in find_breaches(FAMILY.get(function.__name__)))


def test_content_of_the_user_is_checked_as_arrays_are():
    X, y = np.arange(40.0).reshape(20, 2), np.arange(20) % 2

    @dataset(rows="split", classes=True)
    def leaves():
        """Made-up leaves."""
        return Content(X, y, class_names=("oak", "elm"))

    data = load_dataset(leaves(), 1)
    assert data.class_names == ("oak", "elm") and abs(data.X.mean(0)).max() < 1e-6
    assert fingerprint_data(leaves()) != ""


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (Content(np.full((9, 2), np.nan), np.zeros(9)), "missing or infinite"),
        (Content(np.ones((9, 2)), np.zeros(8)), "9 rows and its y 8"),
        (Content(np.ones((9, 2)), np.arange(9), class_names=("a", "b")), "names 2 classes"),
        (Content(np.ones((9, 2)), np.arange(9), prepare=lambda seen: None), "has prepare"),
    ],
)
def test_content_that_cannot_be_used_gives_a_sentence(content, sentence):
    @dataset(rows="split", classes=True)
    def leaves():
        """Made-up leaves."""
        return content

    with pytest.raises(ft.InputError, match=sentence):
        load_dataset(leaves(), 1)


def test_wrong_facts_give_a_sentence():
    def rows():
        """Rows."""

    with pytest.raises(
        ft.InputError, match="its rows = 'some' must be 'drawn', 'fixed' or 'split'"
    ):
        dataset(rows="some")(rows)
    with pytest.raises(ft.InputError, match="must say where rows come from"):
        dataset(rows)
    with pytest.raises(ft.InputError, match="its classes must be two or more"):
        dataset(rows="split", classes=1)(rows)
    with pytest.raises(ft.InputError, match=r"its arguments must be stream and n_rows"):
        dataset(rows="drawn")(rows)

    def titled(*, title: str = ""):
        """A setting with the name of a property."""

    with pytest.raises(ft.InputError, match="its setting title has the name of something that all"):
        dataset(rows="split")(titled)


def unseeded():
    """Other rows at each call."""
    rng = np.random.default_rng()
    return rng.normal(size=(9, 1)), rng.normal(size=9)


def unstreamed(stream, n_rows):
    """The same rows for each seed."""
    return np.arange(n_rows)[:, None], np.arange(n_rows)


@pytest.mark.parametrize(
    ("function", "rows", "sentence"),
    [
        (unseeded, "split", "it returns other rows when it is called again"),
        (unstreamed, "drawn", "it draws the same rows for two seeds"),
    ],
)
def test_laws(function, rows, sentence):
    assert any(sentence in one for one in find_breaches(dataset(rows=rows)(function)))


PLUGIN = '''
import numpy as np
import fairtrial as ft

@ft.dataset(rows="split")
def my_data(*, path: str = "", slope: float = 2.0):
    """Made-up rows, or those of a file."""
    X = np.loadtxt(path)[:, None] if path else np.linspace(-1, 1, 40)[:, None]
    return X, slope * X[:, 0]
'''
STUDY = """
name = "own"
seeds = 2
plugins = ["my_kinds.py"]
[task]
kind = "my_data"
[recipe]
loss = "mse"
optimizer = { kind = "sgd", learning_rate = 0.1 }
steps = 60
[vary]
"task.slope" = [1.0, 3.0]
"""


def test_data_set_of_a_plugin_is_trained(tmp_path, monkeypatch):
    monkeypatch.setenv("FAIRTRIAL_CACHE", str(tmp_path / "cache"))
    (tmp_path / "my_kinds.py").write_text(f"# {tmp_path}\n{PLUGIN}", encoding="utf-8")
    (tmp_path / "study.toml").write_text(STUDY, encoding="utf-8")
    study = ft.Study.load(tmp_path / "study.toml", allow_code=True)
    assert {arm.task.row_origin for arm in study.list_arms()} == {"split"}
    check_data(study.list_arms())
    runs = ft.run(study, tmp_path / "results").runs
    assert len(runs) == 4
    # Without noise and with a standardised feature, the slope is found.
    assert runs["r2"].min() > 0.99
    packed = [pack(plan) for plan in plan_stacks(study.list_runs())]
    activate([])
    assert all(train_packed(one) for one in packed)  # Workers get the source with the plan.


def test_file_of_a_data_set_is_read_again_when_it_changes(tmp_path):
    @dataset(rows="split", standardise=False)
    def numbers(*, path: str):
        """The numbers of a file."""
        X = np.loadtxt(path)[:, None]
        return X, X[:, 0]

    path = tmp_path / "numbers.txt"
    np.savetxt(path, np.arange(10.0))
    first = fingerprint_data(numbers(path=str(path)))
    np.savetxt(path, np.arange(12.0))
    assert measure_data(numbers(path=str(path))).n_rows == 10
    assert fingerprint_data(numbers(path=str(path))) != first
    path.unlink()
    with pytest.raises(ft.InputError, match=r"numbers\.txt cannot be read"):
        measure_data(numbers(path=str(path)))


def test_values_that_float32_rounds_are_refused():
    """Time stamps and the like, whether a user's function returns them or a task is set so."""

    @dataset(rows="split")
    def stamps():
        return make_numbers()[0], 1.7e9 + make_numbers()[1]

    @dataset(rows="drawn")
    def far(stream, n_rows):
        X = 1e9 + stream.open("x").standard_normal((n_rows, 1))
        return X, X[:, 0] - 1e9

    said = r"stamps: its y has values near 1\.7e\+09 that differ by about .*, and training is in"
    with pytest.raises(ft.InputError, match=said):
        load_dataset(stamps(), 0)
    with pytest.raises(ft.InputError, match=r"far: its X has values near 1e\+09 that differ by a"):
        load_dataset(far(rows=50, test_rows=50), 0)
    said = r"^The data set 'line', as the task sets it: its y has values near 1e\+09 .*: subtract a"
    with pytest.raises(ft.InputError, match=said):
        load_dataset(ft.tasks.line(rows=50, intercept=1e9), 0)
    said = (
        r"^The data set 'linear', as the task sets it: it has values above 1e30, and training "
        r"is in float32: make task\.weights = \[1e\+30\] smaller\.$"
    )
    with pytest.raises(ft.InputError, match=said):
        load_dataset(ft.tasks.linear(rows=50, features=1, weights=[1e30]), 0)


def test_far_features_are_standardised_before_float32_rounds_them():
    draws = np.random.default_rng(0).integers(-3000, 3000, 80) / 1024.0  # Exact after the shift.

    @dataset(rows="split")
    def far():
        X = np.column_stack([1e9 + draws, np.full(80, 0.1)])
        return X, draws

    data, train = load_dataset(far(), 3), split_rows(80, 0.2, 3, "far.test")[0]
    expected = (draws - draws[train].mean()) / draws[train].std()
    np.testing.assert_allclose(data.X[:, 0], expected[train], rtol=0, atol=1e-5)
    assert not data.X[:, 1].any()
