"""Studies with features, end to end; and features that come piece by piece."""

import _thread
import threading
import time

import numpy as np
import polars as pl
import pytest

import fairtrial as ft
from by_hand import recipe
from fairtrial.data.features.maps import check_in
from fairtrial.data.load import load_dataset
from fairtrial.data.split import Part, order_rows, split_parts
from fairtrial.evidence import optima
from fairtrial.results.fingerprint import fingerprint_arm
from fairtrial.running.plan import estimate_memory, plan_stacks
from fairtrial.study import Arm, Run
from fairtrial.study.features import FourierFeatures, PatchFeatures
from fairtrial.study.task import DigitsTask
from fairtrial.training import eager, epoch, stacked
from fairtrial.training import rows as training_rows
from fairtrial.training.rows import lay_out_epoch

DIGITS = DigitsTask(kind="digits")
STUDY = """
name = "Features"
seeds = 2
task = "digits"
[recipe]
loss = "cross_entropy"
optimizer = { kind = "adam", learning_rate = 0.01 }
epochs = 2
batch_size = 64
validation = 0.2
[vary]
features = ["pixels", { kind = "patches", sizes = [4], patches = 20, grid = 2 }]
[[claims]]
say = "Patches beat pixels"
better = { features = "patches" }
than = { features = "pixels" }
on = "accuracy"
"""


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FAIRTRIAL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def train(features, epochs=2, **others):
    return recipe("cross_entropy", epochs=epochs, batch_size=64, features=features, **others)


def test_a_study(tmp_path):
    study = ft.Study.from_toml(STUDY)
    (verdict,) = ft.run(study, out=tmp_path / "out", verify=4).list_verdicts()
    trial = ft.Trial(tmp_path / "out")
    runs = trial.runs
    assert runs["features.kind"].to_list() == ["pixels"] * 2 + ["patches"] * 2
    assert runs["features.sizes"].to_list()[2:] == [[4], [4]]
    difference = runs["accuracy"][2:].mean() - runs["accuracy"][:2].mean()
    assert verdict["difference"] == pytest.approx(difference)
    assert difference > 0.05
    shapes = trial.parameters.filter(pl.col("parameter") == "W")["shape"].to_list()
    assert shapes == [[64, 10]] * 2 + [[160, 10]] * 2
    assert len(trial.environment["verification"]["lanes"]) == 4


def test_own_images(tmp_path):
    """Stripes, down or across, at random places: no pixel says anything, and all maps do."""
    random, labels = np.random.default_rng(0), np.arange(240) % 2
    X = random.uniform(0, 0.2, (240, 12, 12))
    for image, label in zip(X, labels, strict=True):
        image[:, random.integers(0, 12, 4)] = 1
        image[:] = image.T if label else image
    task = ft.images(X, labels, file=tmp_path / "stripes.npz")
    maps = ["pixels", "fourier", "hog", {"kind": "patches", "sizes": [4], "patches": 10}]
    claim = ft.Claim(
        say="Patches beat pixels",
        better={"features": "patches"},
        than={"features": "pixels"},
        on="accuracy",
    )
    study = ft.Study.from_toml(STUDY).replace(task=task, vary={"features": maps}, claims=[claim])
    (verdict,) = ft.run(study, out=tmp_path / "out").list_verdicts()
    accuracy = ft.Trial(tmp_path / "out").runs.group_by("features.kind").agg(pl.mean("accuracy"))
    means = dict(accuracy.iter_rows())
    assert verdict["difference"] == pytest.approx(means["patches"] - means["pixels"])
    assert min(means["patches"], means["hog"]) > 0.95 > 0.7 > means["pixels"]
    assert ft.judge(tmp_path / "out")["difference"].to_list() == [verdict["difference"]]


def test_own_images_that_are_not_square(tmp_path, cache):
    task = ft.images(np.zeros((20, 8, 6)), np.arange(20) % 2, file=tmp_path / "mine.npz")
    study = ft.Study.from_toml(STUDY).replace(task=task)
    with pytest.raises(ft.InputError, match=r"mine\.npz have 8 x 6 pixels \(height x width\)"):
        ft.run(study, out=tmp_path / "out")
    assert not (tmp_path / "out").exists() and not cache.exists()


