"""A small study with arms of difficult names, one of which diverges, trained once."""

import pytest

from fairtrial.running.execute import Setup
from fairtrial.study import Study

STUDY = f"""
name = "Default"
seeds = [0, 7]
task = {{ kind = "line", rows = 40, test_rows = 50 }}
recipe = {{ loss = "mse", optimizer = {{ kind = "sgd", learning_rate = 0.1 }}, steps = 12 }}
[[arms]]
name = "a/b"
set = {{ loss = "mae" }}
[[arms]]
name = "A?b"
set = {{ loss = {{ kind = "huber", delta = 2.0 }} }}
[[arms]]
name = "<script>alert('x')</script>"
set = {{ "optimizer.momentum" = 0.5 }}
[[arms]]
name = ".."
set = {{ "optimizer.learning_rate" = 1e30 }}
[[arms]]
name = "{"Ünï " * 100}"
[[arms]]
name = "{"Ünï " * 100}!"
"""


@pytest.fixture(scope="session")
def trial(tmp_path_factory):
    trained = Setup().run_missing(Study.from_toml(STUDY), tmp_path_factory.mktemp("trial"))
    assert set(trained.runs["outcome"]) == {"completed", "diverged"}
    return trained
