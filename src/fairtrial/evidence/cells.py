"""Where a claim holds: each pair of its arms by itself, at several margins."""

from collections.abc import Sequence
from typing import Any

import polars as pl

from fairtrial.evidence.account import summarise_evidence
from fairtrial.evidence.case import LARGEST, weigh_pairs
from fairtrial.evidence.statistics.sampling import Sampling
from fairtrial.evidence.verdict import decide, weigh

# The claim's own margin is one of them.
MULTIPLES = (0.0, 0.5, 1.0, 2.0, 4.0)

# What is said of a pair of arms at a margin: its verdict, and the difference with the interval of
# that level, over what counts as a sample.
SCHEMA = {
    **dict.fromkeys(("better", "than"), pl.String),
    "margin": pl.Float64,
    "verdict": pl.String,
    **dict.fromkeys(("difference", "low", "high", "level"), pl.Float64),
    "over": pl.String,
}


def list_margins(margin: float, difference: float) -> list[float]:
    """List the margins to look at: multiples of the claim's, or of the difference where it is 0."""
    unit = margin or float(f"{abs(difference) / 2:.1g}")
    return [multiple * unit for multiple in MULTIPLES] if unit else [0.0]


def weigh_cells(
    pairs: pl.DataFrame, margins: Sequence[float], sampling: Sampling
) -> pl.DataFrame:  # fmt: skip
    """Weigh each pair of arms by itself, over the seeds, at each margin (in the metric's unit).

    The pairs have `better`, `than`, `seed` and `difference` of one claim. The table has the columns
    of `SCHEMA`. Verdicts are not adjusted for their number; a pair with a difference that is no
    number is `undecided`.
    """
    rows: list[dict[str, Any]] = []
    for (better, than), group in pairs.group_by("better", "than", maintain_order=True):
        cells = [dict[str, Any](better=better, than=than, margin=margin) for margin in margins]
        values = group["difference"]
        if not (values.is_finite() & (values.abs() <= LARGEST)).fill_null(False).all():
            rows += [cell | {"verdict": "undecided"} for cell in cells]
            continue
        basis = weigh_pairs(values.to_numpy(), 0.0, sampling, group).basis
        for cell, margin in zip(cells, margins, strict=True):
            evidence = weigh(values.to_numpy(), margin, basis)
            (decided,) = decide([evidence])
            verdict = decided.verdict
            rows.append(cell | {"verdict": verdict} | summarise_evidence(evidence, verdict))
    return pl.DataFrame(rows, schema=SCHEMA)
