"""Baselines beside scikit-learn itself, and as arms of a study."""

import contextlib
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import sklearn.ensemble
import sklearn.linear_model
import sklearn.metrics
import sklearn.neighbors
import sklearn.svm
import sklearn.tree
from pydantic import TypeAdapter

import fairtrial as ft
from fairtrial.baselines import predict_test_rows
from fairtrial.data.load import load_dataset
from fairtrial.errors import InputError
from fairtrial.kinds.baselines import models as kinds
from fairtrial.kinds.baselines.estimators import find_class
from fairtrial.running.plan import plan_stacks
from fairtrial.study.baseline import Baseline
from fairtrial.study.task import DigitsTask, LinearTask
from made_up import make_study
from reference.baselines import BASELINES

DIGITS = load_dataset(DigitsTask(kind="digits"), 0)
SOME_DIGITS = replace(DIGITS, X=DIGITS.X[:400], y=DIGITS.y[:400])
PLANE = load_dataset(LinearTask(kind="linear", features=3, rows=200, test_rows=50), 1)


def make(kind):
    return TypeAdapter(Baseline).validate_python({"kind": kind, **BASELINES[kind][0]})


@pytest.fixture(autouse=True)
def plain_scikit_learn(monkeypatch):
    monkeypatch.setattr("fairtrial.kinds.baselines.estimators.PACKAGES", ("sklearn",))


def test_there_is_a_case_for_every_kind():
    assert {*BASELINES, "sklearn", "python_object"} == {kind.name for kind in kinds.BASELINES}


@pytest.mark.parametrize("kind", BASELINES)
def test_classes_as_scikit_learn_tells_them(kind):
    told, _, warnings = predict_test_rows(make(kind), SOME_DIGITS, 7)
    X, test_X = (pixels.astype(np.float32) / 16 for pixels in (SOME_DIGITS.X, DIGITS.test_X))
    expected = BASELINES[kind][1].fit(X, SOME_DIGITS.y).predict(test_X)
    np.testing.assert_array_equal(told, expected)
    assert warnings == []


@pytest.mark.parametrize("kind", BASELINES)
def test_numbers_as_scikit_learn_tells_them(kind):
    told, *_ = predict_test_rows(make(kind), PLANE, 7)
    expected = BASELINES[kind][2].fit(PLANE.X, PLANE.y).predict(PLANE.test_X)
    np.testing.assert_allclose(told, expected, rtol=1e-4, atol=1e-4)


def test_what_has_not_converged_is_said(monkeypatch):
    stubborn = sklearn.linear_model.LogisticRegression(max_iter=1)
    monkeypatch.setattr("fairtrial.baselines.make_model", lambda *settings: stubborn)
    *_, (sentence, *_others) = predict_test_rows(make("linear_model"), SOME_DIGITS, 0)
    assert "converge" in sentence


def test_fits_at_once_hear_no_warnings_of_each_other(monkeypatch):
    both = threading.Barrier(2)

    class Stubborn(sklearn.linear_model.LogisticRegression):
        def fit(self, X, y):
            with contextlib.suppress(threading.BrokenBarrierError):
                both.wait(0.2)  # Nobody comes, where one fit waits for the other.
            return super().fit(X, y)

    monkeypatch.setattr(
        "fairtrial.baselines.make_model",
        lambda baseline, n_classes, seed: Stubborn(max_iter=1 if seed else 1000),
    )
    before = list(warnings.filters)
    with ThreadPoolExecutor(2) as pool:
        heard = [
            *pool.map(lambda s: predict_test_rows(make("linear_model"), SOME_DIGITS, s), (0, 1))
        ]
    assert [bool(said) for *_, said in heard] == [False, True]
    assert warnings.filters == before


@pytest.mark.parametrize("kind", ["svm", "linear_svm", "linear_model"])
def test_a_split_of_one_class_is_refused(kind):
    rows = DIGITS.y == 3
    with pytest.raises(ft.InputError, match="seed 7 are all '3'"):
        predict_test_rows(make(kind), replace(DIGITS, X=DIGITS.X[rows], y=DIGITS.y[rows]), 7)


def test_more_neighbours_than_rows_are_refused():
    few = replace(DIGITS, X=DIGITS.X[:2], y=DIGITS.y[:2])
    with pytest.raises(ft.InputError, match="needs at least 3 training rows, and there are 2"):
        predict_test_rows(make("nearest_neighbours"), few, 0)


def test_intels_extension_tells_much_the_same(monkeypatch):
    """Where it is installed; a forest's random numbers are its own."""
    pytest.importorskip("sklearnex")
    monkeypatch.setattr("fairtrial.kinds.baselines.estimators.PACKAGES", ("sklearnex",))
    for kind in ("svm", "nearest_neighbours", "random_forest"):
        told, *_ = predict_test_rows(make(kind), DIGITS, 7)
        X = DIGITS.X.astype(np.float32) / 16
        expected = (
            BASELINES[kind][1].fit(X, DIGITS.y).predict(DIGITS.test_X.astype(np.float32) / 16)
        )
        assert np.mean(told == expected) >= (0.85 if kind == "random_forest" else 0.99)


