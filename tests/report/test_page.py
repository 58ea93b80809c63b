import json
import re
import shutil
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser

import polars as pl
import pytest
import scipy.stats

import fairtrial as ft
from fairtrial.errors import InputError
from fairtrial.lab.report import make_document, write_page
from fairtrial.report.page import dump_json, make_inert, render_page
from fairtrial.report.sections.arms import build_arms
from small_lab import HOSTILE


class Page(HTMLParser):
    """The parts of the parsed page that the tests read."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.scripts, self.headings = [], [], []
        self.words = ""
        self.inside = ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        self.inside = tag
        if tag == "script":
            self.scripts.append("")
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))

    def handle_endtag(self, tag):
        self.inside = ""

    def handle_data(self, data):
        if self.inside == "script":
            self.scripts[-1] += data
        elif self.inside != "style":
            self.words += data

    def find(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def build(folder):
    path = write_page(folder)
    assert path == folder / "report.html"
    text = path.read_text(encoding="utf-8")
    return text, Page(text)


@pytest.fixture(scope="module")
def page(lab):
    return build(lab)


def test_page_loads_nothing_from_outside(page):
    text, parsed = page
    for tag, attributes in parsed.elements:
        for name in ("src", "href", "srcset", "data", "action", "poster"):
            value = attributes.get(name)
            assert value is None or value.startswith(("#", "data:")), (tag, name, value)
    style = re.search("<style>(.*?)</style>", text, re.S)
    assert style and "url(" not in style[1] and "@import" not in style[1]
    specifications = zip(parsed.find("script"), parsed.scripts, strict=True)
    assert not any("http" in text for attributes, text in specifications if "class" in attributes)


def test_the_policy_allows_its_own_scripts_only(page):
    _, parsed = page
    policy = next(a["content"] for a in parsed.find("meta") if "http-equiv" in a)
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "http" not in policy
    assert policy.count("'sha256-") == 3
    assert not any(name.startswith("on") for _, attrs in parsed.elements for name in attrs)
    assert not any("style" in attributes for _, attributes in parsed.elements)


def test_hostile_names_are_escaped(hostile_lab):
    text, parsed = build(hostile_lab)
    for name in HOSTILE:
        assert name in parsed.words
    assert HOSTILE[0] not in text
    assert not any("alert(1)" in script for script in parsed.scripts[:-2] if "<" in script)


def test_every_chart_has_specification_and_text_alternative(page):
    _, parsed = page
    places = [a for a in parsed.find("div") if a.get("class") == "chart"]
    kinds = [a.get("class") for a in parsed.find("script")]
    assert len(places) == kinds.count("specification") > 40
    assert all(a["role"] == "group" and a["aria-label"] for a in places)
    specifications = [
        json.loads(script)
        for script, kind in zip(parsed.scripts, kinds, strict=True)
        if kind == "specification"
    ]
    assert not any({"$schema", "config"} & specification.keys() for specification in specifications)


def test_headlines_come_first_and_link_to_evidence(page):
    text, parsed = page
    assert text.index("What was found") < text.index("<main")
    links = [a["href"][1:] for a in parsed.find("a") if "#statement-" in a.get("href", "")]
    folds = [a["id"] for a in parsed.find("details") if "id" in a]
    assert sorted(links) == [f"statement-{n}" for n in (1, 11, 12, 2, 24, 3, 38, 4)]
    assert [f for f in folds if f.startswith("statement-")][::41] == ["statement-1", "statement-42"]
    assert [f for f in folds if "-claim-" in f] == [
        "line-claim-1", "line-claim-2", "line-claim-3", "fashion-claim-1"
    ]  # fmt: skip


def test_ids_are_unique_and_contents_list_every_part(page):
    _, parsed = page
    ids = [a["id"] for _, a in parsed.elements if "id" in a]
    assert len(ids) == len(set(ids))
    parts = [a["id"] for a in parsed.find("section") if a.get("class") == "part"]
    links = Counter(a["href"] for a in parsed.find("a"))
    assert len(parts) > 20
    assert all(links[f"#{part}"] == 2 for part in parts)  # For wide and for narrow screens.


def test_studies_and_many_arms_are_folded(page):
    text, parsed = page
    assert len([a for a in parsed.find("details") if a.get("class") == "whole"]) == 2
    line, fashion = (text.partition(f'id="{name}"')[2] for name in ("problem-1", "problem-2"))
    assert "<summary>All 13 arms</summary>" in line[: line.index('id="problem-2"')]
    assert "<summary>All 4 arms</summary>" not in fashion


def test_statements_say_why_they_are_not_comparable(page):
    _, parsed = page
    assert "not comparable" in parsed.words
    assert "The report compared losses in different units." in parsed.words


def test_heading_levels_increase_by_one(page):
    _, parsed = page
    assert parsed.headings[0] == 1
    assert parsed.headings.count(1) == 1
    steps = zip(parsed.headings, parsed.headings[1:], strict=False)
    assert all(after <= before + 1 for before, after in steps)


def test_tables_have_captions_and_scopes(page):
    _, parsed = page
    assert len(parsed.find("table")) == len(parsed.find("caption")) > 5
    assert all("scope" in attributes for attributes in parsed.find("th"))


def test_page_shows_the_numbers_of_the_tables(page):
    _, parsed = page
    assert "2 of 3 reported figures" in parsed.words
    assert "3 diverged at" in parsed.words
    assert "83.81" in parsed.words
    assert "above every seed" in parsed.words or "below every seed" in parsed.words
    assert not re.search(r"\b(nan|None|inf)\b", parsed.words)


def test_arms_table_has_students_t_intervals(lab):
    trial = ft.Trial(lab / "line")
    runs = trial.runs
    (table,) = build_arms(trial).blocks
    row = next(row for row in table.rows if row[0].text == "learning rate 0.001 · MAE")
    values = runs.filter(arm="learning rate 0.001 · mae")["mse"].to_numpy()
    low, high = scipy.stats.t.interval(0.95, 2, values.mean(), scipy.stats.sem(values))
    cell = row[table.columns.index("test MSE")]
    assert cell.value == pytest.approx(values.mean())
    shown = [float(number) for number in re.findall(r"[\d.]+", cell.text)]
    assert shown == pytest.approx([values.mean(), low, high], rel=0.03)


def test_page_notes_digits_instead_of_fashion_mnist(page):
    _, parsed = page
    assert "Not Fashion-MNIST." in parsed.words
    assert "Fashion-MNIST could not be downloaded." in parsed.words
    assert "cannot be compared" in parsed.words


def test_page_size_is_limited(page):
    text, _ = page
    assert len(text.encode()) < 8e6


def test_page_of_one_seed_has_one_notice_and_no_intervals(lab_of_one):
    text, parsed = build(lab_of_one)
    assert parsed.words.count("whether other seeds agree") == 1
    assert "∞" not in text and "Infinity" not in text
    head = text[: text.index("<main")]
    assert ">undecided</dt>" in head and ">noise</dt>" not in head
    assert "interval," not in parsed.words and "95 % interval." not in parsed.words
    assert "±" not in parsed.words
    assert '"mark":{"type":"area"' not in text
    assert "Not Fashion-MNIST." not in parsed.words


def test_lab_page_with_only_one_problem(lab, tmp_path):
    shutil.copy(lab / "environment.json", tmp_path)
    shutil.copytree(lab / "line", tmp_path / "line")
    _, parsed = build(tmp_path)
    assert "Problem 1" in parsed.words
    assert "Problem 2" not in parsed.words


@pytest.mark.parametrize("name", ["line", "fashion"])
def test_page_of_each_study(lab, name):
    text, parsed = build(lab / name)
    study = ft.Trial(lab / name).study
    assert f"<h1>{study.name}</h1>" in text
    assert all(claim.say in parsed.words for claim in study.claims)
    assert "fairtrial run study.toml --claim 1 --out claim-1" in parsed.words
    for heading in ("Claims", "Results", "Data", "Training", "Models", "Reproducibility"):
        assert f">{heading}</h2>" in text


def test_page_of_a_study_without_claims(tmp_path):
    study = ft.Study.from_toml(
        """
        name = "Tables"
        seeds = 2
        task = { kind = "linear", features = 3, rows = 40, test_rows = 10 }
        recipe = { loss = "mse", optimizer = { kind = "sgd", learning_rate = 0.1 }, steps = 20 }
        """
    )
    ft.run(study, tmp_path / "out")
    _, parsed = build(tmp_path / "out")
    assert "What was found" not in parsed.words
    assert "Predictions of test rows" in parsed.words


def test_page_without_available_data_says_so(tmp_path):
    rows = "".join(f"{x},{2 * x + 1}\n" for x in range(30))
    (tmp_path / "mine.csv").write_text(f"x,y\n{rows}")
    study = ft.Study.from_toml(
        f"""
        name = "Mine"
        seeds = 2
        recipe = {{ loss = "mse", optimizer = {{ kind = "sgd", learning_rate = 0.1 }}, steps = 20 }}
        [task]
        kind = "table"
        path = "{tmp_path}/mine.csv"
        target = "y"
        problem = "regression"
        """
    )
    ft.run(study, tmp_path / "out")
    (tmp_path / "mine.csv").unlink()
    _, parsed = build(tmp_path / "out")
    assert "The data cannot be shown:" in parsed.words
    assert "The models cannot be shown:" in parsed.words


def test_page_of_a_study_whose_runs_all_diverged(tmp_path):
    study = ft.Study.from_toml(
        """
        name = "Too fast"
        seeds = 2
        task = { kind = "line", rows = 40, test_rows = 10 }
        recipe = { loss = "mse", optimizer = { kind = "sgd", learning_rate = 30.0 }, steps = 200 }
        """
    )
    ft.run(study, tmp_path / "out")
    _, parsed = build(tmp_path / "out")
    assert "All 2 runs diverged" in parsed.words


def test_page_of_a_study_whose_curves_are_beyond_float32(tmp_path):
    study = ft.Study.from_toml(
        """
        name = "Too large"
        seeds = 2
        task = { kind = "line", rows = 40, test_rows = 10, slope = 1e20 }
        recipe = { loss = "mae", optimizer = { kind = "sgd", learning_rate = 0.1 }, steps = 20 }
        """
    )
    ft.run(study, tmp_path / "out")
    _, parsed = build(tmp_path / "out")
    assert "All 2 runs completed" in parsed.words
    assert "Parameter error during training" not in parsed.words


@pytest.mark.parametrize(
    ("breakage", "words"),
    [
        (lambda folder: (folder / "environment.json").unlink(), "environment.json cannot be read"),
        (lambda folder: (folder / "environment.json").write_text("{"), "not valid JSON"),
        (lambda folder: (folder / "line/runs.parquet").write_text("no"), "runs.parquet cannot be"),
        (lambda folder: (folder / "line/curves.parquet").unlink(), "has no curves.parquet"),
        (lambda folder: (folder / "line/study.toml").write_text("="), "study.toml"),
        (
            lambda folder: [shutil.rmtree(folder / n) for n in ("line", "fashion")],
            "not the folder of a study",
        ),
    ],
)
def test_missing_files_give_an_error_with_the_file(lab, tmp_path, breakage, words):
    folder = tmp_path / "lab"
    shutil.copytree(lab, folder)
    breakage(folder)
    with pytest.raises(InputError, match=re.escape(words)):
        write_page(folder)


def test_strings_in_scripts_cannot_end_their_element():
    assert "</script" not in make_inert("a = '</script>'; b = '<!--';")
    assert json.loads(dump_json({"a": "</script>&\u2028"})) == {"a": "</script>&\u2028"}
    assert "<" not in dump_json({"a": "</script>"})
    with pytest.raises(ValueError, match="not JSON compliant"):
        dump_json(float("nan"))


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("environment.json", b"{"),
        ("environment.json", b"\xff\xfe\x00"),
        ("environment.json", b"[]"),
        ("runs.parquet", "head"),
        ("curves.parquet", "columns"),
        ("pairs.parquet", "columns"),
    ],
)
def test_damaged_files_give_an_error_with_the_file(lab, tmp_path, file, content):
    folder = tmp_path / "line"
    shutil.copytree(lab / "line", folder)
    damage(folder / file, content)
    with pytest.raises(InputError, match=f"{file} cannot be read: it is damaged or missing"):
        write_page(folder)


def damage(path, content):
    if isinstance(content, bytes):
        path.write_bytes(content)
        return
    table = pl.read_parquet(path, glob=False)
    table = table.head(0) if content == "head" else table.drop(table.columns[0])
    table.write_parquet(path)


@pytest.mark.parametrize("content", ["[{", "[]", '[{"say": "x", "method": "y"}]', "shorter"])
def test_page_says_that_claims_are_not_judged(lab, tmp_path, content):
    folder = tmp_path / "line"
    shutil.copytree(lab / "line", folder)
    verdicts = folder / "verdicts.json"
    if content == "shorter":
        content = json.dumps(json.loads(verdicts.read_text())[1:])
    verdicts.write_text(content)
    _, parsed = build(folder)
    assert "There are no valid verdicts for the claims of this study." in parsed.words
    is_damaged = content.startswith("[{") and "fingerprint" not in content
    assert ("verdicts.json cannot be read: it is damaged" in parsed.words) == is_damaged


@pytest.mark.parametrize("kept", [["learning rate 0.001 · mse"], ["too fast"], None])
def test_page_of_an_unfinished_study(lab, tmp_path, kept):
    folder = tmp_path / "line"
    folder.mkdir()
    shutil.copy(lab / "line" / "study.toml", folder)
    runs = pl.read_parquet(lab / "line" / "runs.parquet", glob=False)
    runs = runs.filter(pl.col("arm").is_in(kept)) if kept else runs[1::2]
    runs.write_parquet(folder / "runs.parquet")
    for name in ("curves.parquet", "parameters.parquet"):
        table = pl.read_parquet(lab / "line" / name, glob=False)
        table.join(runs.select("run"), on="run", how="semi").write_parquet(folder / name)
    _, parsed = build(folder)
    assert "The claims are judged when all runs are finished." in parsed.words
    assert "What was found" not in parsed.words


def test_pending_page_reloads(lab):
    document = make_document(lab / "line")
    pending = [("12 runs of 48", "about 3 minutes"), ("claims", "a second")]
    parsed = Page(render_page(replace(document, pending=pending)))
    metas = {a["http-equiv"]: a["content"] for a in parsed.find("meta") if "http-equiv" in a}
    assert int(metas["refresh"]) > 0
    assert all(word in parsed.words for pair in pending for word in pair)
    plain = Page(render_page(document))
    assert not any(a.get("http-equiv") == "refresh" for a in plain.find("meta"))
    assert "Still to come" not in plain.words


def test_page_omits_empty_curves(lab, tmp_path):
    folder = tmp_path / "line"
    shutil.copytree(lab / "line", folder)
    damage(folder / "curves.parquet", "head")
    _, parsed = build(folder)
    assert "Final parameter error of every arm" in parsed.words
    assert "Parameter error during training" not in parsed.words
