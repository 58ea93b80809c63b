"""From a results folder to one HTML file that needs nothing else: no network, no server."""

from __future__ import annotations

import base64
import dataclasses
import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import altair as alt
import jinja2
import vl_convert
from markupsafe import Markup

from fairtrial.errors import InputError
from fairtrial.report.appearance import DARK_SHADES
from fairtrial.report.blocks import Code, Facts, Figure, Fold, Part, Section, Table, row_of
from fairtrial.report.blocks import Rows as TableRows
from fairtrial.report.charts import Chart
from fairtrial.report.claims_section import build_claims_section
from fairtrial.report.fashion_section import ImageSource, build_fashion_section, load_test_images
from fairtrial.report.folder import (
    Results,
    read_json,
    read_reported,
    read_results,
    read_table,
)
from fairtrial.report.line_section import LineRows, build_line_section, load_line_rows
from fairtrial.trial.files import write_text

LIBRARY = "window.vegaEmbed = vegaEmbed;"
"""All that the page's script needs of the bundle; its expressions run interpreted, not compiled."""

LEAD = (
    "Two problems of a deep-learning lab: a line by gradient descent under four losses, and "
    "softmax regression under three optimizers. What a course report found in single runs stands "
    "here beside the same settings, run again over seeds, all else equal."
)
DATA_NAMES = {"fashion_mnist": "Fashion-MNIST", "digits": "handwritten digits, 8 × 8"}


@dataclass(frozen=True)
class Header:
    """What stands at the head and the foot of a page."""

    title: str
    heading: str
    lead: str
    facts: Sequence[tuple[str, str]]
    notice: str = ""
    source: str = ""
    footer: str = ""


def write_lab_page(
    folder: Path,
    *,
    line_rows: LineRows = load_line_rows,
    image_source: ImageSource = load_test_images,
) -> Path:
    """Write `report.html` of a lab from what its folder holds.

    Parameters
    ----------
    folder : Path
        Holds `environment.json`, maybe `replay.json`, and the results folders `line` and `fashion`,
        either of which may be missing.
    line_rows : function
        From a results folder, an arm and a seed to the rows that the run was trained on.
    image_source : function
        From the name of a data set to its images.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    InputError
        If the folder is not a lab's, or a file in it cannot be read.
    MachineError
        If the page cannot be written.
    """
    folder = Path(folder)
    environment = read_json(folder / "environment.json")
    replay = read_json(folder / "replay.json") if (folder / "replay.json").exists() else []
    studies = {
        name: read_results(folder / name)
        for name in ("line", "fashion")
        if (folder / name / "runs.parquet").exists()
    }
    if not studies:
        raise InputError(f"{folder} has no results of a study. Run `fairtrial lab` first.")
    data = environment.get("data") or {}
    reported = read_reported()
    sections = _build_conclusions(folder)
    if "line" in studies:
        sections.append(build_line_section(studies["line"], replay, reported, line_rows))
    if "fashion" in studies:
        sections.append(build_fashion_section(studies["fashion"], reported, image_source))
    sections.append(build_reproducibility(environment, list(studies.values())))
    page = render_page(
        Header(
            title="fairtrial: the lab",
            heading="The lab, put to the test",
            lead=LEAD,
            facts=summarise_lab(environment, list(studies.values()), replay),
            notice=str(data.get("fallback") or ""),
            source=_say_source(data),
            footer=_say_origin(environment),
        ),
        sections,
    )
    path = folder / "report.html"
    write_text(path, page)
    return path


def _build_conclusions(folder: Path) -> list[Section]:
    """Build the section of the report's conclusions; none where an older lab left no list."""
    path = folder / "conclusions.json"
    if not path.exists():
        return []
    rows = read_json(path)
    pairs = {
        name: read_table(folder / name / "pairs.parquet") for name in {r["study"] for r in rows}
    }
    lead = (
        "What the report concluded from single runs, each put on trial over the seeds, and why it "
        "came out so. They are numbered as in the report."
    )
    heading = "What has become of the report's conclusions"
    return [build_claims_section(rows, pairs, heading=heading, lead=lead)]


def summarise_lab(
    environment: Mapping[str, Any], studies: Sequence[Results], replay: Sequence[Mapping[str, Any]]
) -> list[tuple[str, str]]:
    """Return the facts of the page's header: what ran, how often, on which data."""
    runs = sum(study.runs.height for study in studies)
    seeds = sorted({len(study.seeds) for study in studies})
    facts = [
        ("studies", str(len(studies))),
        ("arms", str(sum(study.runs["arm"].n_unique() for study in studies))),
        ("seed" if set(seeds) == {1} else "seeds", " and ".join(str(n) for n in seeds)),
        ("runs", f"{runs:,}"),
    ]
    if replay:
        n_match = sum(bool(entry["match"]) for entry in replay)
        facts.append(("reported figures replayed", f"{n_match} of {len(replay)}"))
    if "seconds" in environment:
        facts.append(("took", _show_seconds(float(environment["seconds"]))))
    return facts


