"""Progress of several phases, and the time that is left, with a clock of the test's own."""

import pytest

from fairtrial import progress
from fairtrial.progress import Clock, Phases, Status, show_duration


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])

    def move(seconds):
        now[0] += seconds

    return move


def test_phases_are_one_progress_by_their_expected_seconds():
    told = []
    phases = Phases(told.append, {"line": 60.0, "verdicts": 20.0, "page": 20.0})
    first = phases.begin("line")
    first(Status("line: 4 arms", 0.5, n_runs=80))
    first(Status("line: 4 arms", 1.0))
    phases.begin("verdicts")(Status("verdicts", 0.5))
    phases.begin("page")
    assert [status.share for status in told] == pytest.approx([0, 0.3, 0.6, 0.6, 0.7, 0.8])
    assert told[1].what == "line: 4 arms" and told[1].n_runs == 80
    assert phases.list_rest("verdicts") == {"verdicts": 20.0, "page": 20.0}
    assert phases.measure_pace(160.0) == pytest.approx(2.0)  # 80 expected seconds took 160.


def test_progress_never_goes_back():
    told = []
    report = Phases(told.append, {"line": 1.0}).begin("line")
    report(Status("line", 0.5))
    report(Status("line", 0.25))
    assert [status.share for status in told] == [0.0, 0.5, 0.5]


def test_phases_without_work_are_done():
    told = []
    Phases(told.append, {"line": 0.0}).begin("line")
    assert told[-1].share == 1.0


def test_time_left_follows_what_was_done_since_the_clock_began(clock):
    watch = Clock()
    assert watch.estimate_rest(Status("line", 0.1)) is None
    clock(60)
    # Three tenths in a minute; six are left.
    assert watch.estimate_rest(Status("line", 0.4)) == pytest.approx(120.0)


def test_time_left_is_not_guessed_too_early(clock):
    watch = Clock()
    watch.estimate_rest(Status("line", 0.0))
    clock(1)
    assert watch.estimate_rest(Status("line", 0.5)) is None
    clock(10)
    assert watch.estimate_rest(Status("line", 0.0)) is None


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.2, "0:00"),
        (59.6, "1:00"),
        (125.2, "2:05"),
        (3599.6, "1:00:00"),
        (3725, "1:02:05"),
        (172_799, "47:59:59"),
        (172_800, "2 days"),
        (1e9, "11,574 days"),
    ],
)
def test_durations(seconds, shown):
    assert show_duration(seconds) == shown
