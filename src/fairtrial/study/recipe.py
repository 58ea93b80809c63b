"""Recipes: all choices of one training run."""

from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    PlainValidator,
    WithJsonSchema,
)

from fairtrial.kinds.inits.common import INITS, InitSettings
from fairtrial.kinds.inits.common import constant as constant_start
from fairtrial.kinds.losses.numbers import LOSSES, AnyLossSettings
from fairtrial.kinds.metrics.monitors import LOSS, Monitor, read_monitor
from fairtrial.kinds.metrics.numbers import MetricSettings
from fairtrial.kinds.noise.injections import (
    DATA_NOISES,
    RATE_NOISES,
    WEIGHT_NOISES,
    InjectionSettings,
)
from fairtrial.kinds.optimizers.averages import AVERAGES, AverageSettings, none
from fairtrial.kinds.optimizers.common import OPTIMIZERS, OptimizerSettings
from fairtrial.kinds.optimizers.schedules import SCHEDULES, ScheduleSettings
from fairtrial.kinds.optimizers.schedules import constant as constant_rate
from fairtrial.settings.base import (
    ABSENT_BY_WORD,
    NONE,
    Count,
    NonNegative,
    Positive,
    Settings,
    Share,
)
from fairtrial.settings.complaints import show
from fairtrial.settings.names import Either, refuse_twins
from fairtrial.study.features import UNMAPPED, Features


class Stopping(Settings):
    """End the run after `patience` steps (epochs) without a new best of what `monitor` names.

    There is one stall count of the training loss. If a schedule also acts on it, a halving starts
    it again. Metrics on the validation rows have another count. With `restore_best` the run ends
    with the parameters that were best by `monitor`, whatever ends it.
    """

    patience: Count = 100
    monitor: Monitor = LOSS
    restore_best: bool = False

    @property
    def watched(self) -> MetricSettings | None:
        """The metric on the validation rows that it watches; None for the training loss."""
        return read_monitor(self.monitor)


class Penalty(Settings):
    """Added to the loss: `l2` times the sum of squared weights, `l1` times that of absolute ones.

    On weights, never on biases. `elastic_net` adds both: it is the sum of absolute weights times
    `l1_share`, plus half of the sum of squared weights times the rest, as scikit-learn's
    `ElasticNet` has it with `alpha` and `l1_ratio` (beside half of the mean squared error).

    With `proximal`, the penalty on absolute weights has no part in the gradient. After each update
    every weight moves towards 0 by the step's learning rate times the penalty, and stays at 0 where
    it would pass it: weights become exactly 0.
    """

    l2: NonNegative = 0.0
    l1: NonNegative = 0.0
    elastic_net: NonNegative = 0.0
    l1_share: Annotated[float, Field(ge=0, le=1)] = 0.5
    proximal: bool = False

    @property
    def on_squares(self) -> float:
        """The factor on the sum of squared weights."""
        return self.l2 + self.elastic_net * (1.0 - self.l1_share) / 2.0

    @property
    def on_sizes(self) -> float:
        """The factor on the sum of absolute weights."""
        return self.l1 + self.elastic_net * self.l1_share

    @property
    def is_none(self) -> bool:
        """Whether it adds nothing."""
        return not (self.on_squares or self.on_sizes)

    @property
    def weights(self) -> dict[str, float]:
        """What is added to the loss: for each name of `training.model` its factor."""
        return {
            "l2": self.on_squares,
            "l1": 0.0 if self.proximal else self.on_sizes,
            "proximal": self.on_sizes if self.proximal else 0.0,
        }

    def _explain_share(self) -> str:
        if self.l1_share != 0.5 and not self.elastic_net:  # Its default says nothing.
            return "l1_share is the share of elastic_net: give elastic_net a number"
        return ""

    def _explain_proximal(self) -> str:
        if self.proximal and not self.on_sizes:
            return "proximal needs a penalty on absolute weights: set l1 or elastic_net"
        return ""

    RULES = (_explain_share, _explain_proximal)


def check_class_weights(value: Any) -> Any:
    """Refuse what is neither `"balanced"`, `"none"` nor a list of positive numbers."""
    if value in (None, NONE, "balanced"):
        return None if value == NONE else value
    is_list = isinstance(value, list) and len(value) > 1
    if not is_list or not all(type(one) in (int, float) and 1e-30 <= one <= 1e30 for one in value):
        raise ValueError(
            f"{show(value)} must be 'balanced', 'none', or a list with a positive number for each "
            "class, as in [1.0, 5.0]"
        )
    return [float(one) for one in value]


ClassWeights = Annotated[
    Any,
    PlainValidator(check_class_weights),
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": ["balanced", NONE]},
                {
                    "type": "array",
                    "minItems": 2,
                    "items": {"type": "number", "exclusiveMinimum": 0},
                },
            ]
        }
    ),
]


