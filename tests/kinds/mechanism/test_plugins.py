"""Kinds from a file beside a study: allowed by hash, fingerprinted by source, told in sentences."""

import hashlib
import pickle

import numpy as np
import polars as pl
import pytest

import fairtrial as ft
from fairtrial import tf
from fairtrial.cli.results import judge
from fairtrial.kinds.losses.numbers import LOSSES
from fairtrial.kinds.mechanism import plugins
from fairtrial.kinds.mechanism.failures import describe_failure
from fairtrial.kinds.mechanism.plugins import activate, digest_source, find_kinds
from fairtrial.results.fingerprint import fingerprint_runs
from fairtrial.results.verdicts import read_verdicts
from fairtrial.running.cluster import pack, train_packed
from fairtrial.running.plan import plan_stacks
from fairtrial.study import Study

LOG_COSH = '''
import fairtrial as ft
from fairtrial import tf

@ft.loss(slope_bound=1.0)
def soft_mae(residual):
    """Logarithm of the hyperbolic cosine, in target units."""
    size = tf.abs(residual)
    return size + tf.math.softplus(-2.0 * size) - tf.math.log(2.0)
'''
STUDY = """
name = "plugin"
seeds = 2
plugins = ["my_kinds.py"]
[task]
kind = "line"
rows = 50
[recipe]
loss = "mse"
optimizer = { kind = "sgd", learning_rate = 0.1 }
steps = 20
[vary]
loss = ["mse", "soft_mae"]
[[claims]]
say = "soft MAE is as good"
better = { loss = "soft_mae" }
than = { loss = "mse" }
on = "parameter_error"
margin = 0.01
"""


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FAIRTRIAL_CACHE", str(tmp_path / "cache"))
    yield
    activate([])


@pytest.fixture
def study_file(tmp_path):
    # A comment of its own, so that no other test has allowed this source.
    (tmp_path / "my_kinds.py").write_text(f"# {tmp_path.name}\n{LOG_COSH}", encoding="utf-8")
    path = tmp_path / "study.toml"
    path.write_text(STUDY, encoding="utf-8")
    return path


def test_file_runs_only_where_it_is_allowed_and_is_remembered(study_file, tmp_path):
    with pytest.raises(ft.InputError, match=r"my_kinds\.py, a file of Python code .* --allow-code"):
        Study.load(study_file)
    assert LOSSES.get("soft_mae") is None
    Study.load(study_file, allow_code=True)
    assert [arm.name for arm in Study.load(study_file).list_arms()] == [
        "mse",
        "soft_mae",
    ]
    (tmp_path / "my_kinds.py").write_text(f"# changed, {tmp_path}\n{LOG_COSH}", encoding="utf-8")
    with pytest.raises(ft.InputError, match="a file of Python code"):
        Study.load(study_file)


def test_other_studies_do_not_have_its_kinds(study_file):
    study = Study.load(study_file, allow_code=True)
    without = STUDY.replace('plugins = ["my_kinds.py"]', "").replace('"mse", "soft_mae"', '"mse"')
    Study.from_toml(without.partition("[[claims]]")[0])
    assert LOSSES.get("soft_mae") is None
    assert [arm.name for arm in study.list_arms()] == ["mse", "soft_mae"]


def test_study_round_trip(study_file):
    study = Study.load(study_file, allow_code=True)
    assert Study.from_toml(study.to_toml()) == study


def test_only_runs_with_the_kind_are_fingerprinted_by_its_source(study_file, tmp_path):
    before = fingerprint_runs(Study.load(study_file, allow_code=True).list_runs())
    (tmp_path / "my_kinds.py").write_text(
        f"OTHER = {str(tmp_path)!r}\n{LOG_COSH}", encoding="utf-8"
    )
    after = fingerprint_runs(Study.load(study_file, allow_code=True).list_runs())
    assert [one == other for one, other in zip(before, after, strict=True)] == [
        True, True, False, False,
    ]  # fmt: skip


def test_workers_get_the_source_with_the_plan(study_file):
    study = Study.load(study_file, allow_code=True)
    runs = study.list_runs()
    (kind,) = find_kinds(runs[-1].arm.recipe)
    source = "\n".join(line for line in LOG_COSH.splitlines() if line)
    assert digest_source(kind) == hashlib.sha256(source.encode()).hexdigest()
    packed = [pack(plan) for plan in plan_stacks(runs, 2**30)]
    activate([])
    with pytest.raises(LookupError):
        pickle.loads(pickle.dumps(runs))
    parts = [part for one in packed for part in train_packed(one)]
    assert sorted(key for part in parts for key in part.fingerprints) == sorted(
        fingerprint_runs(runs)
    )


