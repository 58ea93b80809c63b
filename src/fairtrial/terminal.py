"""The terminal: progress, sentences, tables, and what Ctrl-C does."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from fairtrial.errors import FairtrialError, MachineError

if TYPE_CHECKING:
    from rich.console import Console

    from fairtrial.trial.progress import Status

PLAIN_SECONDS = 10.0
WIDE = 120
"""Columns that a terminal needs for tables with a column of long texts."""


class StoppedError(FairtrialError):
    """The user stopped the program."""

    exit_code = 130


@contextlib.contextmanager
def stoppable(kept: str = "Nothing is kept.") -> Iterator[None]:
    """Turn Ctrl-C, the system's wish to end, and a lack of memory into a sentence.

    Parameters
    ----------
    kept : str
        What is kept then, and how to go on, as a sentence.

    Raises
    ------
    StoppedError
        In place of KeyboardInterrupt.
    MachineError
        In place of MemoryError.
    """
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        raise StoppedError(f"Stopped. {kept}") from None
    except MemoryError:
        raise MachineError(
            "The memory is not enough: give stacks less with --memory, or take fewer rows, "
            "features or seeds."
        ) from None
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def show_progress(quiet: bool = False) -> Iterator[Callable[[Status], None]]:
    """Show how far the work is: a bar on a terminal, now and then a plain line elsewhere."""
    console = make_console()
    if quiet:
        yield lambda status: None
    elif console.is_terminal:
        with _show_bars(console) as tell:
            yield tell
    else:
        yield PlainLines(say)


@contextlib.contextmanager
def _show_bars(console: Console) -> Iterator[Callable[[Status], None]]:
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %  {task.fields[counts]}"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}"),
    )
    clock = Clock()
    with Progress(*columns, console=console, transient=True) as progress:
        bars = {}

        def tell(status: Status) -> None:
            phase = name_phase(status)
            if phase not in bars:
                for bar in bars.values():
                    progress.update(bar, completed=1.0)
                bars[phase] = progress.add_task(status.what, total=1.0, counts="", left="")
            progress.update(
                bars[phase],
                description=status.what,
                completed=status.share,
                counts=count(status),
                left=clock.tell_rest(status),
            )

        yield tell


class PlainLines:
    """Progress as lines of text, one every ten seconds at most."""

    def __init__(self, write: Callable[[str], None], every: float = PLAIN_SECONDS):
        self._write, self._every = write, every
        self._clock, self._told = Clock(), time.monotonic()

    def __call__(self, status: Status) -> None:
        """Write a line, if it is time for one."""
        if time.monotonic() - self._told < self._every:
            return
        self._told = time.monotonic()
        parts = [status.what, f"{status.share:.0%}", count(status), self._clock.tell_rest(status)]
        self._write(" · ".join(part for part in parts if part))


class Clock:
    """Tells the rate, and how long is left, from what is done since a phase of the work began."""

    def __init__(self) -> None:
        self._phase, self._began, self._first = None, 0.0, 0.0

    def tell_rest(self, status: Status) -> str:
        """Say the rate in runs a second and the time left; nothing while that is a guess."""
        if self._phase != name_phase(status):
            self._phase = name_phase(status)
            self._began, self._first = time.monotonic(), status.share
        seconds, done = time.monotonic() - self._began, status.share - self._first
        if seconds < 2.0 or done <= 0.0:
            return ""
        left = round(seconds * (1.0 - status.share) / done)
        rate = f"{status.n_runs * done / seconds:.3g} runs/s, " if status.n_runs else ""
        return f"{rate}about {left // 60}:{left % 60:02} left"


def name_phase(status: Status) -> tuple[str, int]:
    """Tell the phases of the work apart: one task's runs, the verification, the replay."""
    return status.what.partition(":")[0], status.n_runs


def count(status: Status) -> str:
    """Say how many runs and stacks are done, and how many lanes are still training."""
    if not status.n_runs:
        return ""
    stacks = f", {status.stacks_done} of {status.n_stacks} stacks" if status.n_stacks else ""
    training = f", {status.n_training} training" if status.n_training else ""
    return f"{status.runs_done} of {status.n_runs} runs{stacks} done{training}"


def make_console() -> Console:
    """Make a console on the error stream, so that what is piped on stays clean."""
    from rich.console import Console

    return Console(stderr=True)


def say(sentence: str) -> None:
    """Print a sentence that is not the result."""
    print(sentence, file=sys.stderr, flush=True)


def print_table(rows: list[dict[str, object]], apart: str = "") -> None:
    """Print rows as a table: drawn on a terminal, tab-separated in a pipe.

    Parameters
    ----------
    rows : list of dict
        With the same names each.
    apart : str
        A column of long texts, which a narrow terminal shows below the table.
    """
    if sys.stdout is None or not sys.stdout.isatty():
        print("\t".join(rows[0]))
        for row in rows:
            print("\t".join(map(str, row.values())))
        return
    from rich.console import Console
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    console, table = Console(), Table()
    is_apart = bool(apart) and console.width < WIDE
    shown = [name for name in rows[0] if not (is_apart and name == apart)]
    for name in shown:
        table.add_column(Text(name), overflow="fold")  # Text, since brackets are not markup.
    for row in rows:
        table.add_row(*(Text(str(row[name])) for name in shown))
    console.print(table)
    for row in rows if is_apart else []:
        if row[apart]:
            console.print(Text(str(row[shown[0]]), style="bold"))
            console.print(Padding(Text(str(row[apart])), (0, 0, 0, 2)))


def leave(code: int) -> None:
    """End the program now, whatever still computes in other threads."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
