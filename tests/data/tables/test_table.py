"""The user's table: prepared as by hand, nothing leaks, and every error is a sentence."""

import csv
import hashlib
import os

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairtrial.data.load import load_dataset
from fairtrial.data.sources import read
from fairtrial.data.split import split_rows
from fairtrial.data.tables.columns import FEWEST_CLASS_ROWS, FEWEST_ROWS
from fairtrial.data.tables.table import read_table
from fairtrial.errors import InputError
from fairtrial.study.task import TableTask

N = 40
TOWNS = ("Bern", "Chur", "Uri")
RANDOM = np.random.default_rng(5)
# A column of each kind, in an order that is not the features'.
COLUMNS = {
    "id": list(range(N)),
    "town": [TOWNS[number] for number in RANDOM.integers(0, 3, N)],
    "area": RANDOM.normal(100, 30, N).round(1).tolist(),
    "floor": RANDOM.integers(0, 12, N).tolist(),
    "garden": (RANDOM.random(N) < 0.5).tolist(),
    "price": RANDOM.normal(500, 90, N).round(2).tolist(),
    "sold": [("late", "never", "soon")[number] for number in np.arange(N) % 3],
}


def write(folder, columns=COLUMNS, name="houses.csv"):
    path = folder / name
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return path


def describe(path, **others):
    """The task of the table above; `others` differ."""
    return TableTask.model_validate(
        {
            "kind": "table",
            "path": str(path),
            "target": "price",
            "problem": "regression",
            "categorical": ["town"],
            "exclude": ["id", "sold"],
        }
        | others
    )


def classify(path, **others):
    return describe(
        path,
        **{"target": "sold", "problem": "classification", "exclude": ["id", "price"]} | others,
    )


def prepare_by_hand(columns, numbers, categories, seen):
    """Standardise by the rows seen, with the median where a number is missing, and one-hot."""
    features = []
    for name in numbers:
        values = np.array([np.nan if v in (None, "") else float(v) for v in columns[name]])
        values = np.where(np.isnan(values), np.nanmedian(values[seen]), values)
        mean = values[seen].sum() / len(seen)
        deviation = np.sqrt(((values[seen] - mean) ** 2).sum() / len(seen))
        features.append((values - mean) / deviation)
    for name in categories:
        known = sorted({value for value in columns[name] if value != ""})
        known += [""] if "" in columns[name] else []
        features += [[value == one for value in columns[name]] for one in known]
    return np.array(features, float).T


def split(seed, n_rows=N, test=0.2, validation=None):
    train, held_out = split_rows(n_rows, test, seed, "table.test")
    return train, held_out, train[split_rows(len(train), validation, seed)[0]]


# ---------------------------------------------------------------------------------- preparation


@pytest.mark.parametrize("ending", ["csv", "parquet", "CSV"])
@pytest.mark.parametrize("seed", [0, 7])
def test_features_and_targets_by_hand(tmp_path, ending, seed):
    path = tmp_path / f"houses.{ending}"
    if ending == "parquet":
        pl.DataFrame(COLUMNS).write_parquet(path)
    else:
        write(tmp_path, name=path.name)
    data = load_dataset(describe(path), seed)
    train, test, seen = split(seed)
    expected = prepare_by_hand(COLUMNS, ["area", "floor", "garden"], ["town"], seen)
    np.testing.assert_allclose(data.X, expected[train], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(data.test_X, expected[test], rtol=1e-5, atol=1e-6)
    prices = np.array(COLUMNS["price"], np.float32)
    np.testing.assert_array_equal(data.y, prices[train])
    np.testing.assert_array_equal(data.test_y, prices[test])
    assert (len(data.y), len(data.test_y)) == (32, 8)
    assert (data.n_classes, data.class_names, data.divisor) == (0, (), 1)
    assert data.true_parameters is None
    assert {array.dtype for array in (data.X, data.y, data.test_X, data.test_y)} == {
        np.dtype(np.float32)
    }


def test_classes_are_numbered_in_sorted_order(tmp_path):
    data = load_dataset(classify(write(tmp_path)), 3)
    train, test, _ = split(3)
    numbers = np.array([["late", "never", "soon"].index(value) for value in COLUMNS["sold"]])
    np.testing.assert_array_equal(data.y, numbers[train])
    np.testing.assert_array_equal(data.test_y, numbers[test])
    assert data.class_names == ("late", "never", "soon")
    assert (data.n_classes, data.y.dtype) == (3, np.int32)


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ([10, 9, 2], ("2", "9", "10")),
        ([True, False, True], ("false", "true")),
        (["b", "B", "ä"], ("B", "b", "ä")),
        ([-1.5, 2.0, 0.0], ("-1.5", "0.0", "2.0")),
    ],
)
def test_classes_of_any_kind(tmp_path, values, names):
    path = write(tmp_path, COLUMNS | {"sold": [values[row % 3] for row in range(N)]})
    data = load_dataset(classify(path), 1)
    assert data.class_names == names
    train, _, _ = split(1)
    order = sorted(set(values))
    assert data.y.tolist() == [order.index(values[row % 3]) for row in train]


