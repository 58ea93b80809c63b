"""What processes, streams and interpreters can do to a command: a sentence each time."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

COMMAND = [sys.executable, "-m", "fairtrial"]
STUDY = """
name = "x"
seeds = 2
task = "line"
recipe = { loss = "mse", optimizer = "sgd", steps = 5 }
"""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_output():
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([*COMMAND, "schema"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 3
    assert done.stderr.startswith("The output cannot be written: No space left on device.")
    assert "Traceback" not in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize("arguments", [["schema"], ["run", "--help"]], ids=" ".join)
def test_a_python_without_docstrings_says_the_same(arguments):
    plain, without = (
        subprocess.run([sys.executable, *options, "-m", "fairtrial", *arguments],
                       capture_output=True, text=True)
        for options in ([], ["-OO"])
    )  # fmt: skip
    assert without.returncode == 0 and without.stdout == plain.stdout and not without.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps such limits")
@pytest.mark.parametrize("n_gib", [1, 2])
def test_too_little_memory_for_the_libraries(n_gib, tmp_path):
    """The limit is that of `ulimit -v`: a library cannot be mapped, or would end the process."""
    code = (
        f"import resource; resource.setrlimit(resource.RLIMIT_AS, ({n_gib} << 30,) * 2); "
        "from fairtrial.__main__ import main; main()"
    )
    study = tmp_path / "study.toml"
    study.write_text(STUDY)
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code, "run", str(study), "--out", str(tmp_path / "out")],
        capture_output=True, text=True, env=environment,
    )  # fmt: skip
    assert done.returncode == 3 and "Traceback" not in done.stderr, done.stderr[-1000:]
    assert "ulimit -v" in done.stderr and done.stderr.count("\n") == 1


STRICT = """
class Chart:
    "A chart."
if Chart.__doc__ is None:
    raise AttributeError("no doc")
"""


def test_altair_has_its_docstrings_without_those_of_python(tmp_path):
    """A package of that name which is as strict as Altair; other modules stay as they are."""
    (tmp_path / "altair").mkdir()
    (tmp_path / "altair" / "__init__.py").write_text("from altair import core\n")
    (tmp_path / "altair" / "core.py").write_text(STRICT)
    (tmp_path / "other.py").write_text('"""Words."""\n')
    code = (
        "import sys, fairtrial; sys.path.insert(0, sys.argv[1]); "
        "import altair, other; print(other.__doc__)"
    )
    done = subprocess.run(
        [sys.executable, "-OO", "-c", code, str(tmp_path)], capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("None\n", "")


@pytest.mark.long
def test_charts_are_drawn_without_docstrings():
    code = "import fairtrial as ft; print(ft.plots.cause.__name__)"
    done = subprocess.run([sys.executable, "-OO", "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("cause\n", "")


WARNED = """
import sys
import numpy as np
from fairtrial.cli import main as cli
cli.app = lambda: print(np.log(np.zeros(1))[0])
cli.main()
"""


@pytest.mark.parametrize(("options", "is_shown"), [([], False), (["-W", "default"], True)])
def test_warnings_of_numpy_are_not_shown_unless_asked_for(options, is_shown):
    done = subprocess.run(
        [sys.executable, *options, "-c", WARNED], capture_output=True, text=True,
        env={name: value for name, value in os.environ.items() if name != "PYTHONWARNINGS"},
    )  # fmt: skip
    assert done.stdout == "-inf\n"
    assert ("divide by zero" in done.stderr) == is_shown
    assert is_shown or not done.stderr


CLOSED = """
import os, sys
for number in map(int, sys.argv[2:]):
    os.close(number)
