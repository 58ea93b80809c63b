"""What a study will take, said before anything is trained."""

import numpy as np
import polars as pl
import pytest

import fairtrial as ft
from fairtrial.errors import InputError
from fairtrial.evidence.statistics.seeds_needed import find_smallest
from fairtrial.running.plan import plan_stacks

TEXT = """
name = "Rates"
seeds = 8
task = { kind = "line", rows = 100 }
recipe = { loss = "mse", optimizer = "sgd", steps = 50 }
vary = { "optimizer.learning_rate" = [0.01, 0.1] }
[[claims]]
say = "The higher rate is better"
better = { "optimizer.learning_rate" = 0.1 }
than = { "optimizer.learning_rate" = 0.01 }
on = "mse"
margin = 0.01
"""


@pytest.fixture(scope="module")
def folder(share):
    """The first seven of the study's seeds, trained."""
    study = ft.Study.from_toml(TEXT).take_seeds(7)
    return share("planned", lambda folder: ft.run(study, folder))


def test_plan_counts_what_would_train(tmp_path):
    study = ft.Study.from_toml(TEXT)
    forecast = ft.plan(study, tmp_path / "out", memory=2**30)
    stacks = plan_stacks(study.list_runs(), 2**29)
    assert (forecast.arms, forecast.seeds, forecast.runs, forecast.runs_done) == (2, 8, 16, 0)
    assert forecast.stacks == len(stacks)
    assert forecast.seconds == sum(one.seconds for one in stacks)
    assert 0 < forecast.memory < 2**30
    assert not (tmp_path / "out").exists(), "nothing is written"


def test_runs_that_are_there_count_as_done_and_show_the_spread(folder):
    forecast = ft.plan(ft.Study.from_toml(TEXT), folder)
    assert (forecast.runs, forecast.runs_done) == (16, 14)
    (row,) = forecast.claims
    table = pl.read_parquet(folder / "runs.parquet").sort("seed")
    rate = pl.col("optimizer.learning_rate")
    low, high = (table.filter(rate == one)["mse"].to_numpy() for one in (0.01, 0.1))
    spread = np.std(low - high, ddof=1)
    assert row["smallest"] == pytest.approx(0.01 + find_smallest(8, 1) * spread)
    assert row["spread_from_seeds"] == 7
    done = ft.plan(ft.Study.from_toml(TEXT).take_seeds(7), folder)
    assert (done.stacks, done.seconds, done.memory) == (0, 0.0, 0)


def test_runs_of_other_arms_show_no_spread(folder):
    study = ft.Study.from_toml(TEXT.replace("0.01]", "0.02]").replace("rows = 100", "rows = 99"))
    (row,) = ft.plan(study, folder).claims
    assert row["smallest"] is None


def test_plan_of_too_few_seeds_says_so():
    forecast = ft.plan(ft.Study.from_toml(TEXT).take_seeds(4))
    assert "4 seeds cannot tell better from worse in the claim" in str(forecast)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [({"memory": 0}, "memory = 0"), ({"max_seeds": 1.5}, "max_seeds = 1.5")],
)
def test_wrong_amounts_are_refused(given, sentence):
    with pytest.raises(InputError, match=sentence):
        ft.plan(ft.Study.from_toml(TEXT), **given)
    with pytest.raises(InputError, match="is not a study"):
        ft.plan("study.toml")  # pyright: ignore[reportArgumentType]


TWINS = """
[[arms]]
name = "twin"
set = {}
"""


def test_what_one_should_know_is_said_by_plan_and_run(tmp_path):
    rows = "".join(f"{row},{row * row % 7},{row * row % 5}\n" for row in range(40))
    (tmp_path / "rows.csv").write_text(f"id,x,y\n{rows}")
    study = ft.Study.from_toml(TEXT.replace("[[claims]]", f"{TWINS}[[claims]]"))
    path = str(tmp_path / "rows.csv")
    of_table = {"kind": "table", "path": path, "target": "y", "problem": "regression"}
    study = study.replace(task=of_table, seeds=6)
    notes, said = ft.plan(study).notes, []
    ft.run(study, tmp_path / "out", note=said.append)
    assert [one for one in said if one.startswith("Note: ")] == [f"Note: {one}" for one in notes]
    twins, counts = notes
    assert twins.startswith("Arms 'optimizer.learning_rate=0.01' and 'twin' have the same settings")
    assert counts.startswith("Column 'id' counts the rows")
