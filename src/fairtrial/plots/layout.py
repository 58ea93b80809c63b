"""What all charts share: data packed tightly, panels, legends that toggle, axes that zoom."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias, cast

import altair as alt
import polars as pl

from fairtrial.plots.appearance import THEME

Chart: TypeAlias = alt.Chart | alt.LayerChart | alt.FacetChart

PANEL_HEIGHT = 150
SIGNIFICANT = 4
"""Digits that a number keeps inside a chart."""
PACKED_DIGITS = 3
"""Digits of numbers that only draw lines: finer than a pixel of a panel."""
SINGLE_WIDTH = 560
"""Width of a chart of one view, in pixels, where no page says how much room there is."""
FADED = 0.08
"""Opacity of what a legend has switched off."""


def pack(table: pl.DataFrame, keys: Sequence[str]) -> alt.InlineData:
    """Put a table into a specification: a row for each set of `keys`, the rest as arrays."""
    packed = shorten(table, PACKED_DIGITS).group_by(list(keys), maintain_order=True)
    return embed(packed.agg(pl.all()))


def list_rows(table: pl.DataFrame) -> alt.InlineData:
    """Put a table into a specification, row by row."""
    return embed(shorten(table))


def embed(table: pl.DataFrame) -> alt.InlineData:
    """Put a table into a specification as JSON text, which Altair copies and checks at no cost."""
    text = json.dumps(table.to_dicts(), separators=(",", ":"), ensure_ascii=False)
    return alt.InlineData(values=text, format=alt.JsonDataFormat(type="json"))


def unpack(specification: dict[str, Any]) -> dict[str, Any]:
    """Turn the JSON text of a specification's data into what it says."""
    texts = specification.get("datasets", {})
    datasets = {
        name: json.loads(text) if isinstance(text, str) else text for name, text in texts.items()
    }
    return specification | {"datasets": datasets}


def shorten(table: pl.DataFrame, digits: int = SIGNIFICANT) -> pl.DataFrame:
    """Round the numbers of a table to what a chart can show, and leave out what is no number."""
    numbers = [name for name, kind in table.schema.items() if kind.is_float()]
    finite = pl.when(pl.col(numbers).is_finite()).then(pl.col(numbers))
    return table.with_columns(finite.round_sig_figs(digits))


def lay_out(
    chart: Chart,
    description: str,
    *,
    panels: int = 0,
    narrowest: int = 200,
    renderer: str = "svg",
    **layout: Any,
) -> Chart:
    """Finish a chart: its look, what it shows in words, and how a page may fit its panels.

    Parameters
    ----------
    chart : chart
        The specification.
    description : str
        The text alternative.
    panels : int
        How many panels may stand side by side; 0 for a chart of a single view.
    narrowest : int
        Width under which a panel never goes, in pixels, axes included.
    renderer : str
        "svg", or "canvas" where there are thousands of marks.
    layout : dict
        `axes`: pixels beside each panel for its axis; `cells`: pixels of an image across, whose
        panels are square and whole multiples of it.
    """
    meta = {"renderer": renderer, "layout": {"panels": panels, "narrowest": narrowest} | layout}
    more = {} if panels else {"width": SINGLE_WIDTH}
    chart = chart.properties(description=description, usermeta=meta, **more)
    return chart.configure(**THEME)


def make_panels(
    chart: Chart, field: str, order: Sequence[str], panels: int, axes: int
) -> alt.FacetChart:
    """Make a panel of each value of a field, `axes` pixels of room at each one's left."""
    header = alt.Header(title=None, labelAnchor="start", labelFontWeight="bold", labelPadding=6)
    facet = alt.Facet(field=field, type="nominal", sort=list(order), header=header)
    faceted = cast("alt.Chart", chart).facet(facet=facet, columns=min(panels, len(order)))
    faceted = faceted.properties(bounds="flush", spacing={"row": 64, "column": axes})
    return faceted.resolve_axis(x="independent", y="independent")


def line_legend(**more: Any) -> alt.Legend:
    """Make a legend of lines."""
    return alt.Legend(title=None, symbolType="stroke", symbolOpacity=1, symbolStrokeWidth=2, **more)


class Toggle(NamedTuple):
    """What shows some names of a legend alone: its own clicks, and a list for the keyboard."""

    legend: alt.Parameter
    listed: alt.Parameter

    def fade(self, opacity: float = 1.0) -> Any:
        """Return the opacity of what is on, or off."""
        off = alt.value(min(opacity, FADED))
        return alt.when(self.legend & self.listed).then(alt.value(opacity)).otherwise(off)


def make_toggle(names: Sequence[str], field: str = "series") -> Toggle:
    """Make a legend's names switch: a click shows one alone, with Shift one more."""
    options = alt.binding_select(options=[None, *names], labels=["all", *names], name="show alone ")
    return Toggle(
        alt.selection_point(name="toggle", fields=[field], bind="legend"),
        alt.selection_point(name="alone", fields=[field], bind=options),
    )


def make_zoom() -> alt.Parameter:
    """Make axes move and zoom while Shift is held, so that the page scrolls and pans as ever."""
    return alt.selection_interval(
        name="zoom",
        bind="scales",
        zoom="wheel![event.shiftKey]",
        translate="[pointerdown[event.shiftKey], window:pointerup] > window:pointermove!",
    )
