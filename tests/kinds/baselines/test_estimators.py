"""Estimators of scikit-learn that a study names, beside scikit-learn itself."""

import numpy as np
import pytest
import sklearn.linear_model
import sklearn.tree

import fairtrial as ft
from fairtrial.baselines import make_model
from fairtrial.data.load import load_dataset
from fairtrial.kinds.baselines.estimators import find_estimator, list_estimators
from fairtrial.kinds.baselines.models import random_forest
from fairtrial.kinds.baselines.models import sklearn as sklearn_model
from fairtrial.results.fingerprint import fingerprint_arm
from fairtrial.running.plan import plan_stacks
from fairtrial.study import Study
from fairtrial.study.task import DigitsTask, LinearTask
from made_up import LINE

HUBER, TREE = "linear_model.HuberRegressor", "tree.DecisionTreeClassifier"
DIGITS = DigitsTask(kind="digits")
ON_DIGITS = {
    "task": "digits",
    "recipe": {"loss": "cross_entropy", "optimizer": "adam", "epochs": 1, "batch_size": 256},
}


@pytest.fixture(autouse=True)
def plain_scikit_learn(monkeypatch):
    monkeypatch.setattr("fairtrial.kinds.baselines.estimators.PACKAGES", ("sklearn",))


def name(estimator, **settings):
    return sklearn_model(estimator=estimator, settings=settings)


def study_of(*models, **others):
    """A study of baselines called A, B and so on."""
    entries = [
        {"name": letter, "model": {"kind": "sklearn"} | model}
        for letter, model in zip("ABCD", models, strict=False)
    ]
    plain = {
        "name": "Named", "seeds": 2, "task": LINE, "baselines": entries,
        "recipe": {"loss": "mse", "optimizer": "sgd", "steps": 100},
    }  # fmt: skip
    return Study(**(plain | others))


# ------------------------------------------------------------------------------------ what it fits


def test_numbers_are_those_of_scikit_learn(tmp_path):
    task = {"kind": "linear", "features": 3, "rows": 80, "test_rows": 40}
    study = study_of({"estimator": HUBER, "settings": {"epsilon": 1.5}}, task=task)
    ft.run(study, tmp_path)
    runs = ft.Trial(tmp_path).runs.filter(arm="A")
    for seed, mse in zip(runs["seed"], runs["mse"], strict=True):
        data = load_dataset(LinearTask(**task), seed)
        model = sklearn.linear_model.HuberRegressor(epsilon=1.5).fit(data.X, data.y)
        expected = np.mean((model.predict(data.test_X) - np.float64(data.test_y)) ** 2)
        assert mse == pytest.approx(expected, rel=1e-4)
    assert runs["baseline.estimator"].unique().to_list() == [HUBER]
    assert runs["baseline.settings"].unique().to_list() == ["{ epsilon = 1.5 }"]


def test_classes_are_those_of_scikit_learn_with_the_seed(tmp_path):
    study = study_of(
        {"estimator": TREE, "settings": {"max_features": 8}},
        {"estimator": TREE, "settings": {"max_features": "sqrt", "random_state": 5}},
        **ON_DIGITS,
    )
    ft.run(study, tmp_path)
    data = load_dataset(DIGITS, 0)
    X, test_X = (pixels.astype(np.float32) / 16 for pixels in (data.X, data.test_X))
    runs = ft.Trial(tmp_path).runs
    for arm, features, seeds in (("A", 8, (0, 1)), ("B", "sqrt", (5, 5))):
        expected = [
            sklearn.tree.DecisionTreeClassifier(max_features=features, random_state=seed)
            .fit(X, data.y).score(test_X, data.test_y)
            for seed in seeds
        ]  # fmt: skip
        assert runs.filter(arm=arm)["accuracy"].to_list() == pytest.approx(expected)


def test_a_fit_is_shared_where_the_class_has_no_random_state_or_a_fixed_one():
    study = study_of(
        {"estimator": TREE},
        {"estimator": TREE, "settings": {"random_state": 5}},
        {"estimator": "neighbors.NearestCentroid"},
        **ON_DIGITS,
    )
    assert [arm.is_fitted_once for arm in study.list_arms()] == [False, False, True, True]
    plans = [plan for plan in plan_stacks(study.list_runs()) if plan.is_baseline]
    assert sorted(plan.n_runs for plan in plans) == [1, 1, 2, 2]
    assert all(0 < plan.seconds < 60 for plan in plans)


@pytest.mark.parametrize("seed", [0, 2**32 - 1, 2**32, 2**63 - 1])
def test_any_seed_makes_a_random_state(seed):
    for baseline in (name(TREE), random_forest(trees=1)):
        model = make_model(baseline, 2, seed)
        assert model.random_state == seed % 2**32
        model.fit([[0.0], [1.0]], [0, 1])


def test_what_has_not_converged_is_said(tmp_path):
    notes = []
    study = study_of({"estimator": HUBER, "settings": {"max_iter": 1}}, seeds=1)
    ft.run(study, tmp_path, note=notes.append)
    assert any("A #0" in note and "converge" in note.lower() for note in notes)


# ------------------------------------------------------------------------------ what it is in files


