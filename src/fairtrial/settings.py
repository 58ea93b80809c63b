"""The settings of tasks and recipes, each with its rule: the words a study file may use.

The settings are frozen Pydantic models, so the same rules hold for studies written in TOML and for
studies built in Python. Numbers carry their units in the docstrings.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator


class Settings(BaseModel):
    """Base of all settings: frozen, strict about types, no unknown keys, finite numbers only."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    def __hash__(self) -> int:
        # Pydantic's own refuses lists, and a task that holds one is still a key of tables of runs.
        values = vars(self).values()
        return hash(tuple(tuple(value) if isinstance(value, list) else value for value in values))


def _check_range(value: float) -> float:
    """Refuse what float32, in which training runs, would make 0 or infinite."""
    if value and not 1e-30 <= abs(value) <= 1e30:
        raise ValueError(f"{value:g} must be 1e-30 to 1e30 in size, as training is in float32")
    return value


# What the schema of study files says of `_check_range`.
_MOST: Any = {"maximum": 1e30}

Number = Annotated[
    float, Field(json_schema_extra={"minimum": -1e30} | _MOST), AfterValidator(_check_range)
]
Positive = Annotated[
    float, Field(gt=0, json_schema_extra={"minimum": 1e-30} | _MOST), AfterValidator(_check_range)
]
NonNegative = Annotated[float, Field(ge=0, json_schema_extra=_MOST), AfterValidator(_check_range)]
Share = Annotated[float, Field(gt=0, lt=1)]
Rows = Annotated[int, Field(ge=2, lt=2**31)]
Decay = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(ge=1, lt=2**31)]


def _expand_bare_name(value: object) -> object:
    """Write `"mse"` as `{"kind": "mse"}`: a kind without settings may be its bare name."""
    return {"kind": value} if isinstance(value, str) else value


# ---------------------------------------------------------------------------------------- tasks


class NormalNoise(Settings):
    """Gaussian noise; `scale` is its standard deviation, in target units."""

    kind: Literal["normal"] = "normal"
    scale: NonNegative = 1.0


class UniformNoise(Settings):
    """Uniform noise on [-scale, scale], in target units."""

    kind: Literal["uniform"] = "uniform"
    scale: NonNegative = 1.0


class LaplaceNoise(Settings):
    """Laplace noise with density exp(-|e| / scale) / (2 scale), in target units."""

    kind: Literal["laplace"] = "laplace"
    scale: NonNegative = 1.0


class StudentTNoise(Settings):
    """Student's t noise with `degrees_of_freedom`, times `scale`, in target units."""

    kind: Literal["student_t"] = "student_t"
    scale: NonNegative = 1.0
    degrees_of_freedom: Positive = 3.0


class ContaminatedNoise(Settings):
    """Gaussian noise, a `share` of which is `factor` times as wide (Tukey's contamination)."""

    kind: Literal["contaminated"] = "contaminated"
    scale: NonNegative = 1.0
    share: Share = 0.1
    factor: Positive = 10.0


class CompressedNormalNoise(Settings):
    """`sign(n) log(1 + |n|)` of a standard normal n, times `scale`: lighter-tailed than normal."""

    kind: Literal["compressed_normal"] = "compressed_normal"
    scale: NonNegative = 1.0


TaskNoise = Annotated[
    NormalNoise
    | UniformNoise
    | LaplaceNoise
    | StudentTNoise
    | ContaminatedNoise
    | CompressedNormalNoise,
    Field(discriminator="kind"),
    BeforeValidator(_expand_bare_name),
]


class LineTask(Settings):
    """A line with noise: `y = slope x + intercept + noise`, `x` standard normal."""

    kind: Literal["line"]
    slope: Number = 3.0
    intercept: Number = 2.0
    rows: Rows = 10_000
    test_rows: Rows = 10_000
    noise: TaskNoise = NormalNoise()


