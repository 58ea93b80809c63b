"""The study file to start from: it loads, runs, and names the schema beside it."""

import json
import re

import polars as pl
import pytest

from fairtrial.errors import InputError
from fairtrial.running.execute import Setup
from fairtrial.study import Study
from fairtrial.study.schema import make_schema, read_starter, write_starter


def test_it_loads_and_runs(tmp_path):
    path = tmp_path / "mine.toml"
    schema = write_starter(path)
    assert path.read_text(encoding="utf-8").startswith(f"#:schema ./{schema.name}\n")
    assert schema.parent == tmp_path
    assert json.loads(schema.read_text(encoding="utf-8")) == make_schema()
    study = Study.load(path).replace(seeds=2)
    assert study.claims
    Setup().run_missing(study, tmp_path / "results")
    assert len(pl.read_parquet(tmp_path / "results" / "runs.parquet")) == 12


def test_every_line_that_is_commented_out_is_right(tmp_path):
    path = tmp_path / "study.toml"
    write_starter(path)
    lines = path.read_text(encoding="utf-8").splitlines()
    keys = (
        "standardise", "schedule", "stopping", "penalty", "average", "clip", "noise", "features",
        "validation", "input_noise", "[[arms]]", "name", "set", "vary", "[[baselines]]", "model =",
    )  # fmt: skip
    said = [line[2:] if line[2:].startswith(keys) else line for line in lines]
    assert len(set(said) - set(lines)) == len(keys) + 1  # Two of them are names.
    more = Study.from_toml("\n".join(said))
    assert len(more.list_arms()) == 9


SUGGESTED = re.compile(r"# (\[\[\w+\]\]|[\w\"]+ = .*)")


def list_suggestions(text):
    """List what is commented out, each by its first line: a line, or a header with what follows."""
    found, lines = {}, text.splitlines()
    for at, line in enumerate(lines):
        if SUGGESTED.fullmatch(line):
            is_inner = at - 1 in found and lines[found[at - 1]].startswith("# [[")
            found[at] = found[at - 1] if is_inner else at
    return [[at for at, start in found.items() if start == one] for one in {*found.values()}]


STARTER = read_starter()
OF_CLASSES = (
    STARTER[: STARTER.index("# What is learned")]
    + """[task]
kind = "digits"
[recipe]
loss = "cross_entropy"
optimizer = "sgd"
steps = 5
"""
)


@pytest.mark.parametrize("places", list_suggestions(STARTER), ids=str)
def test_each_line_that_is_commented_out_is_right_alone(places):
    lines = STARTER.splitlines()
    said = [lines[at].removeprefix("# ") for at in places]
    if "; for classes" in said[0]:
        table = "[task]" if said[0].startswith("label_noise") else "[recipe]"
        text = OF_CLASSES.replace(table, f"{table}\n{said[0]}")
    else:
        text = "\n".join(said.pop(0) if at in places else line for at, line in enumerate(lines))
    assert Study.from_toml(text).list_arms()


def test_all_that_is_commented_out_is_found():
    assert len(list_suggestions(STARTER)) == 15


def test_nothing_is_overwritten(tmp_path):
    path = tmp_path / "study.toml"
    path.write_text("mine")
    with pytest.raises(InputError, match=r"study\.toml is there already, and stays"):
        write_starter(path)
    assert path.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["absent/study.toml", "a\0b"])
def test_where_nothing_can_be_written(tmp_path, name):
    with pytest.raises(InputError, match=r"cannot be written: .* Name another file\."):
        write_starter(tmp_path / name)
