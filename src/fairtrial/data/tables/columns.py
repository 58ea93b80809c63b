"""The columns of a user's table, and every rule about them; rows in messages are from 1."""

import json
import math
import re
from collections.abc import Iterator

import polars as pl
from polars import selectors

from fairtrial.data.scale import find_coarse_step
from fairtrial.data.tables.cells import (
    advise_missing,
    advise_number,
    is_mixed,
    is_number,
    list_markers,
)
from fairtrial.data.tables.csv_text import DECIMALS, shorten
from fairtrial.kinds.data.datasets import TaskSettings
from fairtrial.settings.characters import find_control
from fairtrial.settings.names import find_nearest

FEWEST_ROWS = 10
# Fewer are easily missing from the training rows or from the test rows.
FEWEST_CLASS_ROWS = 5
# On each side of the test split: of a single test row, no R² can be had.
FEWEST_SPLIT_ROWS = 2
# The rule for the numbers of a study: training is in float32.
LARGEST = 1e30
# Of a feature's spread: float64, in which files are read, may not round it by more.
COARSEST_STEP = 1e-2
# What pandas, readr and Polars call a column without a name, or a name that is there twice.
UNNAMED = r"Unnamed: \d+(?:[._]\w+)*|\.\.\.\d+|__index_level_\d+__|.*_duplicated_\d+"
INDEXES = (
    "index", "level_0", "rownames", "row.names", "row_names", "rowname", "row", "no", "no.",
    "nr", "#", "obs", "observation",
)  # fmt: skip
# What R makes of a column without a name; also a good name of a feature.
OF_R = ("X", "X.1")


def list_features(task: TaskSettings, columns: list[str]) -> list[str]:
    """Return the columns to predict from, in the file's order."""
    return [name for name in columns if name not in (task.target, *task.exclude)]


def tidy(frame: pl.DataFrame) -> pl.DataFrame:
    """Give each kind of values one type, and null alone the meaning of a missing value."""
    return frame.with_columns(
        selectors.by_dtype(pl.Categorical, pl.Enum).cast(pl.String),
        selectors.decimal().cast(pl.Float64),
    ).with_columns(selectors.string().replace("", None), selectors.float().fill_nan(None))


def keep_rows(task: TaskSettings, frame: pl.DataFrame) -> pl.DataFrame:
    """Leave out rows with missing values in the columns that are used, if the task says so."""
    if task.missing != "drop":
        return frame
    used = [*list_features(task, frame.columns), task.target]
    return frame.drop_nulls([name for name in used if name in frame.columns])


def find_problems(task: TaskSettings, frame: pl.DataFrame) -> Iterator[str]:
    """Yield a sentence for everything that keeps a table, with tidied columns, from being used."""
    kept = keep_rows(task, frame)
    yield from _find_unknown_names(task, frame.columns)
    yield from _find_indexes(task, frame)
    dropped = f" without missing values (of {frame.height:,})"
    what = "rows" + (dropped if kept.height < frame.height else "")
    yield from find_too_few(kept.height, task.test, what)
    if not (features := list_features(task, frame.columns)):
        yield "No column is left to predict from: exclude fewer."
    if frame.height:
        markers = _list_markers(task, frame)
        for name in features:
            yield from _find_in_feature(task, frame, name, kept[name], markers)
        if task.target in frame.columns:
            yield from _find_in_target(task, frame, kept[task.target], markers)
            is_classes = task.problem == "classification"
            yield from _find_copies(features, task.target, kept, is_classes)


def _find_unknown_names(task: TaskSettings, columns: list[str]) -> Iterator[str]:
    named = {"target": [task.target], "categorical": task.categorical, "exclude": task.exclude}
    for setting, names in named.items():
        for name in names:
            if name not in columns:
                nearest = find_nearest(name, columns)
                hint = f"; did you mean {nearest!r}?" if nearest else ""
                yield (
                    f"{setting}: {name!r} is not a column{hint} "
                    f"(columns: {', '.join(map(shorten, columns[:20]))}"
                    f"{', ...' if len(columns) > 20 else ''}){_advise_names(columns)}."
                )
    if len(columns) == 1:
        yield (
            f"There is only one column, {columns[0]!r}: a table has a target and at least one "
            "other column. Where another character separates the values, write it, as in "
            'separator = ";".'
        )


