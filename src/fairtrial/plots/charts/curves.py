"""Specifications of the charts of curves: metrics and learning rates during training.

Every function is pure and returns one chart that contains its data: one row per line, with its
points in arrays. `usermeta.layout` tells a page how to fit panels into its width.
"""

from __future__ import annotations

import math
from typing import Any, cast

import polars as pl

from fairtrial.plots.charts.appearance import INK, MUTED, Looks, colour_scale, dash_scale
from fairtrial.plots.charts.layout import (
    PANEL_HEIGHT,
    Chart,
    Specification,
    Toggle,
    keep,
    lay_out,
    line_legend,
    make_panels,
    make_toggle,
    make_zoom,
    mark,
    nominal,
    pack,
    quantity,
)
from fairtrial.plots.summaries import list_unique


def draw_curves(
    bands: pl.DataFrame,
    looks: Looks,
    description: str,
    *,
    facet: str,
    y_title: str,
    singles: pl.DataFrame | None = None,
    reference: pl.DataFrame | None = None,
    x_title: str = "step",
    share_y: bool = True,
    log: bool = True,
    panels: int = 3,
) -> Chart:
    """Draw mean curves with bands from the smallest to the largest value over the seeds.

    Parameters
    ----------
    bands : table
        The result of `summarise_curves`; colour, dash and legend show the series.
    looks : mapping
        The look of each series.
    description : str
        The text alternative.
    facet : str
        What a panel shows, "setting" or "series".
    y_title, x_title : str
        Titles of the axes.
    singles : table, optional
        The result of `list_single_curves`: the curve of each seed, shown on request.
    reference : table, optional
        Means of the same kind, drawn behind in thin grey lines, in the panel of their series.
    share_y : bool
        One scale for all panels; not for losses of different kinds, which are different objectives.
    log : bool
        Logarithmic y axis; values that are not positive are left out.
    panels : int
        The most panels side by side.
    """
    shown = _stack_roles(bands, singles, reference)
    if log:
        values = pl.col("mean", "low", "high")
        shown = shown.with_columns(pl.when(values > 0).then(values))
    series, order = list_unique(bands, "series"), list_unique(bands, facet)
    legend = None if facet == "series" else line_legend()
    toggle = make_toggle(series) if legend else None
    keys = ["setting", "series", "role", *(["seed"] if singles is not None else [])]
    layered = {
        "data": pack(shown, keys),
        "transform": [{"flatten": ["at", "mean", "low", "high"]}],
        "encoding": {
            "x": quantity(
                "at", title=x_title, scale={"nice": False},
                axis={"tickCount": 4, "tickMinStep": 1, "labelFlush": 12},
            )
        },
        "layer": [
            *([_draw_band(looks, series, legend, toggle, log)] if _has_bands(bands) else []),
            *([_draw_reference(log, y_title)] if reference is not None else []),
            *([_draw_singles(shown, looks, series, legend, log, y_title)]
              if singles is not None else []),
            _draw_means(shown, looks, series, legend, toggle, log, y_title),
        ],
        "height": PANEL_HEIGHT,
        "width": 200,
    }  # fmt: skip
    parameters = [make_zoom(), *(toggle.parameters if toggle else [])]
    chart = make_panels(layered, facet, order, panels, 58, parameters)
    if singles is not None:
        box = {"input": "checkbox", "name": "show single seeds"}
        chart["params"].append({"name": "single_seeds", "value": False, "bind": box})
    if not share_y:
        chart["resolve"]["scale"] = {"y": "independent"}
    return lay_out(chart, description, panels=min(panels, len(order)), axes=58)


Legend = Specification | None


def _has_bands(bands: pl.DataFrame) -> bool:
    return bands["n_seeds"].max() != 1


def _measure(field: str, log: bool, **more: Any) -> Specification:
    scale = {"type": "log", "nice": False} if log else {"zero": False}
    return quantity(field, scale=scale, **more)


