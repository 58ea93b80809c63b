"""The lab: the shipped studies and the replay, one after another, to one report that grows."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from fairtrial.data.images.sets import load_images_once
from fairtrial.errors import InputError, MachineError
from fairtrial.evidence.accuracy import measure_accuracies
from fairtrial.evidence.case import count_seeds_for
from fairtrial.evidence.judge import judge
from fairtrial.files import write_file, write_json
from fairtrial.lab.replay import SHIPPED, ReplayFile, replay
from fairtrial.lab.report import write_page
from fairtrial.lab.shipped import CONCLUSIONS, REPLAY, read_json
from fairtrial.lab.statements import judge_statements
from fairtrial.progress import Phases, Progress, show_duration
from fairtrial.report.growing import stop_refresh
from fairtrial.results.fingerprint import fingerprint_runs
from fairtrial.results.results import Results
from fairtrial.results.saved_stacks import copy_parts
from fairtrial.results.store import CURVES, ENVIRONMENT, RUNS
from fairtrial.running.execute import Note, Setup, declare_study, describe_environment, plan_missing
from fairtrial.running.place import check_place
from fairtrial.running.verify import count_unlike_repeats
from fairtrial.study import Run, Study

ON_LARGE_IMAGES = ("challenge", "features")
"""Their settings do not suit scikit-learn's digits."""
VERIFIED = ("line", "fashion")
"""One study of each problem: the others are trained by the same programs."""
CHALLENGE = 0.9
"""The test accuracy that the lab report set as its challenge."""
REPLAY_PHASE = "replay"
# Seconds on two cores of an AMD EPYC: of a verified lane, of a claim, of the replay, and of the
# page, by itself and for each arm.
VERIFY, VERDICT, REPLAY_SECONDS, PAGE, PAGE_OF_ARM = 3.0, 0.1, 10.0, 1.0, 0.07


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


def prepare_lab(studies: dict[str, Study]) -> Lab:
    """Find the images; where Fashion-MNIST cannot be had, scikit-learn's digits stand in."""
    fallback = None
    try:
        paths = (getattr(study.task, "path", None) for study in studies.values())
        images = load_images_once("fashion_mnist", next(filter(None, paths), None))
    except MachineError as error:
        images = load_images_once("digits", None)
        fallback = f"scikit-learn's digits stand in for Fashion-MNIST, which cannot be had. {error}"
        studies = {
            name: study
            if name == "line"
            else study.replace(task="digits", name=study.name.replace("Fashion-MNIST", "digits"))
            for name, study in studies.items()
            if name not in ON_LARGE_IMAGES
        }
    data = {
        "name": "digits" if fallback else "fashion_mnist",
        "source": images.source,
        "fingerprint": images.fingerprint,
        "fallback": fallback,
    }
    return Lab(studies, data)


def note_undecidable(lab: Lab, note: Note) -> None:
    """Say in one sentence which studies have too few seeds to decide their claims."""
    short = [
        f"{name} has {len(study.list_seeds())} and needs {needed}"
        for name, study in lab.studies.items()
        if study.claims and len(study.list_seeds()) < (needed := count_seeds_for(study))
    ]
    if short:
        note(f"Note: too few seeds to tell better from worse: {'; '.join(short)}.")


def run_lab(
    lab: Lab,
    folder: Path,
    progress: Progress,
    note: Note,
    n_verified: int = 1,
    memory: int | None = None,
) -> Path:
    """Run the lab's studies, the replay and the checks; write the page after each of them.

    Parameters
    ----------
    lab : Lab
        What to do.
    folder : Path
        Gets a results folder for each study with its verdicts, `replay.json`, `conclusions.json`,
        `environment.json`, `report.html`, and the studies' tables joined.
    progress : callable
        Called with the progress of the lab.
    note : callable
        Called with sentences that the user should know.
    n_verified : int
        How many lanes of either problem are trained again with the eager driver.
    memory : int, optional
        What all stacks that train at once may take, in bytes; half of what is free if absent.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    InputError
        If the folder holds files that fairtrial did not write.
    MachineError
        If the folder cannot be written.
    DeviationError
        If a verified lane differs from the eager driver.
    """
    check_place(folder, tuple(lab.studies))
    for name, study in lab.studies.items():  # Before any of them runs.
        declare_study(study, folder / name, note)
    phases = Phases(progress, estimate_phases(lab, folder, note, n_verified, memory))
    try:
        page = _run_studies(lab, folder, phases, note, n_verified, memory)
    finally:  # Also after Ctrl-C, which leaves the page as it is.
        stop_refresh(folder)
    join_tables(folder, list(lab.studies))
    return page