def test_features_in_the_making_are_told_and_stopped(tmp_path, cache, monkeypatch):
    """Ctrl-C, as soon as they are told of."""

    def take_forever(features, rows):
        while True:
            check_in()
            time.sleep(0.01)

    told = []

    def report(status):
        told.append(status)
        if "making" in status.what:
            _thread.interrupt_main()

    monkeypatch.setattr("fairtrial.data.features.maps.fit_hog", take_forever)
    study = ft.Study.from_toml(STUDY.partition("[vary]")[0] + "features = 'hog'").replace(seeds=1)
    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        ft.run(study, tmp_path / "out", progress=report)
    assert [status.what for status in told[:2]] == [
        "digits: recipe, seed 0",
        "digits: making hog, seed 0",
    ]
    assert told[1].share == told[1].n_training == 0
    while threading.active_count() > before:  # The making ends with its next look around.
        time.sleep(0.01)
    assert [path.suffix for path in (cache / "features").iterdir()] == [".lock"]


def test_the_fingerprint_knows_them():
    arms = [fingerprint_arm(DIGITS, train(features)) for features in ("pixels", "hog")]
    assert arms[0] != arms[1]


@pytest.mark.parametrize("driver", ["eager", "stacked"])
def test_pieces_make_no_difference(driver, monkeypatch):
    """Rows of 64 float32 numbers, and room for 300 of them: less than any part has.

    In a stack, one run ends before the others and one when it likes.
    """
    features = FourierFeatures(kind="fourier", directions=64)
    stops = [
        {"stopping": {"monitor": f"validation_{name}", "patience": 1, "restore_best": True}}
        for name in ("accuracy", "macro_f1")
    ]
    lanes = [
        train(features, validation=0.25, epochs=epochs, **more)
        for epochs, more in ((2, {}), (5, {}), (5, stops[0]), (5, stops[1]))
    ]
    data = load_dataset(DIGITS, 0, 0.25, features)

    def run():
        if driver == "eager":
            return [eager.train(one, data, 0) for one in lanes]
        return stacked.train(stacked.Stack(lanes, [data], [0]))[0]

    # Pieces of a file are shuffled in another order, which is tested elsewhere.
    monkeypatch.setattr(
        epoch, "order_epoch", lambda part, seed, at: order_rows(len(part), seed, at)
    )  # fmt: skip
    whole = run()
    monkeypatch.setattr(training_rows, "PIECE", 300 * 64 * 4)
    for found, expected in zip(run(), whole, strict=True):
        np.testing.assert_allclose(found.W, expected.W, atol=1e-6)
        for name, (at, values) in expected.curves.items():
            np.testing.assert_array_equal(found.curves[name][0], at)
            np.testing.assert_allclose(found.curves[name][1], values, rtol=1e-5, err_msg=name)
        assert found.scores == pytest.approx(expected.scores, rel=1e-5)


def test_training_rows_of_a_file_are_read_once_an_epoch(monkeypatch):
    """And twice at the end: for the last epoch, and for the mean of its iterates."""
    features = FourierFeatures(kind="fourier", directions=64)
    data = load_dataset(DIGITS, 0, None, features)
    monkeypatch.setattr(training_rows, "PIECE", 300 * 64 * 4)
    n_read, read = [0], Part.read

    def count(part, *how):
        found = read(part, *how)
        n_read[0] += len(found) if part.source is data.X else 0
        return found

    monkeypatch.setattr(Part, "read", count)
    one = train(features, epochs=6)
    stacked.train(stacked.Stack([one], [data], [0], averages=True))
    assert n_read[0] < 8.5 * len(data.y)  # The rows that fill the last batches are read too.


