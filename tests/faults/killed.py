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

sys.modules["keras"] = None
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
from fairtrial.study import Study  # noqa: E402
from fairtrial.trial.execute import run_study  # noqa: E402

STUDY = Study.from_toml("""
name = "Tiny"
seeds = 8
task = { kind = "line", rows = 200, test_rows = 20 }
recipe = { loss = "mse", optimizer = "sgd", steps = 100 }
vary = { loss = ["mse", "huber"], "optimizer.learning_rate" = [0.01, 0.1] }
""")
MEMORY = 1  # One run a stack: 32 parts.


def attempt(folder: Path, seconds: float | None) -> bool:
    """Run the study in a process of its own; kill it after some seconds; say if it had ended."""
    child = os.fork()
    if child == 0:
        try:
            run_study(STUDY, folder, memory=MEMORY)
            os._exit(0)
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(1)
    if seconds is not None:
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status):
        assert os.WEXITSTATUS(status) == 0, "the study failed"
        return True
    return False


def main(place: Path, n_kills: int) -> None:
    """Leave `whole`, never killed, and `killed 0`, `killed 1`, ..., each killed several times."""
    began = time.monotonic()
    attempt(place / "whole", None)
    whole = time.monotonic() - began
    moments, number, killed, parts = random.Random(0), 0, 0, []
    while killed < n_kills:
        folder = place / f"killed {number}"
        if attempt(folder, moments.uniform(0.2, 1.0) * min(whole, 4.0)):
            number += 1
            continue
        killed += 1
        parts.append(len(list(folder.glob("parts/*.parquet"))))
    attempt(place / f"killed {number}", None)
    print(killed, number + 1, *parts)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
