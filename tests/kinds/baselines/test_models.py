"""Baselines of the user: functions that return an estimator, and objects of a Python program."""

import functools
import pickle

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import HuberRegressor, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from sklearn.tree import DecisionTreeRegressor

import fairtrial as ft
from fairtrial.baselines import make_model
from fairtrial.data.load import load_dataset
from fairtrial.kinds.baselines import estimators
from fairtrial.kinds.baselines.models import BASELINES, baseline
from fairtrial.laws import find_breaches
from fairtrial.results.fingerprint import fingerprint_arm
from fairtrial.running.cluster import pack, train_packed
from fairtrial.running.plan import plan_stacks
from fairtrial.study import Study
from reference.baselines import BASELINES as REFERENCES

LINE = {"kind": "line", "rows": 40, "test_rows": 30}
RECIPE = {"loss": "mse", "optimizer": "sgd", "steps": 5}


@pytest.fixture(autouse=True)
def forget():
    yield
    BASELINES.forget(__name__)


def study_of(*baselines, **others):
    plain = {"name": "Own", "seeds": 2, "task": LINE, "recipe": RECIPE}
    return Study(**(plain | {"baselines": [*baselines]} | others))


def fit_by_hand(make, seed):
    data = load_dataset(study_of().task, seed)
    told = make().fit(data.X, data.y).predict(data.test_X)
    return float(np.mean((told.astype(float) - data.test_y) ** 2))


class Median:
    """The median of the targets, without scikit-learn."""

    def __init__(self, shift=0.0):
        self.shift = shift

    def fit(self, X, y):
        self.value = np.median(y) + self.shift
        return self

    def predict(self, X):
        return np.full(len(X), self.value)


def test_objects_are_fitted_for_each_seed(tmp_path):
    def make():
        return make_pipeline(PolynomialFeatures(2), StandardScaler(), HuberRegressor())

    pipeline = make()
    study = study_of(pipeline, {"name": "Two", "model": Median(2.0)})
    runs = ft.run(study, tmp_path).runs
    for name, make_one in (("Pipeline", make), ("Two", lambda: Median(2.0))):
        found = runs.filter(arm=name).sort("seed")["mse"].to_list()
        assert found == pytest.approx([fit_by_hand(make_one, seed) for seed in (0, 1)], rel=1e-4)
    assert not hasattr(pipeline[-1], "coef_")  # The object itself is never fitted.
    known = {f"{__name__}.Median", "sklearn.pipeline.Pipeline"}
    assert {*runs["baseline.estimator"].drop_nulls()} == known


def test_a_free_random_state_is_the_seed():
    forest = make_pipeline(StandardScaler(), RandomForestRegressor(3))
    (arm,) = study_of(forest).list_arms()[1:]
    assert arm.baseline.is_random
    assert make_model(arm.baseline, 0, 2**32 + 5)[-1].random_state == 5
    (fixed,) = study_of(RandomForestRegressor(3, random_state=8)).list_arms()[1:]
    assert not fixed.baseline.is_random
    assert make_model(fixed.baseline, 0, 5).random_state == 8


def test_which_give_probabilities():
    known = {kind.name: kind().has_probabilities for kind in BASELINES if kind.name in REFERENCES}
    assert known == {
        name: hasattr(classifier, "predict_proba")
        for name, (_, classifier, _) in REFERENCES.items()
    }


def test_parameters_are_its_identity():
    def key(model):
        (arm,) = study_of(model).list_arms()[1:]
        return fingerprint_arm(arm.task, arm.model)

    assert key(HuberRegressor(epsilon=1.5)) == key(HuberRegressor(epsilon=1.5))
    assert key(Median(1.0)) == key(Median(1.0))
    models = [
        HuberRegressor(), HuberRegressor(epsilon=1.5), Median(1.0), Median(2.0),
        make_pipeline(StandardScaler(), HuberRegressor()),
        make_pipeline(StandardScaler(), HuberRegressor(alpha=1.0)),
    ]  # fmt: skip
    assert len({key(model) for model in models}) == len(models)


def test_large_parameters_count_beyond_what_their_text_shows():
    one, other = np.zeros(10_000), np.zeros(10_000)
    other[5_000] = 1.0
    first, second = (estimators.remember_object(Median(shift))["digest"] for shift in (one, other))
    assert first != second


