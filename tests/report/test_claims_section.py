"""The section of claims: a row and a fold for each, checks beside them, figures that add up."""

import numpy as np
import polars as pl
import pytest

from fairtrial.report.blocks import Facts, Figure, Table
from fairtrial.report.claims_section import build_claims_section
from fairtrial.report.verdict_charts import draw_differences, draw_parts

DIFFERENCES = [0.3, -0.1, 0.2]


def make_row(say, **others):
    return {
        "say": say, "study": "line", "on": "parameter_error", "verdict": "holds", "margin": 0.05,
        "difference": float(np.mean(DIFFERENCES)), "low": 0.1, "high": 0.2, "p_adjusted": 0.01,
        "seeds": 3, "method": "sign-flip test", "over": "seeds", "beats": 2 / 3, "effect": 1.0,
        "correlation": None, "unpaired_seeds": None, "dominant": None, "choice": 0.1,
        "choice_low": 0.0, "choice_high": 0.2, "budget": 0.0333, "budget_low": None,
        "budget_high": None, "cause": "Because.", "tuned": None, "counterfactual": None,
        "pairs": [{"better": "a", "than": "b", "seeds": 3, "difference": 0.1}], "note": "",
    } | others  # fmt: skip


ROWS = [
    make_row("1. <b>A</b> beats B"),
    {"say": "2. It repeats", "study": "line", "verdict": "holds", "note": "4 runs."},
    make_row(
        "3. C beats D", verdict="undecided", difference=None, low=None, high=None, choice=None,
        note="Cannot be judged.", p_adjusted=None,
    ),
    make_row("4. E beats F", study="fashion", verdict="reversed"),
]  # fmt: skip


@pytest.fixture(scope="module")
def section():
    def pairs(numbers):
        rows = [(k, seed, d) for k in numbers for seed, d in enumerate(DIFFERENCES)]
        return pl.DataFrame(rows, schema=["claim", "seed", "difference"], orient="row")

    of_study = {"line": pairs([0, 1]), "fashion": pairs([0])}
    return build_claims_section(ROWS, of_study, heading="Claims", lead="Some.")


def test_counts_and_rows(section):
    assert section.lead == "Some. 4 claims: 1 reversed, 2 holds, 1 undecided."
    (table,) = section.parts[0].blocks
    cells = [[cell.text for cell in row] for row in table.groups[0].rows]
    assert cells[0] == ["1. <b>A</b> beats B", "holds", "0.1333 [0.1, 0.2]", "parameter error"]
    assert cells[1][1:] == ["holds", "", "checked"]
    assert cells[2][1:3] == ["undecided", ""]
    assert table.text_columns == {1, 3}


def test_each_claim_opens_to_its_evidence(section):
    folds = section.parts[1].blocks
    assert [fold.summary.partition(" — ")[0] for fold in folds] == [
        "holds", "holds", "undecided", "reversed",
    ]  # fmt: skip
    kinds = [[type(block) for block in fold.blocks] for fold in folds]
    assert kinds[0].count(Figure) == 2 and Facts in kinds[0] and Table not in kinds[0]
    assert len(kinds[1]) == len(kinds[2]) == 1
    facts = dict(folds[0].blocks[-1].facts)
    assert (
        facts["seeds in which it is true"] == "67%" and "correlation of the two sides" not in facts
    )


def test_differences_of_every_seed_are_drawn(section):
    chart = section.parts[1].blocks[0].blocks[1].chart.to_dict()
    tables = [*chart.get("datasets", {}).values()]
    tables += [layer["data"].get("values", []) for layer in chart["layer"] if "data" in layer]
    seeds = [row for table in tables for row in table if row.get("seed") not in (None, "mean")]
    drawn = {row["seed"]: row["difference"] for row in seeds}
    assert drawn == {str(seed): d for seed, d in enumerate(DIFFERENCES)}
    assert "2 of 3 seeds are not below 0" in chart["description"]


def test_an_interval_without_ends_is_left_out():
    by_seed = pl.DataFrame({"seed": [0], "difference": [0.5]})
    row = make_row("x", low=None, high=None, margin=0.0)
    layers = draw_differences(by_seed, row).to_dict()["layer"]
    assert len(layers) == 3  # the line at 0, the seeds, the mean
    assert len(draw_parts(make_row("x")).to_dict()["layer"]) == 1
