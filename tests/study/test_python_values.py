"""Values from Python: the same study, and the same sentences, as from a file."""

from array import array
from collections import ChainMap, deque
from decimal import Decimal
from fractions import Fraction
from itertools import count
from pathlib import Path, PurePosixPath
from types import MappingProxyType

import numpy as np
import polars as pl
import pytest

import fairtrial as ft
from fairtrial.settings.hints import MARKS
from fairtrial.study.task import TableTask

TASK = {"kind": "line", "rows": 100}
RECIPE = {"loss": "mse", "optimizer": {"kind": "sgd", "learning_rate": 0.01}, "steps": 50}
PLAIN = {"name": "x", "seeds": 2, "task": TASK, "recipe": RECIPE}


def make(**changes):
    return ft.Study(**PLAIN | changes)


RATES = [0.001, 0.1]
TABLE = {"kind": "table", "target": "y", "problem": "regression"}
ITSELF = []
ITSELF.append(ITSELF)
SAME = [
    ({"seeds": range(5)}, {"seeds": [0, 1, 2, 3, 4]}),
    ({"seeds": (3, 1)}, {"seeds": [3, 1]}),
    ({"seeds": {4, 2}}, {"seeds": [2, 4]}),
    ({"seeds": np.arange(3)}, {"seeds": [0, 1, 2]}),
    ({"seeds": np.int64(4)}, {"seeds": 4}),
    ({"seeds": [np.int32(4), 5]}, {"seeds": [4, 5]}),
    ({"seeds": pl.Series([4, 5])}, {"seeds": [4, 5]}),
    ({"seeds": np.str_("Ada")}, {"seeds": "Ada"}),
    ({"seeds": lambda: (seed for seed in (3, 1))}, {"seeds": [3, 1]}),
    ({"seeds": lambda: map(int, "31")}, {"seeds": [3, 1]}),
    ({"seeds": {3: "a", 1: "b"}.keys()}, {"seeds": [3, 1]}),
    ({"seeds": {"a": 3, "b": 1}.values()}, {"seeds": [3, 1]}),
    ({"seeds": deque([3, 1])}, {"seeds": [3, 1]}),
    ({"seeds": array("i", [3, 1])}, {"seeds": [3, 1]}),
    ({"seeds": np.array([3, 1], object)}, {"seeds": [3, 1]}),
    ({"task": MappingProxyType(TASK)}, {}),
    ({"task": ChainMap(TASK)}, {}),
    ({"name": PurePosixPath("x")}, {}),
    ({"name": np.str_("x")}, {}),
    ({"only_claimed": np.bool_(False)}, {"only_claimed": False}),
    ({"recipe": ft.Recipe(**RECIPE | {"steps": np.int64(50)})}, {}),
    *(
        (
            {"vary": {"optimizer.learning_rate": values}},
            {"vary": {"optimizer.learning_rate": RATES}},
        )
        for values in (
            list(np.array(RATES)),
            np.array(RATES),
            tuple(RATES),
            pl.Series(RATES),
            [np.float64(0.001), 0.1],
            [Decimal("0.001"), Fraction(1, 10)],
            np.float32(RATES),
            [np.float32(0.001), np.float32(0.1)],
            pl.Series(RATES, dtype=pl.Float32),
            lambda: (rate for rate in RATES),
            {"a": 0.001, "b": 0.1}.values(),
        )
    ),
    (
        {"arms": ({"name": "a", "set": {"steps": np.uint8(9)}, "vary": {"loss": ("mse", "mae")}},)},
        {"arms": [{"name": "a", "set": {"steps": 9}, "vary": {"loss": ["mse", "mae"]}}]},
    ),
    (
        {"task": {"kind": "linear", "features": np.int8(2), "weights": np.array([1.0, 2.5])}},
        {"task": {"kind": "linear", "features": 2, "weights": [1.0, 2.5]}},
    ),
]


def open_iterators(given):
    """Make each generator for the one time that it can be read."""
    if isinstance(given, dict):
        return {name: open_iterators(value) for name, value in given.items()}
    return given() if callable(given) else given


@pytest.mark.parametrize(("given", "plain"), SAME)
def test_values_of_python(given, plain):
    study, expected = make(**open_iterators(given)), make(**plain)
    assert study == expected == make().replace(**open_iterators(given))
    assert study.to_toml() == expected.to_toml()
    assert ft.Study.from_toml(study.to_toml()) == study
    assert [arm.name for arm in study.list_arms()] == [arm.name for arm in expected.list_arms()]
    assert study.list_seeds() == expected.list_seeds()


