"""Verdicts as a frame: on a results folder, or on runs that another program trained."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import polars as pl

from fairtrial.errors import InputError
from fairtrial.evidence.account import list_verdicts, make_frame
from fairtrial.evidence.case import METHODS, SIGN_FLIP, Case, refuse_overflow, weigh_pairs
from fairtrial.evidence.cause import Cause
from fairtrial.evidence.judge import judge as judge_folder
from fairtrial.evidence.pairs import Pairs, pair_runs
from fairtrial.evidence.statistics.sampling import Sampling
from fairtrial.evidence.verdict import weigh
from fairtrial.kinds.metrics.numbers import find_metric
from fairtrial.kinds.metrics.runs import RunMetric
from fairtrial.results.frames import read_frame, take_folder
from fairtrial.results.results import fingerprint_verdict
from fairtrial.results.store import DATA, list_settings
from fairtrial.settings.complaints import Complaint, make_error, name_place, show, write_setting
from fairtrial.settings.document import Document, Place
from fairtrial.settings.names import end, suggest
from fairtrial.settings.plain import make_plain
from fairtrial.study.arm import Arm
from fairtrial.study.arms import list_known_names
from fairtrial.study.claim_rules import (
    OVER_SEEDS,
    SEEDS,
    find_idle_selectors,
    find_twice_named,
    list_selectors,
)
from fairtrial.study.claims import Claim, check_claims, list_conditions, match_claim
from fairtrial.study.task import RowOrigin

Claims = Sequence[Claim | Mapping[str, Any]]
ORIGINS = ("split", "drawn", "fixed")
MOST_SHOWN = 5
ASSUMED = {
    "split": "It is assumed that each seed splits the same rows, with {share:.0%} of them for the "
    "test; rows = 'drawn' or rows = 'fixed' says that it is not so.",
    "drawn": "It is assumed that each seed draws other rows.",
    "fixed": "It is assumed that all seeds have the same rows; the interval is over the seeds, for "
    "these test rows alone.",
}


class FrameClaim(Claim):
    """A claim on runs of another program, which may say which direction of its metric is better."""

    higher_is_better: bool | None = None


@dataclass(frozen=True)
class FrameArm:
    """What runs of a frame share: their settings. It stands for an `Arm` where arms are matched."""

    name: str
    settings: dict[str, Any] = field(hash=False)
    entry: str | None = None
    picked: frozenset[str] = frozenset()

    is_trained = True  # Whatever it is, it has settings to select by.

    @property
    def varied(self) -> tuple[str, ...]:
        """All settings: who names an arm names all that sets it apart."""
        return tuple(self.settings)


def judge(
    runs: str | Path | pl.DataFrame | pl.LazyFrame | Any,
    claims: str | Path | Claims | None = None,
    *,
    method: str | None = None,
    rows: RowOrigin | None = None,
    test_share: float | None = None,
    settings: Sequence[str] | None = None,
    note: Callable[[str], None] = lambda sentence: None,
) -> pl.DataFrame:
    """Judge claims, on a results folder or on runs that another program trained.

    Parameters
    ----------
    runs : str or Path, or DataFrame
        A results folder, whose `verdicts.json` and `pairs.parquet` are written; or one row per run:
        columns of settings, `seed` (whole numbers) and metrics. A frame is Polars', lazy or not, or
        one of pandas, a list of dicts, or a dict of columns.
    claims : str or Path, or sequence of Claim or mapping, optional
        A TOML file with `[[claims]]`, or the claims; those of the folder's study if absent. On a
        frame, a claim on a metric that fairtrial does not know says `higher_is_better`.
    method : str, optional
        "sign-flip test", or "anytime-valid bets" where the number of seeds depends on what earlier
        ones showed. By default the one that fits how the folder's seeds were chosen; on a frame,
        the first.
    rows : str, optional
        Of a frame: whether each seed splits the same rows into training and test rows ("split"),
        draws other rows ("drawn"), or has the same rows ("fixed"). By default "split", which gives
        the widest intervals.
    test_share : float, optional
        Of a frame with split rows: the share of test rows; 0.25 if absent.
    settings : sequence of str, optional
        Of a frame: the columns with settings. By default all but `seed`, metrics that fairtrial
        knows, metrics that claims name, and columns such as `run` and `seconds`.
    note : callable
        Called with a sentence where the folder cannot be written.

    Returns
    -------
    DataFrame
        One row per claim: the columns of `Trial.verdicts`.

    Raises
    ------
    InputError
        If the folder or the frame cannot be used, there are no claims, or they break a rule, or
        the method does not fit how the seeds were chosen.

    Examples
    --------
    >>> import fairtrial as ft
    >>> runs = pl.DataFrame({
    ...     "optimizer": ["adam"] * 6 + ["sgd"] * 6,
    ...     "seed": [0, 1, 2, 3, 4, 5] * 2,
    ...     "accuracy": [0.85, 0.84, 0.86, 0.85, 0.87, 0.85, 0.81, 0.82, 0.82, 0.80, 0.84, 0.81],
    ... })
    >>> claim = ft.Claim(
    ...     say="Adam is better", better={"optimizer": "adam"}, than={"optimizer": "sgd"},
    ...     on="accuracy",
    ... )
    >>> verdicts = ft.judge(runs, claims=[claim], rows="drawn")
    >>> verdicts["verdict"][0], round(verdicts["difference"][0], 4)
    ('holds', 0.0367)
    """
    check_claims(claims)
    if (frame := read_frame(runs)) is None:
        folder = take_folder(runs)
        given = {"rows": rows, "test_share": test_share, "settings": settings}
        if named := [name for name, value in given.items() if value is not None]:
            raise InputError(
                f"{' and '.join(named)}: that is for a frame of runs. A results folder says it "
                "itself: leave it out."
            )
        return make_frame(judge_folder(folder, claims, method, note))
    if claims is None or isinstance(claims, str | Path) or not len(claims):
        raise InputError("A frame of runs needs claims: give a list, as in claims=[ft.Claim(...)].")
    sampling = _make_sampling(method or SIGN_FLIP, rows or "split", test_share)
    made = [_make_claim(claim) for claim in claims]
    return make_frame(_judge_frame(frame, made, sampling, settings))


def _make_sampling(method: str, rows: str, test_share: float | None) -> Sampling:
    """Say how the runs of a frame were drawn, as the caller says it."""
    if method not in METHODS:
        raise InputError(f"method = {method!r} is not known (known: {', '.join(METHODS)}).")
    if rows not in ORIGINS:
        raise InputError(f"rows = {rows!r} must be one of {', '.join(map(repr, ORIGINS))}.")
    if rows != "split" and test_share is not None:
        raise InputError(f"test_share is for rows = 'split', and rows = {rows!r}: leave it out.")
    share = 0.25 if test_share is None else test_share
    if not isinstance(share, int | float) or not 0.0 < share < 1.0:
        raise InputError(f"test_share = {share!r} must be a number between 0 and 1.")
    return Sampling(method, cast(RowOrigin, rows), share if rows == "split" else 0.0)


def _make_claim(given: Claim | Mapping[str, Any]) -> FrameClaim:
    """Make a claim on a frame, with the direction of its metric that is known if it says none."""
    if not isinstance(given, Claim | Mapping):
        raise InputError(f"{show(given)} is not a claim: make one, as with ft.Claim(...).")
    claim = FrameClaim(**make_plain(given))
    known = find_metric(claim.on)
    if known is None and claim.higher_is_better is None:
        raise InputError(
            f"on = {show(claim.on)}: fairtrial does not know this metric. Say in the claim whether "
            "higher_is_better is True or False."
        )
    if known is None:
        return claim
    if claim.higher_is_better not in (None, known.higher_is_better):
        better = "higher" if known.higher_is_better else "lower"
        raise InputError(
            f"on = {show(claim.on)}: of this metric {better} values are better, and the claim says "
            f"higher_is_better = {claim.higher_is_better}: leave that out, or rename the column."
        )
    return claim.model_copy(update={"higher_is_better": known.higher_is_better})


def _judge_frame(
    frame: pl.DataFrame,
    claims: Sequence[FrameClaim],
    sampling: Sampling,
    settings: Sequence[str] | None,
) -> list[dict[str, Any]]:
    """Judge claims on runs of another program, as `judge` does it on a results folder."""
    _check_seeds(frame)
    for name in dict.fromkeys(claim.on for claim in claims):
        _check_metric(frame, name)
    columns = _choose_settings(frame, claims, settings)
    runs, arms = _name_arms(frame, columns)
    _refuse_duplicates(runs, columns)
    cases = [
        _weigh_claim(claim, place, runs, arms, replace(sampling, over_seeds=claim.over == "seeds"))
        for place, claim in enumerate(claims)
    ]
    content = json.dumps([frame.columns, frame.rows()], default=str)
    digest = hashlib.sha256(content.encode()).hexdigest()
    assumed = ASSUMED[sampling.rows].format(share=sampling.test_share)
    return [
        row
        | {
            "stated_at": None,
            "runs_when_stated": None,
            "fingerprint": fingerprint_verdict(digest, case.claim),
            "note": f"{row['note']} {assumed}".lstrip(),
        }
        for row, case in zip(list_verdicts(cases, len(cases)), cases, strict=True)
    ]


def _weigh_claim(
    claim: FrameClaim,
    place: int,
    runs: pl.DataFrame,
    arms: Mapping[str, FrameArm],
    sampling: Sampling,
) -> Case:
    known = cast(Sequence[Arm], list(arms.values()))  # All that matching asks of an arm.
    here: Place = ("claims", place)
    names = dict.fromkeys(name for arm in arms.values() for name in arm.settings)
    complaints = [*_find_unknown_names(claim, here, ["arm", *names])]
    complaints += find_twice_named(claim, here)
    complaints = complaints or [*find_idle_selectors(claim, here, known)]
    if complaints:
        raise make_error(Document("The claims on the frame", {}), complaints)
    matched = {arm.name for match in match_claim(known, claim) for arm in match.arms}
    seeds = _match_seeds(runs, matched)
    metric = RunMetric("a metric of the frame", higher_is_better=bool(claim.higher_is_better))
    pairs: Pairs = refuse_overflow(pair_runs(claim, known, runs, seeds, metric))
    if pairs.problem:
        nothing = weigh(pairs.differences[:0], claim.margin)
        return Case(claim, pairs, sampling, nothing, Cause({}), is_own=False)
    sampling = replace(sampling, size=claim.effect.size if claim.effect else None)
    evidence = weigh_pairs(pairs.differences, claim.margin, sampling, pairs.table)
    return Case(claim, pairs, sampling, evidence, Cause({}), is_own=False)


# ---------------------------------------------------------------------------------- the frame


def _check_seeds(frame: pl.DataFrame) -> None:
    if "seed" not in frame.columns:
        raise InputError(
            f"The frame has no column 'seed' (columns: {', '.join(frame.columns)}): give one row "
            "per run, with the run's seed as a whole number."
        )
    if not frame.height:
        raise InputError("The frame has no rows: give one row per run.")
    seeds = frame["seed"]
    if not seeds.dtype.is_integer() or seeds.null_count():
        what = "missing values" if seeds.null_count() else f"values of the type {seeds.dtype}"
        raise InputError(f"The column 'seed' has {what}: seeds are whole numbers, one per run.")


def _check_metric(frame: pl.DataFrame, name: str) -> None:
    if name not in frame.columns:
        raise InputError(
            end(f"on = {show(name)} is not a column of the frame{suggest(name, frame.columns)}")
        )
    column = frame[name]
    if not column.dtype.is_numeric():
        raise InputError(
            f"The column {name!r} holds values of the type {column.dtype}, and a metric is a "
            "number: convert it, as with pl.col(...).cast(pl.Float64)."
        )
    wrong = ~column.cast(pl.Float64).is_finite().fill_null(value=False)
    if wrong.any():
        row = int(wrong.arg_true()[0])
        raise InputError(
            f"The column {name!r} has {int(wrong.sum())} values that are missing or not finite, "
            f"the first in row {row} (seed {frame['seed'][row]}). No run is dropped: give these "
            "runs the value that they count as, or leave out their arms."
        )


def _choose_settings(
    frame: pl.DataFrame, claims: Sequence[FrameClaim], settings: Sequence[str] | None
) -> list[str]:
    measured = {"seed", *(claim.on for claim in claims)}
    if settings is None:
        found = [name for name in list_settings(frame) if name not in {DATA, *measured}]
    else:
        found = list(settings)
        for name in found:
            if name not in frame.columns or name in measured:
                why = "not a column of it" if name not in frame.columns else "no setting"
                raise InputError(f"settings names {show(name)}, which is {why}.")
    for name in found:
        if frame[name].dtype.is_nested() and not isinstance(frame[name].dtype, pl.List):
            raise InputError(
                f"The column {name!r} holds values of the type {frame[name].dtype}: settings are "
                "numbers, texts, booleans or lists of them."
            )
    return found


def _name_arms(
    frame: pl.DataFrame, columns: Sequence[str]
) -> tuple[pl.DataFrame, dict[str, FrameArm]]:
    """Name the arm of each run by its settings that vary, or as its column `arm` does.

    Returns the runs with the columns that `pair_runs` reads, and the arms by their names.
    """
    kinds = [name for name in columns if list_known_names().get(name)]
    # Selectors name a kind by its word: the word `loss` selects by `loss.kind`.
    keys = {name: f"{name}.kind" if frame[name].dtype == pl.String else name for name in kinds}
    varied = [name for name in columns if frame[name].n_unique() > 1]
    has_names = "arm" in frame.columns and frame["arm"].dtype == pl.String
    arms: dict[str, FrameArm] = {}
    names = []
    for row in frame.iter_rows(named=True):
        found = {keys.get(name, name): row[name] for name in columns if row[name] is not None}
        shown = (write_setting(name, row[name]) for name in varied if row[name] is not None)
        name = row["arm"] if has_names and row["arm"] else ", ".join(shown) or "all runs"
        names.append(name)
        if arms.setdefault(name, FrameArm(name, found)).settings != found:
            raise InputError(
                f"The arm {show(name)} has runs of different settings: give each arm one value of "
                "each setting, or say with settings=[...] which columns are settings."
            )
    runs = frame.with_columns(
        arm=pl.Series(names, dtype=pl.String), outcome=pl.lit("completed"), steps=pl.lit(None)
    )
    return runs, arms


def _refuse_duplicates(runs: pl.DataFrame, columns: Sequence[str]) -> None:
    twice = runs.group_by("arm", "seed", maintain_order=True).len().filter(pl.col("len") > 1)
    if twice.height:
        arm, seed, n_rows = twice.row(0)
        raise InputError(
            f"The arm {show(arm)} has {n_rows} rows with seed {seed}: give one row per run. Where "
            "these runs differ in a setting, add its column."
        )
    if runs["arm"].n_unique() == runs.height and runs["seed"].n_unique() > 1:
        unlike = [name for name in columns if 2 * runs[name].n_unique() > runs.height]
        which = f", such as {', '.join(unlike[:MOST_SHOWN])}" if unlike else ""
        raise InputError(
            "No two runs have the same settings, so each is an arm of one seed. Some columns may "
            f"be measurements{which}: say with settings=[...] which columns are settings."
        )


def _match_seeds(runs: pl.DataFrame, arms: set[str]) -> list[int]:
    """Return the seeds of a claim's arms, in ascending order; all must have the same."""
    seeds = {name: set(runs.filter(pl.col("arm") == name)["seed"]) for name in sorted(arms)}
    every = sorted(set().union(*seeds.values()))
    for name, has in seeds.items():
        if lacks := [seed for seed in every if seed not in has]:
            more = ", ..." if len(lacks) > MOST_SHOWN else ""
            raise InputError(
                f"The arm {show(name)} has no run with seed "
                f"{', '.join(map(str, lacks[:MOST_SHOWN]))}{more}, which another arm of its claim "
                "has. Runs are compared seed by seed: give all arms the same seeds. Where a column "
                "is no setting, say with settings=[...] which are."
            )
    return every


def _find_unknown_names(claim: Claim, here: Place, names: list[str]) -> list[Complaint]:
    """Return a complaint for each name of a selector that is no column with settings."""
    columns = [name.removesuffix(".kind") for name in names]
    return [
        Complaint(
            OVER_SEEDS.format(name_place((*here, *place, *path)))
            if name in SEEDS
            else end(
                f"{name_place((*here, *place, *path))}: there is no setting of this name"
                f"{suggest(str(path[-1]), columns)}"
            ),
            ((*here, *place, *path),),
        )
        for place, selector in list_selectors(claim).items()
        for name, _, path in list_conditions(selector)
        if name not in names
    ]
