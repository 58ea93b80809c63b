"""A new metric, or a changed one, is measured from what runs have left; nothing trains again."""

import numpy as np
import polars as pl
import pytest
import scipy.special
import sklearn.metrics as sk
from sklearn.linear_model import QuantileRegressor
from sklearn.naive_bayes import GaussianNB

import fairtrial as ft
from fairtrial.data.load import load_dataset
from fairtrial.errors import InputError
from fairtrial.evidence.account import summarise_verdicts
from fairtrial.kinds.mechanism.plugins import activate
from fairtrial.report.sections.arms import build_arms
from fairtrial.results import scores
from fairtrial.study.task import DigitsTask

LINE = """
name = "Rates"
seeds = 3
task = { kind = "line", rows = 60, test_rows = 50 }
recipe = { loss = "mse", optimizer = "sgd", steps = 40 }
vary = { "optimizer.learning_rate" = [0.01, 0.1] }
"""
DIGITS = """
name = "Digits"
seeds = 2
task = "digits"
vary = { "optimizer.learning_rate" = [0.1, 0.5] }
baselines = [
    { name = "Bayes", model = { kind = "sklearn", estimator = "naive_bayes.GaussianNB" } },
    { name = "Machine", model = "linear_svm" },
]
[recipe]
loss = "cross_entropy"
optimizer = "sgd"
epochs = 2
batch_size = 100
validation = 0.2
"""
CLAIM = """
[[claims]]
say = "Faster is better"
better = { "optimizer.learning_rate" = 0.1 }
than = { "optimizer.learning_rate" = 0.01 }
on = "METRIC"
"""


class Refuses:
    """An engine that trains nothing."""

    n_at_once = 1

    def measure_free_memory(self):
        return 10**9

    def train(self, plans, progress):
        assert not plans, "nothing should train"
        yield from ()


def run(text, folder, **options):
    return ft.run(ft.Study.from_toml(text, allow_code=True), folder, **options)


def add(text, metrics):
    return f"metrics = {metrics}\n{text}"


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    folder = tmp_path_factory.mktemp("digits")
    run(DIGITS, folder)
    return folder


def test_new_metrics_of_numbers_train_nothing(tmp_path):
    before = run(LINE, tmp_path).runs
    text = add(LINE, '["max_error", { kind = "pinball", tau = 0.9 }]')
    trial = run(text, tmp_path, engine=Refuses())
    assert trial.runs.columns == [*before.columns, "max_error", "pinball tau=0.9"]
    assert trial.runs.select(before.columns).equals(before)
    (table,) = build_arms(trial).blocks
    assert table.columns[-4:] == ["max error", "pinball tau=0.9", "seconds", "outcome"]
    for row in trial.runs.to_dicts():
        data = load_dataset(trial.study.task, row["seed"])
        left = trial.parameters.filter(pl.col("run") == row["run"])
        W, b = (left.filter(pl.col("parameter") == one)["values"][0].to_numpy() for one in "Wb")
        told = data.test_X.astype(float) @ W.astype(float) + float(b[0])
        assert row["max_error"] == pytest.approx(sk.max_error(data.test_y, told), rel=1e-6)
        expected = sk.mean_pinball_loss(data.test_y, told, alpha=0.9)
        assert row["pinball tau=0.9"] == pytest.approx(expected, rel=1e-6)
    without = run(LINE, tmp_path, engine=Refuses())
    assert without.runs.equals(before)


def test_claim_adds_its_metric_and_has_a_cause(tmp_path):
    run(LINE + CLAIM.replace("METRIC", "mse"), tmp_path)
    trial = run(LINE + CLAIM.replace("METRIC", "median_absolute_error"), tmp_path, engine=Refuses())
    (row,) = trial.list_verdicts()
    runs = {one["run"]: one["median_absolute_error"] for one in trial.runs.to_dicts()}
    fast, slow = (
        np.array([runs[f"optimizer.learning_rate={rate} #{seed}"] for seed in range(3)])
        for rate in (0.1, 0.01)
    )
    assert row["difference"] == pytest.approx((slow - fast).mean())
    parts = [row[name] for name in ("objective", "unfinished", "noise_floor")]
    assert None not in parts
    assert sum(parts) == pytest.approx(row["difference"])


