"""CSV files, read by Python and compared with the Parquet tables."""

import csv
import json

import numpy as np
import polars as pl
import pytest

from fairtrial.export.formats import export
from fairtrial.export.tables import flatten_lists, flatten_parameters, list_varied


def read(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def place(trial, tmp_path_factory):
    return export(trial.folder, "csv", tmp_path_factory.mktemp("csv") / "out")


def write(value):
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


@pytest.mark.parametrize("name", ["runs", "curves"])
def test_csv_has_every_cell(trial, place, name):
    rows, expected = read(place / f"{name}.csv"), getattr(trial, name)
    assert len(rows) == expected.height and list(rows[0]) == expected.columns
    for column in expected.columns:
        cells, values = [row[column] for row in rows], expected[column].to_list()
        if expected[column].dtype.is_float():
            cells = [float(cell) if cell else None for cell in cells]
            np.testing.assert_array_equal(np.array(cells, float), np.array(values, float))
            assert [cell is None for cell in cells] == [value is None for value in values]
        else:
            assert cells == [write(value) for value in values]


def test_csv_has_all_parameters(trial, place):
    rows, expected = read(place / "parameters.csv"), trial.parameters
    assert len(rows) == expected.height
    for row, true in zip(rows, expected.iter_rows(named=True), strict=True):
        assert (row["run"], row["parameter"]) == (true["run"], true["parameter"])
        assert (row["feature"], row["class"]) == ("0" if true["parameter"] == "W" else "", "")
        assert np.float32(row["value"]) == np.float32(true["values"][0])


@pytest.mark.parametrize("shape", [(1,), (3,), (4, 3), (1, 2), (3, 1)])
def test_flatten_parameters_gives_feature_and_class(shape):
    random = np.random.default_rng(0)
    parts = {"W": random.normal(size=shape), "b": random.normal(size=shape[1:])}
    arrays = [np.asarray(part) for part in parts.values()]
    flat = flatten_parameters(
        pl.DataFrame(
            {
                "run": "a #0",
                "parameter": list(parts),
                "shape": [list(array.shape) for array in arrays],
                "values": [array.ravel().tolist() for array in arrays],
            },
            schema_overrides={"shape": pl.List(pl.Int64)},
        )
    )
    assert flat.height == sum(array.size for array in arrays)
    for row in flat.iter_rows(named=True):
        place = tuple(row[axis] for axis in ("feature", "class") if row[axis] is not None)
        assert row["value"] == np.asarray(parts[row["parameter"]])[place]


def test_flatten_lists_writes_json():
    lists = [["a, b", 'c"'], None, []]
    frame = flatten_lists(pl.DataFrame({"n": [1, 2, 3], "task.exclude": lists}))
    texts = frame["task.exclude"].to_list()
    assert [text and json.loads(text) for text in texts] == lists


def test_list_varied(trial):
    assert set(list_varied(trial.runs)) == {
        "loss.kind", "loss.delta", "optimizer.learning_rate", "optimizer.momentum",
    }  # fmt: skip
