"""Progress in words, with a clock of the test's own."""

import io
import json
import re
import sys

import pytest

from fairtrial.cli import terminal
from fairtrial.cli.terminal import PlainLines, StoppedError, count, stoppable
from fairtrial.errors import MachineError
from fairtrial.progress import Status


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


# ---------------------------------------------------------------------------- narrow terminals


METRICS = (
    "mse", "mae", "rmse", "r2", "parameter_error", "excess_risk", "steps_to_tolerance",
    "generalization_gap",
)  # fmt: skip
ARMS = [
    {
        "arm": f"optimizer.learning_rate={rate}, huber delta=1.5",
        "runs": "20",
        "outcomes": "20 completed",
        **dict.fromkeys(METRICS, f"{rate * 1234.5678:.4g}"),
    }
    for rate in (0.001, 0.0123456, 0.1)
]


def show(rows, width, monkeypatch, **options):
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr("sys.stdout", screen := Screen())
    terminal.print_table(rows, **options)
    return re.sub(r"\x1b\[[0-9;]*m", "", screen.getvalue())


@pytest.mark.parametrize("width", [20, 30, 40, 60, 80, 100, 120, 160, 200, 300])
def test_no_number_is_folded(width, monkeypatch):
    shown = show(ARMS, width, monkeypatch, rest="they stand elsewhere")
    assert "…" not in shown
    left_out = re.split(r",\s*|;|\n", shown.partition("Not shown: ")[2])
    left_out = [name for name in METRICS if name in left_out]
    table = shown.partition("Not shown: ")[0]
    if width > 40:
        assert all(len(line) <= width for line in shown.splitlines())
    for row in ARMS:
        for name, value in row.items():
            if name in left_out:
                continue
            parts = re.split(r"(?<=[=_])| ", value)
            assert all(re.search(rf"(?<![\d.]){re.escape(part)}", table) for part in parts), value
    assert ("they stand elsewhere." in " ".join(shown.split())) == bool(left_out)
    assert (width >= 200) <= (not left_out)


def test_what_a_terminal_must_not_obey_is_written_out(monkeypatch, capsys):
    rows = [{"arm": "a\x1b[2J\u202eb", "mse": "1"}]
    assert "a\\x1b[2J\\u202eb" in show(rows, 80, monkeypatch)
    terminal.say("one\x07\ntwo")
    assert capsys.readouterr().err == "one\\x07\ntwo\n"


def test_sentences_break_between_words_on_a_terminal(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr("sys.stderr", Terminal())
    monkeypatch.setenv("COLUMNS", "30")
    path = "/a-long/path-that-stays/in-one-piece/study.toml"
    terminal.say(f"{path} cannot be used:\n  the column price is a text, and no number.")
    assert sys.stderr.getvalue() == (
        f"{path}\ncannot be used:\n  the column price is a text,\n  and no number.\n"
    )


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1", "utf-8", "utf-16", "koi8-r"])
def test_any_encoding(encoding, monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(raw, encoding=encoding))
    monkeypatch.setattr("sys.stderr", io.TextIOWrapper(raw, encoding=encoding))
    terminal.make_streams_safe()
    value = {"say": "∞ → é \udcff"}
    terminal.print_table([value])
    terminal.say("∞ → é")
    sys.stdout.flush()
    raw.seek(0)
    raw.truncate()
    terminal.print_json({"say": "∞ → é"})
    sys.stdout.flush()
    assert json.loads(raw.getvalue().decode(encoding)) == {"say": "∞ → é"}


def test_an_error_stream_that_is_full_or_absent(monkeypatch):
    class Full(io.StringIO):
        def write(self, text):
            raise OSError(28, "No space left on device")

    for stream in (Full(), None):
        monkeypatch.setattr("sys.stderr", stream)
        terminal.say("nobody reads this")


def test_what_plugins_print_meanwhile_is_not_among_the_results(capsys):
    with terminal.stoppable():
        print("from the code of a kind")
    print("a result")
    assert capsys.readouterr() == ("a result\n", "from the code of a kind\n")
