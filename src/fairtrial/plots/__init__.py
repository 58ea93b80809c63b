"""Charts of a trial, as the report draws them: from a results folder to an Altair chart.

Each function takes what `fairtrial.Trial(folder)` or `fairtrial.run` returns. In a notebook the
chart shows itself, interactive: a click on a legend's name shows it alone, with Shift one more;
with Shift, dragging moves the axes and the wheel zooms; a double click resets.
`chart.save("name.svg")` writes it. See docs/plots.md for a picture of each.
"""

from fairtrial.plots.of_claims import (
    choice_and_budget,
    curves_of_claim,
    differences,
    grid_of_claim,
    sides,
    where_it_holds,
)
from fairtrial.plots.of_data import fits, noise, residuals, targets, told
from fairtrial.plots.of_images import confusion, mistakes, predictions, samples, weights
from fairtrial.plots.of_runs import (
    accuracy_against_time,
    curves,
    final_values,
    learning_rates,
    outcomes,
    sensitivity,
    train_and_validation,
)

__all__ = [
    "accuracy_against_time", "choice_and_budget", "confusion", "curves", "curves_of_claim",
    "differences", "final_values", "fits", "grid_of_claim", "learning_rates", "mistakes",
    "noise", "outcomes", "predictions", "residuals", "samples", "sensitivity", "sides",
    "targets", "told", "train_and_validation", "weights", "where_it_holds",
]  # fmt: skip