os.execv(sys.executable, [sys.executable, "-m", "fairtrial", "run", sys.argv[1], "--out", "o"])
"""


@pytest.mark.parametrize("closed", [[2], pytest.param([0, 1, 2], marks=pytest.mark.long)], ids=str)
def test_closed_streams(closed, tmp_path):
    (tmp_path / "study.toml").write_text(STUDY)
    command = [sys.executable, "-c", CLOSED, "study.toml", *map(str, closed)]
    assert subprocess.run(command, cwd=tmp_path, stdout=subprocess.DEVNULL).returncode == 0
    # Nothing that was meant for the terminal is in a file.
    assert pl.read_parquet(tmp_path / "o" / "runs.parquet").height == 2
    for path in (tmp_path / "o").rglob("*.json"):
        json.loads(path.read_text())


def test_ctrl_c_while_the_commands_are_loaded(tmp_path):
    """The signal comes from a module that the commands import, so that no clock decides."""
    (tmp_path / "typer.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    code = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
        f"sys.path.insert(0, {str(tmp_path)!r}); from fairtrial.__main__ import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "Stopped.\n")


# What a child does with each action, and its parent then.
TRY_EACH = """
        try:
            action()
            print("done")
        except ft.InputError as error:
            print(error)
    sys.stdout.flush()
    os._exit(0)
os.waitpid(child, 0)
"""

FORKED = (
    """
import os, sys, tempfile
import fairtrial as ft
from fairtrial.training import programs
programs.has_xla = lambda: False  # Compiling takes seconds, and is not what is tested.
study = ft.Study(name="x", seeds=2, task={"kind": "line", "rows": 50},
                 recipe={"loss": "mse", "optimizer": "sgd", "steps": 3})
folder = tempfile.mkdtemp()
trial = ft.run(study, folder)
child = os.fork()
if child == 0:
    for action in (lambda: ft.run(study, folder + "2"), lambda: ft.Trial(folder).runs,
                   lambda: trial.curves):
"""
    + TRY_EACH
    + """
print(trial.runs.height)
"""
)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
def test_a_forked_child_is_refused():
    done = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True)
    *said, height = done.stdout.splitlines()
    assert len(said) == 3 and height == "2"
    assert all('multiprocessing.get_context("spawn")' in line for line in said)


FORKED_AFTER_POLARS = (
    """
import faulthandler, os, sys, tempfile
import polars as pl
import fairtrial as ft
os.chdir(sys.argv[2])
if sys.argv[1] == "frame":
    pl.DataFrame({"a": [1, 2]}).with_columns(pl.col("a") + 1)
if sys.argv[1] == "table":
    with open("rows.csv", "w") as file:
        file.write("a,y\\n" + "".join(f"{i * i % 7},{i}\\n" for i in range(40)))
task = {"kind": "table", "path": "rows.csv", "target": "y", "problem": "regression"}
def make(task):
    return ft.Study(name="x", seeds=2, task=task,
                    recipe={"loss": "mse", "optimizer": "sgd", "steps": 3})
if sys.argv[1] == "table":
    ft.plan(make(task))
frame = pl.DataFrame({"loss": ["mse", "mae"], "seed": [0, 0], "r2": [0.5, 0.6]})
claim = {"say": "x", "better": {"loss": "mae"}, "than": {"loss": "mse"}, "on": "r2"}
child = os.fork()
if child == 0:
    faulthandler.dump_traceback_later(60, exit=True)
    for action in (lambda: ft.plan(make(task)), lambda: ft.judge(frame, claims=[claim]),
                   lambda: ft.run(make({"kind": "line", "rows": 50}), tempfile.mkdtemp())):
"""
    + TRY_EACH
)


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="only Linux tells of threads")
@pytest.mark.parametrize("used", ["frame", "table"])
def test_a_child_forked_after_polars_was_used_is_refused(used, tmp_path):
    command = [sys.executable, "-c", FORKED_AFTER_POLARS, used, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    said = done.stdout.splitlines()
    assert len(said) == 3, done.stderr
    assert all('multiprocessing.get_context("spawn")' in line for line in said)


def test_an_interrupt_that_is_ignored_stays_so():
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); import sys; "
        "sys.argv = ['fairtrial', '--version']; import fairtrial.__main__ as m\n"
        "try: m.main()\nexcept SystemExit: print(signal.getsignal(signal.SIGINT).name)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == signal.SIG_IGN.name
