"""The lab: the shipped studies and the replay, end to end, to one report."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import polars as pl

from fairtrial.data.load import load_images_once
from fairtrial.errors import MachineError
from fairtrial.evidence.case import SIGN_FLIP
from fairtrial.evidence.judge import find_undecidable, judge
from fairtrial.report.report import write_page
from fairtrial.study import Run, Study
from fairtrial.trial.environment import describe_environment
from fairtrial.trial.execute import Note, run_study
from fairtrial.trial.files import write_file, write_json
from fairtrial.trial.progress import Report, Status
from fairtrial.trial.replay import SHIPPED, ReplayFile, replay
from fairtrial.trial.store import CURVES, ENVIRONMENT, RUNS
from fairtrial.trial.trial import Trial
from fairtrial.trial.verify import count_unlike_repeats, refuse_deviation, verify_runs

STUDIES = ("line", "fashion", "features")
CONCLUSIONS = "conclusions.json"


@dataclass(frozen=True)
class Lab:
    """What the lab will do.

    Attributes
    ----------
    studies : dict of str to Study
        By the name of their results folders.
    data : dict
        Where the images were found, for `environment.json`; `fallback` says why digits stand in.
    """

    studies: dict[str, Study]
    data: dict[str, Any]


def open_shipped(name: str) -> Path:
    """Return the path of a shipped study or replay file."""
    return Path(str(resources.files("fairtrial") / "labs" / f"{name}.toml"))


def prepare_lab(seeds: int | None = None) -> Lab:
    """Load the shipped studies, and see which images can be had.

    Parameters
    ----------
    seeds : int, optional
        How many seeds, instead of what the studies say.
    """
    studies = {name: Study.load(open_shipped(name)) for name in STUDIES}
    fallback = None
    try:
        images = load_images_once("fashion_mnist")
    except MachineError as error:
        images = load_images_once("digits")
        fallback = f"scikit-learn's digits stand in for Fashion-MNIST, which cannot be had. {error}"
        studies["fashion"] = studies["fashion"].replace(
            task="digits", name="Softmax regression on digits: three optimizers"
        )
        del studies["features"]  # Its settings are for larger images.
    if seeds is not None:
        studies = {name: study.take_seeds(seeds) for name, study in studies.items()}
    data = {
        "name": images.name,
        "source": images.source,
        "fingerprint": images.fingerprint,
        "fallback": fallback,
    }
    return Lab(studies, data)


def run_lab(
    lab: Lab,
    folder: Path,
    report: Report,
    note: Note,
    n_verified: int = 3,
    memory: int | None = None,
) -> Path:
    """Train the lab's studies, verify some lanes, replay the report's numbers, write the page.

    Parameters
    ----------
    lab : Lab
        What to do.
    folder : Path
        Gets `replay.json`, a results folder for each study with its verdicts, their tables joined,
        `conclusions.json`, `environment.json` and `report.html`.
    report : callable
        Told how far the lab is.
    note : callable
        Told, in sentences, what the user should know.
    n_verified : int
        How many lanes are trained again with the eager driver.
    memory : int, optional
        What all stacks that train at once may take, in bytes; half of what is free if absent.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    MachineError
        If the folder cannot be written.
    DeviationError
        If a verified lane differs from the eager driver.
    """
    environment, began = describe_environment() | {"data": lab.data}, time.perf_counter()
    for name, study in lab.studies.items():
        if undecidable := find_undecidable(study):
            note(f"Note: {undecidable}")
        run_study(study, folder / name, report, note, memory)
        report(Status(f"{name}: claims", 1.0))
        judge(folder / name, method=SIGN_FLIP)
    runs = [run for study in lab.studies.values() for run in study.list_runs()]
    environment["verification"] = verify_runs(
        runs,
        n_verified,
        lambda done, of, run: report(Status(f"verify: {run}", done / of, 1, done, of)),
    )
    comparisons = replay(
        ReplayFile.load(SHIPPED),
        lambda done, of, label: report(Status(f"replay: {label}", done / of, 1, done, of)),
    )
    write_json(folder / "replay.json", comparisons)
    write_json(folder / CONCLUSIONS, list_conclusions(lab, folder))
    join_tables(folder, list(lab.studies))
    seconds = round(time.perf_counter() - began, 1)
    write_json(folder / ENVIRONMENT, environment | {"seconds": seconds})
    refuse_deviation(environment["verification"])
    report(Status("report page", 1.0))
    return write_page(folder)


def list_conclusions(lab: Lab, folder: Path) -> list[dict[str, Any]]:
    """List what the report concluded, and what has become of it.

    Returns
    -------
    list of dict
        In the report's order: `number`, `study`, and what `verdicts.json` has of the claim; of a
        check, `say`, `verdict` (`holds` or `reversed`) and `note` alone.
    """
    rows = [
        {"number": int(verdict["say"].partition(".")[0]), "study": name, **verdict}
        for name in lab.studies
        for verdict in Trial(folder / name).verdicts
    ]
    return sorted([*rows, check_repeats(lab.studies["line"])], key=lambda row: row["number"])


def read_conclusions(folder: Path) -> list[dict[str, Any]]:
    """Read what `run_lab` has left of the report's conclusions, as of `list_conclusions`."""
    return json.loads((folder / CONCLUSIONS).read_text(encoding="utf-8"))


def check_repeats(study: Study) -> dict[str, Any]:
    """Check the 11th conclusion, that a run with a fixed seed can be had again exactly."""
    arms = study.list_arms()
    runs = [Run(arm, study.list_seeds()[0]) for arm in arms if arm.entry == arms[0].entry]
    n_unlike = count_unlike_repeats(runs)
    return {
        "number": 11,
        "study": "line",
        "say": "11. With a fixed seed, every run gives exactly the same result",
        "verdict": "reversed" if n_unlike else "holds",
        "note": f"{len(runs)} runs trained twice: {len(runs) - n_unlike} the same to the last bit.",
    }


def join_tables(folder: Path, names: list[str]) -> None:
    """Join the studies' `runs.parquet` and `curves.parquet`, with the study's name in front."""
    for table in (RUNS, CURVES):
        frames = [
            pl.read_parquet(folder / name / table, glob=False).select(
                pl.lit(name).alias("study"), pl.all()
            )
            for name in names
        ]
        write_file(folder / table, pl.concat(frames, how="diagonal_relaxed").write_parquet)
