"""How kinds are called and coloured: one name, colour, dash and shape each, over the whole page.

Colours are those of Okabe and Ito (2008), which readers with any colour vision can tell apart; dash
and shape repeat what the colour says.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import altair as alt

BLUE, VERMILLION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ORANGE, SKY, BLACK = "#E69F00", "#56B4E9", "#000000"
INK, MUTED, NEUTRAL = "#3B414A", "#7A818C", "#F4F4F2"
"""Reference lines and text; what stays in the background; the middle of a diverging scale."""

DARK_SHADES = {
    BLUE: "#3F9BE3",
    VERMILLION: "#F0762B",
    GREEN: "#1FBF90",
    PURPLE: "#DB93BA",
    BLACK: "#EDEDED",
    INK: "#C9CED6",
    MUTED: "#8D95A1",
    NEUTRAL: "#262B33",
}
"""What a colour turns into on a dark page; the others serve on both."""

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


def look_of(series: Sequence[str]) -> dict[str, Look]:
    """Give each series its look: the same one for a known kind wherever it appears.

    Examples
    --------
    >>> look_of(["MAE", "mine"])["MAE"].colour
    '#D55E00'
    """
    strangers = [name for name in series if name not in _LOOKS]
    others = list(_LOOKS.values())
    looks = {name: others[i % len(others)] for i, name in enumerate(strangers)}
    return {name: _LOOKS.get(name) or looks[name] for name in series}


def colour_scale(series: Sequence[str]) -> alt.Scale:
    """Return the scale that gives each series its colour."""
    looks = look_of(series)
    return alt.Scale(domain=list(looks), range=[look.colour for look in looks.values()])


def dash_scale(series: Sequence[str]) -> alt.Scale:
    """Return the scale that gives each series its dash."""
    looks = look_of(series)
    return alt.Scale(domain=list(looks), range=[list(look.dash) for look in looks.values()])


def shape_scale(series: Sequence[str]) -> alt.Scale:
    """Return the scale that gives each series its shape."""
    looks = look_of(series)
    return alt.Scale(domain=list(looks), range=[look.shape for look in looks.values()])
