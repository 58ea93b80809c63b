"""A study from end to end: every run in every table, as its own training would have it."""

import numpy as np
import polars as pl
import pytest

import fairtrial as ft
from by_hand import descend, descend_softmax, softmax
from fairtrial.data.load import load_dataset
from fairtrial.data.split import order_rows, split_rows
from fairtrial.errors import InputError, MachineError
from fairtrial.results.store import CURVES, PARAMETERS, RUNS, STUDY
from fairtrial.running.execute import Setup
from fairtrial.study import Study

STUDY_TEXT = """
name = "Tiny"
seeds = [3, 8]
[task]
kind = "line"
rows = 40
test_rows = 30
[recipe]
loss = "mse"
optimizer = { kind = "sgd", learning_rate = 0.1 }
steps = 12
[[arms]]
name = "plain"
vary = { loss = ["mse", "huber"] }
[[arms]]
name = "heavy tails"
set = { "task.noise" = "student_t" }
vary = { loss = ["mse", "huber"] }
[[arms]]
name = "too fast"
set = { "optimizer.learning_rate" = 1e20 }
"""
DIGITS_TEXT = """
name = "Tiny digits"
seeds = 2
[task]
kind = "digits"
[recipe]
loss = "cross_entropy"
optimizer = { kind = "adam", learning_rate = 0.01 }
epochs = 2
batch_size = 256
validation = 0.2
[vary]
optimizer = ["adam", "sgd"]
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results") / "tiny"
    study, told = Study.from_toml(STUDY_TEXT), []
    Setup(progress=told.append).run_missing(study, folder)
    return study, folder, told


def test_study_as_run(finished):
    study, folder, _ = finished
    assert Study.load(folder / STUDY) == study


def test_every_run_has_its_rows(finished):
    study, folder, _ = finished
    names = {run.name for run in study.list_runs()}
    runs = pl.read_parquet(folder / RUNS)
    assert runs.height == len(names) == 10
    for table in (runs, *(pl.read_parquet(folder / name) for name in (CURVES, PARAMETERS))):
        assert set(table["run"]) == names


def test_every_run_is_what_numpy_makes_of_it(finished):
    study, folder, _ = finished
    rows = {row["run"]: row for row in pl.read_parquet(folder / RUNS).to_dicts()}
    for run in study.list_runs():
        row, data = rows[run.name], load_dataset(run.arm.task, run.seed)
        expected = descend(run.arm.recipe, data.X, data.y, [0.0], 0.0)
        assert (row["arm"], row["seed"]) == (run.arm.name, run.seed)
        assert row["loss.kind"] == run.arm.recipe.loss.kind
        assert row["task.noise.kind"] == run.arm.task.noise.kind
        assert (row["outcome"], row["ended_at"]) == (expected.outcome, expected.ended_at)
        gap = np.append(expected.W, expected.b) - [3, 2]
        assert row["parameter_error"] == pytest.approx(np.linalg.norm(gap), rel=1e-4)
        residual = data.test_y - (data.test_X @ expected.W + expected.b)
        assert row["mse"] == pytest.approx(np.mean(residual**2), rel=1e-4)
        assert row["seconds"] > 0
    assert {row["outcome"] for row in rows.values()} == {"completed", "diverged"}


def test_progress(finished):
    _, _, told = finished
    shares = [status.share for status in told]
    assert shares == sorted(shares)
    assert shares[0] == 0.0
    assert shares[-1] == 1.0
    assert {status.n_runs for status in told} == {10}
    assert told[-1].runs_done == 10
    assert told[0].what.startswith("line: ")


def test_again_it_is_the_same_to_the_last_bit(finished, tmp_path):
    study, folder, _ = finished
    Setup().run_missing(study, tmp_path / "again")
    for name in (CURVES, PARAMETERS):
        assert pl.read_parquet(folder / name).equals(pl.read_parquet(tmp_path / "again" / name))
    one, other = (pl.read_parquet(place / RUNS) for place in (folder, tmp_path / "again"))
    assert one.drop("seconds").equals(other.drop("seconds"))


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="file is a file: choose a new or an empty folder"):
        Setup().run_missing(Study.from_toml(STUDY_TEXT), tmp_path / "file")
    with pytest.raises(MachineError, match="cannot be written: Not a directory"):
        Setup().run_missing(Study.from_toml(STUDY_TEXT), tmp_path / "file" / "out")


@pytest.mark.usefixtures("compiled")
def test_digits(tmp_path):
    """Real images, fewer than an evaluation's block; NumPy trains them as well."""
    study = Study.from_toml(DIGITS_TEXT)
    Setup().run_missing(study, tmp_path)
    rows = {row["run"]: row for row in pl.read_parquet(tmp_path / RUNS).to_dicts()}
    for run in study.list_runs():
        row, data = rows[run.name], load_dataset(run.arm.task, run.seed)
        train, validation = split_rows(len(data.y), 0.2, run.seed)
        orders = [order_rows(len(train), run.seed, epoch) for epoch in (1, 2)]
        X, W, b = data.X / 16.0, np.zeros((64, 10)), np.zeros(10)
        expected = descend_softmax(run.arm.recipe, X[train], data.y[train], W, b, orders)
        assert (row["outcome"], row["ended_at"]) == ("completed", 2)
        for part, part_X, y in [
            ("", data.test_X / 16.0, data.test_y),
            ("validation_", X[validation], data.y[validation]),
            ("train_", X[train], data.y[train]),
        ]:
            shares = softmax(part_X @ expected.W + expected.b)
            entropy = -np.log(shares[np.arange(len(y)), y]).mean()
            assert row[f"{part}cross_entropy"] == pytest.approx(entropy, rel=1e-4)
            right = np.mean(shares.argmax(1) == y)
            assert row[f"{part}accuracy"] == pytest.approx(right, abs=1.5 / len(y))
    curves = pl.read_parquet(tmp_path / CURVES)
    assert set(curves["at"]) == {1, 2}
    shapes = pl.read_parquet(tmp_path / PARAMETERS)["shape"].to_list()
    assert shapes == [[64, 10], [10]] * 4