def _show_seconds(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


def _say_source(data: Mapping[str, Any]) -> str:
    if not data.get("name"):
        return ""
    source = f", {data['source']}" if data.get("source") else ""
    return f"Images: {DATA_NAMES.get(data['name'], data['name'])}{source}."


def _say_origin(environment: Mapping[str, Any]) -> str:
    version = f" {environment['fairtrial']}" if "fairtrial" in environment else ""
    started = f" from runs started {environment['started']}" if "started" in environment else ""
    return f"Written by fairtrial{version}{started}. This file is complete: it loads nothing."


def build_reproducibility(environment: Mapping[str, Any], studies: Sequence[Results]) -> Section:
    """Build the section that says how to get the same figures again."""
    known = dict(_flatten({k: v for k, v in environment.items() if k != "verification"}))
    seeds = [
        row_of(study.name, f"{study.runs.height:,}", ", ".join(str(seed) for seed in study.seeds))
        for study in studies
    ]
    files = [
        Fold(f"{study.folder.name}/study.toml: {study.name}", [Code(study.study_text)])
        for study in studies
    ]
    return Section(
        "reproducibility",
        "Reproducibility",
        "A seed fixes everything random that is not the arm: data, split, initial weights, batch "
        "order, every noise draw. The same versions with the same study files give the same "
        "figures again.",
        [
            Part("Environment", [Facts(list(known.items()))]),
            *_build_verification(environment.get("verification")),
            Part(
                "Seeds",
                [Table("Seeds of each study", ["study", "runs", "seeds"], [TableRows(seeds)])],
            ),
            Part("Study files, as run", files),
        ],
    )


def _build_verification(verification: Mapping[str, Any] | None) -> list[Part]:
    """Build the table of the lanes that the eager driver trained again."""
    if not verification or not verification["lanes"]:
        return []
    rows = [
        row_of(
            lane["run"],
            f"{lane['trained']:,}",
            f"{lane['deviation']:.1e}",
            f"{lane['tolerance']:.0e}",
        )
        for lane in verification["lanes"]
    ]
    caption = (
        "Lanes drawn at random and trained again, one operation at a time: the largest difference "
        "of a parameter, relative to the largest parameter"
    )
    columns = ["run", "steps or epochs", "deviation", "tolerance"]
    return [Part("Verified lanes", [Table(caption, columns, [TableRows(rows)])])]


def _flatten(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for name, value in values.items():
        title = f"{prefix}{name}".replace("_", " ")
        if isinstance(value, Mapping):
            rows += _flatten(value, f"{title}: ")
        elif isinstance(value, bool):
            rows.append((title, "yes" if value else "no"))
        elif value is not None:
            rows.append((title, str(value)))
    return rows


# ---------------------------------------------------------------------------------------- the file


def render_page(header: Header, sections: Sequence[Section]) -> str:
    """Render the page; every text is escaped, every script and style is named by its hash."""
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(_read("report.html"))
    scripts = [make_inert(load_library()), make_inert(_read("report.js"))]
    style = _read("report.css")
    return template.render(
        **dataclasses.asdict(header),
        sections=sections,
        style=Markup(style),
        scripts=[Markup(script) for script in scripts],
        policy=write_policy(scripts, style),
        dark_shades=Markup(dump_json(DARK_SHADES)),
        specify=lambda figure: Markup(dump_json(specify(figure.chart))),
        describe=describe,
    )


@functools.cache
def load_library() -> str:
    """Return the scripts that draw charts: Vega, Vega-Lite and vega-embed in one text."""
    version = ".".join(alt.SCHEMA_VERSION.lstrip("v").split(".")[:2])
    return vl_convert.javascript_bundle(LIBRARY, vl_version=version)


def make_inert(script: str) -> str:
    """Keep a script from ending its own element, whatever its strings hold."""
    return script.replace("</script", r"<\/script").replace("<!--", r"<\!--")


def dump_json(value: object) -> str:
    r"""Write JSON that may stand inside a script element: no character that HTML could act on.

    Examples
    --------
    >>> dump_json({"name": "</script>"})
    '{"name":"\\u003c/script\\u003e"}'
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def specify(chart: Chart) -> dict[str, Any]:
    """Return a chart's specification without the address of its schema or a look of its own."""
    specification = chart.to_dict()
    return {key: value for key, value in specification.items() if key not in ("$schema", "config")}


def describe(figure: Figure) -> str:
    """Return the text alternative of a figure."""
    description = figure.chart.to_dict()["description"]
    return f"{figure.title}. {description}"


def write_policy(scripts: Sequence[str], style: str) -> str:
    """Write a Content-Security-Policy: these scripts, this style, and nothing from anywhere.

    The browser refuses every other script, `eval`, and every request.
    """
    allowed = " ".join(_hash(script) for script in scripts)
    return (
        f"default-src 'none'; script-src {allowed}; style-src {_hash(style)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _read(name: str) -> str:
    return resources.files("fairtrial.report").joinpath(name).read_text(encoding="utf-8")
