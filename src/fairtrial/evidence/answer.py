"""Train a study and answer its claims: every way to do so, in one place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fairtrial.evidence.counterfactual import run_counterfactuals
from fairtrial.evidence.judge import ANYTIME, SIGN_FLIP, find_undecidable, judge_folder
from fairtrial.evidence.until_decided import run_until_decided
from fairtrial.study import Study
from fairtrial.trial.trial import run


@dataclass(frozen=True)
class Wishes:
    """How a study's claims should be answered.

    Attributes
    ----------
    until_decided : bool
        Whether undecided claims get further seeds.
    max_seeds : int
        How many an arm may have then.
    counterfactual : bool
        Whether arms are trained on where the cause of a difference is their budget.
    """

    until_decided: bool = False
    max_seeds: int = 100
    counterfactual: bool = False


def answer(study: Study, folder: Path, wishes: Wishes, **options: Any) -> list[dict[str, Any]]:
    """Train a study and judge its claims.

    Parameters
    ----------
    study : Study
        What to train; it may state no claims.
    folder : Path
        The results folder.
    wishes : Wishes
        How the claims should be answered.
    options : Any
        As of `run`.

    Returns
    -------
    list of dict
        What `verdicts.json` holds; empty where nothing is claimed.

    Raises
    ------
    FairtrialError
        As of `run`, `run_until_decided` and `run_counterfactuals`.
    """
    if wishes.until_decided:
        verdicts = run_until_decided(study, folder, wishes.max_seeds, **options)
    else:
        run(study, folder, **options)
        verdicts = judge_folder(folder, method=SIGN_FLIP) if study.claims else []
    if wishes.counterfactual and verdicts:
        verdicts = run_counterfactuals(folder, **options)
    return verdicts


def warn_undecidable(study: Study, wishes: Wishes) -> str:
    """Say, before a study runs, which of its claims cannot be decided; "" if they all can."""
    if wishes.until_decided:
        return find_undecidable(study, ANYTIME, wishes.max_seeds)
    return find_undecidable(study)
