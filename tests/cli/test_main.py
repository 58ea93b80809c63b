"""The commands as a user meets them: a process, its output, its exit code."""

import json
import os
import shutil
import signal
import subprocess
import sys
import webbrowser

import polars as pl
import pytest

from commands import call, drop_progress, run

STUDY = """
name = "Two losses"
seeds = 2
[task]
kind = "line"
rows = 50
[recipe]
loss = "mse"
optimizer = { kind = "sgd", learning_rate = 0.1 }
steps = 30
[vary]
loss = ["mse", "mae"]
"""

RUN = ["-m", "fairtrial", "run", "study.toml", "--out", "results"]
REPLAY = """
[[run]]
label = "A short line"
seed = 3
task = { kind = "line", rows = 20, noise = { kind = "normal", scale = 0.0 } }
recipe = { loss = "mse", optimizer = { kind = "sgd", learning_rate = 0.1 }, steps = 200 }
reported = { slope = "SLOPE", intercept = "2.00" }
"""


@pytest.mark.parametrize(
    "command",
    [
        ["lab"],
        ["plan"],
        ["run"],
        ["new"],
        ["schema"],
        ["replay"],
        ["report"],
        ["data", "list"],
        ["data", "fetch"],
        ["data", "path"],
    ],
)
def test_every_command_has_help_with_an_example(command):
    done = call(*command, "--help")
    assert done.returncode == 0
    assert f"Example: fairtrial {' '.join(command)}" in done.stdout


def test_run_writes_the_tables_and_verifies(tmp_path):
    (tmp_path / "study.toml").write_text(STUDY)
    done = run(*RUN, "--verify", "1", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""  # silent in a pipe, but for progress
    runs = pl.read_parquet(tmp_path / "results" / "runs.parquet")
    assert runs["run"].to_list() == ["mse #0", "mse #1", "mae #0", "mae #1"]
    environment = json.loads((tmp_path / "results" / "environment.json").read_text())
    (lane,) = environment["verification"]["lanes"]
    assert lane["deviation"] <= lane["tolerance"]


def test_new_and_schema(tmp_path):
    done = call("new", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "fairtrial run study.toml" in done.stdout
    written = (tmp_path / "fairtrial.schema.json").read_text(encoding="utf-8")
    printed = call("schema", cwd=tmp_path)
    assert (printed.returncode, printed.stdout, printed.stderr) == (0, written, "")
    assert call("schema", "--out", "other.json", cwd=tmp_path).returncode == 0
    assert (tmp_path / "other.json").read_text(encoding="utf-8") == written
    again = call("new", cwd=tmp_path)
    assert again.returncode == 2
    assert again.stderr == "study.toml is there already, and stays: name another file.\n"


def test_errors_of_a_study_come_together_without_a_traceback(tmp_path):
    (tmp_path / "study.toml").write_text(STUDY.replace("seeds = 2", "seeds = 0\nsede = 1"))
    done = call("run", tmp_path / "study.toml")
    assert done.returncode == 2
    assert "seeds" in done.stderr and "sede is not a known name" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["run", "missing.toml"], 2), (["new", "no/where.toml"], 2), (["schema", "--out", "no/x"], 2),
     (["replay", "missing.toml"], 2), (["report", "nowhere"], 2),
     (["nonsense"], 2), (["data", "fetch", "mnist"], 2)],
)  # fmt: skip
def test_what_a_user_gets_wrong_is_a_sentence(arguments, code, tmp_path):
    done = call(*arguments, cwd=tmp_path)
    assert done.returncode == code
    assert done.stderr.strip() and "Traceback" not in done.stderr


@pytest.mark.parametrize(("slope", "code"), [("3.00", 0), ("3.01", 1)])
def test_replay_says_no_by_its_exit_code(slope, code, tmp_path):
    (tmp_path / "replay.toml").write_text(REPLAY.replace("SLOPE", slope))
    done = call("replay", tmp_path / "replay.toml", "--json")
    assert done.returncode == code, done.stderr
    rows = json.loads(done.stdout)
    assert [row["match"] for row in rows] == [code == 0, True]
    assert rows[0]["replayed"] == "3.00"


