"""Charts of a trial on images: samples, predictions, mistakes, weights, confusion."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import polars as pl

from fairtrial.data.dataset import Dataset
from fairtrial.data.load import measure_data
from fairtrial.errors import InputError
from fairtrial.plots.charts import images as image_charts
from fairtrial.plots.charts.layout import Chart
from fairtrial.plots.of_runs import name_series
from fairtrial.plots.rows import Model, find_arm, load_rows, read_model, scale_rows
from fairtrial.plots.summaries import list_unique
from fairtrial.results.results import Results
from fairtrial.study.features import UNMAPPED

N_SHOWN = 9
"""Images with their predictions, in a square grid."""
N_SAMPLES = 10


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
    seed = trial.study.list_seeds()[0] if seed is None else seed
    chosen = _choose_arm(trial, arm)
    data = _load_images(trial, chosen, seed)
    series = runs.filter(arm=chosen)["series"][0]
    return ImageModel(chosen, series, seed, read_model(trial, f"{chosen} #{seed}"), data)


def _choose_arm(trial: Results, arm: str | None) -> str:
    trained = _list_pixel_arms(trial)
    if not trained:
        raise InputError(f"{trial.folder} has no arms that are trained on plain pixels.")
    chosen = next(iter(list_image_arms(trial)), trained[0]) if arm is None else arm
    if chosen not in trained:
        raise InputError(f"{trial.folder} has no arm {arm!r} that is trained on plain pixels.")
    return chosen


def _load_images(trial: Results, arm: str, seed: int) -> Dataset:
    data = load_rows(trial, arm, seed)
    if not find_arm(trial, arm).task.has_images or not _is_square(data.X.shape[1]):
        raise InputError(f"The rows of {arm!r} are not square images with classes.")
    return data


def _is_square(n_features: int) -> bool:
    return math.isqrt(n_features) ** 2 == n_features


def list_image_arms(trial: Results) -> list[str]:
    """List the arms of the runs that are trained on the pixels of square images."""
    tasks = {arm: find_arm(trial, arm).task for arm in _list_pixel_arms(trial)}
    return [
        arm
        for arm, task in tasks.items()
        if task.has_images and _is_square(measure_data(task).n_features)
    ]


def _list_pixel_arms(trial: Results) -> list[str]:
    """List the arms that train on unmapped pixels, so that their weights are images."""
    arms = [find_arm(trial, name) for name in list_unique(trial.runs, "arm")]
    return [arm.name for arm in arms if arm.is_trained and arm.features == UNMAPPED]


def samples(trial: Results) -> Chart:
    """Draw the first training image of each class, with its label.

    Raises
    ------
    InputError
        If the rows are not images.
    """
    data = _load_images(trial, _choose_arm(trial, None), trial.study.list_seeds()[0])
    firsts = [int(np.argmax(data.y == label)) for label in range(min(data.n_classes, N_SAMPLES))]
    images = scale_rows(data.X[firsts], data)
    names = [data.class_names[label] for label in data.y[firsts]]
    table = pl.DataFrame({"values": images.tolist(), "name": names})
    said = f"The first training image of each class: {', '.join(names)}."
    return image_charts.draw_samples(table, said)


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
    return image_charts.draw_predictions(table, f"{chosen.series}: {said}.")


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
    return image_charts.draw_weights(table, _find_limit(trial, chosen.seed), said)


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
    return image_charts.draw_confusion(table, said)
