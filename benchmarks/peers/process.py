"""A process for each system, which prepares it, warms it up and runs it when it is asked to.

Some libraries cannot share a process: PyTorch may crash where TensorFlow already runs. The parent
writes lines of JSON: first the system, then for each turn a number of runs. The process answers
each line with the seconds of its runs and with its peak memory so far.
"""

import gc
import json
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import Any

from fairtrial.loading import load_tensorflow


@dataclass(frozen=True)
class Call:
    """A call that another process can make.

    Attributes
    ----------
    function : str
        `module:name`.
    settings : dict
        Keyword arguments that JSON can hold.
    """

    function: str
    settings: dict[str, Any] = field(default_factory=dict)

    def perform(self, *arguments: Any) -> Any:
        """Import the function and call it.

        Examples
        --------
        >>> Call("builtins:round", {"ndigits": 1}).perform(2.345)
        2.3
        """
        module, name = self.function.split(":")
        return getattr(import_module(module), name)(*arguments, **self.settings)


class TimedProcess:
    """The parent's side of a process that runs one system.

    Attributes
    ----------
    times : list of float
        Seconds of all runs; the first is the warm-up.
    peak_memory_bytes : int or None
        Peak memory of the process.
    failure : str or None
        How the process has ended, as a sentence, if it has.
    """

    def __init__(self) -> None:
        self.times: list[float] = []
        self.peak_memory_bytes: int | None = None
        self.failure: str | None = None
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.peers.process"],
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )

    def warm_up(self, package: str, problem: Call, prepare: Call) -> None:
        """Import a package, make a problem, prepare a function from it, and run that once."""
        self._ask({"package": package, "problem": asdict(problem), "prepare": asdict(prepare)})

    def run(self, n_runs: int) -> None:
        """Run the function, unless the process has ended."""
        if self.failure is None:
            self._ask(n_runs)

    def _ask(self, order: object) -> None:
        assert self._process.stdin and self._process.stdout
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
        answer = self._process.stdout.readline()
        if answer:
            figures = json.loads(answer)
            self.times += figures["seconds"]
            self.peak_memory_bytes = figures["peak_memory_bytes"]
        else:
            code = self._process.wait()
            self._errors.seek(0)
            self.failure = describe_end(code, self._errors.read().decode(errors="replace"))

    def __enter__(self) -> "TimedProcess":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        with self._process, self._errors:
            pass


def describe_end(code: int, errors: str) -> str:
    r"""Say how a process ended.

    Parameters
    ----------
    code : int
        Its exit code; the negative number of the signal that ended it, if one did.
    errors : str
        What it wrote to its error stream; the last line is quoted.

    Examples
    --------
    >>> describe_end(-11, "")
    'The process was ended by signal 11 (Segmentation fault).'
    >>> describe_end(1, "Traceback ...\nImportError: no module")
    'The process ended with exit code 1. Its last line was: ImportError: no module'
    """
    if code < 0:
        text = f"The process was ended by signal {-code} ({signal.strsignal(-code)})."
        if -code == signal.SIGKILL:
            text += " The machine may lack memory."
    else:
        text = f"The process ended with exit code {code}."
    lines = errors.strip().splitlines()
    return f"{text} Its last line was: {lines[-1]}" if lines else text


def read_peak_memory() -> int:
    """Return the peak memory of this process, in bytes."""
    status = Path("/proc/self/status")
    if status.exists():  # On Linux, ru_maxrss includes the parent process.
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text(encoding="ascii"))
        if found:
            return int(found[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024)


def time_run(run: Callable[[], Any]) -> float:
    """Run once, and return the seconds."""
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def main() -> None:
    """Prepare the system of the first line, warm it up, and answer each further line."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # What libraries print is not an answer.
    system = json.loads(sys.stdin.readline())
    if system["package"] == "tensorflow":
        load_tensorflow(own_process=True)
    else:
        import_module(system["package"])
    run = Call(**system["prepare"]).perform(Call(**system["problem"]).perform())
    for n_runs in chain([1], map(json.loads, sys.stdin)):
        gc.collect()
        times = [time_run(run) for _ in range(n_runs)]
        answer = {"seconds": times, "peak_memory_bytes": read_peak_memory()}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
