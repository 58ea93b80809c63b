"""Charts of a trial on images: samples, predictions, mistakes, weights, confusion."""

import math
from typing import NamedTuple

import numpy as np
import polars as pl

from fairtrial.data.dataset import Dataset
from fairtrial.data.load import measure_data
from fairtrial.errors import InputError
from fairtrial.plots import vega
from fairtrial.plots.appearance import BLUE, NEUTRAL, VERMILLION
from fairtrial.plots.summaries import list_unique
from fairtrial.plots.trials import Model, load_rows, name_series, read_model, scale_rows
from fairtrial.plots.vega import Chart, Specification
from fairtrial.results.results import Results
from fairtrial.study.features import UNMAPPED

N_SHOWN = 9
"""Images with their predictions, in a square grid."""
N_SAMPLES = 10
WEIGHT_DIGITS = 3
GREYS = {"domain": [0, 255], "range": ["#ffffff", "#111111"]}
GREY_LEVEL = vega.quantity("level", scale=GREYS, legend=None)
HEADER = {"title": None, "labelFontWeight": "bold", "labelPadding": 4}


class ImageModel(NamedTuple):
    """An arm trained on plain pixels, with its seed, its model, and its rows."""

    arm: str
    series: str
    seed: int
    model: Model
    data: Dataset


def _choose_model(trial: Results, arm: str | None = None, seed: int | None = None) -> ImageModel:
    """Return an arm (None: the first) trained on plain pixels, with its model and rows."""
    runs, _ = name_series(trial)
    chosen, seed, data = _choose_rows(trial, arm, seed)
    series = runs.filter(arm=chosen)["series"][0]
    return ImageModel(chosen, series, seed, read_model(trial, f"{chosen} #{seed}"), data)


def _choose_rows(
    trial: Results, arm: str | None = None, seed: int | None = None
) -> tuple[str, int, Dataset]:
    """Return an arm and a seed (None: the first) with its rows, which are square images."""
    trained = _list_pixel_arms(trial)
    if not trained:
        raise InputError(f"{trial.folder} has no arms that are trained on plain pixels.")
    chosen = next(iter(list_image_arms(trial)), trained[0]) if arm is None else arm
    if chosen not in trained:
        raise InputError(f"{trial.folder} has no arm {arm!r} that is trained on plain pixels.")
    seed = trial.study.list_seeds()[0] if seed is None else seed
    data = load_rows(trial, chosen, seed)
    if not trial.find_arm(chosen).task.has_images or not _is_square(data.X.shape[1]):
        raise InputError(f"The rows of {chosen!r} are not square images with classes.")
    return chosen, seed, data


def _is_square(n_features: int) -> bool:
    return math.isqrt(n_features) ** 2 == n_features


def list_image_arms(trial: Results) -> list[str]:
    """List the arms of the runs that are trained on the pixels of square images."""
    tasks = {arm: trial.find_arm(arm).task for arm in _list_pixel_arms(trial)}
    return [
        arm
        for arm, task in tasks.items()
        if task.has_images and _is_square(measure_data(task).n_features)
    ]


def _list_pixel_arms(trial: Results) -> list[str]:
    """List the arms that train on unmapped pixels, so that their weights are images."""
    arms = [trial.find_arm(name) for name in list_unique(trial.runs, "arm")]
    return [arm.name for arm in arms if arm.is_trained and arm.features == UNMAPPED]


def samples(trial: Results) -> Chart:
    """Draw the first training image of each class, with its label.

    Raises
    ------
    InputError
        If the rows are not images.
    """
    _, _, data = _choose_rows(trial)
    firsts = [int(np.argmax(data.y == label)) for label in range(min(data.n_classes, N_SAMPLES))]
    images = scale_rows(data.X[firsts], data)
    names = [data.class_names[label] for label in data.y[firsts]]
    table = pl.DataFrame({"name": names, "values": images.tolist()})
    header = HEADER | {"labelLimit": 100}
    return _repeat(
        _draw_pixels(GREY_LEVEL), "level", table.with_columns(_round_levels()),
        f"The first training image of each class: {', '.join(names)}.",
        facet=vega.nominal("name", sort=list_unique(table, "name"), header=header),
        size=84, columns=10, gaps=(26, 20), narrowest=100,
    )  # fmt: skip


def _round_levels() -> pl.Expr:
    """Round the grey levels of images, from 0 to 1, to numbers from 0 to 255."""
    return pl.col("values").list.eval((pl.element() * 255).round().cast(pl.Int16))


def predictions(trial: Results, arm: str | None = None, seed: int | None = None) -> Chart:
    """Draw the first nine test images with their true and predicted labels.

    Parameters
    ----------
    trial : Results
        A trial on images.
    arm, seed : str, int, optional
        The model; by default the first.

    Raises
    ------
    InputError
        If the arm is not trained on plain pixels, or its rows are not images.
    """
    chosen = _choose_model(trial, arm, seed)
    return _draw_predicted(chosen, np.arange(min(N_SHOWN, len(chosen.data.test_y))))