def test_minima_are_measured_by_a_new_metric(tmp_path):
    """The part of the objective: least squares against least absolute errors."""
    text = LINE.replace('vary = { "optimizer.learning_rate" = [0.01, 0.1] }', "")
    text += 'vary = { loss = ["mse", "mae"] }\n'
    claim = CLAIM.replace('"optimizer.learning_rate" = 0.1 ', 'loss = "mse" ')
    claim = claim.replace('"optimizer.learning_rate" = 0.01 ', 'loss = "mae" ')
    run(text + claim.replace("METRIC", "mae"), tmp_path)
    trial = run(text + claim.replace("METRIC", "max_error"), tmp_path, engine=Refuses())
    (row,) = trial.list_verdicts()
    differences = []
    for seed in range(3):
        data = load_dataset(trial.study.task, seed)
        X, test_X = (np.column_stack([one, np.ones(len(one))]) for one in (data.X, data.test_X))
        least = np.linalg.lstsq(X, data.y, rcond=None)[0]
        lad = QuantileRegressor(alpha=0.0, fit_intercept=False).fit(X, data.y).coef_
        of_mse, of_mae = (np.abs(data.test_y - test_X @ one).max() for one in (least, lad))
        differences.append(of_mae - of_mse)
    assert row["objective"] == pytest.approx(np.mean(differences), rel=1e-4)


def test_new_metrics_of_classes_train_nothing(digits):
    before = ft.Trial(digits).runs
    names = '["auc", "log_loss", "mcc", "top_k", { kind = "recall", of = 3 }]'
    trial = run(add(DIGITS, names), digits, engine=Refuses())
    assert trial.runs.select(before.columns).equals(before)
    data = load_dataset(DigitsTask(kind="digits"), 0)
    predicted = {
        (one["run"], one["rows"]): np.frombuffer(one["predicted"], one["type"])
        for one in trial.predictions.to_dicts()
    }
    for row in trial.runs.filter(pl.col("optimizer.kind").is_not_null()).to_dicts():
        left = trial.parameters.filter(pl.col("run") == row["run"])
        W, b = (left.filter(pl.col("parameter") == one)["values"][0].to_numpy() for one in "Wb")
        logits = data.test_X / 16.0 @ W.reshape(-1, 10).astype(float) + b
        shares = scipy.special.softmax(logits, axis=1)
        told = predicted[row["run"], "test"]
        assert np.mean(told == data.test_y) == row["accuracy"]
        np.testing.assert_array_equal(told, logits.argmax(1))
        expected = {
            "auc": sk.roc_auc_score(data.test_y, shares, multi_class="ovr"),
            "log_loss": sk.log_loss(data.test_y, shares),
            "mcc": sk.matthews_corrcoef(data.test_y, told),
            "top_k": sk.top_k_accuracy_score(data.test_y, shares, k=2),
            "recall of=3": sk.recall_score(data.test_y, told, average=None)[3],
        }
        for name, value in expected.items():
            assert row[name] == pytest.approx(value, rel=1e-6), name
        assert row["log_loss"] == pytest.approx(row["cross_entropy"], rel=1e-5)
        assert row["validation_log_loss"] == pytest.approx(
            row["validation_cross_entropy"], rel=1e-5
        )


