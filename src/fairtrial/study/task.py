"""The tasks: what is learned."""

from __future__ import annotations

import codecs
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from fairtrial.kinds.noises import NOISES, NoiseSettings, normal
from fairtrial.settings.base import (
    Count,
    DataPath,
    Number,
    Rows,
    Share,
    expand_bare_name,
)
from fairtrial.study.task_noise import TaskNoise

# Where the rows of a seed come from: each seed draws its own, all seeds have the same, or each seed
# splits the same rows into training and test rows in another way.
RowOrigin = Literal["drawn", "fixed", "split"]


class LineTask(TaskNoise):
    """A line with noise: `y = slope x + intercept + noise`, `x` standard normal."""

    row_origin: ClassVar[RowOrigin] = "drawn"
    kind: Literal["line"]
    slope: Number = 3.0
    intercept: Number = 2.0
    rows: Rows = 10_000
    test_rows: Rows = 10_000
    noise: Annotated[NoiseSettings, NOISES] = normal()


class LinearTask(TaskNoise):
    """Linear data with noise: `y = X weights + intercept + noise`, features standard normal.

    Any two features have the given `correlation`. Weights that are not given are standard normal,
    drawn anew for each seed.
    """

    row_origin: ClassVar[RowOrigin] = "drawn"
    kind: Literal["linear"]
    features: Count = 10
    weights: Annotated[list[Number], Field(min_length=1)] | None = None
    intercept: Number = 0.0
    correlation: Annotated[float, Field(ge=0, lt=1)] = 0.0
    rows: Rows = 10_000
    test_rows: Rows = 10_000
    noise: Annotated[NoiseSettings, NOISES] = normal()

    @model_validator(mode="after")
    def _check_weights(self) -> LinearTask:
        if self.weights is not None and len(self.weights) != self.features:
            raise ValueError(
                f"weights has {len(self.weights)} numbers, but features = {self.features}"
            )
        return self


class FashionMnistTask(TaskNoise):
    """Fashion-MNIST: 60,000 training and 10,000 test images of 28 x 28 pixels, ten classes."""

    row_origin: ClassVar[RowOrigin] = "fixed"
    kind: Literal["fashion_mnist"]


class DigitsTask(TaskNoise):
    """scikit-learn's digits: 1,797 images of 8 x 8 pixels, ten classes."""

    row_origin: ClassVar[RowOrigin] = "fixed"
    kind: Literal["digits"]


def check_separator(text: str) -> str:
    """Refuse what cannot stand between the values of a line."""
    if len(text) != 1 or text.isalnum() or text in '"\r\n\0+-.':
        raise ValueError(
            f'{text!r} must be one character between values, as in separator = ";" or '
            'separator = "\\t" for tabs'
        )
    return text


def check_encoding(name: str) -> str:
    """Refuse what is not an encoding of text that Python knows."""
    try:
        if codecs.lookup(name).name in NOT_FILES:
            raise LookupError(name)
        "a".encode(name)
    except (LookupError, ValueError):
        raise ValueError(
            f"{name!r} is not a known encoding of text: name one as in "
            'encoding = "latin-1", "cp1252" or "utf-16"'
        ) from None
    return name


# Python counts them as encodings of text, but no file is written in them.
NOT_FILES = ("idna", "punycode", "unicode-escape", "unicode_escape", "raw-unicode-escape", "utf-7")
SEPARATOR = Field(json_schema_extra={"minLength": 1, "maxLength": 1})


class TableTask(TaskNoise):
    """A CSV or Parquet file: `target` from all other columns but those in `exclude`.

    Columns in `categorical` name categories, the others hold numbers. `path` is taken from the
    folder of the study file, or from the working directory where there is none. `test` is the share
    of rows that are held out as test rows.

    `separator`, `decimal` and `encoding` say how a CSV file is written. `missing_values` are texts
    that stand for a missing value, beside the empty cell; where it is absent, texts that often do
    so, such as `NA`, are refused.
    """

    row_origin: ClassVar[RowOrigin] = "split"
    kind: Literal["table"]
    path: DataPath
    target: str
    problem: Literal["regression", "classification"]
    categorical: list[str] = []
    exclude: list[str] = []
    missing: Literal["refuse", "drop", "impute"] = "refuse"
    missing_values: list[Annotated[str, Field(min_length=1)]] | None = None
    separator: Annotated[str, AfterValidator(check_separator), SEPARATOR] = ","
    decimal: Literal[".", ","] = "."
    encoding: Annotated[str, AfterValidator(check_encoding)] = "utf-8"
    test: Share = 0.2

    @model_validator(mode="after")
    def _check_columns(self) -> TableTask:
        if self.separator == self.decimal:
            raise ValueError(
                f"separator and decimal are both {self.separator!r}: values with decimal commas "
                'need another separator, as in separator = ";"'
            )
        named = [self.target, *self.categorical, *self.exclude]
        for name in named:
            if named.count(name) > 1:
                raise ValueError(
                    f"{name!r} is named twice in target, categorical and exclude: once is enough"
                )
        return self


class ImagesTask(TaskNoise):
    """Grey images of your own, each of one class.

    `path` is an .npz file that `fairtrial.images(X, y, file=...)` has written, or a folder with a
    folder of image files for each class; it is taken from the folder of the study file, or from the
    working directory where there is none. `test` is the share of images that are held out as test
    images, drawn anew for each seed.
    """

    row_origin: ClassVar[RowOrigin] = "split"
    kind: Literal["images"]
    path: DataPath
    test: Share = 0.2


AnyTask = LineTask | LinearTask | FashionMnistTask | DigitsTask | TableTask | ImagesTask
Task = Annotated[
    AnyTask,
    Field(discriminator="kind"),
    BeforeValidator(expand_bare_name),
]


# Height and width of the images that fairtrial brings, known before any is loaded.
IMAGE_SHAPES = {"fashion_mnist": (28, 28), "digits": (8, 8)}


def has_images(task: AnyTask) -> bool:
    """Say whether the rows of a task are images."""
    return isinstance(task, FashionMnistTask | DigitsTask | ImagesTask)


def has_one_test_set(task: AnyTask) -> bool:
    """Say whether all seeds have the same training and test rows; else each draws or splits."""
    return task.row_origin == "fixed"


def find_test_share(task: AnyTask) -> float:
    """Find the share of test rows of a task whose seeds split the same rows; 0 for the others."""
    return task.test if isinstance(task, TableTask | ImagesTask) else 0.0


def has_classes(task: AnyTask) -> bool:
    """Say whether the targets of a task are classes, to be trained in batches; else numbers."""
    if isinstance(task, TableTask):
        return task.problem == "classification"
    return has_images(task)
