"""Metrics against scikit-learn; their facts, their names, and what is refused."""

import warnings

import numpy as np
import pytest
import scipy.special

import fairtrial as ft
from fairtrial.errors import InputError
from fairtrial.kinds.metrics.numbers import METRICS, find_metric, metric, read_metric
from fairtrial.kinds.metrics.runs import RUN_METRICS
from reference.metrics import METRICS as REFERENCES

STREAM = np.random.default_rng(11)
NUMBERS = [kind for kind in METRICS if not kind.on_classes]
OF_CLASSES = [kind for kind in METRICS if kind.on_classes]
# Settings that differ from the defaults.
CASES = [
    *((kind, {}) for kind in METRICS if kind.name != "recall"),
    (ft.metrics.pinball, {"tau": 0.9}),
    (METRICS.get("top_k"), {"k": 3}),
    *((METRICS.get("recall"), {"of": number}) for number in range(4)),
]


def tell(form, logits):
    shares = scipy.special.softmax(logits, axis=1)
    return {
        "classes": logits.argmax(1),
        "confidence": np.column_stack([logits.argmax(1), shares.max(1)]),
        "probabilities": shares,
        "log_probabilities": scipy.special.log_softmax(logits, axis=1),
    }[form]


def make_rows(kind, n_rows, n_classes):
    if not kind.on_classes:
        truth = STREAM.normal(3.0, 2.0, n_rows)
        return truth, truth + STREAM.standard_t(3, n_rows)
    truth = np.concatenate([np.arange(n_classes), STREAM.integers(n_classes, size=n_rows)])
    logits = 2.0 * np.eye(n_classes)[truth] + STREAM.normal(size=(len(truth), n_classes))
    return truth, tell(kind.of, logits)


