"""The data sets that fairtrial brings, and the user's own tables and images."""

import codecs
import unicodedata
from typing import Annotated, Literal

import numpy as np
from pydantic import AfterValidator, Field

from fairtrial.kinds.data.datasets import Content, Stream, dataset
from fairtrial.kinds.noise.noises import NOISES, NoiseSettings, normal
from fairtrial.randomness import make_stream
from fairtrial.settings.base import Count, DataPath, Number, Share

Drawn = tuple[np.ndarray, np.ndarray, np.ndarray]
NORMAL = normal()


@dataset(
    rows="drawn",
    has_truth=True,
    is_apart=True,
    shape=lambda rows, test_rows: (rows, test_rows, 1, 0),
)
def line(
    stream: Stream,
    n_rows: int,
    *,
    slope: Number = 3.0,
    intercept: Number = 2.0,
    noise: Annotated[NoiseSettings, NOISES] = NORMAL,
) -> Drawn:
    """Line with noise: `y = slope x + intercept + noise`, `x` standard normal.

    The draws of a seed are the same for every slope, intercept and scale of noise.

    References
    ----------
    The lab report, which trains on such lines.
    """
    return _draw(stream, n_rows, np.array([slope]), intercept, noise)


def _check_weights(features: int, weights: list[float] | None) -> str:
    if weights is None or len(weights) == features:
        return ""
    return f"weights has {len(weights)} numbers, but features = {features}"


@dataset(
    rows="drawn",
    has_truth=True,
    is_apart=True,
    shape=lambda rows, test_rows, features: (rows, test_rows, features, 0),
    rule=_check_weights,
)
def linear(
    stream: Stream,
    n_rows: int,
    *,
    features: Count = 10,
    weights: Annotated[list[Number], Field(min_length=1)] | None = None,
    intercept: Number = 0.0,
    correlation: Annotated[float, Field(ge=0, lt=1)] = 0.0,
    noise: Annotated[NoiseSettings, NOISES] = NORMAL,
) -> Drawn:
    """Linear data with noise: `y = X weights + intercept + noise`, features standard normal.

    Any two features have the given `correlation`. Weights that are not given are standard normal,
    drawn for each seed.

    References
    ----------
    `make_regression` of scikit-learn, with correlated features and noise of any kind.
    """
    if weights is None:
        truth = make_stream(stream.seed, "truth.W").standard_normal(features)
    else:
        truth = np.asarray(weights)
    return _draw(stream, n_rows, truth, intercept, noise, correlation)


def _draw(
    stream: Stream,
    n_rows: int,
    weights: np.ndarray,
    intercept: float,
    noise: NoiseSettings,
    correlation: float = 0.0,
) -> Drawn:
    X = stream.open("x").standard_normal((n_rows, len(weights)))
    if correlation:
        # One shared draw gives every pair of features the same correlation.
        shared = stream.open("shared").standard_normal((n_rows, 1))
        X = np.sqrt(1.0 - correlation) * X + np.sqrt(correlation) * shared
    y = X @ weights + intercept + noise.draw(stream.open("noise"), n_rows, X)
    return X, y, np.append(weights, intercept)


@dataset(
    rows="fixed",
    classes=10,
    images=(28, 28),
    shape=(60_000, 10_000, 784, 10),
    value_bytes=1,
    licence="MIT, Zalando SE",
    also="mnist fashion",
)
def fashion_mnist(*, path: DataPath | None = None) -> Content:
    """Fashion-MNIST: 60,000 training and 10,000 test images of 28 x 28 pixels, ten classes.

    `path` is a folder with its four files; without it they are looked for, and downloaded where
    they are not found.

    References
    ----------
    Xiao, Rasul and Vollgraf (2017), arXiv:1708.07747.
    """
    from fairtrial.data.images.sets import load_images_once

    return load_images_once("fashion_mnist", path)


@dataset(
    reference="scikit-learn",
    rows="fixed",
    classes=10,
    images=(8, 8),
    pixel_range=16,
    shape=(1_437, 360, 64, 10),
    value_bytes=1,
    licence="CC BY 4.0, UCI Machine Learning Repository (Alpaydin and Kaynak)",
)
def digits() -> Content:
    """scikit-learn's digits: 1,797 images of 8 x 8 pixels, ten classes.

    References
    ----------
    Alpaydin and Kaynak (1998), UCI Machine Learning Repository, doi:10.24432/C50P49.
    """
    from fairtrial.data.images.sets import load_images_once

    return load_images_once("digits", None)


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
# Letters with accents have two spellings that look the same; names of columns are read in this one.
ColumnName = Annotated[str, AfterValidator(lambda name: unicodedata.normalize("NFC", name))]
SEPARATOR = Field(json_schema_extra={"minLength": 1, "maxLength": 1})


def _check_columns(
    separator: str, decimal: str, target: str, categorical: list[str], exclude: list[str]
) -> str:
    if separator == decimal:
        return (
            f"separator and decimal are both {separator!r}: values with decimal commas "
            'need another separator, as in separator = ";"'
        )
    for name in (target, *categorical):
        if name in exclude:
            other = "the target" if name == target else "in categorical"
            return f"{name!r} is {other} and in exclude: take it out of one of them"
    if target in categorical:
        return (
            f"{target!r} is the target and in categorical, which is for the other columns: take it "
            "out of categorical"
        )
    for setting, names in (("categorical", categorical), ("exclude", exclude)):
        for name in names:
            if names.count(name) > 1:
                return f"{name!r} is in {setting} twice: once is enough"
    return ""


@dataset(
    rows="split",
    classes=lambda problem: problem == "classification",
    title=lambda problem: f"a {problem} table",
    rule=_check_columns,
    also="csv parquet dataframe file",
)
def table(
    *,
    path: DataPath,
    target: ColumnName,
    problem: Literal["regression", "classification"],
    categorical: list[ColumnName] = [],  # noqa: B006 - settings are frozen.
    exclude: list[ColumnName] = [],  # noqa: B006
    missing: Literal["refuse", "drop", "impute"] = "refuse",
    missing_values: list[Annotated[str, Field(min_length=1)]] | None = None,
    separator: Annotated[str, AfterValidator(check_separator), SEPARATOR] = ",",
    decimal: Literal[".", ","] = ".",
    encoding: Annotated[str, AfterValidator(check_encoding)] = "utf-8",
    test: Share = 0.2,
) -> Content:
    """Table in a CSV or Parquet file: `target` from all other columns but those in `exclude`.

    Columns in `categorical` name categories, the others hold numbers. `path` is taken from the
    folder of the study file, or from the working directory where there is none. `test` is the share
    of rows that are held out as test rows.

    `separator`, `decimal` and `encoding` say how a CSV file is written. `missing_values` are texts
    that stand for a missing value, beside the empty cell; where it is absent, texts that often do
    so, such as `NA`, are refused.

    References
    ----------
    `StandardScaler` and `OneHotEncoder` of scikit-learn, which prepare the columns.
    """
    task = table(**locals())
    from fairtrial.data.tables.table import read_table

    return read_table(task)


@dataset(rows="split", classes=True, images=True)
def images(*, path: DataPath, test: Share = 0.2) -> Content:
    """Grey images of your own, each of one class.

    `path` is an .npz file that `fairtrial.images(X, y, file=...)` has written, or a folder with a
    folder of image files for each class; it is taken from the folder of the study file, or from the
    working directory where there is none. `test` is the share of images that are held out as test
    images, drawn for each seed.

    References
    ----------
    The user's own.
    """
    from fairtrial.data.images.own_images import read_own_images

    return read_own_images(images(path=path, test=test))
