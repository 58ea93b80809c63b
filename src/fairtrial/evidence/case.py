"""A claim with all that there is to say of it, before it is seen beside other claims."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from fairtrial.errors import MachineError
from fairtrial.evidence.anytime import WidenedBets, place_bets
from fairtrial.evidence.cause import Cause, find_cause
from fairtrial.evidence.crossing import share_rows
from fairtrial.evidence.optima import Optima
from fairtrial.evidence.pairs import Pairs, pair_runs
from fairtrial.evidence.sign_flip import list_subset_means
from fairtrial.evidence.tuning import Tuned, tune
from fairtrial.evidence.verdict import Evidence, Tests, weigh
from fairtrial.study.claims import Claim
from fairtrial.study.study import Study
from fairtrial.trial.trial import Trial

SIGN_FLIP, ANYTIME = "sign-flip test", "anytime-valid bets"
METHODS = (SIGN_FLIP, ANYTIME)


@dataclass(frozen=True)
class Case:
    """A claim with all that there is to say of it.

    Attributes
    ----------
    claim : Claim
        What is claimed.
    pairs : Pairs
        Its matched runs.
    method : str
        Of `METHODS`: how its differences are tested.
    shared_variance : float or None
        What the rows that all seeds share add to the variance of the mean difference; None where
        the verdict is over seeds alone.
    evidence : Evidence
        What its differences say, alone.
    cause : Cause
        The parts of its differences; without any where there is a problem.
    tuned : Tuned or None
        Its differences where each side has its best settings.
    """

    claim: Claim
    pairs: Pairs
    method: str
    shared_variance: float | None
    evidence: Evidence
    cause: Cause
    tuned: Tuned | None

    def test(self, differences: np.ndarray) -> Tests:
        """Make ready the tests of differences that are about the claim, or a part of them."""
        if not np.any(differences):
            return list_subset_means(differences)  # No rows would change what is exactly 0.
        if self.method == SIGN_FLIP:
            return list_subset_means(differences, self.shared_variance or 0.0)
        bets = place_bets(differences)
        shared = self.shared_variance
        return WidenedBets(bets, shared**0.5) if shared else bets

    def weigh(self, differences: np.ndarray) -> Evidence:
        """Weigh differences that are about the claim."""
        return weigh(differences, self.claim.margin, self.test(differences))


def weigh_claims(
    trial: Trial,
    study: Study,
    method: str = SIGN_FLIP,
    note: Callable[[str], None] = lambda sentence: None,
) -> list[Case]:
    """Weigh every claim of a study on what its runs have left.

    Parameters
    ----------
    trial : Trial
        A results folder. Exact minimisers that it does not have yet are found, and kept there.
    study : Study
        The trial's, maybe with other claims.
    method : str
        `SIGN_FLIP`, or `ANYTIME` where the number of seeds depends on what earlier ones showed.
    note : callable
        Told, in a sentence, where the folder cannot be written.

    Returns
    -------
    list of Case
        One a claim.
    """
    optima = Optima(trial.folder)
    try:
        return [_weigh_claim(claim, trial, study, optima, method) for claim in study.claims]
    finally:  # Also what was found before Ctrl-C.
        try:
            optima.write()
        except MachineError:
            note(f"The minimisers are not kept: {trial.folder} cannot be written.")


def _weigh_claim(claim: Claim, trial: Trial, study: Study, optima: Optima, method: str) -> Case:
    arms = study.list_arms()
    pairs = pair_runs(claim, arms, trial.runs, study.list_seeds())
    nothing = weigh(np.array([]), claim.margin)
    if pairs.problem:
        return Case(claim, pairs, method, None, nothing, Cause({}), None)
    shared = share_rows(claim, pairs, trial)
    cause = find_cause(claim, pairs, optima, trial.averages)
    tuned = tune(claim, pairs, arms, trial.runs, by_earlier_seeds=method == ANYTIME)
    case = Case(claim, pairs, method, shared, nothing, cause, tuned)
    return replace(case, evidence=case.weigh(pairs.differences))
