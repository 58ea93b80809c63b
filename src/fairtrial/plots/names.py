"""Names of arms on charts and pages: a setting, and the series within it.

They are made from what is stored beside an arm's name: its `entry` and the settings that are
`varied`. A name itself is only shown.
"""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from fairtrial.kinds.mechanism.registry import label_kind
from fairtrial.plots.summaries import list_unique
from fairtrial.results.store import ENTRY, VARIED
from fairtrial.settings.base import NONE
from fairtrial.settings.complaints import write_bare

FAMILIES = ("loss", "optimizer", "features")
"""What makes the series, if it varies."""

_WORDS = [pl.when(pl.col(part) != "").then(part) for part in ("setting", "series")]
TITLE = pl.concat_str(_WORDS, separator=" · ", ignore_nulls=True)
"""An arm's name on charts in one: its setting and its series, if they are not empty."""

Parts = Mapping[str, str]
"""What an arm's name on charts is made of: `entry`, then each varied setting; each in words."""


def name_runs(runs: pl.DataFrame) -> pl.DataFrame:
    """Add `setting` and `series`, the two parts of an arm's name on charts.

    The series is the loss if it varies, else the optimizer, else the features, else the last
    setting that varies. The setting is the entry and all else that varies. An arm for which no
    setting varies is a series of its name.
    """
    named = {arm: join_parts(parts) for arm, parts in list_parts(runs).items()}
    counts = Counter(named.values())
    # Names that are equal now are replaced by the full names of their arms.
    rows = [(arm, *(("", arm) if counts[one] > 1 else one)) for arm, one in named.items()]
    schema = {"arm": pl.String, "setting": pl.String, "series": pl.String}
    return runs.join(pl.DataFrame(rows, schema, orient="row"), on="arm", how="left")


def title_arms(runs: pl.DataFrame) -> dict[str, str]:
    """Join the two parts of each arm's name, of the result of `name_runs`."""
    return dict(runs.select("arm", title=TITLE).unique(maintain_order=True).iter_rows())


def join_parts(parts: Parts) -> tuple[str, str]:
    """Join what an arm's name is made of to its setting and its series.

    Examples
    --------
    >>> join_parts({"entry": "Table 3", "optimizer.kind": "Adam", "batch_size": "batch size 32"})
    ('Table 3 · batch size 32', 'Adam')
    >>> join_parts({"entry": "SVM"})
    ('', 'SVM')
    """
    others = dict(parts)
    families = (name for one in FAMILIES for name in (one, f"{one}.kind"))
    chosen = next((name for name in families if name in parts), list(parts)[-1] if parts else "")
    series = others.pop(chosen, "")
    entry = others.pop(ENTRY, "")
    return " · ".join(filter(None, [entry, ", ".join(others.values())])), series


def list_parts(runs: pl.DataFrame) -> dict[str, Parts]:
    """List for each arm what its name on charts is made of.

    Tables of earlier versions do not say what varies: there, an arm is an entry.
    """
    if VARIED not in runs.columns:
        return {arm: {ENTRY: arm} for arm in list_unique(runs, "arm")}
    arms = runs.unique("arm", keep="first", maintain_order=True).to_dicts()
    values: Values = {}
    for arm in arms:
        for name in arm[VARIED]:
            group = values.setdefault((arm[ENTRY], name, arm.get(f"{name}.kind")), {})
            for column in arm:
                if column.startswith(f"{name}."):
                    group.setdefault(column, set()).add(repr(arm[column]))
    parts: dict[str, Parts] = {}
    for arm in arms:
        first = {ENTRY: arm[ENTRY] if arm[VARIED] else arm["arm"]}
        varied = {name: _show_varied(arm, name, values) for name in arm[VARIED]}
        parts[arm["arm"]] = {**(first if first[ENTRY] else {}), **varied}
    return parts


Values = dict[tuple[str | None, str, str | None], dict[str, set[str]]]
"""By entry, varied table and its kind: the values of its settings. Those that differ are shown."""


def _show_varied(arm: Mapping[str, Any], name: str, values: Values) -> str:
    """Show a varied setting of an arm; of a table its kind, and what tells it from others."""
    if (value := arm.get(name)) is not None:
        shown = _show_value(name, value)
        return label_kind(shown) if isinstance(value, str) else f"{_show_name(name)} {shown}"
    inside = [column for column in arm if column.startswith(f"{name}.")]
    if all(arm[column] is None for column in inside):
        return f"{name}={NONE}"
    kind = arm.get(f"{name}.kind")
    settings = [
        f"{column.removeprefix(f'{name}.')}={_show_value(column, arm[column])}"
        for column, found in values[arm[ENTRY], name, kind].items()
        if len(found) > 1 and arm[column] is not None and column not in arm[VARIED]
    ]
    return " ".join([label_kind(kind) if kind else _show_name(name), *settings])


def _show_name(name: str) -> str:
    return name.rpartition(".")[2].replace("_", " ")


def _show_value(name: str, value: object) -> str:
    return Path(str(value)).name if name == "task.path" else write_bare(value)