def mistakes(trial: Results, arm: str | None = None, seed: int | None = None) -> Chart:
    """Draw the nine wrong predictions of which a model is most confident.

    Parameters
    ----------
    trial : Results
        A trial on images.
    arm, seed : str, int, optional
        The model; by default the first.

    Raises
    ------
    InputError
        If the arm is not trained on plain pixels, or its rows are not images.
    """
    chosen = _choose_model(trial, arm, seed)
    classes, confidence = chosen.model.predict_classes(scale_rows(chosen.data.test_X, chosen.data))
    wrong = np.flatnonzero(classes != chosen.data.test_y)
    worst = wrong[np.argsort(-confidence[wrong], kind="stable")][:N_SHOWN]
    return _draw_predicted(chosen, worst)


def _draw_predicted(chosen: ImageModel, places: np.ndarray) -> Chart:
    data = chosen.data
    images = scale_rows(data.test_X[places], data)
    classes, confidence = chosen.model.predict_classes(images)
    table = pl.DataFrame(
        {
            "values": images.tolist(),
            "truth": [data.class_names[k] for k in data.test_y[places]],
            "predicted": [data.class_names[k] for k in classes],
            "confidence": confidence,
        },
        schema_overrides={"values": pl.List(pl.Float64)},
    )
    pairs = table.select("truth", "predicted").iter_rows()
    said = "; ".join(f"{truth}, predicted {predicted}" for truth, predicted in pairs)
    return draw_predictions(table, f"{chosen.series}: {said}.")


def draw_predictions(table: pl.DataFrame, description: str) -> Chart:
    """Draw images in a grid of three columns, with true and predicted label.

    The table has `values`, the grey levels of an image from 0 to 1, a list of side × side, row by
    row, `truth` and `predicted`, names of classes. A correct prediction has a tick, a wrong one a
    cross.
    """
    is_right = pl.col("truth") == pl.col("predicted")
    verdict = pl.when(is_right).then(pl.lit("✓ ")).otherwise(pl.lit("✗ ")) + pl.col("predicted")
    rows = table.with_row_index("place").select(
        "place", "truth", verdict.alias("verdict"), is_right.alias("right"), _round_levels()
    )
    place = {"align": "left", "baseline": "top", "x": 0, "y": "height", "limit": 108}
    truth, bold = vega.mark("text", **place, dy=5), {"dy": 19, "fontWeight": "bold"}
    colour = {"condition": {"test": "datum.right", "value": BLUE}, "value": VERMILLION}
    under, named = "datum.rank == 1", vega.nominal("verdict")
    layers = [
        _draw_pixels(GREY_LEVEL),
        vega.layer(truth, where=under, text=vega.nominal("truth")),
        vega.layer(truth | bold, where=under, text=named, color=colour),
    ]
    header = {"title": None, "labelExpr": "''", "labelFontSize": 0, "labelPadding": 0}
    return _repeat(
        {"layer": layers}, "level", rows, description,
        facet={"field": "place", "type": "ordinal", "header": header},
        size=84, columns=3, gaps=(46, 20), narrowest=1,
    )  # fmt: skip


def weights(trial: Results, arm: str | None = None, seed: int | None = None) -> Chart:
    """Draw the weights of each class as an image.

    All arms of a seed have the same diverging scale.

    Parameters
    ----------
    trial : Results
        A trial on images.
    arm, seed : str, int, optional
        The model; by default the first.

    Raises
    ------
    InputError
        If the arm is not trained on plain pixels, or its rows are not images.
    """
    chosen = _choose_model(trial, arm, seed)
    names = list(chosen.data.class_names)
    table = pl.DataFrame({"name": names, "values": chosen.model.W.T.tolist()})
    said = f"{chosen.series}: the weights of each of {len(names)} classes, as images."
    return draw_weights(table, _find_limit(trial, chosen.seed), said)


def draw_weights(table: pl.DataFrame, limit: float, description: str) -> Chart:
    """Draw the weights of each class as an image, all on one scale from -`limit` to `limit`.

    The table has `name`, the class, and `values`, its weights, a list of side × side, row by row.
    Weights beyond the limit have the colour of its end.
    """
    values = pl.col("values").list.eval(pl.element().cast(pl.Float64).round_sig_figs(WEIGHT_DIGITS))
    scale = {
        "type": "symlog", "constant": limit / 30, "domain": [-limit, 0, limit],
        "range": [BLUE, NEUTRAL, VERMILLION], "interpolate": "lab", "clamp": True,
    }  # fmt: skip
    ticks = [sign * limit * share for share in (0.1, 1.0) for sign in (-1, 1)]
    legend = {
        "title": "weight", "padding": 10, "gradientLength": 220, "values": sorted([0.0, *ticks]),
        "format": "~g",
    }  # fmt: skip
    return _repeat(
        _draw_pixels(vega.quantity("weight", scale=scale, legend=legend)), "weight",
        table.with_columns(values), description,
        facet=vega.nominal("name", sort=list_unique(table, "name"), header=HEADER),
        size=168, columns=5, gaps=(26, 14), narrowest=130,
    )  # fmt: skip


