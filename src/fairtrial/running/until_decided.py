"""Add seeds to the claims that are undecided, until they are decided or there are enough."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fairtrial.errors import InputError
from fairtrial.evidence.judge import judge
from fairtrial.running.setup import Setup
from fairtrial.study import Run, Study
from fairtrial.study.claims import match_claim

# How many seeds a look adds: a quarter of those there are, so that looks stay few.
GROWTH, FEWEST_MORE = 4, 2


def run_until_decided(
    study: Study, folder: Path, max_seeds: int, setup: Setup
) -> list[dict[str, Any]]:
    """Train a study, and go on with further seeds for the claims that it leaves undecided.

    Each look is legal: claims are judged by bets that are valid at any time, and only the arms of
    undecided claims get more seeds, up to `max_seeds` each. Returns what `verdicts.json` holds.
    """
    first = study.list_seeds()
    if not study.claims:
        raise InputError("Nothing can be decided: the study states no claims. Add [[claims]].")
    if len(first) > max_seeds:
        raise InputError(
            f"The study has {len(first)} seeds, and --max-seeds allows {max_seeds}: allow more, or "
            "begin with fewer."
        )
    more: list[Run] = []
    n_seeds = dict.fromkeys(range(len(study.claims)), len(first))
    further = study.list_seeds(max_seeds)[len(first) :]
    while True:
        setup.run_missing(study, folder, more=more, until_decided=True, is_first=not more)
        verdicts = judge(folder)
        undecided = [
            number
            for number, row in enumerate(verdicts)
            if row["verdict"] == "undecided" and row["p"] is not None  # None: it cannot be judged.
            and n_seeds[number] < max_seeds
        ]  # fmt: skip
        if not undecided:
            return verdicts
        for number in undecided:
            grown = max(n_seeds[number] // GROWTH, FEWEST_MORE)
            n_seeds[number] = min(max_seeds, n_seeds[number] + grown)
        more = list_more_runs(study, n_seeds, further, len(first))


def list_more_runs(
    study: Study, n_seeds: dict[int, int], further: Sequence[int], n_first: int
) -> list[Run]:
    """List the runs beyond the study's own: for each arm, as many as its neediest claim has.

    `n_seeds` counts the seeds of each claim, by its number; `further` are seeds beyond the study's
    own, in order, which has `n_first`.
    """
    arms = study.list_arms()
    needed: dict[str, int] = {}
    for number, claim in enumerate(study.claims):
        for arm in (arm for match in match_claim(arms, claim) for arm in match.arms):
            needed[arm.name] = max(needed.get(arm.name, 0), n_seeds[number] - n_first)
    return [Run(arm, seed) for arm in arms for seed in further[: needed.get(arm.name, 0)]]
