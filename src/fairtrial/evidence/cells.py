"""Where a claim holds: each pair of its arms by itself, at several margins."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from fairtrial.evidence.sign_flip import list_subset_means
from fairtrial.evidence.verdict import decide, weigh

# The claim's own margin is one of them.
MULTIPLES = (0.0, 0.5, 1.0, 2.0, 4.0)


def list_margins(margin: float, difference: float) -> list[float]:
    """List the margins to look at: multiples of the claim's, or of the difference where it is 0."""
    unit = margin or float(f"{abs(difference) / 2:.1g}")
    return [multiple * unit for multiple in MULTIPLES] if unit else [0.0]


def weigh_cells(pairs: pl.DataFrame, margins: Sequence[float]) -> pl.DataFrame:
    """Weigh each pair of arms by itself, over the seeds, at each margin.

    Parameters
    ----------
    pairs : table
        `better`, `than` and `difference` of one claim, a row for each seed and pair.
    margins : sequence of float
        In the metric's unit.

    Returns
    -------
    table
        `better`, `than`, `margin`, `verdict`, `difference`, `low`, `high`. Verdicts are not
        adjusted for their number; a pair with a difference that is no number is `undecided`.
    """
    rows = []
    for (better, than), group in pairs.group_by("better", "than", maintain_order=True):
        differences = group["difference"].to_numpy()
        sound = bool(group["difference"].is_finite().fill_null(value=False).all())
        differences = differences if sound else differences[:0]
        tests = list_subset_means(differences) if sound else None
        for margin in margins:
            evidence = weigh(differences, margin, tests)
            (decided,) = decide([evidence], [margin])
            figures = [evidence.difference, evidence.low, evidence.high] if sound else [None] * 3
            rows.append((better, than, margin, decided.verdict, *figures))
    names = ["better", "than", "margin", "verdict", "difference", "low", "high"]
    table = pl.DataFrame(rows, schema=names, orient="row")
    return table.cast(dict.fromkeys(("margin", "difference", "low", "high"), pl.Float64))
