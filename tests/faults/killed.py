"""Run a study again and again, killing it at random moments; a program of its own.

Each attempt is a fork of this process, which has loaded everything and computed nothing: so that
an attempt costs a second, not five.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path

from fairtrial.study import Study
from fairtrial.training import xla
from fairtrial.trial.execute import run_study

STUDY = Study.from_toml("""
name = "Tiny"
seeds = 8
task = { kind = "line", rows = 200, test_rows = 20 }
recipe = { loss = "mse", optimizer = "sgd", steps = 4 }
vary = { loss = ["mse", "huber"], "optimizer.learning_rate" = [0.01, 0.1] }
""")
MEMORY = 1  # One run a stack: 32 parts.


def count_parts(folder: Path) -> int:
    """Count the stacks that are safe."""
    return len(list(folder.glob("parts/*.parquet")))


def attempt(folder: Path, moments: random.Random | None) -> bool:
    """Run the study in a process of its own, kill it at a random moment, say if it had ended.

    The moment is up to a quarter of a second after some more stacks have finished, or, where that
    is none, within the first seconds; None does not kill.
    """
    child = os.fork()
    if child == 0:
        try:
            run_study(STUDY, folder, memory=MEMORY)
            os._exit(0)
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(1)
    if moments is not None:
        n_more = moments.randint(0, 12)
        enough, delay = count_parts(folder) + n_more, moments.uniform(0.0, 0.25 if n_more else 3.0)
        while os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            if count_parts(folder) >= enough:
                time.sleep(delay)
                os.kill(child, signal.SIGKILL)
                break
            time.sleep(0.005)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status):
        assert os.WEXITSTATUS(status) == 0, "the study failed"
        return True
    return False


def main(place: Path, n_kills: int) -> None:
    """Leave `whole`, never killed, and `killed 0`, `killed 1`, ..., each killed several times."""
    # Compiling would be most of an attempt's time, and has nothing to do with what is tested.
    xla.has_xla = lambda: False
    attempt(place / "whole", None)
    moments, number, parts = random.Random(0), 0, []
    while len(parts) < n_kills:
        folder = place / f"killed {number}"
        if attempt(folder, moments):
            number += 1
        else:
            parts.append(count_parts(folder))
    attempt(place / f"killed {number}", None)
    print(len(parts), number + 1, *parts)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
