"""Names of arms on charts and pages: a setting, and the series within it."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from fairtrial.kinds.registry import list_labels
from fairtrial.plots.charts.appearance import show_kind


def name_runs(runs: pl.DataFrame) -> pl.DataFrame:
    """Add `setting` and `series`, the two parts of an arm's name on charts.

    The name of an arm is "entry · what varies". The series is the loss if it varies, else the
    optimizer, else the features, else the last setting that varies. The setting is the rest.
    """
    kinds = [name for name in ("loss.kind", "optimizer.kind", "features.kind") if name in runs]
    arms = runs.select("arm", *kinds).unique("arm", keep="first", maintain_order=True)
    named = [_split_name(arm, found) for arm, *found in arms.iter_rows()]
    short = _shorten_kinds([series for _, series in named])
    named = [(setting, short[series]) for setting, series in named]
    schema = {"setting": pl.String, "series": pl.String}
    # Names that are equal now are replaced by the full names of their arms.
    named = [
        ("", arm) if named.count(name) > 1 else name
        for arm, name in zip(arms["arm"], named, strict=True)
    ]
    parts = pl.DataFrame(named, schema=schema, orient="row")
    return runs.join(pl.concat([arms.select("arm"), parts], how="horizontal"), on="arm", how="left")


def _split_name(arm: str, kinds: Sequence[str | None]) -> tuple[str, str]:
    """Split an arm's name into setting and series.

    Examples
    --------
    >>> _split_name("Table 3 · adam, batch_size=32", ["cross_entropy", "adam"])
    ('Table 3 · batch size 32', 'Adam')
    >>> _split_name("SVM", [None, None])
    ('', 'SVM')
    """
    entry, dot, varied = arm.partition(" · ")
    if not dot:
        entry, varied = "", arm
    pieces = varied.split(", ")
    firsts = [piece.partition(" ")[0] for piece in pieces]
    place = next((firsts.index(kind) for kind in kinds if kind in firsts), len(pieces) - 1)
    series = show_piece(pieces.pop(place))
    setting = " · ".join(filter(None, [entry, ", ".join(show_piece(piece) for piece in pieces)]))
    return setting, series


def _shorten_kinds(series: Sequence[str]) -> dict[str, str]:
    """Leave out settings of kinds that are the same in all series."""
    settings: dict[str, set[str]] = {}
    for name in series:
        settings.setdefault(name.partition(" ")[0], set()).add(name)
    known = list_labels()
    return {
        name: kind
        if kind in known and len(settings[kind]) == 1 and _has_settings_alone(name)
        else name
        for name, kind in ((name, name.partition(" ")[0]) for name in series)
    }


def _has_settings_alone(name: str) -> bool:
    """Say whether only settings follow a kind's name; in a name chosen by hand, other words may."""
    return all("=" in piece for piece in name.split(" ")[1:])


def show_piece(piece: str) -> str:
    """Show one setting of an arm's name in words.

    Examples
    --------
    >>> show_piece("optimizer.learning_rate=0.01"), show_piece("huber delta=2.0")
    ('learning rate 0.01', 'Huber delta=2.0')
    """
    first, _, rest = piece.partition(" ")
    name, is_set, value = piece.partition("=")
    if is_set and " " not in name:
        return f"{name.rpartition('.')[2].replace('_', ' ')} {value}"
    return " ".join(filter(None, [show_kind(first), rest]))
