"""Recipes: all choices of one training run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Discriminator, Field, Tag, model_validator

from fairtrial.settings.base import (
    Count,
    Decay,
    NonNegative,
    Number,
    Positive,
    Settings,
    Share,
    expand_bare_name,
)
from fairtrial.study.features import AS_THEY_COME, Features


class MseLoss(Settings):
    """Mean squared error."""

    kind: Literal["mse"]


class MaeLoss(Settings):
    """Mean absolute error."""

    kind: Literal["mae"]


class HuberLoss(Settings):
    """Huber's loss: quadratic within `delta` (target units), linear beyond."""

    kind: Literal["huber"]
    delta: Positive = 1.0


class HybridLoss(Settings):
    """`alpha` MSE + (1 - `alpha`) MAE."""

    kind: Literal["hybrid"]
    alpha: Annotated[float, Field(ge=0, le=1)] = 0.5


class CrossEntropyLoss(Settings):
    """Mean softmax cross-entropy, in nats."""

    kind: Literal["cross_entropy"]


Loss = Annotated[
    MseLoss | MaeLoss | HuberLoss | HybridLoss | CrossEntropyLoss,
    Field(discriminator="kind"),
    BeforeValidator(expand_bare_name),
]


class Sgd(Settings):
    """Gradient descent with heavy-ball momentum (none by default)."""

    kind: Literal["sgd"]
    learning_rate: Positive = 0.01
    momentum: Decay = 0.0


class Adam(Settings):
    """Adam (Kingma and Ba 2015)."""

    kind: Literal["adam"]
    learning_rate: Positive = 0.001
    beta1: Decay = 0.9
    beta2: Decay = 0.999
    epsilon: Positive = 1e-7


class RmsProp(Settings):
    """RMSProp (Tieleman and Hinton 2012), not centred, without momentum."""

    kind: Literal["rmsprop"]
    learning_rate: Positive = 0.001
    rho: Decay = 0.9
    epsilon: Positive = 1e-7


Optimizer = Annotated[
    Sgd | Adam | RmsProp, Field(discriminator="kind"), BeforeValidator(expand_bare_name)
]


class ConstantRate(Settings):
    """The learning rate stays what the optimizer says."""

    kind: Literal["constant"] = "constant"


class HalveOnPlateau(Settings):
    """Halve the learning rate after `patience` steps without a new lowest training loss.

    The run ends (`rate_floor`) once the rate is below `floor`.
    """

    kind: Literal["halve_on_plateau"]
    patience: Count = 100
    floor: Positive = 1e-6


class LinearDecay(Settings):
    """The learning rate falls step by step in a straight line: to 0 as the run's length is over."""

    kind: Literal["linear"]


class CosineDecay(Settings):
    """The learning rate falls step by step along half a cosine (Loshchilov and Hutter 2017)."""

    kind: Literal["cosine"]


Schedule = Annotated[
    ConstantRate | HalveOnPlateau | LinearDecay | CosineDecay,
    Field(discriminator="kind"),
    BeforeValidator(expand_bare_name),
]


class Stopping(Settings):
    """End the run after `patience` steps (epochs) without a new best of what `monitor` names.

    There is one stall count of the training loss: where a schedule acts on it too, a halving starts
    it anew. The validation metrics have a count of their own. With `restore_best` the run ends with
    the parameters that were best by `monitor`, whatever ends it.
    """

    patience: Count = 100
    monitor: Literal["loss", "validation_cross_entropy", "validation_accuracy"] = "loss"
    restore_best: bool = False


class Penalty(Settings):
    """Added to the loss: `l2` times the sum of squared weights, `l1` times that of absolute ones.

    On weights, never on biases.
    """

    l2: NonNegative = 0.0
    l1: NonNegative = 0.0


class NormalInit(Settings):
    """Weights from N(0, scale), biases from N(0, bias_scale); both are standard deviations."""

    kind: Literal["normal"]
    scale: NonNegative = 1.0
    bias_scale: NonNegative | None = Field(None, description="Absent: the same as scale.")


class ConstantInit(Settings):
    """All weights and biases start at `value`."""

    kind: Literal["constant"] = "constant"
    value: Number = 0.0


Init = Annotated[
    NormalInit | ConstantInit, Field(discriminator="kind"), BeforeValidator(expand_bare_name)
]


