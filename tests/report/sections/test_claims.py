"""The section of claims: headlines, the table of verdicts, and the folds of evidence."""

import json
import shutil
from dataclasses import replace

import pytest

import fairtrial as ft
from fairtrial.lab.report import make_document
from fairtrial.report.blocks import Code, Facts, Figure, Headline, Row, Table
from fairtrial.report.page import group_headlines, render_page
from fairtrial.report.sections.claims import (
    Entry,
    build_claims,
    list_entries,
    list_headlines,
    name_test,
    say_found,
)


def make_row(say, **others):
    return {
        "say": say, "on": "parameter_error", "verdict": "holds", "margin": 0.05, "seeds": 20,
        "difference": 0.3, "low": 0.1, "high": 0.5, "largest_part": "objective", "cause": "",
        "tuned": None, "counterfactual": None, "note": "",
    } | others  # fmt: skip


CHECK = {"say": "It repeats", "verdict": "holds", "note": "4 runs."}


def test_headlines_start_with_the_most_surprising():
    rows = [
        make_row("holds by its objective"),
        make_row("cannot be told", verdict="undecided"),
        make_row("makes no difference", verdict="equivalent"),
        make_row("holds by its training", largest_part="noise_floor"),
        make_row("is the other way round", verdict="reversed"),
        CHECK,
    ]
    found = [headline.claim for headline in list_headlines([Entry(row) for row in rows])]
    assert found == [
        "is the other way round", "holds by its training", "makes no difference", "cannot be told",
        "holds by its objective", "It repeats",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("others", "words"),
    [
        ({}, "The difference is 0.3 [0.1, 0.5] in parameter error."),
        ({"largest_part": "unfinished"}, "Unfinished training is the largest part of it."),
        ({"largest_part": "noise_floor"}, "The noise floor of the last steps is the largest part"),
        ({"largest_part": None}, "The difference is 0.3 [0.1, 0.5] in parameter error."),
        ({"verdict": "equivalent"}, "No difference that matters: 0.3 [0.1, 0.5]"),
        ({"verdict": "equivalent"}, "a margin of 0.05"),
        ({"verdict": "undecided"}, "20 seeds cannot tell them apart: 0.3 [0.1, 0.5]"),
        ({"verdict": "undecided", "seeds": 1, "low": None, "high": None}, "One seed shows 0.3 in"),
        ({"difference": None, "note": "Cannot be judged."}, "Cannot be judged."),
    ],
)
def test_say_found_writes_a_sentence_per_verdict(others, words):
    assert words in say_found(make_row("x", **others))


@pytest.mark.parametrize(
    ("rows", "over", "method", "expected"),
    [
        ("drawn", "seeds", "sign-flip test", "sign-flip test"),
        ("fixed", "seeds and test rows", "sign-flip test", "sign-flip test"),
        ("split", "seeds and test rows", "sign-flip test", "Student's t, corrected for the rows"),
        ("split", "seeds and test rows", "anytime-valid bets", "anytime-valid bets"),
        ("fixed", "test rows", "sign-flip test", "normal, over the test rows"),
    ],
)
def test_name_of_the_test_that_made_the_interval(rows, over, method, expected):
    found = name_test(make_row("x", rows=rows, over=over, method=method))
    assert found.startswith(expected)


