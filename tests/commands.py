"""The commands, in this process or in one that is started for them."""

import contextlib
import io
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fairtrial.cli import lab, main, results, runs
from fairtrial.loading import load_tensorflow

PROGRESS = re.compile(r".+ · \d+%( · .+)?\n")


def call(*arguments, cwd: Path | None = None) -> subprocess.CompletedProcess:
    """Run a command in this process, which has loaded everything already.

    Returns
    -------
    subprocess.CompletedProcess
        As `run` returns it.
    """
    out, error, code = io.StringIO(), io.StringIO(), 0
    with pytest.MonkeyPatch.context() as patch, contextlib.ExitStack() as stack:
        # What would harm the tests to come: the end of this process, and the absence of Keras.
        patch.setattr(main, "leave", sys.exit)
        for group in (lab, results, runs):
            patch.setattr(group, "load_tensorflow", lambda own_process: load_tensorflow())
        patch.setattr(sys, "argv", ["fairtrial", *map(str, arguments)])
        patch.chdir(cwd or Path.cwd())
        stack.enter_context(contextlib.redirect_stdout(out))
        stack.enter_context(contextlib.redirect_stderr(error))
        try:
            main.main()
        except SystemExit as end:
            code = end.code or 0
    said = drop_progress(error.getvalue())
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), said)


def run(*command, **options) -> subprocess.CompletedProcess:
    """Run Python with these arguments in a process of its own, however long that takes."""
    done = subprocess.run(
        [sys.executable, *map(str, command)], capture_output=True, text=True, **options
    )
    done.stderr = drop_progress(done.stderr)
    return done


def drop_progress(said: str) -> str:
    """Leave the lines of progress out: on a slow machine there are some, on a fast one none."""
    return PROGRESS.sub("", said)
