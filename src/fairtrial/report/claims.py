"""What was claimed and what has become of it: headlines, verdicts, and the evidence behind each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fairtrial import plots
from fairtrial.evidence.account import explain, show_difference
from fairtrial.plots.appearance import show_metric
from fairtrial.plots.of_claims import read_claim
from fairtrial.plots.rows import find_arm
from fairtrial.report.blocks import (
    Block,
    Cell,
    Code,
    Facts,
    Figure,
    Fold,
    Headline,
    Part,
    Row,
    Rows,
    Section,
    Table,
)
from fairtrial.report.blocks import Text as Paragraph
from fairtrial.trial.trial import Trial

ORDER = ("reversed", "equivalent", "undecided", "holds")
"""Verdicts by how much they say against what was claimed."""
MARKS = {name: f"word {name}" for name in ORDER}


@dataclass(frozen=True)
class Entry:
    """A claim, or a check that has no difference to show.

    Attributes
    ----------
    row : mapping
        As of `verdicts.json`; of a check `say`, `verdict` and `note` alone.
    trial : Trial or None
        Where its evidence is; None for a check.
    number : int
        The claim's in its study, from 1.
    prefix : str
        Of the names of its figures and links.
    """

    row: Mapping[str, Any]
    trial: Trial | None = None
    number: int = 0
    prefix: str = "claim"

    @property
    def name(self) -> str:
        """What links to its evidence lead to."""
        return f"{self.prefix}-{self.number}"


def list_entries(trial: Trial) -> list[Entry]:
    """List the claims of a judged trial."""
    return [Entry(row, trial, number) for number, row in enumerate(trial.verdicts, 1)]


# -------------------------------------------------------------------------------------- headlines


def list_headlines(entries: Sequence[Entry]) -> list[Headline]:
    """List what was found, the most surprising first.

    That is what came out the other way round, then what holds or not because one side was not
    trained to its end, then the rest.
    """
    ranked = sorted(entries, key=_rank)
    return [
        Headline(entry.row["verdict"], entry.row["say"], say_found(entry.row), entry.name)
        for entry in ranked
    ]


def _rank(entry: Entry) -> tuple[bool, bool, int]:
    verdict = entry.row["verdict"]
    return verdict != "reversed", not is_budget(entry.row), ORDER.index(verdict)


def is_budget(row: Mapping[str, Any]) -> bool:
    """Say whether a difference that matters is owed to unfinished training."""
    is_split = row.get("choice") is not None and row["verdict"] in ("holds", "reversed")
    return bool(is_split and abs(row["budget"]) > abs(row["choice"]))


def say_found(row: Mapping[str, Any]) -> str:
    """Say in a sentence what was found of a claim.

    Examples
    --------
    >>> say_found({"verdict": "reversed", "difference": -0.5, "low": -0.6, "high": -0.4,
    ...     "on": "mse", "margin": 0.1, "seeds": 20, "choice": -0.4, "budget": -0.1, "note": ""})
    'The other way round, by -0.5 [-0.6, -0.4] in MSE.'
    """
    if row.get("difference") is None:
        return row["note"]
    shown, metric = show_difference(dict(row)), show_metric(row["on"])
    found = {
        "holds": f"By {shown} in {metric}.",
        "reversed": f"The other way round, by {shown} in {metric}.",
        "equivalent": f"No difference that matters: {shown} in {metric}, against a margin of "
        f"{row['margin']:g}.",
        "undecided": say_undecided(row, shown, metric),
    }[row["verdict"]]
    if not is_budget(row):
        return found
    if row["choice"] == 0.0:
        return f"{found} Both sides have the same goal: it is how far each gets."
    return f"{found} It is unfinished training rather than the choice."


def say_undecided(row: Mapping[str, Any], shown: str, metric: str) -> str:
    """Say what the seeds show of a claim that they do not decide."""
    if row["seeds"] == 1:
        return f"One seed shows {shown} in {metric}; it cannot show whether others agree."
    return f"{row['seeds']} seeds cannot tell them apart: {shown} in {metric}."


# --------------------------------------------------------------------------------------- evidence


def build_claims(entries: Sequence[Entry], *, heading: str, lead: str) -> Section:
    """Build the section of claims, with a fold of evidence for each."""
    rows = [entry.row for entry in entries]
    counts = {verdict: sum(row["verdict"] == verdict for row in rows) for verdict in ORDER}
    told = ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)
    number = "1 claim" if len(rows) == 1 else f"{len(rows)} claims"
    return Section(
        "claims",
        heading,
        f"{lead} {number}: {told}.",
        [
            Part("The evidence, claim by claim", [build_fold(entry) for entry in entries]),
            Part("All verdicts", [build_verdicts(rows)]),
        ],
    )


def build_verdicts(
    rows: Sequence[Mapping[str, Any]],
    *,
    why: bool = False,
    name: str = "verdicts",
    sorts: bool = True,
) -> Table:
    """Build the table of all verdicts, maybe with the why of each."""
    caption = (
        "Each claim, its verdict, and the difference with its 95 % interval, positive where the "
        "claim points"
    )
    columns = ["claim", "verdict", "difference [95 % interval]", "measured by"]
    cells = [_make_row(row) for row in rows]
    if why:
        columns.append("why")
        cells = [
            [*some, Cell(explain(dict(row)), "text")] for some, row in zip(cells, rows, strict=True)
        ]
    return Table(name, caption, columns, [Rows(cells)], sorts=sorts and not why)


def _make_row(row: Mapping[str, Any]) -> list[Cell]:
    return [
        Cell(row["say"]),
        Cell(row["verdict"], MARKS[row["verdict"]]),
        Cell(show_difference(dict(row)), value=row.get("difference")),
        Cell(show_metric(row.get("on", "checked")), "word"),
    ]


def build_fold(entry: Entry) -> Fold:
    """Build the fold of a claim, with all its evidence."""
    row, trial = entry.row, entry.trial
    blocks: list[Block] = [Paragraph(say_found(row))]
    if (why := explain(dict(row))) and why != row.get("note"):
        blocks.append(Paragraph(why))
    if trial is not None and row.get("difference") is not None:
        blocks += _build_figures(entry, trial)
        blocks += [_build_recipes(entry, trial), Facts(_list_facts(row))]
        blocks += _build_pairs(entry)
        place = "" if entry.prefix == "claim" else f"{trial.folder.name}/"
        blocks += [
            Paragraph("To train and judge just this claim again, in the folder of this page:"),
            Code(f"fairtrial run {place}study.toml --claim {entry.number} --out {entry.name}"),
        ]
    return Fold(row["say"], blocks, entry.name, row["verdict"])


def _build_figures(entry: Entry, trial: Trial) -> list[Block]:
    row, number, name = entry.row, entry.number, entry.name
    metric = show_metric(row["on"])
    margin = ", the grey band the margin" if row["margin"] else ""
    differences = Figure(
        f"{name}-differences",
        f"Difference in {metric}, seed by seed",
        plots.differences(trial, number),
        "Each mark is a seed: to the right of 0 the claim is true of it. The bar is the mean with "
        f"its 95 % interval{margin}.",
    )
    sides = Figure(
        f"{name}-sides",
        f"Both sides, {metric}",
        plots.sides(trial, number),
        "The two marks of a seed are joined; the order is that of the differences.",
    )
    blocks: list[Block] = [Row([differences, sides])]
    if row["choice"] is not None:
        caption = (
            "How much of the difference is the choice, how much unfinished training: means over "
            "the seeds. Diamond and rule: the whole difference with its 95 % interval."
        )
        chart = plots.choice_and_budget(trial, number)
        blocks.append(Figure(f"{name}-split", "Choice against budget", chart, caption))
    curves = plots.curves_of_claim(trial, number)
    if curves is not None:
        caption = "Mean over the seeds, with a band from the smallest to the largest."
        blocks.append(Figure(f"{name}-curves", "Both sides on the way", curves, caption))
    where = "Each cell by itself, over the seeds, not adjusted for their number."
    holds = plots.where_it_holds(trial, number)
    if holds is not None:
        blocks.append(Figure(f"{name}-margins", "Where it holds, at which margin", holds, where))
    grid = plots.grid_of_claim(trial, number)
    if grid is not None:
        blocks.append(Figure(f"{name}-grid", "Where it holds, over the grid", grid, where))
    return blocks


def _build_recipes(entry: Entry, trial: Trial) -> Table:
    """Set the two sides' settings beside each other, as far as they differ."""
    pairs = (
        read_claim(trial, entry.number).pairs.select("better", "than").unique(maintain_order=True)
    )
    arms = {
        side: [find_arm(trial, name) for name in pairs[side].unique(maintain_order=True)]
        for side in ("better", "than")
    }
    names = dict.fromkeys(name for side in arms.values() for arm in side for name in arm.settings)
    rows = []
    for name in names:
        better, than = (
            ", ".join(dict.fromkeys(_show_setting(arm.settings.get(name)) for arm in arms[side]))
            for side in ("better", "than")
        )
        if better != than:
            rows.append([Cell(name), Cell(better, "word"), Cell(than, "word")])
    caption = "What the two sides differ in; they share everything else"
    if pairs.height > 1:
        caption += f", arm by arm, in {pairs.height} pairs"
    return Table(f"{entry.name}-recipes", caption, ["setting", "better", "than"], [Rows(rows)])