def test_headlines_are_grouped_in_order():
    rows = [make_row(name, verdict=name) for name in ("undecided", "equivalent", "holds")]
    headlines = list_headlines([Entry(row) for row in [*rows, make_row("r", verdict="reversed")]])
    other = Headline("undecided", "units differ", "MSE against MAE.", "", group="different things")
    found = [(name, len(group)) for name, _, group in group_headlines([other, *headlines])]
    assert found == [
        ("reversed", 1), ("holds", 1), ("equivalent", 1), ("undecided", 1), ("different things", 1),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def section(lab):
    trial = ft.Trial(lab / "line")
    entries = [*list_entries(trial), Entry(CHECK, None, 4, "check")]
    return build_claims(entries, heading="Claims", lead="Some.")


def test_claims_section_counts_verdicts_and_has_a_row_per_claim(section):
    assert section.lead == "Some. 4 claims: 3 undecided, 1 holds."
    (table,) = section.parts[1].blocks
    assert table.rows[0][0].text == "1. MSE gets closer than MAE"
    assert [cell.text for cell in table.rows[3]] == ["It repeats", "holds", "", "checked"]
    assert table.rows[0][2].value == pytest.approx(
        float(table.rows[0][2].text.split()[0]), rel=1e-3
    )
    assert table.sorts


def test_evidence_of_a_single_claim_is_open_and_not_counted(section, lab):
    assert not any(fold.is_open for fold in section.parts[0].blocks)
    entries = list_entries(ft.Trial(lab / "line"))[:1]
    alone = build_claims(entries, heading="Claims", lead="One.")
    assert alone.parts[0].blocks[0].is_open and alone.lead == "One."


@pytest.mark.parametrize(("n_headlines", "n_counts", "n_headings"), [(1, 0, 0), (2, 1, 1)])
def test_headlines_are_counted_if_there_are_several(lab, n_headlines, n_counts, n_headings):
    document = replace(make_document(lab), short=False)
    headline = Headline("holds", "It holds", "By much.", "claim-1")
    page = render_page(replace(document, headlines=[headline] * n_headlines))
    assert page.count('<dl class="facts counts">') == n_counts
    assert page.count('<h3 class="found holds">Holds: 2') == n_headings


def test_claim_folds_have_their_evidence(section, lab):
    one, pairs, _, check = section.parts[0].blocks
    names = [figure.name for figure in _list_figures(one)]
    assert names == ["claim-1-differences", "claim-1-sides", "claim-1-split", "claim-1-curves"]
    assert "claim-2-margins" in [figure.name for figure in _list_figures(pairs)]
    assert [type(block) for block in check.blocks].count(Figure) == 0
    facts = dict(next(block for block in one.blocks if isinstance(block, Facts)).facts)
    verdict = ft.Trial(lab / "line").list_verdicts()[0]
    assert facts["seeds that agree with the claim"] == f"{verdict['beats']:.0%}"
    assert one.verdict == "undecided"


def _list_figures(fold):
    rows = [figure for block in fold.blocks if isinstance(block, Row) for figure in block.figures]
    return [*rows, *(block for block in fold.blocks if isinstance(block, Figure))]


def test_recipes_table_has_only_settings_that_differ(section):
    one, pairs = section.parts[0].blocks[:2]
    recipes = [
        [[cell.text for cell in row] for row in block.rows]
        for fold in (one, pairs)
        for block in fold.blocks
        if isinstance(block, Table) and block.name.endswith("-recipes")
    ]
    assert recipes[0] == [["loss.kind", "mse", "mae"]]
    assert ["optimizer.learning_rate", "0.05", "0.001"] in recipes[1]
    assert not any(row[0] == "loss.kind" for row in recipes[1])


def test_command_of_a_claim_runs_its_arms_again(section, lab):
    (code,) = [b for b in section.parts[0].blocks[0].blocks if isinstance(b, Code)]
    assert code.text == "fairtrial run study.toml --claim 1 --out claim-1"
    narrowed = ft.Trial(lab / "line").study.narrow(1)
    assert [arm.name for arm in narrowed.list_arms()] == [
        "learning rate 0.001 · mse", "learning rate 0.001 · mae",
    ]  # fmt: skip
    assert narrowed == ft.Study.from_toml(narrowed.to_toml())


def test_conclusions_on_other_runs_are_left_out(lab, tmp_path):
    folder = shutil.copytree(lab, tmp_path / "lab")
    assert "not about the runs" not in render_page(make_document(folder))
    path = folder / "conclusions.json"
    rows = json.loads(path.read_text())
    claim = next(claim for row in rows for claim in row["claims"])
    claim["difference"] += 0.01
    path.write_text(json.dumps(rows))
    document = make_document(folder)
    assert "not about the runs" in dict(document.notices)["Conclusions"]
    assert not document.headlines
