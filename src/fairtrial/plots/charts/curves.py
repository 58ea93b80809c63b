"""Specifications of the charts of curves: metrics and learning rates during training.

Every function is pure and returns one chart that contains its data: one row per line, with its
points in arrays. `usermeta.layout` tells a page how to fit panels into its width. `looks` has the
look of each series, and `description` is the text alternative.
"""

from __future__ import annotations

import math
from typing import cast

import polars as pl

from fairtrial.plots.charts.appearance import INK, MUTED, Looks
from fairtrial.plots.charts.layout import (
    LINE_LEGEND,
    PANEL_HEIGHT,
    Chart,
    Specification,
    Toggle,
    encode_looks,
    lay_out_panels,
    layer,
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
    facet : str
        What a panel shows, "setting" or "series".
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
    legend = None if facet == "series" else LINE_LEGEND
    toggle = make_toggle(list_unique(bands, "series")) if legend else None
    parameters = [make_zoom(), *(toggle.parameters if toggle else [])]
    keys = ["setting", "series", "role"]
    if singles is not None:
        keys.append("seed")
        box = {"input": "checkbox", "name": "show single seeds"}
        parameters.append({"name": "single_seeds", "value": False, "bind": box})
    axis = {"tickCount": 4, "labelFlush": 7, "format": "~g" if log else ""}
    scale = {"type": "log", "nice": False} if log else {"zero": False}
    y = {
        "mean": quantity("mean", scale=scale, title=y_title, axis=axis),
        "low": quantity("low", scale=scale),
    }
    layers = _draw_layers(shown, looks, y, toggle)
    layered = {
        **pack(shown.drop("n_seeds"), keys),
        "encoding": {
            "x": quantity(
                "at", title=x_title, scale={"nice": False},
                axis={"tickCount": 4, "tickMinStep": 1, "labelFlush": 12},
            )
        },
        "layer": layers,
        "height": PANEL_HEIGHT,
        "width": 200,
    }  # fmt: skip
    return lay_out_panels(
        layered, facet, list_unique(bands, facet), description, panels=panels,
        parameters=parameters, own_scales="" if share_y else "y",
    )  # fmt: skip


def _draw_layers(
    shown: pl.DataFrame, looks: Looks, y: dict[str, Specification], toggle: Toggle | None
) -> list[Specification]:
    """Draw bands, references, single seeds and means, of those that there are."""
    of_arms = shown.filter(pl.col("role") == "arm")
    series, roles = list_unique(of_arms, "series"), set(shown["role"])
    legend = LINE_LEGEND if toggle else None
    colour = encode_looks(looks, series, "color", legend=legend)
    dash = encode_looks(looks, series, "strokeDash", legend=legend)
    several = shown["setting"].n_unique() > 1
    tooltip = [*([nominal("setting")] if several else []), nominal("series")]
    layers = []
    if of_arms["n_seeds"].max() != 1:
        opacity = 0.14 if toggle else 0.22
        fade: Specification = {"opacity": toggle.fade(opacity)} if toggle else {}
        band = mark("area", opacity=opacity)
        layers.append(layer(band, of="arm", y=y["low"], y2={"field": "high"}, **colour, **fade))
    if "reference" in roles:
        grey = mark("line", strokeWidth=1.5, color=MUTED)
        layers.append(layer(grey, of="reference", y=y["mean"]))
    if "seed" in roles:
        # Hidden curves still include one invisible seed, because a scale needs data.
        shown_seeds = f"(single_seeds || datum.seed === {shown['seed'].min()})"
        opacity = {"condition": {"test": "!single_seeds", "value": 0}, "value": 0.6}
        single = layer(
            mark("line", strokeWidth=0.8), where=f"datum.role == 'seed' && {shown_seeds}",
            y=y["mean"], **colour, detail=nominal("seed"), tooltip=[*tooltip, nominal("seed")],
            opacity=opacity,
        )  # fmt: skip
        layers.append(single)
    fade: Specification = {"opacity": toggle.fade()} if toggle else {}
    mean = mark("line", strokeWidth=2)
    layers.append(layer(mean, of="arm", y=y["mean"], **colour, **dash, tooltip=tooltip, **fade))
    return layers


def _stack_roles(
    bands: pl.DataFrame, singles: pl.DataFrame | None, reference: pl.DataFrame | None
) -> pl.DataFrame:
    """Stack the tables of a chart of curves, each with its role."""
    tables = [bands.with_columns(role=pl.lit("arm"))]
    if singles is not None:
        tables.append(singles.rename({"value": "mean"}).with_columns(role=pl.lit("seed")))
    if reference is not None:
        tables.append(reference.with_columns(role=pl.lit("reference")))
    return pl.concat(tables, how="diagonal_relaxed")


def draw_learning_rates(
    changes: pl.DataFrame, looks: Looks, description: str, unit: str = "step"
) -> Chart:
    """Draw the learning rate of every run, a dot at each change, one panel per setting.

    `changes` is the result of `find_changes`; `unit` is that of `at`, "step" or "epoch".
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
        **encode_looks(looks, series, "color", legend=LINE_LEGEND),
        "detail": nominal("seed"),
        "opacity": toggle.fade(0.45 if many else 1.0),
        "tooltip": [nominal("series"), nominal("seed"), quantity("at"), quantity("value")],
    }
    axis = {"tickCount": 4, "format": "~e", "labelFlush": 7}
    dots = layer(mark("point", filled=True, size=7), y=quantity("changed", scale=scale))
    lines = layer(
        mark("line", interpolate="step-after", strokeWidth=1 if many else 2),
        y=quantity("value", title="learning rate", axis=axis, scale=scale),
        **encode_looks(looks, series, "strokeDash", legend=LINE_LEGEND),
    )
    layered = {
        **pack(changes, ["setting", "series", "seed"]),
        "encoding": shared,
        "layer": [lines, dots],
        "height": 120,
        "width": 200,
    }
    selections = [*toggle.parameters, make_zoom()]
    return lay_out_panels(layered, "setting", order, description, axes=62, parameters=selections)


def draw_shares(
    curves: pl.DataFrame, looks: Looks, description: str, *, y_title: str, x_title: str
) -> Chart:  # fmt: skip
    """Draw a quantity on training and validation rows at each epoch, one panel per series.

    The table is that of `summarise_curves` with a column `rows`, "train" or "validation".
    """
    order, kinds = list_unique(curves, "series"), list_unique(curves, "rows")
    epochs = cast("int", curves["at"].max())
    ticks = list(range(0, epochs + 1, max(1, math.ceil(epochs / 5))))
    axis = {
        "tickCount": 5, "format": ".0%" if y_title == "accuracy" else "~g", "labelFlush": 7
    }  # fmt: skip
    scale = {"zero": False}
    y, rows = quantity("mean", title=y_title, scale=scale, axis=axis), nominal("rows")
    dash = nominal(
        "rows",
        scale={"domain": kinds, "range": [[1, 0], [5, 3]]},
        legend=LINE_LEGEND | {"symbolStrokeColor": INK},
    )
    layers = [
        layer(mark("line", strokeWidth=2), y=y, strokeDash=dash),
        layer(mark("point", filled=True, size=22, opacity=1), y=y, detail=rows),
    ]
    if curves["n_seeds"].max() != 1:
        low, high = quantity("low", scale=scale), {"field": "high"}
        layers.insert(0, layer(mark("area", opacity=0.2), y=low, y2=high, detail=rows))
    layered = {
        **pack(curves.drop("n_seeds", "setting"), ["series", "rows"]),
        "encoding": {
            "x": quantity(
                "at", title=x_title, scale={"nice": False}, axis={"values": ticks, "format": "d"}
            ),
            **encode_looks(looks, order, "color", legend=None),
        },
        "layer": layers,
        "height": 190,
        "width": 240,
    }
    return lay_out_panels(layered, "series", order, description, narrowest=220)
