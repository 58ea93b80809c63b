"""The judged claims of a trial: their verdicts, and the differences behind them."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from fairtrial.errors import InputError
from fairtrial.evidence.pairs import WITHOUT, average_pairs
from fairtrial.plots.trials import name_series, remember
from fairtrial.results.results import Results
from fairtrial.results.store import PAIRS, VERDICTS


class Judged(NamedTuple):
    """A judged claim: its verdict, and the differences behind it."""

    row: Mapping[str, Any]
    pairs: pl.DataFrame

    @property
    def by_seed(self) -> pl.DataFrame:
        """The means of the pairs of each seed; see `average_pairs`."""
        return average_pairs(self.pairs)

    @property
    def arms(self) -> list[tuple[str, str]]:
        """The pairs of arms, better and than."""
        return self.pairs.select("better", "than").unique(maintain_order=True).rows()

    @property
    def names(self) -> tuple[str, str]:
        """The names of the sides: their arms if each has one arm, else "better" and "than"."""
        return self.arms[0] if len(self.arms) == 1 else ("better", "than")


def read_claim(trial: Results, claim: int = 1) -> Judged:
    """Read a judged claim by its number, from 1; an error if there is none, or none is judged."""
    # The files may change while the trial is open, when it is judged again.
    judged = _read_claims(trial, *(_stamp(trial.folder / name) for name in (VERDICTS, PAIRS)))
    if not 1 <= claim <= len(judged):
        many = f"{len(judged)} judged claims" if judged else "no judged claims"
        raise InputError(
            f"There is no claim {claim}: {trial.folder} has {many}. Judge those of its study with: "
            f"fairtrial judge {trial.folder}"
        )
    pairs = judged[claim - 1].pairs
    if not (_are_of(judged[claim - 1]) and {*pairs["better"], *pairs["than"]} <= trial.arms.keys()):
        raise InputError(
            f"The pairs of claim {claim} do not belong to the study in {trial.folder}. Judge it "
            f"again with: fairtrial judge {trial.folder}"
        )
    return judged[claim - 1]


def _are_of(judged: Judged) -> bool:
    """Say whether pairs are those that a verdict is on: their mean is its difference."""
    difference = judged.row["difference"]
    if difference is None:
        return True
    found = judged.by_seed["difference"].to_numpy()
    return judged.row["seeds"] == len(found) and math.isclose(
        float(found.mean()), difference, rel_tol=1e-9, abs_tol=1e-12
    )


@remember
def _read_claims(trial: Results, *stamps: tuple[int, int]) -> list[Judged]:
    """Read all judged claims; new stamps mean that the files were written again."""
    verdicts = trial.list_verdicts()
    pairs = trial.pairs if verdicts else pl.DataFrame()
    judged = []
    for place, row in enumerate(verdicts):
        own = pairs.filter(claim=place)
        # Only effects have arms without the change.
        absent = [] if row["change"] is not None else WITHOUT
        judged.append(Judged(row, own.drop(absent, strict=False)))
    return judged


def _stamp(path: Path) -> tuple[int, int]:
    """Return time and size of a file, which change when it is written again."""
    return (path.stat().st_mtime_ns, path.stat().st_size) if path.exists() else (0, 0)


def read_difference(trial: Results, claim: int) -> Judged:
    """Read a judged claim that has a difference; an error if it has none."""
    judged = read_claim(trial, claim)
    if judged.row["difference"] is None:
        raise InputError(f"Claim {claim} has no difference to show. {judged.row['note']}")
    return judged


@remember
def split_arms(trial: Results) -> dict[str, pl.DataFrame]:
    """Split the named runs of a trial by their arms."""
    named, _ = name_series(trial)
    return {arm: runs for (arm,), runs in named.partition_by("arm", as_dict=True).items()}


def label_pair(trial: Results, better: str, than: str) -> str:
    """Name a pair of arms by what the two share: their setting, or their series."""
    one, other = (split_arms(trial)[arm] for arm in (better, than))
    for part in ("setting", "series"):
        if one[part][0] == other[part][0] and one[part][0]:
            return one[part][0]
    return f"{better} / {than}"