def test_numbers_may_be_categories(tmp_path):
    data = load_dataset(describe(write(tmp_path), categorical=["floor", "town"]), 1)
    train, _, seen = split(1)
    expected = prepare_by_hand(COLUMNS, ["area", "garden"], ["town", "floor"], seen)
    np.testing.assert_allclose(data.X, expected[train], rtol=1e-5, atol=1e-6)


def test_text_of_a_fixed_list_and_decimals(tmp_path):
    frame = pl.DataFrame(COLUMNS).with_columns(
        pl.col("town").cast(pl.Categorical),
        pl.col("sold").cast(pl.Enum(["soon", "late", "never"])),
        pl.col("price").cast(pl.Decimal(10, 2)),
    )
    frame.write_parquet(path := tmp_path / "houses.parquet")
    plain = write(tmp_path)
    for make in (describe, classify):
        one, other = load_dataset(make(path), 2), load_dataset(make(plain), 2)
        np.testing.assert_array_equal(one.X, other.X)
        np.testing.assert_array_equal(one.y, other.y)
        assert one.class_names == other.class_names


# ------------------------------------------------------------------------------- missing values


def punch(columns, **holes):
    """Leave cells empty: for each column named, its rows."""
    return columns | {
        name: ["" if row in rows else value for row, value in enumerate(columns[name])]
        for name, rows in holes.items()
    }


