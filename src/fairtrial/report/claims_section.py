"""What was claimed and what has become of it: verdicts, and the evidence that each opens to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from fairtrial.evidence.account import explain, show_difference
from fairtrial.report.blocks import Block, Cell, Facts, Figure, Fold, Part, Rows, Section, Table
from fairtrial.report.blocks import Text as Paragraph
from fairtrial.report.verdict_charts import draw_differences, draw_parts

# What a reader should see first.
ORDER = ("reversed", "holds", "equivalent", "undecided")
MARKS = {"holds": "word yes", "reversed": "word no"}


def build_claims_section(
    rows: Sequence[Mapping[str, Any]],
    pairs: Mapping[str, pl.DataFrame],
    *,
    heading: str,
    lead: str,
) -> Section:
    """Build the section of claims, with a fold of evidence for each.

    Parameters
    ----------
    rows : sequence of mapping
        As of `verdicts.json`, or of the lab's `conclusions.json` with `study`.
    pairs : mapping of str to table
        `pairs.parquet` of each study; its claims are numbered in the order of their rows.
    heading, lead : str
        What stands above.
    """
    counts = {verdict: sum(row["verdict"] == verdict for row in rows) for verdict in ORDER}
    told = ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)
    table = Table(
        "Each claim, its verdict, and the difference with its 95 % interval, positive where the "
        "claim points",
        ["claim", "verdict", "difference [95 % interval]", "measured by"],
        [Rows([_make_row(row) for row in rows])],
    )
    number: dict[str, int] = {}
    folds: list[Block] = []
    for row in rows:
        if "on" not in row:  # A check: there is no difference to show.
            folds.append(Fold(f"{row['verdict']} — {row['say']}", [Paragraph(row["note"])]))
            continue
        study = row.get("study", "")
        number[study] = number.get(study, -1) + 1
        of_claim = pairs[study].filter(pl.col("claim") == number[study])
        folds.append(_build_fold(row, of_claim))
    return Section(
        "claims",
        heading,
        f"{lead} {len(rows)} claims: {told}.",
        [Part("Verdicts", [table]), Part("The evidence, claim by claim", folds)],
    )


def _make_row(row: Mapping[str, Any]) -> list[Cell]:
    return [
        Cell(row["say"]),
        Cell(row["verdict"], MARKS.get(row["verdict"], "word")),
        Cell(show_difference(dict(row))),
        Cell(row.get("on", "checked").replace("_", " "), "word"),
    ]


def _build_fold(row: Mapping[str, Any], pairs: pl.DataFrame) -> Fold:
    blocks: list[Block] = [Paragraph(explain(dict(row)) or "There is nothing more to say of it.")]
    if row["difference"] is not None:
        by_seed = pairs.group_by("seed", maintain_order=True).agg(pl.col("difference").mean())
        metric = row["on"].replace("_", " ")
        blocks.append(
            Figure(
                f"Difference in {metric}, seed by seed",
                draw_differences(by_seed, row),
                "Each mark is a seed: to the right of 0 the claim is true of it. The bar is the "
                "mean with its 95 % interval"
                + (", the grey band the margin." if row["margin"] else "."),
            )
        )
        if row["choice"] is not None and (row["choice"] or row["budget"]):
            blocks.append(
                Figure("Choice and budget", draw_parts(row), "Means with 95 % intervals.")
            )
        blocks.append(Facts(_list_facts(row)))
    if len(row["pairs"]) > 1:
        blocks.append(
            Table(
                "Pairs of arms, each with its own mean difference",
                ["better", "than", "seeds", "difference"],
                [Rows([_make_pair_row(pair) for pair in row["pairs"]])],
            )
        )
    return Fold(f"{row['verdict']} — {row['say']}", blocks)


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