def test_claims_of_python():
    claim = {"say": "c", "better": {"optimizer.learning_rate": np.float64(0.1)}, "on": "mse"}
    claim["than"] = {"optimizer.learning_rate": np.array(0.001)}
    vary = {"optimizer.learning_rate": np.array(RATES)}
    study = make(vary=vary, claims=[ft.Claim(**claim)])
    assert study == make(vary=vary, claims=(claim,))
    assert study.claims[0].better == {"optimizer.learning_rate": 0.1}


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda: make(seeds=range(0)), "seeds: [] must be a whole number of seeds"),
        (lambda: make(seeds=np.float64(2.0)), "seeds: 2.0 must be a whole number of seeds"),
        (lambda: make(sedes=3), "sedes is not a known name; did you mean 'seeds'?"),
        (lambda: make(recipe=RECIPE | {"steps": "50"}), "recipe.steps = '50'"),
        (
            lambda: ft.Recipe(loss="mse", optimiser="sgd", steps=5),
            "optimiser is not a known name; did you mean 'optimizer'?",
        ),
        (lambda: ft.Recipe(loss="hubr", optimizer="sgd", steps=5), "did you mean 'huber'?"),
        (lambda: ft.Recipe(loss="mse", optimizer="sgd"), "a recipe needs steps"),
        (lambda: ft.Claim(say="x", better={}, than={"loss": "mse"}, on="mse"), "better = {}"),
        (lambda: make(vary={"optimiser.learning_rate": [1.0]}), "did you mean"),
        (lambda: make(vary={"loss": ["cross_entropy"]}), "the targets of line are numbers"),
        (lambda: make(name=b"x"), "name = b'x': it must be a valid string; write it as text, "),
        (
            lambda: make(vary={("loss", "delta"): [1.0]}),
            "\"('loss', 'delta')\" is not a known name",
        ),
        (lambda: make(seeds=ITSELF), "nested more than 50 deep: write them flat."),
        (
            lambda: make(task=TABLE | {"path": "s3://b/a.csv"}),
            "'s3://b/a.csv' is an address and no",
        ),
        (lambda: make(task=TABLE | {"path": "a\0b"}), "'a\\x00b' has a null character"),
        (lambda: make(vary={"steps": None}), "vary.steps = None: it must be a valid list"),
        (lambda: make().replace(sedes=3), "sedes is not a known name; did you mean 'seeds'?"),
        (lambda: TableTask(kind="table", path="", target="y", problem="regression"), "path = ''"),
        (lambda: ft.Study.load(3), "3 is no path"),
        (lambda: ft.Study.load(pl.DataFrame({"a": [1]})), "shape: (1, 1)... is no path: give the"),
        (lambda: ft.Study.from_toml(None), "'None' is not the text of a study: read a file with"),
        (lambda: ft.Study.from_toml(b"name"), "\"b'name'\" is not the text of a study"),
        (lambda: make(seeds=count()), "An iterator gives more than 1,000,000 values: give a list."),
        (
            lambda: make(vary={"optimizer.learning_rate": [Decimal("sNaN")]}),
            "recipe.optimizer.learning_rate = nan: it must be a finite number.",
        ),
        (
            lambda: make(vary={"optimizer.learning_rate": [Fraction(10) ** 400]}),
            "recipe.optimizer.learning_rate = inf: it must be a finite number.",
        ),
        (
            lambda: make(vary={1: [2]}),
            "vary has the name 1: names are text; write it in quotes.",
        ),
        (lambda: ft.Trial(None), "None is no path"),
        (lambda: ft.Study.load("~nobody-of-this-name/study.toml"), "a user who is not known"),
        (lambda: ft.run(PLAIN, "out"), "is not a study"),
        (lambda: ft.run(make(), "out", verify=-1), "verify = -1: give a whole number, at least 0."),
        (lambda: ft.run(make(), "out", memory="2G"), "memory = '2G': give a whole number of bytes"),
        (lambda: ft.run(make(), "out", max_seeds=0), "max_seeds = 0: give a whole number, at"),
        (lambda: ft.run(make(), "out", engine=3), "engine = 3 is no engine: give one that a with"),
        (lambda: ft.run(make(), "out", engine=ft.start_workers(1)), "is no engine: give one that"),
        (lambda: ft.run(make(), "out", progress=3), "progress = 3 is no function: give one, or"),
        (lambda: ft.run(make(), "out", note="a"), "note = 'a' is no function"),
        (lambda: ft.run(make(), "out", grown=3), "grown = 3 is no function"),
        (lambda: ft.judge(None), "None is neither a frame of runs nor the path of a results fo"),
        (lambda: ft.Study("x"), "Study takes its settings by name, as in Study(name=...), and 'x'"),
        (lambda: ft.Recipe("mse"), "Recipe takes its settings by name, as in Recipe(loss=...), an"),
        (lambda: ft.start_workers("x").__enter__(), "n_workers = 'x': give a whole number, at lea"),
        (
            lambda: ft.start_workers(0).__enter__(),
            "n_workers = 0: give a whole number, at least 1.",
        ),
        (lambda: ft.connect(None).__enter__(), "scheduler = None is no address: give that of a Da"),
        (lambda: ft.sgd("fast"), "sgd: 'fast' is not data: settings are given by name, as in sgd("),
        (lambda: ft.sgd(0.1), "are given by name, as in sgd(learning_rate=...); as a function it "),
        (lambda: ft.huber("a"), "huber: 'a' is not data: settings are given by name, as in huber("),
        (lambda: ft.huber(None), "huber: None is not data: settings are given by name"),
        (
            lambda: ft.huber(1.0, 2.0),
            "huber: too many positional arguments: settings are given by name",
        ),
        (
            lambda: ft.huber(1.0, dleta=2.0),
            "huber: got an unexpected keyword argument 'dleta': settings",
        ),
        (lambda: ft.sklearn(3), "settings are given by name, as in sklearn(estimator=...)"),
        (lambda: ft.metrics.mse("a", "b"), "mse: 'a' is not data: as a function it takes truth, "),
    ],
)
def test_what_is_wrong_is_said_as_of_files(made, said):
    with pytest.raises(ft.InputError) as error:
        made()
    assert said in str(error.value) and "pydantic" not in str(error.value)
    assert error.value.__context__ is None or error.value.__suppress_context__