def test_missing_values_are_the_median_of_the_rows_seen(tmp_path):
    holes = punch(COLUMNS, area=range(0, N, 3), town=range(1, N, 5))
    data = load_dataset(describe(write(tmp_path, holes), missing="impute"), 4)
    train, test, seen = split(4)
    expected = prepare_by_hand(holes, ["area", "floor", "garden"], ["town"], seen)
    assert expected.shape[1] == 3 + len(TOWNS) + 1
    np.testing.assert_allclose(data.X, expected[train], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(data.test_X, expected[test], rtol=1e-5, atol=1e-6)


def test_rows_with_missing_values_are_dropped(tmp_path):
    holes = punch(COLUMNS, id=range(N), area=[3, 8], price=[8, 20])
    left = [row for row in range(N) if row not in (3, 8, 20)]
    shorter = {name: [values[row] for row in left] for name, values in COLUMNS.items()}
    one = load_dataset(describe(write(tmp_path, holes), missing="drop"), 4)
    other = load_dataset(describe(write(tmp_path, shorter, "shorter.csv")), 4)
    np.testing.assert_array_equal(one.X, other.X)
    np.testing.assert_array_equal(one.test_X, other.test_X)
    np.testing.assert_array_equal(one.y, other.y)


def test_nan_is_missing(tmp_path):
    holes = {
        name: [float("nan") if value == "" else value for value in values]
        for name, values in punch(COLUMNS, area=[3, 8]).items()
    }
    pl.DataFrame(holes, strict=False).write_parquet(path := tmp_path / "houses.parquet")
    csv_path = write(tmp_path, punch(COLUMNS, area=[3, 8]))
    one, other = (load_dataset(describe(each, missing="impute"), 1) for each in (path, csv_path))
    np.testing.assert_array_equal(one.X, other.X)


def test_a_column_that_is_missing_in_all_rows_seen(tmp_path):
    train, _, _ = split(6)
    holes = punch(COLUMNS, area=train)
    data = load_dataset(describe(write(tmp_path, holes), missing="impute"), 6)
    assert data.X.shape == (32, 6)
    np.testing.assert_array_equal(data.X[:, 0], 0)
    assert np.all(np.isfinite(data.test_X))


# --------------------------------------------------------------------------------- nothing leaks


@pytest.mark.parametrize("validation", [None, 0.25])
def test_rows_that_are_held_out_teach_nothing(tmp_path, validation):
    """Whatever stands in test and validation rows, the features of the others are the same."""
    task = describe(write(tmp_path), missing="impute")
    train, _, seen = split(9, validation=validation)
    changed = dict(COLUMNS)
    for name, value in (("area", 1e6), ("floor", ""), ("price", -77.0)):
        changed[name] = [
            old if row in set(seen) else value for row, old in enumerate(COLUMNS[name])
        ]
    other_task = describe(write(tmp_path, changed, "changed.csv"), missing="impute")
    one, other = (load_dataset(each, 9, validation) for each in (task, other_task))
    kept = np.isin(train, seen)
    assert kept.sum() == (32 if validation is None else 24)
    np.testing.assert_array_equal(one.X[kept], other.X[kept])
    np.testing.assert_array_equal(one.y[kept], other.y[kept])
    assert not np.any(one.test_X[:, 0] == other.test_X[:, 0])
    assert not np.any(one.X[~kept, 0] == other.X[~kept, 0])


def test_what_is_seen_is_standardised(tmp_path):
    for validation in (None, 0.25):
        data = load_dataset(describe(write(tmp_path)), 9, validation)
        train, _, seen = split(9, validation=validation)
        numbers = data.X[np.isin(train, seen), :3].astype(float)
        np.testing.assert_allclose(numbers.mean(0), 0, atol=1e-6)
        np.testing.assert_allclose(numbers.std(0), 1, atol=1e-6)


def test_validation_rows_are_those_of_every_task(tmp_path):
    """The parts that training makes of the data set are the ones that its features know of."""
    from fairtrial.data.split import split_parts

    data = load_dataset(classify(write(tmp_path)), 9, 0.25)
    X = split_parts(data, 0.25, 9)["train_"].read()
    np.testing.assert_allclose(X[:, :3].astype(float).mean(0), 0, atol=1e-6)


def test_what_is_excluded_is_nothing(tmp_path):
    others = COLUMNS | {"id": list(range(N, 0, -1)), "sold": ["x"] * N}
    one = load_dataset(describe(write(tmp_path)), 2)
    other = load_dataset(describe(write(tmp_path, others, "other.csv")), 2)
    np.testing.assert_array_equal(one.X, other.X)


def test_every_seed_has_the_same_features(tmp_path):
    """Even where the one house of a town is in the test rows of some seeds."""
    towns = ["Zug", *COLUMNS["town"][1:]]
    task = describe(write(tmp_path, COLUMNS | {"town": towns}))
    sets = [load_dataset(task, seed) for seed in range(12)]
    assert {data.X.shape for data in sets} == {(32, 3 + 4)}
    assert {bool(data.X[:, -1].any()) for data in sets} == {True, False}


def test_test_rows_are_drawn_by_the_seed_alone(tmp_path):
    path = write(tmp_path)
    parts = [set(load_dataset(describe(path), seed).test_y.tolist()) for seed in range(8)]
    assert len({frozenset(part) for part in parts}) == 8
    more = set(load_dataset(describe(path, test=0.5), 0).test_y.tolist())
    assert parts[0] < more and len(more) == 20
    _, validated = split_rows(N, 0.2, 0)
    assert set(split(0)[1]) != set(validated)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(order=st.permutations(range(6)), seed=st.integers(0, 2**40))
def test_order_of_columns_permutes_features(order, seed, tmp_path_factory):
    folder = tmp_path_factory.mktemp("columns")
    columns = {f"x{number}": RANDOM.normal(size=12).tolist() for number in range(6)}
    target = {"y": RANDOM.normal(size=12).tolist()}
    names = list(columns)
    permuted = {names[number]: columns[names[number]] for number in order}
    plain = {"target": "y", "categorical": [], "exclude": []}
    one = load_dataset(describe(write(folder, columns | target), **plain), seed)
    other = load_dataset(describe(write(folder, target | permuted, "other.csv"), **plain), seed)
    np.testing.assert_array_equal(one.X[:, list(order)], other.X)
    np.testing.assert_array_equal(one.y, other.y)


# -------------------------------------------------------------------------------- reading the file


def test_a_file_is_read_once_and_again_when_it_changes(tmp_path):
    path = write(tmp_path)
    task = describe(path)
    first = read(task)
    assert read(describe(path)) is first
    assert first.fingerprint == hashlib.sha256(path.read_bytes()).hexdigest()
    write(tmp_path, COLUMNS | {"price": [price + 1 for price in COLUMNS["price"]]})
    os.utime(path, ns=(1, 1))
    second = read(task)
    assert second.fingerprint != first.fingerprint
    np.testing.assert_allclose(second.y, first.y + 1)


def test_a_path_is_taken_from_the_working_directory(tmp_path, monkeypatch):
    write(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert len(read_table(describe("houses.csv")).y) == N


# One row for each way a table can be wrong: its columns, the task's settings, what is said.
FEW = {name: values[: FEWEST_ROWS - 1] for name, values in COLUMNS.items()}
LARGE = ["1e31" if row == 4 else value for row, value in enumerate(COLUMNS["area"])]
INFINITE = ["inf" if row == 4 else value for row, value in enumerate(COLUMNS["area"])]
NOT_AVAILABLE = ["NA" if row == 2 else value for row, value in enumerate(COLUMNS["floor"])]
RARE = ["maybe"] * (FEWEST_CLASS_ROWS - 1) + COLUMNS["sold"][FEWEST_CLASS_ROWS - 1 :]
TEXT = f"Column 'town' holds text, such as {COLUMNS['town'][0]!r} in row 1, where numbers are"
WRONG = [
    ({}, {"target": "prise"}, ["target: 'prise' is not a column; did you mean 'price'?"]),
    ({}, {"target": "ZZZ"}, ["target: 'ZZZ' is not a column (columns: id, town, area, floor"]),
    (
        {},
        {"categorical": ["towns"]},
        ["categorical: 'towns' is not a column; did you mean 'town'?", TEXT],
    ),
    ({}, {"exclude": ["id", "sale"]}, ["exclude: 'sale' is not a column", "'sold' holds text"]),
    ({}, {"categorical": []}, [TEXT]),
    ({"floor": NOT_AVAILABLE}, {}, ["Column 'floor' holds 'NA' in row 3, where numbers"]),
    ({"floor": [3] * N}, {}, ["Column 'floor' is 3 in every row and can tell nothing"]),
    ({"town": ["Uri"] * N}, {}, ["Column 'town' is 'Uri' in every row"]),
    ({"area": [""] * N}, {"missing": "impute"}, ["Column 'area' has no values: exclude it."]),
    ({"area": INFINITE}, {}, ["Column 'area' is inf in row 5: numbers must be within -1e30"]),
    ({"area": LARGE}, {}, ["Column 'area' is 1e+31 in row 5"]),
    (punch(COLUMNS, area=[3, 7]), {}, ["'area' has 2 missing values, the first in row 4: set"]),
    (punch(COLUMNS, town=[3]), {}, ["Column 'town' has a missing value, in row 4"]),
    (punch(COLUMNS, price=[3]), {}, ["The target 'price' has a missing value, in row 4: set"]),
    (
        punch(COLUMNS, price=[3]),
        {"missing": "impute"},
        ["The target 'price' has a missing value, in row 4: targets are never imputed"],
    ),
    ({"price": [""] * N}, {"missing": "impute"}, ["The target 'price' has no values"]),
    ({"price": [7.5] * N}, {}, ["The target 'price' is 7.5 in every row: there is nothing"]),
    ({"price": ["inf", *range(1, N)]}, {}, ["The target 'price' is inf in row 1"]),
    (
        {"price": [1.7e9 + 86_400 * day for day in range(N)]},
        {},
        ["Subtract a constant from the column, such as 1.70168e+09"],
    ),
    (
        {"price": [2_460_000.5 + day for day in range(N)]},
        {},
        ["training is in float32, whose numbers there are 0.3 apart"],
    ),
    ({}, {"target": "sold", "exclude": ["price"]}, ["The target 'sold' holds text, such as"]),
    ({}, {"target": "garden"}, ["The target 'garden' holds true and false, but the targets"]),
    (FEW, {}, ["The number of rows is 9: at least 10 are needed."]),
    (
        punch(COLUMNS, area=range(31)),
        {"missing": "drop"},
        ["The number of rows without missing values (of 40) is 9: at least 10"],
    ),
    ({}, {"test": 0.01}, ["test = 0.01 divides 40 rows into 40 for training and 0 for the"]),
    ({}, {"test": 0.99}, ["test = 0.99 divides 40 rows into 0 for training and 40 for the test"]),
    (
        {},
        {"exclude": [name for name in COLUMNS if name not in ("price", "town")], "categorical": []},
        ["Column 'town' holds text"],
    ),
    (
        {},
        {"exclude": [name for name in COLUMNS if name != "price"], "categorical": []},
        ["No column is left to predict from: exclude fewer."],
    ),
]
WRONG_CLASSES = [
    ({"sold": ["late"] * N}, {}, ["The target 'sold' has the one class 'late': at least two"]),
    ({"sold": RARE}, {}, ["'sold' has classes with fewer than 5 rows ('maybe': 4): join them"]),
    (
        {"sold": [f"c{row:02}" for row in range(N)]},
        {},
        ["('c00': 1, 'c01': 1, 'c02': 1, 'c03': 1, 'c04': 1, and 35 more)"],
    ),
]
ALL_AT_ONCE = (
    {"floor": [3] * N, "area": INFINITE},
    {"target": "prise", "categorical": [], "exclude": ["ids", "id", "sold"]},
    ["'prise'", "'ids'", "'town' holds text", "'area' is inf", "'floor' is 3"],
)


@pytest.mark.parametrize(
    ("make", "columns", "others", "said"),
    [(describe, *case) for case in [*WRONG, ALL_AT_ONCE]]
    + [(classify, *case) for case in WRONG_CLASSES],
)
def test_what_is_wrong_is_said(tmp_path, make, columns, others, said):
    path = write(tmp_path, columns if len(columns) == len(COLUMNS) else COLUMNS | columns)
    with pytest.raises(InputError) as error:
        read_table(make(path, **others))
    head, *problems = str(error.value).split("\n  ")
    assert head == f"{path} cannot be used:"
    assert len(problems) == len(said), problems
    for problem, part in zip(problems, said, strict=True):
        assert part in problem
        assert problem.endswith(".")


def test_types_that_cannot_be_used(tmp_path):
    frame = pl.DataFrame(COLUMNS).with_columns(
        pl.Series("area", [[1.0]] * N),
        pl.Series("town", ["2024-01-01"] * N).str.to_date(),
    )
    frame.write_parquet(path := tmp_path / "houses.parquet")
    with pytest.raises(InputError) as error:
        read_table(describe(path))
    assert "Column 'area' holds values of the type List(Float64)" in str(error.value)
    assert "Column 'town' holds values of the type Date" in str(error.value)
    with pytest.raises(InputError, match="The target 'town' holds values of the type Date"):
        read_table(describe(path, target="town", categorical=[], exclude=["id", "sold", "area"]))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("houses.csv", None, "cannot be read: No such file or directory. Check the file."),
        (
            "houses.xlsx",
            b"x",
            "ends in '.xlsx': a table's name ends in .csv, .tsv, .txt or .parquet.",
        ),
        ("houses", b"x", "houses has no ending: a table's name ends in"),
        ("houses.csv", b"", "is empty: a table has names of columns, and rows."),
        ("houses.csv", b"a,b\n1,\xff\xfe\n", "line 2: the byte 0xff is not text in utf-8"),
        ("houses.csv", b"a,b\n1,2,3\n", "line 2 has 3 values, but the line of names has 2"),
        ("houses.csv", b"a;b\n1;2\n", 'write separator = ";" in the task.'),
        ("houses.csv", b"price,town,sold,id\n", "The number of rows is 0: at least 10 are needed."),
        ("houses.parquet", b"", "cannot be read: parquet: File out of specification"),
        ("houses.parquet", b"PAR1" + b"junk" * 9 + b"PAR1", "cannot be read: parquet:"),
    ],
)
def test_files_that_cannot_be_read(tmp_path, name, content, said):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError) as error:
        read_table(describe(tmp_path / name))
    assert said in str(error.value)
    assert str(tmp_path) in str(error.value)


def test_a_folder_is_no_table(tmp_path):
    (tmp_path / "houses.csv").mkdir()
    with pytest.raises(InputError, match="Is a directory"):
        read_table(describe(tmp_path / "houses.csv"))