def test_baselines_have_probabilities_where_the_estimator_gives_them(digits):
    trial = run(add(DIGITS, '["brier", "log_loss", "mcc"]'), digits, engine=Refuses())
    rows = {row["run"]: row for row in trial.runs.to_dicts()}
    data = load_dataset(DigitsTask(kind="digits"), 1)
    X, test_X = (one.astype(np.float32) / np.float32(16.0) for one in (data.X, data.test_X))
    shares = GaussianNB().fit(X, data.y).predict_proba(test_X)
    assert rows["Bayes #1"]["brier"] == pytest.approx(
        sk.brier_score_loss(data.test_y, shares, scale_by_half=False), rel=1e-5
    )
    assert rows["Bayes #1"]["log_loss"] == pytest.approx(
        sk.log_loss(data.test_y, shares.astype(float)), rel=1e-5
    )
    assert rows["Machine #1"]["brier"] is None
    assert rows["Machine #1"]["mcc"] > 0.5
    claim = CLAIM.replace('{ "optimizer.learning_rate" = 0.1 }', '{ arm = "Machine" }')
    claim = claim.replace('{ "optimizer.learning_rate" = 0.01 }', '{ arm = "Bayes" }')
    with pytest.raises(InputError, match="runs of the arm 'Machine' have no such metric"):
        ft.Study.from_toml(DIGITS + claim.replace("METRIC", "brier"))


def test_changed_metric_of_a_file_trains_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("FAIRTRIAL_CACHE", str(tmp_path / "cache"))
    kinds, folder = tmp_path / "my_kinds.py", tmp_path / "out"
    source = (
        "import numpy as np\nimport fairtrial as ft\n\n@ft.metric\n"
        'def largest(truth, prediction):\n    """Largest error."""\n'
        "    return FACTOR * np.abs(truth - prediction).max()\n"
    )
    text = f'plugins = ["{kinds}"]\nmetrics = ["largest", "max_error"]\n{LINE}'
    try:
        for factor, options in ((1.0, {}), (2.0, {"engine": Refuses()})):
            kinds.write_text(source.replace("FACTOR", str(factor)), encoding="utf-8")
            runs = run(text, folder, **options).runs
            np.testing.assert_allclose(runs["largest"], factor * runs["max_error"])
    finally:
        activate([])


def test_claim_of_another_file_on_what_is_not_measured(tmp_path):
    trial = run(LINE, tmp_path / "out")
    (tmp_path / "more.toml").write_text(CLAIM.replace("METRIC", "mape"), encoding="utf-8")
    (row,) = trial.judge(tmp_path / "more.toml").to_dicts()
    assert row["verdict"] == "undecided"
    assert "These runs are not measured by it yet. Run the study to its end" in row["note"]
    assert row["note"].startswith("Not measured: ") and row["verdict"] == "undecided"
    assert summarise_verdicts([row])[0]["difference"] == "not judged"


def test_what_is_known_is_not_measured_again(tmp_path, monkeypatch):
    text = add(LINE, '["mape"]')
    first = run(text, tmp_path).runs
    monkeypatch.setattr(scores, "load_dataset", lambda *_: pytest.fail("measured again"))
    assert run(text, tmp_path, engine=Refuses()).runs.equals(first)


def test_changed_metric_that_every_run_has_is_measured_again(digits, monkeypatch):
    """As if other code had measured the runs: what is kept gives the same values."""
    before = ft.Trial(digits).runs
    monkeypatch.setattr(scores, "fingerprint_defaults", lambda on_classes: "another")
    again = run(DIGITS, digits, engine=Refuses()).runs
    for name in ("accuracy", "macro_f1", "validation_accuracy"):
        assert again[name].equals(before[name])
    for name in ("cross_entropy", "expected_calibration_error"):
        np.testing.assert_allclose(
            again[name].to_numpy(), before[name].to_numpy(), rtol=1e-4, atol=1e-6
        )


def test_times_of_one_stack_cannot_be_judged(tmp_path):
    trial = run(LINE + CLAIM.replace("METRIC", "seconds"), tmp_path)
    (row,) = trial.list_verdicts()
    assert row["verdict"] == "undecided" and row["p"] is None
    assert "trained together in one program" in row["note"]