class Slotted:
    """The median of the targets, without a dictionary of attributes."""

    __slots__ = ("shift", "value")

    def __init__(self, shift):
        self.shift = shift

    def fit(self, X, y):
        self.value = np.median(y) + self.shift

    def predict(self, X):
        return np.full(len(X), self.value)


def test_an_object_with_slots(tmp_path):
    runs = ft.run(study_of(Slotted(2.0)), tmp_path).runs.filter(arm="Slotted").sort("seed")
    expected = [fit_by_hand(lambda: Median(2.0), seed) for seed in (0, 1)]
    assert runs["mse"].to_list() == pytest.approx(expected, rel=1e-6)
    digests = {estimators.remember_object(Slotted(one))["digest"] for one in [1.0, 1.0, 2.0]}
    assert len(digests) == 2


def test_functions_without_a_name_count_by_their_content():
    def key(shift):
        return estimators.remember_object(Median(shift))["digest"]

    def add(number):
        return lambda x: x + number

    assert key(add(1)) == key(add(1)) and key([add(1)]) == key([add(1)])
    one, other, minus = lambda x: x + 1, lambda x: x + 2, lambda x: x - 1
    parameters = [add(1), add(2), one, other, minus, functools.partial(one), [add(1)], [add(2)]]
    assert len({key(each) for each in parameters}) == len(parameters)


def test_texts_in_the_place_of_numbers_are_refused(tmp_path):
    class Telling(Median):
        def predict(self, X):
            return np.array(["many"] * len(X))

    with pytest.raises(ft.InputError, match="predicts values such as 'many', but targets are num"):
        ft.run(study_of(Telling(), seeds=1), tmp_path)


def test_a_changed_object_is_not_what_the_study_has():
    model = Median(1.0)
    (arm,) = study_of(model).list_arms()[1:]
    model.shift = 9.0
    assert make_model(arm.baseline, 0, 0).shift == 1.0


def test_study_is_written_and_read_back(monkeypatch):
    study = study_of(HuberRegressor(epsilon=1.5))
    again = Study.from_toml(study.to_toml())
    assert again == study
    monkeypatch.setattr(estimators, "_objects", {})  # As in another program.
    (arm,) = again.list_arms()[1:]
    with pytest.raises(ft.InputError, match="is an object of a Python program, and this program"):
        make_model(arm.baseline, 0, 0)


def test_workers_get_the_object(monkeypatch):
    runs = [run for run in study_of(Median(1.0)).list_runs() if not run.arm.is_trained]
    packed = [pack(plan) for plan in plan_stacks(runs)]
    assert pickle.loads(pickle.dumps(runs)) == runs
    monkeypatch.setattr(estimators, "_objects", {})
    for one in packed:
        assert train_packed(one)


NAMED = {"name": "Two"}


@pytest.mark.parametrize(
    ("model", "others", "sentence"),
    [
        (LogisticRegression(), {}, "predicts classes, but the targets of the task are numbers"),
        (
            make_pipeline(StandardScaler(), HuberRegressor()),
            {"task": "digits", "recipe": {"loss": "cross_entropy", "optimizer": "adam",
                                          "epochs": 1, "batch_size": 256}},
            "predicts numbers, but the targets of the task are classes",
        ),
        (HuberRegressor, {}, "it needs fit and predict: pass an object that has both, and no"),
        (StandardScaler(), {}, "it needs fit and predict"),
        ({"name": "Two", "model": StandardScaler()}, {}, "model: it needs fit and predict"),
        (NAMED | {"model": "ridge"}, {}, r"'sklearn', 'estimator': 'linear_model.Ridge'}"),
        (NAMED | {"model": {"kind": "HuberRegressor"}}, {}, r"sklearn\)\. Est.*r_model\.HuberR"),
        (NAMED | {"model": "forrest"}, {}, r"did you mean 'random_forest'\? .*, sklearn\)\.$"),
        (NAMED | {"model": "python_object"}, {}, "'python_object' is not a known kind"),
    ],
)  # fmt: skip
def test_mistakes_are_sentences(model, others, sentence):
    with pytest.raises(ft.InputError, match=sentence):
        study_of(model, **others)


def test_what_an_object_refuses_names_it(tmp_path):
    class Refusing(Median):
        def fit(self, X, y):
            raise ValueError("too few sheep")

    with pytest.raises(
        ft.InputError, match=r"'Refusing' cannot be fitted .*Refusing says: too few"
    ):
        ft.run(study_of(Refusing(), seeds=1), tmp_path)