class DataNoise(Settings):
    """For numbers: every `every` steps a fresh normal vector on the targets, in place of the last.

    Its standard deviation is drawn from U(low, high), in target units.
    """

    every: Count = 500
    low: NonNegative = 0.5
    high: NonNegative = 2.0

    @model_validator(mode="after")
    def _check_order(self) -> DataNoise:
        return _check_low_high(self)


class FeatureNoise(Settings):
    """For classes: fresh Gaussian noise on the features of every batch.

    `scale` is its standard deviation, in units of the features as the model sees them: pixels are
    from 0 to 1.
    """

    scale: NonNegative


def _choose_data_noise(value: object) -> str:
    has_scale = isinstance(value, Mapping) and "scale" in value
    return "FeatureNoise" if has_scale or isinstance(value, FeatureNoise) else "DataNoise"


AnyDataNoise = Annotated[
    Annotated[DataNoise, Tag("DataNoise")] | Annotated[FeatureNoise, Tag("FeatureNoise")],
    Discriminator(_choose_data_noise),
]


class WeightNoise(Settings):
    """Every `every` steps (batches) a draw from N(0, scale) added to each weight and bias."""

    every: Count = 500
    scale: NonNegative = 0.05


class RateNoise(Settings):
    """Every `every` steps (batches) the learning rate is multiplied by a draw from U(low, high)."""

    every: Count = 200
    low: Positive = 0.9
    high: Positive = 1.1

    @model_validator(mode="after")
    def _check_order(self) -> RateNoise:
        return _check_low_high(self)


def _check_low_high(settings: Any) -> Any:
    if settings.low > settings.high:
        raise ValueError(f"low ({settings.low:g}) must not be above high ({settings.high:g})")
    return settings


class InjectedNoise(Settings):
    """Noise put in while training; each kind is absent unless named."""

    data: AnyDataNoise | None = None
    weights: WeightNoise | None = None
    learning_rate: RateNoise | None = None


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

    loss: Loss
    optimizer: Optimizer
    schedule: Schedule = ConstantRate()
    stopping: Stopping | None = None
    init: Init = ConstantInit()
    average: Literal["none", "last_epoch"] = Field(
        default="none",
        description="What the run ends with: its last parameters, or the mean of those after each "
        "batch of its last epoch (full batch: after each of its last tenth of steps, at least 20).",
    )
    steps: Count | None = None
    epochs: Count | None = None
    batch_size: Count | None = None
    validation: Share | None = None
    noise: InjectedNoise = InjectedNoise()
    penalty: Penalty = Penalty()
    features: Features = AS_THEY_COME

    @property
    def length(self) -> int:
        """The most steps, or epochs, that a run takes."""
        return self.steps or self.epochs or 0

    @property
    def course(self) -> Recipe:
        """What the recipe has in common with those whose runs take the same steps.

        They may differ in what they end with (`average`) and in their length: runs of one course
        and seed take the same steps as far as they go. A schedule that depends on the length makes
        recipes of different lengths take different steps.
        """
        update: dict[str, Any] = {"average": "none"}
        if isinstance(self.schedule, ConstantRate | HalveOnPlateau):
            update["epochs" if self.epochs else "steps"] = 1
        return self.model_copy(update=update)

    @property
    def restores_best(self) -> bool:
        """Whether the run ends with the parameters that were best by what stopping monitors."""
        return self.stopping is not None and self.stopping.restore_best

    @property
    def may_end_early(self) -> bool:
        """Whether the run may be complete before its length is over; any run may diverge."""
        return self.stopping is not None or isinstance(self.schedule, HalveOnPlateau)

    @model_validator(mode="after")
    def _check_length(self) -> Recipe:
        if (self.steps is None) == (self.epochs is None):
            raise ValueError(
                "a recipe needs either steps (full batch) or epochs with batch_size, not both"
            )
        if (self.epochs is None) != (self.batch_size is None):
            raise ValueError("epochs and batch_size go together")
        rate = self.optimizer.learning_rate
        if isinstance(self.schedule, HalveOnPlateau) and rate < self.schedule.floor:
            raise ValueError(
                f"optimizer.learning_rate = {rate:g} is below schedule.floor = "
                f"{self.schedule.floor:g}: the run would end at once"
            )
        monitor = self.stopping.monitor if self.stopping else "loss"
        if monitor != "loss" and self.validation is None:
            raise ValueError(
                f"stopping.monitor = {monitor!r} needs validation rows: set validation"
            )
        if self.average != "none" and self.restores_best:
            raise ValueError(
                f"average = {self.average!r} and stopping.restore_best = true both say what the "
                "run ends with: choose one of them"
            )
        return self
