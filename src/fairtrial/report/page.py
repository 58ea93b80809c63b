"""Rendering of a page as one self-contained HTML file."""

import base64
import functools
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

import altair as alt
import jinja2
import vl_convert
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup, escape

from fairtrial.files import write_text
from fairtrial.plots.appearance import DARK_SHADES, THEME
from fairtrial.report.blocks import Figure, Headline, Section, Table

PAGE = "report.html"
LIBRARY = "window.vegaEmbed = vegaEmbed;"
"""The part of the bundle that the script of the page uses."""
GROUPS = {
    "reversed": "Reversed: the opposite is true",
    "holds": "Holds",
    "in part": "Holds in part",
    "equivalent": "Equivalent: no difference that matters",
    "noise": "Noise: no difference that matters, or none that the seeds can show",
    "undecided": "Undecided: not enough evidence",
    "different things": "Compared different things",
}
"""Groups of headlines, in order, with their headings."""
MOST_HEADLINES = 4
"""Headlines that each group shows; the others are in a fold."""


Named = TypeVar("Named", Figure, Table)


@dataclass(frozen=True)
class Document:
    """A page before it is rendered; a `short` one fits on a sheet of paper.

    Each of the `notices` has a title and a text. Where runs are not finished, `pending` lists what
    is missing, each with the expected time, and an open page reloads itself.
    """

    title: str
    heading: str
    lead: str
    facts: Sequence[tuple[str, str]]
    sections: Sequence[Section]
    headlines: Sequence[Headline] = field(default_factory=list)
    notices: Sequence[tuple[str, str]] = ()
    source: str = ""
    footer: str = ""
    pending: Sequence[tuple[str, str]] = ()
    short: bool = False

    def name_blocks(self, kind: type[Named]) -> dict[str, Named]:
        """Name each figure, or table, by its section and its own name.

        The names are the same in every call; equal names are numbered.
        """
        named: dict[str, Named] = {}
        for section in self.sections:
            for block in section.list_blocks():
                if not isinstance(block, kind):
                    continue
                name = first = f"{section.name}-{block.name}"
                number = 1
                while name in named:
                    number += 1
                    name = f"{first}-{number}"
                named[name] = block
        return named


def say_origin(environment: Mapping[str, Any]) -> str:
    """Say which version wrote the page, and when its runs started."""
    version = f" {environment['fairtrial']}" if "fairtrial" in environment else ""
    started = f" from runs started {environment['started']}" if "started" in environment else ""
    return f"Written by fairtrial{version}{started}. The page is one file and needs no network."


def write_page(folder: str | Path, document: Document) -> Path:
    """Write `report.html`, the page of a study or of the lab, into its folder; return its path."""
    page = Path(folder) / PAGE
    write_text(page, render_page(document))
    return page


def render_page(document: Document) -> str:
    """Render the page; all texts are escaped, all scripts and styles are allowed by hash."""
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["prose"] = mark_code
    template = environment.from_string(_read("report.html"))
    scripts = [make_inert(load_library()), make_inert(_read("report.js"))]
    style = _read("report.css")
    return template.render(
        page=document,
        groups=group_headlines(document.headlines),
        most_headlines=MOST_HEADLINES,
        style=Markup(style),
        scripts=[Markup(script) for script in scripts],
        policy=write_policy(scripts, style),
        dark_shades=dump_json(DARK_SHADES),
        theme=dump_json(THEME),
        specify=lambda figure: dump_json(strip(figure)),
    )


def mark_code(text: str) -> Markup:
    """Escape a text, and mark what stands between backticks as code.

    Examples
    --------
    >>> str(mark_code("Call `fairtrial plan` <first>."))
    'Call <code>fairtrial plan</code> &lt;first&gt;.'
    """
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def group_headlines(headlines: Sequence[Headline]) -> list[tuple[str, str, list[Headline]]]:
    """Group headlines, in order: name, heading and headlines of each group."""
    grouped: dict[str, list[Headline]] = {name: [] for name in GROUPS}
    for headline in headlines:
        grouped.setdefault(headline.group or headline.verdict, []).append(headline)
    return [(name, GROUPS.get(name, name), found) for name, found in grouped.items() if found]


@functools.cache
def load_library() -> str:
    """Return the scripts that draw charts: Vega, Vega-Lite and vega-embed in one text."""
    version = ".".join(alt.SCHEMA_VERSION.lstrip("v").split(".")[:2])
    return vl_convert.javascript_bundle(LIBRARY, vl_version=version)


def make_inert(script: str) -> str:
    """Escape a script so that no string in it ends its element."""
    return script.replace("</script", r"<\/script").replace("<!--", r"<\!--")


def dump_json(value: object) -> Markup:
    """Write JSON for a script element, with the special characters of HTML escaped."""
    return htmlsafe_json_dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def strip(figure: Figure) -> dict[str, Any]:
    """Return the specification of a chart without schema and config, which all charts share."""
    known = ("$schema", "config")
    return {key: value for key, value in figure.specification.items() if key not in known}


def write_policy(scripts: Sequence[str], style: str) -> str:
    """Write a Content-Security-Policy that allows only these scripts and this style.

    The browser refuses all other scripts, `eval`, and all requests.
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
