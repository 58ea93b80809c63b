"""The section on reproducibility."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fairtrial.kinds.mechanism.plugins import list_loaded
from fairtrial.report.blocks import Code, Facts, Fold, Part, Section, Table, rows_of
from fairtrial.results.results import Results
from fairtrial.results.store import DATA, STUDY


def build_reproducibility(
    environment: Mapping[str, Any], trials: Sequence[Results], more: Sequence[Part] = ()
) -> Section:
    """Build the section from `environment.json`, the files of the studies, and further parts."""
    known = _flatten({k: v for k, v in environment.items() if k != "verification"})
    seeds = [
        (
            trial.study.name, f"{trial.runs.height:,}",
            ", ".join(map(str, trial.runs["seed"].unique().sort())), _fingerprint(trial),
        )
        for trial in trials
    ]  # fmt: skip
    plugins = dict.fromkeys(one for trial in trials for one in list_loaded(trial.study.plugins))
    files = [
        Fold(f"{STUDY}: {trial.study.name}", [Code((trial.folder / STUDY).read_text("utf-8"))])
        for trial in trials
    ]
    files += [
        Fold(f"{Path(one.path).name}: SHA-256 {one.sha256}", [Code(one.text)]) for one in plugins
    ]
    caption = "Seeds of each study, and the first 16 digits of its data's SHA-256"
    table = Table("seeds", caption, ["study", "runs", "seeds", "data"], [rows_of(seeds)])
    return Section(
        "reproducibility",
        "Reproducibility",
        "A seed fixes everything random that does not depend on the arm: data, split, initial "
        "weights, batch order and noise. The same versions and study files give the same figures.",
        [
            *([Part("Environment", [Facts(known)])] if known else []),
            *more,
            *_build_verification((environment.get("verification") or {}).get("lanes")),
            Part("Seeds and data", [table]),
            Part("Study files and plugins, as run", files),
        ],
    )


def _fingerprint(trial: Results) -> str:
    """Identify the data that runs were trained on; synthetic rows depend on seed and code alone."""
    if DATA not in trial.runs.columns:
        return "drawn from the seed"
    known = trial.runs[DATA].drop_nulls().unique(maintain_order=True)
    return ", ".join(fingerprint[:16] for fingerprint in known)


def _build_verification(lanes: Sequence[Mapping[str, Any]] | None) -> list[Part]:
    """Build the table of the runs that the eager driver trained again."""
    if not lanes:
        return []
    rows = [
        (
            lane["run"], f"{lane['trained']:,}", f"{lane['deviation']:.1e}",
            f"{lane['tolerance']:.0e}",
        )
        for lane in lanes
    ]  # fmt: skip
    caption = (
        "Randomly chosen runs, trained again in eager mode: the largest difference of a parameter, "
        "relative to the largest parameter"
    )
    columns = ["run", "steps or epochs", "deviation", "tolerance"]
    return [Part("Verified runs", [Table("verified-lanes", caption, columns, [rows_of(rows)])])]


def _flatten(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for name, value in values.items():
        title = f"{prefix}{name}".replace("_", " ")
        if isinstance(value, Mapping):
            rows += _flatten(value, f"{title}: ")
        elif isinstance(value, bool):
            rows.append((title, "yes" if value else "no"))
        elif value is not None:
            rows.append((title, str(value)))
    return rows