def _advise_names(columns: list[str]) -> str:
    """Say what to do where the first line seems to hold values in place of names."""
    if not any(re.fullmatch(DECIMALS, name) for name in columns):
        return ""
    return "; if the first line holds values, write a line of names above it"


def _find_indexes(task: TaskSettings, frame: pl.DataFrame) -> Iterator[str]:
    """Yield a sentence for each column that numbers the rows, as programs write it unasked."""
    features = list_features(task, frame.columns)
    for name in features:
        if name in task.categorical:
            continue
        may_number = name.lower() in INDEXES or (name in OF_R and len(features) > 1)
        if not name:
            yield (
                f"Column {frame.columns.index(name) + 1} has no name, such as the one in which "
                'pandas and R number the rows: leave it out with exclude = [""], or give it a name.'
            )
        elif re.fullmatch(UNNAMED, name) or (may_number and _counts_rows(frame[name])):
            yield (
                f"Column {name!r} seems to number the rows, as programs do unasked: leave it out "
                f"with exclude = [{json.dumps(name)}], or give it another name."
            )


def _counts_rows(column: pl.Series) -> bool:
    """Say whether a column counts from 0 or 1 upward, rows that were removed left out."""
    if column.dtype == pl.String:
        return True
    if not column.dtype.is_integer() or column.null_count() or column.is_empty():
        return False
    return column[0] in (0, 1) and bool((column.diff().drop_nulls() > 0).all())


def _find_copies(
    features: list[str], target: str, kept: pl.DataFrame, is_classes: bool
) -> Iterator[str]:
    for name in features if kept.height else ():
        both, does = kept.select(name, target).drop_nulls(), ""
        if both[name].equals(both[target]) and both.height > kept.height / 2:
            does = f"has the value of the target {target!r} in every row"
        elif is_classes and _name_alike(both[name], both[target]):
            does = f"names the classes of the target {target!r} in another way"
        if does:
            yield f"Column {name!r} {does}, so that there is nothing to learn: exclude it."


def _name_alike(column: pl.Series, target: pl.Series) -> bool:
    """Say whether each class has one value of a column, and each value one class."""
    n_classes = target.n_unique()
    if column.n_unique() != n_classes or n_classes < 2:
        return False
    return pl.DataFrame([column.alias("a"), target.alias("b")]).n_unique() == n_classes


def _list_markers(task: TaskSettings, frame: pl.DataFrame) -> list[str]:
    """List the texts of all columns that are used which often stand for a missing value."""
    used = [name for name in frame.columns if name not in task.exclude]
    texts = [frame[name].unique().drop_nulls().sort() for name in used]
    return list_markers(t for column in texts if column.dtype == pl.String for t in column)


def find_too_few(n_rows: int, test: float, what: str) -> Iterator[str]:
    """Yield a sentence where so many rows, or images, are too few for a test split."""
    n_test = round(n_rows * test)
    if n_rows < FEWEST_ROWS:
        yield f"The number of {what} is {n_rows}: at least {FEWEST_ROWS} are needed."
    elif min(n_test, n_rows - n_test) < FEWEST_SPLIT_ROWS:
        yield (
            f"test = {test:g} divides {n_rows:,} {what} into {n_rows - n_test} for training and "
            f"{n_test} for the test: each needs at least {FEWEST_SPLIT_ROWS}."
        )