def test_all_errors_of_python_at_once():
    with pytest.raises(ft.InputError) as error:
        make(seeds=0, recipe=RECIPE | {"steps": -1}, claims=[{"say": "x"}])
    for said in ("seeds: 0 must be", "recipe.steps = -1", "claims[0].better is missing"):
        assert said in str(error.value)


def test_paths_are_absolute_once_a_study_is_made(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    task = {"kind": "table", "path": "a.csv", "target": "y", "problem": "regression"}
    paths = ["b.csv", Path("c.csv"), "~/d.csv"]
    for given in (task, TableTask(**task)):
        study = make(task=given, vary={"task.path": paths})
        monkeypatch.chdir("/")
        assert study.task.path == f"{tmp_path}/a.csv"
        expected = [f"{tmp_path}/b.csv", f"{tmp_path}/c.csv", f"{tmp_path}/home/d.csv"]
        assert [arm.task.path for arm in study.list_arms()] == expected
        assert [arm.name for arm in study.list_arms()] == ["b.csv", "c.csv", "d.csv"]
        assert ft.Study.from_toml(study.to_toml()) == study
        monkeypatch.chdir(tmp_path)


def test_the_home_folder_in_study_files(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    text = make(task={"kind": "images", "path": "/p"}, recipe={
        "loss": "cross_entropy", "optimizer": "adam", "epochs": 1, "batch_size": 8,
    }).to_toml()  # fmt: skip
    (tmp_path / "study.toml").write_text(text.replace('"/p"', '"~/p"'))
    assert ft.Study.load("~/study.toml").task.path == f"{tmp_path}/p"


class Shy:
    """An object that fails to describe itself."""

    def __repr__(self):
        raise ValueError


@pytest.mark.parametrize("call", [
    lambda: make(seeds=Shy()), lambda: make(task={"kind": "line", "rows": Shy()}),
    lambda: ft.plan(Shy()), lambda: ft.run(Shy(), "out"), lambda: ft.run(make(), Shy()),
    lambda: ft.judge(Shy()), lambda: ft.Trial(Shy()), lambda: ft.Study.load(Shy()),
])  # fmt: skip
def test_objects_that_fail_to_describe_themselves_are_named_by_their_type(call):
    with pytest.raises(ft.InputError, match="an object of the type Shy"):
        call()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"claims": "Huber"}, "claims = 'Huber': it must be a valid list; give a list, as in clai"),
        ({"claims": [3]}, 'claims[0] = 3: it must be a dict, as in {"name": value}.'),
        (
            {"arms": {"Huber": {"loss": True}}},
            "arms = {'Huber': {'loss': True}}: it must be a valid list; give a list, as in "
            'arms=[{"name": ..., "set": {...}}].',
        ),
        ({"baselines": "svm"}, 'as in baselines=[{"name": ..., "model": ft.svm()}].'),
        ({"vary": [1]}, 'vary = [1]: it must be a dict, as in {"name": value}; several values are'),
        ({"vary": {"steps": True}}, "vary.steps = True: it must be a valid list; write brackets, "),
        ({"vary": {"optimizer": {"momentum": [0.9]}}}, 'as in "optimizer.momentum": [...].'),
        ({"recipe": None}, 'recipe = None: it must be a dict, as in {"name": value}.'),
        ({"recipe": [RECIPE]}, 'as in {"name": value}; give one, and no list.'),
        ({"recipe": RECIPE | {"steps": [5, 6]}}, 'are varied, as in vary={"NAME": [...]}.'),
        ({"recipe": RECIPE | {"loss": {}}}, 'has no kind: name one, as in {"kind": ...}.'),
        ({"recipe": RECIPE | {"seeds": 3}}, "not a known name; seeds is an argument of Study."),
        ({"recipe": RECIPE | {"claims": []}}, "not a known name; claims is an argument of Study."),
        ({"study": {"name": "x"}}, "what it holds are arguments of Study: leave out 'study'."),
        ({"only_claimed": 1}, "it must be a valid boolean; write True or False, without quotes."),
        (
            {"claims": [{"say": "x", "better": "A", "than": {"arm": "B"}, "on": "mse"}]},
            'name a setting, as in {"loss": "A"}, or an arm, as in {"arm": "A"}.',
        ),
    ],
)
def test_errors_have_the_words_of_python(changes, said):
    with pytest.raises(ft.InputError) as error:
        make(**changes)
    assert said in str(error.value)
    assert not set(MARKS) & set(str(error.value))