def _measure_mean(log: bool, title: str) -> Specification:
    axis = {"tickCount": 4, "labelFlush": 7, "format": "~g" if log else ""}
    return _measure("mean", log, title=title, axis=axis)


def _name_line(shown: pl.DataFrame) -> list[Specification]:
    """Return the tooltip of a line."""
    names = ["setting", "series"] if shown["setting"].n_unique() > 1 else ["series"]
    return [nominal(name) for name in names]


def _draw_band(
    looks: Looks, series: list[str], legend: Legend, toggle: Toggle | None, log: bool
) -> Specification:
    opacity = 0.14 if legend else 0.22
    encoding = {
        "y": _measure("low", log),
        "y2": {"field": "high"},
        "color": nominal("series", scale=colour_scale(looks, series), legend=legend),
    }
    return {
        "transform": keep("arm"),
        "mark": mark("area", opacity=opacity),
        "encoding": encoding | ({"opacity": toggle.fade(opacity)} if toggle else {}),
    }


def _draw_reference(log: bool, title: str) -> Specification:
    return {
        "transform": keep("reference"),
        "mark": mark("line", strokeWidth=1.5, color=MUTED),
        "encoding": {"y": _measure_mean(log, title)},
    }


def _draw_singles(
    shown: pl.DataFrame, looks: Looks, series: list[str], legend: Legend, log: bool, title: str
) -> Specification:
    # Hidden curves still include one invisible seed, because a scale needs data.
    shown_seeds = f"(single_seeds || datum.seed === {shown['seed'].min()})"
    return {
        "transform": [{"filter": f"datum.role == 'seed' && {shown_seeds}"}],
        "mark": mark("line", strokeWidth=0.8),
        "encoding": {
            "y": _measure_mean(log, title),
            "color": nominal("series", scale=colour_scale(looks, series), legend=legend),
            "detail": nominal("seed"),
            "tooltip": [*_name_line(shown), nominal("seed")],
            "opacity": {"condition": {"test": "!single_seeds", "value": 0}, "value": 0.6},
        },
    }


def _draw_means(
    shown: pl.DataFrame, looks: Looks, series: list[str], legend: Legend, toggle: Toggle | None,
    log: bool, title: str,
) -> Specification:  # fmt: skip
    encoding = {
        "y": _measure_mean(log, title),
        "color": nominal("series", scale=colour_scale(looks, series), legend=legend),
        "strokeDash": nominal("series", scale=dash_scale(looks, series), legend=legend),
        "tooltip": _name_line(shown),
    }
    return {
        "transform": keep("arm"),
        "mark": mark("line", strokeWidth=2),
        "encoding": encoding | ({"opacity": toggle.fade()} if toggle else {}),
    }


def _stack_roles(
    bands: pl.DataFrame, singles: pl.DataFrame | None, reference: pl.DataFrame | None
) -> pl.DataFrame:
    """Stack the tables of a chart of curves, each with its role."""
    tables = [bands.with_columns(role=pl.lit("arm"))]
    if singles is not None:
        single = singles.rename({"value": "mean"}).with_columns(role=pl.lit("seed"))
        tables.append(single)
    if reference is not None:
        tables.append(reference.with_columns(role=pl.lit("reference")))
    return pl.concat(tables, how="diagonal_relaxed").drop("n_seeds")


