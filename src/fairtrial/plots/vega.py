"""The common parts of all charts: compact data, panels, legends that toggle, axes that zoom.

Charts are Vega-Lite specifications, written as plain dictionaries, so that a page of a hundred
charts takes seconds. `Chart` becomes an Altair chart when one of Altair's methods is called.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple, TypeAlias

import altair as alt
import polars as pl

from fairtrial.plots.appearance import THEME, Look, Looks
from fairtrial.plots.headings import label_panels

Specification: TypeAlias = dict[str, Any]

PANEL_HEIGHT, ALONE_HEIGHT = 150, 240
SIGNIFICANT = 4
"""Significant digits of the numbers in a chart."""
PACKED_DIGITS = 3
"""Significant digits of numbers that only draw lines; finer than a pixel of a panel."""
PLAIN = {"labelExpr": "datum.label && format(datum.value, ',.9~g')"}
"""Writes the numbers of an axis with up to nine digits. On log axes, ticks without a label stay so.

With `format` alone, Vega writes 1e+2 where ticks are 100 apart.
"""
SINGLE_WIDTH = 560
"""Width of a chart of one view outside a page, in pixels."""
FADED = 0.08
"""Opacity of marks that the legend has switched off."""
LINE_HEIGHT = 14
"""Height of a line of a panel's heading, in pixels."""
VIEW = "marks"
"""Name of the layer that carries the parameters of a chart of panels."""


class Chart:
    """A chart: a complete Vega-Lite specification that a notebook displays.

    It has every method of an Altair chart, such as `save` and `properties`.
    """

    def __init__(self, specification: Specification):
        self.specification = specification

    def to_dict(self, validate: bool = True) -> Specification:
        """Return the specification; by default, check it against the schema of Vega-Lite.

        Raises
        ------
        SchemaValidationError
            If it violates the schema.
        """
        if validate:
            self._kind.validate(self.specification)
        return self.specification

    @cached_property
    def altair(self) -> alt.Chart | alt.LayerChart | alt.FacetChart:
        """The chart as an Altair chart."""
        return self._kind.from_dict(self.specification, validate=False)

    @property
    def _kind(self) -> type[alt.Chart | alt.LayerChart | alt.FacetChart]:
        kinds = {"facet": alt.FacetChart, "layer": alt.LayerChart}
        return next((kinds[key] for key in kinds if key in self.specification), alt.Chart)

    def __getattr__(self, name: str) -> Any:
        # Copying and pickling look up names such as __deepcopy__ before the attributes exist.
        if name.startswith("__") or name == "specification":
            raise AttributeError(name)
        return getattr(self.altair, name)

    def _repr_mimebundle_(self, *asked: Any, **how: Any) -> Any:
        """Show the chart in a notebook."""
        return self.altair._repr_mimebundle_(*asked, **how)


# ------------------------------------------------------------------------------------------- data


def pack(table: pl.DataFrame, keys: Sequence[str]) -> Specification:
    """Put a table into a specification: one row per set of `keys`, other columns as arrays."""
    packed = shorten(table, PACKED_DIGITS).group_by(list(keys), maintain_order=True)
    others = [name for name in table.columns if name not in keys]
    return {"data": embed(packed.agg(pl.all())), "transform": [{"flatten": others}]}


def list_rows(table: pl.DataFrame) -> Specification:
    """Put a table into a specification, row by row."""
    return embed(shorten(table))


def embed(table: pl.DataFrame) -> Specification:
    """Put a table into a specification without rounding."""
    return {"values": table.to_dicts()}


def shorten(table: pl.DataFrame, digits: int = SIGNIFICANT) -> pl.DataFrame:
    """Round the numbers of a table, and replace numbers that are not finite by null."""
    numbers = [name for name, kind in table.schema.items() if kind.is_float()]
    finite = pl.when(pl.col(numbers).is_finite()).then(pl.col(numbers))
    return table.with_columns(finite.round_sig_figs(digits))


# -------------------------------------------------------------------------------------- encodings


def quantity(field: str, **more: Any) -> Specification:
    """Encode a column of numbers; `more` is the channel's title, axis, scale and so on."""
    return {"field": field, "type": "quantitative", **more}


def nominal(field: str, **more: Any) -> Specification:
    """Encode a column of names."""
    return {"field": field, "type": "nominal", **more}


def mark(kind: str, **more: Any) -> Specification:
    """Describe a mark."""
    return {"type": kind, **more}


def layer(drawn: Specification, *, of: str = "", where: str = "", **encoding: Any) -> Specification:
    """Make a layer of one mark: of rows with the role `of`, or `where` a test holds, or of all."""
    test = f"datum.role == '{of}'" if of else where
    kept = {"transform": [{"filter": test}]} if test else {}
    return kept | {"mark": drawn} | ({"encoding": encoding} if encoding else {})