class Clip(Settings):
    """Limits of the gradient, with that of the penalty; by value first where both are given.

    No value of it is larger than `value`, and its Euclidean norm over all weights and biases of a
    run is not larger than `norm`.
    """

    value: Positive | None = None
    norm: Positive | None = None

    def _explain_limits(self) -> str:
        is_without = self.value is None and self.norm is None
        return "clip needs a limit: value, norm or both" if is_without else ""

    RULES = (_explain_limits,)


class InjectedNoise(Settings):
    """Noise put in while training; each place is without noise unless named."""

    data: Annotated[Annotated[InjectionSettings, DATA_NOISES] | None, ABSENT_BY_WORD] = None
    weights: Annotated[Annotated[InjectionSettings, WEIGHT_NOISES] | None, ABSENT_BY_WORD] = None
    learning_rate: Annotated[Annotated[InjectionSettings, RATE_NOISES] | None, ABSENT_BY_WORD] = (
        None
    )

    @property
    def on_features(self) -> bool:
        """Whether there is noise on the features."""
        return self.data is not None and self.data.on_features

    @property
    def on_targets(self) -> bool:
        """Whether there is noise on the targets."""
        return self.data is not None and not self.data.on_features

    @property
    def kinds(self) -> list[InjectionSettings]:
        """All noise that there is, in the order in which it strikes."""
        return [one for one in (self.data, self.weights, self.learning_rate) if one is not None]


def _refuse_twins(schedules: list[ScheduleSettings]) -> list[ScheduleSettings]:
    return refuse_twins(schedules, [one.kind for one in schedules], "schedule")


Schedule = Annotated[ScheduleSettings, SCHEDULES]
Schedules = Annotated[list[Schedule], Field(min_length=1), AfterValidator(_refuse_twins)]
SCHEDULE = Either(Schedule, Schedules, lambda value: isinstance(value, list))


