"""Why two sides differ: the exact split of a difference into three parts.

With A the parameters that a run ends with, Ā the mean of its last iterates (`training.trace`),
and A* the exact minimiser of its objective on its training rows, seed by seed:

    m(A) - m(B) = [m(A*) - m(B*)]                                   the objective
                + {[m(Ā) - m(A*)] - [m(B̄) - m(B*)]}                 unfinished training
                + {[m(A) - m(Ā)] - [m(B) - m(B̄)]}                   the noise floor

More steps take away what is unfinished. They do not take away the noise floor: at a constant
learning rate the last iterate moves about its mean.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import EllipsisType

import numpy as np
import polars as pl

from fairtrial.data.load import measure_data
from fairtrial.errors import FairtrialError
from fairtrial.evidence.optima import NOT_UNIQUE, Minimum, Optima, Reach, find_reach
from fairtrial.evidence.pairs import SIDES, Pairs
from fairtrial.evidence.statistics.crossing import NO_MARKS, Marks, index_marks, subtract_rows
from fairtrial.kinds.metrics.numbers import take_metric
from fairtrial.results.scoring import keep_objective
from fairtrial.study.arm import Arm, Run
from fairtrial.study.claims import Claim

Seeds = EllipsisType | np.ndarray
# Changes of the metric up to this share of the difference, or of the margin, count as none.
NEAR = 0.01
STAGES = ("objective", "unfinished", "noise_floor")
"""What lies before the minima, from there to the means, and from there to the ends."""


class Lack(StrEnum):
    """What is missing where a difference is not split into all three parts."""

    METRIC = "metric"  # A metric of the training, not of its end.
    RECIPE = "recipe"  # A baseline has none.
    EFFECT = "effect"  # Two effects are compared, not two arms.
    END = "end"  # A run diverged.
    DATA = "data"  # The minimum needs it.
    MINIMUM = "minimum"
    AVERAGE = "average"  # The mean of the last iterates.
    CALM = "calm"  # Injected noise moves the run for as long as it trains.


@dataclass(frozen=True)
class Cause:
    """A difference as a sum of parts, seed by seed.

    Of n seeds that are split, and N test rows.
    """

    # By names of `PARTS`, (n,) each: one value for each seed, positive where it favours `better`.
    # Their sum is the difference. Empty where it cannot be split.
    parts: dict[str, np.ndarray]
    lacks: tuple[Lack, ...] = ()  # What keeps it from being split into all three
    reasons: tuple[str, ...] = ()  # The same in sentences
    # What makes the two sides' objectives differ, such as "the loss"; "" where both have the same
    # objective on the same rows
    objective: str = ""
    reach: Reach | None = None  # Where a parameter could not get to its minimum
    # By how much the metric of each side differs from that of its minimum, on average; None where
    # no minimum was looked for
    gaps: tuple[float, float] | None = None
    # The parts by test row, (n, N), where that is known and rows count as a sample. A part that is
    # 0 whatever the rows are has none.
    rows: dict[str, np.ndarray] = field(default_factory=dict, repr=False)
    # Which of the claim's seeds are split: an index, all unless some have no known minimum
    seeds: Seeds = ...

    @property
    def is_unfinished(self) -> bool:
        """Whether the part that more steps may take away is the largest on average."""
        largest = max(self.parts, key=lambda name: abs(self.parts[name].mean()), default="")
        return largest in ("unfinished", "unfinished_and_noise_floor")

    @property
    def details(self) -> dict[str, np.ndarray]:
        """The parts by test row, (n, N), if that is known of all that are not 0; else (n,)."""
        if not all(name in self.rows or not part.any() for name, part in self.parts.items()):
            return self.parts
        return {name: self.rows.get(name, part[:, None]) for name, part in self.parts.items()}


def find_cause(
    claim: Claim,
    pairs: Pairs,
    optima: Optima,
    averages: pl.DataFrame,
    changed: str = "",
    marks: Marks = NO_MARKS,
) -> Cause:
    """Split a claim's difference into its parts: all three where minimisers and means are known.

    Two that cannot be distinguished are one part. Seeds without a known minimum are left out, if
    they are at most half of the seeds. `averages` is `averages.parquet`. `changed` says
    what keeps the runs' data from being read again, as a sentence; "" if nothing does. `marks` say
    which test rows each run has right, if rows count as a sample; else they are empty.
    """
    if obstacle := _find_obstacle(claim, pairs):
        return obstacle
    minima = _compare_minima(claim, pairs, optima, changed)
    means = _compare_averages(claim, pairs, averages, has_rows=bool(marks))
    ends = _Compared(pairs.differences, rows=subtract_rows(pairs.table, marks) if marks else None)
    parts, rows = _subtract_points([minima, means.take(minima.seeds), ends.take(minima.seeds)])
    if all(arm.recipe.average.is_last_mean for pair in pairs.arms for arm in pair):
        rows.pop("noise_floor", None)  # The runs end with their means.
    lacking = [side for side in (minima, means) if side.lack is not None]
    return Cause(
        parts,
        tuple(side.lack for side in lacking if side.lack),
        tuple(side.reason for side in (minima, means) if side.reason),
        "" if all(_is_same_objective(*pair) for pair in pairs.arms) else _name_objective(pairs),
        minima.reach,
        _measure_gaps(pairs, minima),
        rows if marks else {},
        minima.seeds,
    )


def _subtract_points(
    points: "Sequence[_Compared]",
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Subtract each known difference from the next; parts by name, and by name and test row."""
    parts, rows, names = {}, {}, []
    before: np.ndarray | float = 0.0
    rows_before: np.ndarray | None = np.zeros((1, 1))
    for name, point in zip(STAGES, points, strict=True):
        names.append(name)
        if point.difference is None:
            continue
        part = "_and_".join(names)
        parts[part] = point.difference - before
        if point.rows is not None and rows_before is not None:
            rows[part] = point.rows - rows_before
        before, rows_before, names = point.difference, point.rows, []
    if len(parts) == 1:
        return {}, {}
    return parts, {part: known for part, known in rows.items() if known.shape[1] > 1}