def test_study_with_a_loss_without_minimiser_is_trained_and_judged(study_file, tmp_path):
    study = Study.load(study_file, allow_code=True)
    trial = ft.run(study, tmp_path / "results")
    (verdict,) = read_verdicts(tmp_path / "results")
    assert verdict["objective"] is None
    assert "its loss states no exact minimiser" in verdict["cause"]
    assert trial.runs["outcome"].unique().to_list() == ["completed"]
    ends = trial.runs.filter(arm="soft_mae")["mse"].to_numpy()
    assert np.all(np.isfinite(ends))
    page = trial.report().read_text(encoding="utf-8")
    assert "my_kinds.py: SHA-256" in page


def test_results_folder_may_be_opened_where_the_code_was_never_allowed(
    study_file, tmp_path, monkeypatch
):
    ft.run(Study.load(study_file, allow_code=True), tmp_path / "results")
    for number, open_folder in enumerate((
        lambda: ft.Trial(tmp_path / "results", allow_code=True).verdicts,
        lambda: judge(tmp_path / "results", allow_code=True),
    )):  # fmt: skip
        monkeypatch.setenv("FAIRTRIAL_CACHE", str(tmp_path / f"cache {number}"))
        forget_plugins(monkeypatch)
        with pytest.raises(ft.InputError, match="--allow-code, or allow_code=True"):
            _ = ft.Trial(tmp_path / "results").verdicts
        open_folder()


def test_results_folder_keeps_the_code_as_run(study_file, tmp_path, monkeypatch):
    """Also when the user's file changes or is gone, and in another place."""
    trial = ft.run(Study.load(study_file, allow_code=True), tmp_path / "results")
    found = trial.verdicts["difference"].to_list()
    path = study_file.with_name("my_kinds.py")
    as_run = path.read_text(encoding="utf-8")
    path.write_text(as_run + "# changed", encoding="utf-8")
    Study.load(study_file, allow_code=True)
    path.unlink()
    moved = (tmp_path / "results").rename(tmp_path / "elsewhere")
    assert (moved / "plugins" / "my_kinds.py").read_text(encoding="utf-8") == as_run
    forget_plugins(monkeypatch)
    trial = ft.Trial(moved)
    assert trial.verdicts["difference"].to_list() == found
    page = trial.report().read_text(encoding="utf-8")
    digest = hashlib.sha256(as_run.encode()).hexdigest()
    assert f"my_kinds.py: SHA-256 {digest}" in page
    assert ft.judge(moved)["difference"][0] == found[0]
    notes = []
    ft.run(trial.study, moved, note=notes.append)
    assert not any("edited by hand" in note for note in notes)


