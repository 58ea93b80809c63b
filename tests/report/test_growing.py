"""The page of a study that is still running."""

import re

import pytest

from fairtrial.progress import Status
from fairtrial.report import growing
from fairtrial.report.growing import GrowingPage
from fairtrial.running.execute import Setup
from fairtrial.study import Study

TEXT = """
name = "Growing"
seeds = 2
metrics = ["median_absolute_error"]
task = { kind = "line", rows = 20, test_rows = 20 }
[recipe]
loss = "mse"
optimizer = "sgd"
steps = 5
[[arms]]
name = "short"
[[arms]]
name = "long"
set = { steps = 90, "optimizer.learning_rate" = 0.02 }
[[claims]]
say = "Long is better"
better = { arm = "long" }
than = { arm = "short" }
on = "mse"
"""


@pytest.fixture
def seen(tmp_path):
    """The pages that a study with two stacks writes while it runs."""
    pages, study = [], Study.from_toml(TEXT)
    with GrowingPage(tmp_path, lambda status: None) as page:

        def grow(so_far):
            page.grow(so_far)
            pages.append((tmp_path / "report.html").read_text(encoding="utf-8"))

        Setup(progress=page.tell, grown=grow).run_missing(study, tmp_path)
    return pages, (tmp_path / "report.html").read_text(encoding="utf-8")


def test_page_exists_after_the_first_stack(seen):
    (page,), _ = seen
    assert "2 of 4 runs, and the verdicts" in page and "Still to come" in page
    assert re.search(r'<meta http-equiv="refresh" content="\d+">', page)


def test_growing_page_has_the_metrics_that_the_study_adds(seen):
    (page,), _ = seen
    assert '<th scope="col">median absolute error</th>' in page


def test_incomplete_page_stops_reloading_after_the_run(seen):
    (page,), left = seen
    assert 'http-equiv="refresh"' not in left
    assert "Still to come" in left and len(page) > len(left)


def test_page_is_written_for_a_small_share_of_the_time(monkeypatch, tmp_path):
    now, written = [0.0], []

    def write(folder, so_far, left):
        now[0] += 3.0
        written.append((now[0], left))

    monkeypatch.setattr(growing, "write_page_so_far", write)
    monkeypatch.setattr(growing.time, "monotonic", lambda: now[0])
    page = GrowingPage(tmp_path, lambda status: None)
    for second in range(90):
        now[0] = max(now[0], float(second))
        page.tell(Status("line", second / 100))
        page.grow(None)
    assert [when for when, _ in written] == [3.0, 36.0, 69.0]
    assert written[0][1] is None
    assert written[1][1] == pytest.approx(67.0)  # A hundredth of the work a second.
