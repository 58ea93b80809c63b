"""The terminal: progress, sentences, tables, and what Ctrl-C does."""

import contextlib
import io
import json
import os
import shutil
import signal
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from fairtrial.errors import FairtrialError, MachineError
from fairtrial.progress import Clock, Status, show_duration
from fairtrial.settings.characters import show_controls

if TYPE_CHECKING:
    from rich.console import Console

PLAIN_SECONDS = 10.0
GO_ON = "Stacks that have finished are kept; the same command goes on from there."
WIDE = 120
"""Columns that a terminal needs for tables with a column of long texts."""


class StoppedError(FairtrialError):
    """The user stopped the program."""

    exit_code = 130


@contextlib.contextmanager
def stoppable(kept: str = "Nothing is kept.") -> Iterator[None]:
    """Turn Ctrl-C, the system's wish to end, and a lack of memory into a sentence.

    They become a `StoppedError` and a `MachineError`. What the code of plugins prints meanwhile
    goes to the error stream: the output is for results. `kept` says what is kept then, and how to
    go on.
    """
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with contextlib.redirect_stdout(sys.stderr):
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
    from rich.console import Console

    console = Console(stderr=True)  # So that what is piped on stays clean.
    if quiet:
        yield lambda status: None
    elif console.is_terminal:
        with _show_bar(console) as tell:
            yield tell
    else:
        yield PlainLines(say)


@contextlib.contextmanager
def _show_bar(console: "Console") -> Iterator[Callable[[Status], None]]:
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
    from rich.table import Column

    # All of it fits in 80 columns, and what gives way on a narrower terminal is the description.
    columns = (
        TextColumn("{task.description}", markup=False, table_column=Column(ratio=1, no_wrap=True)),
        BarColumn(bar_width=10),
        TextColumn("{task.percentage:>3.0f} %", table_column=Column(no_wrap=True)),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}", table_column=Column(no_wrap=True)),
    )
    clock = Clock()
    with Progress(*columns, console=console, transient=True, expand=True) as progress:
        bar = progress.add_task("", total=1.0, left="")

        def tell(status: Status) -> None:
            runs = f", {status.runs_done} of {status.n_runs} runs" if status.n_runs else ""
            left = say_rest(clock.estimate_rest(status))
            words = f"{status.what}{runs}"
            progress.update(bar, description=words, completed=status.share, left=left)

        yield tell


class PlainLines:
    """Progress as lines of text, one every ten seconds at most."""

    def __init__(self, write: Callable[[str], None], every: float = PLAIN_SECONDS):
        self._write, self._every = write, every
        self._clock, self._last = Clock(), time.monotonic()

    def __call__(self, status: Status) -> None:
        """Write a line, if it is time for one."""
        left = self._clock.estimate_rest(status)
        if time.monotonic() - self._last < self._every:
            return
        self._last = time.monotonic()
        parts = [status.what, f"{status.share:.0%}", count(status), say_rest(left)]
        self._write(" · ".join(part for part in parts if part))


def say_rest(seconds: float | None) -> str:
    """Say how long is left, once that is known."""
    return "" if seconds is None else f"about {show_duration(seconds)} left"


def count(status: Status) -> str:
    """Say how many runs and stacks are done, and how many lanes are still training."""
    if not status.n_runs:
        return ""
    stacks = f", {status.stacks_done} of {status.n_stacks} stacks" if status.n_stacks else ""
    training = f", {status.n_training} training" if status.n_training else ""
    return f"{status.runs_done} of {status.n_runs} runs{stacks} done{training}"


def say(sentence: str) -> None:
    """Print a sentence that is not the result; where nobody can read it, go on.

    A terminal gets lines that are broken between words.
    """
    if sys.stderr is not None:
        text = show_controls(sentence, keep="\n")
        if sys.stderr.isatty():
            text = "\n".join(map(_fold, text.split("\n")))
        with contextlib.suppress(OSError):
            print(text, file=sys.stderr, flush=True)


def _fold(line: str) -> str:
    """Break a line between words where the terminal ends; paths and commands stay whole words."""
    indent = line[: len(line) - len(line.lstrip())]
    return textwrap.fill(
        line,
        _measure_terminal(),
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _measure_terminal() -> int:
    """Return the columns of the terminal that shows the error stream."""
    with contextlib.suppress(OSError, ValueError):
        if columns := os.get_terminal_size(sys.stderr.fileno()).columns:
            return columns
    return shutil.get_terminal_size().columns


def make_streams_safe() -> None:
    """Have streams replace the letters that their encoding lacks, in place of an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def print_json(value: object) -> None:
    """Print JSON; letters that the stream's encoding may lack are escaped, so none is lost."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    is_wide = encoding.lower().replace("-", "").startswith("utf")
    print(json.dumps(value, indent=2, ensure_ascii=not is_wide))


def print_table(rows: list[dict[str, object]], apart: str = "", rest: str = "") -> None:
    """Print rows as a table: drawn on a terminal, tab-separated in a pipe.

    A narrow terminal shows the column `apart`, of long texts, below the table; `rest` says where
    the columns stand for which it is too narrow.
    """
    rows = [{name: show_controls(str(value)) for name, value in row.items()} for row in rows]
    if sys.stdout is None or not sys.stdout.isatty():
        print("\t".join(rows[0]))
        for row in rows:
            print("\t".join(map(str, row.values())))
        return
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    console = Console()
    is_apart = bool(apart) and console.width < WIDE
    names = [name for name in rows[0] if not (is_apart and name == apart)]
    _draw_table(console, rows, names, rest)
    for row in rows if is_apart else []:
        if row[apart]:
            console.print(Text(str(row[names[0]]), style="bold"))
            console.print(Padding(Text(str(row[apart])), (0, 0, 0, 2)))


def _draw_table(
    console: "Console", rows: Sequence[Mapping[str, object]], names: Sequence[str], rest: str
) -> None:
    """Draw a table as wide as it fits; where not even its texts do, a line for each value."""
    from rich.table import Table
    from rich.text import Text

    from fairtrial.cli.tables import fit_table, wrap

    fit = fit_table(rows, names, console.width)
    if fit is None:
        for row in rows:
            for name in names:
                line = str(row[name]) if name == names[0] else f"{name}: {row[name]}"
                style = "bold" if name == names[0] else ""
                console.print(Text(wrap(line, console.width), style), no_wrap=True, crop=False)
        return
    (widths, left_out), table = fit, Table()
    for name, width in widths.items():
        # Text, since brackets are not markup.
        table.add_column(Text(wrap(name, width)), no_wrap=True, overflow="ignore")
    for row in rows:
        table.add_row(*(Text(wrap(str(row[name]), width)) for name, width in widths.items()))
    console.print(table)
    if left_out:
        where = rest or "a wider window shows them, and so does a pipe, as in: ... | cat"
        console.print(Text(f"Not shown: {', '.join(left_out)}; {where}."))


def leave(code: int) -> None:
    """End the program now, whatever still computes in other threads."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, AttributeError):  # Full, closed, or not there.
            stream.flush()
    os._exit(code)