def draw_learning_rates(
    changes: pl.DataFrame, looks: Looks, description: str, unit: str = "step"
) -> Chart:
    """Draw the learning rate of every run, a dot at each change, one panel per setting.

    Parameters
    ----------
    changes : table
        The result of `find_changes`.
    looks : mapping
        The look of each series.
    description : str
        The text alternative.
    unit : str
        The unit of `at`, "step" or "epoch".
    """
    series, order = list_unique(changes, "series"), list_unique(changes, "setting")
    many = changes["seed"].n_unique() > 1
    ends = pl.col("at").is_in([0]) | (
        pl.col("at") == pl.col("at").max().over("setting", "series", "seed")
    )
    changes = changes.with_columns(changed=pl.when(~ends).then("value"))
    toggle, scale = make_toggle(series), {"type": "log", "nice": False}
    shared = {
        "x": quantity(
            "at", title=unit, axis={"tickCount": 4, "labelFlush": 12}, scale={"nice": False}
        ),
        "color": nominal("series", scale=colour_scale(looks, series), legend=line_legend()),
        "detail": nominal("seed"),
        "opacity": toggle.fade(0.45 if many else 1.0),
        "tooltip": [nominal("series"), nominal("seed"), quantity("at"), quantity("value")],
    }
    axis = {"tickCount": 4, "format": "~e", "labelFlush": 7}
    dots = {
        "mark": mark("point", filled=True, size=7),
        "encoding": {"y": quantity("changed", scale=scale)},
    }
    lines = {
        "mark": mark("line", interpolate="step-after", strokeWidth=1 if many else 2),
        "encoding": {
            "y": quantity("value", title="learning rate", axis=axis, scale=scale),
            "strokeDash": nominal("series", scale=dash_scale(looks, series), legend=line_legend()),
        },
    }
    layered = {
        "data": pack(changes, ["setting", "series", "seed"]),
        "transform": [{"flatten": ["at", "value", "changed"]}],
        "encoding": shared,
        "layer": [lines, dots],
        "height": 120,
        "width": 200,
    }
    chart = make_panels(layered, "setting", order, 3, 62, [*toggle.parameters, make_zoom()])
    return lay_out(chart, description, panels=min(3, len(order)), axes=62)


def draw_shares(
    curves: pl.DataFrame, looks: Looks, description: str, *, y_title: str, x_title: str
) -> Chart:  # fmt: skip
    """Draw a quantity on training and validation rows at each epoch, one panel per series.

    Parameters
    ----------
    curves : table
        The result of `summarise_curves` with a column `rows`, "train" or "validation".
    looks : mapping
        The look of each series.
    description : str
        The text alternative.
    y_title, x_title : str
        Titles of the axes.
    """
    order, kinds = list_unique(curves, "series"), list_unique(curves, "rows")
    epochs = cast("int", curves["at"].max())
    ticks = list(range(0, epochs + 1, max(1, math.ceil(epochs / 5))))
    axis = {
        "tickCount": 5, "format": ".0%" if y_title == "accuracy" else "~g", "labelFlush": 7
    }  # fmt: skip
    y = quantity("mean", title=y_title, scale={"zero": False}, axis=axis)
    rows = nominal("rows")
    dash = nominal(
        "rows",
        scale={"domain": kinds, "range": [[1, 0], [5, 3]]},
        legend=line_legend(symbolStrokeColor=INK),
    )
    band = {
        "mark": mark("area", opacity=0.2),
        "encoding": {
            "y": quantity("low", scale={"zero": False}), "y2": {"field": "high"}, "detail": rows
        },
    }  # fmt: skip
    layered = {
        "data": pack(curves.drop("n_seeds", "setting"), ["series", "rows"]),
        "transform": [{"flatten": ["at", "mean", "low", "high"]}],
        "encoding": {
            "x": quantity(
                "at", title=x_title, scale={"nice": False}, axis={"values": ticks, "format": "d"}
            ),
            "color": nominal("series", scale=colour_scale(looks, order), legend=None),
        },
        "layer": [
            *([band] if _has_bands(curves) else []),
            {"mark": mark("line", strokeWidth=2), "encoding": {"y": y, "strokeDash": dash}},
            {
                "mark": mark("point", filled=True, size=22, opacity=1),
                "encoding": {"y": y, "detail": rows},
            },
        ],
        "height": 190,
        "width": 240,
    }
    chart = make_panels(layered, "series", order, 3, 58)
    return lay_out(chart, description, panels=min(3, len(order)), narrowest=220, axes=58)
