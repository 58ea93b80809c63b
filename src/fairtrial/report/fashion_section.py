"""Problem 2 of the lab: softmax regression on images, from tables to a section of the page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
import polars as pl

from fairtrial.errors import FairtrialError
from fairtrial.report import charts, image_charts
from fairtrial.report.blocks import Block, Cell, Figure, Part, Row, Rows, Section, Table, Text
from fairtrial.report.folder import Results
from fairtrial.report.line_section import build_arm_table, say_band
from fairtrial.report.summaries import summarise_curves, summarise_metrics

N_SHOWN = 9
"""Test images with their predictions, a square grid."""

FASHION = "fashion_mnist"
"""The data of the report's own figures."""

METRICS = {
    "accuracy": "test accuracy, %",
    "validation_accuracy": "validation accuracy, %",
    "train_accuracy": "training accuracy, %",
    "cross_entropy": "test cross-entropy",
    "validation_cross_entropy": "validation cross-entropy",
    "train_cross_entropy": "training cross-entropy",
}


class ImageSet(Protocol):
    """What the section needs of a data set of images."""

    @property
    def test_images(self) -> np.ndarray:
        """Grey levels from 0 to `pixel_range`, (N, D)."""
        ...

    @property
    def test_labels(self) -> np.ndarray:
        """Class numbers, (N,)."""
        ...

    @property
    def class_names(self) -> Sequence[str]:
        """Names of the classes, K of them."""
        ...

    @property
    def pixel_range(self) -> float:
        """The largest grey level."""
        ...


ImageSource = Callable[[str], ImageSet]
"""From the name of a data set to its images."""


def load_test_images(name: str) -> ImageSet:
    """Load a data set of images by its name."""
    from fairtrial.data.images import load_images

    return load_images(name)


def predict(images: np.ndarray, W: np.ndarray, b: np.ndarray, pixel_range: float) -> np.ndarray:
    """Return the class that a trained softmax model gives each image.

    Parameters
    ----------
    images : (N, D)
        Grey levels from 0 to `pixel_range`.
    W : (D, K)
        Weights.
    b : (K,)
        Biases.
    pixel_range : float
        The largest grey level.

    Returns
    -------
    (N,)
        Class numbers.
    """
    return np.argmax(images.astype(np.float32) / np.float32(pixel_range) @ W + b, axis=1)


def build_fashion_section(
    results: Results,
    reported: Mapping[str, Sequence[Mapping[str, str]]],
    image_source: ImageSource = load_test_images,
) -> Section:
    """Build Problem 2.

    Parameters
    ----------
    results : Results
        The image study's.
    reported : dict
        What `read_reported` returns.
    image_source : function
        Gives the images of a data set.
    """
    runs = results.runs
    task = str(runs["task.kind"][0])
    values = [row for row in reported["value"] if row["study"] == "fashion"]
    try:
        images: ImageSet | None = image_source(task)
        missing = ""
    except FairtrialError as error:
        images, missing = None, f"The test images cannot be shown: {error}"
    n_seeds = len(results.seeds)
    in_per_cent = runs.with_columns(
        pl.col(name) * 100 for name in METRICS if name.endswith("accuracy") and name in runs.columns
    )
    first = runs["setting"][0]
    shown = replace(results, runs=runs.filter(pl.col("setting") == first))
    parts = [
        _build_reported(runs, values, task),
        _build_epochs(shown.runs, results.curves),
        _build_predictions(shown, images, missing),
        _build_weights(shown, images),
        Part("Every arm", [build_arm_table(in_per_cent, METRICS, _find_unit(runs))]),
    ]
    seeds = "one seed" if n_seeds == 1 else f"{n_seeds} seeds"
    lead = (
        f"The study “{results.name}” has {runs['arm'].n_unique()} arms, {seeds}, "
        f"{runs.height:,} runs. All arms of a seed see the same split, the same start and the "
        "same batches."
    )
    if first and runs["setting"].n_unique() > 1:
        lead += f" The figures show those of {first}."
    return Section("problem-2", "Problem 2: softmax regression on images", lead, parts)


def _find_unit(runs: pl.DataFrame) -> str:
    in_epochs = (pl.col("ended_at") <= pl.col("epochs")).fill_null(True)
    return "epoch" if runs.select(in_epochs.all()).item() else "step"


# ------------------------------------------------------------------------------ beside the report


def _build_reported(runs: pl.DataFrame, values: Sequence[Mapping[str, str]], task: str) -> Part:
    summary = {row["arm"]: row for row in summarise_metrics(runs, ["accuracy"]).to_dicts()}
    rows: list[list[Cell]] = []
    told: dict[str, dict[str, float]] = {}
    for value in values:
        row = summary.get(value["arm"])
        if row is None or row["mean"] is None:
            continue
        share = float(value["reported"]) / 100
        told.setdefault(row["setting"], {})[row["series"]] = share
        names = [Cell(value["table"]), Cell(row["series"], "word")]
        rows.append([*names, Cell(value["reported"]), *_compare(row, share)])
    if not rows:
        return Part("Beside the report", [Text("The report has no figures for these arms.")])
    n_seeds = runs["seed"].n_unique()
    many = n_seeds > 1
    over = ["mean", "sd", "smallest–largest"] if many else ["one seed"]
    here = f"here over {n_seeds} seeds" if many else "here from one seed"
    table = Table(
        f"Test accuracy after the last epoch, in per cent; reported from one run, {here}",
        ["table", "model", "reported", *over, *(["the reported figure"] if many else [])],
        [Rows(rows)],
    )
    figures: list[Block] = [
        Figure(
            f"{setting or 'Baselines'}: the reported figures among the seeds",
            charts.draw_reported(
                runs.filter(pl.col("setting") == setting), shares, "accuracy", "test accuracy",
                f"{setting or 'Baselines'}: the test accuracy of every seed, their mean, and the "
                "reported figure.",
            ),
            "Each reported figure is one run's.",
        )
        for setting, shares in told.items()
    ]  # fmt: skip
    blocks: list[Block] = [table, *figures]
    if task != FASHION:
        other = (
            "The reported figures are for Fashion-MNIST; these runs are on the digits, so the two "
            "do not belong together."
        )
        blocks.insert(0, Text(other, notice=True))
    return Part("Beside the report", blocks)


