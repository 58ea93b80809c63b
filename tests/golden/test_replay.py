"""The lab report's printed numbers, every one, to every digit."""

from importlib.resources import as_file, files

import pytest

from fairtrial.lab.replay import ReplayFile, replay

with as_file(files("fairtrial.lab") / "replay.toml") as path:
    FILE = ReplayFile.load(path)


def test_the_tables_are_those_of_the_report():
    """Tables 1 and 2 as the report prints them: loss at step 1900, W and b after 2,000 steps."""
    printed = {
        "Table 1, MSE": ["0.9860", "2.9519", "1.9352"],
        "Table 1, MAE": ["2.3641", "1.4961", "-0.0749"],
        "Table 2, Huber": ["1.9158", "1.5063", "-0.1021"],
        "Table 2, Hybrid": ["0.9911", "2.8085", "1.7127"],
    }
    runs = {run.label: run for run in FILE.run}
    for label, values in printed.items():
        run = runs[label]
        assert run.reported == dict(zip(["loss@1900", "slope", "intercept"], values, strict=True))
        assert (run.draws, run.seed, run.task.rows, run.recipe.steps) == (
            "tensorflow", 380, 10_000, 2000,
        )  # fmt: skip
        assert run.recipe.optimizer.learning_rate == 0.001


@pytest.mark.parametrize("run", FILE.run, ids=[run.label for run in FILE.run])
def test_every_number_to_its_last_digit(run):
    rows = replay(ReplayFile(run=[run]))
    assert len(rows) == len(run.reported)
    assert [row for row in rows if not row["match"]] == []