def forget_plugins(monkeypatch):
    activate([])
    monkeypatch.setattr(plugins, "_loaded", {})


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (
            "raise ValueError('no. 5')",
            r"my_kinds\.py, line \d+: training fails with ValueError: n",
        ),
        (
            "return None",
            r"line 5: training fails with a wrong result: it returns nothing",
        ),
        ("return tf.reduce_mean(residual)", r"a wrong result: it returns the shape \(\) where \("),
        ("return tf.cast(residual, tf.int32)", "it returns int32 numbers for float32 numbers"),
        ("raise RuntimeError", r"line 8: training fails with RuntimeError\. `fairtrial check"),
        (
            "if residual > 0: return residual",
            r"line 8: training fails with a Python if, .*: use tf\.",
        ),
        (
            "import numpy; return numpy.abs(residual)",
            "NotImplementedError: .*; compute with tf",
        ),
    ],
)
def test_error_of_a_kind_in_training_gives_one_sentence(study_file, tmp_path, body, sentence):
    text = LOG_COSH.replace("    size = tf.abs", f"    {body}\n    size = tf.abs")
    study_file.with_name("my_kinds.py").write_text(text, encoding="utf-8")
    study = Study.load(study_file, allow_code=True)
    with pytest.raises(ft.InputError, match=sentence) as error:
        ft.run(study, tmp_path / "results")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("1 / 0", r"my_kinds\.py, line 1: the file fails with ZeroDivisionError"),
        ("\n\ndef f(:", r"my_kinds\.py, line 3: this is not valid Python"),
        ("import sys\nsys.exit(1)", r"line 2: the file fails with SystemExit: 1\.$"),
        ("@ft.loss\ndef mse(residual): ...", "there is a loss of this name already"),
        ("@ft.loss\ndef mine(error): ...", "its arguments must be residual, then its settings"),
        ("@ft.loss\ndef mine(residual, delta): ...", "then its settings after a star"),
        ("@ft.loss\ndef mine(residual, *, delta): ...", "its setting delta needs a type"),
        ("@ft.loss\ndef mine(residual, *, a=[]): ...", "setting a must be a number, a bool or a"),
        ("@ft.loss\ndef mine(residual, *, a: float = 'x'): ...", "the default of a is not allowed"),
        ("@ft.loss\ndef mine(residual, *, a: Nope = 1): ...", "NameError|annotations cannot be"),
        ("@ft.loss(slope=1)\ndef mine(residual): ...", "no fact slope"),
        ("@ft.loss(slope_bound=lambda b: b)\ndef mine(residual): ...", "b, which is no setting"),
        (
            "@ft.loss(slope_bound='x')\ndef mine(residual): ...",
            "slope_bound = 'x' must be callable or a valid number",
        ),
        ("@ft.loss(label=3)\ndef mine(residual): ...", "label = 3 must be a valid string"),
        ("@ft.loss\ndef mine(residual, *, kind: float = 1.0): ...", "kind cannot be a setting"),
        (
            "@ft.optimizer(slots='v')\ndef mine(gradient, parameter, slots, rate, count): ...",
            "slots = 'v' must be a valid tuple or callable",
        ),
        ("@ft.loss(rule=3)\ndef mine(residual): ...", "its rule = 3 must be callable"),
        ("@ft.loss(rule=lambda: 3)\ndef mine(residual): ...", "its rule returns 3: return a"),
        (
            "@ft.loss(rule=lambda: 'no')\ndef mine(residual): ...",
            "the defaults are not allowed",
        ),
        (
            "@ft.loss(rule=lambda: 1 / 0)\ndef mine(residual): ...",
            "a fact of its decorator fails",
        ),
        (
            "@ft.loss\ndef mine(residual, *, _a=1.0): ...",
            "its setting _a begins with an",
        ),
        (
            "@ft.loss\ndef mine(residual, *, definition=1.0): ...",
            "setting definition has the name",
        ),
        ("ft.loss(lambda residual: residual)", "<lambda>: a kind has the name of its function"),
        ("@ft.loss\nclass mine: ...", "what is decorated is a class: write a function with def"),
        ("from functools import partial\nft.loss(partial(abs))", "line 3: .* is of type partial"),
        ("@ft.loss\n@staticmethod\ndef mine(residual): ...", "is of type staticmethod"),
        ("@ft.loss\nasync def mine(residual): ...", "write def in place of async def"),
        ("@ft.loss\ndef mine(residual): yield residual", "write return in place of yield"),
        ("@ft.loss(1.0)\ndef mine(residual): ...", "what is decorated is of type float"),
        ("from textwrap import fill\nft.loss(fill)", "a function of the module textwrap"),
        (
            "@ft.loss\ndef mine(residual): ...\n@ft.loss\ndef mine(residual): ...",
            r"line 4: mine: there is a loss of this name already \(.*my_kinds\.py, line 2\)",
        ),
        ("@ft.injected('moon')\ndef mine(draws, step): ...", "its decorator must say where to, as"),
        ("@ft.injected\ndef mine(draws, step): ...", "its decorator must say where to, as in"),
        ("raise ValueError('one\\ntwo')", r"the file fails with ValueError: one two\.$"),
    ],
)
def test_wrong_file_gives_one_sentence(study_file, text, sentence):
    before = {kind.name for kind in LOSSES}
    study_file.with_name("my_kinds.py").write_text(
        f"import fairtrial as ft\n{text}" if "ft." in text else text, encoding="utf-8"
    )
    with pytest.raises(ft.InputError, match=sentence) as error:
        Study.load(study_file, allow_code=True)
    assert "my_kinds.py, line " in str(error.value)
    assert {kind.name for kind in LOSSES} == before


