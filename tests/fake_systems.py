"""Systems for tests of the benchmarks, which load in a moment and train nothing."""

import os
import signal
import sys
from pathlib import Path

from benchmarks.peers.measure import System
from benchmarks.peers.process import Call


def fake(name, prepare, n_lanes=2, package="json", **settings):
    """A system that `prepare`, a function of this file, makes."""
    problem, prepare = Call("builtins:int"), Call(f"fake_systems:{prepare}", settings)
    return System(name, n_lanes, problem, prepare, package=package)


def prepare_log(problem, text, file):
    """Write a text and the process at each run; also print, as libraries do."""

    def run():
        with Path(file).open("a") as log:
            log.write(f"{text} {os.getpid()}\n")
        print("a library says something")

    return run


def prepare_crash(problem, good_runs):
    """Crash after some runs, as a library with a fault does."""
    left = [good_runs]

    def run():
        if not left[0]:
            os.kill(os.getpid(), signal.SIGSEGV)
        left[0] -= 1

    return run


def prepare_exit(problem, code):
    """Exit while it is prepared."""
    sys.exit(code)


def prepare_error(problem):
    """Raise an error while it is prepared."""
    raise ValueError("no such device")
