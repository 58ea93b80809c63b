"""Run a study again and again, killing it at random moments; a program of its own.

Each attempt is a fork of this process, which has loaded everything and computed nothing: so that
an attempt costs a second, not five.
"""

import importlib
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from fairtrial import forks, loading
from fairtrial.running.execute import Setup
from fairtrial.study import Study
from fairtrial.training import programs

STUDY = Study.from_toml("""
name = "Tiny"
seeds = 1
task = { kind = "line", rows = 200, test_rows = 20 }
recipe = { loss = "mse", optimizer = "sgd", steps = 4 }
vary = { loss = ["mse", "huber"], "optimizer.learning_rate" = [0.01, 0.1] }
""")
MEMORY = 1  # One run a stack: 4 parts for each seed.
TOUCHES = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.scandir", "os.listdir")
"""What Python does to files, as its audit hooks call it."""


def count_parts(folder: Path) -> int:
    """Count the stacks that are safe."""
    return len(list(folder.glob("parts/*.parquet")))


def die_at(n_touches: int, folder: Path) -> None:
    """Have this process kill itself as it touches its results folder for the nth time."""
    left = n_touches

    def count(event: str, arguments: tuple) -> None:
        nonlocal left
        if event in TOUCHES and str(folder) in str(arguments[0]):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)


def attempt(
    study: Study,
    folder: Path,
    prepare: Callable[[], None] = lambda: None,
    kill: Callable[[int], None] = lambda child: None,
) -> bool:
    """Run the study in a process of its own, which may be killed; say if it had ended."""
    child = os.fork()
    if child == 0:
        try:
            # TensorFlow is loaded here, but was not used yet: no thread of its parent is missed.
            forks._forked = False
            prepare()
            Setup(memory=MEMORY).run_missing(study, folder)
            os._exit(0)
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(1)
    kill(child)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status):
        assert os.WEXITSTATUS(status) == 0, "the study failed"
        return True
    return False


def attempt_and_die(study: Study, folder: Path, n_touches: int) -> bool:
    """Run the study until it touches its folder for the nth time."""
    return attempt(study, folder, prepare=lambda: die_at(n_touches, folder))


def attempt_and_kill(study: Study, folder: Path, moments: random.Random) -> bool:
    """Run the study until some more stacks have finished, and for up to a quarter second more."""
    more = moments.randint(1, 3 * len(study.list_runs()) // 8)
    enough, delay = count_parts(folder) + more, moments.uniform(0.0, 0.25)

    def kill(child: int) -> None:
        while os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            if count_parts(folder) >= enough:
                time.sleep(delay)
                os.kill(child, signal.SIGKILL)
                return
            time.sleep(0.005)

    return attempt(study, folder, kill=kill)


def main(place: Path, n_kills: int, n_seeds: int) -> None:
    """Leave `whole`, never killed, and `killed 0`, `killed 1`, ..., each killed several times.

    Two of three kills come as the study touches its files, which is the same on any machine: the
    first before any part. The others come from outside, so that they meet computations too.
    """
    # Compiling would be most of an attempt's time, and has nothing to do with what is tested.
    programs.has_xla = lambda: False
    # So is loading TensorFlow, which is done once for all attempts.
    loading.load_tensorflow(own_process=True)
    importlib.import_module("fairtrial.running.stack")
    study = STUDY.replace(seeds=n_seeds)
    attempt(study, place / "whole")
    moments, number, parts = random.Random(0), 0, []
    while len(parts) < n_kills:
        folder = place / f"killed {number}"
        if len(parts) % 3 == 2:
            ended = attempt_and_kill(study, folder, moments)
        else:
            most = 25 * n_seeds if parts else 5
            ended = attempt_and_die(study, folder, moments.randint(1, most))
        if ended:
            number += 1
        else:
            parts.append(count_parts(folder))
    attempt(study, place / f"killed {number}")
    print(len(parts), number + 1, *parts)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
