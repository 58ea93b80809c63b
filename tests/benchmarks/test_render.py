from pathlib import Path

from benchmarks import render

ROOT = Path(__file__).parents[2]


def row(workload, system, lanes, **more):
    blank = {"ratio_to_eager": None, "compile_seconds": 0.25, "seconds_per_lane": 0.5,
             "gflops": None, "share_of_peak": None, "peak_memory_bytes": None,
             "failure": None}  # fmt: skip
    return {"workload": workload, "system": system, "lanes": lanes, **blank, **more}


ROWS = [
    row("line", "eager", 4, ratio_to_eager=1.0),
    row("line", "fairtrial", 32, seconds_per_lane=0.002, ratio_to_eager=250.0),
    row("peak", "NumPy, 2 x 2 x 2", None, gflops=200.0),
    row("growth", "fairtrial", 1, gflops=50.0, share_of_peak=0.25, peak_memory_bytes=9 * 10**8),
    row("growth", "fairtrial", 4, gflops=90.0, share_of_peak=0.45, peak_memory_bytes=10**9),
]


def test_figures_go_between_the_marks_and_again_in_their_place(tmp_path):
    page = tmp_path / "speed.md"
    page.write_text(f"before\n{render.BEGIN}old\n{render.END}after\n", encoding="utf-8")
    for _ in range(2):
        render.write_docs(ROWS, tmp_path)
    text = page.read_text(encoding="utf-8")
    assert text.startswith("before\n") and text.endswith("after\n") and "old" not in text
    assert text.count("| fairtrial | 32 | 0.002 | 250 | 0.2 |") == 1
    assert "| 4 | 0.5 | 90 | 45% | 1000 |" in text and "200 GFLOP/s" in text
    assert "<svg" in (tmp_path / "growth.svg").read_text(encoding="utf-8")


def test_a_failure_is_shown_in_its_row_and_left_out_of_the_chart(tmp_path):
    end = "The process was ended by signal 11."
    failed = {"seconds_per_lane": None, "compile_seconds": None, "failure": end}
    rows = [*ROWS, row("line", "PyTorch", 4, **failed), row("growth", "fairtrial", 16, **failed)]
    tables = render.render_tables(rows)
    assert f"| PyTorch | 4 | {end} |  |  |" in tables
    assert f"| 16 | {end} |  |  |  |" in tables
    assert [point["lanes"] for point in render.draw_growth(rows).data.values] == [1, 4]


def test_the_shipped_page_has_the_marks():
    text = (ROOT / "docs" / "speed.md").read_text(encoding="utf-8")
    assert text.count(render.BEGIN) == text.count(render.END) == 1