def test_loss_that_is_nan_does_not_reach_its_neighbours(tmp_path):
    """The root of a residual is NaN below 0, and its slope is infinite at 0."""
    loss = ft.loss(root_loss)
    study = ft.Study(
        name="Neighbours",
        seeds=2,
        task={"kind": "line", "rows": 50, "test_rows": 50},
        recipe=ft.Recipe(loss="mse", optimizer=ft.sgd(learning_rate=0.1), steps=10),
        vary={"loss": ["mse", loss]},
    )
    beside = ft.run(study, tmp_path / "beside").runs
    alone = ft.run(study.replace(vary={}), tmp_path / "alone").runs
    LOSSES.forget(__name__)
    assert sorted(beside["outcome"]) == ["completed", "completed", "diverged", "diverged"]
    assert beside.filter(pl.col("outcome") == "completed")["mse"].to_list() == pytest.approx(
        alone["mse"].to_list(), rel=1e-6
    )


def root_loss(residual):
    """Root of the residual."""
    return tf.sqrt(residual)


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        ("return 2.0", "return 3.0", False),  # A metric that nothing names.
        ("METRICS = 1", "METRICS = 2", True),  # Code of the module.
        ("scale = 1.0", "scale = 2.0", True),  # A loss that the loss calls.
        ("times = 1.0", "times = 2.0", True),  # A loss that is called by the one that it calls.
        ("return residual * 4", "return residual * 5", False),  # Another loss.
    ],
)
def test_source_of_a_kind_is_what_it_can_reach(study_file, before, after, changes):
    text = """
@ft.metric
def two(truth, prediction):
    return 2.0
METRICS = 1
@ft.loss
def third(residual, *, times = 1.0):
    return residual * times
@ft.loss
def second(residual, *, scale = 1.0):
    return scale * third(residual)
@ft.loss
def other(residual):
    return residual * 4
"""
    path, digests = study_file.with_name("my_kinds.py"), []
    source = path.read_text(encoding="utf-8").replace(
        "    size =", "    second(residual)\n    size ="
    )
    for one in (text, text.replace(before, after)):
        path.write_text(source + one, encoding="utf-8")
        (kind,) = find_kinds(Study.load(study_file, allow_code=True).list_arms()[1].recipe)
        digests.append(digest_source(kind))
    assert (digests[0] != digests[1]) == changes


@pytest.mark.parametrize("line", ["import beside", "def f():\n    from beside.more import x"])
def test_import_of_a_file_beside_it_is_refused(study_file, line):
    study_file.with_name("beside.py").write_text("x = 1\n", encoding="utf-8")
    with study_file.with_name("my_kinds.py").open("a", encoding="utf-8") as file:
        file.write(line)
    with pytest.raises(ft.InputError, match=r"my_kinds\.py, line 1[1-3]: it imports beside, which"):
        Study.load(study_file, allow_code=True)


def test_file_with_a_byte_order_mark(study_file):
    path = study_file.with_name("my_kinds.py")
    path.write_text(path.read_text(encoding="utf-8"), encoding="utf-8-sig")
    study = Study.load(study_file, allow_code=True)
    assert [arm.name for arm in study.list_arms()] == ["mse", "soft_mae"]


def test_what_a_file_prints_goes_to_standard_error(study_file, capsys):
    with study_file.with_name("my_kinds.py").open("a", encoding="utf-8") as file:
        file.write("print('hello')\n")
    Study.load(study_file, allow_code=True)
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "hello\n")


def test_file_that_is_not_utf8_gives_one_sentence(study_file):
    study_file.with_name("my_kinds.py").write_bytes("# é".encode("latin-1"))
    with pytest.raises(ft.InputError, match=r"my_kinds\.py is not text in UTF-8: save the file as"):
        Study.load(study_file, allow_code=True)


def test_missing_file_gives_one_sentence(study_file):
    study_file.with_name("my_kinds.py").unlink()
    with pytest.raises(ft.InputError, match=r"my_kinds\.py cannot be read: No such file"):
        Study.load(study_file, allow_code=True)


def test_installed_module_with_the_name_of_a_file_beside_it_is_imported(study_file):
    study_file.with_name("statistics.py").write_text("x = 1\n", encoding="utf-8")
    file = study_file.with_name("my_kinds.py")
    text = file.read_text(encoding="utf-8")
    file.write_text(f"import statistics\n{text}assert statistics.median", encoding="utf-8")
    assert len(Study.load(study_file, allow_code=True).list_arms()) == 2


def test_python_if_on_a_numpy_array_names_numpy():
    with pytest.raises(ValueError, match="truth value") as error:
        bool(np.zeros(2))
    assert describe_failure(error.value).endswith("use tf.where, or np.where for NumPy's")