@pytest.mark.parametrize(("kind", "settings"), CASES, ids=lambda one: getattr(one, "name", one))
@pytest.mark.parametrize(("n_rows", "n_classes"), [(2_000, 10), (50, 4)])
def test_metric_is_that_of_scikit_learn(kind, settings, n_rows, n_classes):
    truth, prediction = make_rows(kind, n_rows, n_classes)
    one = kind(**settings)
    expected = REFERENCES[kind.name](truth, prediction, one)
    assert one.measure(truth, prediction) == pytest.approx(expected, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("kind", [one for one in OF_CLASSES if one.name not in ("auc", "recall")])
def test_metric_of_classes_where_some_class_is_absent(kind):
    """No row is of the last class, and the second is never predicted."""
    truth = np.array([0, 1, 2, 0, 1, 2, 2])
    logits = np.eye(4)[[0, 2, 2, 0, 3, 2, 0]] * 3.0 + STREAM.normal(0.0, 0.1, (7, 4))
    prediction = tell(kind.of, logits)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = REFERENCES[kind.name](truth, prediction, kind())
    assert kind().measure(truth, prediction) == pytest.approx(expected, rel=1e-6)


def test_ties_of_probabilities():
    truth = np.array([0, 1, 2, 0, 1, 2])
    shares = np.array([[0.5, 0.25, 0.25], [1 / 3] * 3, [0, 0.5, 0.5]] * 2)
    for name in ("auc", "top_k", "brier", "log_loss"):
        one = METRICS.get(name)()
        assert one.measure(truth, shares) == pytest.approx(REFERENCES[name](truth, shares, one))


def test_certain_and_wrong_is_finite_where_it_is_cut_off():
    truth, shares = np.array([0, 1]), np.array([[0.0, 1.0], [0.0, 1.0]])
    log_loss = METRICS.get("log_loss")()
    assert log_loss.measure(truth, shares) == pytest.approx(
        REFERENCES["log_loss"](truth, shares, None)
    )
    logs = scipy.special.log_softmax(np.array([[-5000.0, 5000.0], [0.0, 9.0]]), axis=1)
    assert METRICS.get("cross_entropy")().measure(truth, logs) == pytest.approx(5000.0)


@pytest.mark.parametrize("name", ["r2", "explained_variance"])
def test_share_of_no_variance_is_not_defined(name):
    assert np.isnan(METRICS.get(name)().measure(np.ones(3), np.arange(3.0)))


def test_class_without_rows_is_not_defined():
    truth, shares = np.array([0, 0]), np.array([[0.5, 0.5], [0.1, 0.9]])
    assert np.isnan(METRICS.get("auc")().measure(truth, shares))
    assert np.isnan(METRICS.get("recall")(of=1).measure(truth, truth))


def test_names_of_metrics_with_settings():
    assert METRICS.get("pinball")(tau=0.5).column == "pinball"
    assert METRICS.get("pinball")(tau=0.25).column == "pinball tau=0.25"
    assert METRICS.get("recall")(of=3).column == "recall of=3"
    assert read_metric("validation_recall of=3") == METRICS.get("recall")(of=3)
    wrong = ("recall", "recall of=-1", "pinball tau=0.50", "pinball  tau=0.9", "seconds", "none")
    assert [name for name in wrong if read_metric(name)] == []


def test_every_metric_is_found_by_its_name():
    for name in [*RUN_METRICS, "accuracy", "validation_auc", "pinball tau=0.9"]:
        assert find_metric(name) is not None
    assert find_metric("accuracies") is None
    assert find_metric("optimizer.learning_rate") is None


@pytest.mark.parametrize(
    ("name", "facts", "sentence"),
    [
        ("seconds", {}, "tables of runs have a column of this name"),
        ("arm", {}, "tables of runs have a column of this name"),
        ("validation_mine", {}, "tables of runs have a column of this name"),
        ("mine", {"of": "labels"}, "its of = 'labels' must be 'numbers', 'classes'"),
        ("mine", {"worst": "bad"}, "its worst = 'bad' must be a valid number"),
        ("mine", {"by_default": True}, "its by_default is for fairtrial's own metrics"),
        ("mine", {"better": "higher"}, "has no fact better (known: label, also"),
        ("mse", {}, "there is a metric of this name already"),
    ],
)
def test_wrong_facts_give_a_sentence(name, facts, sentence):
    def mine(truth, prediction):
        """Mine."""
        return 0.0

    mine.__name__ = name
    with pytest.raises(InputError) as error:
        metric(**facts)(mine)
    assert sentence in str(error.value)
    assert __file__ in str(error.value)


def test_error_of_a_metric_gives_a_sentence_with_its_line():
    @metric
    def torn(truth, prediction):
        """Torn."""
        return truth / prediction["mean"]

    try:
        with pytest.raises(
            InputError, match=r"test_metrics.py, line \d+: the metric torn fails with"
        ):
            torn().measure(np.ones(2), np.ones(2))
    finally:
        METRICS.forget(__name__)


def test_a_metric_cannot_change_what_the_next_one_measures():
    @metric
    def sorting(truth, prediction):
        """Sorts in place."""
        prediction.sort()
        return 0.0

    prediction = np.array([2.0, 1.0])
    try:
        with pytest.raises(InputError, match=r"the metric sorting fails with .*read-only"):
            sorting().measure(np.ones(2), prediction)
    finally:
        METRICS.forget(__name__)
    assert prediction.tolist() == [2.0, 1.0] and prediction.flags.writeable


def test_which_way_is_better():
    better_higher = {kind.name for kind in METRICS if kind.higher_is_better}
    assert better_higher == {
        "r2", "explained_variance", "accuracy", "macro_f1", "balanced_accuracy", "recall", "mcc",
        "auc", "top_k",
    }  # fmt: skip
    of_runs = {name for name, one in RUN_METRICS.items() if one.higher_is_better}
    assert of_runs == {"final_minus_best", "train_accuracy", "first_rate_halving", "n_zeros"}


def test_the_worst_is_on_the_worse_side():
    for one in [*METRICS, *RUN_METRICS.values()]:
        if one.worst is not None:
            assert (one.worst <= 0.0) == one.higher_is_better


def test_certain_and_wrong_is_the_worst_calibration():
    truth, told = np.array([0, 1, 0, 1]), np.array([1, 0, 1, 0])
    pairs = np.column_stack([told, np.ones(4)])
    assert METRICS.get("expected_calibration_error")().measure(truth, pairs) == 1.0
    assert METRICS.get("macro_f1")().measure(truth, told) == 0.0
