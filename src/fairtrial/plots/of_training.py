"""Charts of what happens during training: curves and learning rates."""

import math
from collections.abc import Sequence
from typing import cast

import polars as pl

from fairtrial.errors import InputError
from fairtrial.plots import vega
from fairtrial.plots.appearance import INK, MUTED, N_LOOKS, Looks, capitalise, show_metric
from fairtrial.plots.names import TITLE
from fairtrial.plots.summaries import (
    drop_diverged,
    find_changes,
    list_single_curves,
    list_unique,
    summarise_curves,
)
from fairtrial.plots.trials import find_unit, list_quantities, name_series, read_curves
from fairtrial.plots.vega import LINE_LEGEND, Chart, Specification, Toggle
from fairtrial.results.results import Results

MOST_SINGLE = 4_000
"""The most curves of single seeds in a chart."""


def curves(
    trial: Results, quantity: str = "loss", arms: Sequence[str] | None = None, singles: bool = True
) -> Chart:
    """Draw a quantity during training: mean over the seeds, band from smallest to largest value.

    Parameters
    ----------
    trial : Results
        A results folder.
    quantity : str
        A quantity of `curves.parquet`, such as "loss", "parameter_error" or "accuracy".
    arms : sequence of str, optional
        The arms to draw; by default all.
    singles : bool
        Whether the reader can show the curve of each seed.

    Returns
    -------
    chart
        One panel per setting. Losses of different kinds have one panel per arm, each with its own
        axis, because they are different objectives. Diverged runs are left out.

    Raises
    ------
    InputError
        If no run has such a curve, or all of them diverged.
    """
    named, looks = name_series(trial, arms)
    runs = drop_diverged(named)
    found = read_curves(trial, quantity)
    bands = summarise_curves(found, runs)
    if bands.is_empty():
        known = ", ".join(list_quantities(trial))
        raise InputError(
            f"{trial.folder} has no curves of {quantity} to show: it has curves of {known}. "
            "Diverged runs are left out."
        )
    unlike = quantity == "loss" and runs["loss.kind"].n_unique() > 1
    single = None
    if singles and runs["seed"].n_unique() > 1 and runs.height <= MOST_SINGLE:
        single = list_single_curves(found, runs)
    if unlike and runs["setting"].n_unique() > 1:
        bands = bands.with_columns(setting=TITLE)
        single = None if single is None else single.with_columns(setting=TITLE)
    of_one = bands["setting"].n_unique() == 1
    by_series = of_one and (unlike or bands["series"].n_unique() > N_LOOKS)
    said = f"{capitalise(show_metric(quantity))} at each {find_unit(runs)}, mean over the seeds."
    return draw_curves(
        bands, looks, said, quantity, find_unit(runs), by_series=by_series, singles=single,
        share_y=not unlike,
    )  # fmt: skip


def draw_curves(
    bands: pl.DataFrame,
    looks: Looks,
    description: str,
    quantity: str,
    unit: str = "step",
    *,
    by_series: bool = False,
    singles: pl.DataFrame | None = None,
    reference: pl.DataFrame | None = None,
    share_y: bool = True,
) -> Chart:
    """Draw mean curves with bands from the smallest to the largest value over the seeds.

    `bands` is the result of `summarise_curves`. A panel shows a series or else a setting. `singles`
    of `list_single_curves`, the curve of each seed, are shown on request. `reference` has means
    of the same kind, drawn behind in thin grey lines, in the panel of their series. Losses of
    different kinds do not share a y axis. Where it is logarithmic, for all but accuracies, values
    that are not positive are left out.
    """
    facet, log = "series" if by_series else "setting", "accuracy" not in quantity
    shown = _stack_roles(bands, singles, reference)
    if log:
        values = pl.col("mean", "low", "high")
        shown = shown.with_columns(pl.when(values > 0).then(values))
    toggle = None if by_series else vega.make_toggle(list_unique(bands, "series"))
    parameters = [vega.make_zoom(), *(toggle.parameters if toggle else [])]
    keys = ["setting", "series", "role"]
    if singles is not None:
        keys.append("seed")
        box = {"input": "checkbox", "name": "show single seeds"}
        parameters.append({"name": "single_seeds", "value": False, "bind": box})
    axis = {"tickCount": 4, "labelFlush": 7, **vega.PLAIN}
    scale = {"type": "log", "nice": False} if log else {"zero": False}
    y = {
        "mean": vega.quantity("mean", scale=scale, title=show_metric(quantity), axis=axis),
        "low": vega.quantity("low", scale=scale),
    }
    x_axis = {"tickCount": 4, "tickMinStep": 1, "labelFlush": 12}
    layered = {
        **vega.pack(shown.drop("n_seeds"), keys),
        "encoding": {"x": vega.quantity("at", title=unit, scale={"nice": False}, axis=x_axis)},
        "layer": _draw_layers(shown, looks, y, toggle),
    }
    return vega.lay_out_panels(
        layered, facet, list_unique(bands, facet), description, panels=4 if by_series else 3,
        parameters=parameters, own_scales="" if share_y else "y",
    )  # fmt: skip