@pytest.mark.parametrize(
    ("scale", "loss", "said"),
    [
        (1e5, {"kind": "huber"}, "delta of its loss, 1, so its loss is 1 times the MAE"),
        (1.0, {"kind": "huber"}, ""),
        (1.0, {"kind": "huber", "delta": 20.0}, "its loss is half of the MSE. Choose a delta"),
        (
            1e5,
            {"kind": "tukey"},
            "are larger than the c of its loss, 4.685, so its loss is constant for them",
        ),
        (1.0, {"kind": "tukey"}, ""),
        (1e5, {"kind": "barron", "shape": 2.0}, ""),
        (1e5, {"kind": "barron", "shape": 1.0}, "as in scale = { times_mad = 1.345 }."),
        (1.0, {"kind": "epsilon_insensitive", "epsilon": 90.0}, "its loss is 0 for them"),
    ],
)
def test_length_that_no_residual_crosses_gives_one_note(scale, loss, said, tmp_path):
    study = Study(
        name="Deltas",
        seeds=3,
        task={"kind": "line", "rows": 200, "noise": {"kind": "normal", "scale": scale}},
        recipe={"loss": loss, "optimizer": "sgd", "steps": 300},
    )
    told = []
    Setup(note=told.append, memory=1).run_missing(study, tmp_path / "out")
    assert [sentence for sentence in told if said and said in sentence] == told
    assert len(told) == bool(said)


OWN_OPTIMIZERS = '''
import fairtrial as ft
from fairtrial import tf

@ft.optimizer(elementwise={elementwise})
def partly(gradient, parameter, slots, rate, count, *, part: float = 1.0):
    """Adds a part of the largest of the gradient's numbers."""
    return -rate * (gradient + part * tf.reduce_max(tf.abs(gradient))), {{}}

@ft.optimizer(elementwise=True)
def rooted(gradient, parameter, slots, rate, count):
    """Not a number where a parameter is below -1."""
    return -rate * gradient * tf.sqrt(parameter + 1.0), {{}}

@ft.optimizer(elementwise=True)
def broken(gradient, parameter, slots, rate, count):
    """Fails."""
    return -rate * gradient / (1 // 0), {{}}
'''
OWN_STUDY = """
name = "Own optimizers"
seeds = 1
plugins = ["my_kinds.py"]
task = "digits"
recipe = { loss = "cross_entropy", optimizer = %s, epochs = 1, batch_size = 256 }
"""
WRONGLY = "partly: its decorator says elementwise=True, but a value's change"


def run_own_optimizer(place, optimizer, more="", elementwise=True):
    kinds = OWN_OPTIMIZERS.format(elementwise=elementwise)
    (place / "my_kinds.py").write_text(kinds, encoding="utf-8")
    (place / "study.toml").write_text(OWN_STUDY % optimizer + more, encoding="utf-8")
    return ft.run(ft.Study.load(place / "study.toml", allow_code=True), place / "out")


@pytest.mark.parametrize("more", ["", "vary = { 'optimizer.part' = [1.0, 0.0] }"])
def test_optimizer_that_is_wrongly_elementwise_does_not_train(more, tmp_path):
    """Programs turn the weights of those that say so, which changes what others compute."""
    with pytest.raises(ft.InputError, match=WRONGLY):
        run_own_optimizer(tmp_path, "'partly'", more)
    assert not (tmp_path / "out" / "design.json").exists()


@pytest.mark.parametrize(
    ("optimizer", "elementwise"),
    [
        ("'partly'", False),
        ("{ kind = 'partly', part = 0.0 }", True),
        ("'rooted'", True),
        ("{ kind = 'rooted', learning_rate = 1e30 }", True),
    ],
)
def test_optimizer_that_is_rightly_elementwise_trains(optimizer, elementwise, tmp_path):
    assert run_own_optimizer(tmp_path, optimizer, elementwise=elementwise).runs.height == 1


def test_optimizer_that_fails_is_blamed_with_its_line(tmp_path):
    with pytest.raises(ft.InputError, match=r"my_kinds.py, line 18: .*ZeroDivisionError"):
        run_own_optimizer(tmp_path, "'broken'")
