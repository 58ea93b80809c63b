"""The study of a results folder, and its tables, assembled from its parts."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import tomli_w

from fairtrial.files import write_file, write_text
from fairtrial.kinds.mechanism.plugins import list_loaded
from fairtrial.kinds.metrics.numbers import find_metric
from fairtrial.kinds.metrics.runs import WAY
from fairtrial.settings.plain import dump_given
from fairtrial.study import Arm, Run, Study

# Beside an arm's name: the hand-picked entry that it belongs to, and what a grid varies.
ENTRY, VARIED = "entry", "varied"
# The fingerprint of a run's data.
DATA = "data_sha256"
IDENTITY, ENDS = ("run", "arm", ENTRY, VARIED, "seed"), ("outcome", "ended_at", "seconds")

STUDY, RUNS, CURVES, PARAMETERS, TEST_ROWS, AVERAGES, ENVIRONMENT, VERDICTS, PAIRS = (
    "study.toml", "runs.parquet", "curves.parquet", "parameters.parquet", "test_rows.parquet",
    "averages.parquet", "environment.json", "verdicts.json", "pairs.parquet",
)  # fmt: skip

PREDICTIONS = "predictions.parquet"

# What the report makes of the tables: pages that load nothing, and files that were asked for.
VERDICT_TABLE = "verdicts.parquet"
PAGES, ASKED_FOR = ("report.html", "one-page.html"), ("figures", "tables")

# Where a table's file says which runs it is of, so that no table of another study is read for it.
OF_RUNS = "fairtrial.runs"
PLUGINS = "plugins"
"""The folder of the files of code, as they were when the study ran."""

# A fixed size, so that the same rows make the same bytes.
ROW_GROUP = 2**18


def list_settings(runs: pl.DataFrame) -> list[str]:
    """List the columns with settings of task and recipe, and that of the data's fingerprint."""
    others = {*IDENTITY, *ENDS, *list_metrics(runs)}
    return [name for name in runs.columns if name not in others]


def list_metrics(runs: pl.DataFrame) -> list[str]:
    """List the columns with metrics."""
    return [name for name in runs.columns if name not in ENDS and find_metric(name)]


def write_study(folder: Path, study: Study) -> None:
    """Write a study into its results folder, and beside it the files of code that it names.

    So the folder can be read when the files have changed, and on another machine.
    """
    names = dict(zip(study.plugins, _name_files(study.plugins), strict=True))
    for plugin in list_loaded(study.plugins):
        write_text(folder / names[plugin.path], plugin.text)
    values = dump_given(study)
    if study.plugins:
        values = {**values, "plugins": [*names.values()]}
    write_text(folder / STUDY, tomli_w.dumps(values))


def _name_files(paths: Sequence[str]) -> list[str]:
    """Name the files of code within the results folder; equal names are numbered."""
    names = [Path(path).name for path in paths]
    return [
        f"{PLUGINS}/{name}" if names.index(name) == place else f"{PLUGINS}/{place}-{name}"
        for place, name in enumerate(names)
    ]


def write_tables(
    folder: Path,
    runs: Sequence[Run],
    fingerprints: Sequence[str],
    parts: Mapping[Path, Sequence[str]],
    data: Mapping[str, str] | None = None,
    scores: pl.DataFrame | None = None,
) -> None:
    """Assemble the tables of a results folder.

    `fingerprints` has one for every run; runs that are alike have the same one. Each part goes with
    those of its runs that count; `data` has the fingerprint of each arm's data by the arm's name,
    "" where there is none; for `scores` see `scores.score_runs`. `runs.parquet` and
    `averages.parquet` have the runs in the order given. The other tables go through memory piece by
    piece, in the order in which the parts' first runs stand there.
    """
    index = pl.DataFrame({"run": [run.name for run in runs], "fingerprint": list(fingerprints)})
    place = {fingerprint: number for number, fingerprint in reversed(list(enumerate(fingerprints)))}
    ordered = sorted(parts, key=lambda path: min(place[one] for one in parts[path]))
    scanned = pl.scan_parquet(ordered, glob=False)  # Folders may have any name.
    counted = pl.LazyFrame({"fingerprint": [one for path in ordered for one in parts[path]]})
    results = scanned.join(counted, on="fingerprint", how="semi", maintain_order="left")
    written: dict[str, Any] = {"row_group_size": ROW_GROUP, "metadata": {OF_RUNS: digest(index)}}
    for name, table in (
        (RUNS, make_run_table(runs, index, results, data or {}, scores)),
        (AVERAGES, make_average_table(index, results, scores)),
    ):
        write_file(folder / name, lambda path, table=table: table.write_parquet(path, **written))
    for name, make in (
        (CURVES, make_curve_table),
        (PARAMETERS, make_parameter_table),
        (TEST_ROWS, make_test_row_table),
        (PREDICTIONS, make_prediction_table),
    ):
        long = make(results.join(index.lazy(), on="fingerprint", maintain_order="left_right"))
        write_file(folder / name, lambda path, long=long: long.sink_parquet(path, **written))