def _show_setting(value: object) -> str:
    return "—" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _build_pairs(entry: Entry) -> list[Block]:
    pairs = entry.row["pairs"]
    if len(pairs) < 2:
        return []
    rows = [_make_pair_row(pair) for pair in pairs]
    return [
        Table(
            f"{entry.name}-pairs",
            "Pairs of arms, each with its own mean difference",
            ["better", "than", "seeds", "difference"],
            [Rows(rows)],
        )
    ]


def _make_pair_row(pair: Mapping[str, Any]) -> list[Cell]:
    difference = "—" if pair["difference"] is None else f"{pair['difference']:.4g}"
    than = Cell(pair["than"], "text")
    return [Cell(pair["better"]), than, Cell(str(pair["seeds"])), Cell(difference)]


def _list_facts(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    """List what is known of a claim in plain words; what is not is left out."""
    facts = {
        "seeds": row["seeds"],
        "test": row["method"],
        "interval over": row["over"],
        "margin": row["margin"] or None,
        "p, after Holm's procedure": _show(row["p_adjusted"]),
        "seeds in which it is true": _show(row["beats"], ".0%"),
        "difference over its spread": _show(row["effect"]),
        "correlation of the two sides": _show(row["correlation"]),
        "seeds a side without pairing": row["unpaired_seeds"],
        "uncertainty mostly from": row["dominant"],
    }
    return [(name, str(value)) for name, value in facts.items() if value not in (None, "")]


def _show(value: float | None, form: str = ".3g") -> str:
    return "" if value is None else f"{value:{form}}"