def _measure_gaps(pairs: Pairs, minima: "_Compared") -> tuple[float, float] | None:
    if minima.sides is None:
        return None
    better, than = (
        float(np.mean(np.abs(pairs.by_seed[f"{side}_value"].to_numpy()[minima.seeds] - ends)))
        for side, ends in zip(SIDES, minima.sides, strict=True)
    )
    return better, than


def _find_obstacle(claim: Claim, pairs: Pairs) -> Cause | None:
    """Find why a claim has no parts at all, before any minimum is looked for."""
    if claim.effect is not None:
        lack = Lack.EFFECT
        reason = "A claim on effects compares four arms: each of its two effects has a cause."
    elif not take_metric(claim.on).of_the_end:
        lack = Lack.METRIC
        reason = f"{claim.on} is about the training, not about its end, so it has no parts."
    elif not all(arm.is_trained for pair in pairs.arms for arm in pair):
        lack = Lack.RECIPE
        reason = "scikit-learn fits the baseline, so no part of the difference is unfinished."
    elif n := pairs.n_diverged:
        lack = Lack.END
        reason = (
            f"A run diverged in {n} of {pairs.table.height} pairs, so there is no end to compare."
        )
    else:
        return None
    return Cause({}, (lack,), (reason,))


# ------------------------------------------------------------------- differences at other points


@dataclass(frozen=True)
class _Compared:
    """The difference of the two sides at other parameters than those that the runs end with.

    `difference` (n,) is positive where it favours `better`; where it is not known, `lack` says why.
    `reason` is that, or why it is known for some `seeds` only, as a sentence. `reach` is the
    shortest, where one is known. `sides` has the metric (n,) of each side there. `rows` (n, N) is
    the difference by test row, where that is known; one column of 0 where both sides are the same
    point.
    """

    difference: np.ndarray | None
    lack: Lack | None = None
    reason: str = ""
    reach: Reach | None = None
    sides: tuple[np.ndarray, np.ndarray] | None = None
    rows: np.ndarray | None = None
    seeds: Seeds = ...

    def take(self, seeds: Seeds) -> "_Compared":
        """Take the difference of some of the seeds."""
        difference = None if self.difference is None else self.difference[seeds]
        return replace(
            self, difference=difference, rows=None if self.rows is None else self.rows[seeds]
        )


