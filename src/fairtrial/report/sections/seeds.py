"""The notice on studies with one seed."""

from __future__ import annotations

from collections.abc import Sequence

from fairtrial.results.results import Results


def count_seeds(trial: Results) -> int:
    """Count the seeds that the runs of a trial have."""
    return trial.runs["seed"].n_unique()


def say_one_seed(trials: Sequence[Results]) -> list[tuple[str, str]]:
    """Return the notice for trials with one seed: its title and its text; none for others."""
    single = [trial.study.name for trial in trials if count_seeds(trial) == 1]
    if not single:
        return []
    of_what = "" if len(single) == len(trials) else f" ({', '.join(single)})"
    text = (
        "The values come from one draw of data, start and batches. They do not show whether other "
        "seeds agree, so there are no intervals over seeds and every claim stays undecided. For "
        "verdicts, run more seeds."
    )
    return [(f"One seed{of_what}", text)]
