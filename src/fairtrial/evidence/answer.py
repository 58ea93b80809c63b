"""Train a study and answer its claims: every way to do so, in one place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fairtrial.evidence.counterfactual import run_counterfactuals
from fairtrial.evidence.judge import find_marginless, find_undecidable, judge
from fairtrial.evidence.sampling import ANYTIME, SIGN_FLIP
from fairtrial.evidence.until_decided import run_until_decided
from fairtrial.study import Study
from fairtrial.trial.trial import run


def answer(
    study: Study,
    out: str | Path,
    *,
    until_decided: bool = False,
    max_seeds: int = 100,
    counterfactual: bool = False,
    **options: Any,
) -> list[dict[str, Any]]:
    """Train a study and judge its claims.

    Parameters
    ----------
    study : Study
        What to train; it may state no claims.
    out : str or Path
        The results folder; what earlier calls have left there is reused.
    until_decided : bool
        Whether undecided claims get further seeds. They are judged by tests that allow it.
    max_seeds : int
        How many seeds an arm may have then.
    counterfactual : bool
        Whether arms are trained on where most of a difference is unfinished training.
    options : Any
        As of `run`.

    Returns
    -------
    list of dict
        What `verdicts.json` holds; empty where nothing is claimed.

    Raises
    ------
    InputError
        If the study breaks a rule, or is to be trained until decided and claims nothing.
    FairtrialError
        As of `run`.
    """
    folder = Path(out)
    looks = (ANYTIME, max_seeds) if until_decided else (SIGN_FLIP, None)
    if "note" in options and isinstance(study, Study):
        for warning in filter(None, (find_undecidable(study, *looks), find_marginless(study))):
            options["note"](f"Note: {warning}")
    if until_decided:
        verdicts = run_until_decided(study, folder, max_seeds, **options)
    else:
        run(study, folder, **options)
        verdicts = judge(folder) if study.claims else []
    if counterfactual and verdicts:
        verdicts = run_counterfactuals(folder, **options)
    return verdicts
