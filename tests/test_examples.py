"""Every example study runs, cut short, from wherever one stands."""

from pathlib import Path

import polars as pl
import pytest

from fairtrial.data.load import check_data
from fairtrial.results.store import RUNS
from fairtrial.running.execute import Setup
from fairtrial.study import Study

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.toml"))


def test_there_are_examples():
    assert EXAMPLES


EACH = pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)


@EACH
def test_example(path, tmp_path, monkeypatch):
    run_short(path, tmp_path, monkeypatch)


@pytest.mark.long
@EACH
def test_compiled_example(path, tmp_path, monkeypatch, compiled):
    run_short(path, tmp_path, monkeypatch)


def run_short(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    study = Study.load(path)
    check_data(study.list_arms())
    length = "steps" if study.recipe.steps else "epochs"
    short = study.replace(seeds=2, recipe=study.recipe.model_dump() | {length: 2})
    Setup().run_missing(short, tmp_path / "out")
    assert pl.read_parquet(tmp_path / "out" / RUNS).height == len(short.list_runs())