def _compare_minima(claim: Claim, pairs: Pairs, optima: Optima, changed: str) -> _Compared:
    """Compare the minima of the two sides, with the seeds for which all of them are known."""
    differing = [pair for pair in pairs.arms if not _is_same_objective(*pair)]
    if lacking := _find_lack(pairs, differing, changed):
        return lacking
    seeds = pairs.by_seed["seed"].to_list()
    minima, is_known = dict[str, list[Minimum]](), np.full(len(seeds), True)
    near = NEAR * max(claim.margin, abs(float(pairs.differences.mean())))
    reasons, reason = {}, ""
    for arm in {arm.name: arm for pair in differing for arm in pair}.values():
        found = minima[arm.name] = optima.find(arm, seeds, claim.on)
        problems = _list_problems(found, claim.on, near)
        is_known &= [not problem for problem in problems]
        # Arms that minimise the same have the same problems.
        objective = (arm.task, keep_objective(arm.recipe))
        reasons.setdefault(objective, _say_lacking(arm, seeds, problems))
        reason = " ".join(filter(None, reasons.values()))
        if not is_enough(is_known):
            lack = Lack.DATA if found[0].lacks_data else Lack.MINIMUM
            return _Compared(None, lack, reason)
    if pairs.differences.mean() * pairs.differences[is_known].mean() < 0.0:
        reason = f"The seeds whose minimum is known differ in the other direction. {reason}"
        return _Compared(None, Lack.MINIMUM, reason)
    reaches = [find_reach(arm, seeds, minima[arm.name]) for pair in differing for arm in pair]
    known = {name: [*itertools.compress(each, is_known)] for name, each in minima.items()}
    sides = [[known[arm.name] for arm in pair] for pair in differing]
    ends = np.array([[[one.metrics[claim.on] for one in s] for s in pair] for pair in sides])
    # Pairs that share an objective differ by nothing, and their minima were not looked for.
    n_same, n_kept = len(pairs.arms) - len(differing), np.count_nonzero(is_known)
    differences = [_get_sign(claim) * (better - than) for better, than in ends]
    rows = [_subtract_right(*([one.right for one in s] for s in pair)) for pair in sides]
    return _Compared(
        np.mean(differences + [np.zeros(n_kept)] * n_same, 0),
        None,
        reason,
        min(filter(None, reaches), key=lambda reach: reach.share, default=None),
        None if n_same else tuple(ends.mean(0)),
        _average_rows(rows + [np.zeros((n_kept, 1))] * n_same),
        ... if is_known.all() else np.flatnonzero(is_known),
    )


def find_known(minima: Sequence[Minimum], metric: str, near: float) -> np.ndarray:
    """Find which minima (n,) are known: where there are others, these change a metric by little."""
    return np.array([not problem for problem in _list_problems(minima, metric, near)])


def is_enough(is_known: np.ndarray) -> bool:
    """Say whether the minima of at least half of the seeds are known, and of at least two."""
    n, n_known = len(is_known), np.count_nonzero(is_known)
    return bool(n_known == n or 2 * n_known >= max(n, 4))


def _list_problems(minima: Sequence[Minimum], metric: str, near: float) -> list[str]:
    """List why each minimum is not known; "" where it is, or others have nearly the same metric."""
    ranges = [one.ranges.get(metric, 0.0) for one in minima]
    return [
        one.problem
        or (
            "" if wide <= near else f"{NOT_UNIQUE}, with which {metric} differs by up to {wide:.2g}"
        )
        for one, wide in zip(minima, ranges, strict=True)
    ]


def _find_lack(
    pairs: Pairs, differing: Sequence[tuple[Arm, ...]], changed: str
) -> _Compared | None:
    """Find why no minimum is known before one is looked for."""
    if any(_has_many_minima(arm) for pair in pairs.arms for arm in pair):
        reason = "There are fewer rows than parameters, so there is no single minimum."
        return _Compared(None, Lack.MINIMUM, reason)
    if differing and changed:
        reason = f"No minimum is known: the data is not at hand ({changed.rstrip('.')})."
        return _Compared(None, Lack.DATA, reason)
    if any(arm.recipe.noise.on_features for pair in differing for arm in pair):
        reason = "Noise on the features changes what an arm minimises; no minimum is known."
        return _Compared(None, Lack.MINIMUM, reason)
    return None


def _say_lacking(arm: Arm, seeds: Sequence[int], problems: Sequence[str]) -> str:
    """Say with which seeds an arm has no known minimum, and why with the first; "" if with none."""
    lacking = [(seed, one) for seed, one in zip(seeds, problems, strict=True) if one]
    if not lacking:
        return ""
    (seed, problem), n_seeds, which = lacking[0], len(seeds), ""
    if 1 < len(lacking) < n_seeds:
        which = f" with {len(lacking)} of {n_seeds} seeds, such as seed {seed}"
    elif len(lacking) < n_seeds:
        which = f" with seed {seed}"
    return f"No minimum of {arm.name!r} is known{which}: {problem}."