def _draw_layers(
    shown: pl.DataFrame, looks: Looks, y: dict[str, Specification], toggle: Toggle | None
) -> list[Specification]:
    """Draw bands, references, single seeds and means, of those that there are."""
    of_arms = shown.filter(pl.col("role") == "arm")
    series, roles = list_unique(of_arms, "series"), set(shown["role"])
    legend = LINE_LEGEND if toggle else None
    colour = vega.encode_looks(looks, series, "color", legend=legend)
    dash = vega.encode_looks(looks, series, "strokeDash", legend=legend)
    several = shown["setting"].n_unique() > 1
    tooltip = [*([vega.nominal("setting")] if several else []), vega.nominal("series")]
    layers = []
    if of_arms["n_seeds"].max() != 1:
        opacity = 0.14 if toggle else 0.22
        fade: Specification = {"opacity": toggle.fade(opacity)} if toggle else {}
        band, end = vega.mark("area", opacity=opacity), {"field": "high"}
        layers.append(vega.layer(band, of="arm", y=y["low"], y2=end, **colour, **fade))
    if "reference" in roles:
        grey = vega.mark("line", strokeWidth=1.5, color=MUTED)
        layers.append(vega.layer(grey, of="reference", y=y["mean"]))
    if "seed" in roles:
        # Hidden curves still include one invisible seed, because a scale needs data.
        shown_seeds = f"(single_seeds || datum.seed === {shown['seed'].min()})"
        opacity = {"condition": {"test": "!single_seeds", "value": 0}, "value": 0.6}
        single = vega.layer(
            vega.mark("line", strokeWidth=0.8), where=f"datum.role == 'seed' && {shown_seeds}",
            y=y["mean"], **colour, detail=vega.nominal("seed"), opacity=opacity,
            tooltip=[*tooltip, vega.nominal("seed")],
        )  # fmt: skip
        layers.append(single)
    fade: Specification = {"opacity": toggle.fade()} if toggle else {}
    mean = vega.mark("line", strokeWidth=2)
    means = vega.layer(mean, of="arm", y=y["mean"], **colour, **dash, tooltip=tooltip, **fade)
    return [*layers, means]


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


def learning_rates(trial: Results, arms: Sequence[str] | None = None) -> Chart | None:
    """Draw the learning rate of every run, for the settings in which it changes.

    Returns
    -------
    chart or None
        One panel per setting, with a dot at each change; None if no rate changes.
    """
    runs, looks = name_series(trial, arms)
    changes = find_changes(trial.curves, runs, "learning_rate")
    if changes.is_empty():
        return None
    series, unit = list_unique(changes, "series"), find_unit(runs)
    many = changes["seed"].n_unique() > 1
    last = pl.col("at").max().over("setting", "series", "seed")
    inner = (pl.col("at") != 0) & (pl.col("at") != last)
    changes = changes.with_columns(changed=pl.when(inner).then("value"))
    toggle, scale = vega.make_toggle(series), {"type": "log", "nice": False}
    x_axis, y_axis = {"tickCount": 4, "labelFlush": 12}, {"format": "~e", "labelFlush": 7}
    names = [vega.nominal(field) for field in ("series", "seed")]
    dots = vega.layer(
        vega.mark("point", filled=True, size=7), y=vega.quantity("changed", scale=scale)
    )
    lines = vega.layer(
        vega.mark("line", interpolate="step-after", strokeWidth=1 if many else 2),
        y=vega.quantity(
            "value", title="learning rate", axis={"tickCount": 4} | y_axis, scale=scale
        ),
        **vega.encode_looks(looks, series, "strokeDash", legend=LINE_LEGEND),
    )
    layered = {
        **vega.pack(changes, ["setting", "series", "seed"]),
        "encoding": {
            "x": vega.quantity("at", title=unit, axis=x_axis, scale={"nice": False}),
            **vega.encode_looks(looks, series, "color", legend=LINE_LEGEND),
            "detail": vega.nominal("seed"),
            "opacity": toggle.fade(0.45 if many else 1.0),
            "tooltip": [*names, vega.quantity("at"), vega.quantity("value")],
        },
        "layer": [lines, dots],
    }
    return vega.lay_out_panels(
        layered, "setting", list_unique(changes, "setting"),
        f"Learning rate of every run at each {unit}: one panel per setting, one line per run.",
        axes=62, parameters=[*toggle.parameters, vega.make_zoom()],
    )  # fmt: skip


