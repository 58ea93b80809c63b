"""Data of any kind: its shape, its fingerprint, and its errors."""

import hashlib
from contextlib import nullcontext

import pytest

from by_hand import recipe
from fairtrial.data.images.sets import load_digits
from fairtrial.data.load import check_data, fingerprint_data, load_dataset, measure_data
from fairtrial.errors import InputError
from fairtrial.kinds.mechanism.kind import find_kind
from fairtrial.study import Arm
from fairtrial.study.task import DigitsTask, LinearTask, LineTask, TableTask

ROWS = "\n".join(f"{row % 7},{'abc'[row % 3]},{row}" for row in range(23))
DIGITS = DigitsTask(kind="digits")


@pytest.fixture
def path(tmp_path):
    (tmp_path / "table.csv").write_text(f"x,letter,y\n{ROWS}\n")
    return tmp_path / "table.csv"


def regress(path, **others):
    return TableTask(
        kind="table", path=str(path), target="y", problem="regression", categorical=["letter"]
    ).model_copy(update=others)  # fmt: skip


def classify(path):
    return TableTask(kind="table", path=str(path), target="letter", problem="classification")


def check(*tasks):
    """Check tasks as arms of one recipe."""
    check_data(Arm("a", task, recipe("mse", steps=9)) for task in tasks)


@pytest.mark.parametrize(
    ("metric", "sentence"),
    [
        ({"kind": "recall", "of": 10}, "recall has of = 10, but the 10 classes .* from 0 to 9"),
        ({"kind": "top_k", "k": 10}, "top_k has k = 10, but there are 10 classes, so every row"),
        ({"kind": "recall", "of": 9}, ""),
        ({"kind": "top_k", "k": 9}, ""),
    ],
)
def test_metrics_that_say_nothing_of_the_classes(metric, sentence):
    made = find_kind("metric", metric["kind"]).settings(**metric)
    arms = [Arm("a", task, recipe("mse", steps=9)) for task in (DIGITS, LineTask(kind="line"))]
    with pytest.raises(InputError, match=sentence) if sentence else nullcontext():
        check_data(arms, [made])


def test_measure_data(path):
    tasks = [LineTask(kind="line", rows=9, test_rows=4), LinearTask(kind="linear", features=3)]
    for task in [*tasks, DIGITS, regress(path), regress(path, test=0.33), classify(path)]:
        shape = measure_data(task)
        for seed in (0, 5):
            data = load_dataset(task, seed)
            assert shape[:2] == (len(data.y), len(data.test_y))
            assert shape[2:] == (data.X.shape[1], data.n_classes)


def test_fingerprint_data(path):
    assert fingerprint_data(LineTask(kind="line")) == ""
    assert fingerprint_data(LinearTask(kind="linear")) == ""
    assert fingerprint_data(DIGITS) == load_digits().fingerprint
    expected = hashlib.sha256(path.read_bytes()).hexdigest()
    assert fingerprint_data(regress(path)) == fingerprint_data(classify(path)) == expected


def test_class_names(path):
    assert load_dataset(classify(path), 0).class_names == ("a", "b", "c")
    assert load_dataset(DIGITS, 0).class_names == tuple("0123456789")


def test_check_data_reports_errors_of_all_tables(path):
    check(DIGITS, regress(path), LineTask(kind="line"))
    wrong = [regress(path, target="z"), regress("/nowhere.csv"), regress("/nowhere.csv", test=0.3)]
    with pytest.raises(InputError) as error:
        check(DIGITS, wrong[0], regress(path), *wrong[1:])
    lines = str(error.value).splitlines()
    assert lines[0] == f"{path} cannot be used:"
    assert "'z' is not a column" in lines[1]
    assert lines[-1].startswith("/nowhere.csv cannot be read")
    assert len(lines) == 3
