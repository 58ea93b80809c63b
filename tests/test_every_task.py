"""Every optimizer, every baseline and claims on each task that has classes."""

import numpy as np
import polars as pl
import pytest
import sklearn.ensemble
import sklearn.linear_model
import sklearn.neighbors
import sklearn.svm
from sklearn.datasets import load_digits
from sklearn.metrics import f1_score
from sklearn.preprocessing import StandardScaler

import fairtrial as ft
from fairtrial.data.split import split_rows
from made_up import make_study

PIXELS, CLASSES = load_digits(return_X_y=True)
N, SEEDS = 300, 6
MODELS = {
    "random_forest": lambda seed: sklearn.ensemble.RandomForestClassifier(random_state=seed),
    "svm": lambda seed: sklearn.svm.SVC(),
    "linear_svm": lambda seed: sklearn.svm.LinearSVC(dual="auto", random_state=0),
    "linear_model": lambda seed: sklearn.linear_model.LogisticRegression(max_iter=1000),
    "nearest_neighbours": lambda seed: sklearn.neighbors.KNeighborsClassifier(),
}
STUDY = {
    "recipe": {
        "loss": "cross_entropy",
        "optimizer": {"kind": "adam", "learning_rate": 0.01},
        "epochs": 3,
        "batch_size": 32,
    },
    "vary": {"optimizer.kind": ["sgd", "adam", "rmsprop"]},
    "baselines": [{"name": kind, "model": kind} for kind in MODELS],
}
CLAIMS = [
    {"better": {"optimizer": "adam"}, "than": {"optimizer": "sgd"}},
    {"better": {"arm": "svm"}, "than": {"optimizer": "sgd"}},
    {"better": {"arm": "nearest_neighbours"}, "than": {"arm": "linear_svm"}, "over": "seeds"},
]


def make_digits(folder):
    X, y = PIXELS / np.float32(16), CLASSES
    parts = (X[:-360], y[:-360], X[-360:], y[-360:])
    return "digits", lambda seed: parts


def make_table(folder):
    """A part of the pixels is enough, of three classes."""
    rows = np.flatnonzero(CLASSES < 3)[:N]
    X, y = PIXELS[rows][:, 18:46], CLASSES[rows]
    X = X[:, X.std(0) > 0]
    columns = {f"x{number}": values for number, values in enumerate(X.T)}
    pl.DataFrame(columns | {"y": y}).write_csv(folder / "t.csv")
    task = {"kind": "table", "path": str(folder / "t.csv"), "target": "y"}

    def divide(seed):
        train, test = split_rows(len(y), 0.2, seed, "table.test")
        scaler = StandardScaler().fit(X[train])
        known, unknown = (scaler.transform(X[side]).astype(np.float32) for side in (train, test))
        return known, y[train], unknown, y[test]

    return task | {"problem": "classification"}, divide


def make_images(folder):
    X, y = np.uint8(PIXELS[:N]).reshape(-1, 8, 8) * 15, CLASSES[:N]
    task = ft.images(X, y, file=folder / "mine.npz")
    flat = X.reshape(N, 64) / np.float32(255)

    def divide(seed):
        train, test = split_rows(N, 0.2, seed, "images.test")
        return flat[train], y[train], flat[test], y[test]

    return task, divide


@pytest.fixture(
    scope="module", params=[make_digits, make_table, make_images], ids=["digits", "table", "images"]
)
def judged(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("task")
    task, divide = request.param(folder)
    claims = [claim | {"on": "accuracy"} for claim in CLAIMS]
    study = make_study(claims, seeds=SEEDS, task=task, **STUDY)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fairtrial.kinds.baselines.estimators.PACKAGES", ("sklearn",))
        verdicts = ft.run(study, folder / "out", verify=1).list_verdicts()
    return ft.Trial(folder / "out"), verdicts, divide


def test_baselines_are_scikit_learns(judged):
    trial, _, divide = judged
    splits = {seed: divide(seed) for seed in (0, SEEDS - 1)}
    fitted = {}  # The digits have one split: what does not depend on the seed is fitted once.
    for kind, make in MODELS.items():
        for seed, (X, y, test_X, test_y) in splits.items():
            key = (kind, id(X), seed if kind == "random_forest" else None)
            if key not in fitted:
                fitted[key] = make(seed).fit(X, y).predict(test_X)
            told = fitted[key]
            (row,) = trial.runs.filter(arm=kind, seed=seed).to_dicts()
            assert row["accuracy"] == pytest.approx(np.mean(told == test_y), abs=2 / len(test_y))
            expected = f1_score(test_y, told, average="macro")
            assert row["macro_f1"] == pytest.approx(expected, abs=0.05)


def test_optimizers_learn_and_parameters_tell_the_test_rows(judged):
    trial, _, divide = judged
    for arm in ("sgd", "adam", "rmsprop"):
        for row in trial.runs.filter(arm=arm).to_dicts():
            _, _, test_X, test_y = divide(row["seed"])
            of_run = trial.parameters.filter(run=row["run"])
            W, b = (np.reshape(one["values"], one["shape"]) for one in of_run.iter_rows(named=True))
            told = (test_X @ W + b).argmax(1)
            assert row["accuracy"] == pytest.approx(np.mean(told == test_y), abs=1 / len(test_y))
            assert row["outcome"] == "completed"
    by_arm = dict(trial.runs.group_by("arm").agg(pl.col("accuracy").mean()).iter_rows())
    assert min(by_arm["adam"], by_arm["rmsprop"]) > 0.7


def test_claims_are_judged(judged):
    trial, (adam, svm, neighbours), _ = judged
    runs = trial.runs
    means = [runs.filter(arm=arm)["accuracy"].mean() for arm in ("adam", "sgd")]
    assert adam["difference"] == pytest.approx(means[0] - means[1])
    assert adam["verdict"] in ("holds", "undecided") and adam["difference"] > 0.0
    assert adam["over"] == svm["over"] == "seeds and test rows"
    assert neighbours["over"] == "seeds"
    for row in (adam, svm):
        splits = trial.study.task.kind != "digits"
        assert ("Every seed splits the same rows" in row["note"]) == splits


def test_a_study_of_them_runs_again_from_its_folder(judged):
    trial, verdicts, _ = judged
    study = ft.Study.load(trial.folder / "study.toml")
    assert study == trial.study
    assert ft.run(study, trial.folder).list_verdicts() == verdicts