def train_and_validation(
    trial: Results, metric: str = "accuracy", arms: Sequence[str] | None = None
) -> Chart:
    """Draw a metric on the training and on the validation rows at each epoch or step.

    Parameters
    ----------
    trial : Results
        A results folder of runs by epochs, or with validation rows, or with classes.
    metric : str
        "accuracy" or "cross_entropy"; for numbers "mse" or "mae".
    arms : sequence of str, optional
        The arms to draw; by default all.

    Raises
    ------
    InputError
        If the runs have no such curves.
    """
    runs, looks = name_series(trial, arms)
    runs = runs.filter(pl.col("run").is_in(list(read_curves(trial, f"train_{metric}"))))
    if runs["setting"].n_unique() > 1:
        runs = runs.with_columns(series=TITLE, of=pl.col("series"), setting=pl.lit(""))
        looks = {name: looks[of] for name, of in runs.select("series", "of").iter_rows()}
    parts = [
        summarise_curves(read_curves(trial, f"{rows}_{metric}"), runs).with_columns(
            rows=pl.lit(rows)
        )
        for rows in ("train", "validation")
    ]
    found = [part for part in parts if not part.is_empty()]
    if not found:
        raise InputError(f"{trial.folder} has no curves of {metric} on training rows.")
    return _draw_rows(pl.concat(found), looks, show_metric(metric), find_unit(runs))


def _draw_rows(curves: pl.DataFrame, looks: Looks, metric: str, unit: str) -> Chart:
    """Draw the result of `summarise_curves` with `rows`, "train" or "validation"."""
    order, kinds = list_unique(curves, "series"), list_unique(curves, "rows")
    epochs = cast("int", curves["at"].max())
    ticks = list(range(0, epochs + 1, max(1, math.ceil(epochs / 5))))
    labels = {"format": ".0%"} if metric == "accuracy" else vega.PLAIN
    axis = {"tickCount": 5, "labelFlush": 7, **labels}
    scale = {"zero": False}
    y, rows = vega.quantity("mean", title=metric, scale=scale, axis=axis), vega.nominal("rows")
    dash = vega.nominal(
        "rows",
        scale={"domain": kinds, "range": [[1, 0], [5, 3]]},
        legend=LINE_LEGEND | {"symbolStrokeColor": INK},
    )
    layers = [
        vega.layer(vega.mark("line", strokeWidth=2), y=y, strokeDash=dash),
        vega.layer(vega.mark("point", filled=True, size=22, opacity=1), y=y, detail=rows),
    ]
    if curves["n_seeds"].max() != 1:
        low, high = vega.quantity("low", scale=scale), {"field": "high"}
        layers.insert(0, vega.layer(vega.mark("area", opacity=0.2), y=low, y2=high, detail=rows))
    x_axis = {"values": ticks, "format": "d"}
    layered = {
        **vega.pack(curves.drop("n_seeds", "setting"), ["series", "rows"]),
        "encoding": {
            "x": vega.quantity("at", title=unit, scale={"nice": False}, axis=x_axis),
            **vega.encode_looks(looks, order, "color", legend=None),
        },
        "layer": layers,
        "height": 190,
        "width": 240,
    }
    said = f"Training and validation {metric} at each {unit}, one panel per arm."
    return vega.lay_out_panels(layered, "series", order, said, narrowest=220)
