"""Charts of one claim of a trial."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from fairtrial.errors import InputError
from fairtrial.evidence.cells import list_margins, weigh_cells
from fairtrial.evidence.pairs import WITHOUT
from fairtrial.evidence.statistics.sampling import Sampling, find_sampling
from fairtrial.kinds.metrics.runs import LOSS_FLUCTUATION, RATE
from fairtrial.plots.charts import claims as claim_charts
from fairtrial.plots.charts import curves as curve_charts
from fairtrial.plots.charts.appearance import INK, Look, capitalise, show_metric
from fairtrial.plots.charts.layout import Chart
from fairtrial.plots.names import list_parts
from fairtrial.plots.of_runs import find_unit, list_quantities, name_series, read_curves
from fairtrial.plots.remember import remember
from fairtrial.plots.summaries import list_single_curves, summarise_curves
from fairtrial.results.results import Results
from fairtrial.results.store import PAIRS, VERDICTS
from fairtrial.results.verdicts import PARTS

MOST_PAIRS_OF_CURVES = 4
"""The most pairs of arms whose curves are shown, one panel per pair."""
N_POINTS = 60
"""Points that each curve of a claim keeps."""
CURVES_OF = {
    "excess_risk": "parameter_error",
    "steps_to_tolerance": "parameter_error",
    **dict.fromkeys(RATE, "learning_rate"),
    **dict.fromkeys(LOSS_FLUCTUATION, "loss"),
}
"""For metrics that summarise a curve: the quantity of that curve."""


class Judged(NamedTuple):
    """A judged claim: its verdict, and the differences behind it."""

    row: Mapping[str, Any]
    pairs: pl.DataFrame

    @property
    def by_seed(self) -> pl.DataFrame:
        """One row per seed: seed, better_value, than_value, difference; means over its pairs."""
        values = pl.col("better_value", "than_value", "difference").mean()
        return self.pairs.group_by("seed", maintain_order=True).agg(values)

    @property
    def arms(self) -> list[tuple[str, str]]:
        """The pairs of arms, better and than."""
        return self.pairs.select("better", "than").unique(maintain_order=True).rows()

    @property
    def names(self) -> tuple[str, str]:
        """The names of the sides: their arms if each has one arm, else "better" and "than"."""
        return self.arms[0] if len(self.arms) == 1 else ("better", "than")


def read_claim(trial: Results, claim: int = 1) -> Judged:
    """Read a judged claim by its number, from 1; an error if there is none, or none is judged."""
    # The files may change while the trial is open, when it is judged again.
    judged = _read_claims(trial, *(_stamp(trial.folder / name) for name in (VERDICTS, PAIRS)))
    if not 1 <= claim <= len(judged):
        many = f"{len(judged)} judged claims" if judged else "no judged claims"
        raise InputError(
            f"There is no claim {claim}: {trial.folder} has {many}. Judge those of its study with: "
            f"fairtrial judge {trial.folder}"
        )
    pairs = judged[claim - 1].pairs
    if not (_are_of(judged[claim - 1]) and {*pairs["better"], *pairs["than"]} <= trial.arms.keys()):
        raise InputError(
            f"The pairs of claim {claim} do not belong to the study in {trial.folder}. Judge it "
            f"again with: fairtrial judge {trial.folder}"
        )
    return judged[claim - 1]


def _are_of(judged: Judged) -> bool:
    """Say whether pairs are those that a verdict is on: their mean is its difference."""
    difference = judged.row["difference"]
    if difference is None:
        return True
    found = judged.by_seed["difference"].to_numpy()
    return judged.row["seeds"] == len(found) and math.isclose(
        float(found.mean()), difference, rel_tol=1e-9, abs_tol=1e-12
    )


@remember
def _read_claims(trial: Results, *stamps: tuple[int, int]) -> list[Judged]:
    """Read all judged claims; new stamps mean that the files were written again."""
    verdicts = trial.list_verdicts()
    pairs = trial.pairs if verdicts else pl.DataFrame()
    judged = []
    for place, row in enumerate(verdicts):
        # Only effects have arms without the change.
        absent = [] if row["change"] is not None else WITHOUT
        own = pairs.filter(pl.col("claim") == place).drop(absent, strict=False)
        judged.append(Judged(row, own))
    return judged


def _stamp(path: Path) -> tuple[int, int]:
    """Return time and size of a file, which change when it is written again."""
    return (path.stat().st_mtime_ns, path.stat().st_size) if path.exists() else (0, 0)


def _read_difference(trial: Results, claim: int) -> Judged:
    judged = read_claim(trial, claim)
    if judged.row["difference"] is None:
        raise InputError(f"Claim {claim} has no difference to show. {judged.row['note']}")
    return judged


def differences(trial: Results, claim: int = 1) -> Chart:
    """Draw the difference of a claim for each seed, the mean with 95 % interval, and the margin.

    Parameters
    ----------
    trial : Results
        A judged trial.
    claim : int
        The number of the claim in the study, from 1.

    Raises
    ------
    InputError
        If there is no such claim, or it has no difference.
    """
    judged = _read_difference(trial, claim)
    return claim_charts.draw_differences(judged.by_seed, judged.row)


def sides(trial: Results, claim: int = 1) -> Chart:
    """Draw the metric of both sides of a claim, with a line that joins the values of each seed.

    Parameters
    ----------
    trial : Results
        A judged trial.
    claim : int
        The number of the claim in the study, from 1.

    Raises
    ------
    InputError
        If there is no such claim, or it has no difference.
    """
    judged = _read_difference(trial, claim)
    named, looks = name_series(trial)
    series = dict(named.select("arm", "series").iter_rows())
    firsts = (series[judged.pairs[side][0]] for side in ("better", "than"))
    order = [
        (name, side, looks[first])
        for name, side, first in zip(judged.names, ("better", "than"), firsts, strict=True)
    ]
    return claim_charts.draw_sides(judged.by_seed, judged.row, _tell_sides_apart(order))


def cause(trial: Results, claim: int = 1) -> Chart:
    """Draw the parts of a claim's difference, each with its interval, and the whole.

    Parameters
    ----------
    trial : Results
        A judged trial.
    claim : int
        The number of the claim in the study, from 1.

    Raises
    ------
    InputError
        If there is no such claim, or its difference is not split.
    """
    judged = _read_difference(trial, claim)
    if all(judged.row[name] is None for name in PARTS):
        raise InputError(f"The difference of claim {claim} is not split. {judged.row['cause']}")
    return claim_charts.draw_cause(judged.row)


def curves_of_claim(trial: Results, claim: int = 1) -> Chart | None:
    """Draw the curves of both sides of a claim, one panel per pair of arms.

    Lines are means over the seeds; bands reach from the smallest to the largest value.

    Parameters
    ----------
    trial : Results
        A judged trial.
    claim : int
        The number of the claim in the study, from 1.

    Returns
    -------
    chart or None
        Curves of the claim's metric, or of the quantity nearest to it; None if the runs have no
        such curves.

    Raises
    ------
    InputError
        If there is no such claim.
    """
    judged = read_claim(trial, claim)
    named, looks = name_series(trial)
    quantity = _choose_quantity(trial, judged.row["on"])
    if quantity is None:
        return None
    bands, singles, order = [], [], []
    found, is_one = read_curves(trial, quantity), len(judged.arms) == 1
    for better, than in judged.arms[:MOST_PAIRS_OF_CURVES]:
        label = _label_pair(trial, better, than)
        for side, arm in (("better", better), ("than", than)):
            runs = _split_arms(trial)[arm]
            series = arm if is_one else side
            own = runs.with_columns(setting=pl.lit(label), series=pl.lit(series))
            order.append((series, side, looks[runs["series"][0]]))
            bands.append(summarise_curves(found, own, N_POINTS))
            singles.append(list_single_curves(found, own))
    bands = [table for table in bands if not table.is_empty()]
    if not bands:
        return None
    title = show_metric(quantity)
    return curve_charts.draw_curves(
        pl.concat(bands),
        _tell_sides_apart(order),
        f"{capitalise(title)} of both sides at each {find_unit(named)}, one panel per pair.",
        facet="setting",
        y_title=title,
        x_title=find_unit(named),
        singles=pl.concat(singles) if is_one and named["seed"].n_unique() > 1 else None,
        log="accuracy" not in quantity,
    )


def _choose_quantity(trial: Results, metric: str) -> str | None:
    known = list_quantities(trial)
    nearest = [metric, CURVES_OF.get(metric, ""), "parameter_error", "accuracy", "loss"]
    return next((name for name in nearest if name in known), None)


def _tell_sides_apart(order: list[tuple[str, str, Look]]) -> dict[str, Look]:
    """Keep the look of each side's series; if both have the same, `than` is dark and dashed."""
    looks: dict[str, Look] = {}
    for name, side, look in order:
        taken = any(look.colour == other.colour for other in looks.values())
        own = Look(INK, (5, 3), "square") if side == "than" and taken else look
        looks.setdefault(name, own)
    return looks