def _compare(row: Mapping[str, Any], reported: float) -> list[Cell]:
    mean, low, high = (100 * row[name] for name in ("mean", "low", "high"))
    if row["n_seeds"] == 1:
        return [Cell(f"{mean:.2f}")]
    if reported > row["high"]:
        place = "above every seed"
    elif reported < row["low"]:
        place = "below every seed"
    else:
        place = "within the seeds"
    sd = f"{100 * row['sd']:.2f}" if row["sd"] is not None else "—"
    return [Cell(f"{mean:.2f}"), Cell(sd), Cell(f"{low:.2f}–{high:.2f}"), Cell(place, "text")]


# ------------------------------------------------------------------------------------- the figures


def _build_epochs(runs: pl.DataFrame, curves: pl.DataFrame) -> Part:
    figures: list[Block] = [Text(say_band(runs["seed"].n_unique()))]
    for metric, title in (("accuracy", "accuracy"), ("cross_entropy", "cross-entropy")):
        parts = [
            summarise_curves(curves, runs, f"{rows}_{metric}").with_columns(rows=pl.lit(rows))
            for rows in ("train", "validation")
        ]
        table = pl.concat([part for part in parts if not part.is_empty()] or parts)
        if table.is_empty():
            continue
        chart = charts.draw_shares(
            table,
            f"Training and validation {title} after each epoch, a panel an optimizer.",
            y_title=title,
        )
        figures.append(Figure(f"Training and validation {title} per epoch", chart))
    return Part("Epoch by epoch", figures)


def _build_predictions(results: Results, images: ImageSet | None, missing: str) -> Part:
    heading = "Nine test images"
    if images is None:
        return Part(heading, [Text(missing, notice=True)])
    shown, labels = images.test_images[:N_SHOWN], images.test_labels[:N_SHOWN]
    names = [str(name) for name in images.class_names]
    figures = []
    for series, W, b in _list_models(results):
        classes = predict(shown, W, b, images.pixel_range)
        table = pl.DataFrame(
            {
                "values": (shown / images.pixel_range).tolist(),
                "truth": [names[k] for k in labels],
                "predicted": [names[k] for k in classes],
            }
        )
        pairs = zip(table["truth"], table["predicted"], strict=True)
        said = "; ".join(f"{truth}, predicted {predicted}" for truth, predicted in pairs)
        n_right = int((classes == labels).sum())
        chart = image_charts.draw_predictions(table, f"{series}: {said}.")
        figures.append(Figure(series, chart, f"{n_right} of {len(labels)} right"))
    note = (
        "The first nine of the test rows. Under each its true label, then the predicted one, with "
        f"✓ where it is right and ✗ where it is wrong. Models of seed {results.seeds[0]}."
    )
    return Part(heading, [Text(note), Row(figures)])


def _list_models(results: Results) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Return the series, W (D, K) and b (K,) of each arm's first seed."""
    first = results.runs.filter(pl.col("seed") == results.seeds[0])
    models = []
    for run, series in first.select("run", "series").iter_rows():
        of_run = results.parameters.filter(pl.col("run") == run)
        arrays = {
            name: np.asarray(values, dtype=np.float32).reshape(shape)
            for name, shape, values in of_run.select("parameter", "shape", "values").iter_rows()
        }
        models.append((series, arrays["W"], arrays["b"]))
    return models


def _build_weights(results: Results, images: ImageSet | None) -> Part:
    models = _list_models(results)
    sizes = np.abs(np.concatenate([W.ravel() for _, W, _ in models]))
    limit = float(f"{np.quantile(sizes, 0.995):.1g}") or 1.0
    beyond = (sizes > limit).mean()
    n_classes = models[0][1].shape[1]
    names = (
        [str(name) for name in images.class_names]
        if images
        else [f"class {k}" for k in range(n_classes)]
    )
    figures: list[Block] = []
    for series, W, _ in models:
        table = pl.DataFrame({"name": names, "values": W.T.astype(np.float64).tolist()})
        chart = image_charts.draw_weights(
            table, limit, f"{series}: the weights of each of {n_classes} classes, as images."
        )
        figures.append(Figure(series, chart))
    note = Text(
        "What each class looks for: an orange pixel speaks for the class, a blue one against it. "
        "One scale for all classes and optimizers, symmetric about 0 and compressed towards its "
        "ends so that small weights show too"
        f"{f'; the largest {beyond:.1%} of them take the last colour' if beyond else ''}. "
        f"Models of seed {results.seeds[0]}."
    )
    return Part("What the classes look for", [note, *figures])
