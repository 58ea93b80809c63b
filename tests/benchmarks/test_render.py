import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def render():
    spec = importlib.util.spec_from_file_location("render", ROOT / "benchmarks" / "render.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def row(workload, system, lanes, **more):
    blank = {"ratio_to_eager": None, "compile_seconds": 0.25, "seconds_per_lane": 0.5}
    return {"workload": workload, "system": system, "lanes": lanes, **blank, **more}


ROWS = [
    row("line", "eager", 4, ratio_to_eager=1.0),
    row("line", "fairtrial", 32, seconds_per_lane=0.002, ratio_to_eager=250.0),
    row("peak", "NumPy, 2 x 2 x 2", None, gflops=200.0),
    row("growth", "fairtrial", 1, gflops=50.0, share_of_peak=0.25, peak_memory_bytes=9 * 10**8),
    row("growth", "fairtrial", 4, gflops=90.0, share_of_peak=0.45, peak_memory_bytes=10**9),
]


def test_figures_go_between_the_marks_and_again_in_their_place(render, tmp_path):
    page = tmp_path / "speed.md"
    page.write_text(f"before\n{render.BEGIN}old\n{render.END}after\n", encoding="utf-8")
    for _ in range(2):
        render.write_docs(ROWS, tmp_path)
    text = page.read_text(encoding="utf-8")
    assert text.startswith("before\n") and text.endswith("after\n") and "old" not in text
    assert text.count("| fairtrial | 32 | 0.002 | 250 | 0.2 |") == 1
    assert "| 4 | 0.5 | 90 | 45% | 1000 |" in text and "200 GFLOP/s" in text
    assert "<svg" in (tmp_path / "growth.svg").read_text(encoding="utf-8")


def test_the_shipped_page_has_the_marks(render):
    text = (ROOT / "docs" / "speed.md").read_text(encoding="utf-8")
    assert text.count(render.BEGIN) == text.count(render.END) == 1
