"""A study with a file of kinds, after the file has changed: what trains again, and what is said."""

import re
import shutil

import polars as pl
import pytest

import fairtrial as ft
from fairtrial.cli.results import export
from fairtrial.kinds.mechanism import plugins
from fairtrial.kinds.mechanism.plugins import activate
from fairtrial.running.counterfactual import make_longer_study
from fairtrial.study import Study

KINDS = '''
import fairtrial as ft
import numpy as np
from fairtrial import tf

SCALE = 1.0

@ft.loss(minimiser="none is known")
def soft(residual):
    """Pseudo-Huber loss, in target units."""
    return root(1.0 + residual * residual) * SCALE

def root(square):
    return tf.sqrt(square) - 1.0

@ft.loss
def unused(residual):
    """No arm uses it."""
    return residual * residual

@ft.metric(higher_is_better=False)
def worst(truth, prediction):
    """The largest error, in target units."""
    return shrink(float(np.abs(truth - prediction).max()))

def shrink(value):
    return value

@ft.dataset(rows="split")
def wave():
    """Sixty rows of two features."""
    stream = np.random.default_rng(1)
    X = stream.normal(size=(60, 2))
    return X, 2.0 * X[:, 0] + 0.1 * stream.normal(size=60)
'''
STUDY = """
name = "Life"
seeds = 2
plugins = ["my_kinds.py"]
metrics = ["worst"]
task = "wave"
recipe = { loss = "mse", optimizer = { kind = "sgd", learning_rate = 0.02 }, steps = 40 }
vary = { loss = ["mse", "soft"] }
[[claims]]
say = "The soft loss is worse"
better = { loss = "mse" }
than = { loss = "soft" }
on = "worst"
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    place = tmp_path_factory.mktemp("life")
    (place / "my_kinds.py").write_text(KINDS, encoding="utf-8")
    (place / "study.toml").write_text(STUDY, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FAIRTRIAL_CACHE", str(place / "cache"))
        ft.run(Study.load(place / "study.toml", allow_code=True), place / "out")
    return place


@pytest.fixture
def place(trained, tmp_path, monkeypatch):
    """A copy on another machine, as it were: another path, and no kinds known yet."""
    shutil.copytree(trained, tmp_path / "copy")
    monkeypatch.setenv("FAIRTRIAL_CACHE", str(tmp_path / "copy" / "cache"))
    forget(monkeypatch)
    yield tmp_path / "copy"
    activate([])


def forget(monkeypatch):
    activate([])
    monkeypatch.setattr(plugins, "_loaded", {})
    monkeypatch.setattr(plugins, "_modules", {})


class Counts:
    """An engine that notes what it should train, and trains nothing."""

    n_at_once = 1

    def __init__(self):
        self.names = set()

    def measure_free_memory(self):
        return 10**9

    def train(self, plans, progress):
        self.names = {run.arm.name for plan in plans for row in plan.runs for run in row}
        if plans:
            raise InterruptedError
        yield from ()


def list_trained(place):
    engine = Counts()
    study = Study.load(place / "study.toml", allow_code=True)
    try:
        ft.run(study, place / "out", engine=engine)
    except InterruptedError:
        assert (place / "out" / "study.toml").is_file()  # What there was is there.
    return engine.names


@pytest.mark.parametrize(
    ("before", "after", "trained_again"),
    [
        ("SCALE = 1.0", "SCALE = 1.0  # A comment.\n\n# Another one.", set()),
        ("residual * residual\n", "residual * residual * 2.0\n", set()),
        (".max()", ".max() + 1.0", set()),
        ("return value", "return value + 1.0", set()),
        ("tf.sqrt(square) - 1.0", "tf.sqrt(square) - 1.5", {"soft"}),
        ("SCALE = 1.0", "SCALE = 2.0", {"mse", "soft"}),
        ("0.1 * stream", "0.2 * stream", {"mse", "soft"}),
    ],
)
def test_what_depends_on_a_change_trains_again_and_nothing_else(
    place, before, after, trained_again
):
    assert KINDS.count(before) == 1
    (place / "my_kinds.py").write_text(KINDS.replace(before, after), encoding="utf-8")
    known = ft.Trial(place / "out").runs["worst"].to_list()
    assert list_trained(place) == trained_again
    if not trained_again:
        added = 1.0 if "+ 1.0" in after else 0.0
        assert ft.Trial(place / "out").runs["worst"].to_list() == [one + added for one in known]


def test_file_under_another_name_trains_nothing(place):
    (place / "my_kinds.py").rename(place / "other.py")
    (place / "my_kinds.py").symlink_to("other.py")
    assert list_trained(place) == set()
    (place / "my_kinds.py").unlink()
    study = (place / "study.toml").read_text(encoding="utf-8")
    (place / "study.toml").write_text(study.replace("my_kinds", "other"), encoding="utf-8")
    assert list_trained(place) == set()
    assert ft.Trial(place / "out").study.plugins == [str(place / "out" / "plugins" / "other.py")]


def test_folder_is_read_without_the_file(place, monkeypatch):
    (place / "my_kinds.py").unlink()
    (place / "study.toml").unlink()
    trial = ft.Trial(place / "out")
    before = trial.verdicts["difference"].to_list()
    assert trial.report().is_file()
    assert trial.model("soft").coef_.shape == (2,)
    forget(monkeypatch)
    assert ft.judge(place / "out")["difference"].to_list() == before


def test_charts_know_the_metrics_of_the_folder(place):
    trial = ft.Trial(place / "out")
    assert "worst" in str(trial.plot.final_values("worst").to_dict())
    Study.from_toml(STUDY.partition("plugins")[0] + 'task = "line"\nrecipe = { loss = "mse", '
        'optimizer = "sgd", steps = 1 }')  # fmt: skip
    assert "worst" in str(trial.plot.final_values("worst").to_dict())


def test_without_permission_tables_are_read_and_the_rest_is_one_sentence(place, monkeypatch):
    monkeypatch.setenv("FAIRTRIAL_CACHE", str(place / "nothing allowed"))
    trial = ft.Trial(place / "out")
    assert trial.runs.height == 4 and trial.plot.curves("loss").to_dict()
    for ask in (lambda: trial.verdicts, trial.report, lambda: trial.model("mse")):
        with pytest.raises(ft.InputError, match="that would run on this machine") as refused:
            ask()
        assert "\n" not in str(refused.value)
    with pytest.raises(ft.InputError, match="allow it with --allow-code"):
        export(place / "out", "csv", quiet=True)
    export(place / "out", "csv", allow_code=True, quiet=True)
    runs = pl.read_csv(place / "out" / "csv" / "runs.csv")
    assert runs["worst"].to_list() == trial.runs["worst"].to_list()


def test_code_that_may_not_run_is_no_edit_by_hand(place, monkeypatch):
    monkeypatch.setenv("FAIRTRIAL_CACHE", str(place / "nothing allowed"))
    (place / "my_kinds.py").write_text(f"{KINDS}# Changed.\n", encoding="utf-8")
    notes = []
    study = Study.load(place / "study.toml", allow_code=True)
    ft.run(study, place / "out", note=notes.append)
    assert not any("edited by hand" in note for note in notes)
    assert not [*(place / "out").glob("edited-*")]


@pytest.mark.parametrize("change", ["gone", "damaged", "folder"])
def test_copy_that_cannot_be_read_is_one_sentence_until_the_study_runs_again(place, change):
    copy = place / "out" / "plugins" / "my_kinds.py"
    copy.unlink()
    if change == "damaged":
        copy.write_bytes(b"\xff\xfe\x00")
    if change == "folder":
        copy.mkdir()
    said = r"plugins/my_kinds\.py (cannot be read|is not text)"
    with pytest.raises(ft.InputError, match=said):
        _ = ft.Trial(place / "out").verdicts
    forecast = ft.plan(Study.load(place / "study.toml"), place / "out")
    assert forecast.runs_done == forecast.runs == 4
    assert re.search(said, forecast.notes[-1])
    if change != "folder":
        assert list_trained(place) == set()
        assert copy.read_text(encoding="utf-8") == KINDS


def test_longer_runs_have_the_kinds_of_the_study(place):
    study = Study.load(place / "study.toml")
    arms = study.list_arms()
    longer = make_longer_study(study, arms, dict.fromkeys((arm.name for arm in arms), 4))
    found = [(arm.task.kind, arm.recipe.loss.kind, arm.recipe.steps) for arm in longer.list_arms()]
    assert found == [("wave", "mse", 160), ("wave", "soft", 160)]