def digest(index: pl.DataFrame) -> str:
    """Digest which runs there are, by their names and fingerprints."""
    return hashlib.sha256(index.write_json().encode()).hexdigest()[:32]


def read_of_runs(path: Path) -> str | None:
    """Read which runs a table says it is of; None where an older version has written it."""
    return pl.read_parquet_metadata(path).get(OF_RUNS)


def make_run_table(
    runs: Sequence[Run],
    index: pl.DataFrame,
    results: pl.LazyFrame,
    data: Mapping[str, str],
    scores: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Make `runs.parquet`: a row a run, its settings by dotted name, outcome, metrics.

    A column that only some tasks or kinds have is null in the other rows.
    """
    settings = make_arm_table([*{run.arm.name: run.arm for run in runs}.values()], data)
    frame = index.with_columns(
        pl.Series("arm", [run.arm.name for run in runs], pl.String),
        pl.Series("seed", [run.seed for run in runs], pl.UInt64),
    )
    columns = ["fingerprint", "outcome", "ended_at", "seconds", "metric", "metric_value"]
    table = frame.join(settings, on="arm", how="left", maintain_order="left").join(
        results.select(columns).collect(), on="fingerprint", how="left", maintain_order="left"
    )
    metrics = table["metric"].explode().unique(maintain_order=True).drop_nulls()
    chosen = table.select(
        "fingerprint", "run", "arm", ENTRY, VARIED, pl.col("seed").cast(pl.Int64),
        *(name for name in settings.columns if name not in ("arm", ENTRY, VARIED)),
        "outcome", "ended_at", "seconds",
        *(_take_metric(name) for name in metrics),
    )  # fmt: skip
    return _add_scores(chosen, scores, "value").drop("fingerprint")


def _add_scores(table: pl.DataFrame, scores: pl.DataFrame | None, value: str) -> pl.DataFrame:
    """Add the columns of metrics that were measured after training, or replace their values."""
    if scores is None or scores.is_empty():
        return table
    wide = scores.pivot("metric", index="fingerprint", values=value, aggregate_function=None)
    names = [name for name in wide.columns if name != "fingerprint"]
    joined = table.join(wide, on="fingerprint", how="left", maintain_order="left", suffix=" now")
    replaced = [name for name in names if name in table.columns]
    return joined.with_columns(
        pl.coalesce(f"{name} now", name).alias(name) for name in replaced
    ).drop(f"{name} now" for name in replaced)


def make_arm_table(arms: Sequence[Arm], data: Mapping[str, str]) -> pl.DataFrame:
    """Make a table of arms: name, entry, what is varied, every setting, the data's fingerprint.

    There is no column `data_sha256` where no arm has data beside its settings.
    """
    more = [DATA] if any(data.values()) else []
    rows = [
        {
            "arm": arm.name,
            ENTRY: arm.entry,
            VARIED: list(arm.varied),
            **arm.settings,
            **dict.fromkeys(more, data.get(arm.name) or None),
        }
        for arm in arms
    ]
    types = {ENTRY: pl.String, VARIED: pl.List(pl.String)}
    mixed = {
        name
        for name in {name for row in rows for name in row} - {VARIED}
        if {type(row[name]) for row in rows if row.get(name) is not None} > {list}
    }
    for row in rows:  # A column holds lists or single values, such as weights and "balanced".
        row |= {name: str(row[name]) for name in mixed if isinstance(row.get(name), list)}
    return pl.DataFrame(rows, schema_overrides=types, infer_schema_length=None)


def make_average_table(
    index: pl.DataFrame, results: pl.LazyFrame, scores: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Make `averages.parquet`: the metrics of the end at the mean of a run's last iterates.

    A row for each run that has such a mean: run, n_test_rows, right (as in `test_rows.parquet`),
    then the metrics.
    """
    columns = {"metric": "average_metric", "metric_value": "average_value"}
    means = results.select("fingerprint", "n_test_rows", right="average_right", **columns)
    table = index.join(
        means.drop_nulls("metric").collect(), on="fingerprint", maintain_order="left"
    )
    metrics = table["metric"].explode().unique(maintain_order=True).drop_nulls()
    chosen = table.select(
        "fingerprint", "run", "n_test_rows", "right", *(_take_metric(name) for name in metrics)
    )
    return _add_scores(chosen, scores, "average_value").drop("fingerprint")


def _take_metric(name: str) -> pl.Expr:
    """Take one metric out of a row's list of names and its list of values."""
    position = pl.col("metric").list.eval(pl.element() == name).list.arg_max()
    has_it = pl.col("metric").list.contains(name)
    value = pl.col("metric_value").list.get(position, null_on_oob=True)
    return pl.when(has_it).then(value).alias(name)


def make_curve_table(results: pl.LazyFrame) -> pl.LazyFrame:
    """Make `curves.parquet`: run, at, quantity, value."""
    curves = _spread(results, "quantity", "at", "value")
    return curves.explode("at", "value").select("run", "at", "quantity", "value")


def make_parameter_table(results: pl.LazyFrame) -> pl.LazyFrame:
    """Make `parameters.parquet`: run, parameter, shape, values (row-major)."""
    parameters = _spread(results, "parameter", "shape", "parameter_values")
    return parameters.rename({"parameter_values": "values"})


def make_test_row_table(results: pl.LazyFrame) -> pl.LazyFrame:
    """Make `test_rows.parquet`: run, n_test_rows, right (a bit a row, the first one highest)."""
    return results.select("run", "n_test_rows", "right").drop_nulls("right")


def make_prediction_table(results: pl.LazyFrame) -> pl.LazyFrame:
    """Make `predictions.parquet`: run, rows (test or validation), type, predicted.

    `predicted` is one value per row, packed into bytes as NumPy's `type`.
    """
    predicted = _spread(results, "rows", "predicted_type", "predicted")
    return predicted.rename({"predicted_type": "type"})


def _spread(results: pl.LazyFrame, *columns: str) -> pl.LazyFrame:
    """Spread lists side by side to a row for each of their values, behind the run."""
    return results.select("run", *columns).explode(*columns).drop_nulls(columns[0])


def summarise_arms(folder: Path) -> list[dict[str, Any]]:
    """Summarise a results folder for the terminal: each arm's outcomes and mean metrics.

    A row has `arm`, `runs`, `outcomes`, then each metric's mean over the runs that did not diverge,
    as text; without rate and fluctuation, for which terminals are too narrow.
    """
    runs = pl.read_parquet(folder / RUNS, glob=False)
    metrics = [name for name in list_metrics(runs) if name not in WAY]
    return [
        {
            "arm": name,
            "runs": arm.height,
            "outcomes": ", ".join(
                f"{row['count']} {row['outcome']}"
                for row in arm["outcome"].value_counts(sort=True).to_dicts()
            ),
            **{
                metric: _show_mean(arm.filter(pl.col("outcome") != "diverged")[metric])
                for metric in metrics
            },
        }
        for (name,), arm in runs.group_by("arm", maintain_order=True)
    ]


def _show_mean(values: pl.Series) -> str:
    """Show the mean; nothing where no run of the arm has the metric."""
    mean = values.mean()
    return "" if mean is None else f"{mean:.4g}"