def test_report_says_what_it_has_written(lab, tmp_path):
    folder = shutil.copytree(lab / "fashion", tmp_path / "fashion")
    options = ["--figures", "svg", "--tables", "markdown", "--one-page", "--quiet"]
    done = call("report", folder, *options)
    assert (done.returncode, done.stderr) == (0, "")
    counts = {kind: len(list((folder / kind).iterdir())) for kind in ("figures", "tables")}
    assert counts["figures"] > 10 and counts["tables"] > 3
    assert done.stdout.splitlines() == [
        f"{folder}/report.html",
        f"{folder}/one-page.html",
        f"{folder}/figures: {counts['figures']} files",
        f"{folder}/tables: {counts['tables']} files",
    ]


def test_report_shows_the_page_in_the_browser(lab, tmp_path, monkeypatch):
    folder = shutil.copytree(lab / "line", tmp_path / "line")
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/shown\n')
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER", f"{browser} %s")
    monkeypatch.setattr(webbrowser, "_tryorder", None)  # The variable is read once.
    done = call("report", folder, "--open")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "shown").read_text().strip() == (folder / "report.html").as_uri()


@pytest.mark.parametrize(("option", "form"), [("--figures", "gif"), ("--tables", "docx")])
def test_report_refuses_unknown_formats(option, form, lab):
    done = call("report", lab, option, form)
    assert done.returncode == 2
    assert done.stderr.startswith(f"'{form}' is not a format of {option[2:]}: choose one of ")


@pytest.mark.parametrize("as_json", [True, False])
def test_lab_ends_with_the_conclusions(as_json, lab, monkeypatch, capsys):
    from fairtrial.cli.lab import lab as run_lab

    monkeypatch.setattr("fairtrial.lab.shipped.is_lab_done", lambda *_: True)
    run_lab(out=lab, quiet=True, as_json=as_json)
    captured = capsys.readouterr()
    assert captured.err == "Nothing to do: every study of the lab has been run and judged.\n"
    conclusions = json.loads((lab / "conclusions.json").read_text())
    if as_json:
        assert json.loads(captured.out) == conclusions
        return
    _head, *rows, replayed, page = captured.out.splitlines()
    assert 2 < len(rows) <= 25 and max(map(len, rows)) <= 100
    assert replayed == "The numbers that the lab report printed, replayed: 2 of 3 match."
    assert page == f"All 42 statements, with their evidence: {lab / 'report.html'}"


def test_a_stop_is_a_sentence(tmp_path):
    """Once progress says that lanes are training, which here it says as soon as they do."""
    (tmp_path / "study.toml").write_text(
        STUDY.replace("steps = 30", "steps = 50_000_000").replace("rows = 50", "rows = 5000")
    )
    code = (
        "import sys\nfrom fairtrial.cli import main, terminal\n"
        "terminal.PlainLines.__init__.__defaults__ = (0.0,)\n"
        f"sys.argv = {RUN[1:]}\nmain.main()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=tmp_path, text=True, stderr=subprocess.PIPE
    ) as process:
        said = iter(process.stderr)
        assert any(" training" in line for line in said)
        os.kill(process.pid, signal.SIGINT)
        rest = drop_progress("".join(said))
    assert process.returncode == 130
    assert rest.startswith("Stopped.") and "Traceback" not in rest


def test_a_stop_before_anything_runs_is_a_sentence_too():
    """While TensorFlow loads, say."""
    code = (
        "import sys\nfrom fairtrial.cli import main\n"
        "@main.app.command()\ndef load(): raise KeyboardInterrupt\n"
        "sys.argv = ['fairtrial', 'load']\nmain.main()\n"
    )
    done = run("-c", code)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "Stopped.\n")


def test_all_that_is_wrong_with_a_table_is_told(tmp_path):
    (tmp_path / "houses.csv").write_text("town,price\nBern,1\n")
    (tmp_path / "study.toml").write_text(
        STUDY.replace(
            'kind = "line"\nrows = 50',
            'kind = "table"\npath = "houses.csv"\ntarget = "prise"\nproblem = "regression"',
        )
    )
    done = call("run", tmp_path / "study.toml")
    assert done.returncode == 2
    head, *problems = done.stderr.splitlines()
    assert head == f"{tmp_path / 'houses.csv'} cannot be used:"
    assert "'prise' is not a column; did you mean 'price'?" in problems[0]
    assert any("'town' holds text" in problem for problem in problems)
    assert any("The number of rows is 1" in problem for problem in problems)