MARK_LEGEND = {"title": None, "symbolOpacity": 1}
"""A legend of marks."""
LINE_LEGEND = MARK_LEGEND | {"symbolType": "stroke", "symbolStrokeWidth": 2}
"""A legend of lines."""
CHANNELS: Mapping[str, Callable[[Look], object]] = {
    "color": lambda look: look.colour,
    "strokeDash": lambda look: list(look.dash),
    "shape": lambda look: look.shape,
}
"""The channels that show a look, each with the part of the look that it shows."""


def encode_looks(
    looks: Looks,
    series: Sequence[str],
    *channels: str,
    legend: Specification | None,
    field: str = "series",
) -> Specification:
    """Encode a column of series by some of the `CHANNELS`."""
    shown = {channel: [CHANNELS[channel](looks[name]) for name in series] for channel in channels}
    return {
        channel: nominal(field, scale={"domain": list(series), "range": ends}, legend=legend)
        for channel, ends in shown.items()
    }


# ------------------------------------------------------------------------------------- parameters


class Toggle(NamedTuple):
    """The parameters that select names of a legend: by clicks, and by a list for the keyboard."""

    parameters: list[Specification]

    def fade(self, opacity: float = 1.0) -> Specification:
        """Return the opacity of selected and of other marks."""
        is_on = {"and": [{"param": parameter["name"]} for parameter in self.parameters]}
        return {"condition": {"test": is_on, "value": opacity}, "value": min(opacity, FADED)}


def make_toggle(names: Sequence[str], field: str = "series") -> Toggle:
    """Make the names of a legend selectable: a click shows one, Shift-click adds another."""
    options = {
        "input": "select", "options": [None, *names], "labels": ["all", *names],
        "name": "show only ",
    }  # fmt: skip
    select = {"type": "point", "fields": [field]}
    return Toggle([
        {"name": "toggle", "select": select, "bind": "legend"},
        {"name": "alone", "select": select, "bind": options},
    ])  # fmt: skip


def make_zoom() -> Specification:
    """Make axes move and zoom while Shift is held, so that the page still scrolls."""
    select = {
        "type": "interval",
        "zoom": "wheel![event.shiftKey]",
        "translate": "[pointerdown[event.shiftKey], window:pointerup] > window:pointermove!",
    }
    return {"name": "zoom", "select": select, "bind": "scales"}


# ----------------------------------------------------------------------------------------- charts


def lay_out_panels(
    inner: Specification,
    field: str,
    order: Sequence[str],
    description: str,
    *,
    panels: int = 3,
    axes: int = 58,
    parameters: Sequence[Specification] = (),
    own_scales: Sequence[str] = (),
    **layout: Any,
) -> Chart:
    """Complete a chart with one panel per value of a field, in an order.

    `inner` is the content of a panel. Its data becomes that of the chart; its last layer carries
    the selections among the `parameters`, which also has inputs of the whole chart. At most
    `panels` are side by side, with room for `axes` (pixels) to the left of each. The axes of
    `own_scales`, "x" or "y", have a scale for each panel; the others share one.
    """
    height = PANEL_HEIGHT if len(order) > 1 else ALONE_HEIGHT
    spec: Specification = {"height": height, "width": 200, **inner}
    data = spec.pop("data")
    if parameters:
        carrier = spec["layer"][-1] if "layer" in spec else spec
        carrier["name"] = VIEW
    labels, n_lines = label_panels(order)
    header = {"title": None, "labelAnchor": "start", "labelFontWeight": "bold", "labelPadding": 6}
    scales = {"scale": dict.fromkeys(own_scales, "independent")} if own_scales else {}
    side_by_side = min(panels, len(order))
    chart = {
        "data": data,
        "facet": nominal(field, sort=list(order), header=header | labels),
        "spec": spec,
        "columns": side_by_side,
        "bounds": "flush",
        "spacing": {"row": 64 + LINE_HEIGHT * (n_lines - 1), "column": axes},
        "resolve": {"axis": dict.fromkeys("xy", "independent"), **scales},
        "params": [one | ({"views": [VIEW]} if "select" in one else {}) for one in parameters],
    }
    return lay_out(chart, description, panels=side_by_side, axes=axes, **layout)


def lay_out(
    chart: Specification,
    description: str,
    *,
    panels: int = 0,
    narrowest: int = 200,
    renderer: str = "svg",
    **layout: Any,
) -> Chart:
    """Complete a chart with its look, its text alternative, and the layout of its panels.

    At most `panels` are side by side, 0 for a chart of a single view, each at least `narrowest`
    pixels wide, axes included. The renderer is "svg", or "canvas" for thousands of marks. `layout`
    has `axes`, the pixels beside each panel for its axis, and `cells`, the width of an image in its
    own pixels: its panels are square and a whole multiple of that width.
    """
    meta = {"renderer": renderer, "layout": {"panels": panels, "narrowest": narrowest} | layout}
    width: Mapping[str, int] = {} if panels else {"width": SINGLE_WIDTH}
    return Chart({
        "$schema": alt.SCHEMA_URL, **chart, **width, "description": description,
        "usermeta": meta, "config": THEME,
    })  # fmt: skip
