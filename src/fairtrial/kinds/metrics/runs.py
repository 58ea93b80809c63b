"""Metrics that are no function of predictions: of the training, of parameters, of the clock."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class RunMetric:
    """One metric of a run."""

    # What `Metric` says of metrics of predictions.
    of_predictions: ClassVar[bool] = False
    about: ClassVar[str] = ""  # It may be of runs on numbers and on classes.
    by_default: ClassVar[bool] = True

    meaning: str  # What it measures, with its unit.
    higher_is_better: bool = False  # Which way is better.
    # The worst value that there is, for runs that diverged; None where there is none.
    worst: float | None = None
    of_the_end: bool = True  # Whether the final parameters say it; else it is about the way there.
    # Whether it is in the unit of the run's own objective, so that only runs which share loss and
    # penalty can be compared.
    of_objective: bool = False
    # What a run without a value has never done, such as "arrives". Such a run counts as late: as
    # its whole length. Empty where a lack of the value says nothing.
    never: str = ""
    # Why a finished run has no value, and what to do, as sentences.
    undefined: str = "Such short runs have no value: train them for longer."


TRUTH = {
    "parameter_error": RunMetric("Euclidean distance from the true weights and intercept"),
    "excess_risk": RunMetric(
        "mean squared distance of predictions from the true line on the test rows, in squared "
        "target units"
    ),
}
TO_TOLERANCE = {
    "steps_to_tolerance": RunMetric(
        "steps until the parameter error stays below 5 % of the length of the true parameters; for "
        "tables, until the objective's gap to its minimum stays below 5 % of the gap at the start",
        of_the_end=False, never="arrives",
    )
}  # fmt: skip
RATE = {
    "n_rate_halvings": RunMetric(
        "how often the schedule lowered the learning rate; 0 where no schedule does",
        of_the_end=False,
    ),
    # A diverged run counts as if it had been lowered at once, not as one that was never lowered.
    "first_rate_halving": RunMetric(
        "the step (epoch) after which the schedule first lowered the learning rate",
        higher_is_better=True, worst=0.0, of_the_end=False, never="lowers its rate",
    ),
}  # fmt: skip


def _list_fluctuations(
    name: str, of_what: str, *, of_objective: bool = False
) -> dict[str, RunMetric]:
    return {
        f"{when}_{name}": RunMetric(
            f"standard deviation of the changes of {of_what} from one step (epoch) to the next, "
            f"over the {which} tenth of the run, or its {which} five changes if they are more",
            of_the_end=False, of_objective=of_objective,
        )
        for when, which in (("early", "first"), ("late", "last"))
    }  # fmt: skip


LOSS_FLUCTUATION = _list_fluctuations(
    "loss_fluctuation", "the training loss, in its unit,", of_objective=True
)
FLUCTUATION = _list_fluctuations(
    "fluctuation", "the parameter error, or with classes of the test accuracy,"
)
WAY = RATE | LOSS_FLUCTUATION | FLUCTUATION
OF_CLASSES = {
    "train_accuracy": RunMetric(
        "share of training rows predicted correctly", higher_is_better=True, worst=0.0
    ),
    "train_cross_entropy": RunMetric("mean cross-entropy on the training rows, in nats"),
    "generalization_gap": RunMetric("accuracy on the training rows minus that on test", worst=1.0),
    "final_minus_best": RunMetric(
        "test accuracy after the last epoch minus that of the best", higher_is_better=True,
        worst=-1.0, of_the_end=False,
    ),
    "epochs_to_tolerance": RunMetric(
        "epochs until the test accuracy stays within 0.01 of the run's best; for numbers, until "
        "the parameter error stays below 5 % of the length of the true parameters",
        of_the_end=False, never="arrives",
    ),
}  # fmt: skip
# Of recipes with a penalty on absolute weights.
SPARSITY = {
    "n_zeros": RunMetric(
        "number of weights that are exactly 0; never of biases", higher_is_better=True, worst=0.0
    )
}
TIME = {
    "seconds": RunMetric(
        "the time of the run's stack divided by its number of runs: arms that train in one stack "
        "have equal times, and times depend on what else the machine does",
        of_the_end=False,
    )
}  # fmt: skip
RUN_METRICS = TRUTH | TO_TOLERANCE | OF_CLASSES | WAY | SPARSITY | TIME