def test_a_claim_alone_trains_its_arms(tmp_path):
    claim = """
    [[claims]]
    say = "MSE is closer"
    better = { loss = "mse", "optimizer.learning_rate" = 0.1 }
    than = { loss = "mae", "optimizer.learning_rate" = 0.1 }
    on = "mse"
    """
    rates = '"optimizer.learning_rate" = [0.01, 0.1]\n'
    (tmp_path / "study.toml").write_text(STUDY + rates + claim)
    done = call("run", "study.toml", "--claim", "1", "--out", "one", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    runs = pl.read_parquet(tmp_path / "one" / "runs.parquet")
    assert set(runs["arm"]) == {f"{loss}, optimizer.learning_rate=0.1" for loss in ("mse", "mae")}
    assert len(json.loads((tmp_path / "one" / "verdicts.json").read_text())) == 1
    assert (tmp_path / "one" / "report.html").is_file()
    again = call("run", "one/study.toml", "--out", "one", "--json", cwd=tmp_path)
    assert [row["say"] for row in json.loads(again.stdout)] == ["MSE is closer"]
    refused = call("run", "study.toml", "--claim", "2", "--out", "one", cwd=tmp_path)
    assert refused.returncode == 2
    assert "There is no claim 2: the study states 1 claim, counted from 1" in refused.stderr


@pytest.mark.parametrize("out", [".", ""])
def test_results_never_replace_the_users_own_study(out, tmp_path):
    text = f"# My own words.{STUDY}"
    (tmp_path / "study.toml").write_text(text)
    done = call("run", "study.toml", "--out", out, "--seeds", "1", cwd=tmp_path)
    assert done.returncode == 2
    assert "is not a folder that fairtrial made" in done.stderr and "--out" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["study.toml"]
    assert (tmp_path / "study.toml").read_text() == text
    lab = call("lab", "--out", out, cwd=tmp_path)
    assert lab.returncode == 2 and "for the results of the lab" in lab.stderr


def test_claims_without_a_margin_are_told_before_the_run(tmp_path):
    claim = """
    [[claims]]
    say = "MSE is closer"
    better = { loss = "mse" }
    than = { loss = "mae" }
    on = "mse"
    """
    (tmp_path / "study.toml").write_text(STUDY + claim + claim)
    done = call("run", "study.toml", "--out", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    said = "Note: 2 of 2 claims state no margin: any difference will count, however small.\n"
    assert done.stderr.count(said) == 1


# ------------------------------------------------------------------------------------------ plan

CLAIM = """
[[claims]]
say = "MSE gets closer to the truth than MAE"
better = { loss = "mse" }
than = { loss = "mae" }
on = "parameter_error"
"""


def test_plan_trains_nothing_and_fits_80_columns(tmp_path, monkeypatch):
    (tmp_path / "study.toml").write_text(STUDY + CLAIM)
    monkeypatch.setenv("COLUMNS", "80")
    done = call("plan", "study.toml", "--seeds", "10", cwd=tmp_path)
    assert done.returncode == 0 and done.stderr == ""
    assert "Two losses: 2 arms with 10 seeds, 20 runs." in done.stdout
    assert "a difference of 1.02 standard deviations" in done.stdout
    assert max(map(len, done.stdout.splitlines()[:-2])) <= 80
    assert [path.name for path in tmp_path.iterdir()] == ["study.toml"]
    few = call("plan", "study.toml", "--json", cwd=tmp_path)
    found = json.loads(few.stdout)
    assert (found["runs"], found["claims"][0]["seeds_needed"]) == (4, 6)


def test_plan_refuses_what_run_refuses(tmp_path):
    (tmp_path / "study.toml").write_text(STUDY)
    for command in ("plan", "run"):
        done = call(command, "study.toml", "--max-seeds", "9", cwd=tmp_path)
        assert (done.returncode, done.stdout) == (2, "")
        assert "--max-seeds goes with --until-decided" in done.stderr
