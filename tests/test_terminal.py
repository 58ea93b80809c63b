"""Progress in words, with a clock of the test's own."""

import pytest

from fairtrial import terminal
from fairtrial.errors import MachineError
from fairtrial.terminal import Clock, PlainLines, StoppedError, count, stoppable
from fairtrial.trial.progress import Status


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(terminal.time, "monotonic", lambda: now[0])

    def move(seconds):
        now[0] += seconds

    return move


def test_rate_and_time_left(clock):
    watch = Clock()
    assert watch.tell_rest(Status("line: 4 arms", 0.1, n_runs=100)) == ""
    clock(60)
    # 30 of 100 runs in a minute; 60 are left.
    assert watch.tell_rest(Status("line: 9 arms", 0.4, n_runs=100)) == "0.5 runs/s, about 2:00 left"


def test_every_phase_has_a_clock_of_its_own(clock):
    watch = Clock()
    watch.tell_rest(Status("line: 4 arms", 0.0, n_runs=100))
    clock(600)
    assert watch.tell_rest(Status("replay: a", 0.5, n_runs=8)) == ""
    clock(10)
    assert watch.tell_rest(Status("replay: b", 0.75, n_runs=8)) == "0.2 runs/s, about 0:10 left"


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