def test_a_study_is_written_and_read_back():
    settings = {"epsilon": 1.5, "fit_intercept": False}
    study = study_of({"estimator": HUBER, "settings": settings}, {"estimator": HUBER})
    again = Study.from_toml(study.to_toml())
    assert again == study
    assert again.baselines[0].model == name(HUBER, **settings)


def test_each_setting_is_part_of_the_fingerprint():
    forest = "ensemble.RandomForestClassifier"
    models = [
        name(TREE),
        name(forest),
        name(forest, max_features=1),
        name(forest, max_features=1.0),
        name(forest, max_features="1"),
        name(forest, max_features=True),
        name(forest, max_features=float("inf")),
        name(forest, max_features=float("nan")),
    ]
    assert len({fingerprint_arm(DIGITS, model) for model in models}) == len(models)
    assert len({*models}) == len(models)


def test_every_listed_estimator_is_found():
    listed = list_estimators()
    assert {HUBER, TREE} <= {*listed}
    assert [one for one in listed if find_estimator(one) is None] == []


# ----------------------------------------------------------------------------------------- mistakes


@pytest.mark.parametrize(
    "estimator",
    [
        "HuberRegressor", f"sklearn.{HUBER}", "linear_model.HubrRegressor",
        "linear_model._huber.HuberRegressor",
    ],
)  # fmt: skip
def test_the_nearest_name_is_told(estimator):
    sentence = (
        rf"baselines\[0\]\.model\.estimator: '{estimator}' is not an estimator of scikit-learn "
        rf"\(did you mean '{HUBER}'\?\): write its module and its class below sklearn"
    )
    with pytest.raises(ft.InputError, match=sentence):
        study_of({"estimator": estimator})


@pytest.mark.parametrize(
    "estimator", ["os.system", "linear_model.np", "tests.test_base.X", "linear_model", "..", ""]
)
def test_nothing_else_can_be_named(estimator):
    with pytest.raises(ft.InputError, match="is not an estimator of scikit-learn"):
        study_of({"estimator": estimator})


@pytest.mark.parametrize(
    ("model", "others", "sentence"),
    [
        (
            {"estimator": "cluster.KMeans"}, {},
            r"model\.estimator: 'cluster\.KMeans' is neither a classifier nor a regressor: take",
        ),
        (
            {"estimator": "tree.DecisionTreeRegressor"}, ON_DIGITS,
            r"arm 'A': 'tree\.DecisionTreeRegressor' is a regressor, but the targets of the task "
            rf"are classes: take a classifier; did you mean '{TREE}'\?",
        ),
        (
            {"estimator": "svm.SVC"}, {},
            r"is a classifier, but the targets of the task are numbers: take a regressor; did you "
            r"mean 'svm\.SVR'\?",
        ),
        (
            {"estimator": "linear_model.LogisticRegression"}, {},
            r"the targets of the task are numbers: take a regressor\.$",
        ),
        (
            {"estimator": HUBER, "settings": {"epsilom": 1.5, "tol": None}}, {},
            r"settings\.epsilom is not a setting of linear_model\.HuberRegressor; did you mean "
            r"'epsilon'\? \(known: .*\)\. settings\.tol = None: it must be a number, a text,",
        ),
        (
            {"estimator": "multiclass.OneVsRestClassifier"}, ON_DIGITS,
            r"settings\.estimator is missing: multiclass\.OneVsRestClassifier has no default",
        ),
        ({}, {}, r"model\.estimator is missing: give it a value"),
    ],
)  # fmt: skip
def test_a_mistake_is_a_sentence(model, others, sentence):
    with pytest.raises(ft.InputError, match=sentence):
        study_of(model, **others)


def test_a_mistake_has_its_line():
    head = 'name = "x"\ntask = "line"\nrecipe = { loss = "mse", optimizer = "sgd", steps = 1 }\n'
    entry = (
        f'[[baselines]]\nname = "A"\n[baselines.model]\nkind = "sklearn"\nestimator = "{HUBER}"\n'
    )
    with pytest.raises(ft.InputError, match=r"study, line 10: .*settings\.epsilom"):
        Study.from_toml(head + entry + "[baselines.model.settings]\nepsilom = 1.5\n")


def test_what_scikit_learn_refuses_names_the_arm(tmp_path):
    study = study_of({"estimator": HUBER, "settings": {"epsilon": 0.5}}, seeds=1)
    sentence = (
        r"^The baseline 'A' cannot be fitted with seed 0\. scikit-learn says: The 'epsilon' "
        r"parameter of HuberRegressor must be .* Got 0\.5 instead\. Change its settings"
    )
    with pytest.raises(ft.InputError, match=sentence):
        ft.run(study, tmp_path)


def test_predictions_of_another_shape_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "fairtrial.running.stack.predict_test_rows", lambda *given: (np.zeros((20, 2)), None, [])
    )
    with pytest.raises(
        ft.InputError, match=r"shape \(20, 2\), but there is one value for each of 20"
    ):
        ft.run(study_of({"estimator": HUBER}, seeds=1, task=LINE), tmp_path)


def test_estimator_that_lacks_what_it_is_made_of_is_a_sentence(tmp_path):
    study = study_of({"estimator": "semi_supervised.SelfTrainingClassifier"}, **ON_DIGITS)
    with pytest.raises(ft.InputError, match="SelfTrainingClassifier cannot predict with these"):
        ft.run(study, tmp_path)