def test_without_intels_extension_scikit_learn_serves(monkeypatch):
    monkeypatch.setattr(
        "fairtrial.kinds.baselines.estimators.PACKAGES", ("not_installed", "sklearn")
    )
    assert find_class("svm", "SVC") is sklearn.svm.SVC
    with pytest.raises(ImportError, match=r"has no svm\.Nonsense"):
        find_class("svm", "Nonsense")


# --------------------------------------------------------------------------------- as arms

SOFTMAX = {"loss": "cross_entropy", "optimizer": "adam", "epochs": 2, "batch_size": 64}
STUDY = {
    "task": "digits",
    "recipe": SOFTMAX | {"validation": 0.2},
    "vary": {},
    "arms": [{"name": "softmax"}],
    "baselines": [
        {"name": "forest", "model": {"kind": "random_forest", "trees": 10}},
        {"name": "SVM", "model": "svm"},
    ],
}
SVM_OVER_SOFTMAX = {"better": {"arm": "SVM"}, "than": {"arm": "softmax"}, "on": "accuracy"}
SVM_OVER_FOREST = {"better": {"arm": "SVM"}, "than": {"arm": "forest"}, "on": "macro_f1"}


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    folder = tmp_path_factory.mktemp("baselines")
    study = make_study([SVM_OVER_SOFTMAX, SVM_OVER_FOREST], seeds=7, **STUDY)
    verdicts = ft.run(study, folder, verify=1).list_verdicts()
    return ft.Trial(folder), verdicts


def test_baselines_are_rows_like_any(judged):
    trial, _ = judged
    runs = trial.runs
    assert runs["arm"].unique(maintain_order=True).to_list() == ["softmax", "forest", "SVM"]
    svm = runs.filter(arm="SVM")
    X, test_X = (pixels / np.float32(16) for pixels in (DIGITS.X, DIGITS.test_X))
    told = sklearn.svm.SVC().fit(X, DIGITS.y).predict(test_X)
    assert svm["accuracy"].to_list() == [float(np.mean(told == DIGITS.test_y))] * 7
    assert svm["baseline.kind"].unique().to_list() == ["svm"]
    assert runs.filter(arm="forest")["accuracy"].n_unique() > 1
    assert set(svm["outcome"]) == {"completed"}
    right = trial.test_rows.filter(run="SVM #3").row(0, named=True)
    marks = np.unpackbits(np.frombuffer(right["right"], np.uint8), count=right["n_test_rows"])
    np.testing.assert_array_equal(marks, told == DIGITS.test_y)
    softmax = {f"softmax #{seed}" for seed in range(7)}
    assert set(trial.curves["run"]) == set(trial.parameters["run"]) == softmax


def test_claims_on_baselines(judged):
    _, (over_softmax, over_forest) = judged
    assert over_softmax["verdict"] == "holds"
    assert over_softmax["over"] == "seeds and test rows"
    assert over_softmax["cause_lacks"] == ["recipe"] and over_softmax["objective"] is None
    assert over_forest["difference"] > 0.0


def test_what_every_seed_shares_is_fitted_once():
    study = make_study([], seeds=4, **STUDY)
    plans = [plan for plan in plan_stacks(study.list_runs()) if plan.is_baseline]
    assert sorted(plan.n_runs for plan in plans) == [1, 1, 1, 1, 4]


def test_a_table_is_fitted_for_each_seed(tmp_path):
    X = np.random.default_rng(0).normal(size=(60, 2))
    pl.DataFrame({"a": X[:, 0], "b": X[:, 1], "y": X @ [1.0, 2.0]}).write_csv(tmp_path / "t.csv")
    table = {
        "kind": "table",
        "path": str(tmp_path / "t.csv"),
        "target": "y",
        "problem": "regression",
    }
    study = make_study(
        [{"better": {"arm": "ridge"}, "than": {"loss": "mse"}, "on": "mse"}],
        task=table, seeds=3, vary={}, arms=[{"name": "it"}],
        baselines=[{"name": "ridge", "model": "linear_model"}],
    )  # fmt: skip
    (row,) = ft.run(study, tmp_path / "out").list_verdicts()
    assert row["difference"] > 0.0
    runs = ft.Trial(tmp_path / "out").runs.filter(arm="ridge")
    assert runs["mse"].n_unique() == 3 and runs["r2"].min() > 0.9


@pytest.mark.parametrize(
    ("baselines", "claim", "sentence"),
    [
        ([{"name": "SVM", "model": "swm"}], None, "baselines"),
        ([{"name": "softmax", "model": "svm"}], None, "there twice"),
        (
            [{"name": "SVM", "model": "svm"}],
            SVM_OVER_SOFTMAX | {"on": "r2"},
            "no such metric",
        ),
    ],
)
def test_errors_are_sentences(baselines, claim, sentence):
    with pytest.raises((InputError, ValueError), match=sentence):
        make_study([claim] if claim else [], **STUDY | {"baselines": baselines})
