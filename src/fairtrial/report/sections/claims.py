"""Claims on the page: headlines, verdicts and the evidence for each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fairtrial import plots
from fairtrial.digits import show_number
from fairtrial.evidence.account import explain, show_difference
from fairtrial.evidence.case import ANYTIME
from fairtrial.evidence.design import say_stated
from fairtrial.evidence.statistics.sampling import BOTH, ROWS
from fairtrial.plots.appearance import show_metric
from fairtrial.plots.judged import read_claim
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
    Text,
)
from fairtrial.results.results import Results
from fairtrial.results.verdicts import PARTS
from fairtrial.settings.complaints import write_setting

ORDER = ("reversed", "equivalent", "undecided", "holds")
"""Verdicts, the most surprising first."""


@dataclass(frozen=True)
class Entry:
    """A claim, or a check that has no difference to show.

    The row is an entry of `verdicts.json`; a check has `say`, `verdict` and `note` only, and no
    results. `number` is that of the claim in its study, from 1; `prefix` is the start of the names
    of its figures and links.
    """

    row: Mapping[str, Any]
    trial: Results | None = None
    number: int = 0
    prefix: str = "claim"

    @property
    def name(self) -> str:
        """The target of links to its evidence."""
        return f"{self.prefix}-{self.number}"


def list_entries(trial: Results) -> list[Entry]:
    """List the claims of a judged trial."""
    return [Entry(row, trial, number) for number, row in enumerate(trial.list_verdicts(), 1)]


# -------------------------------------------------------------------------------------- headlines


def list_headlines(entries: Sequence[Entry]) -> list[Headline]:
    """List the headlines, the most surprising first.

    Reversed claims come first, then claims whose difference comes mostly from how the runs are
    trained and not from what they minimise, then all others.
    """

    def rank(entry: Entry) -> tuple[bool, bool, int]:
        verdict = entry.row["verdict"]
        return verdict != "reversed", not is_of_training(entry.row), ORDER.index(verdict)

    return [
        Headline(entry.row["verdict"], entry.row["say"], say_found(entry.row), entry.name)
        for entry in sorted(entries, key=rank)
    ]


OF_LARGEST = {
    "objective": "The objectives themselves are the largest part of it.",
    "unfinished": "Unfinished training is the largest part of it.",
    "noise_floor": "The noise floor of the last steps is the largest part of it.",
    "unfinished_and_noise_floor": "Training is the largest part of it, not the objective.",
}
"""What is said of the largest part of a difference, where a test shows which that is."""


def is_of_training(row: Mapping[str, Any]) -> bool:
    """Say whether a difference that matters comes mostly from how the runs are trained."""
    return read_largest(row) not in ("", "objective")


def read_largest(row: Mapping[str, Any]) -> str:
    """Find the largest part of a difference that matters; "" where none is known."""
    part = row.get("largest_part") if row["verdict"] in ("holds", "reversed") else ""
    return part if part in OF_LARGEST else ""


def say_found(row: Mapping[str, Any]) -> str:
    """Write the finding on a claim as a sentence.

    Examples
    --------
    >>> say_found({"verdict": "reversed", "difference": -0.5, "low": -0.6, "high": -0.4,
    ...     "on": "mse", "margin": 0.1, "seeds": 20, "largest_part": "objective", "note": ""})
    'The opposite is true: the difference is -0.5 [-0.6, -0.4] in MSE. The objectives
    themselves are the largest part of it.'
    """
    if row.get("difference") is None:
        return row["note"]
    shown, metric = show_difference(dict(row)), show_metric(row["on"])
    seeds = row["seeds"]
    found = {
        "holds": f"The difference is {shown} in {metric}.",
        "reversed": f"The opposite is true: the difference is {shown} in {metric}.",
        "equivalent": f"No difference that matters: {shown} in {metric}, within a margin of "
        f"{row['margin']:g}.",
        "undecided": f"One seed shows {shown} in {metric}."
        if seeds == 1
        else f"{seeds} seeds cannot tell them apart: {shown} in {metric}.",
    }[row["verdict"]]
    largest = read_largest(row)
    return f"{found} {OF_LARGEST[largest]}" if largest else found


# --------------------------------------------------------------------------------------- evidence


def build_claims(entries: Sequence[Entry], *, heading: str, lead: str) -> Section:
    """Build the section of claims, with one fold of evidence per claim."""
    rows = [entry.row for entry in entries]
    counts = {verdict: sum(row["verdict"] == verdict for row in rows) for verdict in ORDER}
    counted = ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)
    return Section(
        "claims",
        heading,
        lead if len(rows) == 1 else f"{lead} {len(rows)} claims: {counted}.",
        [
            Part(
                "Evidence for each claim",
                [build_fold(entry, is_open=len(entries) == 1) for entry in entries],
            ),
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
    """Build the table of all verdicts, with a column of reasons if `why` is true."""
    caption = (
        "Each claim with its verdict and its difference. A positive difference favours the claim. "
        "The intervals, 95 % and 90 % where equivalent, are not adjusted for the number of claims; "
        "the verdicts are."
    )
    columns = [
        "claim",
        "verdict",
        "difference [interval]",
        "measured by",
        *(["why"] if why else []),
    ]
    cells = [
        [
            Cell(row["say"]),
            Cell(row["verdict"], f"word {row['verdict']}"),
            Cell(show_difference(dict(row)), value=row.get("difference")),
            Cell(show_metric(row.get("on", "checked")), "word"),
            *([Cell(explain(dict(row)), "text")] if why else []),
        ]
        for row in rows
    ]
    return Table(name, caption, columns, [Rows(cells)], sorts=sorts and not why)


def build_fold(entry: Entry, *, is_open: bool = False) -> Fold:
    """Build the fold of a claim, with all its evidence."""
    row, trial = entry.row, entry.trial
    blocks: list[Block] = [Text(say_found(row))]
    if trial is not None:
        blocks.append(Text(say_stated(row)))
    if (why := explain(dict(row))) and why != row.get("note"):
        blocks.append(Text(why))
    if trial is not None and row.get("difference") is not None:
        again = "To train and judge only this claim again, run this in the folder of the page:"
        blocks += [
            *_build_figures(entry, trial),
            _build_recipes(entry, trial),
            Facts(_list_facts(row)),
            *_build_pairs(entry),
            Text(again),
            Code(_write_command(entry, trial)),
        ]
    return Fold(row["say"], blocks, entry.name, row["verdict"], is_open)


def _write_command(entry: Entry, trial: Results) -> str:
    """Write the command that trains and judges a claim alone, by the same test."""
    place = "" if entry.prefix == "claim" else f"{trial.folder.name}/"
    by_bets = entry.row["method"] == ANYTIME
    looks = f" --until-decided --max-seeds {entry.row['seeds']}" if by_bets else ""
    return f"fairtrial run {place}study.toml --claim {entry.number}{looks} --out {entry.name}"


def _build_figures(entry: Entry, trial: Results) -> list[Block]:
    row, number, metric = entry.row, entry.number, show_metric(entry.row["on"])
    margin = ", the grey band the margin" if row["margin"] else ""
    interval = f" and its {_show_level(row)} interval" if _has_interval(row) else ""
    is_split = any(row[part] is not None for part in PARTS)
    is_whole = row["cause_seeds"] in (None, row["seeds"])
    seeds = "the seeds" if is_whole else f"{row['cause_seeds']} of {row['seeds']} seeds"
    where = "Each cell is tested alone over the seeds, without correction for the number of cells."
    drawn = [
        ("differences", f"Difference in {metric}, seed by seed", plots.differences(trial, number),
         "One mark per seed; a mark to the right of 0 agrees with the claim. The bar shows the mean"
         f"{interval}{margin}."),
        ("sides", f"Both sides, {metric}", plots.sides(trial, number),
         "A line joins the two marks of a seed. The seeds are sorted by their difference."),
        ("split", "The parts of the difference", plots.cause(trial, number) if is_split else None,
         f"The parts of the difference, as means over {seeds} with their 95 % intervals. The "
         f"diamond shows the whole difference{interval}{'' if is_whole else ', over all seeds'}."),
        ("curves", "Both sides during training", plots.curves_of_claim(trial, number),
         "Lines: mean over the seeds. Bands: smallest to largest value."),
        ("margins", "Where the claim holds, by margin", plots.where_it_holds(trial, number), where),
        ("grid", "Where the claim holds, over the grid", plots.grid_of_claim(trial, number), where),
    ]  # fmt: skip
    figures = [
        Figure(f"{entry.name}-{end}", title, chart, caption)
        for end, title, chart, caption in drawn
        if chart is not None
    ]
    return [Row(figures[:2]), *figures[2:]]


def _build_recipes(entry: Entry, trial: Results) -> Table:
    """Build the table of the settings in which the two sides differ."""
    pairs = read_claim(trial, entry.number).arms
    sides = [
        [trial.find_arm(name) for name in dict.fromkeys(side)] for side in zip(*pairs, strict=True)
    ]
    names = dict.fromkeys(name for side in sides for arm in side for name in arm.settings)
    rows = []
    for name in names:
        better, than = (
            ", ".join(dict.fromkeys(_show_setting(arm.settings.get(name)) for arm in side))
            for side in sides
        )
        if better != than:
            rows.append([Cell(name), Cell(better, "word"), Cell(than, "word")])
    caption = "The settings in which the two sides differ; they share all others"
    if len(pairs) > 1:
        caption += f" ({len(pairs)} pairs of arms)"
    return Table(f"{entry.name}-recipes", caption, ["setting", "better", "than"], [Rows(rows)])


def _show_setting(value: object) -> str:
    return "—" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _build_pairs(entry: Entry) -> list[Block]:
    pairs = entry.row["pairs"]
    if len(pairs) < 2:
        return []
    rows = [
        [
            *(Cell(pair["better"]), Cell(pair["than"], "text"), Cell(str(pair["seeds"]))),
            Cell("—" if pair["difference"] is None else show_number(pair["difference"])),
        ]
        for pair in pairs
    ]
    columns = ["better", "than", "seeds", "difference"]
    caption = "Mean difference of each pair of arms"
    return [Table(f"{entry.name}-pairs", caption, columns, [Rows(rows)])]


def _list_facts(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    facts = {
        "seeds": row["seeds"],
        "test": name_test(row),
        "interval": f"{_show_level(row)}, over {row['over']}, for this claim alone"
        if _has_interval(row)
        else None,
        "margin": row["margin"] or None,
        f"p-value, adjusted by {row.get('adjustment')}": _show(row["p_adjusted"]),
        "seeds that agree with the claim": _show(row["beats"], ".0%"),
        "difference / its standard deviation": _show(row["effect"]),
        "correlation of the two sides": _show(row["correlation"]),
        "seeds needed per side without pairing": row["unpaired_seeds"],
        "main source of uncertainty": row["dominant"],
        **list_tuned(row.get("tuned") or {}),
    }
    return [(name, str(value)) for name, value in facts.items() if value not in (None, "")]


def name_test(row: Mapping[str, Any]) -> str:
    """Name the test that the p-value and the interval come from."""
    if row["method"] == ANYTIME or row["seeds"] < 2:
        return row["method"]
    if row["rows"] == "split" and row["over"] == BOTH:
        return "Student's t, corrected for the rows that all splits share"
    return "normal, over the test rows" if row["over"] == ROWS else row["method"]


def list_tuned(tuned: Mapping[str, Any]) -> dict[str, str]:
    """List the settings with which each side is at its best, and by what they are chosen.

    Examples
    --------
    >>> list_tuned({"better_settings": [{"optimizer.learning_rate": 0.1}], "than_settings": [{}],
    ...     "chosen_on": "mse"})
    {'best settings of `better`': 'learning_rate=0.1', 'best settings of `than`': '',
     'best settings chosen by': 'MSE'}
    """
    if not tuned:
        return {}
    chosen = {
        f"best settings of `{side}`": "; ".join(
            ", ".join(write_setting(*setting) for setting in settings.items())
            for settings in tuned[f"{side}_settings"]
        )
        for side in ("better", "than")
    }
    return chosen | {"best settings chosen by": show_metric(tuned["chosen_on"])}


def _has_interval(row: Mapping[str, Any]) -> bool:
    return row["low"] is not None or row["high"] is not None


def _show_level(row: Mapping[str, Any]) -> str:
    return f"{100.0 * row.get('level', 0.95):.0f} %"


def _show(value: float | None, form: str = ".3g") -> str:
    return "" if value is None else f"{value:{form}}"
