"""The page of the lab, which tests the statements of the course report."""

import json
import tomllib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

from fairtrial.errors import InputError
from fairtrial.evidence.design import list_notices
from fairtrial.lab.beside import build_race, build_replayed, build_reported
from fairtrial.lab.conclusions import build_statements, list_statement_headlines
from fairtrial.lab.shipped import CONCLUSIONS, REPLAY, count_matches, read_json
from fairtrial.plots.trials import remember
from fairtrial.report.blocks import Part, Section, Text, fold_part
from fairtrial.report.page import Document, say_origin
from fairtrial.report.sections.arms import build_arms
from fairtrial.report.sections.models import build_data, build_models
from fairtrial.report.sections.reproducibility import build_reproducibility
from fairtrial.report.sections.training import build_curves, build_results
from fairtrial.report.study_page import count_runs, say_one_seed
from fairtrial.results.results import Results
from fairtrial.results.store import ENVIRONMENT, RUNS, VERDICTS

LINE, FASHION, MODELS = "line", "fashion", "models"
GRID, FEATURES, CHALLENGE = "grid", "features", "challenge"
LEAD = (
    "A course report drew conclusions from single runs on two problems: a line fitted by gradient "
    "descent with four losses, and softmax regression with three optimizers. This page runs the "
    "same settings over seeds, all else equal, and says which conclusions hold."
)
STALE = (
    "The conclusions that the folder holds are not about the runs that it holds, so they are left "
    "out. Run `fairtrial lab` again."
)
DATA_NAMES = {"fashion_mnist": "Fashion-MNIST", "digits": "handwritten digits, 8 × 8"}
PROBLEMS = {
    LINE: (
        "problem-1",
        "Problem 1: a line by gradient descent",
        "Each loss is a different objective, so the arms are compared by shared metrics: the "
        "distance of (W, b) from the true line, and the errors on fresh test rows.",
    ),
    FASHION: (
        "problem-2",
        "Problem 2: softmax regression on images",
        "All arms of a seed have the same start. Arms with the same share of validation rows also "
        "have the same split and batches.",
    ),
    MODELS: (
        "models",
        "Problem 2: other models on the same images",
        "Softmax regression beside an SVM and a random forest with scikit-learn's default "
        "settings. Both train on all 60,000 images, and so does one arm of softmax regression.",
    ),
    GRID: (
        "grid",
        "Beyond the report: learning rates and overfitting",
        "The report varied optimizer, batch size and learning rate one at a time. This study "
        "varies them together, and compares early stopping and penalties with 20 plain epochs.",
    ),
    FEATURES: (
        "beyond",
        "Beyond the report: other features",
        "Softmax regression stays linear in its features; only the features change. They are "
        "fitted on training rows, without labels. Their settings were chosen on 12,000 training "
        "images that were held out; the runs here train on all 60,000, as the baselines do. The "
        "baselines use the pixels and scikit-learn's default settings, without tuning; only the "
        "linear SVM has LIBLINEAR's own tolerance, which takes a quarter of the time.",
    ),
    CHALLENGE: (
        "challenge",
        "The challenge: above 90 %",
        "Softmax regression on features of small patches. The features are fitted on training "
        "images, without labels.",
    ),
}


