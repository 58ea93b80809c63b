"""What is imported, each in a fresh process."""

import subprocess
import sys

STUDY = """
name = "Tiny"
seeds = 1
[task]
kind = "digits"
[recipe]
loss = "cross_entropy"
optimizer = "adam"
epochs = 1
batch_size = 512
"""
# TensorFlow imports Keras by itself where it can, so our command makes Keras absent first.
RUN_WITHOUT_KERAS = f"""
import pathlib, sys
from fairtrial.loading import load_tensorflow
load_tensorflow(own_process=True)
assert "tensorflow" in sys.modules and sys.modules["keras"] is None
assert not [name for name in sys.modules if name.startswith("keras.")]
print("loaded", file=sys.stderr)
from fairtrial.study import Study
from fairtrial.running.execute import Setup
from fairtrial.training import programs
programs.has_xla = lambda: False  # Compiling takes seconds, and imports nothing.
Setup().run_missing(Study.from_toml({STUDY!r}), pathlib.Path(sys.argv[1]))
assert sys.modules["keras"] is None
assert not [name for name in sys.modules if name.startswith(("keras.", "tf_keras"))]
assert "tensorflow" in sys.modules
"""
# One process does more and more; what each stage must not have imported yet.
STUDY_OF_A_LINE = """
name = "Rates"
seeds = 8
task = { kind = "line", rows = 100 }
recipe = { loss = "mse", optimizer = "sgd", steps = 50 }
"""
STUDY_OF_A_TABLE = STUDY_OF_A_LINE.replace(
    'kind = "line", rows = 100',
    'kind = "table", path = "houses.csv", target = "prise", problem = "regression"',
)
STAGES = {
    "help": (
        """
import sys
folder = sys.argv[1]
from fairtrial.cli.main import main
def call(*arguments):
    sys.argv = ["fairtrial", *arguments]
    try:
        main()
    except SystemExit as end:
        return end.code
assert call("--help") == 0
""",
        ("tensorflow", "polars"),
    ),
    "studies": (
        """
from pathlib import Path
import fairtrial as ft
for path in (Path(ft.__file__).parent / "lab" / "studies").glob("*.toml"):
    assert ft.Study.load(path).list_arms()
""",
        ("tensorflow", "sklearn", "sklearnex", "scipy"),
    ),
    "baselines": (
        """
ft.Study(name="x", seeds=1, task="line", recipe={"loss": "mse", "optimizer": "sgd", "steps": 1},
         baselines=[{"name": "A", "model": "svm"}]).list_arms()
""",
        ("sklearn",),
    ),
    "stamps": (
        "import fairtrial.results.stamp, fairtrial.lab.shipped",
        ("tensorflow", "sklearn", "scipy", "altair"),
    ),
    "images": (
        "import fairtrial.data.images.sets, fairtrial.data.catalog as c; c.find('digits')",
        ("tensorflow", "sklearn", "requests", "pooch"),
    ),
    "a wrong table": ("assert call('run', 'table.toml') == 2", ("tensorflow",)),
    "optimum": ("import fairtrial.optimum", ("tensorflow",)),
    "plan": ("ft.plan(ft.Study.load('line.toml'), 'out')", ("tensorflow",)),
    "a trial": (
        """
trial = ft.Trial(folder)
trial.runs, trial.study, repr(trial), trial._repr_html_()
""",
        ("tensorflow", "altair", "vl_convert"),
    ),
    "verdicts": ("assert len(trial.verdicts) == 3", ("tensorflow", "altair")),
    "plots": (
        """
ft.plots.curves(trial)
assert "altair" in sys.modules
""",
        ("tensorflow",),
    ),
    # Everything that a user's files are checked with, before TensorFlow's seconds are spent.
    "checks": (
        """
import fairtrial, fairtrial.study, fairtrial.lab.replay
import fairtrial.data.load, fairtrial.randomness, fairtrial.running.plan, fairtrial.running.cluster
fairtrial.run, fairtrial.Trial
""",
        ("tensorflow", "keras", "jax"),
    ),
}


def run(script, *arguments, cwd=None):
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, cwd=cwd
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done


def test_command_and_study_never_import_keras(tmp_path):
    done = run(RUN_WITHOUT_KERAS, str(tmp_path))
    assert done.stderr.startswith("loaded\n")  # Loading says nothing.
    assert (tmp_path / "runs.parquet").exists()


def test_heavy_packages_are_imported_late(lab, tmp_path):
    (tmp_path / "line.toml").write_text(STUDY_OF_A_LINE)
    (tmp_path / "houses.csv").write_text("town,price\nBern,1\n")
    (tmp_path / "table.toml").write_text(STUDY_OF_A_TABLE)
    check = "heavy = {{n.partition('.')[0] for n in sys.modules}} & {{*{}}}; assert not heavy, {}"
    lines = [
        line
        for stage, (imports, absent) in STAGES.items()
        for line in (imports, check.format(repr(absent), f"({stage!r}, heavy)"))
    ]
    done = run("\n".join(lines), str(lab / "line"), cwd=tmp_path)
    assert "replay" in done.stdout and "'prise' is not a column" in done.stderr


# While these are loaded, Ctrl-C is not yet heard: only what `signal` itself takes.
IMPORT_LITTLE = """
import sys
import signal, os, __future__
before = set(sys.modules)
import fairtrial.__main__
more = set(sys.modules) - before
assert more == {"fairtrial", "fairtrial.__main__"}, more
"""


def test_ctrl_c_is_heard_after_two_small_modules():
    run(IMPORT_LITTLE)