class Recipe(Settings):
    """All choices of one training run: `steps`, or `epochs` with `batch_size`."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {"required": ["steps"], "properties": {"epochs": False, "batch_size": False}},
                {"required": ["epochs", "batch_size"], "properties": {"steps": False}},
            ]
        }
    )

    loss: Annotated[AnyLossSettings, LOSSES]
    optimizer: Annotated[OptimizerSettings, OPTIMIZERS]
    schedule: Annotated[ScheduleSettings | list[ScheduleSettings], SCHEDULE] = Field(
        default=constant_rate(), description="The factors of several schedules are multiplied."
    )
    stopping: Annotated[Stopping | None, ABSENT_BY_WORD] = None
    init: Annotated[InitSettings, INITS] = constant_start()
    average: Annotated[AverageSettings, AVERAGES] = Field(
        default=none(),
        description="What the run ends with: its last parameters, or a mean on the way.",
    )
    steps: Count | None = None
    epochs: Count | None = None
    batch_size: Count | None = None
    validation: Annotated[Share | None, ABSENT_BY_WORD] = None
    noise: InjectedNoise = InjectedNoise()
    penalty: Penalty = Penalty()
    class_weights: ClassWeights = Field(
        default=None,
        description="What the loss of each row is multiplied by, for each class in their order; "
        "'balanced': number of rows over number of classes over rows of the class, among the "
        "training rows that are not held out. Classes only.",
    )
    clip: Annotated[Clip | None, ABSENT_BY_WORD] = None
    features: Features = UNMAPPED
    standardise: bool = Field(
        default=False,
        description="Train on targets minus their mean over their standard deviation (of the "
        "training rows). Start, learning rate, penalty, noise on the targets and the lengths of "
        "the loss are then in standard deviations, and so are losses; parameters and metrics are "
        "in target units. Numbers only.",
    )

    @property
    def schedules(self) -> list[ScheduleSettings]:
        """All schedules, whose factors are multiplied."""
        return self.schedule if isinstance(self.schedule, list) else [self.schedule]

    @property
    def length(self) -> int:
        """The most steps, or epochs, that a run takes."""
        return self.steps or self.epochs or 0

    @property
    def is_evaluated(self) -> bool:
        """Whether all parts of the data are predicted after each epoch (before each step).

        Runs of numbers that take steps on all rows, without validation rows, are not.
        """
        return self.steps is None or self.loss.on_classes or self.validation is not None

    @property
    def course(self) -> "Recipe":
        """What the recipe has in common with those whose runs take the same steps.

        They may differ in whether they end with the mean of the last epoch, and in their length:
        runs of one course and seed take the same steps as far as they go. A schedule that depends
        on the length makes recipes of different lengths take different steps. A mean that is made
        on the way is part of the course.
        """
        update: dict[str, Any] = {} if self.average.is_running else {"average": none()}
        if not any(one.needs_length for one in (*self.schedules, self.average)):
            update["epochs" if self.epochs else "steps"] = 1
        return self.model_copy(update=update)

    @property
    def lowers_by(self) -> float:
        """The factor on the rate where a schedule acts on stalls."""
        return next((one.lowers_by for one in self.schedules if one.on_stalls), 0.5)

    @property
    def restores_best(self) -> bool:
        """Whether the run ends with the parameters that were best by what stopping monitors."""
        return self.stopping is not None and self.stopping.restore_best

    @property
    def monitors(self) -> dict[str, str]:
        """What stopping and the schedule watch, by the place of the setting."""
        on_stalls = (("schedule", one) for one in self.schedules if one.on_stalls)
        watching = (("stopping", self.stopping), *on_stalls)
        return {f"{place}.monitor": getattr(one, "monitor", LOSS) for place, one in watching if one}

    @property
    def may_end_early(self) -> bool:
        """Whether the run may be complete before its length is over; any run may diverge."""
        return self.stopping is not None or any(one.on_stalls for one in self.schedules)

    def _explain_lack_of_curvature(self) -> str:
        """Say why the optimizer finds no curvature to divide by, if it needs any."""
        if not self.optimizer.needs_curvature:
            return ""
        name = f"optimizer = {self.optimizer.kind!r}"
        if self.loss.on_classes:
            return f"{name} is for targets that are numbers: use another optimizer"
        if self.epochs is not None:
            return f"{name} needs all rows at each step: use steps, not epochs and batch_size"
        if not self.loss.is_curved:
            return (
                f"{name} divides by the curvature, and loss = {self.loss.kind!r} has none: use a "
                "loss such as 'mse' or 'huber', or another optimizer"
            )
        if not self.loss.is_convex:
            return (
                f"{name} divides by the curvature, which is below 0 for large residuals of loss = "
                f"{self.loss.kind!r}: it would walk uphill there. Use a loss such as 'huber' or "
                "'log_cosh', or another optimizer"
            )
        if self.penalty.on_sizes:
            return (
                f"{name} divides by the curvature, and a penalty on absolute weights has none: use "
                "penalty.l2"
            )
        return ""

    def _explain_length(self) -> str:
        if self.steps is None and self.epochs is None:
            return "a recipe needs steps (full batch), or epochs with batch_size"
        if self.steps is not None and self.epochs is not None:
            return "steps (full batch) and epochs do not go together: leave one of them out"
        if (self.epochs is None) != (self.batch_size is None):
            return "epochs and batch_size go together"
        return ""

    def _explain_rate(self) -> str:
        rate = self.optimizer.learning_rate
        for schedule in self.schedules:
            if rate < schedule.lowest_rate:
                return (
                    f"optimizer.learning_rate = {rate:g} is below schedule.floor = "
                    f"{schedule.lowest_rate:g}: the run would end at once"
                )
        return ""

    def _explain_schedules(self) -> str:
        on_stalls = [one for one in self.schedules if one.on_stalls]
        if len(on_stalls) > 1:
            names = " and ".join(repr(one.kind) for one in on_stalls)
            return f"schedule lists {names}, which both act on stalls: list one of them"
        return ""

    def _explain_monitors(self) -> str:
        for name, monitor in self.monitors.items():
            if monitor != LOSS and self.validation is None:
                return f"{name} = {monitor!r} needs validation rows: set validation"
        return ""

    def _explain_proximal(self) -> str:
        if self.penalty.proximal and not self.optimizer.is_gradient_step:
            return (
                f"penalty.proximal = true, but optimizer = {self.optimizer.kind!r} with these "
                "settings does not step along the gradient by its learning rate, so its proximal "
                "step is not defined: use 'sgd' without momentum"
            )
        if self.penalty.proximal and self.clip:
            return (
                "penalty.proximal = true does not go with clip: a clipped gradient meets the whole "
                "proximal step, which is another penalty; leave one of them out"
            )
        return ""

    def _explain_average(self) -> str:
        average = self.average.kind
        if not self.average.is_last and self.restores_best:
            return (
                f"average = {average!r} and stopping.restore_best = true both say what the "
                "run ends with: choose one of them"
            )
        if self.average.needs_length and self.may_end_early:
            return (
                f"average = {average!r} needs to know how long the run is, and stopping or the "
                "schedule may end it early: leave them out, or average by 'last_epoch' or 'ema'"
            )
        return ""

    RULES = (
        _explain_lack_of_curvature, _explain_length, _explain_rate, _explain_schedules,
        _explain_monitors, _explain_proximal, _explain_average,
    )  # fmt: skip