def read_reported() -> dict[str, list[dict[str, str]]]:
    """Read the figures of the lab report: `value` entries, and the setting of each `table`."""
    text = resources.files("fairtrial.lab").joinpath("reported.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def is_lab(folder: Path) -> bool:
    """Say whether a folder is a lab's: it contains the results folders of studies."""
    return any((folder / name / RUNS).exists() for name in PROBLEMS)


def make_lab_page(folder: Path) -> Document:
    """Make the page of a lab from its folder, of whose parts any may be missing."""
    trials = open_trials(folder)
    if not trials:
        raise InputError(f"{folder} has no results of a study. Run `fairtrial lab` first.")
    environment = read_json(folder / ENVIRONMENT)
    replay = read_json(folder / REPLAY) if (folder / REPLAY).exists() else []
    statements = read_statements_judged(folder, trials)
    is_stale = not statements and (folder / CONCLUSIONS).exists()
    sections = [build_statements(statements, trials)] if statements else []
    sections += [
        _build_problem(trial, name, json.dumps(replay) if name == LINE else "[]")
        for name, trial in trials.items()
    ]
    replayed = _build_replay_note(replay)
    sections.append(build_reproducibility(environment, list(trials.values()), replayed))
    data = environment.get("data") or {}
    return Document(
        title="fairtrial: the lab",
        heading="The lab report, tested",
        lead=LEAD,
        facts=_summarise_lab(environment, list(trials.values()), replay),
        sections=sections,
        headlines=list_statement_headlines(statements),
        notices=[
            *([("Not Fashion-MNIST", data["fallback"])] if data.get("fallback") else []),
            *([("Conclusions", STALE)] if is_stale else []),
            *say_one_seed([trial for trial in trials.values() if trial.study.claims]),
            *(("Claims", text) for trial in trials.values() for text in list_notices(trial)),
        ],
        source=_say_source(data),
        footer=say_origin(environment),
    )


def open_trials(folder: Path) -> dict[str, Results]:
    """Open the results folders of a lab, by the names of their studies."""
    return {name: _open(folder / name) for name in PROBLEMS if (folder / name / RUNS).exists()}


def _open(folder: Path) -> Results:
    """Open a results folder; a folder that has not changed gives the same trial.

    A lab that writes its page after each study therefore draws the charts of each study once.
    """
    tables = [folder / name for name in (RUNS, VERDICTS) if (folder / name).exists()]
    return _open_as_of(folder, tuple(table.stat().st_mtime_ns for table in tables))


@lru_cache(maxsize=len(PROBLEMS))
def _open_as_of(folder: Path, written: tuple[int, ...]) -> Results:
    return Results(folder)


def read_statements_judged(folder: Path, trials: Mapping[str, Results]) -> list[dict[str, Any]]:
    """Read the verdicts on the statements, if they are those of the runs that are there.

    An older lab has none, only those of claims.
    """
    rows = read_json(folder / CONCLUSIONS) if (folder / CONCLUSIONS).exists() else []
    rows = [row for row in rows if "claims" in row]
    verdicts = {name: trial.list_verdicts() for name, trial in trials.items()}
    claims = (claim for row in rows for claim in row["claims"] if claim["study"] in trials)
    fits = all(_is_verdict_of(claim, verdicts[claim["study"]]) for claim in claims)
    return rows if fits else []


def _is_verdict_of(claim: Mapping[str, Any], verdicts: Sequence[Mapping[str, Any]]) -> bool:
    """Say whether what a statement says of a claim is what the claim's study says."""
    if not 1 <= claim["number"] <= len(verdicts):
        return False
    verdict = verdicts[claim["number"] - 1]
    return all(claim[name] == verdict[name] for name in ("say", "verdict", "difference"))


@remember
def _build_problem(trial: Results, name: str, replayed: str) -> Section:
    reported, replay = read_reported(), json.loads(replayed)
    n_arms = trial.runs["arm"].n_unique()
    parts: list[Part] = []
    if name == LINE and replay:
        parts.append(build_replayed(trial, replay, reported["replayed"]))
    if name in (FASHION, MODELS):
        values = [row for row in reported["value"] if row["study"] == name]
        parts.append(build_reported(trial, values))
    if name == FEATURES:
        parts.append(build_race(trial))
    of_arms = [build_results(trial), *build_curves(trial), *build_models(trial), build_arms(trial)]
    parts += [build_data(trial), *(fold_part(part, n_arms) for part in of_arms)]
    link, heading, lead = PROBLEMS[name]
    counts = ", ".join(f"{number} {what}" for what, number in count_runs(trial))
    return Section(link, heading, lead, parts, f"The study “{trial.study.name}”: {counts}")


def _build_replay_note(replay: Sequence[Mapping[str, Any]]) -> list[Part]:
    said = (
        f"{count_matches(replay)} of {len(replay)} figures of the report match to every printed "
        "digit when they are replayed with its random draws: see Problem 1. `fairtrial replay` "
        "checks them again."
    )
    return [Part("Exact replay", [Text(said)])] if replay else []


def _summarise_lab(
    environment: Mapping[str, Any], trials: Sequence[Results], replay: Sequence[Mapping[str, Any]]
) -> list[tuple[str, str]]:
    """Return the facts in the header of the page: studies, arms, seeds, runs, time."""
    seeds = sorted({trial.runs["seed"].n_unique() for trial in trials})
    *first, last = map(str, seeds)
    listed = f"{', '.join(first)} and {last}" if first else last
    facts = [
        ("studies", str(len(trials))),
        ("arms", str(sum(trial.runs["arm"].n_unique() for trial in trials))),
        ("seed" if set(seeds) == {1} else "seeds", listed),
        ("runs", f"{sum(trial.runs.height for trial in trials):,}"),
    ]
    if replay:
        facts.append(("reported figures replayed", f"{count_matches(replay)} of {len(replay)}"))
    if "seconds" in environment:
        seconds = float(environment["seconds"])
        minutes, rest = divmod(round(seconds), 60)
        shown = f"{seconds:.0f} s" if seconds < 120 else f"{minutes} min {rest} s"
        facts.append(("time", shown))
    return facts


def _say_source(data: Mapping[str, Any]) -> str:
    if not data.get("name"):
        return ""
    source = f", {data['source']}" if data.get("source") else ""
    return f"Images: {DATA_NAMES.get(data['name'], data['name'])}{source}."
