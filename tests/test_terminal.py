"""Progress in words, with a clock of the test's own."""

import io
import re

import pytest

from fairtrial import terminal
from fairtrial.errors import MachineError
from fairtrial.terminal import PlainLines, StoppedError, count, stoppable
from fairtrial.trial.progress import Status


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(terminal.time, "monotonic", lambda: now[0])

    def move(seconds):
        now[0] += seconds

    return move


def test_a_plain_line_every_ten_seconds(clock):
    told = []
    write = PlainLines(told.append)
    for _ in range(45):
        clock(1)
        write(Status("line: 4 arms, 2 seeds", 0.25, 6, 20, 80, 1, 4))
    assert len(told) == 4
    assert told[0] == (
        "line: 4 arms, 2 seeds · 25% · 20 of 80 runs, 1 of 4 stacks done, 6 training"
    )


def test_lines_say_how_long_is_left(clock):
    told = []
    write = PlainLines(told.append)
    write(Status("line: 4 arms", 0.1))
    clock(60)
    write(Status("line: 4 arms", 0.4))  # Three tenths in a minute; six are left.
    assert told == ["line: 4 arms · 40% · about 2:00 left"]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (Status("tables", 1.0), ""),
        (Status("verify: a", 0.5, 1, 1, 2), "1 of 2 runs done, 1 training"),
        (Status("line", 0.5, 0, 1, 2, 1, 2), "1 of 2 runs, 1 of 2 stacks done"),
    ],
)
def test_counts(status, expected):
    assert count(status) == expected


def test_a_stop_says_what_is_kept():
    with pytest.raises(StoppedError, match=r"Stopped\. All is kept\."), stoppable("All is kept."):
        raise KeyboardInterrupt


def test_a_lack_of_memory_is_a_sentence():
    with pytest.raises(MachineError, match="give stacks less with --memory"), stoppable():
        raise MemoryError


class Screen(io.StringIO):
    """What looks like a terminal."""

    def isatty(self):
        return True


ROWS = [
    {"claim": "Huber [sic] wins", "verdict": "holds", "why": "It ends closer. " * 8},
    {"claim": "MSE wins", "verdict": "undecided", "why": ""},
]


@pytest.mark.parametrize("width", [80, 160])
def test_long_texts_stand_below_the_table_where_it_is_narrow(width, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr("sys.stdout", screen := Screen())
    terminal.print_table(ROWS, apart="why")
    lines = re.sub(r"\x1b\[[0-9;]*m", "", screen.getvalue()).splitlines()
    assert all(len(line) <= width for line in lines)
    assert re.findall(r"[\w.]+", screen.getvalue()).count("closer.") == 8
    assert "…" not in screen.getvalue() and "Huber [sic] wins" in screen.getvalue()
    (head,) = [line for line in lines if "verdict" in line]
    assert ("why" in head) == (width == 160)
    n_named = sum("MSE wins" in line for line in lines)
    assert n_named == 1  # There is nothing to say of it below.


def test_a_pipe_gets_plain_rows(capsys):
    terminal.print_table(ROWS, apart="why")
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert lines == [list(ROWS[0]), *(list(row.values()) for row in ROWS)]