def _average_rows(rows: Sequence[np.ndarray | None]) -> np.ndarray | None:
    """Average the rows of pairs of arms; None where those of a pair are not known."""
    known = [one for one in rows if one is not None]
    return np.mean(np.broadcast_arrays(*known), 0) if len(known) == len(rows) else None


def _subtract_right(
    better: Sequence[np.ndarray | None], than: Sequence[np.ndarray | None]
) -> np.ndarray | None:
    """Subtract the rows that minima have right, seed by seed; None where they are not known."""
    sides = [[one.astype(float) for one in side if one is not None] for side in (better, than)]
    is_known = {len(side) for side in sides} == {len(better)}
    sizes = {len(one) for side in sides for one in side}
    return np.array(sides[0]) - np.array(sides[1]) if is_known and len(sizes) == 1 else None


def _compare_averages(
    claim: Claim, pairs: Pairs, averages: pl.DataFrame, *, has_rows: bool
) -> _Compared:  # fmt: skip
    seeds = pairs.by_seed["seed"].to_list()
    arms = [arm.recipe for pair in pairs.arms for arm in pair]
    if any(recipe.noise.weights or recipe.noise.on_targets for recipe in arms):
        reason = (
            "Injected noise moves a run for as long as it trains, so unfinished training and the "
            "noise floor are known as a sum only."
        )
        return _Compared(None, Lack.CALM, reason)
    if any(recipe.restores_best for recipe in arms):
        reason = "A run that ends with its best parameters has no mean of the iterates about them."
        return _Compared(None, Lack.AVERAGE, reason)
    known = {}
    if claim.on in averages.columns:
        known = dict(averages.select("run", claim.on).iter_rows())
    values = np.array(
        [
            [[known.get(Run(arm, seed).name) for seed in seeds] for arm in pair]
            for pair in pairs.arms
        ],
        float,
    )
    if not np.isfinite(values).all():
        reason = "The means of the last iterates were not kept when these runs were trained."
        return _Compared(None, Lack.AVERAGE, reason)
    has_rows = has_rows and "right" in averages.columns
    rows = subtract_rows(pairs.table, index_marks(averages)) if has_rows else None
    return _Compared(_get_sign(claim) * (values[:, 0] - values[:, 1]).mean(0), rows=rows)


def _get_sign(claim: Claim) -> float:
    return 1.0 if take_metric(claim.on).higher_is_better else -1.0


def _has_many_minima(arm: Arm) -> bool:
    """Say whether an arm has fewer training rows than parameters, and nothing that chooses."""
    if arm.recipe.penalty.on_squares:
        return False
    try:
        shape = measure_data(arm.task, arm.recipe.features)
    except FairtrialError:  # The data is not at hand; `Optima` says so.
        return False
    n_rows = shape.n_rows * (1.0 - (arm.recipe.validation or 0.0))
    return n_rows <= shape.n_features + 1


def _is_same_objective(one: Arm, other: Arm) -> bool:
    objectives = [keep_objective(arm.recipe) for arm in (one, other)]
    noises = [arm.recipe.noise for arm in (one, other)]
    if any(noise.on_features for noise in noises) and noises[0].data != noises[1].data:
        return False
    return one.task == other.task and objectives[0] == objectives[1]


def _name_objective(pairs: Pairs) -> str:
    """Name all that decides the two sides' minima and differs between them in any pair."""
    names = {
        "loss": "the loss",
        "penalty": "the penalty",
        "validation": "the split",
        "features": "the features",
        "standardise": "the unit of the targets",
        "class_weights": "the class weights",
    }
    if any(arm.recipe.optimizer.other_objective for pair in pairs.arms for arm in pair):
        names["optimizer"] = "the optimizer"
    differ: dict[str, None] = {}
    for one, other in pairs.arms:
        for setting in sorted(one.settings.keys() | other.settings.keys()):
            if one.settings.get(setting) == other.settings.get(setting):
                continue
            table, _, rest = setting.partition(".")
            if table == "task":
                noise = rest.partition(".")[0] == "noise"
                differ["the noise" if noise else f"the task's {rest}"] = None
            elif table in names:
                differ[names[table]] = None
    return " and ".join(differ) or "the objective"