def test_one_word_of_an_error_names_its_type(tmp_path):
    class Refusing(Median):
        def fit(self, X, y):
            return {}["sheep"]

    with pytest.raises(ft.InputError, match=r"Refusing says: KeyError: 'sheep'\. Change"):
        ft.run(study_of(Refusing(), seeds=1), tmp_path)


def test_error_in_the_function_of_a_baseline_names_the_line(tmp_path):
    @baseline
    def broken(on_classes):
        """Ends with an error."""
        return 1 / 0

    place = r"test_models\.py, line \d+: the baseline 'broken' fails with"
    with pytest.raises(ft.InputError, match=place):
        ft.run(study_of({"name": "broken", "model": "broken"}, seeds=1), tmp_path)


def test_classes_that_there_are_not_are_refused(tmp_path):
    recipe = {"loss": "cross_entropy", "optimizer": "adam", "epochs": 1, "batch_size": 512}
    with pytest.raises(ft.InputError, match=r"'Median' predicts the class \d+.*, but classes are"):
        ft.run(study_of(Median(7.0), task="digits", recipe=recipe, seeds=1), tmp_path)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_refused(value, tmp_path):
    with pytest.raises(ft.InputError, match=f"'Median' predicts {value}, but targets are finite"):
        ft.run(study_of(Median(value), seeds=1), tmp_path)


@pytest.mark.parametrize("shares", [[np.nan, 0.5, 0.5], [-0.1, 0.6, 0.5], [0.9, 0.6, 0.5]])
def test_probabilities_that_are_none_are_refused(shares, tmp_path):
    class Sure(Median):
        classes_ = np.arange(3)

        def predict_proba(self, X):
            return np.tile(shares, (len(X), 1))

    recipe = {"loss": "cross_entropy", "optimizer": "adam", "epochs": 1, "batch_size": 512}
    with pytest.raises(ft.InputError, match=r"'Sure' gives probabilities that are negative or NaN"):
        ft.run(study_of(Sure(-2.0), task="digits", recipe=recipe, seeds=1), tmp_path)


def test_an_object_that_ends_the_program_is_a_sentence(tmp_path):
    class Leaving(Median):
        def fit(self, X, y):
            raise SystemExit(3)

    with pytest.raises(ft.InputError, match=r"Leaving says: SystemExit: 3\. Change"):
        ft.run(study_of(Leaving(), seeds=1), tmp_path)


def test_an_object_that_answers_every_question_with_an_error():
    class Silent(Median):
        def __getattr__(self, name):
            raise ValueError(name)

    with pytest.raises(ft.InputError, match="Silent cannot be described and copied"):
        study_of(Silent())


class Hostile(Median):
    """An object whose parameters cannot be asked for."""

    def get_params(self, deep=True):
        raise ValueError("no")


def test_hostile_object_gives_a_sentence():
    with pytest.raises(ft.InputError, match=r"type Hostile cannot be described .*ValueError: no\)"):
        study_of(Hostile())


def test_a_function_is_a_baseline(tmp_path):
    @baseline(is_random=True)
    def tree(on_classes, *, depth: int = 2):
        """One tree, with the scale of its features drawn."""
        return DecisionTreeRegressor(max_depth=depth, max_features=1, splitter="random")

    study = study_of({"name": "Tree", "model": {"kind": "tree", "depth": 3}})
    (arm,) = study.list_arms()[1:]
    assert not arm.is_trained and arm.baseline.is_random
    runs = ft.run(study, tmp_path).runs.filter(arm="Tree").sort("seed")
    by_hand = functools.partial(
        DecisionTreeRegressor, max_depth=3, max_features=1, splitter="random"
    )
    expected = [fit_by_hand(functools.partial(by_hand, random_state=seed), seed) for seed in (0, 1)]
    assert runs["mse"].to_list() == pytest.approx(expected, rel=1e-5)


def test_laws():
    @baseline
    def unseeded(on_classes, *, trees: int = 3):
        """A forest whose chance is not declared."""
        return RandomForestClassifier(trees) if on_classes else RandomForestRegressor(trees)

    @baseline
    def flat(on_classes):
        """Predicts a column."""

        class Flat(Median):
            def predict(self, X):
                return super().predict(X)[:, None]

        return Flat()

    assert any("it predicts other values when" in one for one in find_breaches(unseeded))
    assert any("an array of shape (20, 1)" in one for one in find_breaches(flat))