def _find_limit(trial: Results, seed: int) -> float:
    """Find the end of the scale of weights: 99.5 % of the weights of a seed are within it."""
    ends = pl.col("run").str.ends_with(f" #{seed}") & (pl.col("parameter") == "W")
    sizes = np.abs(trial.parameters.filter(ends)["values"].explode().to_numpy())
    return float(f"{np.quantile(sizes, 0.995):.1g}") or 1.0


def confusion(trial: Results, arm: str | None = None) -> Chart:
    """Draw the confusion matrix of the test rows, as shares of each true class, over all seeds.

    Parameters
    ----------
    trial : Results
        A trial on images.
    arm : str, optional
        By default the first that is trained on plain pixels.

    Raises
    ------
    InputError
        If the arm is not trained on plain pixels, or its rows are not images.
    """
    chosen = _choose_model(trial, arm)
    data, n = chosen.data, chosen.data.n_classes
    counts = np.zeros((n, n))
    runs = trial.runs.filter(arm=chosen.arm).select("run", "seed")
    kept = runs.join(trial.predictions.filter(rows="test"), on="run", maintain_order="left")
    for seed, form, predicted in kept.select("seed", "type", "predicted").iter_rows():
        truth = load_rows(trial, chosen.arm, seed, mapped=False).test_y.astype(np.int64)
        pairs = truth * n + np.frombuffer(predicted, form)
        counts += np.bincount(pairs, minlength=n * n).reshape(n, n)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1.0)
    names = list(data.class_names)
    table = pl.DataFrame(
        {"truth": np.repeat(names, n), "predicted": names * n, "share": shares.ravel()}
    )
    wrong = table.filter(pl.col("truth") != pl.col("predicted"))
    worst = wrong.sort("share", descending=True).row(0, named=True)
    said = (
        f"{chosen.series}: share of each true class with each prediction; most frequent mistake: "
        f"{worst['truth']} as {worst['predicted']}, {worst['share']:.0%}."
    )
    return _draw_confusion(table, worst["share"], said)


def _draw_confusion(table: pl.DataFrame, largest: float, description: str) -> Chart:
    """Draw shares of true classes; `largest` is that of a mistake."""
    names = list_unique(table, "truth")
    per_cent = (100 * pl.col("share")).round(0).cast(pl.Int64).cast(pl.String)
    shown = table.with_columns(
        text=pl.when(pl.col("share") >= 0.005).then(per_cent).otherwise(pl.lit("")),
        wrong=pl.when(pl.col("truth") != pl.col("predicted")).then("share"),
    )
    scale = {"domain": [0, max(largest, 0.01)], "range": [NEUTRAL, VERMILLION]}
    colour = vega.quantity("wrong", scale=scale, legend=None)
    right = vega.mark("rect", color=BLUE, opacity=0.25)
    angle = 0 if max(map(len, names)) < 3 else -45
    axes = [vega.nominal(field) for field in ("truth", "predicted")]
    chart = {
        "data": vega.list_rows(shown),
        "encoding": {
            "x": axes[1] | {"title": "predicted", "sort": names, "axis": {"labelAngle": angle}},
            "y": axes[0] | {"title": "true class", "sort": names},
            "tooltip": [*axes, vega.quantity("share", format=".1%")],
        },
        "layer": [
            vega.layer(vega.mark("rect"), where="datum.wrong !== null", color=colour),
            vega.layer(right, where="datum.wrong === null"),
            vega.layer(vega.mark("text", fontSize=11), text=vega.nominal("text")),
        ],
        "height": 30 * len(names),
    }
    return vega.lay_out(chart, description)


def _repeat(
    image: Specification, level: str, rows: pl.DataFrame, description: str, *,
    facet: Specification, size: int, columns: int, gaps: tuple[int, int], narrowest: int,
) -> Chart:  # fmt: skip
    """Draw an image for each row: each of its `values` becomes a pixel with row and column."""
    side = round(len(rows["values"][0]) ** 0.5)
    transform = [
        {"flatten": ["values"], "as": [level]},
        {"window": [{"op": "row_number", "as": "rank", "field": ""}], "groupby": [facet["field"]]},
        {"calculate": f"(datum.rank - 1) % {side}", "as": "column"},
        {"calculate": f"floor((datum.rank - 1) / {side})", "as": "row"},
    ]
    chart = {
        "data": vega.embed(rows),
        "facet": facet,
        "spec": image | {"transform": transform, "width": size, "height": size},
        "columns": columns,
        "bounds": "flush",
        "spacing": dict(zip(("row", "column"), gaps, strict=True)),
    }
    return vega.lay_out(
        chart, description, panels=columns, narrowest=narrowest, axes=gaps[1], cells=side,
        renderer="canvas",
    )  # fmt: skip


def _draw_pixels(colour: Specification) -> Specification:
    """Draw a square for each pixel, row by row from the upper left corner."""
    places: Specification = {
        channel: {"field": field, "type": "ordinal", "axis": None, "scale": {"padding": 0}}
        for channel, field in (("x", "column"), ("y", "row"))
    }
    return vega.layer(vega.mark("rect", strokeWidth=0), **places, color=colour)
