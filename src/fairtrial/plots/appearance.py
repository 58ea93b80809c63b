"""Names and looks of kinds: each has one name, colour, dash and shape on the whole page.

The colours are those of Okabe and Ito (2008), which readers with any colour vision can
distinguish. Dash and shape repeat the information of the colour.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from fairtrial.kinds.mechanism.registry import list_looks
from fairtrial.kinds.metrics.numbers import METRICS, PREFIXES

BLUE, VERMILLION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ORANGE, SKY, BLACK = "#E69F00", "#56B4E9", "#000000"
INK, MUTED, NEUTRAL, FAINT = "#3B414A", "#7A818C", "#F4F4F2", "#C3C8CF"
"""Reference lines and text; background marks; the middle of a diverging scale; undecided cells."""
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
"""The colours that change on a dark page, and what they become."""

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
    "header": {"labelColor": TEXT, "labelFontSize": 12, "labelLimit": 0},
    "text": {"color": TEXT, "fontSize": 11},
}  # fmt: skip
"""The look of every chart."""


def show_metric(name: str) -> str:
    """Return the name of a metric or a curve for readers.

    Examples
    --------
    >>> show_metric("rmse"), show_metric("parameter_error"), show_metric("train_cross_entropy")
    ('RMSE', 'parameter error', 'train cross-entropy')
    >>> show_metric("validation_mse")
    'validation MSE'
    """
    rows = next((one for one in PREFIXES if name.startswith(one)), "")
    kind, space, settings = name.removeprefix(rows).partition(" ")
    found = METRICS.get(kind)
    shown = found.label if found else kind.replace("_", " ")
    return f"{rows.replace('_', ' ')}{shown}{space}{settings}"


def capitalise(words: str) -> str:
    """Return words with a capital first letter; the others are unchanged."""
    return words[:1].upper() + words[1:]


class Look(NamedTuple):
    """What a series looks like."""

    colour: str
    dash: tuple[int, ...]
    shape: str


DASHES = ((1, 0), (6, 3), (2, 2), (8, 3, 2, 3), (12, 4), (10, 3, 2, 3, 2, 3))
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")
_PALETTE = (
    (BLUE, 0, 0), (VERMILLION, 1, 1), (GREEN, 2, 2), (PURPLE, 3, 3), (ORANGE, 0, 0), (SKY, 0, 1),
    (BLACK, 0, 2),
)  # fmt: skip
"""Colours, each with the places of its first dash and shape; kinds name a place in here."""
# A colour that is used again has another dash and another shape.
_LOOKS = [
    Look(colour, DASHES[(dash + turn) % len(DASHES)], SHAPES[(shape + turn) % len(SHAPES)])
    for turn in range(len(DASHES))
    for colour, dash, shape in _PALETTE
]
N_LOOKS = len(_LOOKS)
"""The most series that lines or marks can distinguish; more need names beside them."""

Looks = Mapping[str, Look]
"""The look of each series of a study."""


def assign_looks(series: Sequence[str], given: Looks = MappingProxyType({})) -> dict[str, Look]:
    """Assign a look to each series; a known kind has the same look in every study.

    Up to `N_LOOKS` series differ in colour and dash, and in colour and shape. `given` has looks
    that are already assigned.

    Examples
    --------
    >>> assign_looks(["MAE", "mine"])["MAE"].colour
    '#D55E00'
    """
    known = {name: _LOOKS[place] for name, place in list_looks().items()}
    fixed = {name: look for name, look in {**known, **given}.items() if name in series}
    free = [look for look in _LOOKS if look not in fixed.values()] or _LOOKS
    strangers = [name for name in series if name not in fixed]
    others = {name: free[i % len(free)] for i, name in enumerate(strangers)}
    return {name: fixed.get(name) or others[name] for name in series}