@remember
def _split_arms(trial: Results) -> dict[str, pl.DataFrame]:
    """Split the named runs of a trial by their arms."""
    named, _ = name_series(trial)
    return {arm: runs for (arm,), runs in named.partition_by("arm", as_dict=True).items()}


def _label_pair(trial: Results, better: str, than: str) -> str:
    """Name a pair of arms by what the two share: their setting, or their series."""
    one, other = (_split_arms(trial)[arm] for arm in (better, than))
    for part in ("setting", "series"):
        if one[part][0] == other[part][0] and one[part][0]:
            return one[part][0]
    return f"{better} / {than}"


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
    judged = _read_difference(trial, claim)
    if len(judged.arms) < 2:
        return None
    margins = list_margins(judged.row["margin"], judged.row["difference"])
    cells = weigh_cells(judged.pairs, margins, _recall_sampling(trial, claim, judged))
    shown = cells.with_columns(
        row=pl.Series(
            [_label_pair(trial, *pair) for pair in cells.select("better", "than").rows()]
        ),
        column=pl.Series([f"{margin:.3g}" for margin in cells["margin"]]),
    )
    metric = show_metric(judged.row["on"])
    said = f"The verdict of each pair of arms by itself, at each of {len(margins)} margins."
    return claim_charts.draw_grid(shown, (f"margin, in {metric}", ""), said)


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
    judged = _read_difference(trial, claim)
    if (words := _list_grid(trial, judged.arms)) is None:
        return None
    margin = judged.row["margin"]
    cells = weigh_cells(judged.pairs, [margin], _recall_sampling(trial, claim, judged))
    rows, columns = zip(*words, strict=True)
    cells = cells.with_columns(row=pl.Series(rows), column=pl.Series(columns))
    said = f"The verdict of each pair of arms by itself, at the margin {margin:g}."
    return claim_charts.draw_grid(cells, ("", ""), said)


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


def _recall_sampling(trial: Results, claim: int, judged: Judged) -> Sampling:
    """Recall how the runs of a judged claim were drawn."""
    arms = [(trial.arms[better], trial.arms[than]) for better, than in judged.arms]
    return find_sampling(trial.study.claims[claim - 1], arms, judged.row["method"], trial)