@pytest.mark.parametrize("are_kept", [False, True])
def test_an_epoch_in_pieces_has_every_row_once_in_order(are_kept, monkeypatch):
    """Pieces that are not kept are overwritten by the next one."""
    data = load_dataset(DIGITS, 0)
    part = split_parts(data, 0.25, 0)["train_"]
    order = np.random.default_rng(0).permutation(len(part))
    monkeypatch.setattr(training_rows, "PIECE", 200 * 64)
    laid_out = lay_out_epoch([part], [order], 64, are_kept=are_kept)
    if are_kept:
        laid_out = [*laid_out]
    pieces = [[np.array(one) for one in piece] for piece in laid_out]
    assert [len(labels) for _, labels, _ in pieces] == [192] * 5 + [128]
    X, y, weights = (np.concatenate(side) for side in zip(*pieces, strict=True))
    assert weights.tolist() == [1.0] * 1078 + [0.0] * 10
    rows = part.rows[order]
    np.testing.assert_array_equal(X[:1078], data.X[rows])
    np.testing.assert_array_equal(y[:1078], data.y[rows])


def test_features_are_data_sets_of_their_own():
    arms = [
        Arm(
            f"{features} {rate}",
            DIGITS,
            train(features, optimizer={"kind": "sgd", "learning_rate": rate}),
        )
        for features in ("pixels", "hog")
        for rate in (0.1, 0.2)
    ]
    plans = plan_stacks([Run(arm, 0) for arm in arms], 10**9)
    assert [[run.arm.recipe.features.kind for run in one.runs[0]] for one in plans] == [
        ["pixels"] * 2,
        ["hog"] * 2,
    ]


def test_memory_of_features_that_stay_in_their_file():
    """A thousand patches on 8 x 8 cells: 128,000 features, 0.9 GB, and the file is not counted."""
    features = PatchFeatures(kind="patches", sizes=[1 + 1], patches=1000, grid=7)
    small, large = (
        estimate_memory([Run(Arm("a", DIGITS, train(one)), 0)])
        for one in (features.model_copy(update={"patches": 10}), features)
    )
    assert small < large
    assert large[0] < 2**31


def test_memory_of_own_images(tmp_path):
    """All float32: read, split, as features and in the epoch's order; mapped, 18 times as many."""
    X = np.zeros((500, 20, 20), np.float32)
    task = ft.images(X, np.arange(500) % 2, file=tmp_path / "mine.npz")
    hog = {"kind": "hog", "cell": 2}
    plain, mapped = (
        estimate_memory([Run(Arm("a", task, train(one)), 0)])[0] for one in ("pixels", hog)
    )
    assert 4 * X.nbytes < plain < 10 * X.nbytes + 2**24
    n_features = 9**2 * 2**2 * 9
    assert 2 * X.nbytes + 5 * 4 * 500 * n_features < mapped < 2**28


def test_minima_are_not_looked_for_on_too_many(monkeypatch):
    arm = Arm("a", DIGITS, train(FourierFeatures(kind="fourier", directions=64)))
    monkeypatch.setattr(optima, "MOST_VALUES", 1437 * 64 - 1)
    minima = optima.Optima().find(arm, [0, 1])
    problem = "1,437 rows of 64 features are too many to search on"
    assert [one.problem for one in minima] == [problem, problem]


def test_regression_on_fourier_features(tmp_path):
    """A parabola, which no line can follow."""
    rows = "\n".join(f"{x / 50 - 1},{(x / 50 - 1) ** 2}" for x in range(101))
    (tmp_path / "table.csv").write_text(f"x,y\n{rows}\n")
    study = ft.Study(
        name="Parabola",
        seeds=2,
        task={
            "kind": "table",
            "path": str(tmp_path / "table.csv"),
            "target": "y",
            "problem": "regression",
        },
        recipe=ft.Recipe(loss="mse", optimizer={"kind": "sgd", "learning_rate": 0.02}, steps=300),
        vary={"features": ["pixels", {"kind": "fourier", "directions": 40}]},
    )
    r2 = ft.run(study, tmp_path / "out").runs["r2"].to_list()
    assert max(r2[:2]) < 0.2
    assert min(r2[2:]) > 0.9