def _find_in_feature(
    task: TaskSettings, frame: pl.DataFrame, column_name: str, kept: pl.Series, markers: list[str]
) -> Iterator[str]:
    column = frame[column_name]
    name, is_category = f"Column {column.name!r}", column.name in task.categorical
    if column.null_count() == len(column):
        yield f"{name} has no values: exclude it."
        return
    if task.missing == "refuse" and column.null_count():
        yield (
            f"{name} has {_count_missing(column)}: set missing to 'drop' or 'impute', or exclude "
            "the column."
        )
    if column.dtype == pl.String:
        if is_category:
            yield from _find_in_texts(task, name, column, markers)
        else:
            advice = "name the column in categorical or exclude"
            yield _word_text(task, frame, column, markers, "where numbers are needed", advice)
    elif not _is_usable(column):
        yield f"{name} holds values of the type {column.dtype}, which cannot be used: exclude it."
    elif not is_category:
        yield from _find_wrong_sizes(name, column)
        yield from _find_rounded(name, kept)
    n_values = kept.n_unique() if is_category and task.missing == "impute" else _count_values(kept)
    if n_values == 1:
        yield f"{name} is {_show(kept)} in every row and can tell nothing: exclude it."


def _find_in_target(
    task: TaskSettings, frame: pl.DataFrame, kept: pl.Series, markers: list[str]
) -> Iterator[str]:
    column = frame[task.target]
    name = f"The target {column.name!r}"
    if column.null_count() == len(column):
        yield f"{name} has no values: choose another column."
        return
    if task.missing != "drop" and column.null_count():
        never = "targets are never imputed: " if task.missing == "impute" else ""
        yield f"{name} has {_count_missing(column)}: {never}set missing to 'drop'."
    if not _is_usable(column):
        yield f"{name} holds values of the type {column.dtype}: choose another column."
    elif task.problem == "classification":
        if column.dtype == pl.String:
            yield from _find_in_texts(task, name, column, markers)
        yield from _find_in_classes(name, kept)
    elif not column.dtype.is_numeric():
        rule = "but the targets of a regression are numbers"
        advice = "set problem to 'classification', or choose another column"
        if column.dtype == pl.String:
            yield _word_text(task, frame, column, markers, rule, advice)
        else:
            yield f"{name} holds true and false, {rule}: {advice}."
    else:
        yield from _find_wrong_sizes(name, column)
        if _count_values(kept) == 1:
            yield f"{name} is {_show(kept)} in every row: there is nothing to predict."
        else:
            yield from _find_rounded(name, kept, is_target=True)


def _find_in_classes(name: str, kept: pl.Series) -> Iterator[str]:
    counts = kept.drop_nulls().value_counts(name="rows").sort(kept.name)
    if counts.height == 1:
        yield f"{name} has the one class {_show(kept)}: at least two are needed."
    if (few := counts.filter(pl.col("rows") < FEWEST_CLASS_ROWS)).height:
        listed = [
            f"{shorten(value) if isinstance(value, str) else value!r}: {rows}"
            for value, rows in few.head(5).iter_rows()
        ]
        more = f", and {few.height - 5} more" if few.height > 5 else ""
        yield (
            f"{name} has classes with fewer than {FEWEST_CLASS_ROWS} rows ({', '.join(listed)}"
            f"{more}): join them with others, or leave their rows out."
        )


def _find_rounded(name: str, kept: pl.Series, is_target: bool = False) -> Iterator[str]:
    """Yield a complaint where numbers are too coarse for the differences of a column's values."""
    values = kept.drop_nulls().cast(pl.Float64)
    largest, spread, middle = values.abs().max(), values.std(), values.median()
    if not (isinstance(largest, float) and isinstance(spread, float)):
        return
    if not 1.0 / LARGEST <= largest <= LARGEST:  # Of these it is said already.
        return
    if is_target:
        step = find_coarse_step(largest, spread)
        use, advice = "training is in float32", f"such as {middle:.6g}"
    else:
        step = largest * 2.0**-52
        step = step if _count_values(kept) > 1 and step > COARSEST_STEP * spread else None
        use, advice = "files are read in float64", "or exclude it"
    if step:
        yield (
            f"{name} has values near {middle:.6g} that differ by about {spread:.3g}: {use}, whose "
            f"numbers there are {step:.1g} apart. Subtract a constant from the column, {advice}."
        )


