"""How kinds are called and coloured: one name, colour, dash and shape each, over the whole page.

Colours are those of Okabe and Ito (2008), which readers with any colour vision can tell apart; dash
and shape repeat what the colour says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import altair as alt

BLUE, VERMILLION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ORANGE, SKY, BLACK = "#E69F00", "#56B4E9", "#000000"
INK, MUTED, NEUTRAL, FAINT = "#3B414A", "#7A818C", "#F4F4F2", "#C3C8CF"
"""Reference lines and text; what stays in the background; the middle of a diverging scale; cells
that say nothing.
"""
TEXT, QUIET, GRID, RULE = "#1B2027", "#5A626E", "#E8EBEF", "#DDE1E6"
"""Words, axis labels, grid lines and axes."""

DARK_SHADES = {
    BLUE: "#3F9BE3",
    VERMILLION: "#F0762B",
    GREEN: "#1FBF90",
    PURPLE: "#DB93BA",
    BLACK: "#EDEDED",
    INK: "#C9CED6",
    MUTED: "#8D95A1",
    NEUTRAL: "#262B33",
    FAINT: "#4A515C",
    TEXT: "#E7EAEE",
    QUIET: "#A4ACB8",
    GRID: "#2A3039",
    RULE: "#333A44",
}
"""What a colour turns into on a dark page; the others serve on both."""

FONT = 'system-ui, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", Arial, sans-serif'
THEME: dict[str, Any] = {
    "background": "transparent",
    "font": FONT,
    "padding": 2,
    "view": {"stroke": None},
    "axis": {
        "labelColor": QUIET, "titleColor": QUIET, "gridColor": GRID, "domainColor": RULE,
        "tickColor": RULE, "labelFontSize": 11, "titleFontSize": 11, "titleFontWeight": "normal",
        "tickSize": 4, "labelLimit": 260, "labelOverlap": True,
    },
    "legend": {
        "orient": "top", "labelColor": TEXT, "titleColor": QUIET, "labelFontSize": 12,
        "titleFontSize": 11, "titleFontWeight": "normal", "symbolSize": 140, "labelLimit": 220,
        "columnPadding": 16, "offset": 8,
    },
    "header": {"labelColor": TEXT, "labelFontSize": 12, "labelLimit": 240},
    "text": {"color": TEXT, "fontSize": 11},
}  # fmt: skip
"""The look of every chart."""

NAMES = {
    "mse": "MSE",
    "mae": "MAE",
    "huber": "Huber",
    "hybrid": "Hybrid",
    "cross_entropy": "cross-entropy",
    "adam": "Adam",
    "sgd": "SGD",
    "rmsprop": "RMSProp",
}


def show_metric(name: str) -> str:
    """Return the name of a metric or a curve as a reader knows it.

    Examples
    --------
    >>> show_metric("rmse"), show_metric("parameter_error"), show_metric("train_cross_entropy")
    ('RMSE', 'parameter error', 'train cross-entropy')
    """
    plain = {"mse": "MSE", "mae": "MAE", "rmse": "RMSE", "r2": "R²"}
    return plain.get(name, name.replace("cross_entropy", "cross-entropy").replace("_", " "))


def capitalise(words: str) -> str:
    """Return words with a capital first letter, the others as they are."""
    return words[:1].upper() + words[1:]


class Look(NamedTuple):
    """What a series looks like."""

    colour: str
    dash: tuple[int, ...]
    shape: str


_SOLID, _DASHED, _DOTTED, _MIXED = (1, 0), (6, 3), (2, 2), (8, 3, 2, 3)
_LOOKS = {
    "MSE": Look(BLUE, _SOLID, "circle"),
    "MAE": Look(VERMILLION, _DASHED, "square"),
    "Huber": Look(GREEN, _DOTTED, "triangle-up"),
    "Hybrid": Look(PURPLE, _MIXED, "diamond"),
    "Adam": Look(ORANGE, _SOLID, "circle"),
    "SGD": Look(SKY, _SOLID, "square"),
    "RMSProp": Look(BLACK, _SOLID, "triangle-up"),
}


def show_kind(kind: str) -> str:
    """Return the name of a kind as a reader knows it.

    Examples
    --------
    >>> show_kind("mse"), show_kind("rmsprop"), show_kind("something new")
    ('MSE', 'RMSProp', 'something new')
    """
    return NAMES.get(kind, kind)


Looks = Mapping[str, Look]
"""The look of each series of a study."""


def assign_looks(series: Sequence[str]) -> dict[str, Look]:
    """Give each series of a study its look: the same one for a known kind in every study.

    Examples
    --------
    >>> assign_looks(["MAE", "mine"])["MAE"].colour
    '#D55E00'
    """
    strangers = [name for name in series if name not in _LOOKS]
    free = [look for name, look in _LOOKS.items() if name not in series]
    others = free or list(_LOOKS.values())
    looks = {name: others[i % len(others)] for i, name in enumerate(strangers)}
    return {name: _LOOKS.get(name) or looks[name] for name in series}


def colour_scale(looks: Looks, series: Sequence[str]) -> alt.Scale:
    """Return the scale that gives each series its colour."""
    return alt.Scale(domain=list(series), range=[looks[name].colour for name in series])


def dash_scale(looks: Looks, series: Sequence[str]) -> alt.Scale:
    """Return the scale that gives each series its dash."""
    return alt.Scale(domain=list(series), range=[list(looks[name].dash) for name in series])


def shape_scale(looks: Looks, series: Sequence[str]) -> alt.Scale:
    """Return the scale that gives each series its shape."""
    return alt.Scale(domain=list(series), range=[looks[name].shape for name in series])