def _run_studies(
    lab: Lab, folder: Path, phases: Phases, note: Note, n_verified: int, memory: int | None
) -> Path:
    began, checks, page = time.monotonic(), dict[str, Any](), folder
    earlier = read_earlier_seconds(folder)
    environment = describe_environment() | {"data": lab.data}
    verdicts: dict[str, list[dict[str, Any]]] = {}
    for name, study in lab.studies.items():
        progress = phases.begin(name)
        # Studies have runs in common, such as those of Table 3, which train once.
        wanted = fingerprint_runs(study.list_runs())
        for other in verdicts:
            copy_parts(folder / other, folder / name, wanted, note)
        setup = Setup(n_verified if name in VERIFIED else 0, memory, progress, note)
        trial = setup.run_missing(study, folder / name)
        phases.begin(name_verdicts(name))
        verdicts[name] = judge(folder / name) if study.claims else []
        if name == "line":
            comparisons = replay(ReplayFile.load(SHIPPED), phases.begin(REPLAY_PHASE))
            write_json(folder / REPLAY, comparisons)
            checks["repeats"] = _check_repeats(study)
        if name == "challenge":
            checks["challenge"] = check_challenge(trial)
        write_json(folder / CONCLUSIONS, judge_statements(verdicts, checks))
        environment["verification"] = _join_verifications(folder, list(verdicts))
        environment["seconds"] = round(earlier + time.monotonic() - began, 1)
        write_json(folder / ENVIRONMENT, environment)
        phases.begin(name_page(name))
        page = write_page(folder, _list_pending(lab, phases, name, began))
    return page


def read_earlier_seconds(folder: Path) -> float:
    """Return how long earlier calls worked on a folder: runs of theirs are not trained again."""
    try:
        return float(read_json(folder / ENVIRONMENT)["seconds"])
    except (InputError, KeyError, TypeError, ValueError):
        return 0.0


def name_verdicts(study: str) -> str:
    """Name the phase in which the claims of a study are judged."""
    return f"{study}: verdicts"


def name_page(study: str) -> str:
    """Name the phase in which the page is written after a study."""
    return f"{study}: page"


def estimate_phases(
    lab: Lab, folder: Path, note: Note, n_verified: int, memory: int | None
) -> dict[str, float]:  # fmt: skip
    """Estimate the seconds of each phase of the lab, by what the folder lacks."""
    seconds: dict[str, float] = {}
    known: set[str] = set()
    for name, study in lab.studies.items():
        plans = plan_missing(study, folder / name, note, memory, known)
        seconds[name] = sum(plan.seconds for plan in plans)
        if name in VERIFIED:
            seconds[name] += n_verified * VERIFY
        known |= {*fingerprint_runs(study.list_runs())}
        seconds[name_verdicts(name)] = len(study.claims) * VERDICT
        if name == "line":
            seconds[REPLAY_PHASE] = REPLAY_SECONDS
        seconds[name_page(name)] = PAGE + PAGE_OF_ARM * len(study.list_arms())
    return seconds


def _list_pending(
    lab: Lab, phases: Phases, done: str, began: float
) -> list[tuple[str, str]]:  # fmt: skip
    """List the studies that are still to come, each with the time that it should take."""
    rest, pace = phases.list_rest(name_page(done)), phases.measure_pace(time.monotonic() - began)
    names = list(lab.studies)
    return [
        (lab.studies[name].name, f"about {show_duration(pace * _add_up(rest, name))}")
        for name in names[names.index(done) + 1 :]
    ]


def _add_up(seconds: Mapping[str, float], study: str) -> float:
    return sum(seconds[name] for name in (study, name_verdicts(study), name_page(study)))


def _join_verifications(folder: Path, names: Sequence[str]) -> dict[str, Any]:
    """Join what the studies' folders say of the lanes that were verified."""
    found = [Results(folder / name).environment["verification"] for name in names]
    return {
        "largest_deviation": max(one["largest_deviation"] for one in found),
        "lanes": [lane for one in found for lane in one["lanes"]],
    }


# ------------------------------------------------------------------- statements that are no claims


def _check_repeats(study: Study) -> dict[str, Any]:
    """Check that a run with a fixed seed can be had again exactly: a verdict and a note."""
    arms = study.list_arms()
    runs = [Run(arm, study.list_seeds()[0]) for arm in arms if arm.entry == arms[0].entry]
    n_unlike = count_unlike_repeats(runs)
    return {
        "verdict": "reversed" if n_unlike else "holds",
        "note": f"{len(runs)} runs trained twice: {len(runs) - n_unlike} the same to the last bit.",
    }


def check_challenge(trial: Results) -> dict[str, Any]:
    """Check that logistic regression stays below an accuracy of 90 %, on features of its choice.

    Returns
    -------
    dict
        `verdict` of the statement that it does, `note` and `why`.
    """
    best = measure_accuracies(trial).row(0, named=True)
    shown = f"{best['accuracy']:.4f} [{best['low']:.4f}, {best['high']:.4f}]"
    seeds = "1 seed" if best["seeds"] == 1 else f"{best['seeds']} seeds"
    above, below = best["low"] > CHALLENGE, best["high"] < CHALLENGE
    return {
        "verdict": "reversed" if above else "holds" if below else "undecided",
        "note": f"Softmax regression on the features of {best['arm']!r} has a test accuracy of "
        f"{shown} ({seeds}; 95 % interval over {best['over']}), against {CHALLENGE:g}.",
        "why": shown,
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
