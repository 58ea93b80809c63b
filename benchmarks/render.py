"""Put the figures of `make bench ARGS="--json FILE"` into docs/speed.md and docs/growth.svg.

usage: python benchmarks/render.py FILE [DOCS]
"""

import json
import sys
from pathlib import Path
from typing import Any

import altair as alt

BEGIN, END = "<!-- figures: begin -->\n", "<!-- figures: end -->\n"
TITLES = {
    "line": "Line: 10,000 rows, 2,000 full-batch steps, gradient descent, four losses",
    "softmax": "Softmax: 784 features, 10 classes, 48,000 rows, batch 128, Adam, one epoch",
    "softmax-batch-32": "Softmax at batch 32",
    "softmax-3-lanes": "Softmax with three lanes",
}
Rows = list[dict[str, Any]]


def render_tables(rows: Rows) -> str:
    """Render one Markdown table for each workload.

    Parameters
    ----------
    rows : list of dict
        As `python -m benchmarks.peers --json` writes them.

    Returns
    -------
    str
        Markdown.
    """
    parts = []
    for workload, title in TITLES.items():
        lines = [
            f"| {row['system']} | {row['lanes']} | {_write_seconds(row)} | "
            f"{_write(row['ratio_to_eager'], '{:.3g}')} | "
            f"{_write(row['compile_seconds'], '{:.1f}')} |"
            for row in rows
            if row["workload"] == workload
        ]
        if lines:
            head = "| system | lanes | seconds per lane | times eager | compile, s |"
            parts.append("\n".join([f"### {title}\n", head, "|---|--:|--:|--:|--:|", *lines]))
    growth = [row for row in rows if row["workload"] == "growth"]
    if growth:
        parts.append(render_growth(growth, [row for row in rows if row["workload"] == "peak"]))
    return "\n\n".join(parts) + "\n"


def render_growth(rows: Rows, peaks: Rows) -> str:
    """Render the table of growth, the best matrix product, and the chart."""
    head = "| lanes | seconds per lane | GFLOP/s | of peak | peak memory, MB |"
    lines = [
        f"| {row['lanes']} | {_write_seconds(row)} | {_write(row['gflops'], '{:.0f}')} | "
        f"{_write(row['share_of_peak'], '{:.0%}')} | {_write_megabytes(row)} |"
        for row in rows
    ]
    parts = [
        "### Growth: softmax by the number of lanes",
        "\n".join([head, "|--:|--:|--:|--:|--:|", *lines]),
        "![Seconds per lane against the number of lanes](growth.svg)",
    ]
    measured = [row for row in peaks if row["gflops"]]
    if measured:
        best = max(measured, key=lambda row: row["gflops"])
        rate = f"{best['gflops']:.0f} GFLOP/s in float32"
        parts.insert(2, f"The peak, {rate}, is that of {best['system']}.")
    return "\n\n".join(parts)


def draw_growth(rows: Rows) -> alt.LayerChart:
    """Draw seconds per lane against lanes, each point with its share of the machine's peak."""
    points = [
        {
            "lanes": row["lanes"],
            "seconds": row["seconds_per_lane"],
            "label": f"{row['share_of_peak']:.0%} of peak",
        }
        for row in rows
        if row["workload"] == "growth" and row["share_of_peak"]
    ]
    base = alt.Chart(alt.Data(values=points)).encode(
        x=alt.X(
            "lanes:Q",
            title="Lanes in one program",
            scale=alt.Scale(type="log", base=2),
            axis=alt.Axis(values=[point["lanes"] for point in points]),
        ),
        y=alt.Y("seconds:Q", title="Seconds per lane", scale=alt.Scale(type="log")),
    )
    labels = base.mark_text(align="left", dx=7, dy=-7).encode(text="label:N")
    return (base.mark_line(point=True) + labels).properties(
        width=460, height=260, title="One epoch of softmax regression"
    )


def write_docs(rows: Rows, docs: Path) -> None:
    """Put tables between the marks in `speed.md`, and the chart beside it."""
    page = docs / "speed.md"
    before, rest = page.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    page.write_text(f"{before}{BEGIN}\n{render_tables(rows)}\n{END}{after}", encoding="utf-8")
    if any(row["workload"] == "growth" for row in rows):
        draw_growth(rows).save(docs / "growth.svg")


def _write_seconds(row: dict[str, Any]) -> str:
    if row["failure"]:
        return row["failure"].replace("|", "\\|")
    return f"{row['seconds_per_lane']:.3g}"


def _write_megabytes(row: dict[str, Any]) -> str:
    return _write(row["peak_memory_bytes"] and row["peak_memory_bytes"] / 1e6, "{:.0f}")


def _write(value: float | None, form: str) -> str:
    return "" if value is None else form.format(value)


if __name__ == "__main__":
    _, file, *folder = sys.argv
    write_docs(json.loads(Path(file).read_text(encoding="utf-8")), Path(*folder or ["docs"]))