def undecorated(residual):
    return residual


@pytest.mark.parametrize(
    ("changes", "decorators"),
    [
        ({"recipe": RECIPE | {"loss": undecorated}}, "@ft.loss (for classes @ft.class_loss)"),
        ({"recipe": RECIPE | {"loss": lambda residual: residual}}, "@ft.loss"),
        ({"recipe": RECIPE | {"optimizer": undecorated}}, "@ft.optimizer"),
        ({"recipe": RECIPE | {"schedule": undecorated}}, "@ft.schedule"),
        ({"recipe": RECIPE | {"schedule": [undecorated]}}, "@ft.schedule"),
        ({"recipe": RECIPE | {"init": undecorated}}, "@ft.init"),
        ({"recipe": RECIPE | {"average": undecorated}}, "@ft.average"),
        ({"recipe": RECIPE | {"features": undecorated}}, "@ft.features"),
        ({"recipe": RECIPE | {"noise": {"weights": undecorated}}}, "@ft.injected"),
        ({"task": {"kind": "line", "noise": undecorated}}, "@ft.noise"),
        ({"metrics": [undecorated]}, "@ft.metric"),
        ({"task": undecorated}, "@ft.dataset"),
        ({"vary": {"loss": [undecorated, "mse"]}}, "@ft.loss"),
    ],
)
def test_functions_without_a_decorator_are_refused_with_its_name(changes, decorators):
    with pytest.raises(ft.InputError) as error:
        make(**changes)
    assert "> is not known as a kind: decorate a function with " + decorators in str(error.value)


class Closed:
    """An object whose attributes cannot be asked for."""

    def __getattr__(self, name):
        raise KeyError(name)


class Broken:
    """An array that cannot be read."""

    def tolist(self):
        raise RuntimeError("no memory")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"seeds": Closed()}, "must be a whole number of seeds"),
        ({"recipe": RECIPE | {"steps": Closed()}}, "it must be a valid integer."),
        ({"recipe": RECIPE | {"loss": Closed()}}, 'it must be a dict, as in {"name": value}.'),
        ({"vary": {"steps": [Closed()]}}, "recipe.steps = "),
        ({"arms": [{"name": "a", "set": {"loss": Closed()}}]}, "it must be a dict, as in"),
        ({"baselines": [Closed()]}, "baselines[0]: it needs fit and predict"),
        ({"seeds": Broken()}, "cannot be read (RuntimeError: no memory): give numbers, texts"),
        ({"seeds": (1 // seed for seed in [1, 0])}, "cannot be read (ZeroDivisionError: "),
    ],
)
def test_objects_whose_methods_fail_give_a_sentence(changes, said):
    with pytest.raises(ft.InputError) as error:
        make(**changes)
    assert said in str(error.value)


def test_without_a_working_directory(tmp_path, monkeypatch):
    """Whole paths do; relative ones lead nowhere."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert make().seeds == 2
    path = tmp_path / "study.toml"
    path.write_text(make().to_toml())
    assert ft.Study.load(path) == make()
    with pytest.raises(ft.InputError, match="is relative, but the working directory is gone: "):
        make(task=TABLE | {"path": "a.csv"})
    with pytest.raises(ft.InputError, match="cannot be read: No such file or directory"):
        ft.Study.load("study.toml")
