"""The study of a results folder, and its tables, assembled from its parts."""

import hashlib
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import tomli_w

from fairtrial.digits import show_number
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
    joined = results.join(index.lazy(), on="fingerprint", maintain_order="left_right")
    curves = _spread(joined, quantity="quantity", at="at", value="value").explode("at", "value")
    tables = {
        RUNS: make_run_table(runs, index, results, data or {}, scores).write_parquet,
        AVERAGES: make_average_table(index, results, scores).write_parquet,
        CURVES: curves.select("run", "at", "quantity", "value").sink_parquet,
        # The values are row-major.
        PARAMETERS: _spread(
            joined, parameter="parameter", shape="shape", values="parameter_values"
        ).sink_parquet,
        # Which rows are right: a bit a row, the first one highest.
        TEST_ROWS: joined.select("run", "n_test_rows", "right").drop_nulls("right").sink_parquet,
        # One value per row (test or validation), packed into bytes as NumPy's `type`.
        PREDICTIONS: _spread(
            joined, rows="rows", type="predicted_type", predicted="predicted"
        ).sink_parquet,
    }
    written = {"row_group_size": ROW_GROUP, "metadata": {OF_RUNS: digest(index)}}
    for name, write in tables.items():
        write_file(folder / name, partial(write, **written))


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
    columns = ["fingerprint", "outcome", "ended_at", "seconds"]
    table = frame.join(settings, on="arm", how="left", maintain_order="left").join(
        results.select(columns).collect(), on="fingerprint", how="left", maintain_order="left"
    )
    metrics = _widen(index, results, ("metric", "metric_value"), scores, "value")
    chosen = table.select(
        "fingerprint", "run", "arm", ENTRY, VARIED, pl.col("seed").cast(pl.Int64),
        *(name for name in settings.columns if name not in ("arm", ENTRY, VARIED)),
        "outcome", "ended_at", "seconds",
    )  # fmt: skip
    joined = chosen.join(metrics, on="fingerprint", how="left", maintain_order="left")
    return joined.drop("fingerprint")


def _widen(
    index: pl.DataFrame,
    results: pl.LazyFrame,
    lists: tuple[str, str],
    scores: pl.DataFrame | None,
    score: str,
) -> pl.DataFrame:
    """Make a row for each fingerprint and a column for each metric, of lists side by side.

    Metrics that were measured after training replace those that the lists have.
    """
    kept = results.select("fingerprint", metric=lists[0], value=lists[1])
    kept = kept.explode("metric", "value").drop_nulls("metric").collect()
    runs = index.select("fingerprint").unique(maintain_order=True)
    both = [runs.join(kept, on="fingerprint", maintain_order="left_right")]
    if scores is not None:
        both.append(scores.select("fingerprint", "metric", value=score))
    last = pl.col("value").drop_nulls().last()
    long = pl.concat(both).group_by("fingerprint", "metric", maintain_order=True).agg(last)
    return long.pivot("metric", index="fingerprint", values="value")


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
    means = results.select("fingerprint", "n_test_rows", "average_metric", right="average_right")
    means = means.drop_nulls("average_metric").select("fingerprint", "n_test_rows", "right")
    lists = "average_metric", "average_value"
    metrics = _widen(index, results, lists, scores, "average_value")
    table = index.join(means.collect(), on="fingerprint", maintain_order="left")
    table = table.join(metrics, on="fingerprint", how="left", maintain_order="left")
    return table.drop("fingerprint")


def _spread(results: pl.LazyFrame, **columns: str) -> pl.LazyFrame:
    """Spread lists side by side to a row for each of their values, behind the run."""
    return results.select("run", **columns).explode(*columns).drop_nulls(next(iter(columns)))


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
    """Show the mean, and over how many runs where some lack the metric; nothing where all do."""
    known = values.cast(pl.Float64).fill_nan(None).drop_nulls()
    if known.is_empty():
        return ""
    share = f" ({len(known)} of {len(values)})" if len(known) < len(values) else ""
    return show_number(float(known.to_numpy().mean())) + share
