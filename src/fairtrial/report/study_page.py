"""The page of one study."""

from collections import defaultdict
from collections.abc import Sequence

from fairtrial.errors import InputError
from fairtrial.evidence.design import list_notices
from fairtrial.report.blocks import Part, Section, fold_part
from fairtrial.report.page import Document, say_origin
from fairtrial.report.sections.arms import build_arms
from fairtrial.report.sections.claims import build_claims, list_entries, list_headlines
from fairtrial.report.sections.models import build_data, build_models
from fairtrial.report.sections.reproducibility import build_reproducibility
from fairtrial.report.sections.training import build_curves, build_results
from fairtrial.results.results import Results
from fairtrial.study.arm import Arm

NOT_JUDGED = (
    "There are no valid verdicts for the claims of this study. To judge them, run this in the "
    "folder of the page: fairtrial judge ."
)

NOT_FINISHED = "The claims are judged when all runs are finished."


def make_study_page(trial: Results) -> Document:
    """Make the page of a study from its results folder."""
    is_finished = {run.name for run in trial.study.list_runs()} <= set(trial.runs["run"])
    entries, why = [], NOT_JUDGED if is_finished else NOT_FINISHED
    try:
        entries = list_entries(trial) if is_finished else []
    except InputError as error:  # The page says so, and shows all else.
        why = f"{NOT_JUDGED} {error}"
    n_arms = trial.runs["arm"].n_unique()
    sections = []
    if entries:
        lead = "The study states these claims, and its runs give the verdicts."
        if len(entries) == 1:
            lead = "The study states this claim, and its runs give the verdict."
        sections.append(build_claims(entries, heading="Claims", lead=lead))
    elif trial.study.claims:
        sections.append(Section("claims", "Claims", why))

    def fold(name: str, lead: str, parts: Sequence[Part]) -> Section:
        return Section(name.lower(), name, lead, [fold_part(part, n_arms) for part in parts])

    about_results = "Every arm by the metrics that all arms share, and the outcome of every run."
    about_training = (
        "Loss and metrics during training. All arms of a seed use the same random draws."
    )
    sections += [
        fold("Results", about_results, [build_results(trial), build_arms(trial)]),
        Section("data", "Data", "The rows that the runs train on.", [build_data(trial)]),
        fold("Training", about_training, build_curves(trial)),
    ]
    if models := build_models(trial):
        sections.append(fold("Models", "The models after training.", models))
    sections.append(build_reproducibility(trial.environment, [trial]))
    return Document(
        title=f"{trial.study.name} - fairtrial",
        heading=trial.study.name,
        lead=describe_study(trial),
        facts=count_runs(trial),
        sections=sections,
        headlines=list_headlines(entries),
        notices=[*say_one_seed([trial]), *(("Claims", text) for text in list_notices(trial))],
        footer=say_origin(trial.environment),
    )


def count_runs(trial: Results) -> list[tuple[str, str]]:
    """Count the arms, seeds and runs."""
    runs = trial.runs
    counts = {"arm": runs["arm"].n_unique(), "seed": runs["seed"].n_unique(), "run": runs.height}
    return [(name if n == 1 else f"{name}s", f"{n:,}") for name, n in counts.items()]


def _find_value(arm: Arm, name: str) -> list[str]:
    """Find the value of a setting, of a table its kind; nothing where a baseline has no recipe."""
    for one in (name, f"{name}.kind"):
        if one in arm.settings:
            return [str(arm.settings[one])]
    inner = {one: value for one, value in arm.settings.items() if one.startswith(f"{name}.")}
    return [str(inner)] if inner or arm.is_trained else []


def describe_study(trial: Results) -> str:
    """Say what the study varies and on which task."""
    values: defaultdict[str, set[str]] = defaultdict(set)
    arms = trial.arms.values()
    for arm in arms:
        for name in arm.picked.union(arm.varied):
            values[name].update(_find_value(arm, name))
    counts = [f"{name} ({len(found)})" for name, found in values.items() if len(found) > 1]
    kinds = ", ".join(dict.fromkeys(arm.task.kind.replace("_", " ") for arm in arms))
    varied = f"Varied: {', '.join(sorted(counts))}. " if counts else ""
    shared = "All else is equal: the arms of a seed share data, start and batches."
    trained = [arm for arm in arms if arm.is_trained]
    if len(trained) < len(arms) and any(arm.recipe.validation for arm in trained):
        shared += " Baselines are fitted on the validation rows too."
    return f"{varied}Task: {kinds}. {shared}"


def say_one_seed(trials: Sequence[Results]) -> list[tuple[str, str]]:
    """Return the notice for trials with one seed: its title and its text; none for others."""
    single = [trial.study.name for trial in trials if trial.runs["seed"].n_unique() == 1]
    if not single:
        return []
    of_what = "" if len(single) == len(trials) else f" ({', '.join(single)})"
    text = (
        "The values come from one draw of data, start and batches. They do not show whether other "
        "seeds agree, so there are no intervals over seeds and every claim stays undecided. For "
        "verdicts, run more seeds."
    )
    return [(f"One seed{of_what}", text)]
