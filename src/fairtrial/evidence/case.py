"""A claim with all that there is to say of it, before it is seen beside other claims."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from fairtrial.errors import FairtrialError, MachineError
from fairtrial.evidence.cause import Cause, find_cause
from fairtrial.evidence.optima import Optima
from fairtrial.evidence.pairs import NO_BOUNDS, WITHOUT, Bounds, Pairs, pair_runs
from fairtrial.evidence.statistics.crossing import NO_MARKS
from fairtrial.evidence.statistics.sampling import (
    ANYTIME,
    SIGN_FLIP,
    Sampling,
    find_sampling,
    is_joint,
)
from fairtrial.evidence.tuning import Tuned, tune
from fairtrial.evidence.verdict import Basis, Evidence, Tests, count_seeds_needed, weigh
from fairtrial.results.results import Results
from fairtrial.study import Arm
from fairtrial.study.claims import Claim, match_claim
from fairtrial.study.study import Study

METHODS = (SIGN_FLIP, ANYTIME)
# Squares of larger differences, and their sums, leave float64.
LARGEST = 1e150


@dataclass(frozen=True)
class Case:
    """A claim with all that there is to say of it.

    `sampling` decides how differences are tested; `evidence` is what they say alone; `cause` has no
    parts where there is a problem; `tuned` is the same claim with the best settings of each side,
    and `tuned_evidence` what its differences say alone; `is_own` says whether fairtrial trained the
    runs, so that it can add seeds.
    """

    claim: Claim
    pairs: Pairs
    sampling: Sampling
    evidence: Evidence
    cause: Cause
    tuned: Tuned | None = None
    tuned_evidence: Evidence | None = None
    is_own: bool = True

    @property
    def method(self) -> str:
        """How its differences are tested."""
        return self.sampling.method

    def weigh_part(self, values: np.ndarray, rows: np.ndarray | None = None) -> Basis:
        """Find the tests of a part of the difference, or of a sum of parts, by its own variance.

        The values (n,) are one for each seed; `rows` (n, N) are the same by test row. Where these
        are not known, the interval of the part is over the seeds alone, and says so.
        """
        is_whole = np.array_equal(values, self.pairs.differences)
        return self.evidence.basis if is_whole else self.sampling.find_basis(values, rows)

    def test(self, part: np.ndarray) -> Tests:
        """Make ready the tests of a part, (n,) or (n, N) by test row; see `weigh_part`."""
        by_row = part.reshape(len(part), -1)
        rows = by_row if by_row.shape[1] > 1 else None
        return self.weigh_part(by_row.mean(1), rows).tests


def weigh_pairs(
    differences: np.ndarray,
    margin: float,
    sampling: Sampling,
    pairs: pl.DataFrame,
    *,
    is_same: bool = False,
    bounds: Bounds = NO_BOUNDS,
) -> Evidence:
    """Weigh the differences of pairs of runs by how these were drawn.

    `pairs` has `better`, `than`, `seed`, and, where known, `better_value` and `than_value`; the
    other parameters are those of `weigh`, for each of its seeds in its order.
    """
    values = pairs.select(pl.col("^(better|than)_value$")).to_numpy()
    basis = sampling.find_basis(
        differences,
        sampling.subtract_rows(pairs),
        float(np.nanmax(np.abs(values), initial=0.0)),
        is_same=is_same,
    )
    seeds = tuple(pairs["seed"].unique(maintain_order=True))
    return weigh(differences, margin, basis, family=seeds, is_same=is_same, bounds=bounds)


def is_same_computation(pairs: Pairs, trial: Results) -> bool:
    """Say whether all differences are 0 because both sides are the same computation.

    That is so where the arms are equal but for their names, or all pairs of runs have ended with
    identical parameters. Equal metrics alone are no proof.
    """
    if np.any(pairs.table["difference"].to_numpy() != 0.0) or WITHOUT[0] in pairs.table.columns:
        return False  # Two effects of different arms may be equal by chance.
    if all(one.task == other.task and one.model == other.model for one, other in pairs.arms):
        return True
    return are_same_ends(pairs.table, trial)


def are_same_ends(pairs: pl.DataFrame, trial: Results) -> bool:
    """Say whether all pairs of runs have equal metrics and ended with identical parameters."""
    if np.any(pairs["better_value"].to_numpy() != pairs["than_value"].to_numpy()):
        return False
    named = [
        tuple(f"{row[side]} #{row['seed']}" for side in ("better", "than"))
        for row in pairs.select("better", "than", "seed").iter_rows(named=True)
    ]
    kept = trial.parameters.filter(pl.col("run").is_in({run for pair in named for run in pair}))
    ends: dict[str, list] = {}
    for run, *rest in kept.select("run", "parameter", "shape", "values").iter_rows():
        ends.setdefault(run, []).append(rest)
    return all(one in ends and ends[one] == ends.get(other) for one, other in named)


def weigh_claims(
    trial: Results,
    study: Study,
    method: str = SIGN_FLIP,
    note: Callable[[str], None] = lambda sentence: None,
) -> list[Case]:
    """Weigh every claim of the trial's study, maybe with other claims, on what its runs have left.

    Exact minimisers that the folder does not have yet are found, and kept there; `note` is called
    where it cannot be written. The method is `ANYTIME` where the number of seeds depends on what
    earlier ones showed.
    """
    optima, arms = Optima(trial.folder), study.list_arms()
    try:
        return [_weigh_claim(claim, trial, study, arms, optima, method) for claim in study.claims]
    finally:  # Also what was found before Ctrl-C.
        try:
            optima.write()
        except MachineError:
            note(f"The minimisers are not kept: {trial.folder} cannot be written.")


def _weigh_claim(
    claim: Claim, trial: Results, study: Study, arms: list[Arm], optima: Optima, method: str
) -> Case:
    pairs = refuse_overflow(pair_runs(claim, arms, trial.runs, study.list_seeds()))
    nothing = weigh(np.array([]), claim.margin)
    if pairs.problem:
        return Case(claim, pairs, Sampling(method), nothing, Cause({}), None)
    sampling = find_sampling(claim, pairs.arms, method, trial)
    evidence = weigh_pairs(
        pairs.differences, claim.margin, sampling, pairs.table,
        is_same=is_same_computation(pairs, trial), bounds=pairs.bounds,
    )  # fmt: skip
    changed = _find_changed_data(pairs, trial)
    marks = NO_MARKS if sampling.over_seeds else sampling.marks
    cause = find_cause(claim, pairs, optima, trial.averages, changed, marks)
    tuned = tune(claim, pairs, arms, trial.runs, by_earlier_seeds=method == ANYTIME)
    tuned_evidence = tuned and weigh_pairs(
        tuned.differences, claim.margin, sampling, tuned.pairs,
        is_same=are_same_ends(tuned.pairs, trial),
    )  # fmt: skip
    return Case(claim, pairs, sampling, evidence, cause, tuned, tuned_evidence)


def refuse_overflow(pairs: Pairs) -> Pairs:
    """Say that differences which are too large to be squared cannot be judged."""
    largest = pairs.table["difference"].abs().max()
    if pairs.problem or not isinstance(largest, float) or largest <= LARGEST:
        return pairs
    problem = (
        f"Cannot be judged: a difference of {largest:.0e} is too large to be computed with (at "
        f"most {LARGEST:.0e}). Leave out the settings that let runs grow so far, or claim on "
        "another metric."
    )
    return replace(pairs, problem=problem)


def count_seeds_for(study: Study) -> int:
    """Count the seeds with which the first claim of a study can be decided by plain runs."""
    arms = study.list_arms()
    matches = [(claim, match_claim(arms, claim)) for claim in study.claims]
    n_joint = sum(is_joint(claim, [one.arms for one in found]) for claim, found in matches)
    return count_seeds_needed(study.n_claims, n_joint)


def _find_changed_data(pairs: Pairs, trial: Results) -> str:
    """Say what keeps the rows of a claim's runs from being read again; "" if nothing does."""
    try:
        for arm in {arm.name: arm for pair in pairs.arms for arm in pair}.values():
            trial.refuse_changed_data(arm)
    except FairtrialError as error:
        return " ".join(str(error).split())  # An error of data may have several lines.
    return ""
