"""Where a claim holds: each pair of its arms by itself, at several margins."""

from collections.abc import Sequence

import polars as pl

from fairtrial.evidence.account import summarise_evidence
from fairtrial.evidence.case import LARGEST, weigh_pairs
from fairtrial.evidence.statistics.sampling import Sampling
from fairtrial.evidence.verdict import decide, weigh

# The claim's own margin is one of them.
MULTIPLES = (0.0, 0.5, 1.0, 2.0, 4.0)


def list_margins(margin: float, difference: float) -> list[float]:
    """List the margins to look at: multiples of the claim's, or of the difference where it is 0."""
    unit = margin or float(f"{abs(difference) / 2:.1g}")
    return [multiple * unit for multiple in MULTIPLES] if unit else [0.0]


def weigh_cells(
    pairs: pl.DataFrame, margins: Sequence[float], sampling: Sampling
) -> pl.DataFrame:  # fmt: skip
    """Weigh each pair of arms by itself, over the seeds, at each margin (in the metric's unit).

    The pairs have `better`, `than`, `seed` and `difference` of one claim.

    Returns
    -------
    table
        `better`, `than`, `margin`, `verdict`, `difference`, `low`, `high`, `level` (of the
        interval), `over` (what counts as a sample). Verdicts are not adjusted for their number; a
        pair with a difference that is no number is `undecided`.
    """
    rows = []
    for (better, than), group in pairs.group_by("better", "than", maintain_order=True):
        differences = group["difference"]
        sound = bool(
            (differences.is_finite() & (differences.abs() <= LARGEST)).fill_null(False).all()
        )
        basis = None
        for margin in margins:
            if not sound:
                rows.append((better, than, margin, "undecided", *[None] * 5))
                continue
            values = differences.to_numpy()
            if basis is None:
                basis = weigh_pairs(values, margin, sampling, group).basis
            evidence = weigh(values, margin, basis)
            (decided,) = decide([evidence])
            found = summarise_evidence(evidence, decided.verdict)
            figures = [found[name] for name in ("difference", "low", "high", "level", "over")]
            rows.append((better, than, margin, decided.verdict, *figures))
    names = ["better", "than", "margin", "verdict", "difference", "low", "high", "level", "over"]
    table = pl.DataFrame(rows, schema=names, orient="row")
    numbers = pl.col("margin", "difference", "low", "high", "level").cast(pl.Float64)
    return table.with_columns(numbers, pl.col("over").cast(pl.String))
