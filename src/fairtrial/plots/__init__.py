"""The charts of the report: each function draws one chart of a trial.

The trial is what `fairtrial.Trial(folder)` or `fairtrial.run` returns. A notebook displays the
chart. Click a name in the legend to show only that name; Shift-click adds another. Hold Shift and
drag to move the axes, or hold Shift and scroll to zoom. Double-click to reset.
`chart.save("name.svg")` writes a file. docs/plots.md has a picture of each chart.
"""

from fairtrial.plots.arguments import check_arguments
from fairtrial.plots.of_cells import grid_of_claim, where_it_holds
from fairtrial.plots.of_claims import cause, curves_of_claim, differences, sides
from fairtrial.plots.of_data import fits, noise, predicted_against_true, residuals, targets
from fairtrial.plots.of_images import confusion, mistakes, predictions, samples, weights
from fairtrial.plots.of_runs import accuracy_against_time, final_values, outcomes, sensitivity
from fairtrial.plots.of_training import curves, learning_rates, train_and_validation

__all__ = [
    "accuracy_against_time", "cause", "confusion", "curves", "curves_of_claim", "differences",
    "final_values", "fits", "grid_of_claim", "learning_rates", "mistakes", "noise", "outcomes",
    "predicted_against_true", "predictions", "residuals", "samples", "sensitivity", "sides",
    "targets", "train_and_validation", "weights", "where_it_holds",
]  # fmt: skip

# What users give is checked here once.
globals().update({name: check_arguments(globals()[name]) for name in __all__})