class LinearTask(Settings):
    """Linear data with noise: `y = X weights + intercept + noise`, features standard normal.

    Any two features have the given `correlation`. Weights that are not given are standard normal,
    drawn anew for each seed.
    """

    kind: Literal["linear"]
    features: Count = 10
    weights: Annotated[list[Number], Field(min_length=1)] | None = None
    intercept: Number = 0.0
    correlation: Annotated[float, Field(ge=0, lt=1)] = 0.0
    rows: Rows = 10_000
    test_rows: Rows = 10_000
    noise: TaskNoise = NormalNoise()

    @model_validator(mode="after")
    def _check_weights(self) -> LinearTask:
        if self.weights is not None and len(self.weights) != self.features:
            raise ValueError(
                f"weights has {len(self.weights)} numbers, but features = {self.features}"
            )
        return self


class FashionMnistTask(Settings):
    """Fashion-MNIST: 60,000 training and 10,000 test images of 28 x 28 pixels, ten classes."""

    kind: Literal["fashion_mnist"]


class DigitsTask(Settings):
    """scikit-learn's digits: 1,797 images of 8 x 8 pixels, ten classes."""

    kind: Literal["digits"]


class TableTask(Settings):
    """A CSV or Parquet file: `target` from all other columns but those in `exclude`.

    Columns in `categorical` name categories, the others hold numbers. `path` is taken from the
    folder of the study file, or from the working directory where there is none. `test` is the share
    of rows that are held out as test rows.
    """

    kind: Literal["table"]
    path: Annotated[str, Field(min_length=1)]
    target: str
    problem: Literal["regression", "classification"]
    categorical: list[str] = []
    exclude: list[str] = []
    missing: Literal["refuse", "drop", "impute"] = "refuse"
    test: Share = 0.2

    @model_validator(mode="after")
    def _check_columns(self) -> TableTask:
        named = [self.target, *self.categorical, *self.exclude]
        for name in named:
            if named.count(name) > 1:
                raise ValueError(
                    f"{name!r} is named twice in target, categorical and exclude: once is enough"
                )
        return self


AnyTask = LineTask | LinearTask | FashionMnistTask | DigitsTask | TableTask
Task = Annotated[
    AnyTask,
    Field(discriminator="kind"),
    BeforeValidator(_expand_bare_name),
]


def has_classes(task: AnyTask) -> bool:
    """Say whether the targets of a task are classes, to be trained in batches; else numbers."""
    if isinstance(task, TableTask):
        return task.problem == "classification"
    return isinstance(task, FashionMnistTask | DigitsTask)


# --------------------------------------------------------------------------------------- recipes


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
    BeforeValidator(_expand_bare_name),
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
    Sgd | Adam | RmsProp, Field(discriminator="kind"), BeforeValidator(_expand_bare_name)
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


Schedule = Annotated[
    ConstantRate | HalveOnPlateau,
    Field(discriminator="kind"),
    BeforeValidator(_expand_bare_name),
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
    NormalInit | ConstantInit, Field(discriminator="kind"), BeforeValidator(_expand_bare_name)
]


class DataNoise(Settings):
    """Every `every` steps a fresh normal vector on the targets, in place of the one before.

    Its standard deviation is drawn from U(low, high), in target units.
    """

    every: Count = 500
    low: NonNegative = 0.5
    high: NonNegative = 2.0

    @model_validator(mode="after")
    def _check_order(self) -> DataNoise:
        return _check_low_high(self)


class WeightNoise(Settings):
    """Every `every` steps a draw from N(0, scale) added to each weight and bias."""

    every: Count = 500
    scale: NonNegative = 0.05


class RateNoise(Settings):
    """Every `every` steps the learning rate is multiplied by a draw from U(low, high)."""

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

    data: DataNoise | None = None
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
    steps: Count | None = None
    epochs: Count | None = None
    batch_size: Count | None = None
    validation: Share | None = None
    noise: InjectedNoise = InjectedNoise()
    penalty: Penalty = Penalty()

    @property
    def length(self) -> int:
        """The most steps, or epochs, that a run takes."""
        return self.steps or self.epochs or 0

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
        return self