def _find_wrong_sizes(name: str, column: pl.Series) -> Iterator[str]:
    sizes = column.cast(pl.Float64).abs()
    largest = sizes.max()
    if isinstance(largest, float) and 0.0 < largest < 1.0 / LARGEST:
        yield (
            f"{name} has no number that is larger than {largest:.3g} in size: training is in "
            "float32, where such numbers are 0. Multiply the column by a constant, such as "
            f"1e{min(300, -math.floor(math.log10(largest)))}."
        )
    # A missing value is not beyond anything.
    beyond = ~(sizes <= LARGEST).fill_null(True)
    if beyond.any():
        row = beyond.arg_true()[0]
        yield (
            f"{name} is {column[row]} in row {row + 1}: numbers must be within -1e30 to 1e30. "
            "Correct it, or leave the cell empty."
        )


def _is_usable(column: pl.Series) -> bool:
    return column.dtype.is_numeric() or column.dtype in (pl.Boolean, pl.String)


def _count_missing(column: pl.Series) -> str:
    n_missing, first = column.null_count(), column.is_null().arg_true()[0] + 1
    if n_missing == 1:
        return f"a missing value, in row {first}"
    return f"{n_missing:,} missing values, the first in row {first}"


def _count_values(column: pl.Series) -> int:
    return column.drop_nulls().n_unique()


def _show(column: pl.Series) -> str:
    value = column.drop_nulls()[0]
    return repr(shorten(value) if isinstance(value, str) else value)


def _word_text(
    task: TaskSettings,
    frame: pl.DataFrame,
    column: pl.Series,
    markers: list[str],
    rule: str,
    advice: str,
) -> str:
    """Say that a column of numbers holds a text, its first, and what to write in its place."""
    numbers = is_number(column, task.decimal)
    row = int((~numbers).fill_null(False).arg_true()[0])
    text, is_target = column[row], column.name == task.target
    name = f"The target {column.name!r}" if is_target else f"Column {column.name!r}"
    if _repeats_names(frame, row):
        advice = "the line of names is there again: remove that row"
    elif text in markers:
        advice = f"write {advise_missing(markers)} if it stands for a missing value"
    elif find_control(text):
        advice = "there is a line break or a control character in it; close the quotes before it"
    elif known := advise_number(text, task, is_target):
        advice = known
    elif numbers.any():
        advice = f"correct it, leave the cell empty, or {advice}"
    else:
        return f"{name} holds text, such as {shorten(text)!r} in row {row + 1}, {rule}: {advice}."
    sentence = f"{name} holds {shorten(text)!r} in row {row + 1}, {rule}: {advice}."
    if re.fullmatch(r"[+-]?[0-9]*[.,][0-9]+", text) and is_mixed(column):
        sentence += (
            " Some numbers of the column have decimal points, others commas: use one of them."
        )
    return sentence


def _repeats_names(frame: pl.DataFrame, row: int) -> bool:
    """Say whether a row is the line of names again: one cell alone may be the name of a value."""
    cells = [str(cell).strip("\ufeff") for cell in frame.row(row)]
    return len(cells) > 1 and cells == frame.columns


def _find_in_texts(
    task: TaskSettings, name: str, column: pl.Series, markers: list[str]
) -> Iterator[str]:
    """Yield what is wrong with the texts of categories or classes."""
    broken = [text for text in column.unique().drop_nulls() if find_control(text)]
    if broken:
        row = int(column.is_in(broken).arg_true()[0])
        yield (
            f"{name} holds {shorten(column[row])!r} in row {row + 1}, which has a line break or a "
            "control character: close the quotes before it, remove it, or exclude the column."
        )
    found = column.is_in(markers).fill_null(False)
    if task.missing_values is None and found.any():
        row = int(found.arg_true()[0])
        yield (
            f"{name} holds {column[row]!r} in row {row + 1}, which often stands for a missing "
            f"value: write {advise_missing(markers)} if it does, or missing_values = [] if it is a "
            "category."
        )
