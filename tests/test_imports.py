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
[vary]
optimizer = ["adam", "sgd", "rmsprop"]
"""
# TensorFlow imports Keras by itself where it can, so Keras is made absent first.
RUN_WITHOUT_KERAS = f"""
import pathlib, sys
sys.modules["keras"] = None
from fairtrial.study import Study
from fairtrial.trial.execute import run_study
run_study(Study.from_toml({STUDY!r}), pathlib.Path(sys.argv[1]))
assert sys.modules["keras"] is None
assert not [name for name in sys.modules if name.startswith(("keras.", "tf_keras"))]
assert "tensorflow" in sys.modules
"""
# Everything that a user's files are checked with, before TensorFlow's seconds are spent.
IMPORT_WITHOUT_TENSORFLOW = """
import sys
import fairtrial, fairtrial.study, fairtrial.trial.replay
import fairtrial.data.load, fairtrial.randomness, fairtrial.trial.plan, fairtrial.trial.cluster
fairtrial.run, fairtrial.Trial
heavy = {name.partition(".")[0] for name in sys.modules} & {"tensorflow", "keras", "jax"}
assert not heavy, heavy
"""


def run(script, *arguments):
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_a_study_runs_where_there_is_no_keras(tmp_path):
    run(RUN_WITHOUT_KERAS, str(tmp_path))
    assert (tmp_path / "runs.parquet").exists()


def test_files_are_checked_without_tensorflow():
    run(IMPORT_WITHOUT_TENSORFLOW)


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
