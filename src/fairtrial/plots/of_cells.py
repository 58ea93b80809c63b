"""Charts of where a claim holds: a grid of verdicts on its pairs of arms."""

from collections.abc import Sequence

import polars as pl

from fairtrial.evidence.cells import list_margins, weigh_cells
from fairtrial.evidence.statistics.sampling import find_sampling
from fairtrial.plots import vega
from fairtrial.plots.appearance import FAINT, GREEN, SKY, VERMILLION, show_metric
from fairtrial.plots.judged import Judged, label_pair, read_difference
from fairtrial.plots.names import list_parts
from fairtrial.plots.summaries import list_unique
from fairtrial.plots.vega import MARK_LEGEND, Chart
from fairtrial.results.results import Results

VERDICT_LOOKS = {
    "holds": (GREEN, "✓"),
    "equivalent": (SKY, "="),
    "undecided": (FAINT, "?"),
    "reversed": (VERMILLION, "✗"),
}
"""Colour and sign of each verdict."""


def where_it_holds(trial: Results, claim: int = 1) -> Chart | None:
    """Draw the verdict of each pair of arms by itself, at several margins.

    Parameters
    ----------
    trial : Results
        A judged trial.
    claim : int
        The number of the claim in the study, from 1.

    Returns
    -------
    chart or None
        One row per pair, one column per margin; None if the claim has only one pair of arms.

    Raises
    ------
    InputError
        If there is no such claim, or it has no difference.
    """
    judged = read_difference(trial, claim)
    if len(judged.arms) < 2:
        return None
    margins = list_margins(judged.row["margin"], judged.row["difference"])
    cells = _weigh(trial, claim, judged, margins)
    pairs = cells.select("better", "than").rows()
    cells = cells.with_columns(
        row=pl.Series([label_pair(trial, *pair) for pair in pairs]),
        column=pl.Series([f"{margin:.3g}" for margin in cells["margin"]]),
    )
    said = f"The verdict of each pair of arms by itself, at each of {len(margins)} margins."
    return _draw_grid(cells, f"margin, in {show_metric(judged.row['on'])}", said)


def grid_of_claim(trial: Results, claim: int = 1) -> Chart | None:
    """Draw the verdict of each pair of arms over a grid of two settings.

    Parameters
    ----------
    trial : Results
        A judged trial.
    claim : int
        The number of the claim in the study, from 1.

    Returns
    -------
    chart or None
        One cell per pair of arms, at the claim's margin; None if the pairs do not form a grid.

    Raises
    ------
    InputError
        If there is no such claim, or it has no difference.
    """
    judged = read_difference(trial, claim)
    if (words := _list_grid(trial, judged.arms)) is None:
        return None
    margin = judged.row["margin"]
    rows, columns = map(pl.Series, zip(*words, strict=True))
    cells = _weigh(trial, claim, judged, [margin]).with_columns(row=rows, column=columns)
    said = f"The verdict of each pair of arms by itself, at the margin {margin:g}."
    return _draw_grid(cells, "", said)


def _weigh(
    trial: Results, claim: int, judged: Judged, margins: Sequence[float]
) -> pl.DataFrame:  # fmt: skip
    """Weigh each pair of arms of a judged claim at each margin, as its runs were drawn."""
    arms = [(trial.arms[better], trial.arms[than]) for better, than in judged.arms]
    stated, method = trial.study.claims[claim - 1], judged.row["method"]
    return weigh_cells(judged.pairs, margins, find_sampling(stated, arms, method, trial))


def _list_grid(trial: Results, pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str]] | None:
    """List the two settings of each pair that tell it from others; None if they form no grid."""
    parts = list_parts(trial.runs)
    shared = [dict(parts[better].items() & parts[than].items()) for better, than in pairs]
    names = [name for name in parts[pairs[0][0]] if len({each.get(name) for each in shared}) > 1]
    if len(names) != 2 or any(name not in each for name in names for each in shared):
        return None
    words = [(each[names[0]], each[names[1]]) for each in shared]
    n_rows, n_columns = (len(set(axis)) for axis in zip(*words, strict=True))
    is_grid = len(set(words)) == len(words) == n_rows * n_columns
    return words if is_grid and min(n_rows, n_columns) > 1 else None


def _draw_grid(cells: pl.DataFrame, title: str, description: str) -> Chart:
    """Draw a cell with a colour and a sign for each `row` and `column`, in their order.

    The cells also have `verdict`, `difference`, `low` and `high`; the columns have the title.
    """
    columns, rows = list_unique(cells, "column"), list_unique(cells, "row")
    signs = {name: sign for name, (_, sign) in VERDICT_LOOKS.items()}
    cells = cells.with_columns(sign=pl.col("verdict").replace_strict(signs))
    domain = [f"{sign} {name}" for name, (_, sign) in VERDICT_LOOKS.items()]
    colours = [colour for colour, _ in VERDICT_LOOKS.values()]
    legend = MARK_LEGEND | {"symbolType": "square", "symbolStrokeWidth": 0}
    squares = vega.layer(
        vega.mark("rect", opacity=0.55, cornerRadius=2),
        color=vega.nominal("named", scale={"domain": domain, "range": colours}, legend=legend),
        tooltip=[
            *(vega.nominal(field) for field in ("row", "column", "verdict")),
            *(vega.quantity(field) for field in ("difference", "low", "high")),
        ],
    )
    named = [{"calculate": "datum.sign + ' ' + datum.verdict", "as": "named"}]
    sign = vega.layer(vega.mark("text", fontSize=13), text=vega.nominal("sign"))
    axis = {"orient": "top", "labelAngle": 0}
    layered = {
        "data": vega.list_rows(cells),
        "height": 26 * len(rows),
        "encoding": {
            "x": vega.nominal("column", title=title, sort=columns, axis=axis),
            "y": vega.nominal("row", title="", sort=rows),
        },
        "layer": [{"transform": named} | squares, sign],
    }
    return vega.lay_out(layered, description)
